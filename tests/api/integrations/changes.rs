//! Changing integrations: what stays, what goes, and what is on record.

use super::{PATH, Stage, TOKEN, healthy, inactive, pending};
use crate::helpers::fixture::id_of;
use crate::helpers::{TestApp, Value, json};

/// Whether an integration has its credentials.
fn has_credentials(data: &Value) -> bool {
    data["config"]["auth"]["hasCredentials"].as_bool().unwrap()
}

#[tokio::test]
async fn what_is_left_out_stays() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    stage.check(&path).await;
    let before = stage.admin.get(&path).await.data();
    let answer = stage.admin.patch(&path, &json!({})).await.expect(200);
    assert_eq!(answer["message"], "Integration Updated Successfully!");
    let mut after = answer["data"].clone();
    after["updatedAt"] = before["updatedAt"].clone();
    assert_eq!(after, before);
    let changes = json!({
        "name": "Other", "description": "text", "managers": [stage.admin.id], "type": "custom",
        "config": {"baseUrl": format!("{}/", stage.product.url()), "auth": {"type": "bearer"}}
    });
    let after = stage.admin.patch(&path, &changes).await.data();
    for member in ["name", "description", "managers"] {
        assert_eq!(after[member], changes[member]);
    }
    for member in ["type", "config", "endpoints", "health", "isActive", "createdBy", "createdAt"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(
        stage.admin.patch(&path, &json!({"type": "jira"})).await.expect(409)["message"],
        "The type of an integration cannot change"
    );
    assert_eq!(
        stage.actions(&path).await,
        ["integration.update", "integration.update", "integration.check", "integration.create"]
    );
}

#[tokio::test]
async fn credentials_are_for_one_address_and_one_way_to_show_them() {
    let stage = Stage::set().await;
    let elsewhere = json!({"config": {"baseUrl": format!("{}/elsewhere", stage.product.url())}});
    let other_way = json!({"config": {"auth": {"type": "basic"}}});
    let cleared = json!({"config": {"auth": {"credentials": null}}});
    for (change, action) in [
        (&elsewhere, vec!["integration.credentials", "integration.address"]),
        (&other_way, vec!["integration.credentials"]),
        (&cleared, vec!["integration.credentials"]),
    ] {
        let path = stage.integration().await;
        assert_eq!(stage.check(&path).await, healthy());
        stage.product.take_asked();
        let changed = stage.admin.patch(&path, change).await.data();
        assert!(!has_credentials(&changed), "{change}");
        assert_eq!(stage.health(&path).await, pending("updated"), "{change}");
        let checked = stage.check(&path).await;
        assert_eq!(
            (&checked["status"], &checked["verdict"]),
            (&json!("unhealthy"), &json!("bad_credentials"))
        );
        assert!(checked["message"].as_str().unwrap().contains("missing"), "{checked}");
        assert_eq!(stage.product.take_asked().len(), 0, "nothing is sent to the new address");
        let actions = stage.actions(&path).await;
        assert_eq!(actions[1..=action.len()], action, "{change}");
        assert_eq!(actions[action.len() + 1], "integration.update", "{change}");
    }
}

#[tokio::test]
async fn credentials_that_come_with_a_change_are_used() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let change = json!({"config": {
        "baseUrl": format!("{}/elsewhere", stage.product.url()),
        "auth": {"type": "api_key", "credentials": {"header": "x-key", "value": "another-secret"}},
    }});
    let changed = stage.admin.patch(&path, &change).await.data();
    assert!(has_credentials(&changed));
    assert_eq!(stage.check(&path).await, healthy());
    let asked = stage.product.take_asked();
    assert_eq!(
        (asked[0].target.as_str(), asked[0].header("x-key")),
        ("/elsewhere/tickets", "another-secret")
    );
    // the same address again keeps them, other credentials alone replace them
    let same = json!({"config": {"baseUrl": format!("{}/elsewhere/", stage.product.url())}});
    assert!(has_credentials(&stage.admin.patch(&path, &same).await.data()));
    assert_eq!(stage.health(&path).await, healthy());
    let others = json!({"config": {"auth": {"credentials": {"header": "x-key", "value": "a-third"}}}});
    stage.admin.patch(&path, &others).await.expect(200);
    assert_eq!(stage.health(&path).await, pending("updated"));
    stage.check(&path).await;
    assert_eq!(stage.product.take_asked()[0].header("x-key"), "a-third");
}

#[tokio::test]
async fn one_that_is_switched_off_is_inactive_until_it_is_switched_on() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    assert_eq!(stage.check(&path).await, healthy());
    stage.admin.patch(&path, &json!({"isActive": false})).await.expect(200);
    assert_eq!(stage.health(&path).await, inactive());
    stage.product.take_asked();
    assert_eq!(stage.check(&path).await, inactive());
    assert_eq!(stage.product.take_asked().len(), 0);
    stage.admin.patch(&path, &json!({"isActive": true})).await.expect(200);
    assert_eq!(stage.health(&path).await, pending("updated"));
    assert_eq!(stage.check(&path).await, healthy());
    let mut off = stage.body();
    off["isActive"] = json!(false);
    let made = stage.admin.post(PATH, &off).await.data();
    assert_eq!(stage.health(&format!("{PATH}/{}", id_of(&made))).await, inactive());
}

#[tokio::test]
async fn one_in_a_network_that_is_allowed_no_more_is_changed_but_for_its_address() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let database = (*stage.app.pool().connect_options()).clone();
    let other = TestApp::on(database, stage.app.clock.clone(), &[]).await;
    let admin = other.admin().await;
    let whole = json!({"name": "Old", "config": stage.body()["config"], "isActive": false});
    let changed = admin.patch(&path, &whole).await.data();
    assert_eq!((&changed["name"], &changed["isActive"]), (&json!("Old"), &json!(false)));
    let changed = admin.patch(&path, &json!({"description": "text", "isActive": true})).await.data();
    assert!(has_credentials(&changed));
    let elsewhere = json!({"config": {"baseUrl": format!("{}/elsewhere", stage.product.url())}});
    let refused = admin.patch(&path, &elsewhere).await.violations();
    assert_eq!(refused[0].0, json!(["config", "baseUrl"]));
    let checked = admin.post(&format!("{path}/check"), &json!({})).await.data();
    assert_eq!(checked["verdict"], "unreachable");
    assert_eq!(stage.product.take_asked().len(), 0);
}

#[tokio::test]
async fn changes_at_once_come_one_after_another() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let changes = [
        json!({"name": "Other"}),
        json!({"description": "text"}),
        json!({"managers": [stage.admin.id]}),
        json!({"endpoints": []}),
        json!({"config": {"auth": {"type": "api_key", "credentials": {"header": "x-key", "value": TOKEN}}}}),
    ];
    let sent = changes.iter().map(|change| stage.admin.patch(&path, change));
    for answer in futures_util::future::join_all(sent).await {
        answer.expect(200);
    }
    let after = stage.admin.get(&path).await.data();
    assert_eq!((&after["name"], &after["description"]), (&json!("Other"), &json!("text")));
    assert_eq!((&after["managers"], &after["endpoints"]), (&json!([stage.admin.id]), &json!([])));
    assert_eq!(after["config"]["auth"], json!({"type": "api_key", "hasCredentials": true}));
}
