//! What is promised of speed. `.ci/measure` holds it, on a build that is made for speed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use ttscm::audit::chain;
use ttscm::vault::Place;

use crate::audit_chain::{assert_told, three_faults_in};
use crate::helpers::cluster::Durable;
use crate::helpers::scene::id_in;
use crate::helpers::time::TestClock;
use crate::helpers::{Actor, Scene, TestApp, fixture};
use crate::key_rotation::rotate;

/// The middle one.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Holds the ratio of two rates against the least that is promised: the middle one of the turns, which are
/// pairs of a reference and of what is held against it. A machine that is busy with something else is so for
/// both of a pair.
#[track_caller]
fn assert_ratio(of: &str, turns: &[(f64, f64)], least: f64) {
    let ratio = median(turns.iter().map(|(reference, rate)| rate / reference).collect());
    let (references, rates): (Vec<_>, Vec<_>) = turns.iter().copied().unzip();
    let (reference, rate) = (median(references), median(rates));
    eprintln!("{of}: {rate:.0} a second against {reference:.0}, ratio {ratio:.3} of at least {least}");
    assert!(ratio >= least, "{of}: {ratio:.3} is less than {least}");
}

/// So many in this time, as how many a second.
fn rate(count: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64()
}

#[tokio::test]
#[ignore = "it measures"]
async fn a_hundred_thousand_events_are_verified_within_five_seconds() {
    let app = TestApp::start().await;
    let (mut sound, mut faulty) = (Vec::new(), Vec::new());
    app.db_events(100_000).await;
    app.seal().await;
    for _ in 0..5 {
        let began = Instant::now();
        let ran = app.ran(&["audit", "verify"]).await;
        sound.push(began.elapsed().as_secs_f64());
        assert_eq!(ran.code, 0, "{}", ran.out);
    }
    drop(app);
    let app = TestApp::start().await;
    let lines = three_faults_in(&app, 100_000).await;
    for _ in 0..5 {
        let began = Instant::now();
        let ran = app.ran(&["audit", "verify"]).await;
        faulty.push(began.elapsed().as_secs_f64());
        assert_told(&ran, &lines);
    }
    let (sound, faulty) = (median(sound), median(faulty));
    eprintln!("100000 events verified in {sound:.2} s, with three faults in {faulty:.2} s, of at most 5 s");
    assert!(sound < 5.0 && faulty < 5.0);
}

/// A server that is asked for reveals.
struct Revealing {
    app: TestApp,
    admin: Actor,
    path: String,
}

impl Revealing {
    async fn on(database: PgConnectOptions) -> Self {
        let app = TestApp::on(database, TestClock::new(), &[("REVEAL_LIMIT_PER_HOUR", "0")]).await;
        let admin = app.admin().await;
        let (acme, aws) = (fixture::company(&admin, "Acme").await, fixture::aws_type(&admin, "aws").await);
        let id = fixture::aws_credential(&admin, &aws, &acme, "secret").await;
        let path = format!("/v1/credential/credentials/{id}/secure-values/secretAccessKey");
        Self { app, admin, path }
    }

    /// Answers 8 clients, each of which asks again as soon as it has its answer.
    async fn reveals(&self, count: u64) {
        let client = async || {
            for _ in 0..count / 8 {
                assert_eq!(self.admin.get(&self.path).await.status, 200);
            }
        };
        futures_util::future::join_all((0..8).map(|_| client())).await;
    }
}

/// The sides are two servers on a Postgres that waits for its disk, as one at work does. One seals nothing, as
/// with `AUDIT_SEAL_INTERVAL=0`. The other seals, while it reveals, what it has revealed the time before, in a
/// task of its own as at work: all the work for as many events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn sealing_takes_little_from_reveals() {
    const REVEALS: u64 = 2000;
    const TURNS: u64 = 90;
    let durable = Durable::start().await;
    let without = Revealing::on(durable.database("unsealed").await).await;
    let with = Revealing::on(durable.database("sealed").await).await;
    for warming in [&without, &with] {
        warming.reveals(REVEALS).await;
    }
    let (mut turns, mut sealed) = (Vec::new(), 0);
    for _ in 0..TURNS {
        let began = Instant::now();
        without.reveals(REVEALS).await;
        let off = rate(REVEALS, began.elapsed());
        let began = Instant::now();
        let app = Arc::clone(&with.app.app);
        let sealing = tokio::spawn(async move { chain::seal(&app).await.unwrap() });
        with.reveals(REVEALS).await;
        turns.push((off, rate(REVEALS, began.elapsed())));
        sealed += u64::try_from(sealing.await.unwrap()).unwrap();
    }
    assert!(sealed >= REVEALS * TURNS, "{sealed} were sealed meanwhile");
    assert_ratio("reveals with the chain", &turns, 0.95);
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

/// Both sides find the table as it is when everything was just stored, one row close to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn sealing_anew_is_at_least_half_as_fast_as_an_update() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    for _ in 0..250 {
        db_many_values(&scene, id_in(&path), 400).await;
    }
    let tidy = async || scene.app.db_run("vacuum (full, analyze) secure_values").await.unwrap();
    let mut turns = Vec::new();
    for _ in 0..9 {
        tidy().await;
        let began = Instant::now();
        let update = "update secure_values set sealed = sealed || ''::bytea";
        let count = sqlx::query(update).execute(scene.app.pool()).await.unwrap().rows_affected();
        let plain = rate(count, began.elapsed());
        tidy().await;
        let began = Instant::now();
        let rotated = rotate(&scene.app).await;
        turns.push((plain, rate(count, began.elapsed())));
        assert_eq!(rotated.values, count);
    }
    assert_ratio("values sealed anew", &turns, 0.5);
}
