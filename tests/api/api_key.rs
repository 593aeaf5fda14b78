//! API keys: how they are made, what they open, and when they no longer do.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use ttscm::access::{Origin, key};
use ttscm::clock::Clock;
use ttscm::http::{itsm, rbac, v1};

use crate::helpers::fixture::{hexadecimal, id_of};
use crate::helpers::keys::{KEYS, Key, key, key_in, key_of};
use crate::helpers::people::{give_nodes, person, role};
use crate::helpers::scene::{all, id_in};
use crate::helpers::{Actor, Scene, TestApp, Value, json, log};

const COMPANIES: &str = "/v1/company/companies";

/// A technician who may make keys and list companies.
async fn technician(app: &TestApp, admin: &Actor) -> Actor {
    let role = role(admin, &["api_key.create", "company.fetch.many"]).await;
    person(app, admin, &["user", &role]).await
}

async fn is_refused(service: &Actor) {
    let expected = json!({"status": 401, "message": "Unauthorized", "successful": false});
    assert_eq!(service.get(COMPANIES).await.expect(401), expected);
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_key_is_shown_once_and_listed_without_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let new = json!({"name": "  Nightly backup ", "permissions": ["company.*", "user.read", "company.*"]});
    let mut made = admin.post(KEYS, &new).await.expect(201);
    assert_eq!(made["message"], "API Key Created Successfully!");
    let mut data = made["data"].take();
    let key = data["key"].take().as_str().unwrap().to_owned();
    assert!(key.starts_with("ttscm_") && key.len() == 42, "{key}");
    assert!(key[6..].bytes().all(|letter| letter.is_ascii_alphanumeric()), "{key}");
    let lifetime = time(&data["expiresAt"]) - time(&data["createdAt"]);
    assert_eq!(lifetime.num_days(), 90);
    data.as_object_mut().unwrap().remove("key");
    assert_eq!(
        data,
        json!({
            "id": data["id"], "name": "Nightly backup", "prefix": key[..12], "permissions": ["company.*", "user.read"],
            "companyIds": null, "user": {"id": admin.id, "name": "Administrator"}, "createdAt": data["createdAt"],
            "expiresAt": data["expiresAt"], "lastUsedAt": null, "lastUsedAddress": null
        })
    );
    let listed = admin.get(KEYS).await.expect(200);
    assert_eq!(
        (&listed["message"], &listed["data"]),
        (&json!("API Keys Fetched Successfully!"), &json!([data]))
    );
    let revoked = admin.delete(&format!("{KEYS}/{}", id_of(&data))).await.expect(200);
    assert_eq!((&revoked["message"], &revoked["data"]), (&json!("API Key Deleted Successfully!"), &data));
    assert_eq!(admin.get(KEYS).await.data(), json!([]));
    admin.delete(&format!("{KEYS}/{}", id_of(&data))).await.expect(404);
}

#[tokio::test]
async fn a_key_opens_the_routes_of_its_nodes_and_the_record_names_it() {
    let scene = Scene::start().await;
    let key = key(&scene.admin, &["credential.*", "company.fetch.many"]).await;
    let credential = scene.credential("hunter2 hunter2").await;
    let revealed = key.service.get(&format!("{credential}/secure-values/secretAccessKey")).await.data();
    assert_eq!(revealed["value"], "hunter2 hunter2");
    assert_eq!(all(&key.service.get(COMPANIES).await.data(), "name"), ["Acme"]);
    let lacking = key.service.get("/v1/audit").await.expect(403);
    assert_eq!(
        (&lacking["message"], &lacking["required"]),
        (&json!("Insufficient permissions"), &json!(["audit.read"]))
    );
    let made = scene.body(
        "By a service",
        &json!([
            {"fieldId": "accessKeyId", "value": "AKIA"}, {"fieldId": "secretAccessKey", "value": "a secret"}
        ]),
    );
    key.service.post("/v1/credential/credentials", &made).await.expect(201);

    let record = scene.admin.get(&format!("/v1/audit?user={}", key.id)).await.data();
    assert_eq!(all(&record, "action"), ["credential.create", "credential.reveal"]);
    assert_eq!(record[1]["actor"], json!({"id": key.id, "name": "A Service", "kind": "api_key"}));
    assert_eq!(record[1]["target"]["id"], id_in(&credential));
    let of_key = scene.admin.get("/v1/audit?action=api_key.create").await.data();
    assert_eq!(of_key[0]["target"], json!({"kind": "api_key", "id": key.id, "name": "A Service"}));
    scene.admin.delete(&key.path()).await.expect(200);
    let revoked = scene.admin.get("/v1/audit?action=api_key.delete").await.data();
    assert_eq!(
        (&revoked[0]["target"], &revoked[0]["actor"]["id"]),
        (&of_key[0]["target"], &json!(scene.admin.id))
    );
}

