//! Addresses of products: what is taken leads to the public internet or into the networks that are allowed,
//! in the one spelling that is called, and a path stays below it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use ttscm::integration::check_path;
use ttscm::outgoing::{Bounds, Guard, Lookup, SystemLookup};
use url::{Host, Url};

static PUBLIC: LazyLock<Guard> = LazyLock::new(|| guard(&[]));
static EVERYWHERE: LazyLock<Guard> = LazyLock::new(|| guard(&["0.0.0.0/0", "::/0"]));

fn guard(allowed: &[&str]) -> Guard {
    let allowed = allowed.iter().map(|network| network.parse().expect("a network")).collect();
    let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
    Guard::new(allowed, Bounds::default(), &lookup).expect("a guard")
}

/// An address, which is a path too.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for guard in [&*PUBLIC, &*EVERYWHERE] {
        let Ok(url) = guard.check([], text) else { continue };
        assert_eq!(guard.check([], url.as_str()).ok().as_ref(), Some(&url), "{text:?}");
        assert!(matches!(url.scheme(), "http" | "https"), "{url}");
        assert_eq!((url.username(), url.password(), url.query(), url.fragment()), ("", None, None, None));
        assert!(!leads_to_metadata(&url), "{url}");
    }
    if let Ok(url) = PUBLIC.check([], text) {
        assert_eq!(url.scheme(), "https");
        assert!(matches!(url.port_or_known_default(), Some(443 | 8443)), "{url}");
        assert!(!leads_inside(&url), "{url}");
    }
    if check_path(text).is_ok() {
        stays_below(text);
    }
}

fn leads_to_metadata(url: &Url) -> bool {
    let metadata = Ipv4Addr::new(169, 254, 169, 254);
    match url.host() {
        Some(Host::Ipv4(address)) => address == metadata,
        Some(Host::Ipv6(address)) => address.to_ipv4() == Some(metadata) || last_four(address) == metadata,
        _ => false,
    }
}

/// The address that a translator of the well-known prefix reaches.
fn last_four(address: Ipv6Addr) -> Ipv4Addr {
    let is_translated = address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let [.., a, b, c, d] = address.octets();
    if is_translated { Ipv4Addr::new(a, b, c, d) } else { Ipv4Addr::new(1, 1, 1, 1) }
}

fn leads_inside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_internal(address.into()),
        Some(Host::Ipv6(address)) => is_internal(address.into()) || is_internal(last_four(address).into()),
        Some(Host::Domain(name)) => {
            let name = name.to_lowercase();
            name == "localhost" || [".localhost", ".local", ".internal"].iter().any(|end| name.ends_with(end))
        }
        None => true,
    }
}

fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            let is_benchmark = first == 198 && (18..20).contains(&second);
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation()
                || address.is_multicast()
                || is_shared
                || is_benchmark
                || matches!(first, 0 | 240..)
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    }
}

/// Joined to a base URL as it is, the path leads nowhere else, also where a server reads it once more.
fn stays_below(path: &str) {
    let url = Url::parse(&format!("https://product.example/base{path}")).expect("a URL");
    assert_eq!(url.origin(), Url::parse("https://product.example").expect("a URL").origin());
    assert_eq!((url.query(), url.fragment(), url.username()), (None, None, ""));
    assert!(url.path().starts_with("/base/"), "{url}");
    let decoded = url.path().to_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    assert!(!decoded.split('/').any(|segment| matches!(segment, "." | "..")), "{url}");
}
