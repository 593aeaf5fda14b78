//! An event as it is written for others, by the API and by the export alike.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::Row;
use crate::clock::Timestamp;

/// Something that happened.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    id: Uuid,
    /// When.
    at: Timestamp,
    /// What was done.
    #[schemars(example = &"credential.reveal")]
    action: String,
    /// `success`, `denied` or `failure`.
    #[schemars(example = &"success")]
    outcome: String,
    /// Who did it.
    actor: ActorView,
    /// What it was done to.
    target: TargetView,
    /// The company that it is in.
    company_id: Option<Uuid>,
    /// The field, where it was about one.
    #[schemars(example = &"secretAccessKey")]
    field_id: Option<String>,
    /// The client's address.
    #[schemars(example = &"203.0.113.9")]
    address: Option<String>,
    /// The request, as its answer's `x-request-id` had it.
    request_id: Option<Uuid>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ActorView {
    id: Option<Uuid>,
    /// The name at that time.
    #[schemars(example = &"Jane Doe")]
    name: String,
    /// `user`, or `system` for the program itself.
    #[schemars(example = &"user")]
    kind: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct TargetView {
    /// `credential`, `credential_type`, `company`, `user`, `session`, …
    #[schemars(example = &"credential")]
    kind: String,
    id: Option<Uuid>,
    /// The name at that time.
    #[schemars(example = &"Production AWS Credentials")]
    name: Option<String>,
}

impl From<Row> for EventView {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            at: Timestamp(row.at),
            action: row.action,
            outcome: row.outcome,
            actor: ActorView { id: row.actor_id, name: row.actor_name, kind: row.actor_kind },
            target: TargetView { kind: row.target_kind, id: row.target_id, name: row.target_name },
            company_id: row.company_id,
            field_id: row.field_id,
            address: row.address,
            request_id: row.request_id,
        }
    }
}
