//! Which addresses a server that somebody named may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// How a server is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// As the public internet is: by https, at a port of the web.
    Public,
    /// In another way, which is for the operator's own networks alone.
    Inside,
}

/// The networks that the operator allows besides the public internet.
#[derive(Debug, Clone, Default)]
pub(super) struct Networks(pub Vec<IpNet>);

impl Networks {
    /// Whether a server at this address may be called so. Where a cloud tells its machines their secrets
    /// is out of reach, whatever is allowed.
    pub fn permit(&self, address: IpAddr, way: Way) -> bool {
        !is_metadata(address) && (self.contain(address) || (way == Way::Public && is_public(address)))
    }

    fn contain(&self, address: IpAddr) -> bool {
        let meant = meant(address);
        self.0.iter().any(|network| network.contains(&address) || network.contains(&meant))
    }
}

const fn v4(address: [u8; 4], length: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(head: [u16; 6], length: u8) -> Ipv6Net {
    let [first, second, third, fourth, fifth, sixth] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, fourth, fifth, sixth, 0, 0), length)
}

/// What of IPv4 is not the public internet (IANA IPv4 Special-Purpose Address Registry, multicast and the
/// reserved end).
const INTERNAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The part of IPv6 that is given out; what is not in it is not the public internet (loopback, unique local,
/// link-local, site-local, multicast, discard).
const GIVEN_OUT_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0], 3);

/// What of that is not the public internet all the same: protocol assignments with Teredo among them,
/// documentation, 6to4.
const INTERNAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0x0db8, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0], 20),
];

const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff], 96);
const COMPATIBLE: Ipv6Net = v6([0, 0, 0, 0, 0, 0], 96);
const TRANSLATED: Ipv6Net = v6([0, 0, 0, 0, 0xffff, 0], 96);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0], 96);
const LOCAL_NAT64: Ipv6Net = v6([0x64, 0xff9b, 1, 0, 0, 0], 48);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0], 16);
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0], 32);

/// Where clouds tell machines about themselves, their keys included: AWS and most others (with the ones for
/// containers), Azure, Oracle, Alibaba; AWS and Google by IPv6.
const METADATA_V4: [Ipv4Net; 5] = [
    v4([169, 254, 169, 0], 24),
    v4([169, 254, 170, 0], 24),
    v4([168, 63, 129, 16], 32),
    v4([192, 0, 0, 192], 32),
    v4([100, 100, 100, 200], 32),
];
const METADATA_V6: [Ipv6Net; 2] = [v6([0xfd00, 0xec2, 0, 0, 0, 0], 96), v6([0xfd20, 0xce, 0, 0, 0, 0], 96)];

