//! Users.

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::{PartOfOrganization, Place};
use super::{Rbac, Told};
use crate::access::Permission::{
    UserCreate, UserDeleteOther, UserListOther, UserReadOther, UserRolesOther, UserWriteOther,
};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::{Body, Path, Query};
use crate::http::route::{Route, delete, get, post, put};
use crate::user::{self, Change, Names, NewAccount, OtherChange, User, Wanted};

pub fn routes() -> Vec<Route> {
    vec![
        get("/users", "Get All Users", list)
            .needs([UserReadOther, UserListOther])
            .answers::<Rbac>(StatusCode::OK, "The users"),
        get("/users/{id}", "Get User by ID", fetch)
            .needs([UserReadOther])
            .answers::<Rbac>(StatusCode::OK, "The user"),
        post("/users", "Create User", create)
            .needs([UserCreate])
            .answers::<Rbac>(StatusCode::CREATED, "The user"),
        put("/users/{id}", "Update User", update)
            .needs([UserWriteOther])
            .sometimes([UserRolesOther])
            .answers::<Rbac>(StatusCode::OK, "The user"),
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
    id: Uuid,
    /// The name for signing in.
    #[schemars(example = &"johndoe")]
    username: String,
    /// The e-mail address.
    #[schemars(example = &"john.doe@example.com")]
    email: Option<String>,
    /// Given names.
    #[schemars(example = &"John")]
    first_name: String,
    /// Family name.
    #[schemars(example = &"Doe")]
    last_name: String,
    /// Whether they may sign in.
    #[schemars(example = true)]
    active: bool,
    /// Whether the e-mail address is known to be theirs.
    email_verified: bool,
    /// The ids of the roles.
    role_ids: Vec<Uuid>,
    /// The ids of the organizations that they belong to.
    organization_ids: Vec<Uuid>,
    /// How they first signed in; `local` with a password.
    #[schemars(example = &"local")]
    auth_provider: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// When they last signed in, where they ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login: Option<Timestamp>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let (first_name, last_name) = user.names().parts();
        Self {
            id: user.id,
            username: user.login,
            email: user.email,
            first_name,
            last_name,
            active: user.active,
            email_verified: user.email_verified,
            role_ids: user.role_ids,
            organization_ids: user.company_ids,
            auth_provider: user.auth_provider,
            created_at: Timestamp(user.created_at),
            updated_at: Timestamp(user.updated_at),
            last_login: user.last_login.map(Timestamp),
        }
    }
}

/// A part of the users.
#[derive(Serialize, JsonSchema)]
struct Users {
    /// Those in it, by name.
    users: Vec<UserView>,
    #[serde(flatten)]
    place: Place,
}

async fn list(allowed: Allowed, Query(query): Query<PartOfOrganization>) -> Result<Users> {
    let wanted = Wanted { search: None, company: query.organization_id.as_deref() };
    let found = user::list(&allowed.app, &allowed.caller, wanted, Some(query.part.paging())).await?;
    let place = query.part.place(&found);
    Ok(Users { users: found.items.into_iter().map(UserView::from).collect(), place })
}

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<UserView> {
    Ok(user::find(&allowed.app, &allowed.caller, allowed.needed(), &id).await?.into())
}

/// How somebody first signs in.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum AuthProvider {
    Local,
    Microsoft,
    Google,
    Github,
}

impl AuthProvider {
    fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// An account to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreateUser {
    /// The name for signing in; no two accounts share one.
    #[schemars(length(min = 1, max = 320), example = &"johndoe")]
    username: String,
    /// The e-mail address; no two accounts share one.
    #[schemars(length(min = 3, max = 320), example = &"john.doe@example.com")]
    email: String,
    /// The password, 10 characters to 1 KiB. Without one the person cannot sign in by password.
    #[serde(default)]
    #[schemars(with = "String", example = &"securePassword123")]
    password: Option<SecretString>,
    /// Given names.
    #[serde(default)]
    #[schemars(length(max = 100), example = &"John")]
    first_name: String,
    /// Family name.
    #[serde(default)]
    #[schemars(length(max = 100), example = &"Doe")]
    last_name: String,
    /// Whether they may sign in (default: true).
    #[serde(default)]
    #[schemars(with = "bool", example = true)]
    active: Option<bool>,
    /// The ids of exactly the roles to give; the role `user` where it is left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 100))]
    role_ids: Option<Vec<String>>,
    /// The ids of the organizations to belong to, which by itself grants nothing.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    organization_ids: Vec<String>,
    /// How they first sign in (default: `local`).
    #[serde(default)]
    #[schemars(with = "AuthProvider", example = &"local")]
    auth_provider: Option<AuthProvider>,
}

async fn create(allowed: Allowed, Body(input): Body<CreateUser>) -> Result<UserView> {
    let new = NewAccount {
        names: Names::Parts(input.first_name, input.last_name),
        email: input.email,
        login: Some(input.username),
        password: input.password,
        roles: input.role_ids,
        companies: input.organization_ids,
        active: input.active.unwrap_or(true),
        auth_provider: input.auth_provider.map(AuthProvider::word),
    };
    Ok(user::create_account(&allowed.app, &allowed.caller, new).await?.into())
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
    #[schemars(with = "String", length(max = 100), example = &"Doe Updated")]
    last_name: Option<String>,
    /// Whether they may sign in.
    #[serde(default)]
    #[schemars(with = "bool", example = true)]
    active: Option<bool>,
    /// The ids of exactly the roles to have. Takes `user.roles.other`.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 100))]
    role_ids: Option<Vec<String>>,
    /// The ids of exactly the organizations to belong to; those that the caller does not reach stay.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 1000))]
    organization_ids: Option<Vec<String>>,
}

async fn update(allowed: Allowed, Path([id]): Path<1>, Body(input): Body<UpdateUser>) -> Result<UserView> {
    let UpdateUser { first_name, last_name, active, role_ids, organization_ids } = input;
    let change = OtherChange {
        profile: Change { first_name, last_name, ..Change::default() },
        active,
        roles: role_ids,
        companies: organization_ids,
        ..OtherChange::default()
    };
    Ok(user::update(&allowed.app, &allowed.caller, allowed.needed(), &id, change).await?.into())
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    user::delete(&allowed.app, &allowed.caller, &id).await.map(drop)
}
