//! Clients that mean harm or do not know better: they are refused in the bytes of the contract or cut off, and
//! nobody else waits for it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::helpers::{Actor, TestApp, Value, json};

/// Where a contract is, and whether a body is a refusal of its.
type Face = (&'static str, fn(u16, &Value) -> bool);

const FACES: [Face; 3] = [
    ("/v1", |status, body| {
        body["status"] == status && body["successful"] == false && body["message"].is_string()
    }),
    ("/rbac/api", |_, body| body["success"] == false && body["error"].is_string()),
    ("/itsm/api", |_, body| body["success"] == false && body["message"].is_string()),
];

/// The longest that anybody else may wait meanwhile.
const PROMPT: Duration = Duration::from_secs(1);

/// How many clients dribble at once.
const DRIBBLERS: usize = 200;

/// What is sent, and with which status it is refused. Where HTTP itself is broken there is no body.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    status: u16,
    has_envelope: bool,
}

fn attack(name: &'static str, head: &str, body: &[u8], status: u16) -> Attack {
    let head = format!("{head}\r\nconnection: close\r\n\r\n");
    Attack { name, bytes: [head.as_bytes(), body].concat(), status, has_envelope: true }
}

/// The same, where HTTP itself is broken.
fn nonsense(name: &'static str, head: &str, body: &[u8], status: u16) -> Attack {
    Attack { has_envelope: false, ..attack(name, head, body, status) }
}

fn json_head(prefix: &str, body: &[u8]) -> String {
    format!(
        "POST {prefix}/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}",
        body.len()
    )
}