#[tokio::test]
async fn a_key_works_in_every_contract() {
    let scene = Scene::start().await;
    let key = key(&scene.admin, &["company.fetch", "company.fetch.many"]).await;
    let organizations = key.service.get("/rbac/api/organizations").await.rbac();
    assert_eq!(organizations["organizations"][0]["id"], scene.acme);
    let refused = key.service.get("/rbac/api/roles").await.rbac_error(403);
    assert_eq!(refused, "Insufficient permissions: role.read, role.list");
}

#[tokio::test]
async fn a_key_loses_at_once_what_its_maker_loses() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let maker = technician(&app, &admin).await;
    let key = key(&maker, &["company.fetch.many"]).await;
    let account = format!("/v1/user/users/{}", maker.id);
    key.service.get(COMPANIES).await.expect(200);
    admin.patch(&account, &json!({"roles": ["user"]})).await.expect(200);
    key.service.get(COMPANIES).await.expect(403);
    for _ in 0..3 {
        give_nodes(&admin, &maker.id, &["company.*"]).await.expect(200);
        key.service.get(COMPANIES).await.expect(200);
        give_nodes(&admin, &maker.id, &["company.fetch"]).await.expect(200);
        key.service.get(COMPANIES).await.expect(403);
    }
    // more than it was given it does not get
    give_nodes(&admin, &maker.id, &["*"]).await.expect(200);
    key.service.get(COMPANIES).await.expect(200);
    key.service.get("/v1/audit").await.expect(403);
}

#[tokio::test]
async fn a_key_ends_when_it_is_revoked_or_its_maker_is_disabled_or_gone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for way in 0..3 {
        let maker = technician(&app, &admin).await;
        let (one, other) =
            (key(&maker, &["company.fetch.many"]).await, key(&maker, &["company.fetch.many"]).await);
        for key in [&one, &other] {
            key.service.get(COMPANIES).await.expect(200);
        }
        let account = format!("/v1/user/users/{}", maker.id);
        match way {
            0 => maker.delete(&one.path()).await.expect(200),
            1 => admin.patch(&account, &json!({"active": false})).await.expect(200),
            _ => admin.delete(&account).await.expect(200),
        };
        is_refused(&one.service).await;
        match way {
            0 => drop(other.service.get(COMPANIES).await.expect(200)),
            1 => {
                is_refused(&other.service).await;
                admin.patch(&account, &json!({"active": true})).await.expect(200);
                other.service.get(COMPANIES).await.expect(200);
            }
            _ => is_refused(&other.service).await,
        }
    }
}

