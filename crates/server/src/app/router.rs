//! All routes of the relay with everything around them.

use super::{Assets, Rooms, docs, guard, headers, sign_up};
use crate::platform::{ApiError, Platform};
use crate::{accounts, keys, mailbox, vault};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, Method, header};
use axum::response::{IntoResponse, Response};
use securechat_proto::api::Code;
use securechat_proto::limits::REST_BODY_BYTES_MAX;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

/// Routes that answer without an access token; every other one under `/v1` refuses.
pub const PUBLIC_ROUTES: &[(&str, &str)] = &[
    ("put", "/v1/accounts/{account_id}"),
    ("post", "/v1/accounts/registration"),
    ("post", "/v1/sessions"),
    ("post", "/v1/sessions/login"),
    ("post", "/v1/sessions/challenge"),
    ("post", "/v1/sessions/device"),
    ("post", "/v1/sessions/refresh"),
    ("get", "/v1/server"),
    ("get", "/healthz"),
];

pub fn router(rooms: &Rooms, assets: Option<Assets>) -> Router {
    let Rooms {
        platform,
        accounts,
        keys,
        vault,
        mailbox,
    } = rooms;
    let (routes, mut api) = OpenApiRouter::new()
        .merge(accounts::router(accounts.clone()))
        .merge(sign_up::router(
            platform.clone(),
            accounts.clone(),
            keys.clone(),
        ))
        .merge(keys::router(keys.clone()))
        .merge(vault::router(vault.clone()))
        .merge(mailbox::router(mailbox.clone()))
        .split_for_parts();
    docs::describe(&mut api);
    routes
        .merge(docs::router(&api))
        .fallback(move |request: Request| elsewhere(assets.clone(), request))
        .method_not_allowed_fallback(|| async { ApiError::from(Code::MethodNotAllowed) })
        .layer(DefaultBodyLimit::max(REST_BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(
            platform.clone(),
            guard::guard,
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(cors(platform))
        .layer(axum::middleware::map_response(with_headers))
}

/// Paths of no room: the web app, or 404.
async fn elsewhere(assets: Option<Assets>, request: Request) -> Response {
    let path = request.uri().path();
    match assets {
        Some(assets) if !path.starts_with("/v1/") => {
            assets.answer(request.method(), path, request.headers())
        }
        _ => ApiError::from(Code::NotFound).into_response(),
    }
}

/// The panic is already in the log with its place; the asker learns only that it was our fault.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    ApiError::from(Code::Internal).into_response()
}

fn cors(platform: &Platform) -> CorsLayer {
    let allowed = platform.config.cors_origins.clone();
    if allowed.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([
            header::RETRY_AFTER,
            HeaderName::from_static("content-length"),
        ])
}

async fn with_headers(mut response: Response) -> Response {
    if !response
        .headers()
        .contains_key(header::X_CONTENT_TYPE_OPTIONS)
    {
        headers::protect(response.headers_mut());
    }
    response
}
