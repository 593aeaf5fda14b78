//! Secrets of every kind, sent and configured, while all goes well and while it does not: each is given where
//! it belongs, and found nowhere else.

use reqwest::Method;

use crate::connectwise::callbacks;
use crate::helpers::app::{ADMIN_PASSWORD, MASTER_KEY, TOKEN_SECRET};
use crate::helpers::connectwise::{self as cw, Fault, TestConnectWise, company};
use crate::helpers::desktop::{Begun, with_settings};
use crate::helpers::github::{self, Github};
use crate::helpers::keys::{Key, key};
use crate::helpers::microsoft::{self, Microsoft, Mood, person};
use crate::helpers::request::{Heard, heard, listen};
use crate::helpers::scene::SCOPE;
use crate::helpers::{Actor, Scene, Value, cluster, fixture, json, log};
use crate::vault::{name_like, plant, plant_in_integrations, spellings};

/// What answers may give out which secret: what a row of theirs is for.
const GIVEN: [(&str, &str); 9] = [
    ("GET", "/secure-values"),
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/refresh"),
    ("GET", "/v1/auth/redirect"),
    ("POST", "/rbac/api/auth/login"),
    ("POST", "/rbac/api/auth/refresh-token"),
    ("POST", "/itsm/api/auth/login"),
    ("POST", "/itsm/api/auth/api-key"),
    ("POST", "/v1/api-key"),
];

const A_NAME: &str = "the name of a field that is not there";
const AN_ANSWER: &str = "the answer to";

/// A server with all that can be configured, and those whom it asks.
struct Lab {
    scene: Scene,
    connectwise: TestConnectWise,
    microsoft: Microsoft,
    github: Github,
    /// What must not be found, by what it is.
    secrets: Vec<(&'static str, String)>,
}

impl Lab {
    async fn start() -> Self {
        let (microsoft, github) = (Microsoft::start().await, Github::start().await);
        let connectwise = TestConnectWise::start([company(250, "Northwind")]).await;
        let settings = [microsoft.settings(), github.settings(), connectwise.variables()].concat();
        let app = with_settings(&settings).await;
        let admin = app.admin().await;
        let acme = fixture::company(&admin, "Acme").await;
        let aws = fixture::aws_type(&admin, SCOPE).await;
        let scene = Scene { app, admin, acme, aws };
        let mut lab = Self { scene, connectwise, microsoft, github, secrets: Vec::new() };
        for (name, value) in settings {
            let is_secret = ["SECRET", "_KEY", "CLIENT_ID"].iter().any(|end| name.ends_with(end));
            // the names of applications are in every address where one signs in
            if is_secret && !["MICROSOFT_CLIENT_ID", "GITHUB_CLIENT_ID"].contains(&name) {
                lab.hide(name, &value);
            }
        }
        lab.hide("VAULT_MASTER_KEY", MASTER_KEY);
        lab.hide("TOKEN_SECRET", TOKEN_SECRET);
        lab.hide("ADMIN_PASSWORD", ADMIN_PASSWORD);
        lab.hide("the key that callbacks are signed with", cw::SIGNING_KEY);
        lab.hide("a token of Microsoft Graph", microsoft::ACCESS_TOKEN);
        lab
    }

    fn hide(&mut self, what: &'static str, secret: &str) {
        self.secrets.push((what, secret.to_owned()));
    }

