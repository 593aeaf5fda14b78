//! Many sign-ins at once: the right ones all get in, guesses do not, and other requests go on meanwhile.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::helpers::fixture::PASSWORD;
use crate::helpers::{TestApp, json};

const LOGIN: &str = "/v1/auth/login";
const WRONG: &str = "not the right password";

/// Signs in with all of these at once; the statuses.
async fn at_once(app: &TestApp, people: Vec<(String, &'static str)>) -> Vec<u16> {
    let mut attempts = JoinSet::new();
    for (email, password) in people {
        let (stranger, body) = (app.nobody(), json!({"email": email, "password": password}));
        attempts.spawn(async move { stranger.post(LOGIN, &body).await.status });
    }
    let mut statuses = attempts.join_all().await;
    statuses.sort_unstable();
    statuses
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|known| **known == status).count()
}

#[tokio::test]
async fn fifty_right_sign_ins_at_one_account_all_get_in() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    // as many failures before as leave room for just one more
    assert_eq!(at_once(&app, vec![(email.clone(), WRONG); 9]).await, [401; 9]);
    assert_eq!(at_once(&app, vec![(email, PASSWORD); 50]).await, [200; 50]);
}

#[tokio::test]
async fn fifty_right_sign_ins_from_one_address_all_get_in_while_other_requests_go_on() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut people = Vec::new();
    for _ in 0..50 {
        people.push((app.db_user(&[]).await, PASSWORD));
    }
    let mut slowest = Duration::ZERO;
    let mut asked = 0;
    let mut flood = std::pin::pin!(at_once(&app, people));
    let statuses = loop {
        let began = Instant::now();
        let asking = admin.get("/v1/user/@me");
        tokio::select! {
            statuses = &mut flood => break statuses,
            answer = asking => {
                answer.expect(200);
                slowest = slowest.max(began.elapsed());
                asked += 1;
            }
        }
    };
    assert_eq!(statuses, [200; 50]);
    assert!(asked > 10 && slowest < Duration::from_secs(2), "{asked} requests, the slowest {slowest:?}");
}

#[tokio::test]
async fn guesses_at_many_accounts_from_one_address_are_stopped_at_a_hundred() {
    let app = TestApp::start().await;
    let victim = app.db_user(&[]).await;
    let mut statuses = Vec::new();
    for batch in 0..6 {
        let tried = (0..20).map(|number| (format!("nobody{batch}.{number}@example.com"), WRONG)).collect();
        statuses.extend(at_once(&app, tried).await);
    }
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (100, 20));
    assert_eq!(at_once(&app, vec![(victim, PASSWORD)]).await, [429]);
}

#[tokio::test]
async fn guesses_at_one_account_from_many_addresses_are_stopped_at_ten() {
    let app = TestApp::start_with(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let victim = app.db_user(&[]).await;
    let mut attempts = JoinSet::new();
    for number in 0..40 {
        let (stranger, body) = (app.nobody(), json!({"email": victim, "password": WRONG}));
        let address = format!("203.0.113.{number}");
        attempts.spawn(async move {
            let request = stranger.request(reqwest::Method::POST, LOGIN).header("x-forwarded-for", &address);
            request.json(&body).send().await.status
        });
    }
    let statuses = attempts.join_all().await;
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (10, 30));
}
