//! What is found out about each product, where it behaves as it is known to.

use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::{StreamExt, stream};
use ttscm::integration::probe::{HEALTHY, probe};
use ttscm::integration::{AuthType, Client, Finding, Kind, Verdict};

use crate::helpers::connectwise::{self, TestConnectWise};
use crate::helpers::json;
use crate::helpers::product::{Asked, MARKER, TestProduct, answer, answer_with, client, product};

pub(super) const BASIC: [(&str, &str); 2] = [("username", "tech"), ("password", "marker-password-Jd8")];
/// `tech:marker-password-Jd8`
const AS_BASIC: &str = "Basic dGVjaDptYXJrZXItcGFzc3dvcmQtSmQ4";
const CW: [(&str, &str); 4] = [
    ("companyId", connectwise::TENANT),
    ("publicKey", connectwise::PUBLIC_KEY),
    ("privateKey", connectwise::PRIVATE_KEY),
    ("clientId", connectwise::CLIENT_ID),
];

/// What a check of a product of this kind finds, with a user name and a password.
pub(super) async fn find(client: &Client, kind: Kind, url: &str) -> Finding {
    let finding = match kind {
        Kind::Connectwise => probe(client, &product(client, kind, url, AuthType::Connectwise, &CW)).await,
        _ => probe(client, &product(client, kind, url, AuthType::Basic, &BASIC)).await,
    };
    tells_nothing(&finding);
    finding
}

/// Nothing of what the product sent, and nothing of where it is, may be in a finding.
pub(super) fn tells_nothing(finding: &Finding) {
    for told in [MARKER, "127.0.0.1", "marker", "<html", "http:"] {
        assert!(!finding.message.contains(told), "{finding:?}");
    }
}

async fn verdict(client: &Client, kind: Kind, server: &TestProduct) -> (Verdict, String) {
    let finding = find(client, kind, &server.url()).await;
    assert!(!finding.is_locked);
    (finding.verdict, finding.message)
}

fn healthy() -> (Verdict, String) {
    (Verdict::Healthy, HEALTHY.to_owned())
}

/// A Jira Data Center: strangers are answered too, but not when they ask who they are.
fn jira(asked: &Asked) -> Response<Body> {
    let is_known = asked.header("authorization") == AS_BASIC;
    match asked.target.as_str() {
        "/jira/rest/api/2/serverInfo" | "/jira/rest/api/2/search" => {
            answer(200, &json!({"version": "9.12.0", "issues": [], "note": MARKER}).to_string())
        }
        "/jira/rest/api/2/myself" if is_known => {
            answer(200, &json!({"name": "tech", "key": "JIRAUSER1", "note": MARKER}).to_string())
        }
        "/jira/rest/api/2/myself" => answer(401, &format!("<html>{MARKER}</html>")),
        _ => answer(404, &format!("<html>{MARKER}</html>")),
    }
}

#[tokio::test]
async fn jira_is_asked_who_asks() {
    let client = client();
    let server = TestProduct::start(jira).await;
    let found = find(&client, Kind::Jira, &format!("{}/jira", server.url())).await;
    assert_eq!((found.verdict, found.message.as_str()), (Verdict::Healthy, HEALTHY));
    assert_eq!(server.take_asked()[0].target, "/jira/rest/api/2/myself");
    let url = format!("{}/jira/", server.url());
    let wrong = product(&client, Kind::Jira, &url, AuthType::Bearer, &[("token", "wrong")]);
    let found = probe(&client, &wrong).await;
    assert_eq!(found.verdict, Verdict::BadCredentials);
    assert_eq!(found.message, "Jira refuses the credentials (status 401)");
    let elsewhere = find(&client, Kind::Jira, &server.url()).await;
    assert_eq!(elsewhere.verdict, Verdict::NotThisProduct);
    assert_eq!(elsewhere.message, "What answers is not the API of Jira (status 404): check baseUrl");
}

