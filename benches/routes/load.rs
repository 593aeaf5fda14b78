//! The load: connections that are kept alive and send one request after another, on one thread as `pgbench`
//! does. It writes requests as bytes and reads answers with the parser of hyper, so that of the machine, which
//! it shares with the server and Postgres, it takes as little as it can.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::route::Requests;

/// The longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_mins(1);

/// What came of some load.
pub struct Tally {
    /// How long each request took, in nanoseconds.
    pub times: Histogram<u64>,
    /// How long it went on.
    pub lasted: Duration,
}

impl Tally {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "it is rounded later all the same")]
        let requests = self.times.len() as f64;
        requests / self.lasted.as_secs_f64()
    }
}

/// An empty count of times.
pub fn times() -> Result<Histogram<u64>> {
    let longest = u64::try_from(LONGEST.as_nanos())?;
    Ok(Histogram::new_with_bounds(1000, longest, 3)?)
}

/// Sends requests over so many connections for so long.
pub async fn run(
    address: &str,
    requests: &Rc<Requests>,
    connections: usize,
    time: Duration,
) -> Result<Tally> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let local = LocalSet::new();
    let began = Instant::now();
    let end = began + time;
    let drive = |(number, mut connection): (usize, Connection)| {
        let requests = Rc::clone(requests);
        local.spawn_local(async move { connection.drive(&requests, number, end).await })
    };
    let driven: Vec<_> = open.into_iter().enumerate().map(drive).collect();
    local.await;
    let lasted = began.elapsed();
    let mut all = times()?;
    for one in driven {
        all.add(one.await??)?;
    }
    Ok(Tally { times: all, lasted })
}

/// Sends one request and reads its answer: the status and the body.
pub async fn once(address: &str, requests: &Requests, user: usize) -> Result<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address).await?;
    requests.write(user, &mut connection.request);
    let (status, body) = connection.ask().await?;
    Ok((status, connection.answer[body..].to_vec()))
}

/// A connection that is kept alive.
struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the server does not listen")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::with_capacity(2048), answer: Vec::with_capacity(64 * 1024) })
    }

    async fn drive(&mut self, requests: &Requests, number: usize, end: Instant) -> Result<Histogram<u64>> {
        let mut times = times()?;
        let mut now = Instant::now();
        while now < end {
            requests.write(number, &mut self.request);
            let (status, body) = self.ask().await?;
            let answered = Instant::now();
            times.saturating_record(u64::try_from((answered - now).as_nanos()).unwrap_or(u64::MAX));
            now = answered;
            if status != requests.status() {
                bail!("{status} {}", String::from_utf8_lossy(&self.answer[body..]));
            }
        }
        Ok(times)
    }

    /// Sends the request and reads the answer; its status, and where its body begins.
    async fn ask(&mut self) -> Result<(u16, usize)> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server closed the connection");
            if let Some((status, body, length)) = head(&self.answer)?
                && self.answer.len() >= body + length
            {
                return Ok((status, body));
            }
        }
    }
}

/// The head of an answer, where it is there: the status, where the body begins, and how long it is.
fn head(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = answer.parse(bytes)? else { return Ok(None) };
    let length = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.context("an answer without a length")?;
    let length = std::str::from_utf8(length.value)?.parse()?;
    Ok(Some((answer.code.unwrap_or(0), body, length)))
}
