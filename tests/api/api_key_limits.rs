//! What a key can hold, and where; who sees and revokes the keys of others; what keys cost.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AssertSqlSafe;
use ttscm::clock::Clock;

use crate::helpers::fixture::{aws_credential, aws_type, company};
use crate::helpers::keys::{KEYS, key, key_in, key_of};
use crate::helpers::people::{assert_not_yours, give_nodes, person, role, role_in};
use crate::helpers::scene::all;
use crate::helpers::time::TestClock;
use crate::helpers::trash::purge;
use crate::helpers::{Actor, Answer, Scene, TestApp, Value, cluster, json};

const COMPANIES: &str = "/v1/company/companies";
const CREDENTIALS: &str = "/v1/credential/credentials";

/// After which time waiting for something is given up.
const PATIENCE: Duration = Duration::from_secs(10);

fn body(nodes: &[&str], companies: &Value) -> Value {
    json!({"name": "A Service", "permissions": nodes, "companyIds": companies})
}

async fn attempt(actor: &Actor, nodes: &[&str]) -> Answer {
    actor.post(KEYS, &body(nodes, &Value::Null)).await
}

#[tokio::test]
async fn some_nodes_no_key_can_hold() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let custom = json!({"name": "Approve", "resource": "role.plan", "action": "approve"});
    admin.post("/v1/permissions", &custom).await.expect(201);
    let withheld = [
        "*",
        "api_key.*",
        "api_key.create",
        "api_key.fetch.many",
        "role.*",
        "role.read",
        "role.plan.approve",
        "permission.*",
        "permission.escalate",
        "role.nothing",
    ];
    for node in withheld {
        let refused = attempt(&admin, &["company.fetch", node]).await.violations();
        let expected = (json!(["permissions", 1]), format!("'{node}' is nothing that an API key can hold"));
        assert_eq!(refused, [expected]);
    }
    for node in
        ["nothing.here", "company.fetch.all", "Company.fetch", "company.", "company.*.many", "compan*", ""]
    {
        let refused = attempt(&admin, &[node]).await.violations();
        let expected =
            (json!(["permissions", 0]), format!("'{node}' is no known permission node and covers none"));
        assert_eq!(refused, [expected]);
    }
    assert_eq!(admin.get(KEYS).await.data(), json!([]));
}

#[tokio::test]
async fn nobody_makes_a_key_of_what_they_do_not_hold() {
    let scene = Scene::start().await;
    let app = &scene.app;
    let maker = app
        .holder_of(&["api_key.create", "credential.fetch", "company.fetch.many", "permission.escalate"])
        .await;
    for node in ["company.fetch", "company.*", "credential.*", "aws.credentials.*", "aws.credentials.update"]
    {
        assert_not_yours(&attempt(&maker, &["company.fetch.many", node]).await, node);
    }
    // what passes no check that the maker does not pass is theirs
    key(&maker, &["aws.credentials.fetch", "credential.fetch", "company.fetch.many", "user.read"]).await;
    let without = app.holder_of(&["company.*"]).await;
    let refused = attempt(&without, &["company.fetch"]).await.expect(403);
    assert_eq!(refused["required"], json!(["api_key.create"]));
    let service = key(&scene.admin, &["company.*", "user.*", "credential.*"]).await.service;
    attempt(&service, &["company.fetch"]).await.expect(403);
}

#[tokio::test]
async fn a_body_that_breaks_rules_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let good = json!({"name": "A Service", "permissions": ["company.fetch"]});
    let late = |days| (app.clock.now() + TimeDelta::days(days) + TimeDelta::hours(1)).to_rfc3339();
    let bounds = "Must be in the future, and at most 365 days away";
    let cases = [
        ("name", json!(""), None),
        ("name", json!("x".repeat(201)), None),
        ("permissions", json!([]), None),
        ("permissions", json!("company.fetch"), None),
        ("companyIds", json!([]), None),
        ("expiresAt", json!("tomorrow"), Some("Must be an RFC 3339 time such as 2026-02-14T00:00:00Z")),
        ("expiresAt", json!(late(-1)), Some(bounds)),
        ("expiresAt", json!(late(365)), Some(bounds)),
        ("hash", json!("x"), None),
    ];
    for (member, value, rule) in cases {
        let mut wrong = good.clone();
        wrong[member] = value;
        let refused = admin.post(KEYS, &wrong).await.violations();
        assert!(refused.iter().all(|(path, _)| path[0] == member), "{wrong} {refused:?}");
        assert!(rule.is_none_or(|rule| refused[0].1 == rule), "{refused:?}");
    }
    let longest = json!({"name": "A Service", "permissions": ["company.fetch"], "expiresAt": late(364)});
    admin.post(KEYS, &longest).await.expect(201);
}

