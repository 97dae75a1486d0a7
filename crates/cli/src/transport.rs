//! Network side of the shell: carries out requests and the socket, reports back as engine inputs.
//!
//! Knows: addresses and bytes. Must never know: what a frame or a body means.

use futures_util::{SinkExt, StreamExt};
use securechat_engine::shell::{Input, Method};
use securechat_proto::b64::Bytes;
use securechat_proto::{RequestId, limits};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The relay takes longer than this only when it is in trouble; the engine then retries with back-off.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// One relay, reached over HTTP and one WebSocket.
pub struct Transport {
    base: String,
    http: reqwest::Client,
    events: mpsc::UnboundedSender<Input>,
    socket: Option<Socket>,
    is_cut: bool,
}

/// The open socket. Once dropped, its task sends what is left, closes and reports nothing more: a late "disconnected"
/// would be taken for the end of the socket that came after it.
struct Socket {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    is_current: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.is_current.store(false, Ordering::Release);
    }
}

/// A client for the relay's REST interface.
pub fn client() -> reqwest::Result<reqwest::Client> {
    // Two TLS providers end in the tree; without a choice rustls stops at the first connection.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()
}

/// The server's address: as asked for, else API_URL, else this machine.
pub fn server_address(asked: Option<String>) -> String {
    let address = asked.or_else(|| std::env::var("API_URL").ok());
    address
        .filter(|address| !address.is_empty())
        .unwrap_or_else(|| "http://localhost:8000".to_owned())
}

/// The socket's address: WS_URL, else `/ws` of the server.
fn socket_address(base: &str) -> String {
    let address = std::env::var("WS_URL").ok();
    address
        .filter(|address| !address.is_empty())
        .unwrap_or_else(|| format!("ws{}/ws", base.trim_start_matches("http")))
}

/// The server address is not an `http` or `https` URL.
#[derive(Debug, thiserror::Error)]
#[error("the server address must start with http:// or https://")]
pub struct InvalidAddress;

impl Transport {
    /// `server` is the address people type, e.g. `https://chat.example.org`; answers arrive on the returned receiver.
    pub fn new(server: &str) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<Input>)> {
        let base = server.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(InvalidAddress.into());
        }
        let http = client()?;
        let (events, inputs) = mpsc::unbounded_channel();
        Ok((
            Self {
                base,
                http,
                events,
                socket: None,
                is_cut: false,
            },
            inputs,
        ))
    }

    /// Sends one request; the answer comes as [`Input::Response`] or [`Input::RequestFailed`].
    pub fn request(
        &self,
        request_id: RequestId,
        method: Method,
        path: &str,
        bearer: Option<String>,
        body: Bytes,
    ) {
        if self.is_cut {
            let _ = self.events.send(Input::RequestFailed { request_id });
            return;
        }
        let request = prepare(&self.http, &self.base, method, path, bearer, body);
        let events = self.events.clone();
        tokio::spawn(async move {
            let input = match answer(request).await {
                Ok((status, body)) => Input::Response {
                    request_id,
                    status,
                    body: Bytes(body),
                },
                Err(_) => Input::RequestFailed { request_id },
            };
            let _ = events.send(input);
        });
    }

    /// Opens the socket in the background; [`Input::Connected`] or [`Input::Disconnected`] follows.
    pub fn connect(&mut self) {
        if self.is_cut {
            let _ = self.events.send(Input::Disconnected { code: None });
            return;
        }
        let url = socket_address(&self.base);
        let (sender, frames) = mpsc::unbounded_channel();
        let is_current = Arc::new(AtomicBool::new(true));
        self.socket = Some(Socket {
            frames: sender,
            is_current: is_current.clone(),
        });
        let events = self.events.clone();
        tokio::spawn(run_socket(url, frames, move |input| {
            if is_current.load(Ordering::Acquire) {
                let _ = events.send(input);
            }
        }));
    }

    /// Drops the socket; what was sent before still goes out.
    pub fn disconnect(&mut self) {
        self.socket = None;
    }

    /// Until [`Transport::mend`] nothing reaches the relay, as without a network.
    pub fn cut(&mut self) {
        self.is_cut = true;
        if self.socket.take().is_some() {
            let _ = self.events.send(Input::Disconnected { code: None });
        }
    }

    pub fn mend(&mut self) {
        self.is_cut = false;
    }

    /// Sends one frame; lost silently when the socket is gone, which the engine learns by `Disconnected`.
    pub fn frame(&self, bytes: Vec<u8>) {
        if let Some(socket) = &self.socket {
            let _ = socket.frames.send(bytes);
        }
    }
}

/// A request of the engine in the HTTP library's words, to the relay at `base` (without a slash at its end).
pub fn prepare(
    http: &reqwest::Client,
    base: &str,
    method: Method,
    path: &str,
    bearer: Option<String>,
    body: Bytes,
) -> reqwest::RequestBuilder {
    let method = match method {
        Method::Get => reqwest::Method::GET,
        Method::Put => reqwest::Method::PUT,
        Method::Post => reqwest::Method::POST,
        Method::Delete => reqwest::Method::DELETE,
    };
    let mut request = http.request(method, format!("{base}{path}"));
    if let Some(token) = bearer {
        request = request.bearer_auth(token);
    }
    if !body.0.is_empty() {
        request = request
            .header("content-type", "application/json")
            .body(body.0);
    }
    request
}

/// Status and body, the body bounded.
async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        anyhow::ensure!(
            body.len() + chunk.len() <= 2 * limits::REST_BODY_BYTES_MAX,
            "answer too large"
        );
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

/// One socket from open to close.
async fn run_socket(
    url: String,
    mut frames: mpsc::UnboundedReceiver<Vec<u8>>,
    report: impl Fn(Input),
) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::SOCKET_FRAME_BYTES_MAX))
        .max_frame_size(Some(limits::SOCKET_FRAME_BYTES_MAX));
    let mut code = None;
    if let Ok((socket, _)) =
        tokio_tungstenite::connect_async_with_config(url, Some(config), true).await
    {
        report(Input::Connected);
        let (mut sink, mut stream) = socket.split();
        loop {
            tokio::select! {
                out = frames.recv() => match out {
                    Some(bytes) => {
                        if sink.send(Message::Binary(bytes.into())).await.is_err() { break; }
                    }
                    None => { let _ = sink.send(Message::Close(None)).await; break; }
                },
                message = stream.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => report(Input::Frame { bytes: Bytes(bytes.to_vec()) }),
                    Some(Ok(Message::Close(reason))) => { code = reason.map(|reason| reason.code.into()); break; }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                },
            }
        }
    }
    report(Input::Disconnected { code });
}
