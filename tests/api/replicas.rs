//! Two servers on one database: what is taken away on one is taken away on the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ttscm::access::shown::Shown;
use ttscm::clock::Clock;

use crate::helpers::fixture::{aws_type, unique};
use crate::helpers::people::{delete_with, give_nodes, give_roles, person, role};
use crate::helpers::time::TestClock;
use crate::helpers::trash::purge;
use crate::helpers::{Actor, Answer, TestApp, Value, cluster, json};

/// Within which time a change must be felt on the other server.
const BOUND: Duration = Duration::from_millis(100);

/// After which time waiting for something is given up.
const PATIENCE: Duration = Duration::from_secs(10);

const COMPANIES: &str = "/v1/company/companies";

struct Pair {
    here: TestApp,
    there: TestApp,
    admin: Actor,
}

impl Pair {
    async fn start() -> Self {
        let (database, clock) = (cluster::database().await, TestClock::new());
        let here = TestApp::on(database.clone(), clock.clone(), &[]).await;
        let there = TestApp::on(database, clock, &[]).await;
        let admin = here.admin().await;
        Self { here, there, admin }
    }

    /// The same person at the other server.
    fn elsewhere(&self, actor: &Actor) -> Actor {
        Actor::new(self.there.client.clone(), self.there.address, actor.token.clone())
    }

    /// Whether the other server remembers what this session holds.
    fn is_remembered(&self, actor: &Actor) -> bool {
        let claims = actor.token.as_deref().and_then(|token| token.split('.').nth(1)).expect("a token");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let [user, session] = ["sub", "sid"].map(|name| claims[name].as_str().unwrap().parse().unwrap());
        let shown = Shown::Session { user, session };
        self.there.app.remembered.get(shown, self.there.clock.now()).is_some()
    }

    /// The connections on which the servers hear of changes.
    async fn db_listeners(&self) -> Vec<i32> {
        // what they do last: they begin to listen, or see whether the connection is still there
        let listening = "select pid from pg_stat_activity where datname = current_database()
                         and (query ilike 'listen %' or query ilike 'select true %')";
        sqlx::query_scalar(listening).fetch_all(self.here.pool()).await.unwrap()
    }
}

/// How long it takes until an answer is as it must be.
async fn until(ask: impl AsyncFn() -> Answer, is_so: impl Fn(&Answer) -> bool) -> Duration {
    let began = Instant::now();
    while !is_so(&ask().await) {
        assert!(began.elapsed() < PATIENCE, "it is never so");
    }
    began.elapsed()
}

/// Prints the times that something took. Most must be within the bound; on a machine that is busy with
/// other tests one may not be.
fn judge(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    eprintln!("{what}: {median:?} in the middle, {longest:?} at the most, of {}", times.len());
    assert!(median < BOUND && longest < 10 * BOUND, "{what}: {times:?}");
}

#[tokio::test]
async fn a_sign_out_and_a_disabled_account_are_refused_on_the_other_server() {
    let pair = Pair::start().await;
    let (mut sign_outs, mut disabled, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    let is_out = |answer: &Answer| answer.status == 401;
    for _ in 0..10 {
        for (way, times) in [&mut sign_outs, &mut disabled, &mut deleted].into_iter().enumerate() {
            let somebody = person(&pair.here, &pair.admin, &["user"]).await;
            let (elsewhere, path) = (pair.elsewhere(&somebody), format!("/v1/user/users/{}", somebody.id));
            elsewhere.get("/v1/user/@me").await.expect(200);
            match way {
                0 => somebody.post("/v1/auth/logout", &Value::Null).await.expect(200),
                1 => pair.admin.patch(&path, &json!({"active": false})).await.expect(200),
                _ => pair.admin.delete(&path).await.expect(200),
            };
            times.push(until(|| elsewhere.get("/v1/user/@me"), is_out).await);
            somebody.get("/v1/user/@me").await.expect(401);
        }
    }
    judge("a sign-out", sign_outs);
    judge("a disabled account", disabled);
    judge("a deleted account", deleted);
}

#[tokio::test]
async fn roles_and_nodes_that_are_taken_away_are_gone_on_the_other_server() {
    let pair = Pair::start().await;
    let admin = &pair.admin;
    let reading = json!({"permissions": ["company.fetch.many"]});
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..10 {
        let reader = role(admin, &["company.fetch.many"]).await;
        let somebody = person(&pair.here, admin, &["user", &reader]).await;
        let elsewhere = pair.elsewhere(&somebody);
        let path = format!("/v1/role/{reader}");
        for (way, times) in times.iter_mut().enumerate() {
            until(|| elsewhere.get(COMPANIES), |answer| answer.status == 200).await;
            match way {
                0 => give_roles(admin, &somebody.id, &["user"]).await.expect(200),
                1 => admin.patch(&path, &json!({"permissions": []})).await.expect(200),
                2 => give_nodes(admin, &somebody.id, &[]).await.expect(200),
                _ => admin.delete(&path).await.expect(200),
            };
            times.push(until(|| elsewhere.get(COMPANIES), |answer| answer.status == 403).await);
            somebody.get(COMPANIES).await.expect(403);
            match way {
                0 => give_roles(admin, &somebody.id, &["user", &reader]).await.expect(200),
                1 => give_nodes(admin, &somebody.id, &["company.fetch.many"]).await.expect(200),
                2 => admin.post(&format!("{path}/permissions"), &reading).await.expect(200),
                _ => continue,
            };
        }
    }
    for (what, times) in
        ["a role taken away", "an edited role", "nodes taken away", "a deleted role"].into_iter().zip(times)
    {
        judge(what, times);
    }
}

#[tokio::test]
async fn the_nodes_of_a_purged_type_are_gone_on_the_other_server() {
    let pair = Pair::start().await;
    let mut times = Vec::new();
    for _ in 0..10 {
        let scope = format!("aws{}", unique());
        let kind = aws_type(&pair.admin, &scope).await;
        let node = format!("{scope}.fetch");
        let reader = role(&pair.admin, &[&node]).await;
        let somebody = person(&pair.here, &pair.admin, &["user", &reader]).await;
        let elsewhere = pair.elsewhere(&somebody);
        let ask = || async {
            elsewhere.post("/v1/user/@me/check-permission", &json!({"permissions": [node]})).await
        };
        let holds = |answer: &Answer| answer.data()["results"][0]["hasPermission"] == true;
        until(ask, holds).await;
        pair.admin.delete(&format!("/v1/credential-type/{kind}")).await.expect(200);
        purge(&pair.admin, &kind).await;
        times.push(until(ask, |answer| !holds(answer)).await);
    }
    judge("a purged type", times);
}

#[tokio::test]
async fn a_change_holds_for_the_very_next_request_on_the_same_server() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let reader = role(&admin, &[]).await;
    let somebody = person(&app, &admin, &["user", &reader]).await;
    let path = format!("/v1/role/{reader}/permissions");
    let nodes = json!({"permissions": ["company.fetch.many"]});
    let over = AtomicBool::new(false);
    let crowd = async || {
        let mut answered = 0_u32;
        while !over.load(Ordering::Relaxed) {
            let answer = somebody.get(COMPANIES).await;
            assert!(matches!(answer.status, 200 | 403), "{} {}", answer.status, answer.text);
            answered += 1;
        }
        answered
    };
    let changes = async || {
        for _ in 0..100 {
            admin.post(&path, &nodes).await.expect(200);
            somebody.get(COMPANIES).await.expect(200);
            delete_with(&admin, &path, &nodes).await.expect(200);
            somebody.get(COMPANIES).await.expect(403);
        }
        over.store(true, Ordering::Relaxed);
    };
    let ((), one, two, three) = tokio::join!(changes(), crowd(), crowd(), crowd());
    eprintln!("200 changes, with {} other requests between", one + two + three);
    assert!(one + two + three > 100);
}

