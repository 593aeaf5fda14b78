//! What products answer to a check, byte for byte: whatever comes back, the finding is one of ours, and
//! nothing of the answer is in it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use ttscm::clock::{Clock, SystemClock};
use ttscm::integration::probe::probe;
use ttscm::integration::{AuthType, Client, Credentials, Finding, Kind, Product, Verdict};
use ttscm::outgoing::{Bounds, Guard, Lookup, SystemLookup};

/// A clock with which nobody waits.
struct Prompt;

impl Clock for Prompt {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        SystemClock.now()
    }

    fn pass(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::task::yield_now())
    }
}

/// What stands between two answers.
const BETWEEN: u8 = 0x1e;

/// A product, and what is shown to it.
type Way = (Kind, AuthType, &'static [(&'static str, &'static str)]);

const WAYS: [Way; 6] = [
    (Kind::Jira, AuthType::Bearer, &[("token", "secret")]),
    (Kind::Servicenow, AuthType::Oauth, &[("clientId", "client"), ("clientSecret", "secret")]),
    (Kind::Servicenow, AuthType::Basic, &[("username", "somebody"), ("password", "secret")]),
    (Kind::Zendesk, AuthType::Token, &[("email", "a@example.com"), ("apiToken", "secret")]),
    (
        Kind::Connectwise,
        AuthType::Connectwise,
        &[("companyId", "tenant"), ("publicKey", "public"), ("privateKey", "secret"), ("clientId", "client")],
    ),
    (Kind::Custom, AuthType::ApiKey, &[("header", "x-key"), ("value", "secret")]),
];

struct Lab {
    runtime: Runtime,
    listener: TcpListener,
    client: Client,
    used: Cell<u32>,
}

thread_local! {
    static LAB: Lab = Lab::new();
}

/// Which product it is; then answers with a mark between them.
pub fn check(data: &[u8]) {
    let [way, answers @ ..] = data else { return };
    let (kind, auth_type, parts) = WAYS[usize::from(*way) % WAYS.len()];
    let answers: Vec<_> = answers.split(|byte| *byte == BETWEEN).collect();
    let finding = LAB.with(|lab| lab.ask(kind, auth_type, parts, &answers));
    assert!(finding.message.is_ascii() && finding.message.len() < 200, "{}", finding.message);
    assert!(finding.retry_after.is_none_or(|wait| wait <= Duration::from_hours(24)));
    let is_success = |answer: &&[u8]| answer.starts_with(b"HTTP/1.") && answer.get(8..10) == Some(b" 2");
    if finding.verdict == Verdict::Healthy {
        assert!(answers.iter().any(is_success), "{finding:?}");
    }
}

impl Lab {
    fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("0.0.0.0:0")).expect("a port");
        let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
        let time = Duration::from_secs(5);
        let bounds = Bounds { connect: time, total: time, question: time };
        let allowed = vec!["127.0.0.0/8".parse().expect("a network")];
        let guard = Guard::new(allowed, bounds, &lookup).expect("a guard");
        Self { runtime, listener, client: Client::new(guard, Arc::new(Prompt)), used: Cell::new(0) }
    }

    fn ask(&self, kind: Kind, auth_type: AuthType, parts: &[(&str, &str)], answers: &[&[u8]]) -> Finding {
        let given = parts.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).into()))).collect();
        let credentials = Credentials::check(auth_type, given, &self.client.guard, &[]);
        let product = Product {
            id: ttscm::id::new(),
            kind,
            base_url: self.address().parse().expect("a URL"),
            auth_type,
            credentials: Some(credentials.unwrap_or_else(|rules| panic!("{rules:?}"))),
            first_get: Some("/status".to_owned()),
        };
        self.runtime.block_on(async {
            tokio::select! {
                finding = probe(&self.client, &product) => finding,
                () = self.serve(answers) => unreachable!("it serves for ever"),
            }
        })
    }

    /// An address of its own for every product: so many connections to a single one run out of ports.
    fn address(&self) -> String {
        self.used.set(self.used.get() % 0x00ff_fffe + 1);
        let [_, second, third, fourth] = self.used.get().to_be_bytes();
        let port = self.listener.local_addr().expect("an address").port();
        format!("http://127.{second}.{third}.{fourth}:{port}")
    }

    /// Gives one answer after the other, the last one again and again.
    async fn serve(&self, answers: &[&[u8]]) {
        let mut next = answers.iter().copied();
        let mut answer = b"".as_slice();
        loop {
            let Ok((stream, _)) = self.listener.accept().await else { continue };
            answer = next.next().unwrap_or(answer);
            drop(answer_one(stream, answer).await);
        }
    }
}

async fn answer_one(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(answer).await?;
    stream.shutdown().await
}
