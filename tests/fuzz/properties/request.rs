//! Bodies and queries of every route: each is taken or refused by rules that are told one by one, and no
//! rule repeats what was sent.

use std::sync::LazyLock;

use serde_json::Value;
use ttscm::error::{Error, Result, Step};
use ttscm::http::route::Route;
use ttscm::http::{itsm, rbac, v1};

static ROUTES: LazyLock<Vec<(String, Route)>> = LazyLock::new(|| {
    let faces = [("/v1", v1::routes()), ("/rbac/api", rbac::routes()), ("/itsm/api", itsm::routes())];
    let named = |prefix: &'static str, routes: Vec<Route>| {
        routes
            .into_iter()
            .map(move |route| (format!("{} {prefix}{}", route.row.method, route.row.path), route))
    };
    faces.into_iter().flat_map(|(prefix, routes)| named(prefix, routes)).collect()
});

/// What stands in a text so that it is known again.
const MARK: &str = "\u{a7}mark\u{a7}";

/// The longest list of broken rules.
const MOST_VIOLATIONS: usize = 100;

/// A route by its name, such as `POST /v1/auth/login`, on one line; then a body or a query for it. A name
/// that is none means some route.
pub fn check(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (name, rest) = data.split_at(end);
    let input = rest.get(1..).unwrap_or_default();
    let some = name.iter().map(|byte| usize::from(*byte)).sum::<usize>() % ROUTES.len();
    let named = ROUTES.iter().find(|(known, _)| known.as_bytes() == name);
    let (name, Route { row, .. }) = named.unwrap_or(&ROUTES[some]);
    if let Some(judged) = row.judge_query(input) {
        is_told_by_rules(name, &judged, false);
    }
    let Some(judged) = row.judge_body(input) else { return };
    is_told_by_rules(name, &judged, false);
    let Ok(sent) = serde_json::from_slice::<Value>(input) else { return };
    let is_marked = sent.to_string().contains(MARK);
    if row.description.is_form || is_marked || !has_text(&sent) {
        return;
    }
    let judge = |value: Value| row.judge_body(value.to_string().as_bytes()).expect("it takes a body");
    let marked = judge(with_end(sent.clone(), MARK));
    is_told_by_rules(name, &marked, true);
    assert!(judge(with_end(sent, "\0")).is_err(), "{name} takes NUL");
}

/// Every rule that is broken is told, with the way to what breaks it, and nothing of a value that is marked.
fn is_told_by_rules(name: &str, judged: &Result<()>, is_marked: bool) {
    let violations = match judged {
        Ok(()) => return,
        Err(Error::Invalid(violations)) => violations,
        Err(other) => panic!("{name}: {other}"),
    };
    assert!((1..=MOST_VIOLATIONS).contains(&violations.len()), "{name}: {} rules", violations.len());
    for violation in violations {
        assert!(violation.message.len() < 300, "{name}: {}", violation.message);
        assert_ne!(violation.message, "The input is not of the documented shape", "{name}");
        let names_text = |step: &Step| matches!(step, Step::Name(step) if step.contains(MARK));
        let repeats = violation.message.contains(MARK) || violation.path.iter().any(names_text);
        assert!(!is_marked || !repeats, "{name}: {violation:?}");
    }
}

fn has_text(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(items) => items.iter().any(has_text),
        Value::Object(members) => members.values().any(has_text),
        _ => false,
    }
}

/// The same with this at the end of every text.
fn with_end(value: Value, end: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text + end),
        Value::Array(items) => items.into_iter().map(|item| with_end(item, end)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (name, with_end(member, end))).collect()
        }
        other => other,
    }
}
