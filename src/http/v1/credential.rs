//! Credentials.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{V1, version};
use crate::access::Permission::{
    CredentialCanary, CredentialCreate, CredentialDelete, CredentialFetch, CredentialFetchMany,
    CredentialFieldsFetch, CredentialFieldsUpdate, CredentialSecureValuesRead, CredentialUpdate,
};
use crate::clock::Timestamp;
use crate::credential::kind::Field;
use crate::credential::value::ValueType;
use crate::credential::{self, Change, Credential, Input, NewCredential, Stored};
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Body, ListQuery, Path, Query, present};
use crate::http::route::{Route, delete, get, patch, post, put};

pub fn routes() -> Vec<Route> {
    vec![
        get("/credential/valuetypes", "Get Value Types", value_types)
            .signed_in()
            .answers::<V1>(StatusCode::OK, "Value Types Fetched Successfully!"),
        get("/credential/credentials/{id}", "Get Credential by ID", fetch)
            .needs([CredentialFetch])
            .answers::<V1>(StatusCode::OK, "Credential Fetched Successfully!"),
        get("/credential/credentials/company/{companyId}", "Get Credentials by Company", of_company)
            .needs([CredentialFetchMany])
            .answers::<V1>(StatusCode::OK, "Company Credentials Fetched Successfully!"),
        post("/credential/credentials", "Create Credential", create)
            .needs([CredentialCreate])
            .sometimes([CredentialCanary])
            .answers::<V1>(StatusCode::CREATED, "Credential Created Successfully!"),
        patch("/credential/credentials/{id}", "Update Credential", update)
            .needs([CredentialUpdate])
            .sometimes([CredentialCanary])
            .answers::<V1>(StatusCode::OK, "Credential Updated Successfully!"),
        put("/credential/credentials/{id}/fields", "Update Credential Fields", update_fields)
            .needs([CredentialUpdate, CredentialFieldsUpdate])
            .answers::<V1>(StatusCode::OK, "Credential Fields Updated Successfully!"),
        get("/credential/credentials/{id}/fields", "Get Credential Fields", fields)
            .needs([CredentialFetch, CredentialFieldsFetch])
            .answers::<V1>(StatusCode::OK, "Credential Fields Fetched Successfully!"),
        get("/credential/credentials/{id}/secure-values", "Read Secure Values", reveal_all)
            .needs([CredentialFetch, CredentialSecureValuesRead])
            .answers::<V1>(StatusCode::OK, "Secure Values Fetched Successfully!"),
        get("/credential/credentials/{id}/secure-values/{fieldId}", "Read Single Secure Value", reveal_one)
            .needs([CredentialFetch, CredentialSecureValuesRead])
            .answers::<V1>(StatusCode::OK, "Secure Value Fetched Successfully!"),
        delete("/credential/credentials/{id}", "Delete Credential", remove)
            .needs([CredentialDelete])
            .answers::<V1>(StatusCode::OK, "Credential Deleted Successfully!"),
        get("/credential/credentials/{id}/versions", "Get Credential Versions", version::list)
            .needs([CredentialFetch])
            .answers::<V1>(StatusCode::OK, "Credential Versions Fetched Successfully!"),
        post(
            "/credential/credentials/{id}/versions/{number}/restore",
            "Restore Credential Version",
            version::restore,
        )
        .needs([CredentialUpdate])
        .answers::<V1>(StatusCode::OK, "Credential Version Restored Successfully!"),
    ]
}

/// A credential, without its secure values.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialView {
    /// The credential's id.
    id: Uuid,
    /// Its name.
    #[schemars(example = &"Production AWS Credentials")]
    name: String,
    /// Free text.
    #[schemars(example = &"Used for production S3 access")]
    notes: Option<String>,
    /// The id of its type.
    type_id: Uuid,
    /// The id of its company.
    company_id: Uuid,
    /// Every field of its type, in order.
    fields: Vec<FieldView>,
    /// Its type.
    #[serde(rename = "type")]
    kind: KindView,
    /// Its company.
    company: CompanyView,
    /// Whether it is a canary, for those who hold `credential.canary` on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<bool>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A field with its value.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FieldView {
    #[serde(flatten)]
    field: Field,
    /// The value; `null` where there is none, and always for a secure field.
    #[schemars(example = &"AKIAIOSFODNN7EXAMPLE")]
    value: Option<String>,
}

