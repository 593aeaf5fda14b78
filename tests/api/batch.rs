//! Credentials that are read at once are read in one statement, whatever becomes of those who asked.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::poll;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tracing::Instrument;
use ttscm::access::Caller;
use ttscm::app::App;
use ttscm::credential::{self, Credential};
use ttscm::error::Result;
use uuid::Uuid;

use crate::helpers::scene::id_in;
use crate::helpers::{Scene, log};

type Reading = Pin<Box<dyn Future<Output = Result<Credential>>>>;

/// A read of a credential, whose statements are in the log under `mark`.
fn reading(app: &Arc<App>, id: &str, mark: Uuid) -> Reading {
    let (app, id) = (Arc::clone(app), id.to_owned());
    let span = tracing::info_span!("request", id = %mark);
    Box::pin(async move { credential::find(&app, &Caller::system(), &[], &id).await }.instrument(span))
}

/// So many reads of one credential.
fn readings(scene: &Scene, path: &str, count: usize) -> Vec<Reading> {
    (0..count).map(|_| reading(&scene.app.app, id_in(path), Uuid::now_v7())).collect()
}

/// A transaction that keeps everybody from credentials, and `readings` that wait for its end.
async fn locked(scene: &Scene, readings: &mut [Reading]) -> PoolConnection<Postgres> {
    let mut lock = scene.app.pool().acquire().await.unwrap();
    sqlx::raw_sql("begin; lock table credentials").execute(&mut *lock).await.unwrap();
    until_blocked(scene, readings).await;
    lock
}

/// Goes on with `readings` until as many statements wait for a lock as may be under way.
async fn until_blocked(scene: &Scene, readings: &mut [Reading]) {
    let blocked = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%any($1)%'";
    for reading in readings.iter_mut() {
        assert!(poll!(reading).is_pending());
    }
    loop {
        let waiting: i64 = sqlx::query_scalar(blocked).fetch_one(scene.app.pool()).await.unwrap();
        if waiting > 0 {
            return;
        }
        for reading in readings.iter_mut() {
            assert!(poll!(reading).is_pending());
        }
    }
}

#[tokio::test]
async fn what_is_asked_for_at_once_is_read_in_few_statements() {
    let scene = Scene::start().await;
    let paths = [scene.credential("one").await, scene.credential("two").await];
    let ids = [id_in(&paths[0]), id_in(&paths[1]), "00000000-0000-7000-8000-000000000000"];
    let mark = Uuid::now_v7();
    let mut readings: Vec<_> = (0..60).map(|at| reading(&scene.app.app, ids[at % 3], mark)).collect();
    let mut lock = locked(&scene, &mut readings).await;
    sqlx::raw_sql("commit").execute(&mut *lock).await.unwrap();
    for (at, found) in join_all(readings).await.into_iter().enumerate() {
        assert_eq!(
            found.ok().map(|found| found.id.to_string()).as_deref(),
            [Some(ids[0]), Some(ids[1]), None][at % 3]
        );
    }
    let is_statement = |line: &&String| line.contains("sqlx::query") && line.contains("any($1)");
    let statements = log::lines_with(&mark.to_string()).iter().filter(is_statement).count();
    assert!((1..=3).contains(&statements), "{statements}");
}

#[tokio::test]
async fn those_who_wait_are_served_when_the_one_who_reads_goes_away() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    let mut readings = readings(&scene, &path, 20);
    let mut lock = locked(&scene, &mut readings).await;
    let left = readings.split_off(2);
    drop(readings);
    sqlx::raw_sql("commit").execute(&mut *lock).await.unwrap();
    for found in join_all(left).await {
        assert_eq!(found.expect("it is there").id.to_string(), id_in(&path));
    }
}

#[tokio::test]
async fn nobody_waits_for_those_who_went_away() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    let mut readings = readings(&scene, &path, 400);
    let mut lock = locked(&scene, &mut readings).await;
    for reading in self::readings(&scene, &path, 400) {
        assert!(poll!(reading).is_pending());
    }
    drop(readings);
    sqlx::raw_sql("commit").execute(&mut *lock).await.unwrap();
    let last = reading(&scene.app.app, id_in(&path), Uuid::now_v7());
    let found = tokio::time::timeout(Duration::from_secs(20), last).await.expect("an answer");
    assert_eq!(found.expect("it is there").id.to_string(), id_in(&path));
}

#[tokio::test]
async fn a_statement_that_fails_fails_for_all_whom_it_was_for() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    let mut readings = readings(&scene, &path, 20);
    let mut lock = locked(&scene, &mut readings).await;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'";
    sqlx::raw_sql(cut).execute(&mut *lock).await.unwrap();
    let outcomes = join_all(readings.split_off(0)).await;
    sqlx::raw_sql("commit").execute(&mut *lock).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(ttscm::error::Error::Unavailable { .. }))));
    scene.admin.get(&path).await.expect(200);
}
