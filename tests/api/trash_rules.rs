//! Who sees and restores what of the trash, what stands in the way of it, and that nobody is made stronger.

use crate::helpers::fixture::{aws_credential, aws_type, company, id_of};
use crate::helpers::people::{give_nodes, give_roles, holds, person, role_in};
use crate::helpers::scene::{all, field, id_in, kind_with};
use crate::helpers::time::TestClock;
use crate::helpers::trash::{assert_conflict, entry_of, path_of, purge, restore};
use crate::helpers::{Actor, Scene, TestApp, Value, cluster, json};

const TYPES: &str = "/v1/credential-type";
const COMPANIES: &str = "/v1/company/companies";

async fn listed(actor: &Actor) -> Vec<String> {
    let entries = actor.get("/v1/trash").await.data();
    all(&entries, "targetId").into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn somebody_of_one_company_sees_restores_and_purges_its_credentials_only() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let beta = company(admin, "Beta").await;
    let (own, other) = (scene.credential("s").await, scene.credential("s").await);
    let foreign = aws_credential(admin, &scene.aws, &beta, "s").await;
    let kind = aws_type(admin, "azure").await;
    let gone = company(admin, "Gone").await;
    for path in [
        own.clone(),
        format!("/v1/credential/credentials/{foreign}"),
        format!("{TYPES}/{kind}"),
        format!("{COMPANIES}/{gone}"),
        other.clone(),
    ] {
        admin.delete(&path).await.expect(200);
    }
    assert_eq!(listed(admin).await, [id_in(&other), &gone, &kind, &foreign, id_in(&own)]);
    let technician = scene.app.holder_in(&scene.acme, &["trash.*"]).await;
    assert_eq!(listed(&technician).await, [id_in(&other), id_in(&own)]);
    for hidden in [&foreign, &kind, &gone] {
        let path = path_of(admin, hidden).await;
        assert_eq!(technician.delete(&path).await.expect(404)["error"], "TrashEntryNotFound");
        technician.post(&format!("{path}/restore"), &json!({})).await.expect(404);
    }
    // nothing more is held by that
    restore(&technician, id_in(&own)).await.expect(200);
    technician.get(&own).await.expect(403);
    purge(&technician, id_in(&other)).await;
    admin.get(&own).await.expect(200);

    let office = json!({"adminIds": [technician.id]});
    admin.put(&format!("/rbac/api/organizations/{beta}"), &office).await.rbac();
    assert_eq!(listed(&technician).await, [foreign.as_str()]);
    restore(&technician, &foreign).await.expect(200);
}

#[tokio::test]
async fn seeing_restoring_and_purging_are_separate_nodes() {
    let scene = Scene::start().await;
    let path = scene.credential("s").await;
    scene.admin.delete(&path).await.expect(200);
    let entry = path_of(&scene.admin, id_in(&path)).await;
    let app = &scene.app;
    for (nodes, lists, restores, purges) in [
        (&["trash.fetch.many"][..], 200, 403, 403),
        (&["credential.*", "credential_type.*", "company.*"], 403, 403, 403),
        (&["trash.purge", "trash.fetch.many"], 200, 403, 200),
    ] {
        let somebody = app.holder_of(nodes).await;
        somebody.get("/v1/trash").await.expect(lists);
        let restored = somebody.post(&format!("{entry}/restore"), &json!({})).await.expect(restores);
        assert_eq!(restored["required"], json!(["trash.restore"]));
        somebody.delete(&entry).await.expect(purges);
    }
    // seen everywhere, but restored in another company
    let other = company(&scene.admin, "Other").await;
    let path = scene.credential("s").await;
    scene.admin.delete(&path).await.expect(200);
    let email = app.db_user(&["trash.fetch.many"]).await;
    app.db_bound_role(&email, &other, &["trash.restore"]).await;
    let somebody = crate::helpers::actor::sign_in(app, &email, crate::helpers::fixture::PASSWORD).await;
    assert_eq!(restore(&somebody, id_in(&path)).await.expect(403)["required"], json!(["trash.restore"]));
}

