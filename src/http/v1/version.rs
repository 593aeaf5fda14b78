//! The history of credentials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::credential::CredentialView;
use crate::clock::Timestamp;
use crate::credential::history::{self, Version};
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{PageQuery, Path, Query};

/// What a credential was before a change; never with a value.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionView {
    /// Its number; later changes have higher ones.
    #[schemars(example = 3)]
    number: i32,
    /// When it was changed into something else.
    at: Timestamp,
    /// Who changed it.
    by: Person,
    /// The ids of the fields whose values that change touched.
    #[schemars(example = ["secretAccessKey"])]
    changed: Vec<String>,
    /// Whether that change gave it another name.
    #[schemars(example = false)]
    name_changed: bool,
    /// Whether that change gave it other notes.
    #[schemars(example = false)]
    notes_changed: bool,
}

/// Somebody who did something.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Person {
    /// The account; `null` for the program itself.
    pub id: Option<Uuid>,
    /// Their name at that time.
    #[schemars(example = &"John Doe")]
    pub name: String,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            number: version.number,
            at: Timestamp(version.at),
            by: Person { id: version.by_id, name: version.by_name },
            changed: version.changed,
            name_changed: version.name_changed,
            notes_changed: version.notes_changed,
        }
    }
}

pub(super) async fn list(
    allowed: Allowed,
    Path([id]): Path<1>,
    Query(page): Query<PageQuery>,
) -> Result<Listed<VersionView>> {
    let Allowed { app, caller, .. } = &allowed;
    let versions = history::list(app, caller, allowed.needed(), &id, page.paging()).await?;
    Ok(versions.map(VersionView::from).into())
}

/// How to restore it.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Force {
    /// Whether to restore the rest where the type has changed so that some values do not fit it any more;
    /// those stay as they are today.
    #[serde(default)]
    force: bool,
}

pub(super) async fn restore(
    allowed: Allowed,
    Path([id, number]): Path<2>,
    Query(query): Query<Force>,
) -> Result<CredentialView> {
    let Allowed { app, caller, .. } = &allowed;
    Ok(history::restore(app, caller, allowed.needed(), &id, &number, query.force).await?.into())
}
