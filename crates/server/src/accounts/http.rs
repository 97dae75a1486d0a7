//! REST of accounts. Sign-up itself spans rooms and stands in `app`.

use super::sessions::Refreshed;
use super::{Accounts, Origin, rules, security_log};
use crate::platform::http::{Json, Network, Path, Problems};
use crate::platform::{Access, ApiResult};
use axum::extract::State;
use axum::http::StatusCode;
use securechat_proto::api::{
    Challenge, Code, DeviceSession, HandleInfo, LoginFinish, LoginFinished, LoginStart,
    LoginStarted, Refresh, RegistrationStart, RegistrationStarted, SecurityEventKind,
    SecurityEvents, SessionList, SessionTokens,
};
use securechat_proto::b64::Bytes;
use securechat_proto::{Fingerprint, SessionId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Routes of this room.
pub fn router(accounts: Accounts) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(start_registration))
        .routes(routes!(start_login))
        .routes(routes!(finish_login))
        .routes(routes!(list_sessions))
        .routes(routes!(challenge))
        .routes(routes!(open_by_device))
        .routes(routes!(refresh))
        .routes(routes!(revoke))
        .routes(routes!(security_events))
        .routes(routes!(find_handle))
        .routes(routes!(find_identity))
        .with_state(accounts)
}

/// First OPAQUE registration message. Writes nothing.
#[utoipa::path(post, path = "/v1/accounts/registration", tag = "accounts", request_body = RegistrationStart,
    responses((status = 200, body = RegistrationStarted), Problems))]
async fn start_registration(
    State(accounts): State<Accounts>,
    network: Network,
    Json(request): Json<RegistrationStart>,
) -> ApiResult<Json<RegistrationStarted>> {
    accounts.platform.limits.logins.check(&network)?;
    Ok(Json(accounts.start_registration(&request).await?))
}

/// First OPAQUE log-in message.
#[utoipa::path(post, path = "/v1/sessions/login", tag = "accounts", request_body = LoginStart,
    responses((status = 200, body = LoginStarted), Problems))]
async fn start_login(
    State(accounts): State<Accounts>,
    network: Network,
    origin: Origin,
    Json(request): Json<LoginStart>,
) -> ApiResult<Json<LoginStarted>> {
    accounts.platform.limits.logins.check(&network)?;
    Ok(Json(
        accounts.start_login(&request, network, &origin).await?,
    ))
}

/// Second OPAQUE log-in message; opens a session for a device of the account.
#[utoipa::path(post, path = "/v1/sessions", tag = "accounts", request_body = LoginFinish,
    responses((status = 200, body = LoginFinished), Problems))]
async fn finish_login(
    State(accounts): State<Accounts>,
    network: Network,
    origin: Origin,
    Json(request): Json<LoginFinish>,
) -> ApiResult<Json<LoginFinished>> {
    accounts.platform.limits.logins.check(&network)?;
    Ok(Json(accounts.finish_login(&request, &origin).await?))
}

/// A nonce for opening a session by signature alone; lives 60 s.
#[utoipa::path(post, path = "/v1/sessions/challenge", tag = "accounts",
    responses((status = 200, body = Challenge), Problems))]
async fn challenge(
    State(accounts): State<Accounts>,
    network: Network,
) -> ApiResult<Json<Challenge>> {
    accounts.platform.limits.logins.check(&network)?;
    Ok(Json(Challenge {
        challenge: Bytes(accounts.challenge()),
    }))
}

/// Opens a session for a device that is active in the account log, without a password.
#[utoipa::path(post, path = "/v1/sessions/device", tag = "accounts", request_body = DeviceSession,
    responses((status = 200, body = SessionTokens), Problems))]
async fn open_by_device(
    State(accounts): State<Accounts>,
    network: Network,
    origin: Origin,
    Json(request): Json<DeviceSession>,
) -> ApiResult<Json<SessionTokens>> {
    accounts.platform.limits.logins.check(&network)?;
    Ok(Json(accounts.open_by_device(&request, &origin).await?))
}