#[tokio::test]
async fn what_needs_something_in_the_trash_waits_for_it() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let (one, two) = (scene.credential("s").await, scene.credential("s").await);
    admin.delete(&one).await.expect(200);
    admin.delete(&format!("{COMPANIES}/{}", scene.acme)).await.expect(200);
    admin.delete(&format!("{TYPES}/{}", scene.aws)).await.expect(200);
    assert_conflict(
        &restore(admin, id_in(&one)).await,
        "The credential 'Production AWS Credentials' cannot be restored yet, because it needs what is in the trash too: restore the company 'Acme' and the credential type 'AWS aws.credentials' first",
    );
    assert_conflict(
        &restore(admin, &scene.acme).await,
        "The company 'Acme' cannot be restored yet, because it needs what is in the trash too: restore the credential type 'AWS aws.credentials' first",
    );
    let entry = path_of(admin, &scene.aws).await;
    for target in [&scene.aws, &scene.acme, id_in(&one)] {
        restore(admin, target).await.expect(200);
    }
    for path in [one, two] {
        assert_eq!(admin.get(&format!("{path}/secure-values")).await.data(), json!({"secretAccessKey": "s"}));
    }
    // what is back is restored by nobody again
    let again = admin.post(&format!("{entry}/restore"), &json!({})).await;
    assert_eq!(again.expect(404)["error"], "TrashEntryNotFound");
}

#[tokio::test]
async fn the_scope_of_a_type_in_the_trash_is_kept_for_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let kind = aws_type(&admin, "aws").await;
    admin.delete(&format!("{TYPES}/{kind}")).await.expect(200);
    for scope in ["aws", "AWS", "aws.fields"] {
        let new = json!({"name": format!("N {scope}"), "permissionScope": scope, "fields": []});
        let message = format!(
            "The permissionScope '{}' is kept for the credential type 'AWS aws', which is in the trash: restore that one, or purge it first",
            scope.to_lowercase()
        );
        assert_conflict(&admin.post(TYPES, &new).await, &message);
    }
    let permission = json!({"name": "P", "resource": "aws", "action": "fetch"});
    assert_conflict(
        &admin.post("/v1/permissions", &permission).await,
        "The permission 'aws.fetch' is kept for the credential type 'AWS aws', which is in the trash: restore that one, or purge it first",
    );
    // its name is not
    let namesake = json!({"name": "aws AWS", "permissionScope": "other", "fields": []});
    let namesake = id_of(&admin.post(TYPES, &namesake).await.data());
    assert_conflict(
        &restore(&admin, &kind).await,
        "The name 'AWS aws' has been taken by another credential type: rename that one first",
    );
    admin.patch(&format!("{TYPES}/{namesake}"), &json!({"name": "Other"})).await.expect(200);
    restore(&admin, &kind).await.expect(200);
    admin.delete(&format!("{TYPES}/{kind}")).await.expect(200);
    purge(&admin, &kind).await;
    admin.post("/v1/permissions", &permission).await.expect(201);
}

#[tokio::test]
async fn a_company_whose_names_have_been_taken_waits_until_they_are_free() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    let role = json!({"title": "T", "moniker": "helpers", "permissions": [], "companyId": acme});
    admin.post("/v1/role", &role).await.expect(201);
    let export = json!({"name": "Export", "resource": "exports", "action": "make", "companyId": acme});
    admin.post("/v1/permissions", &export).await.expect(201);
    admin.delete(&format!("{COMPANIES}/{acme}")).await.expect(200);
    let taken = json!({"title": "T", "moniker": "helpers", "permissions": []});
    admin.post("/v1/role", &taken).await.expect(201);
    let node = json!({"name": "Export", "resource": "exports", "action": "make"});
    let node = id_of(&admin.post("/v1/permissions", &node).await.data());
    assert_conflict(
        &restore(&admin, &acme).await,
        "The moniker 'helpers' of one of its roles has been taken by another role: change that one first",
    );
    admin.delete("/v1/role/helpers").await.expect(200);
    assert_conflict(
        &restore(&admin, &acme).await,
        "The permission 'exports.make' of this company has come to exist elsewhere: delete or rename that one first",
    );
    admin.delete(&format!("/v1/permissions/{node}")).await.expect(200);
    restore(&admin, &acme).await.expect(200);
    assert_eq!(admin.get("/v1/role/helpers").await.data()["companyId"], json!(acme));
}

