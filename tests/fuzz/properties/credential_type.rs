//! Definitions of credential types, and the values of their fields.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};
use ttscm::access::permission::{is_node, is_reserved};
use ttscm::credential::kind::{Field, NewType};
use ttscm::credential::value::ValueType;
use uuid::Uuid;

/// A definition as JSON on one line, then a value.
pub fn check(data: &[u8]) {
    let Some([definition, value]) = super::parts::<2>(data) else { return };
    a_rule_says_nothing_of_the_value(value);
    let Ok(definition) = serde_json::from_str::<Value>(definition) else { return };
    let Ok(fields) = serde_json::from_value::<Vec<Field>>(definition["fields"].clone()) else { return };
    let written = json!(fields);
    assert_eq!(serde_json::from_value::<Vec<Field>>(written).ok(), Some(fields.clone()));
    let text = |member: &str| definition[member].as_str().unwrap_or_default().to_owned();
    let new = NewType { name: text("name"), permission_scope: text("permissionScope"), icon: None, fields };
    if let Ok(checked) = new.checked() {
        keeps_the_rules(&checked);
        let (name, scope) = (checked.name.clone(), checked.permission_scope.clone());
        let again = checked.checked().expect("what was checked keeps the rules");
        assert_eq!((again.name, again.permission_scope), (name, scope));
    }
}

fn keeps_the_rules(new: &NewType) {
    let ids: BTreeSet<_> = new.fields.iter().map(|field| &field.id).collect();
    assert_eq!(ids.len(), new.fields.len());
    assert!(
        is_node(&new.permission_scope) && !is_reserved(&new.permission_scope),
        "{}",
        new.permission_scope
    );
    assert!(new.permission_scope.len() <= 100);
    assert!(Uuid::try_parse(&new.name).is_err() && new.name.trim() == new.name);
}

fn a_rule_says_nothing_of_the_value(value: &str) {
    for kind in ValueType::ALL {
        let judged = kind.check(value);
        match kind {
            ValueType::IpAddress if judged.is_ok() => {
                let address = value.split('/').next().unwrap_or_default();
                assert!(address.parse::<IpAddr>().is_ok(), "{value}");
            }
            ValueType::BitlockerKey if judged.is_ok() => {
                assert!(value.len() == 55 && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-')));
            }
            ValueType::PlainText => assert_eq!(judged.is_ok(), value.len() <= 64 * 1024),
            _ => assert!(judged.is_err() || !value.is_empty()),
        }
    }
}
