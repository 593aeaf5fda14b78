//! The audit record: every write and every reveal leaves its row, and no row means no secret.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};

use crate::helpers::scene::{all, id_in};
use crate::helpers::{Actor, Answer, Scene, Value, fixture, json};

const CREDENTIALS: &str = "/v1/credential/credentials";

/// The rows of an answer's request, oldest first.
async fn rows_of(reader: &Actor, answer: &Answer) -> Vec<Value> {
    let all = reader.get("/v1/audit?limit=200").await.data();
    let request = answer.header("x-request-id");
    assert_eq!(request.len(), 36);
    all.as_array().unwrap().iter().rev().filter(|row| row["requestId"] == request).cloned().collect()
}

/// Checks that an answer's request left one row with these parts, and nothing else.
async fn left(reader: &Actor, actor: &Actor, answer: &Answer, action: &str, target: &Value, company: &Value) {
    let rows = rows_of(reader, answer).await;
    let [row] = &rows[..] else { panic!("{rows:?} {}", answer.text) };
    let at = DateTime::parse_from_rfc3339(row["at"].as_str().expect("a time"));
    assert!(at.is_ok() && row["at"].as_str().unwrap().len() == 24, "{row}");
    assert_eq!(row["id"].as_str().expect("an id").len(), 36);
    let expected = json!({
        "id": row["id"],
        "at": row["at"],
        "action": action,
        "outcome": "success",
        "actor": {"id": actor.id, "name": row["actor"]["name"], "kind": "user"},
        "target": target,
        "companyId": company,
        "fieldId": null,
        "address": "127.0.0.1",
        "requestId": answer.header("x-request-id")
    });
    assert_eq!(*row, expected);
}

#[tokio::test]
async fn every_write_leaves_its_row() {
    let Scene { app, admin, acme, aws } = Scene::start().await;
    let jane = app.holder_of(&["*"]).await;
    let target = |kind: &str, id: &str, name: &str| json!({"kind": kind, "id": id, "name": name});

    let made = jane.post("/v1/company/companies", &json!({"name": "Beta"})).await;
    let beta = fixture::id_of(&made.data());
    let company = json!(beta);
    left(&admin, &jane, &made, "company.create", &target("company", &beta, "Beta"), &company).await;
    let path = format!("/v1/company/companies/{beta}");
    let renamed = jane.patch(&path, &json!({"name": "Gamma"})).await;
    left(&admin, &jane, &renamed, "company.update", &target("company", &beta, "Gamma"), &company).await;
    let deleted = jane.delete(&path).await;
    left(&admin, &jane, &deleted, "company.delete", &target("company", &beta, "Gamma"), &company).await;

    let kind = json!({"name": "Kind", "permissionScope": "kind", "fields": []});
    let made = jane.post("/v1/credential-type", &kind).await;
    let id = fixture::id_of(&made.data());
    let kind = target("credential_type", &id, "Kind");
    left(&admin, &jane, &made, "credential_type.create", &kind, &Value::Null).await;
    let path = format!("/v1/credential-type/{id}");
    let changed = jane.patch(&path, &json!({"icon": "x"})).await;
    left(&admin, &jane, &changed, "credential_type.update", &kind, &Value::Null).await;
    let deleted = jane.delete(&path).await;
    left(&admin, &jane, &deleted, "credential_type.delete", &kind, &Value::Null).await;

    let body = json!({"name": "Keys", "typeId": aws, "companyId": acme, "fields": [
        {"fieldId": "accessKeyId", "value": "A"}, {"fieldId": "secretAccessKey", "value": "S"}
    ]});
    let made = jane.post(CREDENTIALS, &body).await;
    let id = fixture::id_of(&made.data());
    let (path, company) = (format!("{CREDENTIALS}/{id}"), json!(acme));
    let credential = target("credential", &id, "Keys");
    left(&admin, &jane, &made, "credential.create", &credential, &company).await;
    let changed = jane.patch(&path, &json!({"notes": "n"})).await;
    left(&admin, &jane, &changed, "credential.update", &credential, &company).await;
    let put = jane.put(&format!("{path}/fields"), &json!({"fields": []})).await;
    left(&admin, &jane, &put, "credential.update", &credential, &company).await;
    let deleted = jane.delete(&path).await;
    left(&admin, &jane, &deleted, "credential.delete", &credential, &company).await;
}

