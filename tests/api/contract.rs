//! The documented examples of the native contract, sent and held against their documented answers; and
//! every documented route, today's and the older ones, against the route table.

use std::collections::HashMap;

use reqwest::Method;

use crate::helpers::connectwise::{self, TestConnectWise};
use crate::helpers::fixture::{aws_credential, aws_type, company, id_of, unique};
use crate::helpers::people::person;
use crate::helpers::{Actor, Answer, TestApp, Value, json};

/// The documented requests in an order that works, each with the documented answer. `$name` stands for an
/// id; `$object` and `$array` for what the documents abridge. Where they show but one of a credential's
/// fields, all are here.
const EXAMPLES: &str = include_str!("contract/examples.json");

/// Documented routes whose examples take a sign-in provider, which `sign_in.rs` has and this has not.
const UNSENT: [&str; 2] = ["GET /auth/uri", "GET /auth/redirect"];

const ROUTES: [&str; 43] = [
    "GET /auth/uri",
    "GET /auth/redirect",
    "POST /auth/refresh",
    "GET /user/@me",
    "PATCH /user/@me",
    "POST /user/@me/check-permission",
    "GET /user/users",
    "GET /user/users/{}",
    "PATCH /user/users/{}",
    "DELETE /user/users/{}",
    "GET /user/users/{}/roles",
    "POST /user/users/{}/check-permission",
    "GET /company/companies",
    "GET /company/companies/{}",
    "GET /company/companies/{}/configurations",
    "GET /credential/valuetypes",
    "GET /credential/credentials/{}",
    "GET /credential/credentials/company/{}",
    "POST /credential/credentials",
    "PATCH /credential/credentials/{}",
    "PUT /credential/credentials/{}/fields",
    "GET /credential/credentials/{}/fields",
    "GET /credential/credentials/{}/secure-values",
    "GET /credential/credentials/{}/secure-values/{}",
    "DELETE /credential/credentials/{}",
    "GET /credential-type/{}",
    "GET /credential-type",
    "POST /credential-type",
    "PATCH /credential-type/{}",
    "DELETE /credential-type/{}",
    "GET /credential-type/{}/credentials",
    "POST /role",
    "GET /role/{}",
    "GET /role",
    "PATCH /role/{}",
    "DELETE /role/{}",
    "POST /role/{}/permissions",
    "DELETE /role/{}/permissions",
    "GET /role/{}/users",
    "GET /permissions",
    "GET /permissions/nodes",
    "GET /permissions/{}",
    "GET /teapot",
];

/// Routes that the oldest documents have elsewhere than today's.
const OLDER_ROUTES: [&str; 6] = [
    "GET /credential-type/credential-types/{}",
    "GET /credential-type/credential-types",
    "POST /credential-type/credential-types",
    "PATCH /credential-type/credential-types/{}",
    "DELETE /credential-type/credential-types/{}",
    "GET /credential-type/credential-types/{}/credentials",
];

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What of the documented shape `actual` lacks: every documented member must be there, with the
/// documented type; every item of a list must be like a documented one.
pub fn differences(documented: &Value, actual: &Value, at: &str) -> Vec<String> {
    let kind = match documented.as_str() {
        Some("$object") => "object",
        Some("$array") => "array",
        _ => kind_of(documented),
    };
    if kind != kind_of(actual) {
        return vec![format!("{at} is {} and not {kind}", kind_of(actual))];
    }
    match (documented, actual) {
        (Value::Object(members), _) => members
            .iter()
            .flat_map(|(name, member)| match actual.get(name) {
                Some(value) => differences(member, value, &format!("{at}.{name}")),
                None => vec![format!("{at}.{name} is missing")],
            })
            .collect(),
        (Value::Array(models), Value::Array(items)) if !models.is_empty() => {
            let unlike = |(index, item): (usize, &Value)| {
                let place = format!("{at}[{index}]");
                let all: Vec<_> = models.iter().map(|model| differences(model, item, &place)).collect();
                if all.iter().any(Vec::is_empty) { Vec::new() } else { all.into_iter().flatten().collect() }
            };
            items.iter().enumerate().flat_map(unlike).collect()
        }
        _ => Vec::new(),
    }
}

