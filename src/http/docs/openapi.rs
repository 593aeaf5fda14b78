//! The route table as an OpenAPI 3.1 document.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::example::{example, example_answer};
use super::refusal;
use super::tables::{self, Table};
use crate::http::route::{Access, Row};

/// The document.
#[must_use]
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for table in tables::all() {
        for route in &table.routes {
            let row = &route.row;
            add(&mut paths, &table, row, row.path, operation(&table, row));
            for alias in &row.aliases {
                let mut older = operation(&table, row);
                older["deprecated"] = Value::Bool(true);
                older["operationId"] = json!(format!("{}Formerly", operation_id(&table, row.title)));
                add(&mut paths, &table, row, alias, older);
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "TTSCM API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": env!("CARGO_PKG_DESCRIPTION"),
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
            "schemas": refusal::schemas(),
            "responses": refusal::responses(),
        },
    })
}

fn add(paths: &mut Map<String, Value>, table: &Table, row: &Row, path: &str, operation: Value) {
    let path = paths.entry(format!("{}{path}", table.prefix)).or_insert_with(|| json!({}));
    path[row.method.as_str().to_lowercase()] = operation;
}

fn operation(table: &Table, row: &Row) -> Value {
    let mut operation = json!({
        "operationId": operation_id(table, row.title),
        "summary": row.title,
        "description": description(row),
        "tags": [table.tag.unwrap_or_else(|| row.path.split('/').nth(1).unwrap_or_default())],
        "parameters": parameters(row),
        "responses": responses(table, row),
    });
    if !matches!(row.access, Access::Public(_)) {
        operation["security"] = json!([{"accessToken": []}]);
    }
    if let Some(body) = &row.description.body {
        let schema = body.schema().as_value();
        let media_type = body_type(row);
        operation["requestBody"] = json!({
            "required": true,
            "content": {media_type: {"schema": schema, "example": example(schema)}},
        });
    }
    operation
}

fn body_type(row: &Row) -> &'static str {
    if row.description.is_form { "application/x-www-form-urlencoded" } else { "application/json" }
}

/// `Get Current User` as `getCurrentUser`, behind the name of a contract that is not the native one.
fn operation_id(table: &Table, title: &str) -> String {
    let whole = format!("{} {title}", table.name);
    let letters: String =
        whole.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == ' ').collect();
    let mut id = String::new();
    for (index, word) in letters.split_whitespace().enumerate() {
        let (first, rest) = word.split_at(1);
        id += &if index == 0 { first.to_lowercase() } else { first.to_uppercase() };
        id += &rest.to_lowercase();
    }
    id
}

fn description(row: &Row) -> String {
    let list = |nodes: &[crate::access::Permission]| {
        nodes.iter().map(|permission| format!("`{}`", permission.node())).collect::<Vec<_>>().join(", ")
    };
    match &row.access {
        Access::Public(reason) => format!("Open to anybody: {reason}."),
        Access::SignedIn if row.sometimes.is_empty() => "Needs a valid access token.".to_owned(),
        Access::SignedIn => {
            format!("Needs a valid access token; depending on what is sent also {}.", list(&row.sometimes))
        }
        Access::Needs(nodes) if row.sometimes.is_empty() => format!("Needs {}.", list(nodes)),
        Access::Needs(nodes) => {
            format!("Needs {}; depending on what is sent also {}.", list(nodes), list(&row.sometimes))
        }
    }
}

fn parameters(row: &Row) -> Vec<Value> {
    let in_path = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}),
    );
    let in_query = row.description.query.iter().flat_map(|query| {
        query.properties().map(|(name, schema)| {
            json!({
                "name": name,
                "in": "query",
                "required": query.requires(name),
                "description": schema["description"],
                // it counts as absent
                "allowEmptyValue": true,
                "schema": as_parameter(schema),
            })
        })
    });
    let in_headers = row.description.headers.iter().map(|(name, purpose)| {
        json!({"name": name, "in": "header", "required": true, "description": purpose, "schema": {"type": "string"}})
    });
    in_path.chain(in_query).chain(in_headers).collect()
}

/// A query's parameter is absent rather than null, and a number of any size is one.
fn as_parameter(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = kind.unwrap_or(Value::Null);
    }
    if let Some(members) = schema.as_object_mut() {
        members.remove("default");
        members.remove("description");
        members.remove("format");
    }
    schema
}

fn responses(table: &Table, row: &Row) -> Value {
    let mut responses = Map::new();
    responses.insert(row.status.as_str().to_owned(), success(row));
    let has_input = row.description.body.is_some() || row.description.query.is_some();
    let is_guarded = !matches!(row.access, Access::Public(_));
    let has_body = row.description.body.is_some();
    let asks_for_nodes = matches!(row.access, Access::Needs(_)) || !row.sometimes.is_empty();
    let wanted = [
        ("400", has_input || is_guarded),
        ("401", is_guarded || has_input || !row.description.headers.is_empty()),
        ("403", asks_for_nodes || (has_body && !is_guarded)),
        ("404", row.path.contains('{') || has_body),
        ("409", row.method != axum::http::Method::GET),
        ("413", has_body),
        ("415", has_body),
        ("429", has_body),
        ("431", true),
        ("500", true),
        ("502", row.asks_another_server),
        ("503", true),
        ("504", row.asks_another_server),
    ];
    for (status, _) in wanted.into_iter().filter(|(_, is_wanted)| *is_wanted) {
        let name = refusal::name(table.name, status);
        responses.insert(status.to_owned(), json!({"$ref": format!("#/components/responses/{name}")}));
    }
    Value::Object(responses)
}

fn success(row: &Row) -> Value {
    let mut success = data(row);
    if row.description.has_pages {
        success["content"]["text/html"] = json!({"schema": {"type": "string"}});
    }
    success
}

fn data(row: &Row) -> Value {
    if !row.status.is_success() && row.status != StatusCode::IM_A_TEAPOT {
        // another protocol, or another place
        return json!({"description": row.message});
    }
    json!({
        "description": row.message,
        "headers": {"x-request-id": {"schema": {"type": "string", "format": "uuid"}}},
        "content": {"application/json": {"schema": (row.envelope.schema)(row), "example": example_answer(row)}},
    })
}
