//! `ttscm health`: asks the server on this machine whether it can work, for those who watch over it and have no
//! other program at hand.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustls::{ClientConnection, StreamOwned};

use crate::config::Config;
use crate::tls;

/// How long the server may take, more than it gives its database.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most of its answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 * 1024;

const QUESTION: &[u8] = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Asks, and says what it was told. The code to exit with is 0 where the server is ready, else 1.
///
/// # Errors
/// One sentence that says why there is no answer.
pub fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let address = reachable(config.bind_address);
    let answer = ask(config, address).with_context(|| format!("the server at {address} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    ensure!(head.starts_with("HTTP/1.1 "), "what answers at {address} is no HTTP server");
    writeln!(std::io::stdout(), "{body}")?;
    let is_ready = head.starts_with("HTTP/1.1 200 ");
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where a server that listens on `address` is reached from its own machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(config: &Config, address: SocketAddr) -> anyhow::Result<String> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match &config.operations.tls {
        None => converse(stream),
        Some(files) => {
            let client = Arc::new(tls::client(files)?);
            converse(StreamOwned::new(ClientConnection::new(client, address.ip().into())?, stream))
        }
    }
}

fn converse(mut stream: impl Read + Write) -> anyhow::Result<String> {
    stream.write_all(QUESTION)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_on_its_own_machine() {
        for (bound, asked) in [
            ("0.0.0.0:3000", "127.0.0.1:3000"),
            ("[::]:3000", "[::1]:3000"),
            ("10.0.0.7:443", "10.0.0.7:443"),
            ("127.0.0.1:3000", "127.0.0.1:3000"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