#[tokio::test]
async fn a_key_has_so_many_nodes_in_so_many_companies() {
    let scene = Scene::start().await;
    let nodes = [
        "company.fetch",
        "company.fetch.many",
        "credential.fetch",
        "credential.fetch.many",
        "credential.update",
        "user.read",
        "user.write",
        "user.read.other",
        "user.list.other",
        "audit.read",
        "company.create",
    ];
    let at = |count: usize| json!(vec![&scene.acme; count]);
    let refused = scene.admin.post(KEYS, &body(&nodes, &at(182))).await.violations();
    let rule = "Must be so few that permissions times companies are at most 2000";
    assert_eq!(refused, [(json!(["companyIds"]), rule.to_owned())]);
    scene.admin.post(KEYS, &body(&nodes[..10], &at(200))).await.expect(201);
}

#[tokio::test]
async fn a_key_for_some_companies_is_blind_in_others() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let other = company(admin, "Other").await;
    let here = aws_credential(admin, &scene.aws, &scene.acme, "a secret").await;
    let there = aws_credential(admin, &scene.aws, &other, "a secret").await;
    let nodes = ["company.fetch.many", "credential.fetch", "credential.fetch.many"];
    let service = key_in(admin, &[&scene.acme, &scene.acme], &nodes).await.service;
    assert_eq!(all(&service.get(COMPANIES).await.data(), "name"), ["Acme"]);
    service.get(&format!("{CREDENTIALS}/{here}")).await.expect(200);
    service.get(&format!("{CREDENTIALS}/{there}")).await.expect(404);

    // a technician of Acme makes keys for Acme, and none that reach further
    let acme = role_in(admin, &scene.acme, &["api_key.create", "company.fetch", "company.fetch.many"]).await;
    let maker = person(&scene.app, admin, &["user", &acme]).await;
    let refused = attempt(&maker, &["company.fetch"]).await.expect(403);
    assert_eq!(refused["required"], json!(["api_key.create"]));
    let nothing = ttscm::id::new().to_string();
    for unseen in [&other, &nothing, "nonsense"] {
        let refused =
            maker.post(KEYS, &body(&["company.fetch"], &json!([scene.acme, unseen]))).await.expect(404);
        assert_eq!(refused["message"], format!("Company with identifier '{unseen}' was not found."));
        assert_eq!(refused["error"], "CompanyNotFound");
    }
    let refused = maker.post(KEYS, &body(&["credential.fetch"], &json!([scene.acme]))).await;
    assert_not_yours(&refused, "credential.fetch");
    let key = key_in(&maker, &[&scene.acme], &["company.fetch", "company.fetch.many"]).await;
    assert_eq!(all(&key.service.get(COMPANIES).await.data(), "name"), ["Acme"]);
    // what its maker comes to hold everywhere, it holds at Acme
    give_nodes(admin, &maker.id, &["company.*"]).await.expect(200);
    assert_eq!(all(&key.service.get(COMPANIES).await.data(), "name"), ["Acme"]);
    admin.delete(&format!("/v1/role/{acme}")).await.expect(200);
    give_nodes(admin, &maker.id, &[]).await.expect(200);
    let other_role = role_in(admin, &other, &["company.fetch.many"]).await;
    admin
        .patch(&format!("/v1/user/users/{}", maker.id), &json!({"roles": ["user", other_role]}))
        .await
        .expect(200);
    key.service.get(COMPANIES).await.expect(403);
}

#[tokio::test]
async fn a_wildcard_in_a_key_is_worth_what_its_maker_still_holds_of_it() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let azure = aws_type(admin, "azure").await;
    let [aws, azure] =
        [&scene.aws, &azure].map(async |kind| aws_credential(admin, kind, &scene.acme, "a secret").await);
    let (aws, azure) = (aws.await, azure.await);
    let read = async |service: &Actor| {
        let ids = [&aws, &azure].map(async |id| service.get(&format!("{CREDENTIALS}/{id}")).await.status);
        futures_util::future::join_all(ids).await
    };
    let maker = scene.app.holder_of(&["api_key.create", "credential.*", "company.*"]).await;
    let wide = key(&maker, &["credential.*", "company.*"]).await.service;
    let narrow = key(&maker, &["aws.credentials.*"]).await.service;
    assert_eq!((read(&wide).await, read(&narrow).await), (vec![200, 200], vec![200, 404]));
    give_nodes(admin, &maker.id, &["aws.credentials.fetch", "company.fetch.many"]).await.expect(200);
    assert_eq!((read(&wide).await, read(&narrow).await), (vec![200, 404], vec![200, 404]));
    wide.get(COMPANIES).await.expect(200);
    wide.post(COMPANIES, &json!({"name": "New"})).await.expect(403);
    give_nodes(admin, &maker.id, &["azure.fetch"]).await.expect(200);
    assert_eq!((read(&wide).await, read(&narrow).await), (vec![404, 200], vec![403, 403]));
}

