//! What is promised of speed. `cargo test --release --test api speed:: -- --ignored --nocapture --test-threads 1`
//! measures it.

use std::time::Instant;

use ttscm::vault::Place;

use crate::audit_chain::{assert_told, three_faults_in};
use crate::helpers::scene::id_in;
use crate::helpers::{Scene, TestApp, fixture};
use crate::key_rotation::rotate;

#[tokio::test]
#[ignore = "it measures"]
async fn a_hundred_thousand_events_are_verified_within_five_seconds() {
    let app = TestApp::start().await;
    app.db_events(100_000).await;
    let began = Instant::now();
    let sealed = app.seal().await;
    let sealing = began.elapsed();
    let began = Instant::now();
    let ran = app.ran(&["audit", "verify"]).await;
    let verifying = began.elapsed();
    eprintln!(
        "{sealed} events sealed in {sealing:?}, verified in {verifying:?}, start of the program included\n{}",
        ran.out
    );
    assert_eq!(ran.code, 0);
    drop(app);
    let app = TestApp::start().await;
    let (ran, lines) = three_faults_in(&app, 100_000).await;
    assert_told(&ran, &lines);
    assert!(verifying.as_secs() < 5);
}

/// How many reveals a second a server gives to 8 clients.
async fn reveals_a_second(ask: impl AsyncFn() -> u16) -> f64 {
    let (rounds, began) = (150_u32, Instant::now());
    for _ in 0..rounds {
        let answers = futures_util::future::join_all((0..8).map(|_| ask())).await;
        assert!(answers.into_iter().all(|status| status == 200));
    }
    f64::from(rounds * 8) / began.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn sealing_takes_little_from_reveals() {
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..10 {
        let interval = ["0", "5s"][round % 2];
        let app =
            TestApp::start_with(&[("AUDIT_SEAL_INTERVAL", interval), ("REVEAL_LIMIT_PER_HOUR", "0")]).await;
        if interval == "0" {
            app.db_run("alter table audit_events disable trigger audit_events_await_seal").await.unwrap();
        }
        let admin = app.admin().await;
        let (acme, aws) = (fixture::company(&admin, "Acme").await, fixture::aws_type(&admin, "aws").await);
        let id = fixture::aws_credential(&admin, &aws, &acme, "secret").await;
        let path = format!("/v1/credential/credentials/{id}/secure-values/secretAccessKey");
        rates[round % 2].push(reveals_a_second(async || admin.get(&path).await.status).await);
    }
    let [off, on] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    eprintln!("reveals a second: {off:.0} without the chain, {on:.0} with it, ratio {:.3}", on / off);
}

/// Stores a credential with this many secure values, without going through the API.
async fn db_many_values(scene: &Scene, like: &str, count: usize) {
    let id = ttscm::id::new();
    let credential = "insert into credentials (id, name, type_id, company_id, created_at, updated_at)
        select $1, name, type_id, company_id, created_at, updated_at from credentials where id = $2";
    let like = ttscm::id::parse(like).unwrap();
    sqlx::query(credential).bind(id).bind(like).execute(scene.app.pool()).await.unwrap();
    let fields: Vec<_> = (0..count).map(|number| format!("field{number}")).collect();
    let mut sealed = Vec::new();
    for field in &fields {
        let place = Place::Field { credential: id, field };
        sealed.push(scene.app.app.vault.seal(place, "a password of 24 letters").await.unwrap());
    }
    let values = "insert into secure_values (credential_id, field_id, sealed)
        select $1, field, sealed from unnest($2::text[], $3::bytea[]) as v (field, sealed)";
    sqlx::query(values).bind(id).bind(fields).bind(sealed).execute(scene.app.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn sealing_anew_is_at_least_half_as_fast_as_an_update() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    for _ in 0..50 {
        db_many_values(&scene, id_in(&path), 400).await;
    }
    let (mut updates, mut rotations) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let began = Instant::now();
        let update = "update secure_values set sealed = sealed || ''::bytea";
        let done = sqlx::query(update).execute(scene.app.pool()).await.unwrap().rows_affected();
        updates.push(f64::from(u32::try_from(done).unwrap()) / began.elapsed().as_secs_f64());
        let began = Instant::now();
        let rotated = rotate(&scene.app).await;
        assert_eq!(rotated.values, done);
        rotations.push(f64::from(u32::try_from(done).unwrap()) / began.elapsed().as_secs_f64());
    }
    let best = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    let (update, rotation) = (best(&updates), best(&rotations));
    eprintln!(
        "values a second: {rotation:.0} sealed anew, {update:.0} by a plain update, ratio {:.2}",
        rotation / update
    );
    assert!(rotation >= update / 2.0);
}