/// Bodies that are no login.
fn bodies(prefix: &str) -> Vec<Attack> {
    let nested = |depth: usize, end: &str| format!("{{\"password\":{}{end}", "[".repeat(depth));
    let closed = nested(10_000, &("]".repeat(10_000) + "}"));
    let bodies: [(_, Vec<u8>, _); 9] = [
        ("10,000 deep", closed.into_bytes(), 400),
        ("10,000 deep and cut off", nested(10_000, "").into_bytes(), 400),
        ("100 deep", nested(100, &("]".repeat(100) + "}")).into_bytes(), 400),
        ("1 MiB of brackets", "[".repeat(1024 * 1024).into_bytes(), 400),
        ("over 1 MiB", vec![b' '; 1024 * 1024 + 1], 413),
        ("not UTF-8", b"{\"password\":\"\xff\xfe\xc0\x80\"}".to_vec(), 400),
        ("half a surrogate", br#"{"password":"\ud800"}"#.to_vec(), 400),
        ("NUL", b"{\"password\":\"\0\"}".to_vec(), 400),
        (
            "NUL as an escape",
            br#"{"email":"a\u0000@example.com","username":"a\u0000","password":"x"}"#.to_vec(),
            400,
        ),
    ];
    bodies
        .into_iter()
        .map(|(name, body, status)| attack(name, &json_head(prefix, &body), &body, status))
        .collect()
}

/// Bodies in pieces, and with lengths, that mean nothing or two things.
fn lengths(prefix: &str) -> Vec<Attack> {
    let head = format!("POST {prefix}/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    let with = |rest: &str| format!("{head}{rest}");
    let chunked = with("transfer-encoding: chunked");
    let endless = [b"ffffffffffffffff\r\n".as_slice(), &vec![b' '; 1024 * 1024 + 1]].concat();
    vec![
        attack("no length of a chunk", &chunked, b"nonsense\r\n{}\r\n0\r\n\r\n", 400),
        attack("a chunk without end", &chunked, &endless, 413),
        attack("a chunk longer than any number", &chunked, b"fffffffffffffffff\r\n{}", 400),
        attack("a negative chunk", &chunked, b"-2\r\n{}\r\n0\r\n\r\n", 400),
        attack("a chunk that is longer than told", &chunked, b"1\r\n{}\r\n0\r\n\r\n", 400),
        attack(
            "an extension without end",
            &chunked,
            format!("2;{}\r\n{{}}", "x".repeat(60_000)).as_bytes(),
            400,
        ),
        nonsense("chunked and something else", &with("transfer-encoding: chunked, gzip"), b"0\r\n\r\n", 400),
        nonsense("an unknown encoding", &with("transfer-encoding: xchunked"), b"0\r\n\r\n", 400),
        nonsense("two lengths", &with("content-length: 2\r\ncontent-length: 3"), b"{} ", 400),
        nonsense("two lengths in one", &with("content-length: 2, 3"), b"{} ", 400),
        nonsense("a signed length", &with("content-length: +2"), b"{}", 400),
        nonsense("a negative length", &with("content-length: -2"), b"{}", 400),
        nonsense("a length beyond all", &with("content-length: 99999999999999999999"), b"{}", 400),
    ]
}

/// Headers, methods and paths.
fn heads(prefix: &str) -> Vec<Attack> {
    let get = |rest: &str| format!("GET {prefix}/nothing HTTP/1.1\r\nhost: x\r\n{rest}");
    let post =
        |rest: &str| format!("POST {prefix}/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n{rest}");
    let of_path = |path: &str| format!("GET {prefix}{path} HTTP/1.1\r\nhost: x");
    let both_types = "content-type: application/json\r\ncontent-type: text/plain";
    vec![
        attack("two hosts", &get("host: y"), b"", 400),
        attack("two tokens", &get("authorization: Bearer x\r\nAuthorization: Bearer y"), b"", 400),
        attack("two types", &post(both_types), b"{}", 400),
        attack("two refresh tokens", &get("x-refresh-token: x\r\nx-refresh-token: y"), b"", 400),
        attack("a header of 33 KiB", &get(&format!("x-long: {}", "x".repeat(33 * 1024))), b"", 431),
        attack(
            "40 headers of 1 KiB",
            get(&format!("x: {}\r\n", "x".repeat(1024)).repeat(40)).trim_end(),
            b"",
            431,
        ),
        nonsense("1000 headers", get(&"a: b\r\n".repeat(1000)).trim_end(), b"", 431),
        nonsense("NUL in a header", &get("x: a\0b"), b"", 400),
        nonsense("a header's name with a space", &get("x y: z"), b"", 400),
        nonsense("a space before the colon", &get("content-length : 2"), b"", 400),
        nonsense("a folded header", &get("x: a\r\n b"), b"", 400),
        nonsense("NUL in the path", &of_path("/no\0thing"), b"", 400),
        nonsense("a version of nobody", &format!("GET {prefix}/nothing HTTP/9.9\r\nhost: x"), b"", 400),
        nonsense("no version", &format!("GET {prefix}/nothing\r\nhost: x"), b"", 400),
        attack("NUL as an escape in the path", &of_path("/%00"), b"", 404),
        attack("no UTF-8 in the path", &of_path("/%ff%fe%c0%af"), b"", 404),
        attack("a way out", &of_path("/../../etc/passwd"), b"", 404),
        attack("a method of nobody", &format!("BREW {prefix}/auth/login HTTP/1.1\r\nhost: x"), b"", 405),
    ]
}

/// Sends it, and what comes back until the server closes.
async fn send(app: &TestApp, attack: &Attack) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    // the server may close before it has read all of it
    drop(stream.write_all(&attack.bytes).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

async fn is_refused(app: &TestApp, attack: &Attack, is_envelope: fn(u16, &Value) -> bool) {
    let answer = send(app, attack).await;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    assert_eq!(status, attack.status.to_string(), "{}: {answer}", attack.name);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    if attack.has_envelope {
        let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{}: {answer}", attack.name));
        assert!(is_envelope(attack.status, &body), "{}: {answer}", attack.name);
    } else {
        assert_eq!(body, "", "{}", attack.name);
    }
}

/// Somebody else is answered at once, by every contract.
async fn is_prompt(admin: &Actor) {
    for path in ["/v1/user/@me", "/rbac/api/users/me", "/itsm/api/users/me"] {
        let began = Instant::now();
        admin.get(path).await;
        assert!(began.elapsed() < PROMPT, "{path}: {:?}", began.elapsed());
    }
    admin.get("/v1/user/@me").await.expect(200);
}

/// Sends a request a byte at a time for as long as the server takes it, first all of `head`.
async fn dribble(address: SocketAddr, head: &str) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    drop(stream.write_all(head.as_bytes()).await);
    // only time makes a client slow
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    loop {
        pace.tick().await;
        if stream.write_all(b"x").await.is_err() {
            return;
        }
    }
}

/// Clients that dribble heads, bodies and pieces of bodies at every contract.
fn dribblers(app: &TestApp) -> JoinSet<()> {
    let mut dribblers = JoinSet::new();
    for number in 0..DRIBBLERS {
        let (prefix, _) = FACES[number % FACES.len()];
        let start =
            format!("POST {prefix}/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
        let head = match number / FACES.len() % 4 {
            0 => String::new(),
            1 => format!("{start}x-slow: "),
            2 => format!("{start}content-length: 100000\r\n\r\n{{\"password\": \""),
            _ => format!("{start}transfer-encoding: chunked\r\n\r\nffff\r\n{{\"password\": \""),
        };
        let address = app.address;
        dribblers.spawn(async move {
            // who is cut off comes again
            loop {
                dribble(address, &head).await;
            }
        });
    }
    dribblers
}

#[tokio::test]
async fn whoever_attacks_is_refused_and_nobody_waits_for_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut dribblers = dribblers(&app);
    is_prompt(&admin).await;
    for (prefix, is_envelope) in FACES {
        for attack in [bodies(prefix), lengths(prefix), heads(prefix)].into_iter().flatten() {
            is_refused(&app, &attack, is_envelope).await;
            is_prompt(&admin).await;
        }
    }
    assert!(dribblers.try_join_next().is_none(), "they are all still there");
    // somebody who makes up for it signs in beside them
    let login = json!({"email": "admin@example.com", "password": "a wrong password"});
    app.nobody().post("/v1/auth/login", &login).await.expect(401);
}

#[tokio::test]
async fn who_never_ends_a_head_is_cut_off() {
    let app = TestApp::start().await;
    let silent = async || {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        drop(stream.read_to_end(&mut Vec::new()).await);
    };
    let cut_off = async {
        tokio::join!(
            silent(),
            dribble(app.address, ""),
            dribble(app.address, "GET /v1/user/@me HTTP/1.1\r\nhost: x\r\nx-slow: "),
        )
    };
    tokio::time::timeout(Duration::from_secs(25), cut_off).await.expect("all are cut off");
}
