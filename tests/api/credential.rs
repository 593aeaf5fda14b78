//! Credentials through every route of the contract.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use tokio::task::JoinSet;

use crate::helpers::scene::{SCOPE, all, field, id_in, kind_with};
use crate::helpers::{Scene, Value, fixture, json};

const CREDENTIALS: &str = "/v1/credential/credentials";

/// The fields of the AWS type.
fn kind_fields() -> Value {
    json!([
        {"id": "accessKeyId", "name": "Access Key ID", "required": true, "secure": false, "valueType": "plain_text"},
        {"id": "secretAccessKey", "name": "Secret Access Key", "required": true, "secure": true, "valueType": "password"},
        {"id": "note", "name": "Note", "required": false, "secure": false, "valueType": "plain_text"},
        {"id": "spare", "name": "Spare Key", "required": false, "secure": true, "valueType": "generic_secret"}
    ])
}

/// The fields of a credential of that type with these plain values.
fn fields(access_key: &str, note: &Value) -> Value {
    let mut fields = kind_fields();
    let values = [json!(access_key), Value::Null, note.clone(), Value::Null];
    for (field, value) in fields.as_array_mut().unwrap().iter_mut().zip(values) {
        field["value"] = value;
    }
    fields
}

/// A credential of the scene as an answer shows it, with the times that `data` has.
fn shown(scene: &Scene, data: &Value, name: &str, notes: &Value, fields: &Value) -> Value {
    for time in ["createdAt", "updatedAt"] {
        let time = data[time].as_str().expect("a time");
        assert!(
            time.len() == 24 && time.ends_with('Z') && DateTime::parse_from_rfc3339(time).is_ok(),
            "{time}"
        );
    }
    json!({
        "id": data["id"],
        "name": name,
        "notes": notes,
        "typeId": scene.aws,
        "companyId": scene.acme,
        "fields": fields,
        "type": {
            "id": scene.aws,
            "name": format!("AWS {SCOPE}"),
            "fields": kind_fields(),
            "permissionScope": SCOPE
        },
        "company": {"id": scene.acme, "name": "Acme"},
        "canary": false,
        "createdAt": data["createdAt"],
        "updatedAt": data["updatedAt"]
    })
}

fn success(status: u16, message: &str, data: &Value) -> Value {
    json!({"status": status, "message": message, "data": data, "successful": true})
}

#[tokio::test]
async fn the_value_types_are_those_of_the_contract() {
    let scene = Scene::start().await;
    let person = scene.app.holder_of(&[]).await;
    let types =
        json!(["plain_text", "license_key", "ip_address", "generic_secret", "bitlocker_key", "password"]);
    assert_eq!(
        person.get("/v1/credential/valuetypes").await.expect(200),
        success(200, "Value Types Fetched Successfully!", &types)
    );
    scene.app.nobody().get("/v1/credential/valuetypes").await.expect(401);
}

#[tokio::test]
async fn a_credential_is_created_and_read() {
    let scene = Scene::start().await;
    let body = json!({
        "name": "  Production AWS Credentials ",
        "notes": "Used for production S3 access",
        "typeId": scene.aws,
        "companyId": scene.acme,
        "fields": [
            {"id": "ckx1", "fieldId": "secretAccessKey", "value": "wJalrXUtnFEMI/K7MDENG"},
            {"id": "ckx2", "fieldId": "accessKeyId", "value": "AKIAIOSFODNN7EXAMPLE"}
        ]
    });
    let made = scene.admin.post(CREDENTIALS, &body).await.expect(201);
    let expected = shown(
        &scene,
        &made["data"],
        "Production AWS Credentials",
        &json!("Used for production S3 access"),
        &fields("AKIAIOSFODNN7EXAMPLE", &Value::Null),
    );
    assert_eq!(made, success(201, "Credential Created Successfully!", &expected));
    let read = scene.admin.get(&format!("{CREDENTIALS}/{}", fixture::id_of(&made["data"]))).await;
    assert_eq!(read.expect(200), success(200, "Credential Fetched Successfully!", &expected));
    assert_eq!(read.header("cache-control"), "no-store");
}

