//! The security trail of an account: sign-ins, failures, revocations. Thirty days, no content.
//!
//! Rows carry keyed pseudonyms: of the account, and of the network for one day.

use super::rules::EVENTS_KEPT_MS;
use crate::platform::db::{Row, params};
use crate::platform::http::Network;
use crate::platform::{ApiResult, Platform, db};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use securechat_proto::api::{SecurityEvent, SecurityEventKind};
use securechat_proto::limits::DAY_MS;
use securechat_proto::{AccountId, Timestamp, b64};

/// Rows shown to their owner; older ones stay until their time is over.
const SHOWN_MAX: u64 = 200;

/// Pseudonym of the network a request comes from: the same for a day, and only this server can make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    pub fn of(platform: &Platform, network: Network) -> Self {
        let day = (platform.clock.now().0 / DAY_MS).to_be_bytes();
        let pseudonym = platform
            .secrets
            .pseudonym("audit-origin", &[&day, &network.to_bytes()]);
        Self(b64::encode(&pseudonym[..9]))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin
where
    Platform: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let network = Network::from_request_parts(parts, state).await?;
        Ok(Self::of(&Platform::from_ref(state), network))
    }
}

pub async fn record(
    platform: &Platform,
    account_id: AccountId,
    kind: SecurityEventKind,
    origin: &Origin,
) -> db::Result<()> {
    let event_id: [u8; 16] = platform.rng.bytes();
    platform
        .directory
        .execute(
            "INSERT INTO accounts_security_events (event_id, subject, kind, at_ms, origin) VALUES ($1, $2, $3, $4, $5)",
            params![event_id, subject(platform, account_id), name(kind), platform.clock.now(), origin.0.clone()],
        )
        .await?;
    Ok(())
}

/// The account's own trail, newest first.
pub async fn list(platform: &Platform, account_id: AccountId) -> ApiResult<Vec<SecurityEvent>> {
    let since = Timestamp(platform.clock.now().0.saturating_sub(EVENTS_KEPT_MS));
    let rows = platform
        .directory
        .query(
            "SELECT kind, at_ms, origin FROM accounts_security_events \
             WHERE subject = $1 AND at_ms > $2 ORDER BY at_ms DESC LIMIT $3",
            params![subject(platform, account_id), since, SHOWN_MAX],
        )
        .await?;
    Ok(rows.iter().map(event).collect::<db::Result<_>>()?)
}

fn event(row: &Row) -> db::Result<SecurityEvent> {
    let kind = serde_json::from_value(serde_json::Value::String(row.text(0)?))
        .map_err(|_| db::Error::Shape(0))?;
    Ok(SecurityEvent {
        kind,
        at_ms: row.time(1)?,
        origin: row.text(2)?,
    })
}

fn subject(platform: &Platform, account_id: AccountId) -> [u8; 32] {
    platform
        .secrets
        .pseudonym("audit-subject", &[account_id.as_bytes()])
}

fn name(kind: SecurityEventKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