#[tokio::test]
async fn what_a_key_does_to_the_rights_of_others_is_judged_by_what_it_holds_itself() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let somebody = person(&app, &admin, &["user"]).await;
    let service = key(&admin, &["user.*", "company.fetch"]).await.service;
    give_nodes(&service, &somebody.id, &["company.fetch"]).await.expect(200);
    for node in ["company.fetch.many", "*", "api_key.create", "permission.escalate"] {
        assert_not_yours(&give_nodes(&service, &somebody.id, &["company.fetch", node]).await, node);
    }
    let new =
        json!({"name": "By a service", "email": "service@example.com", "password": "a long enough password"});
    service.post("/v1/user/users", &new).await.expect(201);
}

#[tokio::test]
async fn the_nodes_of_a_type_that_is_gone_leave_keys_and_custom_ones_in_keys_are_in_use() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    key(admin, &["aws.credentials.fetch", "company.fetch"]).await;
    admin.delete(&format!("/v1/credential-type/{}", scene.aws)).await.expect(200);
    let nodes = async || admin.get(KEYS).await.data()[0]["permissions"].clone();
    assert_eq!(nodes().await, json!(["aws.credentials.fetch", "company.fetch"]), "it may be restored");
    purge(admin, &scene.aws).await;
    aws_type(admin, "aws.credentials").await;
    assert_eq!(nodes().await, json!(["company.fetch"]));

    let custom = json!({"name": "Approve", "resource": "plans", "action": "approve"});
    let node = admin.post("/v1/permissions", &custom).await.data()["id"].as_str().unwrap().to_owned();
    let using = key(admin, &["plans.approve"]).await;
    let refused = admin.delete(&format!("/v1/permissions/{node}")).await.expect(409);
    assert_eq!(refused["message"], "The permission 'plans.approve' is in use by the API key 'A Service'");
    admin.delete(&using.path()).await.expect(200);
    admin.delete(&format!("/v1/permissions/{node}")).await.expect(200);
}

