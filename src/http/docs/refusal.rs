//! The refusals of the contracts: what each status means, and how each contract writes it.

use serde_json::{Map, Value, json};

/// The refusals of each contract, by the name of its component.
pub fn schemas() -> Value {
    json!({"Refusal": refusal(), "RbacRefusal": said_in("error"), "ItsmRefusal": said_in("message")})
}

/// The name of a component: those of the native contract have none before them.
pub fn name(contract: &str, status: &str) -> String {
    if contract.is_empty() { status.to_owned() } else { format!("{contract}.{status}") }
}

/// A refusal that says in one member what to tell a person.
fn said_in(member: &str) -> Value {
    json!({
        "type": "object",
        "properties": {
            "success": {"const": false},
            member: {"type": "string", "description": "What to tell a person."},
        },
        "required": ["success", member],
    })
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

/// Every kind of refusal: its status, when it comes, and an example in the native contract.
fn kinds() -> Vec<(&'static str, &'static str, Value)> {
    vec![
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
    ]
}

/// Every refusal of every contract.
pub fn responses() -> Value {
    let kinds = kinds();
    let response = |(status, description, mut example): (&str, &str, Value)| {
        example["status"] = json!(status.parse::<u16>().unwrap_or_default());
        example["successful"] = Value::Bool(false);
        let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}, "example": example}});
        (status.to_owned(), json!({"description": description, "content": content}))
    };
    let in_contract = |contract: &str, schema: &str, example: Value, (status, description): (&str, &str)| {
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        let content = json!({"application/json": {"schema": schema, "example": example}});
        (name(contract, status), json!({"description": description, "content": content}))
    };
    let rbac = |(status, description, example): &(&str, &str, Value)| {
        let example = json!({"success": false, "error": example["message"]});
        in_contract("rbac", "RbacRefusal", example, (status, description))
    };
    let itsm = |(status, description, example): &(&str, &str, Value)| {
        let example = json!({"success": false, "message": in_itsm(status, &example["message"])});
        in_contract("itsm", "ItsmRefusal", example, (status, description))
    };
    let mut responses: Map<_, _> = kinds.iter().map(rbac).chain(kinds.iter().map(itsm)).collect();
    responses.extend(kinds.into_iter().map(response));
    Value::Object(responses)
}

/// The words of the ITSM contract, where it has its own.
fn in_itsm(status: &str, message: &Value) -> Value {
    match status {
        "400" => "field: Field is required".into(),
        "401" => "Authentication required".into(),
        "403" => "Access denied".into(),
        "404" => "Resource not found".into(),
        "500" => "Error fetching/creating/updating resource".into(),
        _ => message.clone(),
    }
}
