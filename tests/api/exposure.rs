//! Exposure: which secrets somebody knows that have not changed since.

use chrono::TimeDelta;
use ttscm::access::Caller;
use ttscm::sealing::Rotation;

use crate::helpers::scene::{all, id_in};
use crate::helpers::{Actor, Scene, Value, fixture, json, keys, trash};

fn path_of(user: &Actor) -> String {
    format!("/v1/user/users/{}/exposure", user.id)
}

async fn exposed(reader: &Actor, user: &Actor) -> Value {
    reader.get(&path_of(user)).await.data()
}

async fn reveal(actor: &Actor, credential: &str, field: &str) {
    actor.get(&format!("{credential}/secure-values/{field}")).await.expect(200);
}

fn change(field: &str, value: &Value) -> Value {
    json!({"fields": [{"fieldId": field, "value": value}]})
}

#[tokio::test]
async fn what_somebody_has_revealed_is_listed_by_company_the_newest_first() {
    let scene = Scene::start().await;
    let beta = fixture::company(&scene.admin, "beta").await;
    let (first, second) = (scene.credential("one").await, scene.credential("two").await);
    let third = fixture::aws_credential(&scene.admin, &scene.aws, &beta, "three").await;
    let third = format!("/v1/credential/credentials/{third}");
    let jane = scene.app.holder_of(&["credential.*"]).await;
    assert_eq!(exposed(&scene.admin, &jane).await, json!([]));
    for (credential, times) in [(&third, 1), (&first, 3), (&second, 1)] {
        for _ in 0..times {
            scene.app.clock.advance(TimeDelta::seconds(1));
            reveal(&jane, credential, "secretAccessKey").await;
        }
    }
    let rows = scene.admin.get(&format!("/v1/audit?user={}&action=credential.reveal", jane.id)).await.data();
    let last = |credential: &str| {
        let of = |row: &&Value| row["target"]["id"] == id_in(credential);
        rows.as_array().unwrap().iter().find(of).unwrap()["at"].clone()
    };
    let row = |company: (&str, &str), credential: &str, reveals: i64| {
        json!({
            "companyId": company.0, "companyName": company.1, "credentialId": id_in(credential),
            "credentialName": "Production AWS Credentials", "fieldId": "secretAccessKey",
            "lastRevealedAt": last(credential), "reveals": reveals
        })
    };
    let (acme, beta) = ((&*scene.acme, "Acme"), (&*beta, "beta"));
    let answer = scene.admin.get(&path_of(&jane)).await.expect(200);
    assert_eq!(
        answer,
        json!({
            "status": 200, "message": "User Exposure Fetched Successfully!", "successful": true,
            "data": [row(acme, &second, 1), row(acme, &first, 3), row(beta, &third, 1)]
        })
    );
    let page = scene.admin.get(&format!("{}?page=2&rpp=2", path_of(&jane))).await.expect(200);
    assert_eq!((page["data"].as_array().unwrap().len(), &page["pagination"]["totalRecords"]), (1, &json!(3)));
    assert_eq!(exposed(&scene.admin, &scene.admin).await, json!([]), "it is of nobody else");
}

#[tokio::test]
async fn a_value_that_has_changed_is_known_no_more() {
    let scene = Scene::start().await;
    let path = scene.credential("one").await;
    scene.admin.patch(&path, &change("spare", &json!("a spare"))).await.expect(200);
    let jane = scene.app.holder_of(&["credential.*"]).await;
    reveal(&jane, &path, "secretAccessKey").await;
    reveal(&jane, &path, "spare").await;
    let fields = async || {
        let exposed = exposed(&scene.admin, &jane).await;
        let mut fields: Vec<_> = all(&exposed, "fieldId").into_iter().map(str::to_owned).collect();
        fields.sort();
        fields.join(" ")
    };
    scene.app.clock.advance(TimeDelta::seconds(1));
    // the same value, and everything but the value
    scene.admin.patch(&path, &change("spare", &json!("a spare"))).await.expect(200);
    scene
        .admin
        .patch(&path, &json!({"name": "Other", "fields": [{"fieldId": "note", "value": "n"}]}))
        .await
        .expect(200);
    let again = scene.app.db_sealed(id_in(&path), "secretAccessKey").await;
    scene.app.db_put_sealed(id_in(&path), "secretAccessKey", &again).await;
    assert_eq!(fields().await, "secretAccessKey spare");
    scene.admin.patch(&path, &change("spare", &json!("another"))).await.expect(200);
    assert_eq!(fields().await, "secretAccessKey");
    scene.app.clock.advance(TimeDelta::seconds(1));
    reveal(&jane, &path, "spare").await;
    let spare = exposed(&scene.admin, &jane).await;
    assert_eq!((&spare[0]["fieldId"], &spare[0]["reveals"]), (&json!("spare"), &json!(1)));
    scene.admin.put(&format!("{path}/fields"), &change("spare", &json!(null))).await.expect(200);
    assert_eq!(fields().await, "secretAccessKey");
    scene.admin.delete(&path).await.expect(200);
    assert_eq!(fields().await, "");
}

