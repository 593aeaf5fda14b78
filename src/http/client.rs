//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use ipnet::IpNet;
use uuid::Uuid;

use crate::access::Origin;
use crate::access::caller::Way;

/// The id of a request, which its answer carries in `x-request-id`.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(pub Uuid);

/// The longest description of a client that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// Where the request comes from, as far as `trusted` proxies can be believed.
pub fn origin(parts: &Parts, trusted: &[IpNet]) -> Origin {
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let found = address(parts, trusted);
    Origin {
        address: found.map(|(address, _)| address),
        way: found.map(|(_, way)| way).unwrap_or_default(),
        request: parts.extensions.get::<RequestId>().map(|id| id.0),
        user_agent: user_agent.map(|text| text.chars().take(MAX_USER_AGENT).collect()),
    }
}

/// The client's address, as far as `trusted` proxies can be believed, and how the request came here.
pub fn address(parts: &Parts, trusted: &[IpNet]) -> Option<(IpAddr, Way)> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    peer.map(|peer| client_address(peer, &parts.headers, trusted))
}

/// What proxies add to a request, besides `X-Forwarded-For`.
const MARKS_OF_PROXIES: [&str; 6] =
    ["forwarded", "via", "x-real-ip", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"];

/// The rightmost address of `X-Forwarded-For` that is no trusted proxy, and whether the way from there is
/// known. Each trusted hop vouches for the address that it wrote; what stands further left anybody could
/// have sent.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> (IpAddr, Way) {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let client = peer.to_canonical();
    let forwarded: Vec<_> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    if !is_trusted(&client) {
        let is_marked = MARKS_OF_PROXIES.iter().any(|name| headers.contains_key(*name));
        let way = if forwarded.is_empty() && !is_marked { Way::Direct } else { Way::Unknown };
        return (client, way);
    }
    let mut hops = forwarded.iter().flat_map(|value| value.split(|byte| *byte == b',')).rev();
    let mut last_hop = client;
    while let Some(hop) = hops.next() {
        let Some(address) = std::str::from_utf8(hop).ok().and_then(|hop| parse_hop(hop.trim())) else {
            break;
        };
        let address = address.to_canonical();
        if !is_trusted(&address) {
            // something further left means that there was a proxy more, which nobody vouches for
            let way = if hops.next().is_none() { Way::Trusted } else { Way::Unknown };
            return (address, way);
        }
        if last_hop == client {
            last_hop = address;
        }
    }
    // trusted proxies that do not say for whom they speak: what the nearest wrote is sure
    (last_hop, Way::Unknown)
}

/// An address as proxies write it: alone, or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().map(|hop| hop.ip());
    hop.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let value = HeaderValue::from_bytes(&value.chars().map(|c| c as u8).collect::<Vec<_>>()).unwrap();
            headers.append("x-forwarded-for", value);
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let (address, way) = client_address(peer.parse().unwrap(), &headers, &trusted);
        format!("{address} {way:?}")
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"], &[]), "198.51.100.7 Unknown");
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"], &["10.0.0.0/8"]), "198.51.100.7 Unknown");
        assert_eq!(seen("198.51.100.7", &[], &["10.0.0.0/8"]), "198.51.100.7 Direct");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], &["10.0.0.0/8"]), "203.0.113.9 Trusted");
        assert_eq!(
            seen("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], &["10.0.0.0/8"]),
            "203.0.113.9 Unknown"
        );
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 10.0.0.2"], &["10.0.0.0/8"]), "203.0.113.9 Trusted");
        assert_eq!(seen("10.0.0.1", &["10.9.9.9, 10.0.0.2"], &["10.0.0.0/8"]), "10.0.0.2 Unknown");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "203.0.113.9"], &["10.0.0.0/8"]), "203.0.113.9 Unknown");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, nonsense"], &["10.0.0.0/8"]), "10.0.0.1 Unknown");
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1 Unknown");
        assert_eq!(seen("10.0.0.1", &["\u{ff}, 203.0.113.9"], &["10.0.0.0/8"]), "203.0.113.9 Unknown");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9:4711"], &["10.0.0.0/8"]), "203.0.113.9 Trusted");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::9]:4711"], &["10.0.0.0/8"]), "2001:db8::9 Trusted");
        assert_eq!(seen("::ffff:10.0.0.1", &["::ffff:203.0.113.9"], &["10.0.0.0/8"]), "203.0.113.9 Trusted");
    }
}
