//! The documented examples of integrations of the ITSM contract, sent and held against their documented answers.

use super::Stage;
use crate::contract::differences;
use crate::helpers::people::person;
use crate::helpers::{Answer, Value, json};

const PATH: &str = "/itsm/api/integration";

fn zendesk(managers: &[&str]) -> Value {
    json!({
        "name": "Zendesk Integration", "description": "Integration with Zendesk for support tickets", "type": "zendesk",
        "config": {"baseUrl": "https://example.zendesk.com", "auth": {"type": "token", "credentials": {"apiToken": "your_zendesk_api_token"}}},
        "endpoints": [
            {"name": "getTickets", "path": "/api/v2/tickets", "method": "GET"},
            {"name": "createTicket", "path": "/api/v2/tickets", "method": "POST"}
        ],
        "managers": managers
    })
}

fn servicenow() -> Value {
    json!({
        "name": "ServiceNow Integration", "description": "Integration with ServiceNow for incident management",
        "type": "servicenow",
        "config": {"baseUrl": "https://example.service-now.com", "auth": {"type": "oauth", "credentials": {"clientId": "client_id", "clientSecret": "client_secret"}}},
        "endpoints": [{"name": "getIncidents", "path": "/api/now/table/incident", "method": "GET"}]
    })
}

fn jira(stage: &Stage) -> Value {
    json!({
        "name": "Jira Integration", "description": "Integration with Jira for ticket management", "type": "jira",
        "config": {"baseUrl": stage.product.url(), "auth": {"type": "basic", "credentials": {"username": "john", "password": "password123"}}},
        "endpoints": [{"name": "getTickets", "path": "/rest/api/3/search", "method": "GET"}]
    })
}

/// An integration as every documented answer has it.
fn documented() -> Value {
    json!({
        "_id": "integration_id_1", "name": "Jira Integration", "description": "Integration with Jira for ticket management",
        "type": "jira", "config": {"baseUrl": "", "auth": {"type": "basic"}},
        "endpoints": [{"name": "getTickets", "path": "/rest/api/3/search", "method": "GET"}], "isActive": true,
        "health": {"status": "healthy", "lastChecked": "2023-01-01T00:00:00.000Z", "message": "Integration is active and responding"},
        "createdBy": "user_id", "managers": ["user_id_2"], "createdAt": "2023-01-01T00:00:00.000Z",
        "updatedAt": "2023-01-01T00:00:00.000Z"
    })
}

/// Holds an answer against a documented one: its shape, and its words.
#[track_caller]
fn assert_documented(answer: &Answer, status: u16, documented: &Value) -> Value {
    let body = answer.expect_itsm(status);
    assert_eq!(differences(documented, &body, "answer"), [""; 0], "{}", answer.text);
    for name in ["success", "message", "count"] {
        assert_eq!(documented.get(name), body.get(name), "{}", answer.text);
    }
    body
}

#[track_caller]
fn assert_echoed(sent: &Value, data: &Value) {
    for name in ["name", "description", "type", "endpoints", "managers", "isActive"] {
        assert!(sent.get(name).is_none_or(|value| *value == data[name]), "{name}: {data}");
    }
    assert_eq!(sent["config"]["baseUrl"], data["config"]["baseUrl"]);
    assert_eq!(sent["config"]["auth"]["type"], data["config"]["auth"]["type"]);
    assert_eq!(data["config"]["auth"].get("credentials"), None);
}

#[tokio::test]
async fn every_documented_example_is_answered_as_documented() {
    let stage = Stage::set().await;
    let integrator = person(&stage.app, &stage.admin, &["integrator"]).await;
    let (one, three) = (&stage.admin.id, &integrator.id);
    let told = |message: &str| json!({"success": true, "message": message, "data": documented()});
    let created = told("Integration created successfully");
    let mut ids = Vec::new();
    for sent in [zendesk(&[one, three]), servicenow(), jira(&stage)] {
        let data = assert_documented(&integrator.post(PATH, &sent).await, 201, &created)["data"].clone();
        assert_echoed(&sent, &data);
        assert_eq!((&data["createdBy"], &data["isActive"]), (&json!(three), &json!(true)));
        let health = json!({
            "status": "unknown", "verdict": null, "lastChecked": data["createdAt"],
            "message": "Integration created, health check pending"
        });
        assert_eq!(data["health"], health);
        ids.push(data["_id"].as_str().unwrap().to_owned());
    }
    let (zendesk, jira) = (format!("{PATH}/{}", ids[0]), format!("{PATH}/{}", ids[2]));

    let checked =
        json!({"success": true, "message": "Health check performed", "data": documented()["health"]});
    let health =
        assert_documented(&integrator.post(&format!("{jira}/check-health"), &json!({})).await, 200, &checked);
    assert_eq!(
        (&health["data"]["status"], &health["data"]["message"], &health["data"]["verdict"]),
        (&json!("healthy"), &json!("Integration is active and responding"), &json!("healthy"))
    );
    assert_eq!(stage.product.take_asked()[0].target, "/rest/api/2/myself");

    let listed = json!({"success": true, "count": 3, "data": [documented()]});
    let listed = assert_documented(&integrator.get(PATH).await, 200, &listed);
    let of_type = json!({"success": true, "count": 1, "data": [documented()]});
    let of_type = assert_documented(&integrator.get(&format!("{PATH}/type/jira")).await, 200, &of_type);
    let fetched =
        assert_documented(&integrator.get(&jira).await, 200, &json!({"success": true, "data": documented()}));
    assert_eq!((&listed["data"][0], &of_type["data"][0]), (&fetched["data"], &fetched["data"]));
    assert_eq!(fetched["data"]["health"], health["data"]);

    let change = json!({
        "name": "Updated Zendesk Integration", "description": "Updated description", "isActive": false,
        "config": {"baseUrl": "https://other.zendesk.com", "auth": {"type": "oauth"}}, "managers": [one]
    });
    let updated = assert_documented(
        &integrator.put(&zendesk, &change).await,
        200,
        &told("Integration updated successfully"),
    );
    assert_echoed(&change, &updated["data"]);
    assert_eq!(updated["data"]["health"]["message"], "Integration is currently inactive");
    assert_eq!(updated["data"]["health"]["status"], "inactive");
    let deleted = json!({"success": true, "message": "Integration deleted successfully"});
    let answer = stage.admin.delete(&zendesk).await;
    assert_documented(&answer, 200, &deleted);
    assert_eq!(answer.expect_itsm(200), deleted);
}

#[tokio::test]
async fn refusals_are_answered_as_documented() {
    let stage = Stage::set().await;
    let user = person(&stage.app, &stage.admin, &["user"]).await;
    let refusal = |message: &str| json!({"success": false, "message": message});
    let unauthorized = stage.app.nobody().get(PATH).await;
    assert_eq!(unauthorized.expect_itsm(401), refusal("Authentication required"));
    assert_eq!(user.get(PATH).await.expect_itsm(403), refusal("Access denied"));
    let nowhere = format!("{PATH}/60d21b4667d0d8992e610c85");
    assert_eq!(stage.admin.get(&nowhere).await.expect_itsm(404), refusal("Resource not found"));
    let mut bad = zendesk(&[]);
    bad["config"]["baseUrl"] = json!("");
    let refused = stage.admin.post(PATH, &bad).await.expect_itsm(400);
    assert_eq!(refused["message"], "config.baseUrl: Must not be empty");
}