#[tokio::test]
async fn refused_and_failed_reveals_expose_nothing() {
    let scene = Scene::start().await;
    let path = scene.credential("one").await;
    let jane = scene.app.holder_of(&["credential.*"]).await;
    let good = scene.app.db_sealed(id_in(&path), "secretAccessKey").await;
    scene.app.db_put_sealed(id_in(&path), "secretAccessKey", &[0; 64]).await;
    jane.get(&format!("{path}/secure-values")).await.expect(500);
    scene.app.db_put_sealed(id_in(&path), "secretAccessKey", &good).await;
    assert_eq!(exposed(&scene.admin, &jane).await, json!([]));
}

#[tokio::test]
async fn who_holds_the_node_in_a_company_sees_its_people_and_its_secrets_only() {
    let scene = Scene::start().await;
    let beta = fixture::company(&scene.admin, "Beta").await;
    let here = scene.credential("one").await;
    let there = fixture::aws_credential(&scene.admin, &scene.aws, &beta, "two").await;
    let (jane, stranger) =
        (scene.app.technician_of(&scene.acme).await, scene.app.holder_of(&["credential.*"]).await);
    scene.app.db_bound_role(&email_of(&scene, &jane).await, &beta, &["credential.*"]).await;
    for path in [&here, &format!("/v1/credential/credentials/{there}")] {
        reveal(&jane, path, "secretAccessKey").await;
        reveal(&stranger, path, "secretAccessKey").await;
    }
    let lead = scene.app.holder_in(&scene.acme, &["user.exposure"]).await;
    assert_eq!(all(&exposed(&lead, &jane).await, "companyName"), ["Acme"]);
    assert_eq!(exposed(&scene.admin, &jane).await.as_array().unwrap().len(), 2);
    lead.get(&path_of(&stranger)).await.expect(404);
    lead.get("/v1/user/users/x/exposure").await.expect(404);
    let nobody = scene.app.holder_of(&["user.read.other"]).await;
    assert_eq!(nobody.get(&path_of(&jane)).await.expect(403)["required"], json!(["user.exposure"]));
}

async fn email_of(scene: &Scene, user: &Actor) -> String {
    let user = scene.admin.get(&format!("/v1/user/users/{}", user.id)).await.data();
    user["email"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_whose_account_is_gone_still_knows_what_they_know() {
    let scene = Scene::start().await;
    let path = scene.credential("one").await;
    let jane = scene.app.technician_of(&scene.acme).await;
    reveal(&jane, &path, "secretAccessKey").await;
    let lead = scene.app.holder_in(&scene.acme, &["user.exposure"]).await;
    scene.admin.delete(&format!("/v1/user/users/{}", jane.id)).await.expect(200);
    assert_eq!(all(&exposed(&scene.admin, &jane).await, "credentialId"), [id_in(&path)]);
    lead.get(&path_of(&jane)).await.expect(404);
    scene.admin.get(&format!("/v1/user/users/{}/exposure", ttscm::id::new())).await.expect(404);
}

#[tokio::test]
async fn a_value_that_was_changed_and_restored_is_known_to_those_who_saw_it() {
    let scene = Scene::start().await;
    let path = scene.credential("first").await;
    let (sooner, later) =
        (scene.app.holder_of(&["credential.*"]).await, scene.app.holder_of(&["credential.*"]).await);
    let pass = || scene.app.clock.advance(TimeDelta::seconds(1));
    let known = async || {
        let of = async |who: &Actor| exposed(&scene.admin, who).await.as_array().unwrap().len();
        (of(&sooner).await, of(&later).await)
    };
    pass();
    reveal(&sooner, &path, "secretAccessKey").await;
    pass();
    scene.admin.patch(&path, &change("secretAccessKey", &json!("second"))).await.expect(200);
    pass();
    reveal(&later, &path, "secretAccessKey").await;
    assert_eq!(known().await, (0, 1));
    pass();
    scene.admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(200);
    assert_eq!(known().await, (1, 0));
    // sealed anew it is the same value, here and in the trash and back
    let rotation = Rotation::begin(&scene.app.app, &Caller::system()).await.unwrap().unwrap();
    rotation.finish(&scene.app.app, |_| ()).await.unwrap();
    scene.admin.post(&format!("{path}/versions/2/restore"), &json!({})).await.expect(200);
    pass();
    assert_eq!(known().await, (0, 1));
    scene.admin.delete(&path).await.expect(200);
    assert_eq!(known().await, (0, 0));
    trash::restore(&scene.admin, id_in(&path)).await.expect(200);
    assert_eq!(known().await, (0, 1));
}

#[tokio::test]
async fn what_an_api_key_has_revealed_its_maker_knows() {
    let scene = Scene::start().await;
    let path = scene.credential("one").await;
    let jane = scene.app.holder_of(&["credential.*", "api_key.create"]).await;
    let key = keys::key(&jane, &["credential.fetch", "credential.secure_values.read"]).await;
    reveal(&key.service, &path, "secretAccessKey").await;
    assert_eq!(all(&exposed(&scene.admin, &jane).await, "credentialId"), [id_in(&path)]);
    scene.admin.delete(&format!("/v1/user/users/{}", jane.id)).await.expect(200);
    assert_eq!(all(&exposed(&scene.admin, &jane).await, "credentialId"), [id_in(&path)]);
}
