//! Signing in: by handle and password (OPAQUE), or by an active device's signature alone.

use super::backoff::{self, Wait};
use super::opaque::LoginState;
use super::{Accounts, Origin, rules, store};
use crate::platform::http::Network;
use crate::platform::primitives::sha256;
use crate::platform::{ApiError, ApiResult};
use securechat_proto::AccountId;
use securechat_proto::api::{
    Code, DeviceLogin, DeviceSession, LoginFinish, LoginFinished, LoginStart, LoginStarted,
    RegistrationStart, RegistrationStarted, SecurityEventKind, SessionTokens,
};
use securechat_proto::b64::Bytes;
use securechat_proto::limits::{LOGIN_STATE_TTL_S, SECOND_MS};
use securechat_proto::signing::Purpose;

const CHALLENGE_SEALED_AS: &str = "session-challenge";

impl Accounts {
    /// First registration message; writes nothing.
    ///
    /// # Errors
    /// `handle_taken` unless the same account holds it (a repeated sign-up), `sign_up_closed`, `invalid`.
    pub(super) async fn start_registration(
        &self,
        request: &RegistrationStart,
    ) -> ApiResult<RegistrationStarted> {
        rules::check_handle(&request.handle)?;
        let holder = store::by_handle(&self.platform.directory, &request.handle).await?;
        if holder.is_some_and(|holder| holder.account_id != request.account_id) {
            return Err(Code::HandleTaken.into());
        }
        if !self.platform.config.sign_up_open {
            return Err(Code::SignUpClosed.into());
        }
        let response = self.opaque.register(&request.handle, &request.request.0)?;
        Ok(RegistrationStarted {
            response: Bytes(response),
            stretching: self.platform.config.stretching,
        })
    }

    /// First log-in message. Every start counts as a guess; an unknown handle gets a dummy of the same shape.
    pub(super) async fn start_login(
        &self,
        request: &LoginStart,
        network: Network,
        origin: &Origin,
    ) -> ApiResult<LoginStarted> {
        rules::check_handle(&request.handle)?;
        let handle = request.handle.as_bytes();
        let guesses = [
            self.platform
                .secrets
                .pseudonym("backoff-network", &[handle, b"@", &network.to_bytes()]),
            self.platform.secrets.pseudonym("backoff-handle", &[handle]),
        ];
        let account = store::by_handle(&self.platform.directory, &request.handle).await?;
        let account_id = account.as_ref().map(|account| account.account_id);
        if let Err(wait) = self.count_guess(guesses) {
            if let (true, Some(account_id)) = (wait.is_first, account_id) {
                self.record(account_id, SecurityEventKind::LoginBlocked, origin)
                    .await;
            }
            return Err(ApiError::rate_limited(wait.seconds));
        }
        let known = account
            .as_ref()
            .map(|account| (account.account_id, account.record.as_slice()));
        let (response, login_state) = self.opaque.start_login(
            &self.platform,
            &request.handle,
            known,
            guesses,
            &request.request.0,
        )?;
        Ok(LoginStarted {
            response: Bytes(response),
            login_state: Bytes(login_state),
            stretching: account.map_or(self.platform.config.stretching, |account| {
                account.stretching
            }),
        })
    }

    fn count_guess(&self, guesses: [[u8; 32]; 2]) -> Result<(), Wait> {
        self.backoff.guess(guesses[0], backoff::ONE_NETWORK)?;
        self.backoff.guess(guesses[1], backoff::ALL_NETWORKS)
    }

