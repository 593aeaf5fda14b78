//! The accounts of others.

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::V1;
use super::user::{self as own, CheckPermission, Checked, PICTURE, UserView};
use crate::access::Permission::{
    RoleRead, UserCreate, UserDeleteOther, UserListOther, UserPermissionsOther, UserReadOther,
    UserRolesOther, UserWrite, UserWriteOther,
};
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Body, ListQuery, Path, Query, present};
use crate::http::route::{Route, delete, get, patch, post};
use crate::role::Role;
use crate::user::{self, Change, Names, NewAccount, OtherChange, Wanted};

pub fn routes() -> Vec<Route> {
    vec![
        get("/user/users", "Get All Users", list)
            .needs([UserReadOther, UserListOther])
            .answers::<V1>(StatusCode::OK, "Users Fetched Successfully!"),
        post("/user/users", "Create User", create)
            .needs([UserCreate])
            .answers::<V1>(StatusCode::CREATED, "User Created Successfully!"),
        get("/user/users/{identifier}", "Get User by ID", fetch)
            .needs([UserReadOther])
            .answers::<V1>(StatusCode::OK, "User Fetched Successfully!"),
        patch("/user/users/{identifier}", "Update User by ID", update)
            .needs([UserWriteOther])
            .sometimes([UserRolesOther, UserPermissionsOther])
            .answers::<V1>(StatusCode::OK, "User Updated Successfully!"),
        post("/user/users/{identifier}/password", "Change Password by ID", change_password)
            .needs([UserWriteOther])
            .sometimes([UserWrite])
            .answers::<V1>(StatusCode::OK, "Password Changed Successfully!"),
        delete("/user/users/{identifier}", "Delete User by ID", remove)
            .needs([UserDeleteOther])
            .answers::<V1>(StatusCode::OK, "User Deleted Successfully!"),
        get("/user/users/{identifier}/roles", "Get User Roles", roles)
            .needs([UserReadOther, RoleRead])
            .answers::<V1>(StatusCode::OK, "User Roles Fetched Successfully!"),
        post(
            "/user/users/{identifier}/check-permission",
            "Check User Permissions (Other User)",
            check_permission,
        )
        .needs([UserReadOther])
        .answers::<V1>(StatusCode::OK, "Permission check completed."),
    ]
}

async fn list(allowed: Allowed, Query(query): Query<ListQuery>) -> Result<Listed<UserView>> {
    let wanted = Wanted { search: query.search(), company: None };
    let users = user::list(&allowed.app, &allowed.caller, wanted, query.paging()).await?;
    Ok(users.map(UserView::from).into())
}

/// An account to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateUser {
    /// The display name.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Jane Doe")]
    name: String,
    /// The e-mail address; no two accounts share one.
    #[schemars(length(min = 3, max = 320), example = &"jane.doe@example.com")]
    email: String,
    /// The name for signing in; the e-mail address where it is left out. No two accounts share one.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 320), example = &"jane.doe")]
    login: Option<String>,
    /// The password, 10 characters to 1 KiB. Without one the person cannot sign in by password.
    #[serde(default)]
    #[schemars(with = "String", example = &"correct horse battery staple")]
    password: Option<SecretString>,
    /// The ids or monikers of exactly the roles to give; the role `user` where it is left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 100), example = ["user"])]
    roles: Option<Vec<String>>,
    /// The ids of the companies to belong to, which by itself grants nothing.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 1000), example = Vec::<String>::new())]
    company_ids: Option<Vec<String>>,
}

async fn create(allowed: Allowed, Body(input): Body<CreateUser>) -> Result<UserView> {
    let new = NewAccount {
        names: Names::Whole(input.name),
        email: input.email,
        login: input.login,
        password: input.password,
        roles: input.roles,
        companies: input.company_ids.unwrap_or_default(),
        active: true,
        auth_provider: None,
    };
    Ok(user::create_account(&allowed.app, &allowed.caller, new).await?.into())
}

