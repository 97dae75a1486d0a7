//! What every endpoint has in common.

use crate::support::{Person, START, World, call, send};
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use bytes::Bytes;
use securechat_proto::api::{Code, ServerInfo};
use securechat_proto::limits::{DAY_MS, REST_BODY_BYTES_MAX};
use securechat_proto::{EnvelopeId, SubmitId, Timestamp};
use securechat_server::app::PUBLIC_ROUTES;
use securechat_server::mailbox::hub::{Event, Replies};
use securechat_server::mailbox::store::PageLimit;
use securechat_server::mailbox::submit::{Address, Destination, Envelope, ExpiryClass, Submit};
use securechat_server::platform::config::Config;
use securechat_server::platform::limits::{Rate, Rates};
use serde_json::Value;

async fn operations(world: &World) -> Vec<(String, String, Value)> {
    let api: Value = world.get("/openapi.json", None).await.ok();
    let mut found = Vec::new();
    for (path, methods) in api["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            found.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    assert!(found.len() >= 20, "the description is nearly empty");
    found
}

fn concrete(path: &str) -> String {
    path.replace("{sequence}", "1")
        .replace("{account_id}", "AAAAAAAAAAAAAAAAAAAAAA")
        .replace("{session_id}", "AAAAAAAAAAAAAAAAAAAAAA")
        .replace("{token_hash}", "AAAAAAAAAAAAAAAAAAAAAA")
        .replace("{fingerprint}", &"A".repeat(43))
        .replace("{handle}", "somebody")
        .replace("{name}", "record")
}

#[tokio::test]
async fn every_endpoint_but_the_public_ones_wants_a_token() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let mut revoked = Person::signed_up(&world, "eve").await;
    let path = format!("/v1/sessions/{}", revoked.session_id);
    world.delete(&path, revoked.token()).await.done();
    for (method, path, operation) in operations(&world).await {
        let is_public = PUBLIC_ROUTES.contains(&(method.as_str(), path.as_str()));
        let says_public = operation.get("security").is_none();
        assert_eq!(is_public, says_public, "{method} {path}");
        if is_public {
            continue;
        }
        let method = method.to_uppercase();
        let body = (method != "GET" && method != "DELETE").then(|| b"{}".to_vec());
        for token in [
            None,
            Some(""),
            Some("nonsense"),
            Some(&ada.access_token[1..]),
        ] {
            let answer = call(&world.app, &method, &concrete(&path), token, body.clone()).await;
            assert_eq!(answer.code(), Code::Unauthenticated, "{method} {path}");
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        }
        let answer = call(
            &world.app,
            &method,
            &concrete(&path),
            revoked.token(),
            body.clone(),
        )
        .await;
        assert_eq!(answer.code(), Code::SessionRevoked, "{method} {path}");
    }
    world.clock.advance_ms(300_000);
    revoked.access_token.clone_from(&ada.access_token);
    assert_eq!(
        world.get("/v1/vault", revoked.token()).await.code(),
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn every_endpoint_refuses_a_body_that_does_not_decode() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    for (method, path, operation) in operations(&world).await {
        if operation.get("requestBody").is_none() {
            continue;
        }
        let method = method.to_uppercase();
        for body in ["", "{", "[]", "null", "{\"unknown\":1}"] {
            let answer = call(
                &world.app,
                &method,
                &concrete(&path),
                ada.token(),
                Some(body.into()),
            )
            .await;
            assert_eq!(answer.code(), Code::Invalid, "{method} {path} {body}");
        }
        let plain = Request::builder()
            .method(method.as_str())
            .uri(concrete(&path))
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", ada.access_token),
            )
            .header(header::CONTENT_TYPE, "text/plain")
            .body(Body::from("{}"))
            .expect("a request");
        assert_eq!(
            send(&world.app.router, plain).await.code(),
            Code::UnsupportedMediaType,
            "{method} {path}"
        );
        let large = vec![b' '; REST_BODY_BYTES_MAX + 1];
        let answer = call(
            &world.app,
            &method,
            &concrete(&path),
            ada.token(),
            Some(large),
        )
        .await;
        assert_eq!(answer.code(), Code::TooLarge, "{method} {path}");
    }
}

#[tokio::test]
async fn paths_that_do_not_decode_and_methods_that_are_not_there_are_problems() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    for path in [
        "/v1/accounts/short/log",
        "/v1/identities/x",
        "/v1/handles/Not%20One",
        "/v1/accounts/%ff/log",
    ] {
        assert_eq!(
            world.get(path, ada.token()).await.code(),
            Code::Invalid,
            "{path}"
        );
    }
    let query = format!("{}/log?from=-1", ada.account_path());
    assert_eq!(world.get(&query, ada.token()).await.code(), Code::Invalid);
    assert_eq!(world.get("/v1/nothing", None).await.code(), Code::NotFound);
    assert_eq!(
        world.delete("/v1/server", None).await.code(),
        Code::MethodNotAllowed
    );
}

#[tokio::test]
async fn answers_of_the_api_are_not_cached_and_carry_the_headers() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    for path in ["/v1/sessions", "/v1/nothing", "/v1/server"] {
        let answer = world.get(path, ada.token()).await;
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(
            answer.headers[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff",
            "{path}"
        );
        assert_eq!(
            answer.headers[header::REFERRER_POLICY],
            "no-referrer",
            "{path}"
        );
        assert!(
            !answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            "{path}"
        );
    }
}