    fn hide_tokens(&mut self, of: &Actor) {
        let access = of.token.clone().unwrap();
        // whoever has all but the signature has the rest
        self.hide("the signature of an access token", access.rsplit('.').next().unwrap());
        self.hide("a refresh token", of.refresh_token.as_ref().unwrap());
    }
}

fn marker(of: &str) -> String {
    format!("marker-{}-of-{of}", ttscm::id::new().simple())
}

/// Passwords that are set, changed, right and wrong, and the tokens that they give.
async fn people(lab: &mut Lab) {
    let [first, second, wrong] = ["a-password", "another-password", "a-wrong-password"].map(marker);
    let email = format!("person{}@example.com", fixture::unique());
    let admin = lab.scene.admin.clone();
    let new = json!({"name": "Jane Doe", "email": email, "password": first});
    let id = fixture::id_of(&admin.post("/v1/user/users", &new).await.data());
    admin.post("/v1/user/users", &new).await.expect(409);
    admin.post("/v1/user/users", &json!({"name": first, "email": 1, "password": [first]})).await.expect(400);
    let path = format!("/v1/user/users/{id}/password");
    admin.post(&path, &json!({"newPassword": second})).await.expect(200);
    let jane = crate::helpers::actor::sign_in(&lab.scene.app, &email, &second).await;
    jane.post("/v1/user/@me/password", &json!({"currentPassword": wrong, "newPassword": first}))
        .await
        .expect(400);
    jane.post("/v1/user/@me/password", &json!({"currentPassword": second, "newPassword": first}))
        .await
        .expect(200);
    let nobody = lab.scene.app.nobody();
    for (path, name) in
        [("/v1/auth/login", "email"), ("/rbac/api/auth/login", "username"), ("/itsm/api/auth/login", "email")]
    {
        for password in [&wrong, &first] {
            nobody.post(path, &json!({name: email, "password": password})).await;
        }
    }
    let refresh = async |token: &str| {
        nobody.request(Method::POST, "/v1/auth/refresh").header("x-refresh-token", token).send().await
    };
    let token = jane.refresh_token.clone().unwrap();
    refresh(&token).await;
    refresh(&wrong).await.expect(401);
    jane.showing(&wrong).get("/v1/user/@me").await.expect(401);
    lab.hide_tokens(&jane);
    lab.hide_tokens(&admin);
    for (what, secret) in [("a password", first), ("a password", second), ("a wrong password", wrong)] {
        lab.hide(what, &secret);
    }
}

/// API keys that are used, refused, exchanged and revoked.
async fn keys(lab: &mut Lab) {
    let scene = &lab.scene;
    let made: Key = key(&scene.admin, &["credential.*", "user.read"]).await;
    made.service.get("/v1/credential/valuetypes").await.expect(200);
    made.service.get("/v1/user/@me").await.expect(403);
    let nobody = scene.app.nobody();
    nobody.post("/itsm/api/auth/api-key", &json!({"apiKey": made.secret})).await;
    nobody.post("/itsm/api/auth/api-key", &json!({"apiKey": format!("{}x", made.secret)})).await;
    nobody.post("/itsm/api/auth/api-key", &json!({"apiKey": [made.secret]})).await;
    scene.admin.get("/v1/api-key").await.expect(200);
    scene.admin.delete(&made.path()).await.expect(200);
    made.service.get("/v1/credential/valuetypes").await.expect(401);
    // what everybody may see of it stands before that
    lab.hide("an API key", &made.secret[12..]);
}

/// ConnectWise that works, that fails, and that sends back what it was sent.
async fn companies(lab: &mut Lab) {
    for fault in
        [None, Some(Fault::Echo), Some(Fault::Unauthorized), Some(Fault::Redirect), Some(Fault::Break)]
    {
        lab.scene.app.clock.advance(chrono::TimeDelta::minutes(5));
        lab.connectwise.world().faults.end();
        lab.connectwise.world().fail(fault.into_iter().cycle().take(20));
        // with the time that passes, tokens end
        lab.scene.admin = lab.scene.app.admin().await;
        let admin = &lab.scene.admin;
        admin.post("/v1/company/sync", &Value::Null).await;
        crate::connectwise::end_of_run(admin).await;
        let callback = callbacks::payload(&lab.connectwise, &marker("a-message"), 250);
        callbacks::send_signed(&lab.scene.app.nobody(), &callback).await;
    }
    lab.connectwise.world().faults.end();
}

/// People who sign in elsewhere, with providers that work and that do not.
async fn providers(lab: &mut Lab) {
    let app = &lab.scene.app;
    let signed_in = app.sign_in_with(&lab.microsoft, &person()).await;
    let mona = github::person();
    let begun = Begun::of(&app.admin().await.post("/v1/auth/identities?provider=github", &json!({})).await);
    app.come_back(&begun, &lab.github.signs_in(&begun.uri, &mona)).await;
    let linked = app.sign_in_by("?provider=github", |uri| lab.github.signs_in(uri, &mona)).await;
    for mood in [Mood::Refusing, Mood::Broken, Mood::Nonsense] {
        let begun = app.begin().await;
        let back = lab.microsoft.signs_in(&begun.uri, &person());
        lab.microsoft.is(mood);
        app.come_back(&begun, &back).await;
        lab.microsoft.is(Mood::Well);
    }
    lab.hide_tokens(&signed_in);
    lab.hide_tokens(&linked);
}

/// Every place where something could be left, each with what is in it.
async fn places(lab: &Lab, control: &str) -> Vec<(String, String)> {
    let app = &lab.scene.app;
    let dump = app.db_dump().unwrap_or_else(|| {
        eprintln!("pg_dump is not beside the programs of Postgres: no dump was searched");
        control.to_owned()
    });
    let all = [
        ("the tables", app.db_text().await),
        ("the dump", dump),
        ("the log", log::lines_with("").join("\n")),
    ];
    for (place, text) in &all {
        assert!(text.contains(control), "{place} can be searched");
    }
    let server_log = std::fs::read(cluster::data_dir().join("postgres.log")).expect("the server's log");
    let server_log = ("the server's log", String::from_utf8_lossy(&server_log).into_owned());
    let named = |(place, text): (&str, String)| (place.to_owned(), text);
    let is_given = |heard: &Heard| {
        let (method, path) = heard.asked.split_once(' ').unwrap();
        // a value of a field that is not secure yet is shown
        let is_plain = method == "POST" && heard.said.contains("\"Plain at first\"");
        is_plain || GIVEN.iter().any(|(of, part)| method == *of && path.contains(part))
    };
    let answers = heard().into_iter().filter(|heard| !is_given(heard));
    let answers: Vec<_> = answers.map(|heard| (format!("{AN_ANSWER} {}", heard.asked), heard.said)).collect();
    assert!(answers.iter().any(|(_, said)| said.contains(control)), "answers can be searched");
    all.into_iter().chain([server_log]).map(named).chain(answers).collect()
}

#[tokio::test]
async fn a_secret_of_any_kind_is_found_nowhere() {
    let mut lab = Lab::start().await;
    listen();
    let value = marker("a-field");
    plant(&lab.scene, &value).await;
    plant_in_integrations(&lab.scene, &value).await;
    lab.hide("a field's value or a credential of an integration", &value);
    lab.hide(A_NAME, &name_like(&value));
    people(&mut lab).await;
    keys(&mut lab).await;
    companies(&mut lab).await;
    providers(&mut lab).await;
    lab.scene.admin = lab.scene.app.admin().await;
    lab.scene.admin.get("/v1/audit?limit=200").await.expect(200);

    let control = format!("control-{}", ttscm::id::new().simple());
    let path = lab.scene.credential("x").await;
    let note = json!({"fields": [{"fieldId": "note", "value": control}]});
    lab.scene.admin.patch(&path, &note).await.expect(200);
    tracing::trace!(control, "what the log is told can be found in it");
    let places = places(&lab, &control).await;
    assert!(places.len() > 100, "{} places", places.len());
    for (what, secret) in &lab.secrets {
        // what a refusal is about it names
        let searched = |place: &&(String, String)| *what != A_NAME || !place.0.starts_with(AN_ANSWER);
        for spelling in spellings(secret) {
            for (place, text) in places.iter().filter(searched) {
                assert!(!text.contains(&spelling), "{place} has {what}: {spelling}");
            }
        }
    }
}
