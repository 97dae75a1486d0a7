//! A relay in this process, on every backend, and people who use it.

pub mod person;
pub mod postgres;
pub mod socket;

pub use person::{Device, Person};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use securechat_proto::Timestamp;
use securechat_proto::api::{Code, Problem};
use securechat_server::app::{App, build};
use securechat_server::platform::config::{Config, Storage};
use securechat_server::platform::limits::Rates;
use securechat_server::platform::{Clock, Rng, Secrets};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::Service;

/// 2027-01-15, on a full hour.
pub const START: Timestamp = Timestamp(1_800_000_000_000);

/// A relay with a clock that stands until it is moved.
pub struct World {
    pub app: App,
    pub clock: Clock,
    pub config: Config,
    _folder: Option<tempfile::TempDir>,
}

/// What a request was answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Runs one test on a fresh relay of each backend.
pub async fn on_every_backend(test: impl AsyncFn(&World)) {
    test(&World::memory().await).await;
    test(&World::files().await).await;
    test(&World::postgres().await).await;
}

impl World {
    pub async fn memory() -> Self {
        Self::with(Config {
            rates: Rates::unlimited(),
            ..Config::default()
        })
        .await
    }

    pub async fn files() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::Files(folder.path().to_owned());
        let mut world = Self::with(Config {
            storage,
            rates: Rates::unlimited(),
            ..Config::default()
        })
        .await;
        world._folder = Some(folder);
        world
    }

    pub async fn postgres() -> Self {
        let storage = Storage::Postgres(postgres::fresh_database().await);
        Self::with(Config {
            storage,
            rates: Rates::unlimited(),
            ..Config::default()
        })
        .await
    }

    pub async fn with(config: Config) -> Self {
        let clock = Clock::manual(START);
        let app = start(&config, &clock).await;
        Self {
            app,
            clock,
            config,
            _folder: None,
        }
    }

    /// A second node over the same storage.
    pub async fn second_node(&self) -> App {
        start(&self.config, &self.clock).await
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        call(&self.app, "GET", path, token, None).await
    }

    pub async fn delete(&self, path: &str, token: Option<&str>) -> Answer {
        call(&self.app, "DELETE", path, token, None).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: &impl Serialize) -> Answer {
        call(&self.app, "POST", path, token, Some(json(body))).await
    }

    pub async fn put(&self, path: &str, token: Option<&str>, body: &impl Serialize) -> Answer {
        call(&self.app, "PUT", path, token, Some(json(body))).await
    }
}

async fn start(config: &Config, clock: &Clock) -> App {
    build(
        config.clone(),
        clock.clone(),
        Rng::system(),
        Secrets::new([7; 32], None),
        None,
    )
    .await
    .expect("a relay")
}

pub fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("json")
}

/// One request, without a socket.
pub async fn call(
    app: &App,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Vec<u8>>,
) -> Answer {
    call_router(&app.router, method, path, token, body).await
}

/// As [`call`], for a task of its own.
pub async fn call_router(
    router: &Router,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Vec<u8>>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    send(
        router,
        request
            .body(body.map_or_else(Body::empty, Body::from))
            .expect("a request"),
    )
    .await
}

pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router
        .clone()
        .call(request)
        .await
        .expect("a router always answers");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 4 << 20)
        .await
        .expect("a body")
        .to_vec();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok<T: DeserializeOwned>(&self) -> T {
        assert!(
            self.status.is_success(),
            "{} {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        serde_json::from_slice(&self.body).expect("the body that the API describes")
    }

    #[track_caller]
    pub fn done(&self) {
        assert_eq!(
            self.status,
            StatusCode::NO_CONTENT,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
    }

    /// The problem of a refusal, which has the right shape.
    #[track_caller]
    pub fn problem(&self) -> Problem {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let problem: Problem = serde_json::from_slice(&self.body).expect("a problem");
        assert_eq!(problem.status, self.status.as_u16());
        problem
    }

    #[track_caller]
    pub fn code(&self) -> Code {
        self.problem().code
    }
}
