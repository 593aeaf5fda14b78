//! The trash: what is deleted can be put back as it was, for 30 days.

use chrono::{DateTime, TimeDelta};
use tokio::task::JoinSet;

use crate::helpers::fixture::{aws_credential, aws_type, company, id_of};
use crate::helpers::people::{give_nodes, holds, person, role_in};
use crate::helpers::scene::{all, id_in};
use crate::helpers::trash::{COMPANIES, CREDENTIALS, entry_of, path_of, purge, restore};
use crate::helpers::{Actor, Answer, Scene, TestApp, Value, json};

/// A credential with both secrets and a history; its path.
async fn with_history(scene: &Scene) -> String {
    let path = scene.credential("the first secret").await;
    for (field, value) in [("spare", "a spare"), ("secretAccessKey", "the secret"), ("note", "n")] {
        let change = json!({"fields": [{"fieldId": field, "value": value}]});
        scene.admin.patch(&path, &change).await.expect(200);
    }
    path
}

/// Checks that a restored credential has its secrets, and its history with the first of them.
async fn assert_whole(admin: &Actor, path: &str) {
    let secrets = json!({"secretAccessKey": "the secret", "spare": "a spare"});
    assert_eq!(admin.get(&format!("{path}/secure-values")).await.data(), secrets);
    let versions = admin.get(&format!("{path}/versions")).await.data();
    assert_eq!(all(&versions, "at").len(), 3);
    admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(200);
    let first = json!({"secretAccessKey": "the first secret"});
    assert_eq!(admin.get(&format!("{path}/secure-values")).await.data(), first);
}

/// The restored entry is what was in the list, and the list has it no more.
async fn assert_restored(admin: &Actor, entry: &Value, answer: &Answer) {
    let restored = answer.expect(200);
    assert_eq!(
        (&restored["message"], &restored["data"]),
        (&json!("Trash Entry Restored Successfully!"), entry)
    );
    assert_eq!(entry_of(admin, entry["targetId"].as_str().unwrap()).await, None);
}

/// The actions that are on record of a thing, newest first, with the company that it is in.
async fn record_of(admin: &Actor, id: &str) -> Vec<(String, Value)> {
    let rows = admin.get("/v1/audit?limit=200").await.data();
    let rows = rows.as_array().unwrap().iter().filter(|row| row["target"]["id"] == id);
    rows.map(|row| (row["action"].as_str().unwrap().to_owned(), row["companyId"].clone())).collect()
}

