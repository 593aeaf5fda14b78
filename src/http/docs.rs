//! The route table as `API_ROUTES.md`.

use std::fmt::Write;

use serde_json::{Value, json};

use super::contract::Contract;
use super::route::{Access, Row};
use super::schema::InputSchema;
use super::v1::{self, V1};

/// The documents of every route.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(HEAD);
    for route in v1::routes() {
        write_row(&mut text, V1::PREFIX, &route.row).unwrap_or_default();
    }
    text
}

const HEAD: &str = "\
# Routes

This file is made from the route table by `cargo run -- routes > API_ROUTES.md`; a test fails where it is stale.

Every answer is JSON: `{status, message, data, successful}`, with `pagination` where a list is given by the page.
A refusal has `successful: false`, and where there is more to say `error` (a name for programs), `errors` (the broken
rules of an input, each `{path, message}`) or `required` (the missing permission nodes):

| status | when |
|---|---|
| 400 | the input breaks rules: `errors` names each field and rule |
| 401 | no valid access token |
| 403 | a permission node is missing: `required` names it |
| 404 | no such thing, or none that the caller may see |
| 409 | the state of things forbids it: a name is taken, a thing is in use |
| 413, 415, 431 | the body is over 1 MiB, is no `application/json`, or the headers are over 32 KiB |
| 429 | a limit was reached: `Retry-After` says for how long |
| 503 | a part that is needed is away: `Retry-After` says when to try again |

Identifiers are opaque strings; one that is malformed names nothing (404). Times are RFC 3339 in UTC. A request for a
list takes `page` and `rpp` (1 to 200) where the table shows them. Every answer carries `x-request-id`.

A permission on credentials is held through `credential.{action}`, or for the credentials of one type through
`{permissionScope}.{action}`, everywhere or in one company.
";

fn write_row(text: &mut String, prefix: &str, row: &Row) -> std::fmt::Result {
    writeln!(text, "\n## {}\n\n`{} {prefix}{}`\n", row.title, row.method, row.path)?;
    match &row.access {
        Access::Public(reason) => writeln!(text, "Open to anybody: {reason}.")?,
        Access::SignedIn => writeln!(text, "Needs a valid access token.")?,
        Access::Needs(permissions) => {
            let nodes: Vec<_> =
                permissions.iter().map(|permission| format!("`{}`", permission.node())).collect();
            writeln!(text, "Needs {}.", nodes.join(" and "))?;
        }
    }
    for (name, purpose) in &row.description.headers {
        writeln!(text, "\nHeader `{name}`: {purpose}.")?;
    }
    if let Some(query) = &row.description.query {
        writeln!(text, "\n| parameter | meaning |\n|---|---|")?;
        for (name, schema) in query.properties() {
            writeln!(text, "| `{name}` | {} |", one_line(&schema["description"]))?;
        }
    }
    if let Some(body) = &row.description.body {
        write_members(text, body)?;
        write_example(text, "The body, for example", &example(body.schema().as_value()))?;
    }
    let mut answer = json!({"status": row.status.as_u16(), "message": row.message});
    answer["data"] =
        row.description.answer.as_ref().map_or(Value::Null, |schema| example(schema.schema().as_value()));
    answer["successful"] = Value::Bool(true);
    write_example(text, &format!("Answers {}", row.status.as_u16()), &answer)
}

fn write_members(text: &mut String, body: &InputSchema) -> std::fmt::Result {
    writeln!(text, "\n| member | meaning |\n|---|---|")?;
    for (name, schema) in body.properties() {
        let optional = if body.requires(name) { "" } else { " (optional)" };
        writeln!(text, "| `{name}`{optional} | {} |", one_line(&schema["description"]))?;
    }
    Ok(())
}

fn write_example(text: &mut String, title: &str, example: &Value) -> std::fmt::Result {
    writeln!(
        text,
        "\n{title}:\n\n```json\n{}\n```",
        serde_json::to_string_pretty(example).unwrap_or_default()
    )
}

fn one_line(description: &Value) -> String {
    description.as_str().unwrap_or_default().replace('\n', " ")
}

/// A value that keeps a schema, made of the examples of its parts.
fn example(schema: &Value) -> Value {
    if let Some(example) = schema["examples"].get(0) {
        return example.clone();
    }
    if let Some(first) =
        schema["enum"].get(0).or_else(|| schema["anyOf"].get(0)).or_else(|| schema["oneOf"].get(0))
    {
        return if first.is_object() { example(first) } else { first.clone() };
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            let shown = members.filter(|(_, member)| member["deprecated"] != true);
            let mut object: serde_json::Map<_, _> =
                shown.map(|(name, member)| (name.clone(), example(member))).collect();
            if schema["additionalProperties"].is_object() {
                object.insert("secretAccessKey".to_owned(), example(&schema["additionalProperties"]));
            }
            Value::Object(object)
        }
        Some("array") => Value::Array(vec![example(&schema["items"])]),
        Some("boolean") => Value::Bool(false),
        Some("integer" | "number") => Value::from(1),
        Some("string") if schema["format"] == "uuid" => Value::from("019a7a52-8c3e-7d1f-b0a4-2f6d1c9e8b70"),
        Some("string") => Value::from("019a7a52-8c3e-7d1f-b0a4-2f6d1c9e8b70"),
        _ => Value::Null,
    }
}
