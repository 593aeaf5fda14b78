//! Serves HTTP until it is told to stop, then lets the requests in flight end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum_server::Handle;
use axum_server::accept::Accept;
use futures_util::future::BoxFuture;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;

use super::leave::{Leave, leave};
use crate::app::App;

/// How long requests in flight have when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The most that one connection buffers, in bytes: the headers with room to refuse too large ones politely.
const BUFFER: usize = 64 * 1024;

/// Answers on `listener` until `stop` comes, then leaves, and drains.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    app: &Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true).context("the address cannot be served")?;
    let handle = Handle::new();
    let stopping = handle.clone();
    let state = Arc::new(Leave::default());
    let stop = leave(Arc::clone(&state), stop);
    tokio::spawn(async move {
        stop.await;
        stopping.graceful_shutdown(Some(DRAIN));
    });
    let mut server = axum_server::from_tcp(listener)?.acceptor(Prompt).handle(handle);
    let http = server.http_builder();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(BUFFER);
    let service = super::router(app, &state).into_make_service_with_connect_info::<SocketAddr>();
    server.serve(service).await.context("the server failed")
}

/// Takes connections whose client begins to speak HTTP/1.1 at once. To find out which version it is, the
/// server would wait for the first bytes for ever; and without TLS nobody needs HTTP/2.
#[derive(Clone, Copy)]
struct Prompt;

/// What a client of HTTP/2 begins with, RFC 9113 section 3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl<S: Send + 'static> Accept<TcpStream, S> for Prompt {
    type Stream = TcpStream;
    type Service = S;
    type Future = BoxFuture<'static, io::Result<(TcpStream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        Box::pin(async move {
            let mut first = [0; HTTP2_PREFACE.len()];
            let length = tokio::time::timeout(HEADER_TIMEOUT, stream.peek(&mut first)).await??;
            if HTTP2_PREFACE.starts_with(&first[..length]) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            Ok((stream, service))
        })
    }
}