fn time(value: &Value) -> DateTime<chrono::FixedOffset> {
    DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_deleted_credential_is_put_back_to_its_last_byte() {
    let scene = Scene::start().await;
    let (admin, path) = (&scene.admin, with_history(&scene).await);
    let kept = with_history(&scene).await;
    let before = scene.app.db_rows(&CREDENTIALS).await;
    admin.delete(&path).await.expect(200);
    for below in ["", "/fields", "/secure-values", "/secure-values/spare", "/versions"] {
        assert_eq!(admin.get(&format!("{path}{below}")).await.expect(404)["error"], "CredentialNotFound");
    }
    admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(404);
    let list = format!("/v1/credential/credentials/company/{}?search=Production", scene.acme);
    assert_eq!(all(&admin.get(&list).await.data(), "id"), [id_in(&kept)]);
    assert_eq!(admin.get(&format!("/v1/credential-type/{}", scene.aws)).await.data()["credentialCount"], 1);

    let listed = admin.get("/v1/trash").await.expect(200);
    assert_eq!(listed["message"], "Trash Fetched Successfully!");
    assert_eq!(listed["pagination"]["totalRecords"], 1);
    let entry = listed["data"][0].clone();
    let expected = json!({
        "id": entry["id"], "kind": "credential", "targetId": id_in(&path), "name": "Production AWS Credentials",
        "companyId": scene.acme, "deletedAt": entry["deletedAt"],
        "deletedBy": {"id": admin.id, "name": "Administrator"}, "purgeAt": entry["purgeAt"],
        "contains": {"credentials": 1}
    });
    assert_eq!(entry, expected);
    assert_eq!(time(&entry["purgeAt"]) - time(&entry["deletedAt"]), TimeDelta::days(30));

    assert_restored(admin, &entry, &restore(admin, id_in(&path)).await).await;
    assert_eq!(scene.app.db_rows(&CREDENTIALS).await, before);
    assert_whole(admin, &path).await;
    let acme = json!(scene.acme);
    let restored = ["credential.restore".to_owned(), "credential.delete".to_owned()];
    let actions =
        record_of(admin, id_in(&path)).await.into_iter().filter(|(action, _)| restored.contains(action));
    assert_eq!(actions.collect::<Vec<_>>(), restored.map(|action| (action, acme.clone())));
}

#[tokio::test]
async fn a_deleted_type_is_put_back_with_every_credential_to_its_last_byte() {
    let scene = Scene::start().await;
    let (admin, path) = (&scene.admin, with_history(&scene).await);
    with_history(&scene).await;
    let holder = scene.app.holder_of(&["aws.credentials.fetch", "aws.*"]).await;
    let before = scene.app.db_rows(&CREDENTIALS).await;
    let kind = format!("/v1/credential-type/{}", scene.aws);
    admin.delete(&kind).await.expect(200);
    admin.get(&kind).await.expect(404);
    admin.get(&path).await.expect(404);
    holder.get(&path).await.expect(403);
    assert_eq!(admin.get("/v1/credential-type").await.data(), json!([]));

    let entry = entry_of(admin, &scene.aws).await.expect("an entry");
    assert_eq!((&entry["kind"], &entry["companyId"]), (&json!("credential_type"), &Value::Null));
    assert_eq!(entry["contains"], json!({"credentials": 2}));
    assert_restored(admin, &entry, &restore(admin, &scene.aws).await).await;
    assert_eq!(scene.app.db_rows(&CREDENTIALS).await, before);
    holder.get(&path).await.expect(200);
    assert_whole(admin, &path).await;
    let actions: Vec<_> = record_of(admin, &scene.aws).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["credential_type.restore", "credential_type.delete", "credential_type.create"]);
}

#[tokio::test]
async fn a_deleted_company_is_put_back_with_its_credentials_roles_people_and_permissions() {
    let scene = Scene::start().await;
    let (admin, acme) = (&scene.admin, scene.acme.clone());
    let path = with_history(&scene).await;
    let role = role_in(admin, &acme, &["credential.fetch"]).await;
    let technician = person(&scene.app, admin, &["user", &role]).await;
    let export = json!({"name": "Export", "resource": "exports", "action": "make", "companyId": acme});
    admin.post("/v1/permissions", &export).await.expect(201);
    admin
        .put(&format!("/rbac/api/users/{}", technician.id), &json!({"organizationIds": [acme]}))
        .await
        .rbac();
    admin
        .put(
            &format!("/rbac/api/organizations/{acme}"),
            &json!({"adminIds": [technician.id], "domain": "acme.test"}),
        )
        .await
        .rbac();
    let tables = [&CREDENTIALS[..], &COMPANIES[..]].concat();
    let before = scene.app.db_rows(&tables).await;

    let deleted = admin.delete(&format!("/rbac/api/organizations/{acme}")).await.expect_rbac(200);
    assert_eq!(deleted["message"], "Organization deleted successfully");
    for gone in [
        path.clone(),
        format!("/v1/company/companies/{acme}"),
        format!("/v1/credential/credentials/company/{acme}"),
        format!("/v1/role/{role}"),
    ] {
        admin.get(&gone).await.expect(404);
    }
    assert_eq!(admin.get("/v1/company/companies").await.data(), json!([]));
    assert_eq!(admin.get(&format!("/v1/credential-type/{}", scene.aws)).await.data()["credentialCount"], 0);
    technician.get(&path).await.expect(403);
    let entry = entry_of(admin, &acme).await.expect("an entry");
    assert_eq!((&entry["kind"], &entry["name"]), (&json!("company"), &json!("Acme")));
    assert_eq!((&entry["companyId"], &entry["contains"]), (&json!(acme), &json!({"credentials": 1})));

    assert_restored(admin, &entry, &restore(admin, &acme).await).await;
    assert_eq!(scene.app.db_rows(&tables).await, before);
    technician.get(&path).await.expect(200);
    assert_whole(admin, &path).await;
    let actions: Vec<_> = record_of(admin, &acme).await;
    assert_eq!(actions[0], ("company.restore".to_owned(), json!(acme)));
    assert_eq!(actions[1], ("company.delete".to_owned(), json!(acme)));
}

