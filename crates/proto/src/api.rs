//! Bodies of the REST API (`/v1`). JSON, snake_case; bytes base64url without padding; times `*_ms` below 2^53.
//!
//! Errors are RFC 9457 `application/problem+json` with a stable `code` ([`Problem`]).

use crate::b64::Bytes;
use crate::ids::{AccountId, DeviceId, Fingerprint, SessionId, Timestamp, TokenHash};
use serde::{Deserialize, Serialize};

/// Derives what every body has.
macro_rules! body {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$fdoc:meta])* pub $field:ident : $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }
    };
}

/// Every stable error code of the REST API. The text form is the code on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body, a path part or a header did not decode or broke a limit.
    Invalid,
    /// No such thing, or not yours.
    NotFound,
    /// The access token is missing, wrong or expired.
    Unauthenticated,
    /// Handle and password do not fit together (the same answer for an unknown handle).
    WrongCredentials,
    /// The session was revoked, or its refresh token was used twice.
    SessionRevoked,
    /// This device was signed out by its owner: log in with the password.
    PasswordNeeded,
    /// The device is not (or no longer) in the account log: link it or use the recovery kit.
    DeviceNotLinked,
    /// Authenticated, but not allowed.
    Forbidden,
    HandleTaken,
    /// Sign-up is closed or needs an invitation here.
    SignUpClosed,
    /// Somebody else wrote first: fetch, rebuild, try again.
    Conflict,
    /// Too many requests; see `retry_after_s`.
    RateLimited,
    /// Body above the limit.
    TooLarge,
    /// A quota of this account is used up.
    QuotaExceeded,
    MethodNotAllowed,
    UnsupportedMediaType,
    /// Storage is away or full; try later.
    Unavailable,
    /// A bug at the relay.
    Internal,
}

/// RFC 9457 problem details. No free text about the request, so nothing can leak into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `about:blank`
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP reason phrase.
    pub title: String,
    pub status: u16,
    pub code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

body! {
/// `GET /v1/server`: what this relay offers; needs no session.
pub struct ServerInfo {
    /// Shown name of this server.
    pub name: String,
    /// Product version.
    pub version: String,
    /// Socket protocol versions served.
    pub protocol_min: u32,
    pub protocol_max: u32,
    pub sign_up_open: bool,
    pub retention_days: u32,
    /// What this relay stores, generated from its schema; the list is complete.
    pub knows: Vec<KnownFact>,
}}

body! {
/// One row of "what the server knows".
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct KnownFact {
    /// Stable key for translation, e.g. `mailbox.envelope`.
    pub key: String,
    /// The tables and columns it stands for.
    pub columns: Vec<String>,
    /// How long it is kept: days, or none for as long as the account exists.
    pub kept_days: Option<u32>,
}}

// ---- accounts: sign-up -------------------------------------------------------------------------

body! {
/// `POST /v1/accounts/registration`: first OPAQUE registration message. Writes nothing.
pub struct RegistrationStart {
    pub account_id: AccountId,
    pub handle: String,
    /// OPAQUE RegistrationRequest, 32 bytes.
    pub request: Bytes,
}}

body! {
pub struct RegistrationStarted {
    /// OPAQUE RegistrationResponse, 64 bytes.
    pub response: Bytes,
    pub stretching: Stretching,
}}

/// Argon2id parameters of an OPAQUE record, versioned: another value is another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stretching {
    pub version: u32,
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
}

body! {
/// `PUT /v1/accounts/{account_id}`: creates account, first device and session in one transaction.
/// Idempotent: the same body again answers the same (a crash re-emits it).
pub struct SignUp {
    pub handle: String,
    /// OPAQUE RegistrationUpload, 192 bytes.
    pub record: Bytes,
    pub stretching: Stretching,
    /// The Genesis log entry.
    pub genesis: Bytes,
    pub bundle: BundleUpload,
    pub session: NewSession,
}}

body! {
/// A session the client chose: id, and the hash of its first refresh token (the client makes refresh tokens,
/// so a repeated request is the same bytes).
pub struct NewSession {
    pub session_id: SessionId,
    pub device_id: DeviceId,
    /// Shown in the session list, encrypted for the account's own devices; at most 256 bytes.
    pub sealed_name: Bytes,
    /// SHA-256 of the first refresh token.
    pub refresh_hash: Bytes,
}}