#[tokio::test]
async fn reads_and_refusals_leave_no_row() {
    let scene = Scene::start().await;
    let path = scene.credential("secret").await;
    let nothing = scene.app.holder_of(&["credential.fetch"]).await;
    for answer in [
        scene.admin.get(&path).await,
        scene.admin.get(&format!("{path}/fields")).await,
        scene.admin.get(&format!("{CREDENTIALS}/company/{}", scene.acme)).await,
        scene.admin.get("/v1/audit").await,
        scene.admin.patch(&path, &json!({"name": ""})).await,
        scene.admin.delete(&format!("{CREDENTIALS}/x")).await,
        scene.admin.get(&format!("{path}/secure-values/unknown")).await,
        scene
            .admin
            .post(
                "/v1/credential-type",
                &json!({"name": "aws AWS.credentials", "permissionScope": "x", "fields": []}),
            )
            .await,
        nothing.delete(&path).await,
        nothing.get(&format!("{path}/secure-values")).await,
    ] {
        assert_eq!(rows_of(&scene.admin, &answer).await, Vec::<Value>::new(), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_password_that_was_not_changed_for_want_of_the_old_one_is_on_record() {
    let scene = Scene::start().await;
    let jane = scene.app.holder_of(&[]).await;
    let wrong = json!({"currentPassword": "not the password", "newPassword": "quite another password"});
    let refused = jane.post("/v1/user/@me/password", &wrong).await;
    refused.violations();
    let rows = rows_of(&scene.admin, &refused).await;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((&row["action"], &row["outcome"]), (&json!("user.password"), &json!("denied")));
    assert_eq!((&row["actor"]["id"], &row["target"]["id"]), (&json!(jane.id), &json!(jane.id)));
}

#[tokio::test]
async fn each_revealed_value_leaves_a_row_of_its_own() {
    let scene = Scene::start().await;
    let path = scene.credential("secret").await;
    let spare = json!({"fields": [{"fieldId": "spare", "value": "another"}]});
    scene.admin.patch(&path, &spare).await.expect(200);
    let jane = scene.app.technician_of(&scene.acme).await;
    for (below, fields) in [
        ("secure-values", vec!["secretAccessKey", "spare"]),
        ("secure-values/spare", vec!["spare"]),
        ("secure-values/secretAccessKey", vec!["secretAccessKey"]),
    ] {
        let revealed = jane.get(&format!("{path}/{below}")).await;
        revealed.expect(200);
        let rows = rows_of(&scene.admin, &revealed).await;
        assert_eq!(all(&json!(rows), "fieldId"), fields);
        for row in rows {
            let expected = json!({
                "id": row["id"],
                "at": row["at"],
                "action": "credential.reveal",
                "outcome": "success",
                "actor": {"id": jane.id, "name": "A Person", "kind": "user"},
                "target": {"kind": "credential", "id": id_in(&path), "name": "Production AWS Credentials"},
                "companyId": scene.acme,
                "fieldId": row["fieldId"],
                "address": "127.0.0.1",
                "requestId": revealed.header("x-request-id")
            });
            assert_eq!(row, expected);
        }
    }
}

#[tokio::test]
async fn without_a_row_there_is_no_secret_and_no_write() {
    let scene = Scene::start().await;
    let path = scene.credential("the marked secret").await;
    let refuse = "create function refuse() returns trigger language plpgsql as $$ begin raise 'no room for the row'; end $$;";
    scene.app.db_run(refuse).await.unwrap();
    let internal = json!({"status": 500, "message": "Internal server error", "successful": false});
    for trigger in [
        "create trigger t before insert on audit_events for each row when (new.action = 'credential.reveal') execute function refuse()",
        // one that speaks only when the transaction ends
        "create constraint trigger t after insert on audit_events deferrable initially deferred for each row when (new.action = 'credential.reveal') execute function refuse()",
    ] {
        scene.app.db_run(trigger).await.unwrap();
        for below in ["secure-values", "secure-values/secretAccessKey"] {
            let refused = scene.admin.get(&format!("{path}/{below}")).await;
            assert_eq!(refused.expect(500), internal);
            assert!(!refused.text.contains("marked"));
        }
        scene.app.db_run("drop trigger t on audit_events").await.unwrap();
    }
    scene
        .app
        .db_run("create trigger t before insert on audit_events for each row execute function refuse()")
        .await
        .unwrap();
    let before = scene.app.db_text().await;
    let kind = format!("/v1/credential-type/{}", scene.aws);
    for refused in [
        scene.admin.post(CREDENTIALS, &scene.body("New", &json!([{"fieldId": "accessKeyId", "value": "A"}, {"fieldId": "secretAccessKey", "value": "S"}]))).await,
        scene.admin.patch(&path, &json!({"name": "New", "fields": [{"fieldId": "spare", "value": "S"}]})).await,
        scene.admin.put(&format!("{path}/fields"), &json!({"fields": [{"fieldId": "note", "value": null}]})).await,
        scene.admin.delete(&path).await,
        scene.admin.post("/v1/credential-type", &json!({"name": "New", "permissionScope": "new", "fields": []})).await,
        scene.admin.patch(&format!("{kind}?force=true"), &json!({"fields": []})).await,
        scene.admin.delete(&kind).await,
        scene.admin.post("/v1/company/companies", &json!({"name": "New"})).await,
    ] {
        assert_eq!(refused.expect(500), internal);
    }
    assert_eq!(scene.app.db_text().await, before);
}

#[tokio::test]
async fn the_record_is_filtered() {
    let scene = Scene::start().await;
    let (first, second) = (scene.credential("one").await, scene.credential("two").await);
    let other = fixture::company(&scene.admin, "Other").await;
    let (admin, jane) = (&scene.admin, scene.app.holder_of(&["credential.*"]).await);
    jane.get(&format!("{first}/secure-values")).await.expect(200);
    scene.app.clock.advance(TimeDelta::seconds(1));
    jane.patch(&second, &json!({"notes": "n"})).await.expect(200);
    let actions = async |query: &str| {
        let list = admin.get(&format!("/v1/audit?{query}")).await.expect(200);
        assert_eq!(list["message"], "Audit Events Fetched Successfully!");
        assert_eq!(list["pagination"], json!({"nextCursor": null}), "{query}");
        all(&list["data"], "action").join(" ")
    };
    let (one, two) = (id_in(&first), id_in(&second));
    let done = "credential.update credential.reveal";
    assert_eq!(actions(&format!("user={}", jane.id)).await, format!("{done} session.create"));
    assert_eq!(actions(&format!("credential={one}")).await, "credential.reveal credential.create");
    assert_eq!(actions(&format!("credential={two}&action=credential.update")).await, "credential.update");
    assert_eq!(actions(&format!("company={other}")).await, "company.create");
    assert_eq!(
        actions(&format!("company={}", scene.acme)).await,
        format!("{done} credential.create credential.create company.create")
    );
    assert_eq!(actions(&format!("company={other}&user={}", jane.id)).await, "");
    assert_eq!(actions("action=credential.reveal&user=&company=").await, "credential.reveal");
    assert_eq!(actions("action=credential").await, "");

    let update = "select at from audit_events where action = 'credential.update'";
    let at: DateTime<chrono::Utc> = sqlx::query_scalar(update).fetch_one(scene.app.pool()).await.unwrap();
    let (at, after) = (at.to_rfc3339(), (at + TimeDelta::microseconds(1)).to_rfc3339());
    let (at, after) = (at.replace('+', "%2B"), after.replace('+', "%2B"));
    assert_eq!(actions(&format!("from={at}")).await, "credential.update");
    assert_eq!(actions(&format!("from={after}")).await, "");
    assert_eq!(actions(&format!("user={}&from={at}&to={after}", jane.id)).await, "credential.update");
    assert_eq!(actions(&format!("user={}&to={at}", jane.id)).await, "credential.reveal session.create");
    for id in ["x", "%C3%A4", &one.to_uppercase(), "00000000-0000-7000-8000-000000000000"] {
        for filter in ["user", "company", "credential"] {
            assert_eq!(actions(&format!("{filter}={id}")).await, "");
        }
    }
}

#[tokio::test]
async fn malformed_parameters_are_refused() {
    let scene = Scene::start().await;
    let far = URL_SAFE_NO_PAD.encode([&i64::MIN.to_be_bytes()[..], &[0; 16]].concat());
    let farther =
        URL_SAFE_NO_PAD.encode([&(-8_000_000_000_000_000_000_i64).to_be_bytes()[..], &[0; 16]].concat());
    for (query, name) in [
        ("limit=0".to_owned(), "limit"),
        ("limit=201".to_owned(), "limit"),
        ("limit=ten".to_owned(), "limit"),
        ("limit=1&limit=1".to_owned(), "limit"),
        ("from=yesterday".to_owned(), "from"),
        ("from=2026-02-30T00:00:00Z".to_owned(), "from"),
        ("to=2026-01-01".to_owned(), "to"),
        ("cursor=x".to_owned(), "cursor"),
        ("cursor=AAAA".to_owned(), "cursor"),
        (format!("cursor={far}"), "cursor"),
        (format!("cursor={farther}"), "cursor"),
        ("action=%00".to_owned(), "action"),
        ("user=%00".to_owned(), "user"),
    ] {
        let violations = scene.admin.get(&format!("/v1/audit?{query}")).await.violations();
        assert_eq!((violations.len(), &violations[0].0), (1, &json!([name])), "{query}");
    }
    for query in ["from=0000-01-01T00:00:00Z", "to=9999-12-31T23:59:60Z", "limit=200", "cursor="] {
        scene.admin.get(&format!("/v1/audit?{query}")).await.expect(200);
    }
}

#[tokio::test]
async fn the_cursor_walks_every_row_once_while_rows_are_added() {
    let scene = Scene::start().await;
    // rows of the same moment, too
    let many = "insert into audit_events (id, at, action, outcome, actor_kind, actor_name, target_kind)
        select gen_random_uuid(), timestamptz '2026-01-01' + (n / 7) * interval '1 microsecond', 'test', 'success', 'system', 'ttscm', 'setting'
        from generate_series(1, 50) n";
    scene.app.db_run(many).await.unwrap();
    let there: Vec<String> =
        sqlx::query_scalar("select id::text from audit_events order by at desc, id desc")
            .fetch_all(scene.app.pool())
            .await
            .unwrap();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = scene.admin.get(&format!("/v1/audit?limit=4&cursor={cursor}")).await.expect(200);
        let ids = all(&page["data"], "id");
        seen.extend(ids.iter().map(|id| (*id).to_owned()));
        fixture::company(&scene.admin, "New").await;
        match page["pagination"]["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
        assert_eq!(ids.len(), 4);
    }
    assert_eq!(seen, there);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
    let exact = scene.admin.get(&format!("/v1/audit?limit={}&action=test", 50)).await.expect(200);
    assert_eq!(exact["pagination"]["nextCursor"], Value::Null);
}

#[tokio::test]
async fn who_reads_the_record_of_a_company_reads_no_other() {
    let scene = Scene::start().await;
    let other = fixture::company(&scene.admin, "Other").await;
    scene.credential("secret").await;
    fixture::aws_credential(&scene.admin, &scene.aws, &other, "secret").await;
    let auditor = scene.app.holder_in(&scene.acme, &["audit.*"]).await;
    let list = auditor.get("/v1/audit").await.data();
    assert_eq!(all(&list, "action"), ["credential.create", "company.create"]);
    assert_eq!(all(&list, "companyId"), [&*scene.acme, &*scene.acme]);
    for query in [format!("company={other}"), "action=session.create".into(), format!("user={}", auditor.id)]
    {
        assert_eq!(auditor.get(&format!("/v1/audit?{query}")).await.data(), json!([]), "{query}");
    }
    let refused = scene.app.holder_of(&["credential.*"]).await.get("/v1/audit").await.expect(403);
    assert_eq!(
        refused,
        json!({"status": 403, "message": "Insufficient permissions", "error": "InsufficientPermission", "required": ["audit.read"], "successful": false})
    );
}

#[tokio::test]
async fn the_record_cannot_be_changed() {
    let scene = Scene::start().await;
    let before = scene.app.db_text().await;
    for statement in [
        "update audit_events set outcome = 'denied'",
        "delete from audit_events",
        "delete from audit_events where false",
        "truncate audit_events",
        "truncate audit_events cascade",
    ] {
        let error = scene.app.db_run(statement).await.expect_err(statement);
        assert!(error.to_string().contains("append-only"), "{statement} {error}");
    }
    assert_eq!(scene.app.db_text().await, before);
}
