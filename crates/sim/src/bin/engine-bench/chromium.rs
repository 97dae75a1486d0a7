//! The shipped module in a real Chromium: its own profile, its store on OPFS, driven through a WebSocket.
//!
//! Every time is taken inside the worker, around the one call that is measured; the bridge stands outside of it.

use crate::device::{Device, FirstPage, KEY, PAGE, Step};
use anyhow::{Context, Result, anyhow, bail, ensure};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use securechat_engine::api::{ChatFilter, Query, View};
use securechat_engine::shell::{Input, Output};
use securechat_proto::{Timestamp, b64};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A browser that says nothing for so long is not measured any further.
const PATIENCE: Duration = Duration::from_secs(180);
/// What a browser gets to put its profile in order when it is asked to end.
const GOODBYE: Duration = Duration::from_secs(10);
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--remote-debugging-port=0",
];

/// A browser, its page and one worker at a time.
pub struct Chromium {
    process: Child,
    to_page: UnboundedSender<String>,
    from_page: Receiver<String>,
    deadline: Option<Timestamp>,
    /// Serves the page as long as the browser lives.
    _runtime: tokio::runtime::Runtime,
}

impl Chromium {
    /// `module`: the folder with the built module. `profile`: what is stored in it stays.
    pub fn start(module: &Path, profile: &Path) -> Result<Self> {
        std::fs::create_dir_all(profile)?;
        let (to_page, outgoing) = unbounded_channel();
        let (incoming, from_page) = channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            module: module.to_owned(),
            outgoing: Mutex::new(Some(outgoing)),
            incoming,
        });
        let port = runtime.block_on(serve(shared))?;
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
        let process = Command::new(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()))
            // One origin whatever the port is: a store belongs to its origin.
            .arg(format!(
                "--host-resolver-rules=MAP localhost:80 127.0.0.1:{port}"
            ))
            .arg("http://localhost/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("Chromium does not start")?;
        let mut chromium = Self {
            process,
            to_page,
            from_page,
            deadline: None,
            _runtime: runtime,
        };
        chromium.hear().context("the page did not load")?;
        Ok(chromium)
    }

    fn hear(&mut self) -> Result<Value> {
        let text = self
            .from_page
            .recv_timeout(PATIENCE)
            .map_err(|_| anyhow!("the browser does not answer"))?;
        let mut answer: Value = serde_json::from_str(&text)?;
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            bail!("in the browser: {error}");
        }
        Ok(answer["value"].take())
    }

    fn call(&mut self, call: &Value) -> Result<Value> {
        self.to_page.send(call.to_string())?;
        self.hear()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Deserialize)]
struct Ran {
    ms: Vec<f64>,
    outputs: Vec<String>,
    deadline: Option<f64>,
}

impl Device for Chromium {
    fn open(&mut self, now: Timestamp) -> Result<f64> {
        let call = json!({"op": "open", "key": b64::encode(&KEY), "now": now.0});
        let opened = self.call(&call)?;
        self.deadline = Some(now);
        opened.as_f64().context("no time")
    }

    fn close(&mut self) -> Result<()> {
        self.call(&json!({"op": "close"}))?;
        self.deadline = None;
        Ok(())
    }

    fn first_page(&mut self, now: Timestamp) -> Result<FirstPage> {
        let chats = Query::Chats {
            filter: ChatFilter::All,
        };
        let call = json!({
            "op": "first_page", "key": b64::encode(&KEY), "now": now.0,
            "chats": serde_json::to_string(&chats)?, "limit": PAGE,
        });
        let page = self.call(&call)?;
        let number = |name: &str| page[name].as_f64().context("no time");
        Ok(FirstPage {
            total_ms: number("total")?,
            store_ms: number("store")?,
            items: number("items")? as usize,
        })
    }