#[tokio::test]
async fn jira_in_the_cloud_has_another_api_and_takes_tokens_as_passwords() {
    let client = client();
    let server = TestProduct::start(|asked| match asked.header("authorization") {
        // me@example.com:t0ken
        "Basic bWVAZXhhbXBsZS5jb206dDBrZW4=" if asked.target == "/rest/api/3/myself" => {
            answer(200, r#"{"accountId": "5b10a2844c20165700ede21g", "emailAddress": ""}"#)
        }
        _ => answer(401, "Client must be authenticated to access this resource."),
    })
    .await;
    let url = server.url_by("acme.atlassian.net");
    let parts = [("email", "me@example.com"), ("apiToken", "t0ken")];
    let whole = product(&client, Kind::Jira, &url, AuthType::Token, &parts);
    assert_eq!(probe(&client, &whole).await.message, HEALTHY);
    server.take_asked();
    let half = product(&client, Kind::Jira, &url, AuthType::Token, &parts[1..]);
    let found = probe(&client, &half).await;
    assert_eq!(found.verdict, Verdict::BadCredentials);
    assert_eq!(found.message, "The credentials are not complete; what is missing: email");
    assert!(server.take_asked().is_empty(), "nobody is asked");
}

#[tokio::test]
async fn a_jira_that_asks_for_a_riddle_is_locked() {
    let client = client();
    for status in [401, 403] {
        let server = TestProduct::start(move |_| {
            let reason = "CAPTCHA_CHALLENGE; login-url=https://jira.example.com/login.jsp?marker";
            answer_with(status, "x-authentication-denied-reason", reason, MARKER)
        })
        .await;
        let found = find(&client, Kind::Jira, &server.url()).await;
        assert_eq!((found.verdict, found.is_locked), (Verdict::BadCredentials, true));
        assert!(found.message.contains("a person must sign in there and solve it"), "{found:?}");
        assert_eq!(server.take_asked().len(), 1);
    }
}

#[tokio::test]
async fn servicenow_may_show_no_rows_but_must_speak_json() {
    let client = client();
    let server = TestProduct::start(|asked| {
        let wanted = "/api/now/table/sys_user?sysparm_limit=1&sysparm_fields=sys_id";
        assert_eq!(asked.target, wanted);
        match asked.header("authorization") {
            AS_BASIC => answer(200, r#"{"result": []}"#),
            _ => answer(
                401,
                r#"{"error":{"message":"User Not Authenticated","detail":"x"},"status":"failure"}"#,
            ),
        }
    })
    .await;
    assert_eq!(verdict(&client, Kind::Servicenow, &server).await, healthy());
    let wrong = product(&client, Kind::Servicenow, &server.url(), AuthType::Bearer, &[("token", "x")]);
    assert_eq!(probe(&client, &wrong).await.verdict, Verdict::BadCredentials);
    let asleep =
        TestProduct::that_answers(200, &format!("<html>Your instance is hibernating {MARKER}")).await;
    let (found, message) = verdict(&client, Kind::Servicenow, &asleep).await;
    assert_eq!(found, Verdict::NotThisProduct);
    assert!(message.contains("the instance sleeps"), "{message}");
}

#[tokio::test]
async fn servicenow_takes_keys_in_a_header_of_its_own() {
    let client = client();
    let server = TestProduct::start(|asked| match asked.header("x-sn-apikey") {
        "the-key" => answer(200, r#"{"result": [{"sys_id": "1"}]}"#),
        _ => answer(401, "{}"),
    })
    .await;
    for (auth_type, parts) in [
        (AuthType::ApiKey, &[("header", "x-sn-apikey"), ("value", "the-key")][..]),
        (AuthType::Token, &[("apiToken", "the-key")]),
    ] {
        let product = product(&client, Kind::Servicenow, &server.url(), auth_type, parts);
        assert_eq!(probe(&client, &product).await.verdict, Verdict::Healthy);
    }
}

#[tokio::test]
async fn a_guest_of_zendesk_is_nobody() {
    let client = client();
    let server = TestProduct::start(|asked| match asked.header("authorization") {
        // me@example.com/token:t0ken
        "Basic bWVAZXhhbXBsZS5jb20vdG9rZW46dDBrZW4=" => {
            answer(200, r#"{"user": {"id": 35436, "name": "Mona"}}"#)
        }
        _ => {
            answer(200, r#"{"user": {"id": null, "name": "Anonymous user", "email": "invalid@example.com"}}"#)
        }
    })
    .await;
    for email in ["me@example.com", "me@example.com/token"] {
        let parts = [("email", email), ("apiToken", "t0ken")];
        let product = product(&client, Kind::Zendesk, &server.url(), AuthType::Token, &parts);
        assert_eq!(probe(&client, &product).await.verdict, Verdict::Healthy, "{email}");
    }
    let (found, message) = verdict(&client, Kind::Zendesk, &server).await;
    assert_eq!(found, Verdict::BadCredentials);
    assert_eq!(message, "Zendesk does not know these credentials");
    assert!(server.take_asked().iter().all(|asked| asked.target == "/api/v2/users/me.json"));
    let token = [("apiToken", "your_zendesk_api_token")];
    let half = product(&client, Kind::Zendesk, &server.url(), AuthType::Token, &token);
    let found = probe(&client, &half).await;
    assert_eq!(found.verdict, Verdict::BadCredentials);
    assert_eq!(found.message, "The credentials are not complete; what is missing: email");
    assert!(server.take_asked().is_empty());
}

#[tokio::test]
async fn connectwise_shows_one_company_to_whom_it_knows() {
    let client = client();
    let cw = TestConnectWise::start([connectwise::company(2, "Acme")]).await;
    let url = format!("http://{}", cw.address);
    cw.world().codebase = "v4_6_release/".to_owned();
    assert_eq!(find(&client, Kind::Connectwise, &url).await.message, HEALTHY);
    assert_eq!(
        find(&client, Kind::Connectwise, &format!("{url}/v4_6_release/apis/3.0")).await.message,
        HEALTHY
    );
    let calls = cw.take_calls();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.path == "/v4_6_release/apis/3.0/company/companies"));
    let wrong = CW.map(|(name, value)| (name, if name == "privateKey" { "wrong" } else { value }));
    let wrong = product(&client, Kind::Connectwise, &url, AuthType::Connectwise, &wrong);
    for (hides, status) in [(false, "401"), (true, "404")] {
        cw.world().hides_behind_404 = hides;
        let found = probe(&client, &wrong).await;
        assert_eq!(found.verdict, Verdict::BadCredentials);
        assert!(found.message.contains(status), "{found:?}");
    }
}

#[tokio::test]
async fn connectwise_is_told_apart_from_what_stands_before_it() {
    let client = client();
    let pages = find(&client, Kind::Connectwise, "https://na.myconnectwise.net").await;
    assert_eq!(pages.verdict, Verdict::NotThisProduct);
    assert!(pages.message.ends_with("its API at https://api-na.myconnectwise.net"), "{pages:?}");
    for (status, body, verdict) in [
        (200, "[]", Verdict::Healthy),
        (200, r#"{"version": "v2026.3"}"#, Verdict::NotThisProduct),
        (200, "null", Verdict::NotThisProduct),
        (403, r#"{"code":"Security","message":"marker","errors":null}"#, Verdict::Forbidden),
        (403, "<html>Just a moment... marker</html>", Verdict::RateLimited),
        (404, r#"{"code":"NotFound","message":"marker"}"#, Verdict::BadCredentials),
        (404, "", Verdict::BadCredentials),
        (404, "<html>404 marker</html>", Verdict::NotThisProduct),
        (500, r#"{"message":"marker"}"#, Verdict::Error),
    ] {
        let server = TestProduct::that_answers(status, body).await;
        assert_eq!(find(&client, Kind::Connectwise, &server.url()).await.verdict, verdict, "{status} {body}");
    }
}

#[tokio::test]
async fn a_product_of_another_kind_is_well_where_it_answers_with_any_success() {
    let client = client();
    for (status, body, verdict) in [
        (200, "<html>well</html>", Verdict::Healthy),
        (204, "", Verdict::Healthy),
        (200, "\0\0", Verdict::Healthy),
        (401, "", Verdict::BadCredentials),
        (403, "", Verdict::Forbidden),
        (404, "", Verdict::NotThisProduct),
        (405, "", Verdict::NotThisProduct),
        (502, "", Verdict::Error),
    ] {
        let server = TestProduct::that_answers(status, body).await;
        let url = format!("{}/base/", server.url());
        let mut custom = product(&client, Kind::Custom, &url, AuthType::Basic, &BASIC);
        assert_eq!(probe(&client, &custom).await.verdict, verdict, "{status}");
        custom.first_get = Some("/things/all".to_owned());
        assert_eq!(probe(&client, &custom).await.verdict, verdict, "{status}");
        let targets: Vec<_> = server.take_asked().into_iter().map(|asked| asked.target).collect();
        assert_eq!(targets, ["/base/", "/base/things/all"]);
    }
    let endless = TestProduct::start(|_| Response::new(Body::from_stream(chunks().chain(stream::pending()))));
    assert_eq!(verdict(&client, Kind::Custom, &endless.await).await, healthy(), "its body is not waited for");
}

fn chunks() -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 1000]))).take(300)
}