    /// Second log-in message. Without a device the password alone tells the account id and nothing more.
    ///
    /// # Errors
    /// `wrong_credentials` for a wrong password, an unknown handle, a foreign or late state; as [`Self::open_device`].
    pub(super) async fn finish_login(
        &self,
        request: &LoginFinish,
        origin: &Origin,
    ) -> ApiResult<LoginFinished> {
        let state = LoginState::open(&self.platform, &request.login_state.0)?;
        let (account_id, guesses) = (state.account_id, state.guesses);
        let is_right = state.finished_by(&request.finish.0);
        let account_id = account_id.ok_or(Code::WrongCredentials)?;
        if !is_right {
            self.record(account_id, SecurityEventKind::LoginFailed, origin)
                .await;
            return Err(Code::WrongCredentials.into());
        }
        for key in guesses {
            self.backoff.was_right(key);
        }
        let account = store::by_id(&self.platform.directory, account_id)
            .await?
            .ok_or(Code::WrongCredentials)?;
        let tokens = match &request.device {
            None => None,
            Some(device) => {
                let proved = Proved {
                    account_id,
                    by: ProvedBy::Password,
                    challenge: &request.login_state.0,
                };
                Some(self.open_device(&proved, device, origin).await?)
            }
        };
        Ok(LoginFinished {
            account_id,
            fingerprint: account.fingerprint,
            tokens,
        })
    }

    /// A nonce that lives 60 s; stateless.
    pub(super) fn challenge(&self) -> Vec<u8> {
        let until = self
            .platform
            .clock
            .now()
            .saturating_add_ms(LOGIN_STATE_TTL_S * SECOND_MS);
        self.platform.secrets.seal(
            CHALLENGE_SEALED_AS,
            b"",
            &until.0.to_be_bytes(),
            &self.platform.rng,
        )
    }

    /// Opens a session by signature alone.
    ///
    /// # Errors
    /// `unauthenticated` for a late or foreign challenge or a wrong signature, `password_needed`, `device_not_linked`.
    pub(super) async fn open_by_device(
        &self,
        request: &DeviceSession,
        origin: &Origin,
    ) -> ApiResult<SessionTokens> {
        let opened = self
            .platform
            .secrets
            .open(CHALLENGE_SEALED_AS, b"", &request.challenge.0);
        let until = opened
            .ok()
            .and_then(|bytes| bytes.as_slice().try_into().ok().map(u64::from_be_bytes));
        if until.is_none_or(|until| until <= self.platform.clock.now().0) {
            return Err(Code::Unauthenticated.into());
        }
        let proved = Proved {
            account_id: request.account_id,
            by: ProvedBy::Device,
            challenge: &request.challenge.0,
        };
        self.open_device(&proved, &request.device, origin).await
    }

    async fn open_device(
        &self,
        proved: &Proved<'_>,
        login: &DeviceLogin,
        origin: &Origin,
    ) -> ApiResult<SessionTokens> {
        let session = &login.session;
        let mut tx = self.platform.directory.begin().await?;
        let device = store::device_in(&mut tx, proved.account_id, session.device_id)
            .await?
            .ok_or(Code::DeviceNotLinked)?;
        let hash = sha256(proved.challenge);
        let fields: [&[u8]; 3] = [b"login", session.session_id.as_bytes(), &hash];
        if !device.has_signed(Purpose::Auth, &fields, &login.signature.0) {
            return Err(Code::Unauthenticated.into());
        }
        match (proved.by, device.password_needed) {
            (ProvedBy::Device, true) => return Err(Code::PasswordNeeded.into()),
            (ProvedBy::Password, true) => {
                store::set_password_needed(&mut tx, proved.account_id, session.device_id, false)
                    .await?;
            }
            (_, false) => {}
        }
        let ended = self
            .open_session(&mut tx, proved.account_id, session)
            .await?;
        tx.commit().await?;
        self.announce_ended(ended);
        self.record(proved.account_id, SecurityEventKind::LoggedIn, origin)
            .await;
        Ok(self.tokens(proved.account_id, session.device_id, session.session_id))
    }
}

/// What was shown before a device asks for a session.
struct Proved<'a> {
    account_id: AccountId,
    by: ProvedBy,
    /// The login state or challenge whose hash the device signs.
    challenge: &'a [u8],
}

#[derive(Clone, Copy)]
enum ProvedBy {
    Password,
    Device,
}
