//! OPAQUE (RFC 9807), the client's half: the password never leaves the device, also not as a hash.
//!
//! Knows: the password while a log-in runs. Must never know: an account log, a key of the archive by default.
//! Suite, sizes and parameter floor: `securechat_proto::opaque`; known answers: docs/protocol/vectors/opaque.json.

use crate::error::ErrorKind;
use crate::keys::Secret;
use opaque_ke::argon2::{Algorithm, Argon2, Params, Version};
use opaque_ke::errors::ProtocolError;
use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialResponse, Identifiers, RegistrationResponse,
    Ristretto255, TripleDh,
};
use rand08::rngs::OsRng;
use rand08::{CryptoRng, RngCore};
use securechat_proto::api::Stretching;
use securechat_proto::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use securechat_proto::opaque::{
    CREDENTIAL_FINALIZATION_BYTES, CREDENTIAL_REQUEST_BYTES, REGISTRATION_REQUEST_BYTES,
    REGISTRATION_UPLOAD_BYTES, is_acceptable,
};
use zeroize::Zeroizing;

/// ristretto255, triple Diffie-Hellman, SHA-512, Argon2id.
struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_10::Sha512>;
    type Ksf = Argon2<'static>;
}

/// Why registration or log-in stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("opaque: {}", self.code())]
pub enum OpaqueError {
    /// Shorter or longer than the limits.
    PasswordLength,
    /// The relay asked for parameters below the floor or above the ceiling.
    Stretching,
    /// The relay's message is malformed.
    Malformed,
    /// Wrong password, unknown handle or a relay that is not the one of the record: they look the same.
    WrongCredentials,
    /// The library failed in itself.
    Internal,
}

impl OpaqueError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::PasswordLength => "password_length",
            Self::Stretching => "stretching_refused",
            Self::Malformed => "opaque_malformed",
            Self::WrongCredentials => "wrong_credentials",
            Self::Internal => "opaque_internal",
        }
    }

    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Stretching | Self::Malformed => ErrorKind::Misbehaved,
            Self::PasswordLength | Self::WrongCredentials => ErrorKind::Transient,
            Self::Internal => ErrorKind::Bug,
        }
    }
}

impl From<ProtocolError> for OpaqueError {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::InvalidLoginError => Self::WrongCredentials,
            ProtocolError::SerializationError
            | ProtocolError::SizeError { .. }
            | ProtocolError::ReflectedValueError => Self::Malformed,
            ProtocolError::LibraryError(_) | ProtocolError::Custom(_) => Self::Internal,
        }
    }
}

/// A registration between its two messages. Holds the password; lives in memory only.
pub struct Registration {
    state: ClientRegistration<Suite>,
    password: Zeroizing<Vec<u8>>,
    /// RegistrationRequest, to send.
    pub request: [u8; REGISTRATION_REQUEST_BYTES],
}

/// A finished registration.
pub struct Registered {
    /// RegistrationUpload: the record the relay keeps.
    pub record: [u8; REGISTRATION_UPLOAD_BYTES],
    /// The same at every later log-in with this password and record; unknown to the relay.
    pub export_key: Secret<64>,
}

impl Registration {
    /// # Errors
    /// `PasswordLength`
    pub fn start(password: &str) -> Result<Self, OpaqueError> {
        Self::start_with(password, &mut OsRng)
    }

    fn start_with(
        password: &str,
        rng: &mut (impl CryptoRng + RngCore),
    ) -> Result<Self, OpaqueError> {
        let password = checked(password)?;
        let started = ClientRegistration::<Suite>::start(rng, &password)?;
        Ok(Self {
            state: started.state,
            request: array(&started.message.serialize())?,
            password,
        })
    }

    /// Makes the record from the relay's RegistrationResponse. Takes as long as the stretching (0.2 s at 64 MiB).
    ///
    /// # Errors
    /// `Stretching`, `Malformed`
    pub fn finish(
        self,
        response: &[u8],
        stretching: &Stretching,
    ) -> Result<Registered, OpaqueError> {
        self.finish_with(response, stretching, &mut OsRng)
    }

