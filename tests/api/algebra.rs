//! Nodes and grants by their laws, without a database.

use std::sync::Arc;

use proptest::prelude::*;
use ttscm::access::grants::{Grant, TypeScope};
use ttscm::access::permission::{covers, is_grant, is_node};
use ttscm::access::{Grants, Permission};
use uuid::Uuid;

use crate::helpers::words;

fn segment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "ab", "a_b", "a1", "credential", "fetch", "many"])
}

fn node() -> impl Strategy<Value = String> {
    prop::collection::vec(segment(), 1..5).prop_map(|segments| segments.join("."))
}

fn grant() -> impl Strategy<Value = String> {
    prop_oneof![4 => node(), 4 => node().prop_map(|node| format!("{node}.*")), 1 => Just("*".to_owned())]
}

/// Nodes and wildcards that the program knows of, so that they meet.
fn known() -> impl Strategy<Value = String> {
    let nodes: Vec<_> = words::known_nodes(&["aws", "aws.keys"]);
    (prop::sample::select(nodes), 0_usize..4).prop_map(|(node, cut)| {
        let segments: Vec<_> = node.split('.').collect();
        match cut {
            0 | 1 => node,
            _ if cut < segments.len() => format!("{}.*", segments[..cut].join(".")),
            _ => format!("{}.*", segments[0]),
        }
    })
}

/// Text that is nearly a grant: one with something put into it.
fn nearly() -> impl Strategy<Value = String> {
    let wedge = prop::sample::select(vec![
        "*", ".", "..", ".*", "*.", "A", "É", "é", " ", "\t", "\n", "\0", "-", "_", "1", "**", "\u{200b}",
        "ａ", "ß", "",
    ]);
    (grant(), wedge, any::<prop::sample::Index>()).prop_map(|(mut grant, wedge, at)| {
        grant.insert_str(at.index(grant.len() + 1), wedge);
        grant
    })
}

/// The grammar, written anew: segments `[a-z][a-z0-9_]*` with dots between.
fn keeps_the_grammar(text: &str) -> bool {
    let is_segment = |segment: &str| {
        let mut letters = segment.chars();
        letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && letters.all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_'))
    };
    text.len() <= 200 && text.split('.').all(is_segment)
}