/// Rotates the refresh token.
#[utoipa::path(post, path = "/v1/sessions/refresh", tag = "accounts", request_body = Refresh,
    responses((status = 200, body = SessionTokens), Problems))]
async fn refresh(
    State(accounts): State<Accounts>,
    network: Network,
    origin: Origin,
    Json(request): Json<Refresh>,
) -> ApiResult<Json<SessionTokens>> {
    accounts
        .platform
        .limits
        .requests_by_network
        .check(&network)?;
    match accounts.refresh(&request).await? {
        Refreshed::Tokens(tokens) => Ok(Json(tokens)),
        Refreshed::Stolen(account_id) => {
            accounts
                .record(account_id, SecurityEventKind::RefreshTokenReused, &origin)
                .await;
            Err(Code::SessionRevoked.into())
        }
    }
}

/// The account's open sessions.
#[utoipa::path(get, path = "/v1/sessions", tag = "accounts", security(("access" = [])),
    responses((status = 200, body = SessionList), Problems))]
async fn list_sessions(
    State(accounts): State<Accounts>,
    access: Access,
) -> ApiResult<Json<SessionList>> {
    Ok(Json(SessionList {
        sessions: accounts.list_sessions(access).await?,
    }))
}

/// Ends a session: another device's, or this one's (log out). Its device then needs the password.
#[utoipa::path(delete, path = "/v1/sessions/{session_id}", tag = "accounts", security(("access" = [])),
    params(("session_id" = SessionId, Path)),
    responses((status = 204), Problems))]
async fn revoke(
    State(accounts): State<Accounts>,
    access: Access,
    origin: Origin,
    Path(session_id): Path<SessionId>,
) -> ApiResult<StatusCode> {
    accounts.revoke(access, session_id).await?;
    let kind = if session_id == access.session_id {
        SecurityEventKind::LoggedOut
    } else {
        SecurityEventKind::SessionRevoked
    };
    accounts.record(access.account_id, kind, &origin).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The account's own security trail of the last 30 days, newest first.
#[utoipa::path(get, path = "/v1/security-events", tag = "accounts", security(("access" = [])),
    responses((status = 200, body = SecurityEvents), Problems))]
async fn security_events(
    State(accounts): State<Accounts>,
    access: Access,
) -> ApiResult<Json<SecurityEvents>> {
    Ok(Json(SecurityEvents {
        events: security_log::list(&accounts.platform, access.account_id).await?,
    }))
}

/// The account behind a handle.
#[utoipa::path(get, path = "/v1/handles/{handle}", tag = "accounts", security(("access" = [])),
    params(("handle" = String, Path)),
    responses((status = 200, body = HandleInfo), Problems))]
async fn find_handle(
    State(accounts): State<Accounts>,
    access: Access,
    Path(handle): Path<String>,
) -> ApiResult<Json<HandleInfo>> {
    accounts.platform.limits.lookups.check(&access.account_id)?;
    rules::check_handle(&handle)?;
    let (account_id, fingerprint) = accounts.find_handle(&handle).await?.ok_or(Code::NotFound)?;
    Ok(Json(HandleInfo {
        account_id,
        fingerprint,
    }))
}

/// The account whose Genesis has this fingerprint.
#[utoipa::path(get, path = "/v1/identities/{fingerprint}", tag = "accounts", security(("access" = [])),
    params(("fingerprint" = Fingerprint, Path)),
    responses((status = 200, body = HandleInfo), Problems))]
async fn find_identity(
    State(accounts): State<Accounts>,
    _access: Access,
    Path(fingerprint): Path<Fingerprint>,
) -> ApiResult<Json<HandleInfo>> {
    let account_id = accounts
        .find_fingerprint(fingerprint)
        .await?
        .ok_or(Code::NotFound)?;
    Ok(Json(HandleInfo {
        account_id,
        fingerprint,
    }))
}
