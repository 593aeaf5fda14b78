//! Being told to stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::helpers::external::Database;
use crate::helpers::{Signal, eventually};

/// How long the server goes on for requests that do not end.
const DRAIN: Duration = Duration::from_secs(25);

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_server_ends() {
    let database = Database::new().await;
    let mut server = database.ttscm().ready().await;
    let admin = Database::administrator(&server).await;
    let url = server.url();
    let address = url.strip_prefix("http://").unwrap();
    let (begun, rest) = (r#"{"name":"#, r#""Acme"}"#);
    let mut upload = TcpStream::connect(address).unwrap();
    write!(
        upload,
        "POST /v1/company/companies HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n{begun}",
        admin.token,
        begun.len() + rest.len()
    )
    .unwrap();
    let mut answer = BufReader::new(upload.try_clone().unwrap());
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n", "the server waits for the body");

    let told = Instant::now();
    server.signal(Signal::SIGTERM);
    eventually("nobody new is let in", async || TcpStream::connect(address).is_err()).await;
    upload.write_all(rest.as_bytes()).unwrap();
    let mut text = String::new();
    answer.read_to_string(&mut text).unwrap();
    assert!(text.contains("HTTP/1.1 201 Created\r\n") && text.contains(r#""name":"Acme""#), "{text}");
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    assert!(told.elapsed() < DRAIN);
}
