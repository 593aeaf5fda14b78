//! Users.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::list::{Counted, PageQuery};
use super::{Beside, Itsm, Told};
use crate::access::Permission::{UserDeleteOther, UserListOther, UserRead, UserReadOther};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::{Path, Query};
use crate::http::route::{Route, delete, get};
use crate::role::Rank;
use crate::user::{self, User, Wanted};

pub fn routes() -> Vec<Route> {
    vec![
        get("/users", "Get All Users", list)
            .needs([UserReadOther, UserListOther])
            .answers::<Beside>(StatusCode::OK, "The users"),
        get("/users/profile/me", "Get Current User Profile", me)
            .needs([UserRead])
            .answers::<Itsm>(StatusCode::OK, "The user"),
        delete("/users/{id}", "Delete User", remove)
            .needs([UserDeleteOther])
            .answers::<Told>(StatusCode::OK, "User deleted successfully"),
    ]
}

/// A person with an account.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// The account's id.
    #[serde(rename = "_id")]
    id: Uuid,
    /// Given names.
    #[schemars(example = &"John")]
    first_name: String,
    /// Family name.
    #[schemars(example = &"Doe")]
    last_name: String,
    /// The e-mail address.
    #[schemars(example = &"john.doe@example.com")]
    email: Option<String>,
    /// The highest of `admin`, `integrator` and `user` among the roles.
    #[schemars(with = "String", example = &"user")]
    role: &'static str,
    /// Whether they may sign in.
    #[schemars(example = true)]
    is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let (first_name, last_name) = user.names().parts();
        Self {
            id: user.id,
            first_name,
            last_name,
            role: Rank::of(&user.role_ids).moniker(),
            email: user.email,
            is_active: user.active,
            created_at: Timestamp(user.created_at),
            updated_at: Timestamp(user.updated_at),
        }
    }
}

async fn list(allowed: Allowed, Query(query): Query<PageQuery>) -> Result<Counted<UserView>> {
    let found = user::list(&allowed.app, &allowed.caller, Wanted::default(), query.paging()).await?;
    Ok(found.map(UserView::from).into())
}

async fn me(allowed: Allowed) -> Result<UserView> {
    Ok(user::own(&allowed.app, &allowed.caller).await?.into())
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    user::delete(&allowed.app, &allowed.caller, &id).await.map(drop)
}
