//! `/ws` and `/v1/delivery-tokens`.

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use securechat_proto::TokenHash;
use securechat_proto::api::{Code, TokenList, TokenRegistration};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::Token;
use super::{Mailbox, StoreError, socket};
use crate::platform::http::{Json, Network, Path, Problems};
use crate::platform::{Access, ApiError, ApiResult};

/// Times in JSON are below 2^53.
const TIME_MS_MAX: u64 = 1 << 53;

/// The room's routes; `/ws` stands beside the API and is described in docs/protocol/socket.md.
pub fn router(mailbox: Mailbox) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_tokens))
        .routes(routes!(put_token, delete_token))
        .route("/ws", axum::routing::any(web_socket))
        .with_state(mailbox)
}

async fn web_socket(
    State(mailbox): State<Mailbox>,
    network: Network,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> ApiResult<Response> {
    let upgrade = upgrade.map_err(|_| Code::Invalid)?;
    mailbox.platform().limits.sockets.check(&network)?;
    Ok(socket::accept(mailbox, upgrade))
}

/// Lists the account's delivery tokens, by hash.
#[utoipa::path(get, path = "/v1/delivery-tokens", tag = "delivery tokens",
    responses((status = 200, body = TokenList), Problems),
    security(("access" = [])))]
async fn list_tokens(State(mailbox): State<Mailbox>, access: Access) -> ApiResult<Json<TokenList>> {
    let tokens = mailbox.store().tokens(access.account_id).await?;
    Ok(Json(TokenList { tokens }))
}

/// Registers a delivery token by its hash, or changes its bounds: whoever shows the token may deliver.
#[utoipa::path(put, path = "/v1/delivery-tokens/{token_hash}", tag = "delivery tokens",
    params(("token_hash" = TokenHash, Path)), request_body = TokenRegistration,
    responses((status = 204), Problems),
    security(("access" = [])))]
async fn put_token(
    State(mailbox): State<Mailbox>,
    access: Access,
    Path(hash): Path<TokenHash>,
    Json(body): Json<TokenRegistration>,
) -> ApiResult<StatusCode> {
    if body.expires_at_ms.is_some_and(|at| at.0 >= TIME_MS_MAX) {
        return Err(Code::Invalid.into());
    }
    let token = Token {
        hash,
        kind: body.kind,
        uses_max: body.uses_max,
        expires_at: body.expires_at_ms,
    };
    mailbox
        .store()
        .register_token(access.account_id, token)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the right to deliver away: this is how a contact is blocked. Again is fine.
#[utoipa::path(delete, path = "/v1/delivery-tokens/{token_hash}", tag = "delivery tokens",
    params(("token_hash" = TokenHash, Path)),
    responses((status = 204), Problems),
    security(("access" = [])))]
async fn delete_token(
    State(mailbox): State<Mailbox>,
    access: Access,
    Path(hash): Path<TokenHash>,
) -> ApiResult<StatusCode> {
    mailbox
        .store()
        .delete_token(access.account_id, hash)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable => Code::Unavailable.into(),
            StoreError::TooManyTokens => Code::QuotaExceeded.into(),
            StoreError::Foreign => Code::Conflict.into(),
            StoreError::Bug(error) => error.into(),
        }
    }
}
