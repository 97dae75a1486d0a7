//! The server half of OPAQUE (RFC 9807): ristretto255, 3DH, SHA-512. The stretching runs on the device.
//!
//! The credential identifier is the handle, for known and unknown ones alike, so an unknown handle answers the same
//! way every time. Between the two log-in messages the state travels sealed with the client; nothing is written.

use crate::platform::db::params;
use crate::platform::{ApiResult, Platform};
use opaque_ke::ksf::Identity;
use opaque_ke::{
    CipherSuite, CredentialFinalization, CredentialRequest, RegistrationRequest,
    RegistrationUpload, Ristretto255, ServerLogin, ServerLoginParameters, ServerRegistration,
    ServerSetup, TripleDh,
};
use securechat_proto::api::Code;
use securechat_proto::limits::{LOGIN_STATE_TTL_S, SECOND_MS};
use securechat_proto::{AccountId, Timestamp};

/// The suite; the stretching function is the client's business and not used by this half.
struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_10::Sha512>;
    type Ksf = Identity;
}

/// The relay's long-term OPAQUE keys: random, stored sealed by SECRET_KEY.
pub struct Server {
    setup: ServerSetup<Suite>,
}

/// What comes back from the client with its second message.
pub struct LoginState {
    /// None for an unknown handle: such a log-in cannot finish.
    pub account_id: Option<AccountId>,
    /// Pseudonyms whose back-off ends when this log-in finishes.
    pub guesses: [[u8; 32]; 2],
    login: ServerLogin<Suite>,
}

const SEALED_AS: &str = "opaque-login";
const SETUP_SEALED_AS: &str = "opaque-setup";

impl Server {
    /// Reads the stored keys, or makes and stores them. Two nodes that start at once end with the same.
    pub async fn load_or_make(platform: &Platform) -> ApiResult<Self> {
        let mut rng = platform.rng.clone();
        let made = ServerSetup::<Suite>::new(&mut rng);
        let sealed = platform
            .secrets
            .seal(SETUP_SEALED_AS, b"", &made.serialize(), &platform.rng);
        platform
            .directory
            .execute(
                "INSERT INTO accounts_server (name, sealed) VALUES ('opaque_setup', $1) ON CONFLICT DO NOTHING",
                params![sealed],
            )
            .await?;
        let stored = platform
            .directory
            .first(
                "SELECT sealed FROM accounts_server WHERE name = 'opaque_setup'",
                params![],
            )
            .await?
            .ok_or(Code::Internal)?
            .bytes(0)?;
        let opened = platform
            .secrets
            .open(SETUP_SEALED_AS, b"", &stored)
            .map_err(|_| {
                tracing::error!("SECRET_KEY does not fit this database: log-in keys do not open");
                Code::Internal
            })?;
        let setup = ServerSetup::deserialize(&opened).map_err(|_| Code::Internal)?;
        if !platform.secrets.is_current(SETUP_SEALED_AS, b"", &stored) {
            // The former SECRET_KEY may be taken away from here on.
            let sealed = platform
                .secrets
                .seal(SETUP_SEALED_AS, b"", &opened, &platform.rng);
            platform
                .directory
                .execute(
                    "UPDATE accounts_server SET sealed = $1 WHERE name = 'opaque_setup' AND sealed = $2",
                    params![sealed, stored],
                )
                .await?;
        }
        Ok(Self { setup })
    }

    /// RegistrationRequest (32 bytes) to RegistrationResponse (64 bytes).
    pub fn register(&self, handle: &str, request: &[u8]) -> ApiResult<Vec<u8>> {
        let request =
            RegistrationRequest::<Suite>::deserialize(request).map_err(|_| Code::Invalid)?;
        let answer = ServerRegistration::<Suite>::start(&self.setup, request, handle.as_bytes())
            .map_err(|_| Code::Invalid)?;
        Ok(answer.message.serialize().to_vec())
    }

