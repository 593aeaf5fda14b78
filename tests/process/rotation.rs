//! A rotation of the data keys by the program itself, which is killed in its midst.

use serde_json::{Value, json};

use crate::helpers::external::Database;
use crate::helpers::{Client, Start, eventually};

const CREDENTIALS: usize = 25;
const FIELDS: usize = 100;

/// The lock that a run holds, as long as it lives.
const RUNS: &str = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
    where l.locktype = 'advisory' and l.objid = 7463628 and d.datname = current_database()";

fn secret(credential: usize, field: usize) -> String {
    format!("the secret {credential} of field{field}")
}

/// Stores credentials of many fields each; their paths.
async fn store_many(admin: &Client) -> Vec<String> {
    let field = |number| {
        let id = format!("field{number}");
        json!({"id": id, "name": id, "required": false, "secure": true, "valueType": "generic_secret"})
    };
    let fields: Vec<_> = (0..FIELDS).map(field).collect();
    let company = admin.post("/v1/company/companies", &json!({"name": "Acme"})).await;
    let kind = json!({"name": "Many", "permissionScope": "many", "fields": fields});
    let kind = admin.post("/v1/credential-type", &kind).await;
    let mut paths = Vec::new();
    for credential in 0..CREDENTIALS {
        let value =
            |number| json!({"fieldId": format!("field{number}"), "value": secret(credential, number)});
        let values: Vec<_> = (0..FIELDS).map(value).collect();
        let new = json!({"name": "Many", "typeId": kind["id"], "companyId": company["id"], "fields": values});
        let made = admin.post("/v1/credential/credentials", &new).await;
        paths.push(format!("/v1/credential/credentials/{}", made["id"].as_str().expect("an id")));
    }
    paths
}

/// Reads every secret.
async fn read_all(admin: &Client, paths: &[String]) {
    for (credential, path) in paths.iter().enumerate() {
        let values = admin.get(&format!("{path}/secure-values")).await;
        let expected: serde_json::Map<_, _> =
            (0..FIELDS).map(|field| (format!("field{field}"), json!(secret(credential, field)))).collect();
        assert_eq!(values, Value::Object(expected));
    }
}

#[tokio::test]
async fn a_rotation_that_is_killed_is_completed_by_the_next_and_no_read_fails_meanwhile() {
    let database = Database::new().await;
    let server = database.ttscm().set("REVEAL_LIMIT_PER_HOUR", "0").ready().await;
    let admin = Database::administrator(&server).await;
    let paths = store_many(&admin).await;
    let vault = |order: &str| -> Start { database.ttscm().argument("vault").argument(order) };
    let old = "select count(*) from secure_values where sealed_key(sealed) = 1";

    // somebody writes the last value, so that the run cannot come to its end
    let mut writer = database.connect().await;
    let last =
        "begin; select from secure_values order by credential_id desc, field_id desc limit 1 for update";
    sqlx::raw_sql(last).execute(&mut writer).await.unwrap();
    let run = vault("rotate").spawn();
    eventually("most is sealed anew", async || database.count(old).await <= 1000).await;
    run.kill().await;
    eventually("nobody rotates", async || database.count(RUNS).await == 0).await;
    drop(writer);
    assert!((1..=1000).contains(&database.count(old).await));
    let status: Value = serde_json::from_str(&vault("status").argument("--json").succeeds().await).unwrap();
    assert_eq!(status["rotating"], true, "{status}");
    read_all(&admin, &paths).await;

    let again = async {
        let said = vault("rotate").succeeds().await;
        assert!(said.ends_with(" values were sealed anew with data key 2\n"), "{said}");
    };
    tokio::join!(again, read_all(&admin, &paths));
    assert_eq!(database.count(old).await, 0);
    read_all(&admin, &paths).await;
    let checked = vault("check").succeeds().await;
    assert_eq!(checked, format!("{} values open, 0 do not\n", CREDENTIALS * FIELDS));
    server.stop().await;

    let damage = "update secure_values set sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1) where (credential_id, field_id) in
        (select credential_id, field_id from secure_values where field_id = 'field7' limit 1)";
    database.execute(damage).await;
    let mut damaged = vault("check").spawn();
    assert_eq!(damaged.ended().await.code(), Some(1));
    eventually("it is told", async || damaged.log().contains("field7")).await;
}

#[tokio::test]
async fn how_far_a_rotation_is_shows_on_a_terminal_and_nowhere_else() {
    let database = Database::new().await;
    let server = database.ttscm().ready().await;
    Database::administrator(&server).await.store_secret().await;
    server.stop().await;
    let rotate = || database.ttscm().argument("vault").argument("rotate");
    let shown = rotate().shows().await;
    assert!(shown.contains(" 1/1 1 values sealed anew"), "{shown:?}");
    let (said, log) = rotate().succeeds_with_log().await;
    assert_eq!(said, "1 values were sealed anew with data key 3\n");
    assert!(!log.contains("sealed anew") && !log.contains(['\r', '\u{1b}']), "{log:?}");
}
