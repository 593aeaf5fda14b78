//! The trash.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::V1;
use super::version::Person;
use crate::access::Permission::{TrashFetchMany, TrashPurge, TrashRestore};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{PageQuery, Path, Query};
use crate::http::route::{Route, delete, get, post};
use crate::trash::{self, Entry};

pub fn routes() -> Vec<Route> {
    vec![
        get("/trash", "Get Trash", list)
            .needs([TrashFetchMany])
            .answers::<V1>(StatusCode::OK, "Trash Fetched Successfully!"),
        post("/trash/{id}/restore", "Restore from Trash", restore)
            .needs([TrashRestore])
            .answers::<V1>(StatusCode::OK, "Trash Entry Restored Successfully!"),
        delete("/trash/{id}", "Purge from Trash", purge)
            .needs([TrashPurge])
            .answers::<V1>(StatusCode::OK, "Trash Entry Purged Successfully!"),
    ]
}

/// Something that was deleted and can be restored.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    /// The id of the entry.
    id: Uuid,
    /// `credential`, `credential_type` or `company`.
    #[schemars(example = &"credential_type")]
    kind: &'static str,
    /// The id of the thing itself, which it has again when it is restored.
    target_id: Uuid,
    /// Its name when it was deleted.
    #[schemars(example = &"AWS")]
    name: String,
    /// The company that a credential is of, or that it is.
    #[schemars(example = &None::<Uuid>)]
    company_id: Option<Uuid>,
    deleted_at: Timestamp,
    /// Who deleted it.
    deleted_by: Person,
    /// When it is removed for good.
    purge_at: Timestamp,
    /// What is in it.
    contains: Contents,
}

/// What is in an entry.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Contents {
    /// How many credentials; one where it is a credential itself.
    #[schemars(example = 5)]
    credentials: i64,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind.as_str(),
            target_id: entry.target_id,
            name: entry.name,
            company_id: entry.company_id,
            deleted_at: Timestamp(entry.deleted_at),
            deleted_by: Person { id: entry.deleted_by_id, name: entry.deleted_by_name },
            purge_at: Timestamp(entry.purge_at),
            contains: Contents { credentials: entry.credentials },
        }
    }
}

async fn list(allowed: Allowed, Query(page): Query<PageQuery>) -> Result<Listed<EntryView>> {
    let entries = trash::list(&allowed.app, &allowed.caller, Some(page.always_paging())).await?;
    Ok(entries.map(EntryView::from).into())
}

async fn restore(allowed: Allowed, Path([id]): Path<1>) -> Result<EntryView> {
    Ok(trash::restore(&allowed.app, &allowed.caller, &id).await?.into())
}

async fn purge(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    trash::purge(&allowed.app, &allowed.caller, &id).await
}
