//! Calls of endpoints.

use super::{Stage, TOKEN};
use crate::helpers::scene::all;
use crate::helpers::{Value, json};

#[tokio::test]
async fn a_call_goes_to_the_stored_path_with_the_credentials_and_comes_back_as_it_is() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let call = json!({"query": {"page": "2", "q": "a&b"}, "body": {"subject": "on fire"}});
    let answer = stage.admin.post(&format!("{path}/endpoints/createTicket/call"), &call).await.expect(200);
    assert_eq!(answer["message"], "Integration Endpoint Called Successfully!");
    let headers = json!({"content-type": "application/json", "retry-after": "7200"});
    let data = json!({"status": 200, "headers": headers, "body": {"name": "somebody", "key": "x"}});
    assert_eq!(answer["data"], data);
    let asked = stage.product.take_asked();
    assert_eq!((asked[0].method.as_str(), asked[0].target.as_str()), ("POST", "/tickets?page=2&q=a%26b"));
    assert_eq!(asked[0].header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(serde_json::from_slice::<Value>(&asked[0].body).unwrap(), call["body"]);
    // what the product refuses is an answer too
    stage.answer(422);
    let answer = stage.admin.post(&format!("{path}/endpoints/getTickets/call"), &json!({})).await.data();
    assert_eq!(answer["status"], 422);
    assert_eq!(stage.product.take_asked()[0].target, "/tickets");
    assert_eq!(stage.actions(&path).await, ["integration.call", "integration.call", "integration.create"]);
    let rows = stage.admin.get("/v1/audit?action=integration.call").await.data();
    assert_eq!((&rows[0]["fieldId"], &rows[0]["outcome"]), (&json!("getTickets"), &json!("success")));
    assert_eq!(rows[1]["fieldId"], "createTicket");
}

#[tokio::test]
async fn what_cannot_be_called_is_refused() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let missing = stage.admin.post(&format!("{path}/endpoints/nothing/call"), &json!({})).await.expect(404);
    assert_eq!(missing["error"], "EndpointNotFound");
    assert_eq!(missing["message"], "Endpoint with identifier 'nothing' was not found.");
    let call = format!("{path}/endpoints/getTickets/call");
    for (body, at) in [
        (json!({"path": "/elsewhere"}), json!(["path"])),
        (json!({"query": {"page": 2}}), json!(["query", "page"])),
        (json!({"query": "page=2"}), json!(["query"])),
    ] {
        assert_eq!(stage.admin.post(&call, &body).await.violations()[0].0, at, "{body}");
    }
    stage.admin.patch(&path, &json!({"isActive": false})).await.expect(200);
    let refused = stage.admin.post(&call, &json!({})).await.expect(409);
    assert_eq!(refused["message"], "The integration 'Tickets' is inactive");
    assert_eq!(stage.product.take_asked().len(), 0);
    assert!(!stage.actions(&path).await.contains(&"integration.call".to_owned()));
}

#[tokio::test]
async fn a_call_that_is_not_answered_is_on_record_too() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let away = json!({"config": {"baseUrl": "http://127.0.0.1:9", "auth": {"credentials": {"token": "x"}}}});
    stage.admin.patch(&path, &away).await.expect(200);
    let call = format!("{path}/endpoints/getTickets/call");
    let refused = stage.admin.post(&call, &json!({})).await.expect(502);
    assert_eq!(refused["message"], "The product cannot be reached");
    let rows = stage.admin.get("/v1/audit?action=integration.call").await.data();
    // before it was sent, and once more when it had failed
    assert_eq!(all(&rows, "outcome"), ["failure", "success"]);
    assert_eq!(all(&rows, "fieldId"), ["getTickets", "getTickets"]);
    let bare = json!({"config": {"auth": {"credentials": null}}});
    stage.admin.patch(&path, &bare).await.expect(200);
    let refused = stage.admin.post(&call, &json!({})).await.expect(409);
    assert!(refused["message"].as_str().unwrap().contains("missing: token"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_put_on_record_is_not_sent_and_what_was_sent_is_told_whatever_becomes_of_the_record() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let call = format!("{path}/endpoints/createTicket/call");
    let lose = async |outcome: &str| {
        let lost = format!(
            "create or replace function lose() returns trigger language plpgsql as
                 $$ begin raise exception 'lost' using errcode = '57014'; end $$;
             create or replace trigger lose before insert on audit_events for each row
                 when (new.action = 'integration.call' and new.outcome = '{outcome}') execute function lose()"
        );
        stage.app.db_run(&lost).await.unwrap();
    };
    lose("success").await;
    stage.admin.post(&call, &json!({})).await.expect(503);
    assert_eq!(stage.product.take_asked().len(), 0);
    lose("failure").await;
    stage.admin.post(&call, &json!({})).await.expect(200);
    assert_eq!(stage.product.take_asked().len(), 1);
    let away = json!({"config": {"baseUrl": "http://127.0.0.1:9", "auth": {"credentials": {"token": "x"}}}});
    stage.admin.patch(&path, &away).await.expect(200);
    let refused = stage.admin.post(&call, &json!({})).await.expect(502);
    assert_eq!(refused["message"], "The product cannot be reached");
}