body! {
/// Answer to sign-up, log-in and refresh.
pub struct SessionTokens {
    pub account_id: AccountId,
    pub session_id: SessionId,
    /// JWT (HS256), 5 minutes.
    pub access_token: String,
    pub access_expires_at_ms: Timestamp,
    pub server_time_ms: Timestamp,
}}

// ---- accounts: log-in and sessions -------------------------------------------------------------

body! {
/// `POST /v1/sessions/login`: first OPAQUE login message.
pub struct LoginStart {
    pub handle: String,
    /// OPAQUE CredentialRequest (KE1), 96 bytes.
    pub request: Bytes,
}}

body! {
pub struct LoginStarted {
    /// OPAQUE CredentialResponse (KE2), 320 bytes. For an unknown handle a convincing dummy.
    pub response: Bytes,
    /// The relay's own state, sealed by it, valid 60 s; given back in [`LoginFinish`].
    pub login_state: Bytes,
    pub stretching: Stretching,
}}

body! {
/// `POST /v1/sessions`: second OPAQUE login message, opens a session for a device of this account.
pub struct LoginFinish {
    pub login_state: Bytes,
    /// OPAQUE CredentialFinalization (KE3), 64 bytes.
    pub finish: Bytes,
    /// None: this client has no device of the account. It then learns the account id ([`LoginFinished`]) and nothing else.
    pub device: Option<DeviceLogin>,
}}

body! {
/// Proof that the device asking is in the account log.
pub struct DeviceLogin {
    pub session: NewSession,
    /// Ed25519 by the DSK, purpose `auth`, fields: `login` || session id || SHA-256(login_state or challenge).
    pub signature: Bytes,
}}

body! {
pub struct LoginFinished {
    pub account_id: AccountId,
    pub fingerprint: Fingerprint,
    /// Present when the device was proved.
    pub tokens: Option<SessionTokens>,
}}

body! {
/// `POST /v1/sessions/challenge`: a nonce for opening a session by DSK signature alone. Stateless, 60 s.
pub struct Challenge {
    pub challenge: Bytes,
}}

body! {
/// `POST /v1/sessions/device`: opens a session for a device that is active in the log, without a password.
/// `password_needed` when its owner had signed it out.
pub struct DeviceSession {
    pub account_id: AccountId,
    pub challenge: Bytes,
    pub device: DeviceLogin,
}}

body! {
/// `POST /v1/sessions/refresh`: rotates the refresh token. A repeat of the same bytes answers again;
/// an old token with another successor is theft and revokes the session.
pub struct Refresh {
    pub session_id: SessionId,
    /// 32 bytes.
    pub refresh_token: Bytes,
    /// SHA-256 of the token that replaces it, made and stored by the client before sending.
    pub next_refresh_hash: Bytes,
    /// Ed25519 by the DSK, purpose `auth`, fields: `refresh` || session id || SHA-256(refresh_token) || next_refresh_hash.
    pub signature: Bytes,
}}

body! {
/// `GET /v1/sessions`
pub struct SessionList {
    pub sessions: Vec<SessionInfo>,
}}

body! {
pub struct SessionInfo {
    pub session_id: SessionId,
    pub device_id: DeviceId,
    pub sealed_name: Bytes,
    pub created_at_ms: Timestamp,
    /// Rounded down to the hour.
    pub last_used_at_ms: Timestamp,
    pub current: bool,
}}

body! {
/// `GET /v1/security-events`: the account's own trail, 30 days.
pub struct SecurityEvents {
    pub events: Vec<SecurityEvent>,
}}

/// What may stand in the security trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SecurityEventKind {
    SignedUp,
    LoggedIn,
    LoginFailed,
    LoginBlocked,
    SessionRevoked,
    RefreshTokenReused,
    LoggedOut,
    LogAppended,
}

body! {
pub struct SecurityEvent {
    pub kind: SecurityEventKind,
    pub at_ms: Timestamp,
    /// Keyed pseudonym of the network it came from, the same for the same network for a day; never an address.
    pub origin: String,
}}

// ---- keys --------------------------------------------------------------------------------------

