//! REST of keys.

use super::Keys;
use crate::accounts::Origin;
use crate::platform::http::{Json, Path, Problems, Query};
use crate::platform::{Access, ApiResult};
use axum::extract::State;
use axum::http::StatusCode;
use securechat_proto::AccountId;
use securechat_proto::api::{
    BundleState, BundleUpload, LogAppend, LogEntries, PrekeyBundles, PrekeyClaim, SecurityEventKind,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Routes of this room.
pub fn router(keys: Keys) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(fetch_log))
        .routes(routes!(append))
        .routes(routes!(bundle_state, upload))
        .routes(routes!(claim))
        .with_state(keys)
}

#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct From {
    /// First sequence wanted.
    #[serde(default)]
    #[param(default = 0, required = false)]
    from: u64,
}

/// Entries of an account's log, at most 256 KiB at once.
#[utoipa::path(get, path = "/v1/accounts/{account_id}/log", tag = "keys", security(("access" = [])),
    params(("account_id" = AccountId, Path), From),
    responses((status = 200, body = LogEntries), Problems))]
async fn fetch_log(
    State(keys): State<Keys>,
    _access: Access,
    Path(account_id): Path<AccountId>,
    Query(query): Query<From>,
) -> ApiResult<Json<LogEntries>> {
    Ok(Json(keys.fetch(account_id, query.from).await?))
}

/// Appends an entry to the own log, compare-and-set on its sequence and previous hash.
#[utoipa::path(put, path = "/v1/log/{sequence}", tag = "keys", security(("access" = [])),
    params(("sequence" = u64, Path)), request_body = LogAppend,
    responses((status = 204), Problems))]
async fn append(
    State(keys): State<Keys>,
    access: Access,
    origin: Origin,
    Path(sequence): Path<u64>,
    Json(request): Json<LogAppend>,
) -> ApiResult<StatusCode> {
    keys.append(access, sequence, &request.entry.0).await?;
    keys.accounts
        .record(access.account_id, SecurityEventKind::LogAppended, &origin)
        .await;
    Ok(StatusCode::NO_CONTENT)
}

/// What the relay holds for the asking device.
#[utoipa::path(get, path = "/v1/bundle", tag = "keys", security(("access" = [])),
    responses((status = 200, body = BundleState), Problems))]
async fn bundle_state(State(keys): State<Keys>, access: Access) -> ApiResult<Json<BundleState>> {
    Ok(Json(keys.bundle_state(access).await?))
}

/// Publishes the asking device's signed bundle and one-time prekeys.
#[utoipa::path(put, path = "/v1/bundle", tag = "keys", security(("access" = [])), request_body = BundleUpload,
    responses((status = 204), Problems))]
async fn upload(
    State(keys): State<Keys>,
    access: Access,
    Json(request): Json<BundleUpload>,
) -> ApiResult<StatusCode> {
    keys.upload(access, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes one one-time prekey of each named device, exactly once each.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/prekeys", tag = "keys", security(("access" = [])),
    params(("account_id" = AccountId, Path)), request_body = PrekeyClaim,
    responses((status = 200, body = PrekeyBundles), Problems))]
async fn claim(
    State(keys): State<Keys>,
    access: Access,
    Path(account_id): Path<AccountId>,
    Json(request): Json<PrekeyClaim>,
) -> ApiResult<Json<PrekeyBundles>> {
    Ok(Json(
        keys.claim(access, account_id, &request.devices).await?,
    ))
}
