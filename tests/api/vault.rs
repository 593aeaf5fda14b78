//! The vault: what was changed in the database does not open.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ttscm::config::Key;
use ttscm::vault::MasterKey;

use crate::helpers::scene::{field, id_in, kind_with};
use crate::helpers::trash::restore;
use crate::helpers::{Scene, TestApp, Value, cluster, fixture, json, log};

/// Stores a credential with both secure values; its path.
async fn with_two_secrets(scene: &Scene) -> String {
    let path = scene.credential("a secret").await;
    let spare = json!({"fields": [{"fieldId": "spare", "value": "a spare"}]});
    scene.admin.patch(&path, &spare).await.expect(200);
    path
}

/// Checks that the value of `field` opens by neither route, that the log names the cause with the
/// request's id, that the failure is on record, and that nothing else is lost.
async fn does_not_open(scene: &Scene, path: &str, field: &str, cause: &str) {
    for below in ["secure-values".to_owned(), format!("secure-values/{field}")] {
        let answer = scene.admin.get(&format!("{path}/{below}")).await;
        let internal = json!({"status": 500, "message": "Internal server error", "successful": false});
        assert_eq!(answer.expect(500), internal, "{below} {cause}");
        let request = answer.header("x-request-id");
        let told = log::lines_with(request);
        assert!(told.iter().any(|line| line.contains("ERROR") && line.contains(cause)), "{cause} {told:?}");
        assert!(!told.iter().any(|line| line.contains("a secret") || line.contains("a spare")), "{told:?}");

        let record = format!("/v1/audit?action=credential.reveal&credential={}&limit=2", id_in(path));
        let rows = scene.admin.get(&record).await.data();
        let row = rows.as_array().unwrap().iter().find(|row| row["fieldId"] == field).expect("a row");
        assert_eq!((&row["outcome"], &row["requestId"]), (&json!("failure"), &json!(request)));
        assert_eq!((&row["actor"]["id"], &row["companyId"]), (&json!(scene.admin.id), &json!(scene.acme)));
    }
    scene.admin.get(path).await.expect(200);
    scene.admin.get(&format!("{path}/fields")).await.expect(200);
}

async fn opens(scene: &Scene, path: &str) {
    let both = json!({"secretAccessKey": "a secret", "spare": "a spare"});
    assert_eq!(scene.admin.get(&format!("{path}/secure-values")).await.data(), both);
}

const CHANGED: &str = "authentication failed: the bytes were changed or belong elsewhere";

#[tokio::test]
async fn values_swapped_within_a_credential_do_not_open() {
    let scene = Scene::start().await;
    let (path, other) = (with_two_secrets(&scene).await, with_two_secrets(&scene).await);
    let id = id_in(&path);
    let (key, spare) =
        (scene.app.db_sealed(id, "secretAccessKey").await, scene.app.db_sealed(id, "spare").await);
    scene.app.db_put_sealed(id, "secretAccessKey", &spare).await;
    scene.app.db_put_sealed(id, "spare", &key).await;
    does_not_open(&scene, &path, "secretAccessKey", CHANGED).await;
    does_not_open(&scene, &path, "spare", CHANGED).await;
    opens(&scene, &other).await;
    scene.app.db_put_sealed(id, "secretAccessKey", &key).await;
    scene.app.db_put_sealed(id, "spare", &spare).await;
    opens(&scene, &path).await;
}

#[tokio::test]
async fn a_value_of_another_credential_does_not_open() {
    let scene = Scene::start().await;
    let (path, other) = (with_two_secrets(&scene).await, with_two_secrets(&scene).await);
    let theirs = scene.app.db_sealed(id_in(&other), "secretAccessKey").await;
    scene.app.db_put_sealed(id_in(&path), "secretAccessKey", &theirs).await;
    does_not_open(&scene, &path, "secretAccessKey", CHANGED).await;
    let spare = scene.admin.get(&format!("{path}/secure-values/spare")).await.data();
    assert_eq!(spare["value"], "a spare", "a value beside it opens");
    opens(&scene, &other).await;
}

#[tokio::test]
async fn changed_bytes_do_not_open() {
    let scene = Scene::start().await;
    let (path, other) = (with_two_secrets(&scene).await, with_two_secrets(&scene).await);
    let id = id_in(&path);
    let good = scene.app.db_sealed(id, "spare").await;
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let unknown_key = [&good[..1], &77_u32.to_be_bytes(), &good[5..]].concat();
    // version, key id, nonce, ciphertext, tag
    for (bytes, cause) in [
        (flipped(0), "not sealed bytes: unknown version"),
        (flipped(1), "which is not in the key ring"),
        (flipped(5), CHANGED),
        (flipped(16), CHANGED),
        (flipped(17), CHANGED),
        (flipped(good.len() - 16), CHANGED),
        (flipped(good.len() - 1), CHANGED),
        (good[..good.len() - 1].to_vec(), CHANGED),
        (good[..32].to_vec(), "not sealed bytes: too short"),
        (Vec::new(), "not sealed bytes: too short"),
        ([&good[..], &[0]].concat(), CHANGED),
        (unknown_key, "sealed with data key 77, which is not in the key ring"),
        (b"a spare".to_vec(), "not sealed bytes: too short"),
    ] {
        scene.app.db_put_sealed(id, "spare", &bytes).await;
        does_not_open(&scene, &path, "spare", cause).await;
    }
    opens(&scene, &other).await;
    // a new value heals it
    let spare = json!({"fields": [{"fieldId": "spare", "value": "a spare"}]});
    scene.admin.put(&format!("{path}/fields"), &spare).await.expect(200);
    opens(&scene, &path).await;
}

