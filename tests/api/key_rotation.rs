//! Data keys that change while people read and write.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use ttscm::access::Caller;
use ttscm::sealing::{self, Rotated, Rotation, SealedStore};

use crate::helpers::fixture::{aws_credential, aws_type, company};
use crate::helpers::scene::id_in;
use crate::helpers::time::TestClock;
use crate::helpers::{Actor, Scene, TestApp, cluster, json};

/// The columns of bytes that are not sealed by a data key: hashes, seals of the audit record, and the wrapped
/// keys themselves.
const NOT_SEALED: [&str; 17] = [
    "_sqlx_migrations.checksum",
    "api_keys.hash",
    "audit_batches.content",
    "audit_batches.digests",
    "audit_batches.drop_mark",
    "audit_batches.previous",
    "audit_batches.seal",
    "audit_chain.mac",
    "audit_chain.seal",
    "audit_chain.wrapped_key",
    "data_keys.wrapped",
    "failed_attempts.subject",
    "refresh_tokens.hash",
    "refresh_tokens.predecessor",
    "sign_ins.browser_hash",
    "sign_ins.form_hash",
    "sign_ins.key_hash",
];

pub async fn rotate(app: &TestApp) -> Rotated {
    let rotation = Rotation::begin(&app.app, &Caller::system()).await.unwrap().expect("no other is on");
    rotation.finish(&app.app, |_| ()).await.unwrap()
}

/// The ids of the data keys that values are sealed with, and of all.
async fn keys(app: &TestApp) -> (Vec<i32>, Vec<i32>) {
    let status = sealing::status(&app.app).await.unwrap();
    let used = status.keys.iter().filter(|key| key.values > 0).map(|key| key.id).collect();
    (used, status.keys.iter().map(|key| key.id).collect())
}

async fn revealed(actor: &Actor, path: &str) -> String {
    let data = actor.get(&format!("{path}/secure-values/secretAccessKey")).await.data();
    data["value"].as_str().expect("a secret").to_owned()
}

#[tokio::test]
async fn every_column_of_sealed_bytes_is_in_the_list_and_holds_its_keys() {
    let app = TestApp::start().await;
    let columns = "select table_name || '.' || column_name from information_schema.columns
        where table_schema = 'public' and data_type = 'bytea'";
    let columns: Vec<String> = sqlx::query_scalar(columns).fetch_all(app.pool()).await.unwrap();
    let sealed: BTreeSet<_> = SealedStore::ALL
        .into_iter()
        .flat_map(|store| {
            let (table, columns) = store.columns();
            columns.iter().map(move |column| format!("{table}.{column}"))
        })
        .collect();
    let found: BTreeSet<_> =
        columns.into_iter().filter(|column| !NOT_SEALED.contains(&column.as_str())).collect();
    assert_eq!(
        found, sealed,
        "a column is missing in SealedStore, or in the list of those that are not sealed"
    );
    for column in sealed {
        let function = format!("{}_holds_keys", column.replace('.', "_"));
        let triggers =
            "select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid where p.proname = $1";
        let count: i64 = sqlx::query_scalar(triggers).bind(&function).fetch_one(app.pool()).await.unwrap();
        assert_eq!(count, 2, "{column} needs guard_sealed in a migration");
    }
}

#[tokio::test]
async fn a_rotation_goes_on_under_readers_and_writers_of_two_servers() {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let unlimited = [("REVEAL_LIMIT_PER_HOUR", "0")];
    let here = TestApp::on(database.clone(), clock.clone(), &unlimited).await;
    let there = TestApp::on(database, clock.clone(), &unlimited).await;
    let admin = here.admin().await;
    let elsewhere = Actor::new(there.client.clone(), there.address, admin.token.clone());
    let (acme, aws) = (company(&admin, "Acme").await, aws_type(&admin, "aws").await);
    let mut paths = Vec::new();
    for number in 0..20 {
        let id = aws_credential(&admin, &aws, &acme, &format!("secret {number}")).await;
        paths.push(format!("/v1/credential/credentials/{id}"));
    }
    let is_over = AtomicBool::new(false);
    let read = async {
        let mut rounds = 0;
        while !is_over.load(Ordering::Relaxed) || rounds < 2 {
            for (number, path) in paths.iter().enumerate().take(10) {
                assert_eq!(revealed(&elsewhere, path).await, format!("secret {number}"));
            }
            rounds += 1;
        }
    };
    let write = async {
        let mut last = 0;
        while !is_over.load(Ordering::Relaxed) || last < 2 {
            last += 1;
            for path in &paths[10..] {
                let fields = json!({"fields": [{"fieldId": "secretAccessKey", "value": format!("secret of round {last}")}]});
                elsewhere.patch(path, &fields).await.expect(200);
            }
        }
        last
    };
    let turn = async {
        let mut made = Vec::new();
        for _ in 0..3 {
            let rotated = rotate(&here).await;
            assert!(rotated.damaged.is_empty(), "{:?}", rotated.damaged);
            made.push(rotated.key);
        }
        is_over.store(true, Ordering::Relaxed);
        made
    };
    let ((), last, made) = tokio::join!(read, write, turn);
    assert_eq!(made, [2, 3, 4]);
    for (number, path) in paths.iter().enumerate() {
        let expected =
            if number < 10 { format!("secret {number}") } else { format!("secret of round {last}") };
        assert_eq!(revealed(&admin, path).await, expected);
        assert_eq!(revealed(&elsewhere, path).await, expected);
    }
    let (opened, damaged) = sealing::check(&here.app, |_| ()).await.unwrap();
    // each change has kept what was before it
    assert_eq!((opened, damaged.len()), (20 + 10 * last, 0));

    rotate(&here).await;
    assert_eq!(keys(&here).await, (vec![5], vec![1, 2, 3, 4, 5]), "the old keys stay for a while");
    clock.advance(TimeDelta::minutes(2));
    sealing::look_after(&there.app).await.unwrap();
    assert_eq!(keys(&here).await, (vec![5], vec![5]));
    assert_eq!(revealed(&elsewhere, &paths[0]).await, "secret 0");
}

