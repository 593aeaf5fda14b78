//! The rules for an address that somebody who is not the operator names.

use url::{Host, Url};

use super::network::{Networks, Way};

/// The ports where the public internet speaks https.
const WEB_PORTS: [u16; 2] = [443, 8443];

/// The longest address, in bytes.
const MAX_LENGTH: usize = 2000;

/// Names that mean something inside of one network only.
const LOCAL_NAMES: [&str; 5] = ["localhost", "local", "internal", "localdomain", "home.arpa"];

/// What is said where an address may not be called.
pub const NOT_ALLOWED: &str =
    "The address leads into a network that this server may not call (INTEGRATION_ALLOWED_NETWORKS)";

/// What is said where there is no answer by a name, whatever the reason.
pub const NONE_BY_NAME: &str = "Nobody answers by the name in the address, or it leads into a network that this server \
    may not call (INTEGRATION_ALLOWED_NETWORKS)";

/// The address that a text is, where everything at it may be called. It is the parsed address that is
/// judged: `http://2130706433` is one way of many to write `http://127.0.0.1`.
pub(super) fn base(text: &str, networks: &Networks) -> Result<Url, &'static str> {
    if text.len() > MAX_LENGTH {
        return Err("The address must be at most 2000 bytes long");
    }
    let url =
        Url::parse(text).map_err(|_| "The address must be a URL such as https://example.atlassian.net")?;
    // in its own spelling it may be longer than as it was sent
    if url.as_str().len() > MAX_LENGTH {
        return Err("The address must be at most 2000 bytes long, with what is not ASCII written as %XX");
    }
    if url.query().is_some() {
        return Err("The address must not have a query (?)");
    }
    way(&url, networks).map(|_| url)
}

/// How an address is called, where it may be as far as can be seen: a name is judged when it is called.
pub(super) fn way(url: &Url, networks: &Networks) -> Result<Way, &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("The address must begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("The address must not hold a user name or a password");
    }
    if url.fragment().is_some() {
        return Err("The address must not have a fragment (#)");
    }
    let at_web_port = url.port_or_known_default().is_some_and(|port| WEB_PORTS.contains(&port));
    let way = match url.scheme() {
        "https" if at_web_port => Way::Public,
        _ => Way::Inside,
    };
    let address = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(name)) => return named(name, networks).and_then(|()| usual(url, way, networks)),
        None => return Err("The address must have a host"),
    };
    if networks.permit(address, way) {
        return Ok(way);
    }
    // where it is the way that is wrong, that is what helps
    if networks.permit(address, Way::Public) {
        usual(url, way, &Networks::default())?;
    }
    Err(NOT_ALLOWED)
}

/// Without networks of the operator's there is one way only.
fn usual(url: &Url, way: Way, networks: &Networks) -> Result<Way, &'static str> {
    match way {
        Way::Inside if networks.0.is_empty() && url.scheme() == "http" => {
            Err("The address must begin with https://")
        }
        Way::Inside if networks.0.is_empty() => Err("The port must be 443 or 8443"),
        way => Ok(way),
    }
}

fn named(name: &str, networks: &Networks) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("The address must have a host");
    }
    if name.ends_with('.') {
        return Err("The host must not end in a dot");
    }
    let is_below =
        |local: &&str| name.strip_suffix(*local).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    if networks.0.is_empty() && LOCAL_NAMES.iter().any(is_below) {
        return Err(NOT_ALLOWED);
    }
    Ok(())
}
