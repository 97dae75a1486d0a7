//! The public listener: TCP or TLS, small packets sent at once, and an end for connections that say nothing.
//!
//! Knows: bytes of connections and when they came. Must never know: what a request asks for.

use anyhow::Result;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::middleware::AddExtension;
use axum_server::Handle;
use axum_server::accept::{Accept, NoDelayAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use futures_util::future::BoxFuture;
use hyper_util::rt::TokioTimer;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a connection may take to say what it wants; without an end a few thousand silent ones cost all
/// descriptors.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the connection, or the end of the TLS handshake, to the first bytes.
    pub first_bytes: Duration,
    /// For the headers of a request; also how long an idle connection is kept for the next one.
    pub headers: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_bytes: Duration::from_secs(10),
            headers: Duration::from_secs(20),
        }
    }
}

/// Serves until `handle` says to stop.
pub async fn serve_connections(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    router: Router,
    handle: Handle<SocketAddr>,
    patience: Patience,
) -> Result<()> {
    match tls {
        None => serve(listener, NoDelayAcceptor, router, handle, patience).await,
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor);
            serve(listener, acceptor, router, handle, patience).await
        }
    }
}

/// The router with the address of the peer.
type Service = AddExtension<Router, ConnectInfo<SocketAddr>>;

async fn serve<A>(
    listener: TcpListener,
    acceptor: A,
    router: Router,
    handle: Handle<SocketAddr>,
    patience: Patience,
) -> Result<()>
where
    A: Accept<TcpStream, Service, Service = Service> + Clone + Send + Sync + 'static,
    A::Stream: AsyncRead + AsyncWrite + Unpin + Send,
    A::Future: Send + 'static,
{
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp(listener)?;
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.headers);
    server
        .acceptor(FirstBytes {
            acceptor,
            within: patience.first_bytes,
        })
        .handle(handle)
        .serve(service)
        .await?;
    Ok(())
}

/// Ends connections whose first bytes do not come.
#[derive(Clone)]
struct FirstBytes<A> {
    acceptor: A,
    within: Duration,
}

impl<A, S> Accept<TcpStream, S> for FirstBytes<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
{
    type Stream = Awaited<A::Stream>;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (accepted, within) = (self.acceptor.accept(stream, service), self.within);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let awaited = Awaited {
                stream,
                missing: HEAD_BYTES,
                wait: Some(Box::pin(sleep(within))),
            };
            Ok((awaited, service))
        })
    }
}

/// As long as the preface of HTTP/2, by which the library tells the versions apart; it waits for it without an end.
const HEAD_BYTES: usize = 24;

/// A stream that fails when its first bytes do not come in time.
struct Awaited<S> {
    stream: S,
    missing: usize,
    /// None: they came.
    wait: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Awaited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(wait) = &mut self.wait else {
            return read;
        };
        if read.is_pending() && wait.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.missing = self.missing.saturating_sub(buffer.filled().len() - before);
        if self.missing == 0 {
            self.wait = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Awaited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::instant;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const PATIENCE: Patience = Patience {
        first_bytes: Duration::from_millis(300),
        headers: Duration::from_millis(600),
    };

    async fn start() -> (SocketAddr, Handle<SocketAddr>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a setting");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/", get(|| async { "here" }));
        let handle = Handle::new();
        tokio::spawn(serve_connections(
            listener,
            None,
            router,
            handle.clone(),
            PATIENCE,
        ));
        (address, handle)
    }

    /// Writes each piece after a pause; what came until the server closed.
    async fn say(address: SocketAddr, pieces: &[&str], pause: Duration) -> (String, Duration) {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let start = instant();
        let (mut from, mut to) = stream.split();
        let writing = async {
            for piece in pieces {
                if to.write_all(piece.as_bytes()).await.is_err() {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
            std::future::pending::<()>().await;
        };
        let mut answer = Vec::new();
        tokio::select! {
            () = writing => {}
            // Reset or closed: both end the connection.
            _ = from.read_to_end(&mut answer) => {}
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("the server keeps the connection open"),
        }
        (
            String::from_utf8_lossy(&answer).into_owned(),
            start.elapsed(),
        )
    }

    #[tokio::test]
    async fn who_says_nothing_or_half_a_request_is_hung_up_on() {
        let (address, handle) = start().await;
        let tick = Duration::from_millis(50);
        // The start of the preface of HTTP/2, which the library would wait for.
        for silent in [&[][..], &["PRI * "][..]] {
            let (answer, took) = say(address, silent, tick).await;
            assert!(answer.is_empty() && took >= PATIENCE.first_bytes);
        }
        let mut slow = vec!["GET / HTTP/1.1\r\nHost: localhost\r\n"];
        slow.extend(["X-More: again\r\n"; 100]);
        let (answer, took) = say(address, &slow, tick).await;
        assert!(!answer.contains("here") && took >= PATIENCE.headers);
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let (answer, _) = say(address, &[request], tick).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"));
        handle.shutdown();
    }
}