#[tokio::test]
async fn the_keys_of_others_are_for_who_holds_their_nodes() {
    let scene = Scene::start().await;
    let (app, admin) = (&scene.app, &scene.admin);
    let other = company(admin, "Other").await;
    let maker = app.holder_of(&["api_key.create", "company.*"]).await;
    let everywhere = key(&maker, &["company.fetch"]).await;
    let both = key_in(&maker, &[&scene.acme, &other], &["company.fetch"]).await;
    let at_acme = key_in(&maker, &[&scene.acme], &["company.fetch"]).await;
    let ids = [&at_acme, &both, &everywhere].map(|key| key.id.as_str());
    let listed = async |actor: &Actor| -> Vec<String> {
        all(&actor.get(KEYS).await.data(), "id").into_iter().map(str::to_owned).collect()
    };
    let nobody = app.holder_of(&["company.*"]).await;
    let viewer = app.holder_of(&["api_key.fetch.many"]).await;
    let local = app.holder_in(&scene.acme, &["api_key.fetch.many", "api_key.delete"]).await;
    assert_eq!(
        (listed(&maker).await, listed(&viewer).await),
        (ids.map(str::to_owned).to_vec(), ids.map(str::to_owned).to_vec())
    );
    assert_eq!((listed(&nobody).await, listed(&local).await), (vec![], vec![at_acme.id.clone()]));
    let page = viewer.get(&format!("{KEYS}?page=2&rpp=2")).await.expect(200);
    assert_eq!((all(&page["data"], "id"), &page["pagination"]["totalRecords"]), (vec![ids[2]], &json!(3)));

    for (actor, key, status) in [
        (&nobody, &everywhere, 404),
        (&viewer, &everywhere, 403),
        (&local, &everywhere, 404),
        (&local, &both, 404),
        (&local, &at_acme, 200),
    ] {
        let answer = actor.delete(&key.path()).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let missing = maker.delete(&format!("{KEYS}/nonsense")).await.expect(404);
    assert_eq!(
        (&missing["error"], &missing["message"]),
        (&json!("ApiKeyNotFound"), &json!("API key with identifier 'nonsense' was not found."))
    );
    at_acme.service.get(COMPANIES).await.expect(401);
    // who may not make keys any more may still take theirs back
    give_nodes(admin, &maker.id, &[]).await.expect(200);
    assert_eq!(listed(&maker).await, [both.id.clone(), everywhere.id.clone()]);
    maker.delete(&both.path()).await.expect(200);
    assert_eq!(listed(&maker).await, [everywhere.id]);
}

#[tokio::test]
async fn what_a_key_loses_it_loses_on_the_other_server_too() {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let here = TestApp::on(database.clone(), clock.clone(), &[]).await;
    let there = TestApp::on(database, clock, &[]).await;
    let admin = here.admin().await;
    let reader = role(&admin, &["api_key.create", "company.fetch.many"]).await;
    let maker = person(&here, &admin, &["user", &reader]).await;
    let key = key(&maker, &["company.fetch.many"]).await;
    let elsewhere = there.nobody().showing(&key.secret);
    let until = async |status: u16| {
        let began = Instant::now();
        while elsewhere.get(COMPANIES).await.status != status {
            assert!(began.elapsed() < PATIENCE, "it is never {status}");
        }
        began.elapsed()
    };
    let mut times = Vec::new();
    for _ in 0..10 {
        until(200).await;
        give_nodes(&admin, &maker.id, &[]).await.expect(200);
        admin.patch(&format!("/v1/user/users/{}", maker.id), &json!({"roles": ["user"]})).await.expect(200);
        times.push(until(403).await);
        admin
            .patch(&format!("/v1/user/users/{}", maker.id), &json!({"roles": ["user", reader]}))
            .await
            .expect(200);
    }
    until(200).await;
    maker.delete(&key.path()).await.expect(200);
    times.push(until(401).await);
    times.sort_unstable();
    eprintln!("a key: {:?} in the middle, {:?} at the most", times[5], times[10]);
    assert!(times[5] < Duration::from_millis(100), "{times:?}");
}

#[tokio::test]
async fn a_use_is_written_down_once_a_minute() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let counting = "create table writes (at timestamptz);
        create function count_write() returns trigger language plpgsql as
            $$ begin insert into writes values (new.last_used_at); return null; end $$;
        create trigger count_writes after update on api_keys for each row execute function count_write()";
    app.db_run(counting).await.unwrap();
    let key = key(&admin, &["company.fetch.many"]).await;
    let used = async |since: DateTime<Utc>| {
        let began = Instant::now();
        loop {
            let listed = admin.get(KEYS).await.data();
            let at = listed[0]["lastUsedAt"].as_str().map(|at| at.parse::<DateTime<Utc>>().unwrap());
            if at.is_some_and(|at| at >= since) {
                return listed[0]["lastUsedAddress"].clone();
            }
            assert!(began.elapsed() < PATIENCE, "it is never written down");
        }
    };
    for minute in 1..=2_i64 {
        let since = app.clock.now() - TimeDelta::milliseconds(1);
        for _ in 0..20 {
            key.service.get(COMPANIES).await.expect(200);
        }
        assert_eq!(used(since).await, "127.0.0.1");
        let writes: i64 =
            sqlx::query_scalar("select count(*) from writes").fetch_one(app.pool()).await.unwrap();
        assert_eq!(writes, minute);
        app.clock.advance(TimeDelta::seconds(61));
    }
}

#[tokio::test]
async fn a_key_among_thousands_is_found_by_its_hash_in_one_query() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wanted = key_of(&admin, &body(&["company.fetch.many"], &Value::Null)).await;
    let others = "insert into api_keys (id, user_id, name, hash, prefix, permissions, created_at, expires_at)
        select new_id(), id, 'Another', sha256(n::text::bytea), 'ttscm_', '{company.fetch}', now(), now() + interval '1 day'
        from users, generate_series(1, 10000) n; analyze api_keys";
    app.db_run(others).await.unwrap();
    wanted.service.get(COMPANIES).await.expect(200);

    let hash = ttscm::access::key::hash(&wanted.secret).unwrap();
    let explain = AssertSqlSafe(format!("explain {}", db_query_of_keys()));
    let explain =
        sqlx::query_scalar(explain).bind(None::<sqlx::types::Uuid>).bind(hash).bind(app.clock.now());
    let plan: Vec<String> = explain.fetch_all(app.pool()).await.unwrap();
    let plan = plan.join("\n");
    assert!(
        plan.contains("Index Scan using api_keys_hash_key")
            && plan.contains("Index Scan using api_keys_pkey"),
        "{plan}"
    );
    assert!(!plan.contains("Seq Scan on api_keys"), "{plan}");
}

/// The one query that finds a key with its maker, as the sources have it.
fn db_query_of_keys() -> String {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/access/key/store.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let queries: Vec<_> = source.split("r#\"").filter_map(|rest| rest.split("\"#").next()).collect();
    let found: Vec<_> = queries.into_iter().filter(|query| query.contains("where hash = $2")).collect();
    assert_eq!(found.len(), 1);
    found[0].to_owned()
}
