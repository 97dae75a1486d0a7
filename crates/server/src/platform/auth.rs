//! Who is asking: access tokens (JWT, HS256, five minutes) and the sessions that were revoked.
//!
//! Must never know: refresh tokens, passwords, device keys. Sessions live in `accounts`.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{header, request::Parts};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use securechat_proto::api::Code;
use securechat_proto::limits::{ACCESS_TOKEN_TTL_S, SECOND_MS};
use securechat_proto::{AccountId, DeviceId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

use super::{ApiError, ApiResult, Clock, Platform, Secrets};

const AUDIENCE: &str = "securechat";
/// A token is far shorter; longer headers are refused unread.
const TOKEN_CHARS_MAX: usize = 1024;

/// A proved request: which account, device and session, and until when the proof holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub account_id: AccountId,
    pub device_id: DeviceId,
    pub session_id: SessionId,
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: AccountId,
    dev: DeviceId,
    sid: SessionId,
    aud: String,
    /// Seconds since 1970.
    exp: u64,
}

/// Mints and checks access tokens.
#[derive(Clone)]
pub struct Auth {
    signing: Arc<EncodingKey>,
    checking: Arc<Vec<DecodingKey>>,
    clock: Clock,
    revoked: RevokedSessions,
}

impl Auth {
    pub fn new(secrets: &Secrets, clock: Clock) -> Self {
        let keys = secrets.keys("jwt");
        Self {
            signing: Arc::new(EncodingKey::from_secret(&*secrets.key("jwt"))),
            checking: Arc::new(
                keys.iter()
                    .map(|key| DecodingKey::from_secret(&**key))
                    .collect(),
            ),
            revoked: RevokedSessions::new(clock.clone()),
            clock,
        }
    }

    /// A token for five minutes from now.
    pub fn mint(
        &self,
        account_id: AccountId,
        device_id: DeviceId,
        session_id: SessionId,
    ) -> (String, Timestamp) {
        let exp = self.clock.now().0 / SECOND_MS + ACCESS_TOKEN_TTL_S;
        let claims = Claims {
            sub: account_id,
            dev: device_id,
            sid: session_id,
            aud: AUDIENCE.into(),
            exp,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .expect("claims of fixed shape encode");
        (token, Timestamp(exp * SECOND_MS))
    }

    /// Checks signature, audience, expiry and revocation.
    ///
    /// # Errors
    /// `unauthenticated` for a wrong or expired token, `session_revoked` when its session was ended.
    pub fn verify(&self, token: &str) -> ApiResult<Access> {
        if token.len() > TOKEN_CHARS_MAX {
            return Err(Code::Unauthenticated.into());
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Expiry is compared with the server's own clock below; the library would read the machine's.
        validation.validate_exp = false;
        let claims = self
            .checking
            .iter()
            .find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &validation).ok())
            .ok_or(Code::Unauthenticated)?
            .claims;
        let access = Access {
            account_id: claims.sub,
            device_id: claims.dev,
            session_id: claims.sid,
            expires_at: Timestamp(claims.exp.saturating_mul(SECOND_MS)),
        };
        if access.expires_at <= self.clock.now() {
            return Err(Code::Unauthenticated.into());
        }
        if self.revoked.contains(access.session_id) {
            return Err(Code::SessionRevoked.into());
        }
        Ok(access)
    }

    pub fn revoked(&self) -> &RevokedSessions {
        &self.revoked
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Access
where
    Platform: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let platform = Platform::from_ref(state);
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(Code::Unauthenticated)?;
        let access = platform.auth.verify(token)?;
        platform
            .limits
            .requests_by_account
            .check(&access.account_id)?;
        Ok(access)
    }
}

/// The sessions that were ended while an access token of theirs may still live. Every node holds them;
/// `accounts` fills it at once on this node and by a sweep of at most 5 s on the others.
#[derive(Clone)]
pub struct RevokedSessions {
    /// Until when each one has to be remembered.
    until: Arc<RwLock<BTreeMap<SessionId, Timestamp>>>,
    changed: watch::Sender<u64>,
    clock: Clock,
}

impl RevokedSessions {
    fn new(clock: Clock) -> Self {
        Self {
            until: Arc::default(),
            changed: watch::Sender::new(0),
            clock,
        }
    }

    /// Ends these sessions on this node: requests are refused and [`Self::ended`] resolves.
    pub fn add(&self, sessions: impl IntoIterator<Item = SessionId>) {
        let now = self.clock.now();
        let until = now.saturating_add_ms((ACCESS_TOKEN_TTL_S + 60) * SECOND_MS);
        let mut held = self.until.write().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, until| *until > now);
        let mut is_new = false;
        for session in sessions {
            is_new |= held.insert(session, until).is_none();
        }
        drop(held);
        if is_new {
            self.changed.send_modify(|version| *version += 1);
        }
    }

    pub fn contains(&self, session: SessionId) -> bool {
        self.until
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&session)
    }

    /// Resolves when `session` is revoked; a socket selects on it and closes with `close_code::REVOKED`.
    pub async fn ended(&self, session: SessionId) {
        let mut changed = self.changed.subscribe();
        while !self.contains(session) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(secret: u8, clock: &Clock) -> Auth {
        Auth::new(&Secrets::new([secret; 32], None), clock.clone())
    }

    #[test]
    fn a_token_is_good_for_five_minutes_and_only_here() {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let here = auth(1, &clock);
        let (token, expires_at) =
            here.mint(AccountId([1; 16]), DeviceId([2; 16]), SessionId([3; 16]));
        let access = here.verify(&token).expect("a fresh token");
        assert_eq!(
            (access.account_id, access.expires_at),
            (AccountId([1; 16]), expires_at)
        );
        assert_eq!(
            auth(2, &clock).verify(&token),
            Err(Code::Unauthenticated.into())
        );
        clock.advance_ms(ACCESS_TOKEN_TTL_S * SECOND_MS);
        assert_eq!(here.verify(&token), Err(Code::Unauthenticated.into()));
    }

    #[test]
    fn tokens_without_a_signature_or_with_another_algorithm_are_refused() {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let here = auth(1, &clock);
        let (token, _) = here.mint(AccountId([1; 16]), DeviceId([2; 16]), SessionId([3; 16]));
        let body = token.split('.').nth(1).unwrap_or_default();
        // {"alg":"none","typ":"JWT"}
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
        for wrong in [
            unsigned.as_str(),
            "",
            "a.b.c",
            &token[..token.len() - 2],
            &"x".repeat(5000),
        ] {
            assert_eq!(here.verify(wrong), Err(Code::Unauthenticated.into()));
        }
    }

    #[tokio::test]
    async fn a_revoked_session_is_refused_and_its_sockets_are_told() {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let here = auth(1, &clock);
        let session = SessionId([3; 16]);
        let (token, _) = here.mint(AccountId([1; 16]), DeviceId([2; 16]), session);
        let revoked = here.revoked().clone();
        let waiting = tokio::spawn(async move { revoked.ended(session).await });
        here.revoked().add([session]);
        waiting.await.expect("the socket is told");
        assert_eq!(here.verify(&token), Err(Code::SessionRevoked.into()));
    }
}
