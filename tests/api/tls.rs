//! HTTP over TLS, with a certificate that is replaced while the server runs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::helpers::{TestApp, log};

const ME: &str = "/v1/user/@me";

/// Within which time a change of the files must be used.
const BOUND: Duration = Duration::from_secs(5);

/// A certificate and its key, in PEM.
struct Made {
    certificate: String,
    key: String,
}

impl Made {
    fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["vault.test".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        Self { certificate: cert.pem(), key: signing_key.serialize_pem() }
    }

    /// A client that trusts this certificate and no other.
    fn client(&self) -> reqwest::Client {
        let only = reqwest::Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_only([only]).build().unwrap()
    }
}

/// The files of a server.
struct Files(TempDir);

impl Files {
    fn with(made: &Made) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.put(made);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, made: &Made) {
        for (name, text) in [("certificate.pem", &made.certificate), ("key.pem", &made.key)] {
            std::fs::write(self.path(name), text).unwrap();
            std::fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
        }
    }

    async fn server(&self) -> TestApp {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| self.path(name));
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        TestApp::start_with(&[("TLS_CERTIFICATE", certificate), ("TLS_KEY", key)]).await
    }
}

/// The status of the first request of a client that trusts this certificate, where it is the server's. A later
/// one may go on with what was agreed, and be shown none.
async fn status(made: &Made, app: &TestApp) -> Option<u16> {
    let url = format!("https://{}{ME}", app.address);
    made.client().get(url).send().await.ok().map(|response| response.status().as_u16())
}

/// A connection with TLS on it, and nothing said yet.
async fn connection(made: &Made, app: &TestApp, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let only = rustls::pki_types::CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap();
    roots.add(only).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(app.address).await?;
    let name = ServerName::try_from("vault.test").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn clients_are_answered_by_tls_and_told_to_stay_with_it() {
    let made = Made::new();
    let app = Files::with(&made).server().await;
    let answer = made.client().get(format!("https://{}{ME}", app.address)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (401, reqwest::Version::HTTP_11));
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert_eq!(status(&Made::new(), &app).await, None, "another certificate is not trusted");
    let plain = app.client.get(format!("http://{}{ME}", app.address)).send().await;
    assert!(plain.is_err(), "{plain:?}");
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let (old, new) = (Made::new(), Made::new());
    let files = Files::with(&old);
    let app = files.server().await;
    assert_eq!((status(&old, &app).await, status(&new, &app).await), (Some(401), None));
    let mut open = connection(&old, &app, b"http/1.1").await.unwrap();

    let changed = Instant::now();
    files.put(&new);
    while status(&new, &app).await.is_none() {
        assert!(changed.elapsed() < BOUND, "the change is not used");
    }
    assert_eq!(status(&old, &app).await, None);
    open.write_all(format!("GET {ME} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    open.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 401", "a connection outlives the certificate that it began with");

    // the key of another certificate: what is shown stays as it was, and the log tells of it
    std::fs::write(files.path("key.pem"), &old.key).unwrap();
    let path = files.path("key.pem").display().to_string();
    let told =
        || log::lines_with(&path).iter().any(|line| line.contains("is not the key of the certificate"));
    let changed = Instant::now();
    while !told() {
        assert!(changed.elapsed() < BOUND, "the log does not tell");
        assert_eq!(status(&new, &app).await, Some(401));
    }
    assert_eq!(status(&new, &app).await, Some(401));
    files.put(&old);
    let changed = Instant::now();
    while status(&old, &app).await.is_none() {
        assert!(changed.elapsed() < BOUND, "what is mended is not used");
    }
}

#[tokio::test]
async fn nobody_holds_the_server_up_who_is_slow_with_tls() {
    let made = Made::new();
    let app = Files::with(&made).server().await;
    let mut silent = Vec::new();
    for begun in 0..100 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        // some say nothing, some begin as a client of TLS does
        if begun % 2 == 0 {
            stream.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        }
        silent.push(stream);
    }
    let mut agreed = connection(&made, &app, b"http/1.1").await.unwrap();
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(status(&made, &app).await, Some(401));
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    let ends = async {
        for stream in &mut silent {
            drop(stream.read_to_end(&mut Vec::new()).await);
        }
        drop(agreed.read_to_end(&mut Vec::new()).await);
    };
    tokio::time::timeout(Duration::from_secs(15), ends)
        .await
        .expect("the server closes them after 10 seconds");
}

#[tokio::test]
async fn http_2_is_not_spoken() {
    let made = Made::new();
    let app = Files::with(&made).server().await;
    let refused = connection(&made, &app, b"h2").await;
    assert!(refused.is_err(), "a client that knows nothing else");
    let mut stream = connection(&made, &app, b"http/1.1").await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}