    fn run(&mut self, inputs: Vec<Input>, now: Timestamp) -> Result<Vec<Step>> {
        let count = inputs.len();
        let inputs: Vec<String> = inputs
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        let call = json!({"op": "run", "inputs": inputs, "now": now.0});
        let ran: Ran = serde_json::from_value(self.call(&call)?)?;
        ensure!(ran.ms.len() == count && ran.outputs.len() == count);
        self.deadline = ran.deadline.map(|at| Timestamp(at as u64));
        ran.ms
            .into_iter()
            .zip(ran.outputs)
            .map(|(ms, outputs)| {
                let outputs: Vec<Output> = serde_json::from_str(&outputs)?;
                Ok(Step { ms, outputs })
            })
            .collect()
    }

    fn query(&mut self, query: &Query) -> Result<(f64, View)> {
        let call = json!({"op": "query", "query": serde_json::to_string(query)?});
        let answer = self.call(&call)?;
        let view = answer["view"].as_str().context("no view")?;
        Ok((
            answer["ms"].as_f64().context("no time")?,
            serde_json::from_str(view)?,
        ))
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    fn flush(&mut self, rounds: usize) -> Result<Vec<f64>> {
        let times = self.call(&json!({"op": "flush", "rounds": rounds}))?;
        Ok(serde_json::from_value(times)?)
    }

    /// Asks the browser to end and waits until its profile is complete on disk.
    fn end(mut self: Box<Self>) -> Result<()> {
        self.close()?;
        Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status()?;
        let start = Instant::now();
        while start.elapsed() < GOODBYE {
            if self.process.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("Chromium did not end")
    }
}

// ---- the page's side ---------------------------------------------------------------------------

struct Shared {
    module: PathBuf,
    /// Taken by the one page there is.
    outgoing: Mutex<Option<UnboundedReceiver<String>>>,
    incoming: Sender<String>,
}

async fn serve(shared: Arc<Shared>) -> Result<u16> {
    let router = Router::new()
        .route("/", get(|| async { file("text/html", PAGE_HTML) }))
        .route("/page.js", get(|| async { file(SCRIPT, PAGE_JS) }))
        .route("/worker.js", get(|| async { file(SCRIPT, WORKER_JS) }))
        .route("/engine/securechat.js", get(glue))
        .route("/engine/securechat_bg.wasm", get(wasm))
        .route("/ws", get(bridge))
        .with_state(shared);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(port)
}

const SCRIPT: &str = "text/javascript";
const PAGE_HTML: &str =
    "<!doctype html><title>bench</title><script type=module src=/page.js></script>";
const PAGE_JS: &str = include_str!("page.js");
const WORKER_JS: &str = include_str!("worker.js");

/// An isolated page has a clock of 5 microseconds instead of 100.
fn file(kind: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-embedder-policy"),
            "require-corp",
        ),
    ];
    (headers, body.into()).into_response()
}

async fn glue(State(shared): State<Arc<Shared>>) -> Response {
    built(&shared, "securechat.js", SCRIPT)
}

async fn wasm(State(shared): State<Arc<Shared>>) -> Response {
    built(&shared, "securechat_bg.wasm", "application/wasm")
}

fn built(shared: &Shared, name: &str, kind: &'static str) -> Response {
    match std::fs::read(shared.module.join(name)) {
        Ok(bytes) => file(kind, bytes),
        Err(_) => axum::http::StatusCode::NOT_FOUND.into_response(),
    }
}

async fn bridge(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| carry(shared, socket))
}

async fn carry(shared: Arc<Shared>, mut socket: WebSocket) {
    let outgoing = shared.outgoing.lock().ok().and_then(|mut held| held.take());
    let Some(mut outgoing) = outgoing else {
        return;
    };
    loop {
        tokio::select! {
            call = outgoing.recv() => {
                let Some(call) = call else { return };
                if socket.send(Message::Text(call.into())).await.is_err() {
                    return;
                }
            }
            answer = socket.next() => match answer {
                Some(Ok(Message::Text(text))) => {
                    if shared.incoming.send(text.to_string()).is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
