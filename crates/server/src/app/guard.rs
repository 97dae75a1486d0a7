//! Around every request: a time limit, a rate by network, a count and a log line without anything personal.

use crate::platform::http::network_of;
use crate::platform::{ApiError, Platform, clock};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use securechat_proto::api::Code;
use std::time::Duration;

/// No request takes longer; sockets are upgraded at once and live on their own.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Refuses a network that asks too much, ends what hangs, and records the outcome by route template.
pub async fn guard(State(platform): State<Platform>, request: Request, next: Next) -> Response {
    // The template, never the path: a path holds handles and ids.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "-".to_owned(), |path| path.as_str().into());
    let method = method_name(request.method());
    let is_api = route.starts_with("/v1/");
    let start = clock::instant();
    let response = match admit(&platform, &request, is_api) {
        Err(refused) => refused.into_response(),
        Ok(()) => match tokio::time::timeout(TIME_MAX, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError {
                code: Code::Unavailable,
                retry_after_s: Some(5),
            }
            .into_response(),
        },
    };
    let status = response.status().as_u16();
    let took = start.elapsed();
    counter!("http_requests_total", "route" => route.clone(), "method" => method, "status" => status.to_string())
        .increment(1);
    histogram!("http_request_seconds", "route" => route.clone()).record(took.as_secs_f64());
    tracing::debug!(
        http.route = route,
        http.method = method,
        http.status = status,
        http.took_ms = took.as_millis() as u64,
        "request"
    );
    no_store(response, is_api)
}

fn admit(platform: &Platform, request: &Request, is_api: bool) -> Result<(), ApiError> {
    if !is_api {
        return Ok(());
    }
    let network = network_of(
        request.headers(),
        request.extensions(),
        platform.config.trusted_proxies,
    );
    platform.limits.requests_by_network.check(&network)
}

/// Answers of the API are never kept by caches.
fn no_store(mut response: Response, is_api: bool) -> Response {
    if is_api {
        response
            .headers_mut()
            .entry(header::CACHE_CONTROL)
            .or_insert(header::HeaderValue::from_static("no-store"));
    }
    response
}

/// A fixed set, so that nobody can fill the metrics with names.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
