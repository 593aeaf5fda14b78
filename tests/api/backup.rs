//! The restore drill: what was backed up is the same database elsewhere, whatever went on meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgConnectOptions;
use ttscm::audit::chain::verify;
use ttscm::backup::{self, Amount, LEFT_OUT};
use ttscm::config::Key;
use ttscm::database::{self, MIGRATIONS, Pool};
use ttscm::sealing;
use ttscm::vault::MasterKey;

use crate::helpers::time::TestClock;
use crate::helpers::trash::restore;
use crate::helpers::{Actor, Scene, TestApp, cluster, fixture, json, keys};

fn master(letter: Option<u8>) -> MasterKey {
    let key = letter.map_or(*b"the master key of every test run", |letter| [letter; 32]);
    MasterKey::new(Key::new(key), None)
}

async fn connect(options: PgConnectOptions) -> Pool {
    database::connect(options, 2).await.expect("a pool")
}

async fn save(pool: &Pool, file: &Path) -> Amount {
    backup::save(pool, &master(None), file, |_| ()).await.expect("a backup")
}

/// Restores a backup into a new database.
async fn restored(file: &Path) -> (PgConnectOptions, Amount) {
    let options = cluster::empty_database().await;
    let pool = connect(options.clone()).await;
    let amount = backup::restore(&pool, &master(None), file, |_| ()).await.expect("a restore");
    pool.close().await;
    (options, amount)
}

/// Puts something into every table; the path of a credential of three versions.
async fn fill(scene: &Scene) -> String {
    let (app, admin) = (&scene.app, &scene.admin);
    let path = scene.credential("first").await;
    for secret in ["second", "third"] {
        let other = json!({"fields": [{"fieldId": "secretAccessKey", "value": secret}]});
        admin.patch(&path, &other).await.expect(200);
    }
    let jane = app.technician_of(&scene.acme).await;
    jane.get(&format!("{path}/secure-values/secretAccessKey")).await.expect(200);
    admin.patch(&path, &json!({"canary": true})).await.expect(200);
    keys::key_in(admin, &[&scene.acme], &["credential.fetch"]).await;
    let node = json!({"name": "Approve", "resource": "plans", "action": "approve"});
    admin.post("/v1/permissions", &node).await.expect(201);
    let integration = json!({
        "name": "Nowhere", "type": "custom", "managers": [admin.id],
        "config": {
            "baseUrl": "https://product.invalid", "auth": {"type": "bearer", "credentials": {"token": "a token"}}
        }
    });
    let integration = fixture::id_of(&admin.post("/v1/integration", &integration).await.data());
    admin.post(&format!("/v1/integration/{integration}/check"), &json!({})).await.expect(200);
    let gone = fixture::company(admin, "Gone").await;
    fixture::aws_credential(admin, &scene.aws, &gone, "a secret in the trash").await;
    admin.delete(&format!("/v1/company/companies/{gone}")).await.expect(200);
    let of_others = format!(
        "insert into identities values (new_id(), '{}', 'github', 'https://github.com', '', '7', now(), now());
         insert into company_members values ('{}', '{}');
         insert into connectwise_messages values ('a message', now())",
        admin.id, admin.id, scene.acme
    );
    app.db_run(&of_others).await.unwrap();
    app.seal().await;
    fixture::company(admin, "Not sealed yet").await;
    path
}

/// Every row of every table that is part of a backup.
async fn rows(app: &TestApp) -> BTreeMap<String, Vec<String>> {
    let counts = app.db_counts().await;
    let is_saved = |table: &&str| !LEFT_OUT.contains(table) && *table != "_sqlx_migrations";
    let tables: Vec<_> = counts.keys().map(String::as_str).filter(is_saved).collect();
    app.db_rows(&tables).await
}

