//! Addresses that somebody may save, and those that nobody may.

use reqwest::{Method, Request};
use ttscm::error::{Step, Violation};
use ttscm::outgoing::{Bounds, Unanswered};

use crate::helpers::product::{HERE, TestLookup, guard, guard_with};

const INTO_A_NETWORK: &str =
    "The address leads into a network that this server may not call (INTEGRATION_ALLOWED_NETWORKS)";
const NO_URL: &str = "The address must be a URL such as https://example.atlassian.net";
const NO_HTTPS: &str = "The address must begin with https://";
const PORT: &str = "The port must be 443 or 8443";
const USER: &str = "The address must not hold a user name or a password";

/// Addresses that mean this machine, its network or its cloud, in every spelling there is.
const INTERNAL: [&str; 54] = [
    "https://127.0.0.1",
    "https://127.0.0.1:8443/jira",
    "https://127.1",
    "https://127.0.1",
    "https://127.0.0.1.",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://0x7f.0x0.0x0.0x1",
    "https://0177.0.0.1",
    "https://017700000001",
    "https://0",
    "https://0.0.0.0",
    "https://00000000000000000000",
    "https://%31%32%37.0.0.1",
    "https://１２７.０.０.１",
    "https://127。0。0。1",
    "https://127.0.0\t.1",
    " https://127.0.0.1 ",
    "https:127.0.0.1",
    "https:/\\127.0.0.1",
    "https:\\\\127.0.0.1",
    "HTTPS://127.0.0.1",
    "https://[::1]",
    "https://[::]",
    "https://[0:0:0:0:0:0:0:1]",
    "https://[::127.0.0.1]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[::FFFF:10.0.0.1]",
    "https://[64:ff9b::7f00:1]",
    "https://[64:ff9b::10.0.0.1]",
    "https://[2002:7f00:1::]",
    "https://[fe80::1]",
    "https://[fc00::1]",
    "https://[fd12:3456::1]",
    "https://10.0.0.1",
    "https://172.16.0.1",
    "https://192.168.1.1",
    "https://100.64.0.1",
    "https://198.18.0.1",
    "https://203.0.113.1",
    "https://255.255.255.255",
    "https://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe",
    "https://[fd00:ec2::254]",
    "https://100.100.100.200",
    "https://168.63.129.16",
    "https://localhost",
    "https://LocalHost:8443",
    "https://ｌｏｃａｌｈｏｓｔ",
    "https://jira.localhost",
    "https://printer.local",
    "https://metadata.google.internal",
];

/// Addresses that break other rules.
const OTHERS: [(&str, &str); 36] = [
    ("", NO_URL),
    ("jira.example.com", NO_URL),
    ("//jira.example.com", NO_URL),
    ("https://", NO_URL),
    ("https://[fe80::1%25eth0]", NO_URL),
    ("https://[fe80::1%eth0]", NO_URL),
    ("https://[::1", NO_URL),
    ("https://1.2.3.4.5", NO_URL),
    ("https://256.0.0.1", NO_URL),
    ("https://4294967296", NO_URL),
    ("https://example.com:99999", NO_URL),
    ("https://exa mple.com", NO_URL),
    ("https://example.com%00.evil.example", NO_URL),
    ("http://jira.example.com", NO_HTTPS),
    ("http://8.8.8.8", NO_HTTPS),
    ("http://jira.example.com:443", NO_HTTPS),
    ("ftp://jira.example.com", NO_HTTPS),
    ("file:///etc/passwd", NO_HTTPS),
    ("gopher://jira.example.com", NO_HTTPS),
    ("javascript:alert(1)", NO_HTTPS),
    ("data:text/plain,x", NO_HTTPS),
    ("unix:/var/run/docker.sock", NO_HTTPS),
    ("jira.example.com:443", NO_HTTPS),
    ("https://jira.example.com:80", PORT),
    ("https://jira.example.com:22", PORT),
    ("https://jira.example.com:8080", PORT),
    ("https://jira.example.com:0", PORT),
    ("https://8.8.8.8:5432", PORT),
    ("https://me@jira.example.com", USER),
    ("https://me:secret@jira.example.com", USER),
    ("https://:secret@jira.example.com", USER),
    ("https://jira.example.com@127.0.0.1", USER),
    ("https://jira.example.com/?a=b", "The address must not have a query (?)"),
    ("https://jira.example.com/?", "The address must not have a query (?)"),
    ("https://jira.example.com/#a", "The address must not have a fragment (#)"),
    ("https://jira.example.com.", "The host must not end in a dot"),
];

fn path() -> [Step; 2] {
    ["config".into(), "baseUrl".into()]
}