/// Whether it is an address of the public internet.
fn is_public(address: IpAddr) -> bool {
    match meant(address) {
        IpAddr::V4(address) => !INTERNAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GIVEN_OUT_V6.contains(&address) && !INTERNAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// Whether a cloud tells its machines their secrets there, however the address is wrapped.
fn is_metadata(address: IpAddr) -> bool {
    let known = |address: &Ipv4Addr| METADATA_V4.iter().any(|network| network.contains(address));
    match address {
        IpAddr::V4(address) => known(&address),
        IpAddr::V6(address) => {
            METADATA_V6.iter().any(|network| network.contains(&address)) || wrapped(address).iter().any(known)
        }
    }
}

/// The address that is reached: the machine itself, or a translator (RFC 6052), unwraps these.
fn meant(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(outer) if MAPPED.contains(&outer) || NAT64.contains(&outer) => {
            IpAddr::V4(at(&outer.octets(), [12, 13, 14, 15]))
        }
        other => other,
    }
}

fn at(octets: &[u8; 16], places: [usize; 4]) -> Ipv4Addr {
    Ipv4Addr::from(places.map(|place| octets[place]))
}

/// The IPv4 addresses that an IPv6 address may carry, by all the ways there are to carry one.
fn wrapped(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let last = [12, 13, 14, 15];
    if [MAPPED, COMPATIBLE, TRANSLATED, NAT64].iter().any(|network| network.contains(&address)) {
        vec![at(&octets, last)]
    } else if LOCAL_NAT64.contains(&address) {
        // RFC 6052 section 2.2: the length of the prefix is the operator's choice
        [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], last].map(|places| at(&octets, places)).to_vec()
    } else if SIX_TO_FOUR.contains(&address) {
        vec![at(&octets, [2, 3, 4, 5])]
    } else if TEREDO.contains(&address) {
        // RFC 4380 section 4: the client's address is written inverted
        vec![at(&octets, [4, 5, 6, 7]), at(&octets.map(|octet| !octet), last)]
    } else if matches!(octets[8..12], [0 | 2, 0, 0x5e, 0xfe]) {
        vec![at(&octets, last)]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(allowed: &[&str], address: &str, way: Way) -> bool {
        let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
        Networks(allowed).permit(address.parse().unwrap(), way)
    }

    /// The first and the last address of every range that is not the public internet, and what is just
    /// outside of it where that is public.
    const INTERNAL: [&str; 76] = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.0",
        "192.0.2.255",
        "192.88.99.0",
        "192.88.99.255",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.0",
        "198.51.100.255",
        "203.0.113.0",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:192.168.1.1",
        "::ffff:0.0.0.0",
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::192.168.0.1",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        "100::",
        "100::ffff:ffff:ffff:ffff",
        "100:0:0:1::1",
        "2001::",
        "2001::1",
        "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::",
        "2001:db8:ffff::1",
        "2002::",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:808:808::1",
        "2002:ffff:ffff::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fdff:ffff::1",
        "fe80::1",
        "febf:ffff::1",
        "fec0::1",
        "ff02::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];

    const PUBLIC: [&str; 30] = [
        "1.0.0.0",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2000::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "3ffe:ffff::1",
    ];

    #[test]
    fn what_is_not_the_public_internet_is_refused_by_default() {
        for address in INTERNAL {
            assert!(!permitted(&[], address, Way::Public), "{address}");
            assert!(!permitted(&[], address, Way::Inside), "{address}");
        }
        for address in PUBLIC {
            assert!(permitted(&[], address, Way::Public), "{address}");
            assert!(!permitted(&[], address, Way::Inside), "{address}: not in this way");
        }
    }

    #[test]
    fn what_the_operator_allows_may_be_called_in_any_way() {
        let allowed = ["10.20.0.0/16", "fd00:1::/64", "127.0.0.1/32", "203.0.113.7/32"];
        for address in [
            "10.20.0.1",
            "10.20.255.255",
            "::ffff:10.20.0.1",
            "64:ff9b::10.20.0.1",
            "fd00:1::7",
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "203.0.113.7",
        ] {
            assert!(permitted(&allowed, address, Way::Public), "{address}");
            assert!(permitted(&allowed, address, Way::Inside), "{address}");
        }
        for address in [
            "10.21.0.0",
            "10.19.255.255",
            "fd00:1:0:1::1",
            "127.0.0.2",
            "::1",
            "203.0.113.8",
            "::10.20.0.1",
            "2002:a14:1::",
            "::ffff:10.21.0.1",
        ] {
            assert!(!permitted(&allowed, address, Way::Public), "{address}");
            assert!(!permitted(&allowed, address, Way::Inside), "{address}");
        }
        assert!(!permitted(&allowed, "8.8.8.8", Way::Inside), "a public address, but not in this way");
    }

    #[test]
    fn where_a_cloud_tells_its_secrets_is_never_allowed() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "168.63.129.16",
            "192.0.0.192",
            "100.100.100.200",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b::168.63.129.16",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "2002:a9fe:a9fe::",
            "2002:6464:64c8::1",
            "2001:0:a9fe:a9fe::",
            "2001:0:4136:e378:8000:63bf:5601:5601",
            "fe80::5efe:169.254.169.254",
            "fe80::200:5efe:169.254.169.254",
        ] {
            for allowed in [&[][..], &["0.0.0.0/0", "::/0"], &["169.254.0.0/16", "fd00::/8", "64:ff9b::/32"]]
            {
                assert!(!permitted(allowed, address, Way::Public), "{address}");
                assert!(!permitted(allowed, address, Way::Inside), "{address}");
            }
        }
    }
}