/// How a text may be spelled: raw, in hexadecimal, in base64 at every alignment, and those as bytes in
/// hexadecimal.
pub fn spellings(text: &str) -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let mut spellings = vec![text.to_owned(), hex(text.as_bytes()), hex(text.as_bytes()).to_uppercase()];
    for before in 0..3 {
        // the first and the last group of four also depend on what stands beside the text
        let encoded = STANDARD.encode([&b"..."[..before], text.as_bytes()].concat());
        let inside = &encoded[4..encoded.len() - 4];
        // less would be found by chance
        if inside.len() > 8 {
            spellings.push(inside.to_owned());
        }
    }
    let as_bytes: Vec<_> = spellings.iter().map(|spelling| hex(spelling.as_bytes())).collect();
    spellings.extend(as_bytes);
    spellings
}

#[tokio::test]
async fn a_secret_is_found_nowhere() {
    let scene = Scene::start().await;
    let marker = format!("marker-{}-of-a-secret", ttscm::id::new().simple());
    plant(&scene, &marker).await;
    plant_in_integrations(&scene, &marker).await;

    let control = format!("control-{}", ttscm::id::new().simple());
    let path = scene.credential("x").await;
    scene.admin.patch(&path, &json!({"fields": [{"fieldId": "note", "value": control}]})).await.expect(200);
    tracing::trace!(control, "what the log is told can be found in it");

    let mut places = vec![("the tables", scene.app.db_text().await)];
    places.push(("the log", log::lines_with("").join("\n")));
    places.push((
        "the dump",
        scene.app.db_dump().unwrap_or_else(|| {
            eprintln!("pg_dump is not beside the programs of Postgres: no dump was searched");
            control.clone()
        }),
    ));
    for (place, text) in &places {
        assert!(text.contains(&control), "{place} can be searched");
    }
    let server_log = std::fs::read(cluster::data_dir().join("postgres.log")).expect("the server's log");
    places.push(("the server's log", String::from_utf8_lossy(&server_log).into_owned()));
    places.push(("a backup", backup_of(&scene.app).await));
    let export = scene.app.ran(&["audit", "export"]).await;
    assert!(export.code == 0 && export.out.contains("credential.reveal"), "the export can be searched");
    places.push(("the export", export.out));
    for (place, text) in &places {
        for spelling in spellings(&marker) {
            assert!(!text.contains(&spelling), "{place} has {spelling}");
        }
    }
}

/// A name of a field that somebody could have made of a secret by mistake. A refusal names it.
pub fn name_like(marker: &str) -> String {
    marker.replace("marker", "naming")
}

/// A backup's bytes, as text and in hexadecimal.
async fn backup_of(app: &TestApp) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let master = MasterKey::new(Key::new(*b"the master key of every test run"), None);
    ttscm::backup::save(&app.app.pool, &master, &file, |_| ()).await.expect("a backup");
    let bytes = std::fs::read(file).unwrap();
    format!("{}\n{}", String::from_utf8_lossy(&bytes), fixture::hexadecimal(&bytes))
}

/// Sends the marker as a credential of integrations, good and bad. Their product is nowhere.
pub async fn plant_in_integrations(scene: &Scene, marker: &str) {
    let admin = &scene.admin;
    for (auth, credentials) in [
        ("basic", json!({"username": "somebody", "password": marker})),
        ("token", json!({"apiToken": marker})),
        ("bearer", json!({"token": marker})),
        ("api_key", json!({"header": "x-key", "value": marker})),
        (
            "oauth",
            json!({"clientId": "client", "clientSecret": marker, "tokenUrl": "https://product.invalid/token"}),
        ),
    ] {
        let with = |credentials: &Value| json!({"auth": {"type": auth, "credentials": credentials}});
        let mut new = json!({"name": "Nowhere", "type": "custom", "config": with(&credentials)});
        new["config"]["baseUrl"] = json!("https://product.invalid");
        let id = fixture::id_of(&admin.post("/v1/integration", &new).await.data());
        let path = format!("/v1/integration/{id}");
        let checked = admin.post(&format!("{path}/check"), &json!({})).await.data();
        assert_eq!(checked["verdict"], "unreachable");
        for bad in
            [json!({"unknown": marker}), json!({name_like(marker): "x"}), json!(marker), json!([marker])]
        {
            admin.patch(&path, &json!({"config": with(&bad)})).await.expect(400);
        }
        admin.patch(&path, &json!({"config": with(&credentials)})).await.expect(200);
        let itsm = path.replace("/v1/", "/itsm/api/");
        assert!(!admin.get(&itsm).await.text.contains(marker));
        assert!(!admin.get(&path).await.text.contains(marker));
    }
    assert!(!admin.get("/v1/audit?limit=200").await.text.contains(marker));
}

