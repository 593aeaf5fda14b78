//! Sealed bytes: what was sealed opens in its place, and nothing else opens anywhere.

use std::sync::LazyLock;

use ttscm::vault::{MasterKey, Place, Ring};
use uuid::Uuid;
use zeroize::Zeroizing;

static MASTER: LazyLock<MasterKey> = LazyLock::new(|| MasterKey::new(Zeroizing::new([7; 32]), None));

static RING: LazyLock<Ring> = LazyLock::new(ring);

/// Nothing was ever sealed with it: the fuzzer tries bytes that it saw compared, sealed ones among them.
static UNUSED: LazyLock<Ring> = LazyLock::new(ring);

fn ring() -> Ring {
    let wrapped = MASTER.wrap_new(1).expect("a wrapped key");
    Ring::of_wrapped(&MASTER, [(1, wrapped)]).expect("a key ring")
}

/// Where a byte is changed, and how; then bytes that nobody sealed, and a text that is.
pub fn check(data: &[u8]) {
    let credential = Uuid::from_u128(1);
    let place = Place::Field { credential, field: "password" };
    assert!(UNUSED.check(place, data).is_err(), "bytes that nobody sealed");
    assert!(Ring::of_wrapped(&MASTER, [(1, data.to_vec())]).is_err(), "a key that nobody wrapped");
    let [at, change, rest @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let sealed = RING.seal(place, text.as_bytes()).expect("a sealed text");
    RING.check(place, &sealed).expect("it opens");
    let anew = RING.seal_anew(place, &sealed).expect("it is sealed anew");
    assert!(
        anew != sealed && RING.check(place, &anew).is_ok(),
        "it opens, and is sealed as nothing was before"
    );
    changed_bytes_do_not_open(place, &sealed, usize::from(*at), *change);
    for elsewhere in [
        Place::Field { credential, field: text },
        Place::Field { credential: Uuid::from_u128(2), field: "password" },
        Place::SignIn { id: credential, part: "password" },
        Place::Integration { id: credential, base_url: "password" },
    ] {
        let is_there =
            matches!(elsewhere, Place::Field { field: "password", credential: there } if there == credential);
        assert_eq!(RING.check(elsewhere, &sealed).is_ok(), is_there, "{elsewhere:?}");
    }
}

fn changed_bytes_do_not_open(place: Place<'_>, sealed: &[u8], at: usize, change: u8) {
    let at = at % sealed.len();
    let mut changed = sealed.to_vec();
    changed[at] ^= change;
    assert_eq!(RING.check(place, &changed).is_ok(), change == 0);
    assert!(RING.check(place, &sealed[..at]).is_err(), "cut off");
    assert!(RING.check(place, &[sealed, &[change]].concat()).is_err(), "longer");
}