async fn fetch(allowed: Allowed, Path([identifier]): Path<1>) -> Result<UserView> {
    Ok(user::find(&allowed.app, &allowed.caller, allowed.needed(), &identifier).await?.into())
}

/// A change of somebody's account. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateUser {
    /// The display name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Jane Doe")]
    name: Option<String>,
    /// The e-mail address; no two accounts share one. Takes that one holds all that the account does.
    #[serde(default)]
    #[schemars(with = "String", length(min = 3, max = 320), example = &"jane.doe@example.com")]
    email: Option<String>,
    /// The http, https or data address of a picture; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(
        with = "Option<String>",
        length(max = 65536),
        regex(pattern = PICTURE)
    )]
    #[schemars(example = &"https://example.com/avatar.jpg")]
    image: Option<Option<String>>,
    /// Whether they may sign in.
    #[serde(default)]
    #[schemars(with = "bool", example = true)]
    active: Option<bool>,
    /// The ids or monikers of exactly the roles to have. Takes `user.roles.other`.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 100), example = ["user"])]
    roles: Option<Vec<String>>,
    /// The ids of exactly the companies to belong to; those that the caller does not reach stay.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 1000), example = Vec::<String>::new())]
    company_ids: Option<Vec<String>>,
    /// Exactly the nodes to hold directly. Takes `user.permissions.other`.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 1000), example = ["credential.fetch"])]
    permissions: Option<Vec<String>>,
}

async fn update(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Body(input): Body<UpdateUser>,
) -> Result<UserView> {
    let change = OtherChange {
        profile: Change {
            name: input.name.map(|name| name.trim().to_owned()),
            email: input.email,
            image: input.image,
            ..Change::default()
        },
        active: input.active,
        roles: input.roles,
        companies: input.company_ids,
        permissions: input.permissions,
        ..OtherChange::default()
    };
    Ok(user::update(&allowed.app, &allowed.caller, allowed.needed(), &identifier, change).await?.into())
}

/// Another password for somebody. Takes that one holds all that their account does.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetPassword {
    /// The password so far; one's own account takes it.
    #[serde(default)]
    #[schemars(with = "String", example = &"correct horse battery staple")]
    current_password: Option<SecretString>,
    /// The new one: 10 characters to 1 KiB, none of the commonest, not the login or the e-mail address.
    #[schemars(with = "String", example = &"another horse battery staple")]
    new_password: SecretString,
}

async fn change_password(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Body(input): Body<SetPassword>,
) -> Result<()> {
    let SetPassword { current_password, new_password } = input;
    user::change_password(&allowed.app, &allowed.caller, &identifier, current_password, new_password).await
}

async fn remove(allowed: Allowed, Path([identifier]): Path<1>) -> Result<UserView> {
    Ok(user::delete(&allowed.app, &allowed.caller, &identifier).await?.into())
}

/// A role that somebody has.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RoleOfUser {
    /// The role's id.
    id: Uuid,
    /// Its name for people.
    #[schemars(example = &"Administrator")]
    title: String,
    /// Its name for programs.
    #[schemars(example = &"admin")]
    moniker: String,
    /// The nodes that it grants.
    #[schemars(example = ["*"])]
    permissions: Vec<String>,
    /// The company inside which it grants them; everywhere where `null`.
    company_id: Option<Uuid>,
}

impl From<Role> for RoleOfUser {
    fn from(role: Role) -> Self {
        let Role { id, title, moniker, permissions, company_id, .. } = role;
        Self { id, title, moniker, permissions, company_id }
    }
}

async fn roles(allowed: Allowed, Path([identifier]): Path<1>) -> Result<Vec<RoleOfUser>> {
    let roles = user::roles(&allowed.app, &allowed.caller, &identifier).await?;
    Ok(roles.into_iter().map(RoleOfUser::from).collect())
}

async fn check_permission(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Body(input): Body<CheckPermission>,
) -> Result<Checked> {
    let company = input.company_id.as_deref();
    let grants = user::holds(&allowed.app, &allowed.caller, allowed.needed(), &identifier, company).await?;
    own::answer(&allowed, &grants, input).await
}
