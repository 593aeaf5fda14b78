//! `ttscm health`, and the addresses of a server.

use std::net::TcpListener;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::helpers::client;
use crate::helpers::external::Database;
use crate::helpers::folder::private_file;
use crate::helpers::{eventually, open_folder, ttscm};

const READY: &str =
    "{\"status\":\"ok\",\"checks\":{\"database\":\"ok\",\"listener\":\"ok\",\"migrations\":\"ok\"}}\n";

/// The address in a URL that the server says.
fn address(url: &str) -> &str {
    url.split_once("://").expect("a URL").1
}

#[tokio::test]
async fn it_tells_whether_the_server_can_work() {
    let (database, folder) = (Database::new().await, open_folder());
    let server = database.ttscm().ready().await;
    let url = server.url();
    let ask = || ttscm(folder.path()).set("BIND_ADDRESS", address(&url)).argument("health");
    assert_eq!(ask().succeeds().await, READY);
    server.stop().await;
    let refusal = ask().refused().await;
    assert!(refusal.starts_with(&format!("the server at {} does not answer: ", address(&url))), "{refusal}");
}

#[tokio::test]
async fn it_asks_by_tls_whoever_has_the_certificate_of_the_settings() {
    let (database, folder) = (Database::new().await, open_folder());
    let make = |name: &str| {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["vault.test".to_owned()]).unwrap();
        let certificate = private_file(folder.path(), &format!("{name}.pem"), &cert.pem());
        (certificate, private_file(folder.path(), &format!("{name}.key"), &signing_key.serialize_pem()))
    };
    let ((certificate, key), (other_certificate, other_key)) = (make("one"), make("other"));
    let server = database.ttscm().set("TLS_CERTIFICATE", &certificate).set("TLS_KEY", &key).ready().await;
    let url = server.url();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let ask = || ttscm(folder.path()).set("BIND_ADDRESS", address(&url)).argument("health");
    let told = ask().set("TLS_CERTIFICATE", &certificate).set("TLS_KEY", &key).succeeds().await;
    assert_eq!(told, READY);
    for stranger in [ask().set("TLS_CERTIFICATE", &other_certificate).set("TLS_KEY", &other_key), ask()] {
        let refusal = stranger.refused().await;
        assert!(refusal.contains(address(&url)), "{refusal}");
    }
    server.stop().await;
}

#[tokio::test]
async fn files_of_tls_that_cannot_be_used_are_told_before_anything_is_begun() {
    let (database, folder) = (Database::new().await, open_folder());
    let make = || {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["vault.test".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    };
    let (text, key) = make();
    let certificate = private_file(folder.path(), "certificate.pem", &text);
    let good_key = private_file(folder.path(), "key.pem", &key);
    let other_key = private_file(folder.path(), "other.pem", &make().1);
    let no_key = private_file(folder.path(), "nothing.pem", "nothing");
    let open_key = folder.path().join("open.pem");
    std::fs::write(&open_key, &key).unwrap();
    let missing = folder.path().join("missing.pem");
    let start = |certificate, key| database.ttscm().set("TLS_CERTIFICATE", certificate).set("TLS_KEY", key);
    for (certificate, key, about) in [
        (
            &certificate,
            &open_key,
            ("TLS_KEY", &open_key, "is open to others: take their rights away (chmod 600)"),
        ),
        (
            &certificate,
            &other_key,
            ("TLS_KEY", &other_key, "is not the key of the certificate in TLS_CERTIFICATE"),
        ),
        (&certificate, &no_key, ("TLS_KEY", &no_key, "holds no private key in PEM")),
        (&certificate, &missing, ("TLS_KEY", &missing, "cannot be read")),
        (&missing, &good_key, ("TLS_CERTIFICATE", &missing, "cannot be read")),
        (&no_key, &good_key, ("TLS_CERTIFICATE", &no_key, "holds no certificate in PEM")),
    ] {
        let refusal = start(certificate, key).refused().await;
        let (variable, path, sentence) = about;
        let expected = format!("{variable}: {} {sentence}", path.display());
        assert!(refusal.starts_with(&expected), "{refusal}");
    }
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(database.count(tables).await, 0, "nothing was begun");
}

#[tokio::test]
async fn metrics_are_served_at_their_own_address_only_where_there_is_one() {
    let database = Database::new().await;
    let server =
        database.ttscm().set("METRICS_ADDRESS", "127.0.0.1:0").set("LOG_FORMAT", "json").ready().await;
    let line = || server.log().lines().find(|line| line.contains("\"metrics\"")).map(str::to_owned);
    eventually("the address is in the log", async || line().is_some()).await;
    let line: serde_json::Value = serde_json::from_str(&line().unwrap()).unwrap();
    let metrics = format!("http://{}/metrics", line["address"].as_str().unwrap());
    let text = client::http().get(metrics).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("ttscm_build_info") && text.ends_with("# EOF\n"), "{text}");
    server.stop().await;

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refusal = database.ttscm().set("METRICS_ADDRESS", address.to_string()).refused().await;
    assert!(refusal.starts_with(&format!("the address {address} cannot be used: ")), "{refusal}");
}
