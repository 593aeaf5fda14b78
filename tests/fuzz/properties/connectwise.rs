//! What ConnectWise sends: whatever it is, what is read of it can be kept, shown and gone on from.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use ttscm::connectwise::callback::Registered;
use ttscm::connectwise::{Company, Configuration, Failure, Page};

/// Every member that a configuration is shown with.
const SHOWN: usize = 25;

/// An answer as JSON.
pub fn check(data: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Value>(data) else { return };
    let records: Vec<Value> = match &answer {
        Value::Array(records) => records.clone(),
        other => vec![other.clone()],
    };
    for record in &records {
        a_company_can_be_kept(record);
        can_be_kept(&json!(Configuration::read(record)));
        if let Some(callback) = Registered::read(record) {
            can_be_kept(&json!([callback.url, callback.kind, callback.level]));
        }
    }
    for after in [0, 1, i64::MAX] {
        a_page_goes_on(after, &answer);
    }
}

fn a_company_can_be_kept(record: &Value) {
    let Some(company) = Company::read(record) else { return };
    assert!(!company.name.trim().is_empty());
    can_be_kept(&json!([company.name, company.identifier, company.data]));
    let year = company.updated_at.map_or(2000, |time| chrono::Datelike::year(&time));
    assert!((-1..=10_000).contains(&year), "{year}");
}

/// Postgres keeps every text but those with NUL, and nobody is shown a blank one.
fn can_be_kept(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains('\0') && text.trim() == text, "{text:?}"),
        Value::Array(items) => items.iter().for_each(can_be_kept),
        Value::Object(members) => {
            assert!(members.len() <= SHOWN, "{members:?}");
            members.values().for_each(can_be_kept);
        }
        _ => {}
    }
}

fn a_page_goes_on(after: i64, answer: &Value) {
    let page = match Page::of(after, answer.clone(), DateTime::<Utc>::UNIX_EPOCH) {
        Ok(page) => page,
        Err(Failure::Nonsense(_)) => return,
        Err(other) => panic!("{other}"),
    };
    let numbers: Vec<_> = page.companies.iter().map(|company| company.number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(numbers.first().is_none_or(|first| *first > after), "{numbers:?}");
    assert_eq!(page.last, numbers.last().copied());
}