#[tokio::test]
async fn what_is_sealed_with_a_retired_key_is_not_taken() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    let old = scene.app.db_sealed(id_in(&path), "secretAccessKey").await;
    rotate(&scene.app).await;
    scene.app.clock.advance(TimeDelta::minutes(2));
    sealing::look_after(&scene.app.app).await.unwrap();
    assert_eq!(keys(&scene.app).await, (vec![2], vec![2]));
    let put = "update secure_values set sealed = $1";
    let refused = sqlx::query(put).bind(&old).execute(scene.app.pool()).await.unwrap_err();
    assert_eq!(
        refused.as_database_error().unwrap().message(),
        "sealed with a data key that has been retired"
    );
    assert_eq!(revealed(&scene.admin, &path).await, "a secret");
}

#[tokio::test]
async fn of_two_rotations_at_once_one_is_told_and_a_cut_off_one_is_carried_on() {
    let scene = Scene::start().await;
    let path = scene.credential("a secret").await;
    let begun = Rotation::begin(&scene.app.app, &Caller::system()).await.unwrap().expect("no other is on");
    assert!(Rotation::begin(&scene.app.app, &Caller::system()).await.unwrap().is_none());
    assert!(sealing::status(&scene.app.app).await.unwrap().rotating);
    // as if it was killed: its connection goes
    drop(begun);
    let rotated = loop {
        if let Some(again) = Rotation::begin(&scene.app.app, &Caller::system()).await.unwrap() {
            break again.finish(&scene.app.app, |_| ()).await.unwrap();
        }
    };
    assert_eq!((rotated.key, rotated.values), (2, 1), "with the key that was made");
    assert!(!sealing::status(&scene.app.app).await.unwrap().rotating);
    assert_eq!(revealed(&scene.admin, &path).await, "a secret");
    let created = scene.admin.get("/v1/audit?action=key.create").await.data();
    assert_eq!(created.as_array().unwrap().len(), 1);
    assert_eq!(created[0]["target"]["name"], "data key 2");
}

#[tokio::test]
async fn seals_are_counted_ahead_and_a_key_that_has_sealed_enough_is_followed_by_another() {
    let scene = Scene::start().await;
    scene.credential("a secret").await;
    let seals = async || sealing::status(&scene.app.app).await.unwrap().keys[0].seals;
    let counted = seals().await;
    assert!(counted >= 1);
    scene.credential("a secret").await;
    assert_eq!(seals().await, counted, "they were counted before");
    scene.app.db_run("update data_keys set seals = 1 << 30").await.unwrap();
    sealing::look_after(&scene.app.app).await.unwrap();
    scene.credential("another").await;
    assert_eq!(keys(&scene.app).await, (vec![1, 2], vec![1, 2]));
}

#[tokio::test]
async fn of_two_servers_that_look_after_the_keys_at_once_one_makes_the_next() {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let here = TestApp::on(database.clone(), clock.clone(), &[]).await;
    let there = TestApp::on(database, clock, &[]).await;
    here.db_run("update data_keys set seals = 1 << 30").await.unwrap();
    let (one, other) = tokio::join!(sealing::look_after(&here.app), sealing::look_after(&there.app));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(keys(&here).await.1, [1, 2]);
    let created = here.admin().await.get("/v1/audit?action=key.create").await.data();
    assert_eq!(created.as_array().unwrap().len(), 1, "{created}");
}

#[tokio::test]
async fn damage_is_told_by_its_place_and_left_as_it_is() {
    let scene = Scene::start().await;
    let (path, other) = (scene.credential("a secret").await, scene.credential("another").await);
    let mut bytes = scene.app.db_sealed(id_in(&path), "secretAccessKey").await;
    bytes[20] ^= 1;
    scene.app.db_put_sealed(id_in(&path), "secretAccessKey", &bytes).await;
    let (opened, damaged) = sealing::check(&scene.app.app, |_| ()).await.unwrap();
    let found: Vec<_> =
        damaged.iter().map(|one| (one.table, one.id.to_string(), one.part.as_str())).collect();
    assert_eq!((opened, found), (1, vec![("secure_values", id_in(&path).to_owned(), "secretAccessKey")]));
    let rotated = rotate(&scene.app).await;
    assert_eq!((rotated.values, rotated.damaged.len()), (1, 1));
    assert_eq!(scene.app.db_sealed(id_in(&path), "secretAccessKey").await, bytes);
    assert_eq!(revealed(&scene.admin, &other).await, "another");
}