    /// KE1 (96 bytes) to KE2 (320 bytes) and the sealed state. Without a record the answer is a dummy.
    pub fn start_login(
        &self,
        platform: &Platform,
        handle: &str,
        known: Option<(AccountId, &[u8])>,
        guesses: [[u8; 32]; 2],
        request: &[u8],
    ) -> ApiResult<(Vec<u8>, Vec<u8>)> {
        let request =
            CredentialRequest::<Suite>::deserialize(request).map_err(|_| Code::Invalid)?;
        let record = known
            .map(|(_, record)| ServerRegistration::<Suite>::deserialize(record))
            .transpose()
            .map_err(|_| Code::Internal)?;
        let started = ServerLogin::start(
            &mut platform.rng.clone(),
            &self.setup,
            record,
            request,
            handle.as_bytes(),
            ServerLoginParameters::default(),
        )
        .map_err(|_| Code::Invalid)?;
        let until = platform
            .clock
            .now()
            .saturating_add_ms(LOGIN_STATE_TTL_S * SECOND_MS);
        let account_id = known.map(|(account_id, _)| account_id);
        let mut state = Vec::new();
        state.extend_from_slice(&until.0.to_be_bytes());
        state.push(account_id.is_some().into());
        state.extend_from_slice(account_id.unwrap_or(AccountId([0; 16])).as_bytes());
        state.extend_from_slice(&guesses.concat());
        state.extend_from_slice(&started.state.serialize());
        let sealed = platform.secrets.seal(SEALED_AS, b"", &state, &platform.rng);
        Ok((started.message.serialize().to_vec(), sealed))
    }
}

impl LoginState {
    /// Opens what [`Server::start_login`] sealed; `wrong_credentials` when it is foreign or older than 60 s.
    pub fn open(platform: &Platform, sealed: &[u8]) -> ApiResult<Self> {
        let state = platform
            .secrets
            .open(SEALED_AS, b"", sealed)
            .map_err(|_| Code::WrongCredentials)?;
        Self::read(&state, platform.clock.now()).ok_or(Code::WrongCredentials.into())
    }

    fn read(state: &[u8], now: Timestamp) -> Option<Self> {
        let (until, rest) = state.split_first_chunk::<8>()?;
        let (is_known, rest) = rest.split_first()?;
        let (account_id, rest) = rest.split_first_chunk::<16>()?;
        let (first, rest) = rest.split_first_chunk::<32>()?;
        let (second, login) = rest.split_first_chunk::<32>()?;
        if u64::from_be_bytes(*until) <= now.0 {
            return None;
        }
        Some(Self {
            account_id: (*is_known == 1).then_some(AccountId(*account_id)),
            guesses: [*first, *second],
            login: ServerLogin::deserialize(login).ok()?,
        })
    }

    /// Checks KE3 (64 bytes): whether the client knew the password.
    pub fn finished_by(self, finish: &[u8]) -> bool {
        CredentialFinalization::<Suite>::deserialize(finish).is_ok_and(|message| {
            self.login
                .finish(message, ServerLoginParameters::default())
                .is_ok()
        })
    }
}

/// A registration upload (192 bytes) that decodes.
pub fn check_record(record: &[u8]) -> ApiResult<()> {
    let upload = RegistrationUpload::<Suite>::deserialize(record).map_err(|_| Code::Invalid)?;
    // Stored as sent; this proves that a later log-in can read it.
    let kept = ServerRegistration::<Suite>::finish(upload).serialize();
    if kept.as_slice() == record {
        Ok(())
    } else {
        Err(Code::Invalid.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The file is made by the client's half (`securechat-crypto`), which this crate does not link.
    #[test]
    fn known_answers_of_the_client_fit_this_half() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/protocol/vectors/opaque.json"
        );
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let bytes = |name: &str| -> Vec<u8> {
            let text = file[name].as_str().unwrap();
            (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        let server = Server {
            setup: ServerSetup::deserialize(&bytes("server_setup")).unwrap(),
        };
        let handle = file["credential_identifier"].as_str().unwrap();
        let answer = server.register(handle, &bytes("registration_request"));
        assert_eq!(answer.unwrap(), bytes("registration_response"));
        assert!(check_record(&bytes("registration_upload")).is_ok());

        let login = ServerLogin::<Suite>::deserialize(&bytes("server_login_state")).unwrap();
        let finish = CredentialFinalization::deserialize(&bytes("ke3")).unwrap();
        let finished = login
            .finish(finish, ServerLoginParameters::default())
            .unwrap();
        assert_eq!(finished.session_key.as_slice(), bytes("session_key"));
    }
}