#[tokio::test]
async fn what_is_purged_is_gone_to_its_last_row() {
    let scene = Scene::start().await;
    let (admin, first) = (&scene.admin, with_history(&scene).await);
    admin.delete(&first).await.expect(200);
    purge(admin, id_in(&first)).await;
    assert_eq!(scene.app.db_leftovers().await, 0);
    let actions: Vec<_> = record_of(admin, id_in(&first)).await;
    assert_eq!(actions[0], ("credential.purge".to_owned(), json!(scene.acme)));

    // a type takes along what else in the trash is of it, and so does a company
    let (second, third) = (with_history(&scene).await, with_history(&scene).await);
    let beta = company(admin, "Beta").await;
    aws_credential(admin, &scene.aws, &beta, "of beta").await;
    admin.delete(&second).await.expect(200);
    admin.delete(&format!("/v1/company/companies/{beta}")).await.expect(200);
    admin.delete(&format!("/v1/credential-type/{}", scene.aws)).await.expect(200);
    purge(admin, &scene.aws).await;
    assert_eq!(entry_of(admin, id_in(&second)).await, None);
    assert_eq!(entry_of(admin, &beta).await.unwrap()["contains"], json!({"credentials": 0}));
    assert_eq!(record_of(admin, &scene.aws).await[0], ("credential_type.purge".to_owned(), Value::Null));
    restore(admin, &beta).await.expect(200);
    assert_eq!(scene.app.db_leftovers().await, 0);
    admin.get(&third).await.expect(404);

    let azure = aws_type(admin, "azure").await;
    let alone = aws_credential(admin, &azure, &beta, "s").await;
    aws_credential(admin, &azure, &beta, "s").await;
    admin.delete(&format!("/v1/credential/credentials/{alone}")).await.expect(200);
    admin.delete(&format!("/v1/credential-type/{azure}")).await.expect(200);
    admin.delete(&format!("/v1/company/companies/{beta}")).await.expect(200);
    purge(admin, &beta).await;
    assert_eq!(entry_of(admin, &alone).await, None);
    restore(admin, &azure).await.expect(200);
    assert_eq!(admin.get(&format!("/v1/credential-type/{azure}")).await.data()["credentialCount"], 0);
    assert_eq!(scene.app.db_leftovers().await, 0);
}

#[tokio::test]
async fn after_thirty_days_nothing_can_be_restored_and_it_is_removed_by_itself() {
    let scene = Scene::start().await;
    let (path, email) =
        (with_history(&scene).await, scene.app.db_user(&["aws.credentials.fetch", "user.read"]).await);
    scene.admin.delete(&path).await.expect(200);
    scene.app.clock.advance(TimeDelta::days(1));
    let admin = scene.app.admin().await;
    admin.delete(&format!("/v1/credential-type/{}", scene.aws)).await.expect(200);
    scene.app.clock.advance(TimeDelta::days(29) - TimeDelta::minutes(1));
    let admin = scene.app.admin().await;
    ttscm::trash::purge_due(&scene.app.app).await.unwrap();
    let (single, kind) = (path_of(&admin, id_in(&path)).await, path_of(&admin, &scene.aws).await);
    scene.app.clock.advance(TimeDelta::minutes(2));
    // whether or not it has been removed yet
    for answer in [admin.post(&format!("{single}/restore"), &json!({})).await, admin.delete(&single).await] {
        assert_eq!(answer.expect(404)["error"], "TrashEntryNotFound");
    }
    assert_eq!(entry_of(&admin, id_in(&path)).await, None);
    ttscm::trash::purge_due(&scene.app.app).await.unwrap();
    assert_eq!(scene.app.db_counts().await["trash"], 1);
    scene.app.clock.advance(TimeDelta::days(1));
    ttscm::trash::purge_due(&scene.app.app).await.unwrap();
    assert_eq!(scene.app.db_leftovers().await, 0);
    let admin = scene.app.admin().await;
    admin.delete(&kind).await.expect(404);
    for (action, target) in [("credential.purge", id_in(&path)), ("credential_type.purge", &scene.aws)] {
        let row = admin.get(&format!("/v1/audit?action={action}")).await.data()[0].clone();
        assert_eq!((&row["target"]["id"], &row["actor"]["kind"]), (&json!(target), &json!("system")));
    }
    let left: Vec<String> = sqlx::query_scalar("select permissions from users where email = $1")
        .bind(email)
        .fetch_one(scene.app.pool())
        .await
        .unwrap();
    assert_eq!(left, ["user.read"]);
}