body! {
/// `GET /v1/handles/{handle}`, and `GET /v1/identities/{fingerprint}` (base64url): where to fetch the account log of
/// someone whose first envelope names only the fingerprint. `not_found` otherwise.
pub struct HandleInfo {
    pub account_id: AccountId,
    pub fingerprint: Fingerprint,
}}

body! {
/// `GET /v1/accounts/{account_id}/log?from=N`: entries from sequence N on, at most 256 KiB a fetch.
pub struct LogEntries {
    pub entries: Vec<Bytes>,
    /// Sequence of the newest entry at the relay.
    pub head_sequence: u64,
}}

body! {
/// `PUT /v1/log/{sequence}`: appends to the own log, compare-and-set on (sequence, previous hash).
pub struct LogAppend {
    pub entry: Bytes,
}}

body! {
/// `PUT /v1/bundle`: publishes the device's signed bundle and the one-time prekeys it proves.
/// A lower number than the relay holds is refused (`conflict`); the same bytes again are fine.
pub struct BundleUpload {
    /// Signed bundle: body || signature, as signed.
    pub bundle: Bytes,
    /// X-Wing public keys, 1216 bytes each, in Merkle leaf order.
    pub one_time_prekeys: Vec<Bytes>,
}}

body! {
/// `GET /v1/bundle`: what the relay holds for the asking device.
pub struct BundleState {
    pub number: Option<u64>,
    /// SHA-256 of the bundle bytes held.
    pub bundle_hash: Option<Bytes>,
    pub one_time_left: u32,
}}

body! {
/// `POST /v1/accounts/{account_id}/prekeys`: takes one one-time prekey of each named device, exactly once each.
/// An empty list names all live devices. Out of one-time keys or over budget: the last-resort key in the bundle serves.
pub struct PrekeyClaim {
    pub devices: Vec<DeviceId>,
}}

body! {
pub struct PrekeyBundles {
    pub bundles: Vec<PrekeyBundle>,
}}

body! {
pub struct PrekeyBundle {
    pub device_id: DeviceId,
    pub bundle: Bytes,
    pub one_time: Option<OneTimePrekey>,
}}

body! {
pub struct OneTimePrekey {
    /// Leaf index in the bundle's Merkle tree.
    pub index: u32,
    pub public_key: Bytes,
    /// The number of the bundle whose root proves it.
    pub bundle_number: u64,
    /// The signed bundle that proves it, when it is an older one than `PrekeyBundle::bundle`.
    pub proved_by: Option<Bytes>,
    /// Sibling hashes from leaf to root, 32 bytes each.
    pub path: Vec<Bytes>,
}}

// ---- delivery tokens ---------------------------------------------------------------------------

/// What a delivery token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// One accepted contact; no budget beyond the submitter's own rate.
    Contact,
    /// Invite link or QR: counts uses, expires.
    Link,
}

body! {
/// `PUT /v1/delivery-tokens/{token_hash}`; `DELETE` takes the right away (block).
pub struct TokenRegistration {
    pub kind: TokenKind,
    /// Submits it allows; none for no count.
    pub uses_max: Option<u32>,
    pub expires_at_ms: Option<Timestamp>,
}}

body! {
/// `GET /v1/delivery-tokens`
pub struct TokenList {
    pub tokens: Vec<TokenInfo>,
}}

body! {
pub struct TokenInfo {
    pub token_hash: TokenHash,
    pub kind: TokenKind,
    pub uses: u32,
    pub uses_max: Option<u32>,
    pub expires_at_ms: Option<Timestamp>,
}}

// ---- vault -------------------------------------------------------------------------------------

body! {
/// `GET /v1/vault`
pub struct VaultList {
    pub records: Vec<VaultInfo>,
}}

body! {
pub struct VaultInfo {
    pub name: String,
    pub version: u64,
    pub size_bytes: u64,
}}

body! {
/// `GET /v1/vault/{name}`
pub struct VaultRecord {
    pub version: u64,
    pub body: Bytes,
}}

body! {
/// `PUT /v1/vault/{name}`: writes version `version`, which must be one above the stored one (`conflict` otherwise;
/// the same version with the same bytes is a repeat and fine).
pub struct VaultWrite {
    pub version: u64,
    pub body: Bytes,
}}