#[tokio::test]
async fn a_key_expires_by_itself() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let until = (app.clock.now() + TimeDelta::days(1)).to_rfc3339();
    let body = json!({"name": "For a day", "permissions": ["company.fetch.many"], "expiresAt": until});
    let (short, long) = (key_of(&admin, &body).await, key(&admin, &["company.fetch.many"]).await);
    short.service.get(COMPANIES).await.expect(200);
    app.clock.advance(TimeDelta::days(1));
    is_refused(&short.service).await;
    app.clock.advance(TimeDelta::days(88));
    long.service.get(COMPANIES).await.expect(200);
    app.clock.advance(TimeDelta::days(1));
    is_refused(&long.service).await;
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_a_mistyped_one_without_the_database() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let key = key(&admin, &["company.fetch.many"]).await;
    let last = if key.secret.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &key.secret[..41]);
    for other in [
        &mistyped,
        &key.secret[..41],
        "ttscm_",
        &key.secret.to_lowercase(),
        &key.secret[6..],
        &key.secret[..12],
    ] {
        is_refused(&admin.showing(other)).await;
    }
    // one that is written as a key is, but that nobody made
    let elsewhere = TestApp::start().await;
    let foreign = crate::helpers::keys::key(&elsewhere.admin().await, &["company.fetch.many"]).await;
    is_refused(&admin.showing(&foreign.secret)).await;
    app.pool().close().await;
    is_refused(&admin.showing(&mistyped)).await;
    admin.showing(&foreign.secret).get(COMPANIES).await.expect(503);
}

#[tokio::test]
async fn a_key_is_given_for_an_access_token_that_ends_with_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let maker = technician(&app, &admin).await;
    let key = key(&maker, &["company.fetch.many"]).await;
    let exchange = async |presented: &str| {
        key::exchange(&app.app, &Origin::default(), presented)
            .await
            .map(|token| token.expose_secret().to_owned())
    };
    let token = exchange(&key.secret).await.expect("a token");
    let service = admin.showing(&token);
    service.get(COMPANIES).await.expect(200);
    assert_eq!(service.get("/v1/user/@me").await.expect(403)["message"], OF_ONESELF);
    give_nodes(&admin, &maker.id, &[]).await.expect(200);
    admin.patch(&format!("/v1/user/users/{}", maker.id), &json!({"roles": ["user"]})).await.expect(200);
    service.get(COMPANIES).await.expect(403);
    app.clock.advance(TimeDelta::minutes(16));
    is_refused(&service).await;

    let service = admin.showing(&exchange(&key.secret).await.expect("a token"));
    service.get(COMPANIES).await.expect(403);
    admin.showing(&key.secret).get(COMPANIES).await.expect(403);
    let admin = app.admin().await;
    admin.delete(&key.path()).await.expect(200);
    is_refused(&service).await;
    for presented in [key.secret.as_str(), &token, admin.token.as_ref().unwrap(), "", "ttscm_"] {
        let refusal = exchange(presented).await.expect_err("no token").to_string();
        assert_eq!(refusal, "Invalid API key", "{presented}");
    }
    let record = admin.get("/v1/audit?action=api_key.exchange").await.data();
    assert_eq!(
        all(&record, "outcome"),
        ["denied", "denied", "denied", "denied", "denied", "success", "success"]
    );
    assert_eq!(record[4]["target"], json!({"kind": "api_key", "id": key.id, "name": "A Service"}));
    assert_eq!(record[4]["actor"], json!({"id": null, "name": "unknown", "kind": "user"}));
    assert_eq!(record[6]["actor"], json!({"id": key.id, "name": "A Service", "kind": "api_key"}));
}

#[tokio::test]
async fn failed_exchanges_count_against_the_address_and_a_good_key_waits_too() {
    let app = TestApp::start().await;
    let key = key(&app.admin().await, &["company.fetch.many"]).await;
    let origin = Origin { address: Some([203, 0, 113, 9].into()), ..Origin::default() };
    for _ in 0..100 {
        let refusal = key::exchange(&app.app, &origin, "ttscm_x").await.expect_err("no token").to_string();
        assert_eq!(refusal, "Invalid API key");
    }
    for presented in ["ttscm_x", &key.secret] {
        let refusal = key::exchange(&app.app, &origin, presented).await.expect_err("no token").to_string();
        assert_eq!(refusal, "Too many failed sign-ins, try again later");
    }
    app.clock.advance(TimeDelta::minutes(16));
    assert!(key::exchange(&app.app, &origin, &key.secret).await.is_ok());
}