#[test]
fn an_address_inside_is_refused_however_it_is_written() {
    let guard = guard(&[], Bounds::default());
    for address in INTERNAL {
        let said = guard.check(path(), address);
        assert_eq!(said, Err(Violation::new(path(), INTO_A_NETWORK)), "{address:?}");
    }
}

#[test]
fn a_refusal_names_the_rule() {
    let guard = guard(&[], Bounds::default());
    for (address, rule) in OTHERS {
        assert_eq!(guard.check(path(), address), Err(Violation::new(path(), rule)), "{address:?}");
    }
    let long = format!("https://example.com/{}", "a".repeat(2000));
    let rule = "The address must be at most 2000 bytes long";
    assert_eq!(guard.check(path(), &long), Err(Violation::new(path(), rule)));
}

#[test]
fn an_address_of_the_public_internet_is_taken_as_it_is_understood() {
    let guard = guard(&[], Bounds::default());
    for (address, understood) in [
        ("https://acme.atlassian.net", "https://acme.atlassian.net/"),
        ("HTTPS://ACME.atlassian.net:443/", "https://acme.atlassian.net/"),
        ("https://jira.example.com:8443/jira", "https://jira.example.com:8443/jira"),
        ("https://jira.example.com/a/../b", "https://jira.example.com/b"),
        ("https://jira.example.com\\@127.0.0.1", "https://jira.example.com/@127.0.0.1"),
        ("https://zoë.example", "https://xn--zo-ija.example/"),
        ("https://8.8.8.8", "https://8.8.8.8/"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
        ("https://localhost.example.com", "https://localhost.example.com/"),
        ("https://notlocal", "https://notlocal/"),
        ("https://internal.example.com", "https://internal.example.com/"),
    ] {
        assert_eq!(guard.check([], address).map(String::from).as_deref(), Ok(understood), "{address}");
    }
}

#[test]
fn where_networks_are_allowed_a_name_waits_for_its_address() {
    let guard = guard(&["10.20.0.0/16", "fd00:1::/64"], Bounds::default());
    for address in [
        "http://jira.corp.local",
        "http://localhost:8080/jira",
        "https://jira.internal:9000",
        "http://10.20.0.1",
        "http://10.20.0.1:8080/jira",
        "https://10.20.3.4:5000",
        "https://[::ffff:10.20.0.1]",
        "http://[fd00:1::9]:8080",
        "https://acme.atlassian.net",
    ] {
        assert!(guard.check([], address).is_ok(), "{address}");
    }
    for (address, rule) in [
        ("http://10.21.0.1", INTO_A_NETWORK),
        ("https://10.19.255.255", INTO_A_NETWORK),
        ("http://127.0.0.1", INTO_A_NETWORK),
        ("https://[fd00:1:0:1::9]", INTO_A_NETWORK),
        ("https://169.254.169.254", INTO_A_NETWORK),
        ("http://8.8.8.8", NO_HTTPS),
        ("https://8.8.8.8:9000", PORT),
        ("ftp://10.20.0.1", NO_HTTPS),
        ("http://me@10.20.0.1", USER),
        ("http://jira.corp.local.", "The host must not end in a dot"),
    ] {
        assert_eq!(guard.check([], address), Err(Violation::new([], rule)), "{address}");
    }
}

#[tokio::test]
async fn what_may_not_be_saved_may_not_be_called_either() {
    let lookup = TestLookup::new(|name, _| panic!("{name} is looked up"));
    let shared: std::sync::Arc<dyn ttscm::outgoing::Lookup> = lookup.clone();
    let nowhere = guard_with(&[], Bounds::default(), &shared);
    let addresses = INTERNAL.into_iter().chain(OTHERS.map(|(address, _)| address));
    for address in addresses.filter(|address| !address.contains('?')) {
        let Ok(url) = address.parse() else { continue };
        let answered = nowhere.send(Request::new(Method::GET, url)).await;
        assert_eq!(answered.map(|_| ()), Err(Unanswered::NotAllowed), "{address:?}");
    }
    assert_eq!(lookup.times_asked(), 0);
}

#[tokio::test]
async fn metadata_is_out_of_reach_even_where_everything_is_allowed() {
    let everything = guard(&["0.0.0.0/0", "::/0", HERE], Bounds::default());
    for address in [
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://169.254.170.2/v2/credentials",
        "http://168.63.129.16/",
    ] {
        assert_eq!(everything.check([], address), Err(Violation::new([], INTO_A_NETWORK)), "{address}");
        let answered = everything.send(Request::new(Method::GET, address.parse().unwrap())).await;
        assert_eq!(answered.map(|_| ()), Err(Unanswered::NotAllowed), "{address}");
    }
}