/// Those who send the examples, and the things that these name.
struct Stage {
    app: TestApp,
    admin: Actor,
    writer: Actor,
    ids: HashMap<String, String>,
}

impl Stage {
    async fn set() -> Self {
        let connectwise = connectwise().await;
        let variables = connectwise.variables();
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let app = TestApp::start_with(&variables).await;
        let admin = app.admin().await;
        let image = json!({"image": "https://example.com/avatar.jpg"});
        let moderator = json!({"title": "Moderator", "moniker": "moderator", "permissions": ["user.read"]});
        admin.post("/v1/role", &moderator).await.expect(201);
        let john = person(&app, &admin, &["user", "moderator"]).await;
        let writer = app.holder_of(&["user.write.other"]).await;
        for somebody in [&john, &writer] {
            somebody.patch("/v1/user/@me", &image).await.expect(200);
        }
        let acme = company(&admin, "Acme Corp").await;
        company(&admin, "Beta Corp").await;
        let from_connectwise = "update companies set cw_company_id = ascii(name), cw_identifier = name";
        sqlx::query(from_connectwise).execute(app.pool()).await.unwrap();
        let kind = aws_kind(&admin).await;
        let credential =
            aws_credential(&admin, &kind, &acme, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").await;
        let fields = json!({"fields": [{"fieldId": "apiKey", "value": "sk_live_123456789abcdef"}]});
        admin.put(&format!("/v1/credential/credentials/{credential}/fields"), &fields).await.expect(200);
        let ids = [("user", john.id), ("company", acme), ("type", kind), ("credential", credential)];
        let ids = ids.into_iter().map(|(name, id)| (name.to_owned(), id)).collect();
        Self { app, admin, writer, ids }
    }

    fn filled(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("${name}"), id))
    }

    async fn send(&self, example: &Value) -> Answer {
        let (method, path) = example["call"].as_str().unwrap().split_once(' ').unwrap();
        let nobody = self.app.nobody();
        let sender = match example["as"].as_str() {
            None => &self.admin,
            Some("writer") => &self.writer,
            Some(_) => &nobody,
        };
        let path = format!("/v1{}", self.filled(path));
        let mut request = sender.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        if example["as"] == "refresher" {
            request = request.header("x-refresh-token", self.admin.refresh_token.as_deref().unwrap());
        }
        match example.get("request") {
            Some(body) => {
                request.json(&serde_json::from_str(&self.filled(&body.to_string())).unwrap()).send().await
            }
            None => request.send().await,
        }
    }
}

/// The ConnectWise that the companies of the examples come from.
async fn connectwise() -> TestConnectWise {
    let mut acme = connectwise::company(i64::from(b'A'), "Acme Corp");
    acme.as_object_mut().unwrap().remove("addressLine2");
    let connectwise =
        TestConnectWise::start([acme, connectwise::company(i64::from(b'B'), "Beta Corp")]).await;
    connectwise.world().configure(connectwise::configuration(9812, i64::from(b'A'), "NWD-SRV-01"));
    connectwise
}

/// The type of the examples, which has an API key besides.
async fn aws_kind(admin: &Actor) -> String {
    let kind = aws_type(admin, "aws.credentials").await;
    let path = format!("/v1/credential-type/{kind}");
    let mut fields = admin.get(&path).await.data()["fields"].clone();
    fields[3] = json!({"id": "apiKey", "name": "API Key", "required": false, "secure": true, "valueType": "password"});
    fields.as_array_mut().unwrap().remove(2);
    admin.patch(&path, &json!({"name": "AWS", "fields": fields})).await.expect(200);
    kind
}

