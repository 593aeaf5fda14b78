//! One's own account.

use std::sync::Arc;

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::V1;
use crate::access::Permission::{UserRead, UserWrite};
use crate::access::{Grants, permission, sign_in};
use crate::clock::Timestamp;
use crate::error::{Error, Result, Step, Violation};
use crate::http::guard::Allowed;
use crate::http::input::{Body, present};
use crate::http::route::{Route, get, patch, post};
use crate::user::{self, User};
use crate::{company, id};

pub fn routes() -> Vec<Route> {
    vec![
        get("/user/@me", "Get Current User", me)
            .needs([UserRead])
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Fetched user."),
        patch("/user/@me", "Update Current User", update_me)
            .needs([UserWrite])
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Successfully updated user."),
        post("/user/@me/password", "Change Password", change_password)
            .needs([UserWrite])
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Password Changed Successfully!"),
        post("/user/@me/check-permission", "Check User Permissions", check_permission)
            .needs([UserRead])
            .answers::<V1>(StatusCode::OK, "Permission check completed."),
    ]
}

/// A person with an account.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// The account's id.
    id: Uuid,
    /// The display name.
    #[schemars(example = &"Jane Doe")]
    name: String,
    /// The e-mail address.
    #[schemars(example = &"jane.doe@example.com")]
    email: Option<String>,
    /// The name for signing in.
    #[schemars(example = &"jane.doe")]
    login: String,
    /// The address of a picture.
    #[schemars(example = &"https://example.com/avatar.jpg")]
    image: Option<String>,
    /// Whether they may sign in.
    #[schemars(example = true)]
    active: bool,
    /// The monikers of the roles.
    #[schemars(example = ["admin"])]
    roles: Vec<String>,
    /// The ids of the companies that they belong to.
    company_ids: Vec<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            login: user.login,
            image: user.image,
            active: user.active,
            roles: user.roles,
            company_ids: user.company_ids,
            created_at: Timestamp(user.created_at),
            updated_at: Timestamp(user.updated_at),
        }
    }
}

async fn me(allowed: Allowed) -> Result<UserView> {
    Ok(user::own(&allowed.app, &allowed.caller).await?.into())
}

/// The address of a picture that no client can be made to run: SVG is left out.
pub const PICTURE: &str = "^(https?://|data:image/(png|jpeg|gif|webp);)";

/// A change of one's own account. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateMe {
    /// The display name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Jane Doe")]
    name: Option<String>,
    /// The http, https or data address of a picture; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(
        with = "Option<String>",
        length(max = 65536),
        regex(pattern = PICTURE)
    )]
    #[schemars(example = &"https://example.com/avatar.jpg")]
    image: Option<Option<String>>,
}

async fn update_me(allowed: Allowed, Body(input): Body<UpdateMe>) -> Result<UserView> {
    let name = input.name.map(|name| name.trim().to_owned());
    let change = user::Change { name, image: input.image, ..user::Change::default() };
    Ok(user::update_own(&allowed.app, &allowed.caller, &change).await?.into())
}

/// Another password.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangePassword {
    /// The password so far.
    #[schemars(with = "String", example = &"correct horse battery staple")]
    current_password: SecretString,
    /// The new one: 10 characters to 1 KiB, none of the commonest, not the login or the e-mail address.
    #[schemars(with = "String", example = &"another horse battery staple")]
    new_password: SecretString,
}

async fn change_password(allowed: Allowed, Body(input): Body<ChangePassword>) -> Result<()> {
    let ChangePassword { current_password, new_password } = input;
    sign_in::change_password(&allowed.app, &allowed.caller, current_password, new_password).await
}

/// Which nodes to check, and where.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckPermission {
    /// Nodes or wildcards.
    #[schemars(length(max = 1000), example = ["user.read", "company.create"])]
    permissions: Vec<String>,
    /// The company in which to check; everywhere without it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub company_id: Option<String>,
}

/// What came out, in the order of the question.
#[derive(Serialize, JsonSchema)]
pub struct Checked {
    results: Vec<CheckedPermission>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct CheckedPermission {
    /// The node or wildcard.
    #[schemars(example = &"user.read")]
    permission: String,
    /// Whether all that it covers is held.
    #[schemars(example = true)]
    has_permission: bool,
}

async fn check_permission(allowed: Allowed, Body(input): Body<CheckPermission>) -> Result<Checked> {
    let grants = Arc::clone(&allowed.caller.grants);
    answer(&allowed, &grants, input).await
}

/// Checks what somebody holds.
pub async fn answer(allowed: &Allowed, grants: &Grants, input: CheckPermission) -> Result<Checked> {
    let malformed = |(index, _): (usize, &String)| {
        let path: [Step; 2] = ["permissions".into(), index.into()];
        Violation::new(path, "Must be a permission node, a node ending in '.*', or '*'")
    };
    let asked = input.permissions.iter().enumerate();
    let violations: Vec<_> = asked.filter(|(_, node)| !permission::is_grant(node)).map(malformed).collect();
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let company = match &input.company_id {
        Some(identifier) => Some(seen_company(allowed, identifier).await?),
        None => None,
    };
    let results = input.permissions.into_iter().map(|permission| CheckedPermission {
        has_permission: company
            .map_or_else(|| grants.hold(&permission), |id| grants.hold_in(id, &permission)),
        permission,
    });
    Ok(Checked { results: results.collect() })
}

/// The id of a company, where there is one that the caller knows of.
async fn seen_company(allowed: &Allowed, identifier: &str) -> Result<Uuid> {
    let missing = || company::not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let is_there = company::is_seen(&allowed.caller, id) && company::exists(&allowed.app, id).await?;
    if is_there { Ok(id) } else { Err(missing()) }
}
