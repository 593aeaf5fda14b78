//! How often the database is asked, by what the log says of each request.

use reqwest::Method;

use crate::helpers::fixture::{aws_credential, aws_type, company};
use crate::helpers::scene::{field, id_in, kind_with};
use crate::helpers::{Actor, Scene, TestApp, Value, json, log};

/// The statements that a request takes. What somebody holds may be forgotten at any moment, and is then
/// loaded anew: the fewest of some requests are those of one who is remembered.
async fn statements(
    actor: &Actor,
    method: Method,
    path: &str,
    body: Option<Value>,
    status: u16,
) -> Vec<String> {
    let mut fewest: Option<Vec<String>> = None;
    for _ in 0..5 {
        let request = actor.request(method.clone(), path);
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await;
        answer.expect(status);
        let mut lines = log::lines_with(answer.header("x-request-id"));
        assert!(lines.iter().any(|line| line.contains("\"answered\"")), "the request is in the log");
        lines.retain(|line| line.contains("\"target\":\"sqlx::query\""));
        if fewest.as_ref().is_none_or(|fewest| lines.len() < fewest.len()) {
            fewest = Some(lines);
        }
    }
    fewest.expect("some requests")
}

async fn get(actor: &Actor, path: &str) -> Vec<String> {
    statements(actor, Method::GET, path, None, 200).await
}

#[tokio::test]
async fn a_credential_is_read_in_one_statement() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    let technician = scene.app.technician_of(&scene.acme).await;
    let asked = get(&technician, &path).await;
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert!(asked[0].contains("from credentials"), "{asked:#?}");
}

#[tokio::test]
async fn a_page_of_thirty_credentials_is_one_statement_whatever_their_types_and_fields() {
    let scene = Scene::start().await;
    let mut kinds = vec![scene.aws.clone(), aws_type(&scene.admin, "azure").await];
    let many: Vec<_> =
        (0..20).map(|at| field(&format!("field{at}"), "plain_text", false, at % 2 == 0)).collect();
    kinds.push(id_in(&kind_with(&scene.admin, "Wide", "wide", &json!(many)).await).to_owned());
    for at in 0..32 {
        match at % 3 {
            2 => {
                let body = json!({
                    "name": "Wide", "typeId": kinds[2], "companyId": scene.acme,
                    "fields": [{"fieldId": "field0", "value": "a secret"}, {"fieldId": "field1", "value": "plain"}],
                });
                scene.admin.post("/v1/credential/credentials", &body).await.expect(201);
            }
            kind => drop(aws_credential(&scene.admin, &kinds[kind], &scene.acme, "a secret").await),
        }
    }
    let technician = scene.app.technician_of(&scene.acme).await;
    let path = format!("/v1/credential/credentials/company/{}?page=1&rpp=30", scene.acme);
    let page = technician.get(&path).await.expect(200);
    assert_eq!(
        (page["data"].as_array().map(Vec::len), &page["pagination"]["totalRecords"]),
        (Some(30), &json!(32))
    );
    let asked = get(&technician, &path).await;
    assert_eq!(asked.len(), 1, "{asked:#?}");
    let of_type = format!("/v1/credential-type/{}/credentials?page=1&rpp=10", scene.aws);
    let asked = get(&scene.admin, &of_type).await;
    assert_eq!(asked.len(), 1, "{asked:#?}");
}

#[tokio::test]
async fn companies_are_listed_and_searched_in_one_statement() {
    let scene = Scene::start().await;
    company(&scene.admin, "Acme Brewery").await;
    for path in
        ["/v1/company/companies", "/v1/company/companies?search=brew", "/v1/company/companies?search=nothing"]
    {
        let asked = get(&scene.admin, path).await;
        assert_eq!(asked.len(), 1, "{path} {asked:#?}");
    }
}

#[tokio::test]
async fn a_permission_check_and_a_refusal_ask_nothing() {
    let scene = Scene::start().await;
    let technician = scene.app.technician_of(&scene.acme).await;
    let body = json!({"permissions": ["credential.fetch", "aws.credentials.fetch", "company.*"]});
    let check = "/v1/user/@me/check-permission";
    let asked = statements(&technician, Method::POST, check, Some(body), 200).await;
    assert_eq!(asked, Vec::<String>::new());
    let asked = statements(&technician, Method::GET, "/v1/user/users", None, 403).await;
    assert_eq!(asked, Vec::<String>::new());
}

#[tokio::test]
async fn a_reveal_reads_twice_and_writes_once() {
    let scene = Scene::start().await;
    let path = format!("{}/secure-values", scene.credential("a secret").await);
    for path in [format!("{path}/secretAccessKey"), path] {
        let asked = get(&scene.admin, &path).await;
        let parts = ["from credentials", "join secure_values", "insert into audit_events"];
        assert_eq!(asked.len(), parts.len(), "{asked:#?}");
        assert!(asked.iter().zip(parts).all(|(line, part)| line.contains(part)), "{asked:#?}");
    }
}

#[tokio::test]
async fn reads_leave_connections_to_writes_however_few_there_are() {
    for most in ["1", "2", "3"] {
        let app = TestApp::start_with(&[("DATABASE_MAX_CONNECTIONS", most)]).await;
        let admin = app.admin().await;
        for name in ["Acme", "Beta", "Gamma"] {
            let id = company(&admin, name).await;
            let path = format!("/v1/credential/credentials/company/{id}");
            let (one, other) = tokio::join!(admin.get(&path), admin.get("/v1/company/companies?search=a"));
            assert_eq!((one.data(), other.status), (json!([]), 200), "{most}");
        }
    }
}

#[tokio::test]
async fn reads_go_on_when_the_database_has_cut_their_connections() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    let technician = scene.app.technician_of(&scene.acme).await;
    for _ in 0..3 {
        // one that does not listen yet would not hear that they are cut
        while scene.app.nobody().get("/health/ready").await.status != 200 {}
        technician.get(&path).await.expect(200);
        let cut = "select pg_terminate_backend(pid, 10000) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()";
        scene.app.db_run(cut).await.expect("the others are cut");
        // each connection that was cut is found out once, and those who meet it are told to come again
        let mut statuses = Vec::new();
        while statuses.last() != Some(&200) && statuses.len() < 20 {
            statuses.push(technician.get(&path).await.status);
        }
        let (last, before) = statuses.split_last().expect("an answer");
        assert!(*last == 200 && before.iter().all(|status| *status == 503), "{statuses:?}");
    }
}
