//! What must hold whatever is sent: one property for each kind of input that comes from outside. The targets
//! of the fuzzer look for an input that breaks one; the tests hold each against the inputs that are kept.

pub mod address;
pub mod callback;
pub mod connectwise;
pub mod credential_type;
pub mod cursor;
pub mod permission;
pub mod probe;
pub mod request;
pub mod sealed;
pub mod token;

/// An input as text in `N` parts, each on a line of its own but the last, which is the rest.
fn parts<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(data).ok()?;
    let mut lines = text.splitn(N, '\n');
    let parts = std::array::from_fn(|_| lines.next());
    parts.iter().all(Option::is_some).then(|| parts.map(Option::unwrap_or_default))
}