/// Sends the marker as a secret in every way there is, good and bad.
pub async fn plant(scene: &Scene, marker: &str) {
    let admin = &scene.admin;
    let path = scene.credential(marker).await;
    let values = |id: &str, value: &Value| json!({"fields": [{"fieldId": id, "value": value}]});
    admin.patch(&path, &values("spare", &json!(marker))).await.expect(200);
    admin.put(&format!("{path}/fields"), &values("secretAccessKey", &json!(marker))).await.expect(200);
    admin.get(&format!("{path}/secure-values")).await.expect(200);
    admin.get(&format!("{path}/secure-values/spare")).await.expect(200);
    admin.get(&format!("{path}/fields")).await.expect(200);

    let fields = |secure: bool| {
        json!([field("pin", "plain_text", false, secure), field("key", "bitlocker_key", false, true)])
    };
    let kind = kind_with(admin, "Changing", "changing", &fields(false)).await;
    let body = json!({"name": "Plain at first", "typeId": id_in(&kind), "companyId": scene.acme, "fields": values("pin", &json!(marker))["fields"]});
    let plain = fixture::id_of(&admin.post("/v1/credential/credentials", &body).await.data());
    admin.patch(&kind, &json!({"fields": fields(true)})).await.expect(200);
    let plain = format!("/v1/credential/credentials/{plain}");
    let revealed = admin.get(&format!("{plain}/secure-values/pin")).await.data();
    assert_eq!(revealed, json!({"fieldId": "pin", "value": marker}));

    for bad in [
        json!([marker]),
        json!({name_like(marker): marker}),
        json!(format!("{marker}\0")),
        json!(marker.repeat(2000)),
    ] {
        admin.patch(&path, &values("spare", &bad)).await.expect(400);
    }
    admin.patch(&plain, &values("key", &json!(marker))).await.expect(400);
    admin.patch(&path, &values(&name_like(marker), &json!(marker))).await.expect(400);
    admin.patch(&path, &json!({"secretAccessKey": marker, name_like(marker): 1})).await.expect(400);
    let broken = format!("{{\"fields\": [{{\"fieldId\": \"spare\", \"value\": \"{marker}\" ");
    let request = admin.request(reqwest::Method::PATCH, &path).header("content-type", "application/json");
    request.body(broken).send().await.expect(400);
    admin.patch("/v1/credential/credentials/x", &values("spare", &json!(marker))).await.expect(404);
    scene.app.nobody().patch(&path, &values("spare", &json!(marker))).await.expect(401);
    scene
        .app
        .db_run("alter table secure_values add constraint refuse check (false) not valid")
        .await
        .unwrap();
    admin.patch(&path, &values("spare", &json!(marker))).await.expect(500);
    scene.app.db_run("alter table secure_values drop constraint refuse").await.unwrap();
    damage(scene, &path).await;
    throw_away(scene, marker).await;

    for (member, name, password) in [
        ("email", "admin@example.com", marker),
        ("email", marker, marker),
        ("login", marker, "a wrong password"),
    ] {
        let login = json!({member: name, "password": password});
        scene.app.nobody().post("/v1/auth/login", &login).await.expect(401);
    }
    let refresh = scene.app.nobody().request(reqwest::Method::POST, "/v1/auth/refresh");
    refresh.header("x-refresh-token", marker).send().await.expect(401);
    let stranger = scene.app.nobody().request(reqwest::Method::GET, &path);
    stranger.header("authorization", &format!("Bearer {marker}")).send().await.expect(401);
}

/// Leaves the marker in the history and in the trash, and brings it back from both.
async fn throw_away(scene: &Scene, marker: &str) {
    let admin = &scene.admin;
    let (kept, back) = (scene.credential(marker).await, scene.credential(marker).await);
    for path in [&kept, &back] {
        let other = json!({"fields": [{"fieldId": "secretAccessKey", "value": "another"}]});
        admin.patch(path, &other).await.expect(200);
        admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(200);
        for shown in [admin.get(&format!("{path}/versions")).await, admin.delete(path).await] {
            assert!(!shown.text.contains(marker));
        }
    }
    let restored = restore(admin, id_in(&back)).await;
    assert!(restored.status == 200 && !restored.text.contains(marker));
    assert!(!admin.get("/v1/trash").await.text.contains(marker));
    assert_eq!(admin.get(&format!("{back}/secure-values/secretAccessKey")).await.data()["value"], marker);
}

/// Makes a value fail to open once, and mends it.
async fn damage(scene: &Scene, path: &str) {
    let good = scene.app.db_sealed(id_in(path), "spare").await;
    scene.app.db_put_sealed(id_in(path), "spare", &good[..good.len() - 1]).await;
    scene.admin.get(&format!("{path}/secure-values")).await.expect(500);
    scene.app.db_put_sealed(id_in(path), "spare", &good).await;
}
