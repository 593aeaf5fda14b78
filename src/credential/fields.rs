//! Checks the values of a credential against the fields that its type defines.

use std::collections::{HashMap, HashSet};

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::kind::Field;
use crate::app::App;
use crate::error::{Error, Result, Step, Violation};

/// A value as a client sends it.
pub struct Input {
    /// The field's id.
    pub field_id: String,
    /// The value; none clears it.
    pub value: Option<SecretString>,
}

/// Values that keep every rule.
#[derive(Default)]
pub(super) struct Checked {
    pub plain: HashMap<String, String>,
    pub secure: Vec<(String, SecretString)>,
    pub cleared: Vec<String>,
}

impl Checked {
    /// The plain values that were there, as this changes them.
    pub fn over_plain(&self, before: &HashMap<String, String>) -> HashMap<String, String> {
        let mut after = before.clone();
        after.retain(|id, _| !self.cleared.contains(id));
        after.extend(self.plain.clone());
        after
    }

    /// The sealed values that were there, as this changes them.
    pub async fn over_sealed(
        &self,
        app: &App,
        credential: Uuid,
        before: &HashMap<String, Vec<u8>>,
    ) -> Result<HashMap<String, Vec<u8>>> {
        let mut after = before.clone();
        after.retain(|id, _| !self.cleared.contains(id));
        for (id, value) in &self.secure {
            after.insert(id.clone(), super::seal(app, credential, id, value.expose_secret()).await?);
        }
        Ok(after)
    }
}

/// Checks the values of a new credential, which must have all that are required.
pub(super) fn check_new(fields: &[Field], inputs: Vec<Input>) -> Result<Checked> {
    let given: HashSet<_> = inputs.iter().map(|input| input.field_id.clone()).collect();
    let missing = fields.iter().filter(|field| field.required && !given.contains(&field.id)).map(|field| {
        Violation::field("fields", format!("The field '{}' ({}) is required", field.id, field.name))
    });
    let violations = missing.collect();
    check(fields, inputs, violations)
}

/// Checks the values of a change, which may leave fields out.
pub(super) fn check_change(fields: &[Field], inputs: Vec<Input>) -> Result<Checked> {
    check(fields, inputs, Vec::new())
}

fn check(fields: &[Field], inputs: Vec<Input>, mut violations: Vec<Violation>) -> Result<Checked> {
    let mut checked = Checked::default();
    let mut seen = HashSet::new();
    for (index, input) in inputs.into_iter().enumerate() {
        let at = |name: &str| -> [Step; 3] { ["fields".into(), index.into(), name.into()] };
        let Some(field) = fields.iter().find(|field| field.id == input.field_id) else {
            violations.push(Violation::new(at("fieldId"), "This credential type has no such field"));
            continue;
        };
        if !seen.insert(&field.id) {
            violations.push(Violation::new(at("fieldId"), "The field is given more than once"));
        } else if let Err(rule) = put(&mut checked, field, input.value) {
            violations.push(Violation::new(at("value"), rule));
        }
    }
    if violations.is_empty() { Ok(checked) } else { Err(Error::Invalid(violations)) }
}

/// Puts a value where it belongs, or says which rule it breaks.
fn put(
    checked: &mut Checked,
    field: &Field,
    value: Option<SecretString>,
) -> std::result::Result<(), &'static str> {
    let is_missing = value.as_ref().is_none_or(|value| value.expose_secret().is_empty());
    if field.required && is_missing {
        return Err("The field is required");
    }
    let Some(value) = value else {
        checked.cleared.push(field.id.clone());
        return Ok(());
    };
    field.value_type.check(value.expose_secret())?;
    if field.secure {
        checked.secure.push((field.id.clone(), value));
    } else {
        checked.plain.insert(field.id.clone(), value.expose_secret().to_owned());
    }
    Ok(())
}