#[tokio::test]
async fn a_server_that_hears_nothing_remembers_nothing() {
    let pair = Pair::start().await;
    let began = Instant::now();
    let mut listeners = pair.db_listeners().await;
    while listeners.len() < 2 {
        assert!(began.elapsed() < PATIENCE, "nobody listens");
        listeners = pair.db_listeners().await;
    }
    let reader = role(&pair.admin, &["company.fetch.many"]).await;
    let somebody = person(&pair.here, &pair.admin, &["user", &reader]).await;
    let elsewhere = pair.elsewhere(&somebody);
    while !pair.is_remembered(&elsewhere) {
        assert!(began.elapsed() < PATIENCE, "nothing is remembered");
        elsewhere.get(COMPANIES).await.expect(200);
    }
    pair.db_cut(&listeners).await;

    let mut immediate = 0;
    until(|| elsewhere.get(COMPANIES), |answer| answer.status == 200).await;
    loop {
        give_roles(&pair.admin, &somebody.id, &["user"]).await.expect(200);
        let refused = elsewhere.get(COMPANIES).await.status;
        give_roles(&pair.admin, &somebody.id, &["user", &reader]).await.expect(200);
        let allowed = elsewhere.get(COMPANIES).await.status;
        let was_remembered = pair.is_remembered(&elsewhere);
        if !pair.db_listeners().await.is_empty() {
            break;
        }
        assert_eq!((refused, allowed, was_remembered), (403, 200, false));
        immediate += 1;
    }
    eprintln!("{immediate} changes held at once while nothing was heard");
    assert!(immediate > 0);
    pair.db_assert_hears_again(&elsewhere, &reader).await;
}

impl Pair {
    /// Cuts these connections, and waits until they are gone.
    async fn db_cut(&self, connections: &[i32]) {
        let began = Instant::now();
        let cut = "select pg_terminate_backend(pid) from unnest($1::integer[]) pid";
        sqlx::query(cut).bind(connections).execute(self.here.pool()).await.unwrap();
        while !self.db_listeners().await.is_empty() {
            assert!(began.elapsed() < PATIENCE, "they are still there");
        }
    }

    /// Waits until both servers listen again; then what SQL alone changes is felt on both.
    async fn db_assert_hears_again(&self, elsewhere: &Actor, role: &str) {
        let began = Instant::now();
        while self.db_listeners().await.len() < 2 {
            assert!(began.elapsed() < PATIENCE, "nobody listens again");
        }
        eprintln!("both listen again after {:?}", began.elapsed());
        let mut times = Vec::new();
        for _ in 0..10 {
            for (nodes, status) in [(&["company.fetch.many"][..], 200), (&[][..], 403)] {
                let change = sqlx::query("update roles set permissions = $2 where id = $1::uuid")
                    .bind(role)
                    .bind(nodes);
                change.execute(self.here.pool()).await.unwrap();
                times.push(until(|| elsewhere.get(COMPANIES), |answer| answer.status == status).await);
            }
        }
        judge("a change by SQL alone", times);
    }
}
