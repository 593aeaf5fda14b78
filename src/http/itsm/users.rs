//! Users.

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::{Counted, PageQuery};
use super::{Beside, Itsm, Told, ToldWith};
use crate::access::Permission::{
    UserDeleteOther, UserListOther, UserRead, UserReadOther, UserRolesOther, UserWrite, UserWriteOther,
};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::{Body, Path, Query};
use crate::http::route::{Route, delete, get, put};
use crate::role::Rank;
use crate::user::{self, Change, OtherChange, User, Wanted};

pub fn routes() -> Vec<Route> {
    vec![
        get("/users", "Get All Users", list)
            .needs([UserReadOther, UserListOther])
            .answers::<Beside>(StatusCode::OK, "The users"),
        get("/users/profile/me", "Get Current User Profile", me)
            .needs([UserRead])
            .answers::<Itsm>(StatusCode::OK, "The user"),
        get("/users/{id}", "Get User by ID", fetch)
            .signed_in()
            .sometimes([UserRead, UserReadOther])
            .answers::<Itsm>(StatusCode::OK, "The user"),
        put("/users/{id}", "Update User", update)
            .signed_in()
            .sometimes([UserWrite, UserWriteOther, UserRolesOther])
            .answers::<ToldWith>(StatusCode::OK, "User updated successfully"),
        put("/users/{id}/password", "Update Password", change_password)
            .signed_in()
            .sometimes([UserWrite, UserWriteOther])
            .answers::<Told>(StatusCode::OK, "Password updated successfully"),
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

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<UserView> {
    Ok(user::find_either(&allowed.app, &allowed.caller, &id).await?.into())
}

/// The highest of the built-in roles that somebody is to have.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum RoleName {
    Admin,
    Integrator,
    User,
}

impl From<RoleName> for Rank {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::Integrator => Self::Integrator,
            RoleName::User => Self::User,
        }
    }
}

/// A change of an account. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateUser {
    /// Given names.
    #[serde(default)]
    #[schemars(with = "String", length(max = 100), example = &"John")]
    first_name: Option<String>,
    /// Family name.
    #[serde(default)]
    #[schemars(with = "String", length(max = 100), example = &"Smith")]
    last_name: Option<String>,
    /// The e-mail address; no two accounts share one.
    #[serde(default)]
    #[schemars(with = "String", length(min = 3, max = 320), example = &"john.smith@example.com")]
    email: Option<String>,
    /// Takes the place of `admin`, `integrator` and `user` among the roles; the others stay. Takes
    /// `user.write.other` and `user.roles.other`.
    #[serde(default)]
    #[schemars(with = "RoleName", example = &"integrator")]
    role: Option<RoleName>,
    /// Whether they may sign in. Takes `user.write.other`.
    #[serde(default)]
    #[schemars(with = "bool", example = true)]
    is_active: Option<bool>,
}

async fn update(allowed: Allowed, Path([id]): Path<1>, Body(input): Body<UpdateUser>) -> Result<UserView> {
    let UpdateUser { first_name, last_name, email, role, is_active } = input;
    let change = OtherChange {
        profile: Change { first_name, last_name, email, ..Change::default() },
        active: is_active,
        rank: role.map(Rank::from),
        ..OtherChange::default()
    };
    Ok(user::update_either(&allowed.app, &allowed.caller, &id, change).await?.into())
}

/// Another password.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpdatePassword {
    /// The password so far; one's own account takes it.
    #[serde(default)]
    #[schemars(with = "String", example = &"oldpassword123")]
    current_password: Option<SecretString>,
    /// The new one: 10 characters to 1 KiB, none of the commonest, not the login or the e-mail address.
    #[schemars(with = "String", example = &"newpassword123")]
    new_password: SecretString,
}

async fn change_password(
    allowed: Allowed,
    Path([id]): Path<1>,
    Body(input): Body<UpdatePassword>,
) -> Result<()> {
    let UpdatePassword { current_password, new_password } = input;
    user::change_password(&allowed.app, &allowed.caller, &id, current_password, new_password).await
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    user::delete(&allowed.app, &allowed.caller, &id).await.map(drop)
}
