//! REST of the vault.

use super::Vault;
use crate::platform::http::{Json, Path, Problems};
use crate::platform::{Access, ApiResult};
use axum::extract::State;
use axum::http::StatusCode;
use securechat_proto::api::{VaultList, VaultRecord, VaultWrite};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Routes of this room.
pub fn router(vault: Vault) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, write))
        .with_state(vault)
}

/// Names, versions and sizes of the account's records.
#[utoipa::path(get, path = "/v1/vault", tag = "vault", security(("access" = [])),
    responses((status = 200, body = VaultList), Problems))]
async fn list(State(vault): State<Vault>, access: Access) -> ApiResult<Json<VaultList>> {
    Ok(Json(VaultList {
        records: vault.list(access.account_id).await?,
    }))
}

/// One record.
#[utoipa::path(get, path = "/v1/vault/{name}", tag = "vault", security(("access" = [])),
    params(("name" = String, Path)),
    responses((status = 200, body = VaultRecord), Problems))]
async fn read(
    State(vault): State<Vault>,
    access: Access,
    Path(name): Path<String>,
) -> ApiResult<Json<VaultRecord>> {
    Ok(Json(vault.read(access.account_id, &name).await?))
}

/// Writes a record, compare-and-set on its version.
#[utoipa::path(put, path = "/v1/vault/{name}", tag = "vault", security(("access" = [])),
    params(("name" = String, Path)), request_body = VaultWrite,
    responses((status = 204), Problems))]
async fn write(
    State(vault): State<Vault>,
    access: Access,
    Path(name): Path<String>,
    Json(request): Json<VaultWrite>,
) -> ApiResult<StatusCode> {
    vault.write(access.account_id, &name, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}