    fn finish_with(
        self,
        response: &[u8],
        stretching: &Stretching,
        rng: &mut (impl CryptoRng + RngCore),
    ) -> Result<Registered, OpaqueError> {
        let stretch = stretch(stretching)?;
        let response =
            RegistrationResponse::deserialize(response).map_err(|_| OpaqueError::Malformed)?;
        let parameters =
            ClientRegistrationFinishParameters::new(Identifiers::default(), Some(&stretch));
        let finished = self
            .state
            .finish(rng, &self.password, response, parameters)?;
        let mut export_key = array(&finished.export_key)?;
        Ok(Registered {
            record: array(&finished.message.serialize())?,
            export_key: Secret::take(&mut export_key),
        })
    }
}

/// A log-in between its two messages. Holds the password; lives in memory only.
pub struct Login {
    state: ClientLogin<Suite>,
    password: Zeroizing<Vec<u8>>,
    /// KE1, to send.
    pub request: [u8; CREDENTIAL_REQUEST_BYTES],
}

/// A log-in that succeeded on this side.
pub struct LoggedIn {
    /// KE3, to send: proves the password to the relay.
    pub finish: [u8; CREDENTIAL_FINALIZATION_BYTES],
    pub export_key: Secret<64>,
    /// Shared with the relay; not used, sessions are bound to the DSK.
    pub session_key: Secret<64>,
}

impl Login {
    /// # Errors
    /// `PasswordLength`
    pub fn start(password: &str) -> Result<Self, OpaqueError> {
        Self::start_with(password, &mut OsRng)
    }

    fn start_with(
        password: &str,
        rng: &mut (impl CryptoRng + RngCore),
    ) -> Result<Self, OpaqueError> {
        let password = checked(password)?;
        let started = ClientLogin::<Suite>::start(rng, &password)?;
        Ok(Self {
            state: started.state,
            request: array(&started.message.serialize())?,
            password,
        })
    }

    /// Checks the relay's KE2. Nothing is sent when it does not fit: a wrong password stays on the device.
    ///
    /// # Errors
    /// `WrongCredentials`, `Stretching`, `Malformed`
    pub fn finish(self, response: &[u8], stretching: &Stretching) -> Result<LoggedIn, OpaqueError> {
        let stretch = stretch(stretching)?;
        let response =
            CredentialResponse::deserialize(response).map_err(|_| OpaqueError::Malformed)?;
        let parameters =
            ClientLoginFinishParameters::new(None, Identifiers::default(), Some(&stretch));
        let finished = self
            .state
            .finish(&mut OsRng, &self.password, response, parameters)?;
        let (mut export_key, mut session_key) =
            (array(&finished.export_key)?, array(&finished.session_key)?);
        Ok(LoggedIn {
            finish: array(&finished.message.serialize())?,
            export_key: Secret::take(&mut export_key),
            session_key: Secret::take(&mut session_key),
        })
    }
}

fn checked(password: &str) -> Result<Zeroizing<Vec<u8>>, OpaqueError> {
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count()) {
        return Err(OpaqueError::PasswordLength);
    }
    Ok(Zeroizing::new(password.as_bytes().to_vec()))
}

fn stretch(stretching: &Stretching) -> Result<Argon2<'static>, OpaqueError> {
    if !is_acceptable(stretching) {
        return Err(OpaqueError::Stretching);
    }
    let parameters = Params::new(
        stretching.memory_kib,
        stretching.iterations,
        stretching.parallelism,
        None,
    )
    .map_err(|_| OpaqueError::Stretching)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], OpaqueError> {
    bytes.try_into().map_err(|_| OpaqueError::Internal)
}

#[cfg(test)]
#[path = "opaque_tests.rs"]
mod tests;
