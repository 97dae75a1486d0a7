//! Sign-up and "what this server knows": the requests that span rooms.

use super::knows;
use crate::accounts::{Accounts, Created, Origin};
use crate::keys::{Genesis, Keys};
use crate::platform::http::{Json, Network, Path, Problems};
use crate::platform::{ApiError, ApiResult, Platform};
use axum::extract::{FromRef, State};
use securechat_proto::AccountId;
use securechat_proto::api::{Code, SecurityEventKind, ServerInfo, SessionTokens, SignUp};
use securechat_proto::limits::PROTOCOL_VERSION;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(Clone)]
struct Rooms {
    platform: Platform,
    accounts: Accounts,
    keys: Keys,
}

impl FromRef<Rooms> for Platform {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.platform.clone()
    }
}

pub fn router(platform: Platform, accounts: Accounts, keys: Keys) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(server_info))
        .routes(routes!(health))
        .with_state(Rooms {
            platform,
            accounts,
            keys,
        })
}

/// Creates account, log, first device with its bundle, and session in one transaction: all of it or nothing, so there
/// are no accounts without a Genesis. The same body again answers again.
#[utoipa::path(put, path = "/v1/accounts/{account_id}", tag = "accounts",
    params(("account_id" = AccountId, Path)), request_body = SignUp,
    responses((status = 200, body = SessionTokens), Problems))]
async fn sign_up(
    State(rooms): State<Rooms>,
    network: Network,
    origin: Origin,
    Path(account_id): Path<AccountId>,
    Json(request): Json<SignUp>,
) -> ApiResult<Json<SessionTokens>> {
    let Rooms {
        platform,
        accounts,
        keys,
    } = rooms;
    platform.limits.sign_ups.check(&network)?;
    let genesis = Genesis::check(&request.genesis.0)?;
    let device_id = request.session.device_id;
    let mut tx = platform.directory.begin().await?;
    let created = accounts
        .create(&mut tx, account_id, genesis.fingerprint(), &request)
        .await?;
    let mut ended = Vec::new();
    if created == Created::New {
        ended.push(keys.start_log(&mut tx, account_id, &genesis).await?);
        keys.publish(&mut tx, account_id, device_id, &request.bundle)
            .await
            .map_err(not_its_device)?;
    }
    ended.push(
        accounts
            .open_session(&mut tx, account_id, &request.session)
            .await?,
    );
    tx.commit().await?;
    ended
        .into_iter()
        .for_each(|ended| accounts.announce_ended(ended));
    keys.announce_devices(account_id).await?;
    if created == Created::New {
        accounts
            .record(account_id, SecurityEventKind::SignedUp, &origin)
            .await;
    }
    Ok(Json(accounts.tokens(
        account_id,
        device_id,
        request.session.session_id,
    )))
}

/// A sign-up whose session names a device that its own Genesis does not is malformed.
fn not_its_device(error: ApiError) -> ApiError {
    if error.code == Code::DeviceNotLinked {
        Code::Invalid.into()
    } else {
        error
    }
}

/// What this relay offers and stores.
#[utoipa::path(get, path = "/v1/server", tag = "server",
    responses((status = 200, body = ServerInfo), Problems))]
async fn server_info(State(rooms): State<Rooms>) -> Json<ServerInfo> {
    Json(ServerInfo {
        name: rooms.platform.config.name.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        protocol_min: PROTOCOL_VERSION,
        protocol_max: PROTOCOL_VERSION,
        sign_up_open: rooms.platform.config.sign_up_open,
        retention_days: rooms.platform.config.retention_days,
        knows: knows::facts(rooms.platform.config.retention_days),
    })
}

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Health {
    /// `ok`
    status: &'static str,
}

/// Whether this node can answer: its directory is reachable.
#[utoipa::path(get, path = "/healthz", tag = "server",
    responses((status = 200, body = Health),
        Problems))]
async fn health(State(rooms): State<Rooms>) -> ApiResult<Json<Health>> {
    rooms.platform.directory.query("SELECT 1", vec![]).await?;
    Ok(Json(Health { status: "ok" }))
}
