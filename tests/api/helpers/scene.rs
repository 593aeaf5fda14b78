//! What most tests of credentials begin with.

use super::{Actor, TestApp, Value, fixture, json};

/// The permission scope of the scene's type.
pub const SCOPE: &str = "aws.credentials";

/// A server with its administrator, the company Acme, and the AWS type of the contract's examples.
pub struct Scene {
    pub app: TestApp,
    pub admin: Actor,
    pub acme: String,
    pub aws: String,
}

impl Scene {
    pub async fn start() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let acme = fixture::company(&admin, "Acme").await;
        let aws = fixture::aws_type(&admin, SCOPE).await;
        Self { app, admin, acme, aws }
    }

    /// Stores a credential at Acme with this secret; its path.
    pub async fn credential(&self, secret: &str) -> String {
        let id = fixture::aws_credential(&self.admin, &self.aws, &self.acme, secret).await;
        format!("/v1/credential/credentials/{id}")
    }

    /// The body that stores a credential with these fields at Acme.
    pub fn body(&self, name: &str, fields: &Value) -> Value {
        json!({"name": name, "typeId": self.aws, "companyId": self.acme, "fields": fields})
    }
}

/// The id at the end of a path.
pub fn id_in(path: &str) -> &str {
    path.rsplit('/').next().expect("a path")
}

/// Makes a type with these fields; its path.
pub async fn kind_with(actor: &Actor, name: &str, scope: &str, fields: &Value) -> String {
    let kind = json!({"name": name, "permissionScope": scope, "fields": fields});
    format!("/v1/credential-type/{}", fixture::id_of(&actor.post("/v1/credential-type", &kind).await.data()))
}

/// A field of a type.
pub fn field(id: &str, value_type: &str, required: bool, secure: bool) -> Value {
    json!({"id": id, "name": id, "required": required, "secure": secure, "valueType": value_type})
}

/// The same value of each thing in a list.
#[track_caller]
pub fn all<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let items = list.as_array().expect("a list");
    items.iter().map(|item| item[member].as_str().unwrap_or_default()).collect()
}
