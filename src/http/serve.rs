//! Serves HTTP until it is told to stop, then lets the requests in flight end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum_server::Handle;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use crate::app::App;

/// How long requests in flight have when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The most that one connection buffers, in bytes: the headers with room to refuse too large ones politely.
const BUFFER: usize = 64 * 1024;

/// Answers on `listener` until `stop` comes, then drains.
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
    tokio::spawn(async move {
        stop.await;
        stopping.graceful_shutdown(Some(DRAIN));
    });
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    // without TLS nobody needs HTTP/2, and to find out which one it is would wait for the first bytes for ever
    *server.http_builder() = Builder::new(TokioExecutor::new()).http1_only();
    let http = server.http_builder();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(BUFFER);
    let service = super::router(app).into_make_service_with_connect_info::<SocketAddr>();
    server.serve(service).await.context("the server failed")
}