#[tokio::test]
async fn of_many_who_restore_or_purge_at_once_one_does() {
    let scene = Scene::start().await;
    for _ in 0..3 {
        let path = with_history(&scene).await;
        scene.admin.delete(&path).await.expect(200);
        let entry = path_of(&scene.admin, id_in(&path)).await;
        let mut all = JoinSet::new();
        for number in 0..8 {
            let (admin, entry) = (scene.admin.clone(), entry.clone());
            all.spawn(async move {
                match number % 2 {
                    0 => admin.post(&format!("{entry}/restore"), &json!({})).await.status,
                    _ => admin.delete(&entry).await.status,
                }
            });
        }
        let mut statuses = all.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404, 404, 404, 404, 404, 404, 404]);
        let there = scene.admin.get(&path).await;
        if there.status == 200 {
            assert_whole(&scene.admin, &path).await;
            scene.admin.delete(&path).await.expect(200);
            purge(&scene.admin, id_in(&path)).await;
        }
        assert_eq!(scene.app.db_leftovers().await, 0);
    }
}

#[tokio::test]
async fn the_list_is_paged_newest_first() {
    let scene = Scene::start().await;
    let mut deleted = Vec::new();
    for _ in 0..5 {
        let path = scene.credential("s").await;
        scene.admin.delete(&path).await.expect(200);
        deleted.insert(0, id_in(&path).to_owned());
    }
    let page = scene.admin.get("/v1/trash?page=2&rpp=2").await.expect(200);
    assert_eq!(all(&page["data"], "targetId"), deleted[2..4]);
    assert_eq!(
        page["pagination"],
        json!({"previousPage": 1, "currentPage": 2, "nextPage": 3, "totalPages": 3, "totalRecords": 5, "listedRecords": 2})
    );
    for path in ["/v1/trash/x", "/v1/trash/00000000-0000-7000-8000-000000000000"] {
        let missing = scene.admin.delete(path).await.expect(404);
        let id = id_in(path);
        assert_eq!(
            missing,
            json!({"status": 404, "message": format!("Trash entry with identifier '{id}' was not found."), "error": "TrashEntryNotFound", "successful": false})
        );
        scene.admin.post(&format!("{path}/restore"), &json!({})).await.expect(404);
    }
}

#[tokio::test]
async fn a_type_in_the_trash_means_nothing_until_it_is_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let kind = aws_type(&admin, "aws").await;
    let somebody = person(&app, &admin, &["user"]).await;
    give_nodes(&admin, &somebody.id, &["aws.fetch"]).await.expect(200);
    admin.delete(&format!("/v1/credential-type/{kind}")).await.expect(200);
    // it stays where it is, but is given to nobody
    assert!(holds(&admin, &somebody.id, "aws.fetch", None).await);
    give_nodes(&admin, &admin.id, &["aws.fetch"]).await.expect(400);
    give_nodes(&admin, &somebody.id, &["aws.fetch", "role.read"]).await.expect(200);
    assert_eq!(admin.get("/v1/permissions/typeScope").await.data()["permissions"], json!([]));
    restore(&admin, &kind).await.expect(200);
    give_nodes(&admin, &admin.id, &["aws.fetch"]).await.expect(200);
    assert_eq!(id_of(&admin.get("/v1/credential-type/AWS%20aws").await.data()), kind);
}
