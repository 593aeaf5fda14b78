//! The route table as an OpenAPI 3.1 document.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::example::{example, example_answer};
use crate::http::contract::Contract;
use crate::http::route::{Access, Row};
use crate::http::v1::{self, V1};

/// The document.
#[must_use]
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for route in v1::routes() {
        let row = &route.row;
        add(&mut paths, row, row.path, operation(row));
        for alias in &row.aliases {
            let mut older = operation(row);
            older["deprecated"] = Value::Bool(true);
            older["operationId"] = json!(format!("{}Formerly", operation_id(row.title)));
            add(&mut paths, row, alias, older);
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
            "schemas": {"Refusal": refusal()},
            "responses": refusals(),
        },
    })
}

fn add(paths: &mut Map<String, Value>, row: &Row, path: &str, operation: Value) {
    let path = paths.entry(format!("{}{path}", V1::PREFIX)).or_insert_with(|| json!({}));
    path[row.method.as_str().to_lowercase()] = operation;
}

fn operation(row: &Row) -> Value {
    let mut operation = json!({
        "operationId": operation_id(row.title),
        "summary": row.title,
        "description": description(row),
        "tags": [row.path.split('/').nth(1).unwrap_or_default()],
        "parameters": parameters(row),
        "responses": responses(row),
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

/// `Get Current User` as `getCurrentUser`.
fn operation_id(title: &str) -> String {
    let letters: String =
        title.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == ' ').collect();
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
        Access::SignedIn => "Needs a valid access token.".to_owned(),
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

fn responses(row: &Row) -> Value {
    let mut responses = Map::new();
    responses.insert(row.status.as_str().to_owned(), success(row));
    let has_input = row.description.body.is_some() || row.description.query.is_some();
    let is_guarded = !matches!(row.access, Access::Public(_));
    let has_body = row.description.body.is_some();
    let wanted = [
        ("400", has_input || is_guarded),
        ("401", is_guarded || has_input || !row.description.headers.is_empty()),
        ("403", matches!(row.access, Access::Needs(_))),
        ("404", row.path.contains('{') || has_body),
        ("409", row.method != axum::http::Method::GET),
        ("413", has_body),
        ("415", has_body),
        ("429", has_body && !is_guarded),
        ("431", true),
        ("500", true),
        ("502", row.asks_another_server),
        ("503", true),
        ("504", row.asks_another_server),
    ];
    for (status, _) in wanted.into_iter().filter(|(_, is_wanted)| *is_wanted) {
        responses.insert(status.to_owned(), json!({"$ref": format!("#/components/responses/{status}")}));
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
    if row.status == StatusCode::SWITCHING_PROTOCOLS {
        return json!({"description": row.message});
    }
    let is_success = row.status.is_success();
    let mut properties = json!({
        "status": {"const": row.status.as_u16()},
        "message": {"const": row.message},
        "successful": {"const": is_success},
    });
    let mut required = vec!["status", "message", "successful"];
    if is_success {
        let schema = row.description.answer.as_ref().map(|answer| answer.schema().as_value().clone());
        properties["data"] = schema.unwrap_or(Value::Bool(true));
        required.push("data");
    }
    if row.description.is_list {
        properties["pagination"] = pagination();
    }
    let schema = json!({"type": "object", "properties": properties, "required": required});
    json!({
        "description": row.message,
        "headers": {"x-request-id": {"schema": {"type": "string", "format": "uuid"}}},
        "content": {"application/json": {"schema": schema, "example": example_answer(row)}},
    })
}

/// The place of an answer in its list: a page, or a cursor.
fn pagination() -> Value {
    let number = json!({"type": "integer"});
    let neighbour = json!({"type": ["integer", "null"]});
    json!({"anyOf": [
        {
            "type": "object",
            "properties": {
                "previousPage": neighbour, "currentPage": number, "nextPage": neighbour,
                "totalPages": number, "totalRecords": number, "listedRecords": number,
            },
            "required": ["previousPage", "currentPage", "nextPage", "totalPages", "totalRecords", "listedRecords"],
        },
        {
            "type": "object",
            "properties": {"nextCursor": {"type": ["string", "null"]}},
            "required": ["nextCursor"],
        },
    ]})
}

fn refusal() -> Value {
    json!({
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "message": {"type": "string", "description": "What to tell a person."},
            "error": {"type": "string", "description": "A name for programs."},
            "required": {
                "type": "array", "items": {"type": "string"}, "description": "The permission nodes that are missing.",
            },
            "errors": {
                "type": "array",
                "description": "The rules that the input breaks.",
                "items": {
                    "type": "object",
                    "properties": {
                        "path": {"type": "array", "items": {"type": ["string", "integer"]}},
                        "message": {"type": "string"},
                    },
                    "required": ["path", "message"],
                },
            },
            "successful": {"const": false},
        },
        "required": ["status", "message", "successful"],
    })
}

fn refusals() -> Value {
    let kinds = [
        (
            "400",
            "The input breaks rules",
            json!({"message": "Validation error", "errors": [{"path": ["field"], "message": "Field is required"}]}),
        ),
        ("401", "No valid token", json!({"message": "Unauthorized"})),
        (
            "403",
            "A permission node is missing",
            json!({"message": "Insufficient permissions", "error": "InsufficientPermission", "required": ["company.fetch"]}),
        ),
        (
            "404",
            "No such thing, or none that the caller may see",
            json!({"message": "User with identifier 'ckx' was not found.", "error": "UserNotFound"}),
        ),
        (
            "409",
            "The state of things forbids it",
            json!({"message": "The moniker 'system_admin' is taken", "error": "Conflict"}),
        ),
        ("413", "The body is over 1 MiB", json!({"message": "The body must be at most 1 MiB"})),
        ("415", "The body is not JSON", json!({"message": "The Content-Type must be application/json"})),
        (
            "429",
            "A limit was reached; Retry-After says for how long",
            json!({"message": "Too many failed sign-ins, try again later", "error": "TooManyRequests"}),
        ),
        ("431", "The headers are over 32 KiB", json!({"message": "The headers must be at most 32 KiB"})),
        ("500", "A fault of the server", json!({"message": "Internal server error"})),
        (
            "502",
            "Another server that is needed did not answer, or not as it should",
            json!({"message": "ConnectWise did not answer, or not as it should"}),
        ),
        (
            "503",
            "A part that is needed is away; Retry-After says when to try again",
            json!({"message": "The database is not available, try again soon"}),
        ),
        (
            "504",
            "Another server that is needed did not answer in time",
            json!({"message": "ConnectWise did not answer in time"}),
        ),
    ];
    let response = |(status, description, mut example): (&str, &str, Value)| {
        example["status"] = json!(status.parse::<u16>().unwrap_or_default());
        example["successful"] = Value::Bool(false);
        let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}, "example": example}});
        (status.to_owned(), json!({"description": description, "content": content}))
    };
    Value::Object(kinds.into_iter().map(response).collect())
}
