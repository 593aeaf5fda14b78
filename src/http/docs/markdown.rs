//! The route table as `API_ROUTES.md`.

use std::fmt::Write;

use serde_json::Value;

use super::example::{example, example_answer};
use super::tables;
use crate::http::route::{Access, Row};
use crate::http::schema::InputSchema;

/// The documents of every route.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(HEAD);
    for table in tables::all() {
        text += table.head;
        for route in &table.routes {
            write_row(&mut text, table.prefix, &route.row).unwrap_or_default();
        }
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
| 502, 504 | another server that is needed did not answer as it should, or not in time |
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
    for permission in &row.sometimes {
        writeln!(text, "Depending on what is sent also `{}`.", permission.node())?;
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
    if !row.aliases.is_empty() {
        writeln!(
            text,
            "\nFormerly at `{prefix}{}`, where it still answers with a `Deprecation` header.",
            row.aliases.join("`, `")
        )?;
    }
    write_example(text, &format!("Answers {}", row.status.as_u16()), &example_answer(row))
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
