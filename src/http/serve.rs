//! Serves HTTP until it is told to stop, then lets the requests in flight end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum_server::accept::Accept;
use axum_server::{Handle, Server};
use futures_util::future::BoxFuture;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::leave::{Leave, leave};
use crate::app::App;

/// How long requests in flight have when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// How long a client may take to send the headers of a request, with TLS also to agree on a key before.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The most that one connection buffers, in bytes: the headers with room to refuse too large ones politely.
const BUFFER: usize = 64 * 1024;

/// Answers on `listener` until `stop` comes, then leaves, and drains. Where there is a certificate, by TLS only.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    app: &Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let state = Arc::new(Leave::default());
    let common = server(listener, leave(Arc::clone(&state), stop))?;
    let service = super::router(app, &state).into_make_service_with_connect_info::<SocketAddr>();
    let served = match &app.certificate {
        None => common.acceptor(Prompt).serve(service).await,
        Some(certificate) => {
            let acceptor = TlsAcceptor::from(Arc::new(certificate.server()?));
            common.acceptor(Secure(acceptor)).serve(service).await
        }
    };
    served.context("the server failed")
}

/// Answers on `listener` with the numbers for operators, and nothing else, until `stop` comes.
///
/// # Errors
/// Where the listener fails.
pub async fn serve_metrics(
    app: &Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let service = super::metrics::router(app).into_make_service();
    let server = server(listener, stop)?.acceptor(Prompt);
    server.serve(service).await.context("the server of the metrics failed")
}

/// A server with the limits of all, until `stop` comes.
fn server(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<Server<SocketAddr>> {
    listener.set_nonblocking(true).context("the address cannot be served")?;
    let handle = Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        stop.await;
        stopping.graceful_shutdown(Some(DRAIN));
    });
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    let http = server.http_builder();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(BUFFER);
    Ok(server)
}

/// Takes connections whose client begins to speak HTTP/1.1 at once. To find out which version it is, the
/// server would wait for the first bytes for ever; and nobody needs HTTP/2.
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
            refuse_http2(&first[..length])?;
            Ok((stream, service))
        })
    }
}

/// The same by TLS.
#[derive(Clone)]
struct Secure(TlsAcceptor);

impl<S: Send + 'static> Accept<TcpStream, S> for Secure {
    type Stream = BufReader<TlsStream<TcpStream>>;
    type Service = S;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let agreed = self.0.accept(stream);
        Box::pin(async move {
            let begin = async {
                let mut stream = BufReader::new(agreed.await?);
                refuse_http2(stream.fill_buf().await?)?;
                Ok(stream)
            };
            let stream: io::Result<_> = tokio::time::timeout(HEADER_TIMEOUT, begin).await?;
            Ok((stream?, service))
        })
    }
}

/// Refuses a client that begins as one of HTTP/2 does, or says nothing.
fn refuse_http2(first: &[u8]) -> io::Result<()> {
    if HTTP2_PREFACE.starts_with(&first[..first.len().min(HTTP2_PREFACE.len())]) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(())
}