#[tokio::test]
async fn fields_come_in_the_order_of_the_type() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let names = ["zulu", "alpha", "mike", "bravo", "yankee"];
    let defined: Vec<_> = names.iter().map(|id| field(id, "plain_text", false, *id > "m")).collect();
    let kind = kind_with(admin, "Ordered", "ordered", &json!(defined)).await;
    let mut sent = names.map(|id| json!({"fieldId": id, "value": id})).to_vec();
    sent.reverse();
    let body = json!({"name": "Ordered", "typeId": id_in(&kind), "companyId": scene.acme, "fields": sent});
    let made = admin.post(CREDENTIALS, &body).await.data();
    let path = format!("{CREDENTIALS}/{}", fixture::id_of(&made));
    assert_eq!(all(&made["fields"], "id"), names);
    assert_eq!(all(&admin.get(&format!("{path}/fields")).await.data(), "fieldId"), names);
    let revealed = admin.get(&format!("{path}/secure-values")).await;
    assert_eq!(revealed.data(), json!({"zulu": "zulu", "mike": "mike", "yankee": "yankee"}));
    let places: Vec<_> = ["zulu", "mike", "yankee"].map(|id| revealed.text.find(&format!("{id}\":"))).into();
    assert!(places.is_sorted(), "{}", revealed.text);
}

#[tokio::test]
async fn the_credentials_of_a_company_are_listed_by_name_whole_or_by_the_page() {
    let scene = Scene::start().await;
    let other = fixture::company(&scene.admin, "Other").await;
    let values =
        json!([{"fieldId": "accessKeyId", "value": "A"}, {"fieldId": "secretAccessKey", "value": "S"}]);
    for name in ["beta", "Alpha", "gamma", "alpha"] {
        scene.admin.post(CREDENTIALS, &scene.body(name, &values)).await.expect(201);
    }
    fixture::aws_credential(&scene.admin, &scene.aws, &other, "elsewhere").await;

    let list = format!("{CREDENTIALS}/company/{}", scene.acme);
    let whole = scene.admin.get(&list).await.expect(200);
    assert_eq!(all(&whole["data"], "name"), ["Alpha", "alpha", "beta", "gamma"]);
    let expected = whole["data"].as_array().unwrap().iter().zip(["Alpha", "alpha", "beta", "gamma"]);
    let expected: Vec<_> = expected
        .map(|(data, name)| shown(&scene, data, name, &Value::Null, &fields("A", &Value::Null)))
        .collect();
    assert_eq!(whole, success(200, "Company Credentials Fetched Successfully!", &json!(expected)));

    let page = scene.admin.get(&format!("{list}?page=2&rpp=3")).await.expect(200);
    let pagination = json!({"previousPage": 1, "currentPage": 2, "nextPage": null, "totalPages": 2, "totalRecords": 4, "listedRecords": 1});
    assert_eq!((&page["data"], &page["pagination"]), (&json!(expected[3..]), &pagination));
    let empty = fixture::company(&scene.admin, "Empty").await;
    let none = scene.admin.get(&format!("{CREDENTIALS}/company/{empty}")).await.expect(200);
    assert_eq!(none, success(200, "Company Credentials Fetched Successfully!", &json!([])));
}

#[tokio::test]
async fn a_change_keeps_what_it_leaves_out_and_null_clears() {
    let scene = Scene::start().await;
    let path = scene.credential("the first secret").await;
    let change = json!({
        "name": "Updated Credential Name",
        "notes": "Updated notes",
        "fields": [{"fieldId": "note", "value": "a note"}, {"fieldId": "spare", "value": "a spare"}]
    });
    let changed = scene.admin.patch(&path, &change).await.expect(200);
    let with_note = fields("AKIAIOSFODNN7EXAMPLE", &json!("a note"));
    let expected =
        shown(&scene, &changed["data"], "Updated Credential Name", &json!("Updated notes"), &with_note);
    assert_eq!(changed, success(200, "Credential Updated Successfully!", &expected));
    assert_eq!(
        scene.admin.get(&format!("{path}/secure-values")).await.data(),
        json!({"secretAccessKey": "the first secret", "spare": "a spare"})
    );

    let nothing = scene.admin.patch(&path, &json!({})).await.data();
    let expected = shown(&scene, &nothing, "Updated Credential Name", &json!("Updated notes"), &with_note);
    assert_eq!(nothing, expected);

    let clear = json!({
        "notes": null,
        "fields": [{"fieldId": "note", "value": null}, {"fieldId": "spare", "value": null}]
    });
    let cleared = scene.admin.patch(&path, &clear).await.data();
    let without = fields("AKIAIOSFODNN7EXAMPLE", &Value::Null);
    assert_eq!(cleared, shown(&scene, &cleared, "Updated Credential Name", &Value::Null, &without));
    let revealed = scene.admin.get(&format!("{path}/secure-values")).await.data();
    assert_eq!(revealed, json!({"secretAccessKey": "the first secret"}));
}

