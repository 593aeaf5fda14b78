//! What somebody has revealed and that is still in use.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::V1;
use crate::access::Permission::UserExposure;
use crate::audit::{self, Exposed};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{PageQuery, Path, Query};
use crate::http::route::{Route, get};

pub fn routes() -> Vec<Route> {
    vec![
        get("/user/users/{identifier}/exposure", "Get User Exposure", list)
            .needs([UserExposure])
            .answers::<V1>(StatusCode::OK, "User Exposure Fetched Successfully!"),
    ]
}

/// A secure value that somebody has revealed and that has not changed since.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ExposedView {
    /// The company that the credential is of.
    company_id: Uuid,
    /// Its name.
    #[schemars(example = &"Acme Corp")]
    company_name: String,
    /// The credential.
    credential_id: Uuid,
    /// Its name.
    #[schemars(example = &"Production AWS Credentials")]
    credential_name: String,
    /// The field.
    #[schemars(example = &"secretAccessKey")]
    field_id: String,
    /// When they last revealed it.
    last_revealed_at: Timestamp,
    /// How often since the value last changed.
    #[schemars(example = 3)]
    reveals: i64,
}

impl From<Exposed> for ExposedView {
    fn from(exposed: Exposed) -> Self {
        Self {
            company_id: exposed.company_id,
            company_name: exposed.company_name,
            credential_id: exposed.credential_id,
            credential_name: exposed.credential_name,
            field_id: exposed.field_id,
            last_revealed_at: Timestamp(exposed.last_revealed_at),
            reveals: exposed.reveals,
        }
    }
}

async fn list(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Query(page): Query<PageQuery>,
) -> Result<Listed<ExposedView>> {
    let (app, caller, needed) = (&allowed.app, &allowed.caller, allowed.needed());
    let exposed = audit::exposure(app, caller, needed, &identifier, page.paging()).await?;
    Ok(exposed.map(ExposedView::from).into())
}