#[tokio::test]
async fn every_documented_example_is_answered_as_documented() {
    let mut stage = Stage::set().await;
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();
    for example in &examples {
        let (call, documented) = (&example["call"], &example["answer"]);
        let answer = stage.send(example).await;
        let status = u16::try_from(documented["status"].as_u64().unwrap()).unwrap();
        let body = answer.expect(status);
        for name in ["message", "error", "successful"] {
            let is_said = documented.get(name).is_some();
            assert!(!is_said || body.get(name) == documented.get(name), "{call}: {}", answer.text);
        }
        assert_eq!(differences(documented, &body, "answer"), [""; 0], "{call}: {}", answer.text);
        assert_ne!(body["data"], json!([]), "{call} lists nothing to compare");
        if let Some(name) = example["keep"].as_str() {
            stage.ids.insert(name.to_owned(), id_of(&body["data"]));
        }
    }
    let shape = |call: &Value| {
        let call = call.as_str().unwrap().split('?').next().unwrap();
        let of_type = call.replace("/credential-type/aws", "/credential-type/$type");
        of_type.replace("/permissions/company", "/permissions/$category")
    };
    let sent: Vec<_> = examples.iter().map(|example| shape(&example["call"])).collect();
    for route in ROUTES.iter().filter(|route| !UNSENT.contains(route)) {
        let is_example = |call: &String| same_place(route, call);
        assert!(sent.iter().any(is_example), "no example of {route} is sent");
    }
}

/// Whether a call is one of a route.
fn same_place(route: &str, call: &str) -> bool {
    let (route, call): (Vec<_>, Vec<_>) = (route.split('/').collect(), call.split('/').collect());
    route.len() == call.len() && route.iter().zip(&call).all(|(part, sent)| *part == "{}" || part == sent)
}

/// A route as the lists here write it.
pub fn written(method: &Method, path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    format!("{method} {}", path.split('/').map(part).collect::<Vec<_>>().join("/"))
}

#[test]
fn every_documented_route_is_in_the_table() {
    let table = ttscm::http::v1::routes();
    let rows = || table.iter().map(|route| &route.row);
    let today: Vec<_> = rows().map(|row| written(&row.method, row.path)).collect();
    for route in ROUTES {
        assert!(today.iter().any(|known| known == route), "{route}");
    }
    let older: Vec<_> =
        rows().flat_map(|row| row.aliases.iter().map(|path| written(&row.method, path))).collect();
    for route in OLDER_ROUTES {
        assert!(older.iter().any(|known| known == route), "{route}");
    }
}

#[tokio::test]
async fn older_paths_answer_as_todays_and_say_that_they_are_old() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (new, old) = ("/v1/credential-type", "/v1/credential-type/credential-types");
    let body =
        |name: &str| json!({"name": name, "permissionScope": format!("scope{}", unique()), "fields": []});
    let made = admin.post(old, &body("Old")).await;
    let id = id_of(&made.data());
    let edit = json!({"name": "Older"});
    let changed = admin.patch(&format!("{old}/{id}"), &edit).await;
    changed.expect(200);
    for answer in [&made, &changed] {
        assert_eq!(answer.header("deprecation"), "@1771286400");
    }
    for below in ["", &format!("/{id}"), "/older", &format!("/{id}/credentials"), "/nope"] {
        let (today, before) =
            (admin.get(&format!("{new}{below}")).await, admin.get(&format!("{old}{below}")).await);
        assert_eq!((before.status, &before.text), (today.status, &today.text), "{below}");
        assert_eq!(
            (before.header("deprecation"), today.header("deprecation")),
            ("@1771286400", ""),
            "{below}"
        );
    }
    assert_eq!(app.nobody().get(old).await.expect(401)["message"], "Unauthorized");
    let deleted = admin.delete(&format!("{old}/{id}")).await;
    assert_eq!(deleted.expect(200)["message"], "Credential Type Deleted Successfully!");
    assert_eq!(deleted.header("deprecation"), "@1771286400");
}