fn is_well_formed(text: &str) -> bool {
    text == "*" || keeps_the_grammar(text.strip_suffix(".*").unwrap_or(text))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn covering_is_by_segment(grant in grant(), wanted in grant()) {
        prop_assert_eq!(covers(&grant, &wanted), words::covers(&grant, &wanted));
    }

    #[test]
    fn covering_is_reflexive(grant in grant()) {
        prop_assert!(covers(&grant, &grant) && covers("*", &grant));
    }

    #[test]
    fn covering_is_transitive(a in grant(), b in grant(), c in grant()) {
        prop_assert!(!(covers(&a, &b) && covers(&b, &c)) || covers(&a, &c));
    }

    #[test]
    fn covering_never_goes_by_the_beginning_of_a_word(node in node(), more in "[a-z0-9_]{1,3}", rest in node()) {
        let grant = format!("{node}.*");
        for wanted in [node.clone(), format!("{node}{more}"), format!("{node}{more}.{rest}")] {
            prop_assert!(!covers(&grant, &wanted), "{grant} covers {wanted}");
        }
        let below = format!("{node}.{rest}");
        prop_assert!(covers(&grant, &below) && !covers(&node, &below));
    }

    #[test]
    fn the_grammar_takes_what_it_says(text in prop_oneof![nearly(), "\\PC{0,12}", "[a-c.*_1A]{0,10}", "[a.]{195,205}"]) {
        prop_assert_eq!(is_grant(&text), is_well_formed(&text), "{:?}", text);
        prop_assert_eq!(is_node(&text), keeps_the_grammar(&text), "{:?}", text);
    }

    #[test]
    fn narrowed_grants_pass_what_both_pass(
        held in prop::collection::vec((known(), 0_usize..3), 0..5),
        nodes in prop::collection::vec(known(), 0..4),
        places in prop::option::of(prop::sample::subsequence(vec![0_usize, 1], 1..=2)),
    ) {
        let (companies, kinds) = ([Uuid::from_u128(1), Uuid::from_u128(2)], [Uuid::from_u128(3), Uuid::from_u128(4)]);
        let scopes: Arc<[TypeScope]> = Arc::new([TypeScope { id: kinds[0], scope: "aws".to_owned() }, TypeScope { id: kinds[1], scope: "aws.keys".to_owned() }]);
        let places: Option<Vec<_>> = places.map(|places| places.into_iter().map(|place| companies[place]).collect());
        let bound: Vec<_> = places.clone().map_or_else(|| vec![None], |places| places.into_iter().map(Some).collect());
        let own = nodes.iter().flat_map(|node| bound.iter().map(|company| Grant { node: node.clone(), company: *company }));
        let own = Grants::new(own.collect(), Arc::clone(&scopes));
        let maker = held.iter().map(|(node, place)| Grant { node: node.clone(), company: companies.get(*place).copied() });
        let maker = Grants::new(maker.collect(), scopes);
        let narrowed = maker.narrowed(&nodes, places.as_deref());
        for node in words::known_nodes(&["aws", "aws.keys"]) {
            for company in [None, Some(companies[0]), Some(companies[1])] {
                let both = own.pass(&node, company) && maker.pass(&node, company);
                prop_assert_eq!(narrowed.pass(&node, company), both, "{} {:?}", node, company);
            }
        }
        for permission in Permission::ALL {
            let [narrowed, own, maker] = [&narrowed, &own, &maker].map(|grants| grants.reach(*permission));
            prop_assert_eq!(narrowed.is_everywhere(), own.is_everywhere() && maker.is_everywhere());
            for company in companies {
                prop_assert_eq!(narrowed.covers_company(company), own.covers_company(company) && maker.covers_company(company));
                for kind in kinds {
                    let both = own.covers(company, kind) && maker.covers(company, kind);
                    prop_assert_eq!(narrowed.covers(company, kind), both, "{}", permission.node());
                }
            }
        }
    }

    #[test]
    fn what_is_held_is_what_one_of_the_grants_covers(held in prop::collection::vec((grant(), 0_usize..3), 0..6), wanted in grant()) {
        let companies = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let bound = |place: usize| companies.get(place).copied();
        let grant = |(node, place): &(String, usize)| Grant { node: node.clone(), company: bound(*place) };
        let grants = Grants::new(held.iter().map(grant).collect(), [].into());
        let covered = |at: &dyn Fn(Option<Uuid>) -> bool| held.iter().any(|(node, place)| at(bound(*place)) && words::covers(node, &wanted));
        prop_assert_eq!(grants.hold(&wanted), covered(&|company| company.is_none()));
        for company in companies {
            let here = |bound: Option<Uuid>| bound.is_none_or(|bound| bound == company);
            prop_assert_eq!(grants.hold_in(company, &wanted), covered(&here));
        }
    }

    #[test]
    fn what_keeps_no_grammar_grants_nothing_and_is_held_by_everything_alone(broken in nearly(), wanted in grant()) {
        prop_assume!(!is_well_formed(&broken));
        let one = |node: &str| Grants::new(vec![Grant { node: node.to_owned(), company: None }], [].into());
        prop_assert!(!one(&broken).hold(&wanted));
        prop_assert!(one("*").hold(&broken));
        prop_assert!(!one(&wanted).hold(&broken) || covers(&wanted, &broken), "{} {}", wanted, broken);
    }

    #[test]
    fn one_more_grant_takes_nothing_away(held in prop::collection::vec((known(), 0_usize..3), 0..5), more in (known(), 0_usize..3)) {
        let (companies, kinds) = ([Uuid::from_u128(1), Uuid::from_u128(2)], [Uuid::from_u128(3), Uuid::from_u128(4)]);
        let scopes = [TypeScope { id: kinds[0], scope: "aws".to_owned() }, TypeScope { id: kinds[1], scope: "aws.keys".to_owned() }];
        let grants = |held: &[(String, usize)]| {
            let grant = |(node, place): &(String, usize)| Grant { node: node.clone(), company: companies.get(*place).copied() };
            Grants::new(held.iter().map(grant).collect(), scopes.clone().into())
        };
        let (few, many) = (grants(&held), grants(&[held.as_slice(), &[more]].concat()));
        for node in words::known_nodes(&["aws", "aws.keys"]) {
            prop_assert!(!few.hold(&node) || many.hold(&node));
            prop_assert!(!few.hold(&node) || few.hold_in(companies[0], &node));
            prop_assert!(!few.hold_in(companies[1], &node) || many.hold_in(companies[1], &node));
            for company in [None, Some(companies[0]), Some(companies[1])] {
                prop_assert!(!few.may_grant(&node, company) || many.may_grant(&node, company), "{}", node);
            }
        }
        for permission in Permission::ALL {
            let (few, many) = (few.reach(*permission), many.reach(*permission));
            for company in companies {
                prop_assert!(!few.covers_company(company) || many.covers_company(company));
                prop_assert!(!few.enters_company(company) || many.enters_company(company));
                prop_assert!(kinds.iter().all(|kind| !few.covers(company, *kind) || many.covers(company, *kind)));
                let enters = kinds.iter().any(|kind| few.covers(company, *kind));
                prop_assert!(!enters || few.enters_company(company));
            }
        }
    }
}
