//! Where one is signed in.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::V1;
use crate::access::session::{self, Session};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::Path;
use crate::http::route::{Route, delete, get};

pub fn routes() -> Vec<Route> {
    vec![
        get("/auth/sessions", "Get Sessions", list)
            .signed_in()
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Sessions Fetched Successfully!"),
        delete("/auth/sessions/{id}", "End Session", end)
            .signed_in()
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Session Ended Successfully!"),
    ]
}

/// One sign-in on one client.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SessionView {
    /// Its id, the `sid` of its access tokens.
    #[schemars(example = &"ckx...")]
    id: String,
    /// When it began.
    created_at: Timestamp,
    /// When its tokens were last refreshed.
    last_used_at: Timestamp,
    /// The address of the client that signed in.
    #[schemars(example = &"198.51.100.7")]
    address: String,
    /// What that client calls itself.
    #[schemars(example = &"TTSCM Desktop/1.0")]
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    fn new(session: Session, current: Option<uuid::Uuid>) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: Timestamp(session.created_at),
            last_used_at: Timestamp(session.last_used_at),
            address: session.address,
            user_agent: session.user_agent,
            current: current == Some(session.id),
        }
    }
}

async fn list(allowed: Allowed) -> Result<Vec<SessionView>> {
    let sessions = session::list(&allowed.app, &allowed.caller).await?;
    let current = allowed.caller.session;
    Ok(sessions.into_iter().map(|session| SessionView::new(session, current)).collect())
}

async fn end(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    session::end_one(&allowed.app, &allowed.caller, &id).await
}
