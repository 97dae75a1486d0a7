//! Sessions: opened by a proved device, renewed by it, ended by their owner or by theft.

use super::rules::{self, Refreshing};
use super::store::{self, StoredSession};
use super::{Accounts, Ended};
use crate::platform::db::Tx;
use crate::platform::primitives::sha256;
use crate::platform::{Access, ApiResult};
use securechat_proto::api::{Code, NewSession, Refresh, SessionInfo, SessionTokens};
use securechat_proto::limits::{REFRESH_TOKEN_TTL_MS, SESSIONS_PER_ACCOUNT_MAX};
use securechat_proto::signing::Purpose;
use securechat_proto::{AccountId, DeviceId, SessionId};

/// The outcome of a refresh that was not refused outright.
pub enum Refreshed {
    Tokens(SessionTokens),
    /// Two holders of one session: it is ended.
    Stolen(AccountId),
}

impl Accounts {
    /// Opens the session a proved device asked for; the same request again is fine. The device's earlier sessions
    /// and, above the limit, the account's oldest ones end.
    ///
    /// # Errors
    /// `session_revoked` when this id was ended before, `conflict` when it is another session's, `invalid`.
    pub async fn open_session(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        new: &NewSession,
    ) -> ApiResult<Ended> {
        let refresh_hash = rules::check_new_session(new)?;
        if store::is_revoked(tx, new.session_id).await? {
            return Err(Code::SessionRevoked.into());
        }
        let now = self.platform.clock.now();
        let session = StoredSession {
            session_id: new.session_id,
            account_id,
            device_id: new.device_id,
            sealed_name: new.sealed_name.0.clone(),
            refresh_hash,
            previous_refresh_hash: None,
            created_at: now,
            last_used_at: rules::to_the_hour(now),
        };
        if !store::insert_session(tx, &session).await? {
            let existing = store::session(tx, new.session_id)
                .await?
                .ok_or(Code::Conflict)?;
            let is_same = existing.account_id == account_id
                && existing.device_id == new.device_id
                && (existing.refresh_hash == refresh_hash
                    || existing.previous_refresh_hash == Some(refresh_hash));
            return if is_same {
                Ok(Ended::default())
            } else {
                Err(Code::Conflict.into())
            };
        }
        let others = store::sessions(tx, account_id)
            .await?
            .into_iter()
            .filter(|s| s.session_id != new.session_id);
        let (same_device, other_devices): (Vec<_>, Vec<_>) =
            others.partition(|s| s.device_id == new.device_id);
        let oldest = other_devices.into_iter().skip(SESSIONS_PER_ACCOUNT_MAX - 1);
        let leaving = same_device
            .into_iter()
            .chain(oldest)
            .map(|s| s.session_id)
            .collect();
        self.end(tx, leaving).await
    }

    /// An access token for an open session.
    pub fn tokens(
        &self,
        account_id: AccountId,
        device_id: DeviceId,
        session_id: SessionId,
    ) -> SessionTokens {
        let (access_token, access_expires_at_ms) =
            self.platform.auth.mint(account_id, device_id, session_id);
        SessionTokens {
            account_id,
            session_id,
            access_token,
            access_expires_at_ms,
            server_time_ms: self.platform.clock.now(),
        }
    }

    /// Rotates the refresh token (protocol.md section 10).
    ///
    /// # Errors
    /// `session_revoked` for a session that is not there, `device_not_linked`, `unauthenticated` for a signature that
    /// does not verify.
    pub(super) async fn refresh(&self, request: &Refresh) -> ApiResult<Refreshed> {
        let next: [u8; 32] = request
            .next_refresh_hash
            .0
            .as_slice()
            .try_into()
            .map_err(|_| Code::Invalid)?;
        if request.refresh_token.0.len() != 32 {
            return Err(Code::Invalid.into());
        }
        let offered = sha256(&request.refresh_token.0);
        let mut tx = self.platform.directory.begin().await?;
        let session = store::session(&mut tx, request.session_id)
            .await?
            .ok_or(Code::SessionRevoked)?;
        let device = store::device_in(&mut tx, session.account_id, session.device_id)
            .await?
            .ok_or(Code::DeviceNotLinked)?;
        let fields: [&[u8]; 4] = [b"refresh", request.session_id.as_bytes(), &offered, &next];
        if !device.has_signed(Purpose::Auth, &fields, &request.signature.0) {
            return Err(Code::Unauthenticated.into());
        }
        let now = self.platform.clock.now();
        if now.since(session.last_used_at) > REFRESH_TOKEN_TTL_MS {
            return Err(Code::SessionRevoked.into());
        }
        match rules::refreshing(
            &session.refresh_hash,
            session.previous_refresh_hash.as_ref(),
            &offered,
            &next,
        ) {
            Refreshing::Rotate => {
                store::rotate(
                    &mut tx,
                    session.session_id,
                    offered,
                    next,
                    rules::to_the_hour(now),
                )
                .await?;
                tx.commit().await?;
            }
            Refreshing::Repeat => {}
            Refreshing::Stolen => {
                let ended = self.end(&mut tx, vec![session.session_id]).await?;
                tx.commit().await?;
                self.announce_ended(ended);
                return Ok(Refreshed::Stolen(session.account_id));
            }
        }
        Ok(Refreshed::Tokens(self.tokens(
            session.account_id,
            session.device_id,
            session.session_id,
        )))
    }

    pub(super) async fn list_sessions(&self, access: Access) -> ApiResult<Vec<SessionInfo>> {
        let mut tx = self.platform.directory.begin().await?;
        let sessions = store::sessions(&mut tx, access.account_id).await?;
        Ok(sessions
            .into_iter()
            .map(|session| session.info(access.session_id))
            .collect())
    }

    /// Ends one of the account's own sessions; its device then needs the password. Ending it again is fine.
    ///
    /// # Errors
    /// `not_found` for a session that never was, or is another account's.
    pub(super) async fn revoke(&self, access: Access, session_id: SessionId) -> ApiResult<()> {
        let mut tx = self.platform.directory.begin().await?;
        let found = store::session(&mut tx, session_id).await?;
        let session = found
            .filter(|session| session.account_id == access.account_id)
            .ok_or(Code::NotFound)?;
        store::set_password_needed(&mut tx, access.account_id, session.device_id, true).await?;
        let ended = self.end(&mut tx, vec![session_id]).await?;
        tx.commit().await?;
        self.announce_ended(ended);
        Ok(())
    }

    /// Ends every session of the account but those of `kept` devices (after a Recover).
    pub async fn end_sessions_except(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        kept: &[DeviceId],
    ) -> ApiResult<Ended> {
        let leaving = store::sessions(tx, account_id)
            .await?
            .into_iter()
            .filter(|session| !kept.contains(&session.device_id))
            .map(|session| session.session_id)
            .collect();
        self.end(tx, leaving).await
    }

    pub(super) async fn end(&self, tx: &mut Tx, sessions: Vec<SessionId>) -> ApiResult<Ended> {
        let now = self.platform.clock.now();
        for session_id in &sessions {
            store::delete_session(tx, *session_id, now).await?;
        }
        Ok(Ended(sessions))
    }

    /// Tells this node at once that sessions ended; other nodes learn it within 2 s. Called after the commit.
    pub fn announce_ended(&self, ended: Ended) {
        self.platform.auth.revoked().add(ended.0);
    }
}