/// That everything opens, and that the record is as it was sealed.
async fn is_sound(app: &TestApp) {
    let (opened, damaged) = sealing::check(&app.app, |_| ()).await.unwrap();
    assert!(opened > 0 && damaged.is_empty(), "{opened} {damaged:?}");
    let report = verify::verify(&app.app).await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

#[tokio::test]
async fn every_row_of_every_table_is_restored_as_it_was() {
    let scene = Scene::start().await;
    let path = fill(&scene).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let mut before = rows(&scene.app).await;
    let empty: Vec<_> = before.iter().filter(|(_, rows)| rows.is_empty()).map(|(table, _)| table).collect();
    assert!(empty.is_empty(), "the drill says nothing about {empty:?}");
    let saved = save(&scene.app.app.pool, &file).await;
    let (options, amount) = restored(&file).await;
    assert_eq!(amount, saved);

    let there = TestApp::on(options, scene.app.clock.clone(), &[]).await;
    let mut after = rows(&there).await;
    // one event tells of the restore
    for table in ["audit_events", "audit_unsealed"] {
        let (before, after) = (before.remove(table).unwrap(), after.remove(table).unwrap());
        assert_eq!(after.len(), before.len() + 1, "{table}");
        assert!(before.iter().all(|row| after.contains(row)), "{table}");
    }
    for (table, before) in before {
        assert_eq!(after.remove(&table), Some(before), "{table}");
    }
    assert!(after.is_empty(), "{after:?}");
    let counts = there.db_counts().await;
    assert!(LEFT_OUT.iter().all(|table| counts[*table] == 0), "{counts:?}");
    is_sound(&there).await;
    assert!(there.seal().await > 0);
    is_sound(&there).await;
    goes_on(&there, &path).await;
}

/// That what was restored can be worked with.
async fn goes_on(there: &TestApp, path: &str) {
    let admin = there.admin().await;
    let secret = async |admin: &Actor| {
        admin.get(&format!("{path}/secure-values/secretAccessKey")).await.data()["value"].clone()
    };
    assert_eq!(secret(&admin).await, "third");
    admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(200);
    assert_eq!(secret(&admin).await, "first");
    let trash = admin.get("/v1/trash").await.data();
    restore(&admin, trash[0]["targetId"].as_str().unwrap()).await.expect(200);
    let told = admin.get("/v1/audit?action=backup.restore").await.data();
    assert_eq!((told.as_array().unwrap().len(), &told[0]["actor"]["kind"]), (1, &json!("system")));
}

#[tokio::test]
async fn a_backup_under_writers_is_of_one_moment() {
    let scene = Scene::start().await;
    fill(&scene).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let is_over = AtomicBool::new(false);
    let write = async {
        let mut written = 0;
        while !is_over.load(Ordering::Relaxed) || written < 3 {
            let path = scene.credential("written meanwhile").await;
            scene.admin.patch(&path, &json!({"name": "Changed meanwhile"})).await.expect(200);
            if written % 2 == 0 {
                scene.admin.delete(&path).await.expect(200);
            }
            scene.app.seal().await;
            written += 1;
        }
    };
    let save = async {
        for _ in 0..5 {
            save(&scene.app.app.pool, &file).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(write, save);
    let there = TestApp::on(restored(&file).await.0, scene.app.clock.clone(), &[]).await;
    is_sound(&there).await;
    there.seal().await;
    is_sound(&there).await;
}

#[tokio::test]
async fn a_backup_of_an_older_version_is_brought_up_to_date() {
    let pool = connect(cluster::empty_database().await).await;
    MIGRATIONS.run_to(11, &*pool).await.unwrap();
    let old = "insert into companies (id, name, created_at, updated_at) values (new_id(), 'Old Acme', now(), now());
        insert into audit_events (id, at, action, outcome, actor_kind, actor_name, target_kind, target_name)
        values (new_id(), now(), 'test', 'success', 'system', 'ttscm', 'setting', 'of old')";
    sqlx::raw_sql(old).execute(&*pool).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    save(&pool, &file).await;
    pool.close().await;

    let there = TestApp::on(restored(&file).await.0, TestClock::new(), &[]).await;
    let admin = there.admin().await;
    let listed = admin.get("/v1/company/companies?search=Old").await.data();
    assert_eq!(listed[0]["name"], "Old Acme");
    assert!(there.seal().await > 1, "what was on record before there were seals is sealed");
    let report = verify::verify(&there.app).await.unwrap();
    assert_eq!((report.faults.len(), report.unsealed), (0, 0));
    let events = admin.get("/v1/audit?action=test").await.data();
    assert_eq!(events[0]["target"]["name"], "of old");
}

#[tokio::test]
async fn nothing_is_restored_with_another_key_or_over_something() {
    let scene = Scene::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    save(&scene.app.app.pool, &file).await;
    let refusal = async |pool: &Pool, master: &MasterKey| {
        backup::restore(pool, master, &file, |_| ()).await.unwrap_err().to_string()
    };
    let before = scene.app.db_counts().await;
    let told = refusal(&scene.app.app.pool, &master(None)).await;
    assert!(told.starts_with("a backup is restored into an empty database"), "{told}");
    assert_eq!(scene.app.db_counts().await, before);
    let empty = connect(cluster::empty_database().await).await;
    let told = refusal(&empty, &master(Some(9))).await;
    assert_eq!(told, "VAULT_MASTER_KEY is not the key that the backup was made with: set the right one");
    let tables: i64 = sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'public'")
        .fetch_one(&*empty)
        .await
        .unwrap();
    assert_eq!(tables, 0);
}