#[tokio::test]
async fn a_restored_company_makes_nobody_stronger() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    let role = role_in(&admin, &acme, &["credential.fetch"]).await;
    let (kept, stripped, gone) = (
        person(&app, &admin, &["user", &role]).await,
        person(&app, &admin, &["user", &role]).await,
        person(&app, &admin, &["user", &role]).await,
    );
    admin.delete(&format!("{COMPANIES}/{acme}")).await.expect(200);
    // whoever could not give the role does not bring it back to people
    let weak = app.holder_of(&["trash.*", "credential_type.*", "company.*"]).await;
    let refused = restore(&weak, &acme).await.expect(403);
    assert_eq!(refused["required"], json!(["credential.fetch"]));
    // what is set meanwhile stands
    give_roles(&admin, &stripped.id, &["user"]).await.expect(200);
    admin.delete(&format!("/v1/user/users/{}", gone.id)).await.expect(200);
    give_nodes(&admin, &weak.id, &["trash.*", "credential.fetch"]).await.expect(200);
    restore(&weak, &acme).await.expect(200);
    assert!(holds(&admin, &kept.id, "credential.fetch", Some(&acme)).await);
    assert!(!holds(&admin, &stripped.id, "credential.fetch", Some(&acme)).await);
    assert_eq!(all(&admin.get(&format!("/v1/role/{role}/users")).await.data(), "id"), [kept.id.as_str()]);
}

#[tokio::test]
async fn a_restored_wildcard_covers_nothing_that_was_not_to_give() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    aws_type(&admin, "aws").await;
    let export = json!({"name": "Export", "resource": "aws", "action": "export", "companyId": acme});
    admin.post("/v1/permissions", &export).await.expect(201);
    let role = role_in(&admin, &acme, &["aws.*"]).await;
    person(&app, &admin, &["user", &role]).await;
    admin.delete(&format!("{COMPANIES}/{acme}")).await.expect(200);
    // this is as good as `aws.*` for the type, but not for what was made below it
    let weak = app.holder_of(&["trash.*", "credential.*"]).await;
    assert_eq!(restore(&weak, &acme).await.expect(403)["required"], json!(["aws.export"]));
    give_nodes(&admin, &weak.id, &["trash.*", "credential.*", "permission.escalate"]).await.expect(200);
    restore(&weak, &acme).await.expect(200);
}

#[tokio::test]
async fn a_restored_role_has_no_node_that_has_come_to_mean_something_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    let kind = aws_type(&admin, "aws").await;
    let node = json!({"name": "Export", "resource": "exports", "action": "make"});
    let made = id_of(&admin.post("/v1/permissions", &node).await.data());
    let role = role_in(&admin, &acme, &["aws.fetch", "exports.make", "exports.*", "company.fetch"]).await;
    let somebody = person(&app, &admin, &["user", &role]).await;
    admin.delete(&format!("{COMPANIES}/{acme}")).await.expect(200);
    admin.delete(&format!("{TYPES}/{kind}")).await.expect(200);
    purge(&admin, &kind).await;
    admin.delete(&format!("/v1/permissions/{made}")).await.expect(200);
    // others come in their places
    aws_type(&admin, "aws").await;
    admin.post("/v1/permissions", &node).await.expect(201);
    restore(&admin, &acme).await.expect(200);
    assert_eq!(admin.get(&format!("/v1/role/{role}")).await.data()["permissions"], json!(["company.fetch"]));
    assert!(!holds(&admin, &somebody.id, "aws.fetch", Some(&acme)).await);
}