#[tokio::test]
async fn a_required_value_is_not_cleared_and_then_nothing_is_changed() {
    let scene = Scene::start().await;
    let path = scene.credential("the secret").await;
    let before = scene.admin.get(&path).await.data();
    for empty in [json!(null), json!("")] {
        let change = json!({"fields": [
            {"fieldId": "note", "value": "a note"},
            {"fieldId": "secretAccessKey", "value": empty},
            {"fieldId": "accessKeyId", "value": empty}
        ]});
        let required = |index: u32| (json!(["fields", index, "value"]), "The field is required".to_owned());
        for refused in [
            scene.admin.patch(&path, &change).await,
            scene.admin.put(&format!("{path}/fields"), &change).await,
        ] {
            assert_eq!(refused.violations(), [required(1), required(2)]);
        }
    }
    assert_eq!(scene.admin.get(&path).await.data(), before);
    let revealed = scene.admin.get(&format!("{path}/secure-values")).await.data();
    assert_eq!(revealed, json!({"secretAccessKey": "the secret"}));
}

#[tokio::test]
async fn values_are_put_through_the_fields_route() {
    let scene = Scene::start().await;
    let path = scene.credential("the first secret").await;
    let values = json!({"fields": [{"fieldId": "accessKeyId", "value": "AKIAIOSFODNN7NEWVALUE"}]});
    let put = scene.admin.put(&format!("{path}/fields"), &values).await.expect(200);
    let fields = fields("AKIAIOSFODNN7NEWVALUE", &Value::Null);
    let expected = shown(&scene, &put["data"], "Production AWS Credentials", &Value::Null, &fields);
    assert_eq!(put, success(200, "Credential Fields Updated Successfully!", &expected));

    let secret = json!({"fields": [{"fieldId": "secretAccessKey", "value": "newSecretKeyValue123"}]});
    scene.admin.put(&format!("{path}/fields"), &secret).await.expect(200);
    let revealed = scene.admin.get(&format!("{path}/secure-values/secretAccessKey")).await.data();
    assert_eq!(revealed, json!({"fieldId": "secretAccessKey", "value": "newSecretKeyValue123"}));
    assert_eq!(scene.admin.get(&path).await.data()["fields"], fields);
}

#[tokio::test]
async fn stored_values_are_shown_sealed_and_never_twice_the_same() {
    let scene = Scene::start().await;
    let path = scene.credential("the secret").await;
    let read = scene.admin.get(&format!("{path}/fields")).await.expect(200);
    let id = id_in(&path);
    let sealed = read["data"][1]["value"].as_str().expect("base64").to_owned();
    let expected = json!([
        {"id": format!("{id}-accessKeyId"), "fieldId": "accessKeyId", "value": "AKIAIOSFODNN7EXAMPLE"},
        {"id": format!("{id}-secretAccessKey"), "fieldId": "secretAccessKey", "value": sealed}
    ]);
    assert_eq!(read, success(200, "Credential Fields Fetched Successfully!", &expected));
    let bytes = STANDARD.decode(&sealed).expect("base64");
    assert_eq!(bytes, scene.app.db_sealed(id, "secretAccessKey").await);
    assert!(!bytes.windows(6).any(|part| part == b"secret"));

    let again = json!({"fields": [{"fieldId": "secretAccessKey", "value": "the secret"}]});
    scene.admin.patch(&path, &again).await.expect(200);
    assert_ne!(scene.admin.get(&format!("{path}/fields")).await.data()[1]["value"], sealed);
}

#[tokio::test]
async fn secure_values_are_revealed_together_or_one_by_one() {
    let scene = Scene::start().await;
    let path = scene.credential("wJalrXUtnFEMI/K7MDENG").await;
    let all = scene.admin.get(&format!("{path}/secure-values")).await;
    let expected = json!({"secretAccessKey": "wJalrXUtnFEMI/K7MDENG"});
    assert_eq!(all.expect(200), success(200, "Secure Values Fetched Successfully!", &expected));
    assert_eq!(all.header("cache-control"), "no-store");

    let one = |field: &str| format!("{path}/secure-values/{field}");
    let expected = json!({"fieldId": "secretAccessKey", "value": "wJalrXUtnFEMI/K7MDENG"});
    assert_eq!(
        scene.admin.get(&one("secretAccessKey")).await.expect(200),
        success(200, "Secure Value Fetched Successfully!", &expected)
    );
    let unset = json!({"fieldId": "spare", "value": null});
    assert_eq!(scene.admin.get(&one("spare")).await.data(), unset);
    for field in ["unknownField", "accessKeyId", "SecretAccessKey"] {
        assert_eq!(
            scene.admin.get(&one(field)).await.expect(404),
            json!({
                "status": 404,
                "message": format!("Secure field not found: {field}"),
                "error": "SecureFieldNotFound",
                "successful": false
            })
        );
    }
}

