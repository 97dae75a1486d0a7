//! What a request is told when it fails: a stable code, nothing about the request itself.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use securechat_proto::api::{Code, Problem};

pub type ApiResult<T> = Result<T, ApiError>;

/// A refused request; becomes `application/problem+json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub code: Code,
    pub retry_after_s: Option<u64>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self {
            code,
            retry_after_s: None,
        }
    }
}

impl ApiError {
    /// 429 with `Retry-After`.
    pub fn rate_limited(retry_after_s: u64) -> Self {
        Self {
            code: Code::RateLimited,
            retry_after_s: Some(retry_after_s.max(1)),
        }
    }

    pub fn status(&self) -> StatusCode {
        match self.code {
            Code::Invalid => StatusCode::BAD_REQUEST,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Unauthenticated | Code::WrongCredentials | Code::SessionRevoked => {
                StatusCode::UNAUTHORIZED
            }
            Code::PasswordNeeded | Code::DeviceNotLinked | Code::Forbidden | Code::SignUpClosed => {
                StatusCode::FORBIDDEN
            }
            Code::HandleTaken | Code::Conflict => StatusCode::CONFLICT,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let problem = Problem {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            code: self.code,
            retry_after_s: self.retry_after_s,
        };
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Storage trouble, logged here once: full or away is told as `unavailable`, the rest is our bug.
impl From<super::db::Error> for ApiError {
    fn from(error: super::db::Error) -> Self {
        use super::db::Error;
        match error {
            Error::Unavailable => {
                tracing::warn!("directory is away or full");
                Self {
                    code: Code::Unavailable,
                    retry_after_s: Some(5),
                }
            }
            Error::Statement(_)
            | Error::Shape(_)
            | Error::NotDurable(_)
            | Error::Migration { .. } => {
                tracing::error!(%error, "directory statement failed");
                Code::Internal.into()
            }
        }
    }
}