/// A credential's type.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KindView {
    id: Uuid,
    #[schemars(example = &"AWS")]
    name: String,
    fields: Vec<Field>,
    /// The first part of the type's permission nodes.
    #[schemars(example = &"aws.credentials")]
    permission_scope: String,
}

/// A credential's company.
#[derive(Serialize, JsonSchema)]
struct CompanyView {
    id: Uuid,
    #[schemars(example = &"Acme Corp")]
    name: String,
}

impl From<Credential> for CredentialView {
    fn from(credential: Credential) -> Self {
        let Credential { id, name, notes, kind, company, mut plain_values, canary, created_at, updated_at } =
            credential;
        let fields = kind.fields.iter().map(|field| FieldView {
            value: if field.secure { None } else { plain_values.remove(&field.id) },
            field: field.clone(),
        });
        Self {
            id,
            name,
            notes,
            type_id: kind.id,
            company_id: company.id,
            fields: fields.collect(),
            company: CompanyView { id: company.id, name: company.name },
            kind: KindView {
                id: kind.id,
                name: kind.name,
                fields: kind.fields,
                permission_scope: kind.permission_scope,
            },
            canary,
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
        }
    }
}

async fn value_types(_: Allowed) -> Result<[ValueType; 6]> {
    Ok(ValueType::ALL)
}

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<CredentialView> {
    Ok(credential::find(&allowed.app, &allowed.caller, allowed.needed(), &id).await?.into())
}

async fn of_company(
    allowed: Allowed,
    Path([id]): Path<1>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<CredentialView>> {
    let (search, paging) = (query.search(), query.paging());
    let credentials = credential::list_of_company(&allowed.app, &allowed.caller, &id, search, paging).await?;
    Ok(credentials.map(CredentialView::from).into())
}

/// A credential to be stored.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateCredential {
    /// Its name; two credentials may share one.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Production AWS Credentials")]
    name: String,
    /// Free text.
    #[serde(default)]
    #[schemars(length(max = 10000), example = &"Used for production S3 access")]
    notes: Option<String>,
    /// The id of its type.
    type_id: String,
    /// The id of its company.
    company_id: String,
    /// Whether it is a canary, whose every reveal is an alarm. Takes `credential.canary`.
    #[serde(default)]
    #[schemars(with = "bool", example = false)]
    canary: Option<bool>,
    /// Its values. A field that is not required may be left out.
    #[serde(default)]
    #[schemars(length(max = 200))]
    fields: Vec<FieldInput>,
}

/// A value for a field.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct FieldInput {
    /// Of no meaning: what an answer gave may be sent back.
    #[serde(default, rename = "id")]
    #[schemars(extend("deprecated" = true))]
    _id: Option<String>,
    /// The field of the type.
    #[schemars(example = &"accessKeyId")]
    field_id: String,
    /// The value, at most 64 KiB; `null` clears it.
    #[schemars(with = "String", extend("type" = ["string", "null"]), example = &"AKIAIOSFODNN7EXAMPLE")]
    value: Option<SecretString>,
}

fn inputs(values: Vec<FieldInput>) -> Vec<Input> {
    values.into_iter().map(|value| Input { field_id: value.field_id, value: value.value }).collect()
}

async fn create(allowed: Allowed, Body(input): Body<CreateCredential>) -> Result<CredentialView> {
    let new = NewCredential {
        name: input.name,
        notes: input.notes,
        type_id: input.type_id,
        company_id: input.company_id,
        canary: input.canary,
        fields: inputs(input.fields),
    };
    Ok(credential::create(&allowed.app, &allowed.caller, new).await?.into())
}