/// How a key is refused what is about a person's own account.
const OF_ONESELF: &str = "An API key has no account of its own: sign in as a person for this";

/// The rows for people only. A new one that is about one's own account belongs here.
const FOR_PEOPLE: [&str; 14] = [
    "POST /v1/auth/logout",
    "GET /v1/auth/sessions",
    "DELETE /v1/auth/sessions/{id}",
    "GET /v1/auth/identities",
    "POST /v1/auth/identities",
    "DELETE /v1/auth/identities/{id}",
    "GET /v1/user/@me",
    "PATCH /v1/user/@me",
    "POST /v1/user/@me/password",
    "POST /v1/api-key",
    "GET /v1/api-key",
    "DELETE /v1/api-key/{id}",
    "POST /rbac/api/auth/refresh-token",
    "GET /itsm/api/users/profile/me",
];

#[tokio::test]
async fn a_row_about_ones_own_account_refuses_a_key() {
    let app = TestApp::start().await;
    let key = key(&app.admin().await, &["user.*", "company.fetch.many"]).await;
    let tables = [("/v1", v1::routes()), ("/rbac/api", rbac::routes()), ("/itsm/api", itsm::routes())];
    let rows = tables.into_iter().flat_map(|(prefix, routes)| {
        let own = routes.into_iter().filter(|route| route.row.of_oneself);
        own.map(move |route| (route.row.method.clone(), format!("{prefix}{}", route.row.path)))
    });
    let rows: Vec<_> = rows.collect();
    let mut names: Vec<_> = rows.iter().map(|(method, path)| format!("{method} {path}")).collect();
    let mut known = FOR_PEOPLE.map(str::to_owned).to_vec();
    names.sort();
    known.sort();
    assert_eq!(names, known);
    for (method, path) in rows {
        let method = reqwest::Method::from_bytes(method.as_str().as_bytes()).unwrap();
        let answer = key.service.request(method, &path).json(&json!({})).send().await;
        assert_eq!(answer.status, 403, "{path} {}", answer.text);
        // the ITSM contract has one sentence for every refusal
        let sentence = if path.starts_with("/itsm") { "Access denied" } else { OF_ONESELF };
        assert!(answer.text.contains(sentence), "{path} {}", answer.text);
    }
    // what it holds itself it may ask
    let question = json!({"permissions": ["company.fetch.many", "audit.read"]});
    let answer = key.service.post("/v1/user/@me/check-permission", &question).await.data();
    assert_eq!(all(&answer["results"], "permission"), ["company.fetch.many", "audit.read"]);
    assert_eq!([0, 1].map(|index| answer["results"][index]["hasPermission"] == true), [true, false]);
}

#[tokio::test]
async fn a_key_is_in_no_log_no_table_and_no_answer_but_one() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let key: Key = key_in(admin, &[&scene.acme], &["credential.*", "user.read"]).await;
    key.service.get("/v1/credential/valuetypes").await.expect(200);
    key.service.get("/v1/user/@me").await.expect(403);
    key::exchange(&scene.app.app, &Origin::default(), &key.secret).await.expect("a token");
    let answers = [KEYS, "/v1/audit?limit=200"].map(async |path| admin.get(path).await.text);
    let answers = futures_util::future::join_all(answers).await.concat();
    let hash = ttscm::access::key::hash(&key.secret).unwrap();
    let dump = scene.app.db_dump().unwrap_or_default() + &scene.app.db_text().await;
    for secret in [&key.secret, &key.secret[6..], &key.secret[12..36]] {
        assert_eq!(log::lines_with(secret), Vec::<String>::new());
        assert!(!answers.contains(secret) && !dump.contains(secret), "{secret}");
        assert!(!dump.contains(&hexadecimal(secret.as_bytes())), "{secret}");
    }
    assert!(dump.contains(&hexadecimal(&hash)) && !answers.contains(&hexadecimal(&hash)));
    assert_eq!(log::lines_with(&hexadecimal(&hash)), Vec::<String>::new());
}