#[tokio::test]
async fn a_change_of_the_type_reaches_what_is_in_the_trash() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let fields = |pin: Option<bool>, key: bool| {
        let pin = pin.map(|secure| field("pin", "plain_text", false, secure));
        Value::Array(pin.into_iter().chain([field("key", "password", false, key)]).collect())
    };
    let kind = kind_with(admin, "Phone", "phone", &fields(Some(false), true)).await;
    let body = json!({"name": "P", "typeId": id_in(&kind), "companyId": scene.acme, "fields": [
        {"fieldId": "pin", "value": "a plain pin"}, {"fieldId": "key", "value": "k"}
    ]});
    let id = id_of(&admin.post("/v1/credential/credentials", &body).await.data());
    let path = format!("/v1/credential/credentials/{id}");
    admin.patch(&path, &json!({"fields": [{"fieldId": "pin", "value": "another pin"}]})).await.expect(200);
    admin.delete(&path).await.expect(200);
    admin.patch(&kind, &json!({"fields": fields(Some(true), true)})).await.expect(200);
    let text = scene.app.db_text().await;
    assert!(!text.contains("a plain pin") && !text.contains("another pin"), "it is sealed in the trash too");
    restore(admin, &id).await.expect(200);
    let secrets = json!({"pin": "another pin", "key": "k"});
    assert_eq!(admin.get(&format!("{path}/secure-values")).await.data(), secrets);

    // what there is no room for any more stays in the history, sealed
    admin.delete(&path).await.expect(200);
    admin.patch(&kind, &json!({"fields": fields(None, false)})).await.expect(200);
    restore(admin, &id).await.expect(200);
    assert_eq!(admin.get(&format!("{path}/fields")).await.data(), json!([]));
    assert_eq!(admin.get(&format!("{path}/versions")).await.data()[0]["changed"], json!(["key", "pin"]));
    admin.patch(&kind, &json!({"fields": fields(Some(true), true)})).await.expect(200);
    admin.post(&format!("{path}/versions/2/restore"), &json!({})).await.expect(200);
    assert_eq!(admin.get(&format!("{path}/secure-values")).await.data(), secrets);
}

#[tokio::test]
async fn another_server_sees_what_is_deleted_and_restored_at_once() {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let here = TestApp::on(database.clone(), clock.clone(), &[]).await;
    let there = TestApp::on(database, clock, &[]).await;
    let admin = here.admin().await;
    let elsewhere = Actor::new(there.client.clone(), there.address, admin.token.clone());
    let (acme, kind) = (company(&admin, "Acme").await, aws_type(&admin, "aws").await);
    let credential =
        format!("/v1/credential/credentials/{}", aws_credential(&admin, &kind, &acme, "s").await);
    for (path, target) in [
        (credential.clone(), id_in(&credential).to_owned()),
        (format!("{TYPES}/{kind}"), kind.clone()),
        (format!("{COMPANIES}/{acme}"), acme.clone()),
    ] {
        elsewhere.get(&credential).await.expect(200);
        admin.delete(&path).await.expect(200);
        elsewhere.get(&credential).await.expect(404);
        elsewhere.get(&path).await.expect(404);
        assert!(entry_of(&elsewhere, &target).await.is_some());
        restore(&elsewhere, &target).await.expect(200);
        assert_eq!(admin.get(&format!("{credential}/secure-values")).await.data()["secretAccessKey"], "s");
        assert_eq!(entry_of(&admin, &target).await, None);
    }
    // what is past its time goes once, whoever is at it
    admin.delete(&format!("{COMPANIES}/{acme}")).await.expect(200);
    here.clock.advance(ttscm::trash::KEPT);
    let (one, two) = tokio::join!(ttscm::trash::purge_due(&here.app), ttscm::trash::purge_due(&there.app));
    one.and(two).unwrap();
    assert_eq!(here.db_leftovers().await, 0);
    let admin = here.admin().await;
    assert_eq!(all(&admin.get("/v1/audit?action=company.purge").await.data(), "action"), ["company.purge"]);
}
