//! Examples, made of those that the fields of inputs and answers have.

use serde_json::{Map, Value};

use crate::http::route::Row;

const SAMPLE_ID: &str = "019a7a52-8c3e-7d1f-b0a4-2f6d1c9e8b70";

/// A value that keeps a schema.
pub fn example(schema: &Value) -> Value {
    if let Some(example) = schema["examples"].get(0).or(schema.get("const")).or(schema["enum"].get(0)) {
        return example.clone();
    }
    if let Some(first) = schema["anyOf"].get(0).or(schema["oneOf"].get(0)) {
        return example(first);
    }
    match schema["type"].as_str().or(schema["type"][0].as_str()) {
        Some("object") => Value::Object(members(schema)),
        Some("array") => items(schema),
        Some("boolean") => Value::Bool(false),
        Some("integer" | "number") => Value::from(1),
        Some("string") => Value::from(SAMPLE_ID),
        _ => Value::Null,
    }
}

/// One item, or as many as there must be: where they are words, each another one.
fn items(schema: &Value) -> Value {
    let one = example(&schema["items"]);
    let words = schema["items"]["enum"].as_array().into_iter().flatten().cloned();
    let least = schema["minItems"].as_u64().and_then(|least| usize::try_from(least).ok()).unwrap_or(1).max(1);
    Value::Array(words.chain(std::iter::repeat(one)).take(least).collect())
}

fn members(schema: &Value) -> Map<String, Value> {
    let known = schema["properties"].as_object().into_iter().flatten();
    let shown = known.filter(|(_, member)| member["deprecated"] != true);
    let mut members: Map<_, _> = shown.map(|(name, member)| (name.clone(), example(member))).collect();
    if schema["additionalProperties"].is_object() {
        members.insert("secretAccessKey".to_owned(), example(&schema["additionalProperties"]));
    }
    members
}

/// What a route answers with when all goes well.
pub fn example_answer(row: &Row) -> Value {
    let schema = row.description.answer.as_ref();
    let data = schema.map_or(Value::Null, |schema| example(schema.schema().as_value()));
    (row.envelope.example)(row, data)
}