#[tokio::test]
async fn values_come_back_as_they_were_sent() {
    let scene = Scene::start().await;
    let path = scene.credential("first").await;
    let long = "é".repeat(32 * 1024);
    for value in ["  spaces kept\t\r\n", "\"quotes\" \\ / </script>", "日本語 🔑 \u{1}\u{7f}\u{202e}", &long]
    {
        let change = json!({"fields": [
            {"fieldId": "secretAccessKey", "value": value}, {"fieldId": "note", "value": value}
        ]});
        let changed = scene.admin.patch(&path, &change).await.data();
        assert_eq!(changed["fields"][2]["value"], value);
        let revealed = scene.admin.get(&format!("{path}/secure-values")).await.data();
        assert_eq!(revealed, json!({"secretAccessKey": value}));
    }
}

#[tokio::test]
async fn a_deleted_credential_is_gone_with_its_values() {
    let scene = Scene::start().await;
    let (path, kept) = (scene.credential("gone").await, scene.credential("kept").await);
    let deleted = scene.admin.delete(&path).await.expect(200);
    assert_eq!(deleted, success(200, "Credential Deleted Successfully!", &Value::Null));
    for below in ["", "/fields", "/secure-values", "/secure-values/secretAccessKey"] {
        assert_eq!(
            scene.admin.get(&format!("{path}{below}")).await.expect(404)["error"],
            "CredentialNotFound"
        );
    }
    assert_eq!(scene.app.db_counts().await["secure_values"], 1);
    assert_eq!(
        scene.admin.get(&format!("{kept}/secure-values")).await.data(),
        json!({"secretAccessKey": "kept"})
    );
}

#[tokio::test]
async fn of_many_deletions_at_once_one_is_done() {
    let scene = Scene::start().await;
    let empty = fixture::company(&scene.admin, "Empty").await;
    for (path, action) in [
        (scene.credential("secret").await, "credential.delete"),
        (format!("/v1/credential-type/{}", scene.aws), "credential_type.delete"),
        (format!("/v1/company/companies/{empty}"), "company.delete"),
    ] {
        let mut deletions = JoinSet::new();
        for _ in 0..8 {
            let (admin, path) = (scene.admin.clone(), path.clone());
            deletions.spawn(async move { admin.delete(&path).await.status });
        }
        let mut statuses = deletions.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404, 404, 404, 404, 404, 404, 404], "{action}");
        let rows = scene.admin.get(&format!("/v1/audit?action={action}")).await.data();
        assert_eq!(all(&rows, "action"), [action]);
    }
}

#[tokio::test]
async fn what_cannot_be_an_id_is_found_nowhere() {
    let scene = Scene::start().await;
    let upper = id_in(&scene.credential("secret").await).to_uppercase();
    for id in
        ["1", "not-an-id", &upper, "%00", "%ff", &"x".repeat(2000), "00000000-0000-7000-8000-000000000000"]
    {
        let path = format!("{CREDENTIALS}/{id}");
        let change = json!({"fields": []});
        for answer in [
            scene.admin.get(&path).await,
            scene.admin.patch(&path, &change).await,
            scene.admin.put(&format!("{path}/fields"), &change).await,
            scene.admin.get(&format!("{path}/fields")).await,
            scene.admin.get(&format!("{path}/secure-values")).await,
            scene.admin.get(&format!("{path}/secure-values/secretAccessKey")).await,
            scene.admin.delete(&path).await,
            scene.admin.get(&format!("{CREDENTIALS}/company/{id}")).await,
        ] {
            answer.expect(404);
        }
    }
    let missing = scene.admin.get(&format!("{CREDENTIALS}/ckx")).await.expect(404);
    assert_eq!(
        missing,
        json!({"status": 404, "message": "Credential with identifier 'ckx' was not found.", "error": "CredentialNotFound", "successful": false})
    );
}
