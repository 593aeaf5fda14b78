//! Inputs by their JSON Schema. The schema of an input's type is what the documents show and what a
//! request is held against, so that the two cannot differ.

use std::sync::OnceLock;

use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::error::{Error, Result, Step, Violation};

/// How many broken rules are told at the most.
const MOST_VIOLATIONS: usize = 100;

/// How deep an input may be nested.
const MAX_DEPTH: usize = 64;

/// A type's schema (draft 2020-12), ready to hold a value against.
pub struct InputSchema {
    schema: Schema,
    validator: OnceLock<Validator>,
}

impl InputSchema {
    /// The schema of `T`, in one piece.
    #[must_use]
    pub fn of<T: JsonSchema>() -> Self {
        let generator = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
            settings.transforms.push(Box::new(RecursiveTransform(words_as_enum)));
        });
        Self { schema: generator.into_generator().into_root_schema_for::<T>(), validator: OnceLock::new() }
    }

    /// The schema itself.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schemas of an object's properties, by name, in order.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Value)> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
    }

    /// Whether an object must have the property `name`.
    #[must_use]
    pub fn requires(&self, name: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|known| known == name))
    }

    /// Holds `value` against the schema.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every rule that it breaks. No message repeats what was sent.
    pub fn check(&self, value: &Value) -> Result<()> {
        check_everywhere(value, &mut Vec::new())?;
        let validator = self.validator()?;
        // to know that there is nothing to tell is quick; to look for all that there is takes long
        if validator.is_valid(value) {
            return Ok(());
        }
        let violations: Vec<_> =
            validator.iter_errors(value).flat_map(|error| violations(&error)).take(MOST_VIOLATIONS).collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }

    fn validator(&self) -> Result<&Validator> {
        if let Some(validator) = self.validator.get() {
            return Ok(validator);
        }
        let built = jsonschema::validator_for(self.schema.as_value());
        let validator =
            built.map_err(|error| Error::Internal(anyhow::anyhow!("a schema of ours is wrong: {error}")))?;
        Ok(self.validator.get_or_init(|| validator))
    }
}

/// A choice of words is an `enum`, however its words are documented.
fn words_as_enum(schema: &mut Schema) {
    let words = schema.get("oneOf").and_then(Value::as_array).map(|choices| {
        choices.iter().map(|choice| choice.get("const").filter(|word| word.is_string()).cloned()).collect()
    });
    if let Some(Some(words)) = words {
        let words: Vec<Value> = words;
        schema.remove("oneOf");
        schema.insert("type".to_owned(), Value::from("string"));
        schema.insert("enum".to_owned(), Value::from(words));
    }
}

/// What no input may have anywhere: NUL, which Postgres cannot store, and nesting without end.
fn check_everywhere(value: &Value, path: &mut Vec<Step>) -> Result<()> {
    let refuse =
        |path: &[Step], message: &str| Err(Error::Invalid(vec![Violation::new(path.to_vec(), message)]));
    match value {
        _ if path.len() > MAX_DEPTH => refuse(&[], "Must be nested at most 64 deep"),
        Value::String(text) if text.contains('\0') => refuse(path, "Must not contain the NUL character"),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| inside(item, index.into(), path))
        }
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            if name.contains('\0') {
                return refuse(path, "Must not contain the NUL character");
            }
            inside(member, Step::Name(name.clone()), path)
        }),
        _ => Ok(()),
    }
}

fn inside(value: &Value, step: Step, path: &mut Vec<Step>) -> Result<()> {
    path.push(step);
    check_everywhere(value, path)?;
    path.pop();
    Ok(())
}

/// An error of the validator in our words.
fn violations(error: &jsonschema::ValidationError<'_>) -> Vec<Violation> {
    let path: Vec<Step> = error
        .instance_path()
        .segments()
        .map(|segment| match segment {
            jsonschema::paths::LocationSegment::Property(name) => Step::Name(name.into_owned()),
            jsonschema::paths::LocationSegment::Index(index) => Step::Index(index),
        })
        .collect();
    let below = |name: &str| path.iter().cloned().chain([Step::from(name)]);
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            vec![Violation::new(below(property.as_str().unwrap_or_default()), "Field is required")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .take(MOST_VIOLATIONS)
            .map(|name| Violation::new(below(name), "Unknown field"))
            .collect(),
        kind => vec![Violation::new(path, rule(kind))],
    }
}

fn rule(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => format!("Must be {}", type_names(kind)),
        ValidationErrorKind::MinLength { limit: 1 } => "Must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("Must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("Must have at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } => format!("Must have at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("Must have at most {limit} items"),
        ValidationErrorKind::Minimum { limit } => format!("Must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("Must be at most {limit}"),
        ValidationErrorKind::Pattern { pattern } if pattern == r"\S" => "Must not be blank".to_owned(),
        ValidationErrorKind::Pattern { pattern } => format!("Must match the pattern {pattern}"),
        ValidationErrorKind::Constant { expected_value } => format!("Must be {expected_value}"),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("Must be one of {}", options.join(", "))
        }
        _ => "Is not allowed here".to_owned(),
    }
}

fn type_names(kind: &TypeKind) -> String {
    let name = |kind: jsonschema::JsonType| match kind {
        jsonschema::JsonType::Array => "a list",
        jsonschema::JsonType::Boolean => "true or false",
        jsonschema::JsonType::Integer => "a whole number",
        jsonschema::JsonType::Null => "null",
        jsonschema::JsonType::Number => "a number",
        jsonschema::JsonType::Object => "an object",
        jsonschema::JsonType::String => "a string",
    };
    match kind {
        TypeKind::Single(kind) => name(*kind).to_owned(),
        TypeKind::Multiple(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}