#[tokio::test]
async fn other_origins_may_call_only_when_they_are_listed() {
    let listed = HeaderValue::from_static("https://app.example");
    let world = World::with(Config {
        cors_origins: vec![listed],
        rates: Rates::unlimited(),
        ..Config::default()
    })
    .await;
    for (origin, is_allowed) in [
        ("https://app.example", true),
        ("https://evil.example", false),
    ] {
        let request = Request::builder()
            .uri("/v1/server")
            .header(header::ORIGIN, origin)
            .body(Body::empty())
            .expect("a request");
        let answer = send(&world.app.router, request).await;
        assert_eq!(
            answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            is_allowed,
            "{origin}"
        );
    }
}

#[tokio::test]
async fn a_network_that_asks_too_much_waits() {
    let rates = Rates {
        requests_per_network: Rate {
            burst: 3,
            period_s: 30,
        },
        ..Rates::unlimited()
    };
    let world = World::with(Config {
        rates,
        ..Config::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(world.get("/v1/server", None).await.status, StatusCode::OK);
    }
    let refused = world.get("/v1/server", None).await;
    assert_eq!(refused.code(), Code::RateLimited);
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(
        world.get("/healthz", None).await.status,
        StatusCode::OK,
        "health is not counted"
    );
}

#[tokio::test]
async fn the_server_tells_everything_it_stores() {
    let world = World::memory().await;
    let info: ServerInfo = world.get("/v1/server", None).await.ok();
    assert!(
        info.knows
            .iter()
            .any(|fact| fact.columns.contains(&"accounts_accounts.handle".into()))
    );
    assert!(info.sign_up_open && info.retention_days == 30);
}

#[tokio::test]
async fn a_shorter_retention_is_told_and_kept() {
    let config = Config {
        retention_days: 2,
        rates: Rates::unlimited(),
        ..Config::default()
    };
    let world = World::with(config).await;
    let info: ServerInfo = world.get("/v1/server", None).await.ok();
    assert_eq!(info.retention_days, 2);
    let kept = |key: &str| {
        let fact = info.knows.iter().find(|fact| fact.key == key);
        fact.expect("a fact").kept_days
    };
    assert_eq!(
        (kept("mailbox.envelope"), kept("mailbox.submits")),
        (Some(2), Some(33))
    );

    let ada = Person::signed_up(&world, "ada").await;
    let (to, mut answers) = Replies::channel();
    let store = world.app.mailbox.store();
    store.submit(note_to_self(&ada, START), to);
    let Some(Event::Answer(answer)) = answers.recv().await else {
        panic!("no answer")
    };
    let accepted = answer.result.expect("accepted");
    assert_eq!(accepted.expires_at_ms, START.0 + 2 * DAY_MS);
    let waiting = async || {
        let limit = PageLimit {
            envelopes: 10,
            bytes: 1000,
        };
        let page = store.page(ada.device.id, 0, limit).await.expect("a page");
        page.deliveries.len()
    };
    store
        .expire(START.saturating_add_ms(2 * DAY_MS - 1))
        .await
        .expect("a sweep");
    assert_eq!(waiting().await, 1);
    store
        .expire(START.saturating_add_ms(2 * DAY_MS))
        .await
        .expect("a sweep");
    assert_eq!(waiting().await, 0);
}

/// One envelope from a person's device to itself.
fn note_to_self(person: &Person, received_at: Timestamp) -> Submit {
    let envelope = Envelope {
        envelope_id: EnvelopeId([1; 16]),
        device_id: person.device.id,
        sealing_key_number: 1,
        ciphertext: Bytes::from_static(b"sealed"),
    };
    Submit {
        from: Address {
            account_id: person.account_id,
            device_id: person.device.id,
        },
        submit_id: SubmitId([2; 16]),
        digest: [3; 16],
        number: 1,
        received_at,
        class: ExpiryClass::Durable,
        counter: Vec::new(),
        counter_signature: Vec::new(),
        destinations: vec![Destination {
            account_id: person.account_id,
            token: None,
            envelopes: vec![envelope],
        }],
    }
}

/// The ways a request can fail stand in the description of every endpoint, in the words every refusal uses.
#[tokio::test]
async fn every_endpoint_describes_its_problems() {
    let world = World::memory().await;
    for (method, path, operation) in operations(&world).await {
        let described = |status: &str| {
            let content = &operation["responses"][status]["content"]["application/problem+json"];
            content["schema"]["$ref"] == "#/components/schemas/Problem"
        };
        assert!(described("4XX"), "{method} {path}");
        let is_5xx = described("5XX") || (path == "/healthz" && described("503"));
        assert!(is_5xx, "{method} {path}");
    }
}

#[tokio::test]
async fn the_documents_load_nothing_from_elsewhere() {
    let world = World::memory().await;
    for path in ["/docs/", "/redoc", "/docs/swagger-initializer.js"] {
        let answer = world.get(path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let text = String::from_utf8(answer.body).expect("text");
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{path} names another server"
        );
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            policy.contains("sandbox allow-scripts") && policy.contains("default-src 'none'"),
            "{path}"
        );
    }
    let script = world.get("/redoc/redoc.standalone.js", None).await;
    assert!(script.body.len() > 500_000);
}