/// A change of a credential. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateCredential {
    /// Its name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Staging AWS")]
    name: Option<String>,
    /// Free text; `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(max = 10000))]
    notes: Option<Option<String>>,
    /// Whether it is a canary. Takes `credential.canary`.
    #[serde(default)]
    #[schemars(with = "bool", example = false)]
    canary: Option<bool>,
    /// Values; a field that is left out keeps its own.
    #[serde(default)]
    #[schemars(length(max = 200))]
    fields: Vec<FieldInput>,
}

async fn update(
    allowed: Allowed,
    Path([id]): Path<1>,
    Body(input): Body<UpdateCredential>,
) -> Result<CredentialView> {
    let UpdateCredential { name, notes, canary, fields } = input;
    let change = Change { name, notes, canary, fields: inputs(fields) };
    Ok(credential::update(&allowed.app, &allowed.caller, allowed.needed(), &id, change).await?.into())
}

/// New values; a field that is left out keeps its own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateFields {
    /// The values.
    #[schemars(length(max = 200))]
    fields: Vec<FieldInput>,
}

async fn update_fields(
    allowed: Allowed,
    Path([id]): Path<1>,
    Body(input): Body<UpdateFields>,
) -> Result<CredentialView> {
    let change = Change { fields: inputs(input.fields), ..Change::default() };
    Ok(credential::update(&allowed.app, &allowed.caller, allowed.needed(), &id, change).await?.into())
}

/// A stored value.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StoredValue {
    /// The value's own id.
    id: String,
    /// The field.
    #[schemars(example = &"secretAccessKey")]
    field_id: String,
    /// The value; of a secure field the sealed bytes in base64.
    #[schemars(example = &"AQAAAAG7...")]
    value: String,
}

async fn fields(allowed: Allowed, Path([id]): Path<1>) -> Result<Vec<StoredValue>> {
    let (credential, values) =
        credential::stored_values(&allowed.app, &allowed.caller, allowed.needed(), &id).await?;
    let view = |(field_id, value): (String, Stored)| StoredValue {
        id: format!("{credential}-{field_id}"),
        field_id,
        value: match value {
            Stored::Plain(text) => text,
            Stored::Sealed(bytes) => STANDARD.encode(bytes),
        },
    };
    Ok(values.into_iter().map(view).collect())
}

/// A plaintext on its way to the one who may see it.
#[derive(JsonSchema)]
#[schemars(inline)]
struct Revealed(
    #[schemars(with = "String", example = &"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")] SecretString,
);

impl Serialize for Revealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

/// Every secure value, by field id.
#[derive(JsonSchema)]
struct SecureValues(
    #[schemars(with = "std::collections::BTreeMap<String, Revealed>")] Vec<(String, Revealed)>,
);

impl Serialize for SecureValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, value)| (field, value)))
    }
}

async fn reveal_all(allowed: Allowed, Path([id]): Path<1>) -> Result<SecureValues> {
    let values = credential::reveal_all(&allowed.app, &allowed.caller, allowed.needed(), &id).await?;
    Ok(SecureValues(values.into_iter().map(|(field, value)| (field, Revealed(value))).collect()))
}

/// One secure value.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SecureValue {
    /// The field.
    #[schemars(example = &"secretAccessKey")]
    field_id: String,
    /// Its value; `null` where it has none.
    value: Option<Revealed>,
}

async fn reveal_one(allowed: Allowed, Path([id, field_id]): Path<2>) -> Result<SecureValue> {
    let value =
        credential::reveal_one(&allowed.app, &allowed.caller, allowed.needed(), &id, &field_id).await?;
    Ok(SecureValue { field_id, value: value.map(Revealed) })
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    credential::delete(&allowed.app, &allowed.caller, allowed.needed(), &id).await
}
