//! The API's own description: `/openapi.json`, Swagger UI at `/docs`, ReDoc at `/redoc`. Everything from this binary.
//!
//! The pages run in a sandbox without the app's origin, so the description itself may be read from anywhere.

use super::headers::{protect, protect_docs};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use securechat_proto::api::Problem;
use std::sync::Arc;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi};
use utoipa::{PartialSchema, ToSchema};

const REDOC: &str = include_str!("../../assets/redoc.standalone.js");
const REDOC_PAGE: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>SecureChat API</title>
<meta name="viewport" content="width=device-width,initial-scale=1"></head>
<body style="margin:0"><redoc spec-url="/openapi.json" disable-search="true"></redoc>
<script src="/redoc/redoc.standalone.js"></script></body></html>
"#;

/// Names the API and its way to authenticate.
pub fn describe(api: &mut OpenApi) {
    api.info = InfoBuilder::new()
        .title("SecureChat relay")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "REST API of the blind relay. Messages themselves travel over the WebSocket `/ws` as protobuf frames \
             (docs/protocol/socket.md).",
        ))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    let components = api.components.get_or_insert_default();
    let mut schemas = vec![("Problem".to_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components
        .security_schemes
        .insert("access".into(), SecurityScheme::Http(bearer).into());
}

pub fn router(api: &OpenApi) -> Router {
    let text: Arc<str> = api.to_json().unwrap_or_default().into();
    let swagger = Arc::new(
        utoipa_swagger_ui::Config::from("/openapi.json")
            .try_it_out_enabled(false)
            .supported_submit_methods(Vec::<String>::new())
            .validator_url("none"),
    );
    Router::new()
        .route("/openapi.json", get(move || openapi(text.clone())))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route(
            "/docs/",
            get(|state: State<_>| swagger_file(state, Path(String::new()))),
        )
        .route("/docs/{*file}", get(swagger_file))
        .with_state(swagger)
        .route("/redoc", get(|| async { docs_page(Html(REDOC_PAGE)) }))
        .route("/redoc/redoc.standalone.js", get(redoc_script))
}

async fn openapi(text: Arc<str>) -> Response {
    let mut response = (
        [(header::CONTENT_TYPE, "application/json")],
        text.to_string(),
    )
        .into_response();
    protect(response.headers_mut());
    response.headers_mut().insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

async fn swagger_file(
    State(config): State<Arc<utoipa_swagger_ui::Config<'static>>>,
    Path(file): Path<String>,
) -> Response {
    match utoipa_swagger_ui::serve(&file, config) {
        Ok(Some(found)) => docs_page((
            [(header::CONTENT_TYPE, found.content_type)],
            found.bytes.into_owned(),
        )),
        Ok(None) => {
            crate::platform::ApiError::from(securechat_proto::api::Code::NotFound).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn redoc_script() -> Response {
    docs_page((
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        REDOC,
    ))
}

fn docs_page(content: impl IntoResponse) -> Response {
    let mut response = content.into_response();
    protect_docs(response.headers_mut());
    response
}
