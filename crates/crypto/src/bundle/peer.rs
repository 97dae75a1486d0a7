//! Accepting another device's bundle: only signed by a device that is active in its account's log, never an older
//! one than seen before, and one-time prekeys only with the path that proves them.

use crate::error::ErrorKind;
use crate::identity::DevicePublic;
use crate::keys::{SigningPublic, X25519Public, XWingPublic};
use crate::primitives::Library;
use securechat_proto::account_log::{Freshness, Log, State};
use securechat_proto::bundle::{Bundle, SignedBundle, verify_path};
use securechat_proto::limits::DAY_MS;
use securechat_proto::public_key::KeyType;
use securechat_proto::signing::Purpose;
use securechat_proto::{DeviceId, Fingerprint, Timestamp};

/// A bundle older than this is used, and the person is told: its device has not been online, or the relay holds back.
pub const AGE_WARNING_MS: u64 = 40 * DAY_MS;

/// Why a bundle or prekey is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("bundle refused: {}", self.code())]
pub enum BundleRefused {
    Malformed,
    OtherAccount,
    OtherDevice,
    DeviceNotActive,
    BadSignature,
    /// A lower number than seen, or the same number with other bytes: the relay went back.
    WentBack,
    /// A public key that is no valid key of its kind.
    InvalidKey,
    /// The path does not prove this one-time prekey.
    NotProved,
    /// The bundle knows entries of its account's log that we lack: fetch the log, then try again.
    LogBehind,
    /// The bundle stands on another branch of the log.
    LogForks,
}

impl BundleRefused {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OtherAccount => "other_account",
            Self::OtherDevice => "other_device",
            Self::DeviceNotActive => "device_not_active",
            Self::BadSignature => "bad_signature",
            Self::WentBack => "went_back",
            Self::InvalidKey => "invalid_key",
            Self::NotProved => "not_proved",
            Self::LogBehind => "log_behind",
            Self::LogForks => "log_forks",
        }
    }

    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::LogBehind => ErrorKind::Resync,
            _ => ErrorKind::Misbehaved,
        }
    }
}

/// A verified bundle of another device. Made by [`verify`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerBundle {
    device: DevicePublic,
    bundle: Bundle,
}

/// The keys one handshake uses (PQXDH).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeKeys {
    pub bundle_number: u64,
    pub signed_prekey: X25519Public,
    /// [`KeyType::OneTime`] or [`KeyType::LastResort`].
    pub kem_type: KeyType,
    pub kem_key: XWingPublic,
}

/// Verifies a bundle of device `expected` against its account's log; `state` is that log's acting state.
/// `seen` is the newest bundle of this device accepted before (number, as sent).
///
/// # Errors
/// [`BundleRefused`]; nothing of a refused bundle may be used.
pub fn verify(
    bytes: &[u8],
    expected: &DeviceId,
    log: &Log,
    state: &State,
    seen: Option<(u64, &[u8])>,
) -> Result<PeerBundle, BundleRefused> {
    let (bundle, device) = verify_signed(bytes, expected, log, state)?;
    if let Some((number, seen_bytes)) = seen
        && (bundle.number < number || (bundle.number == number && seen_bytes != bytes))
    {
        return Err(BundleRefused::WentBack);
    }
    Ok(PeerBundle { device, bundle })
}

/// Everything but the number: also older bundles, that prove one-time prekeys still in stock.
fn verify_signed(
    bytes: &[u8],
    expected: &DeviceId,
    log: &Log,
    state: &State,
) -> Result<(Bundle, DevicePublic), BundleRefused> {
    let signed = SignedBundle::decode(bytes).map_err(|_| BundleRefused::Malformed)?;
    let bundle = &signed.bundle;
    if bundle.account != state.account {
        return Err(BundleRefused::OtherAccount);
    }
    if bundle.device != *expected {
        return Err(BundleRefused::OtherDevice);
    }
    let record = &state
        .device(expected)
        .ok_or(BundleRefused::DeviceNotActive)?
        .keys;
    let dsk = SigningPublic(record.dsk);
    if !dsk.verify(
        Purpose::Bundle,
        &bundle.account,
        &bundle.device,
        &[signed.body()],
        &signed.signature,
    ) {
        return Err(BundleRefused::BadSignature);
    }
    match log.freshness(&bundle.log_head) {
        Freshness::Same | Freshness::Behind(_) => {}
        Freshness::ClaimAhead => return Err(BundleRefused::LogBehind),
        Freshness::ClaimForks => return Err(BundleRefused::LogForks),
    }
    for key in [&bundle.last_resort, &bundle.sealing_key] {
        XWingPublic(key.clone())
            .library_key()
            .ok_or(BundleRefused::InvalidKey)?;
    }
    let device = DevicePublic {
        dsk,
        ik: X25519Public(record.ik),
        archive: XWingPublic(record.archive.clone()),
    };
    Ok((signed.bundle, device))
}

impl PeerBundle {
    pub fn account(&self) -> Fingerprint {
        self.bundle.account
    }

    pub fn device_id(&self) -> DeviceId {
        self.bundle.device
    }

    /// The device's keys from its account's log.
    pub fn device(&self) -> &DevicePublic {
        &self.device
    }

    pub fn number(&self) -> u64 {
        self.bundle.number
    }

    pub fn signed_prekey(&self) -> X25519Public {
        X25519Public(self.bundle.signed_prekey)
    }

    pub fn sealing_number(&self) -> u32 {
        self.bundle.sealing_number
    }

    pub fn sealing_key(&self) -> XWingPublic {
        XWingPublic(self.bundle.sealing_key.clone())
    }

    /// What the bundle says about the account's log.
    pub fn log_head(&self) -> securechat_proto::account_log::LogHead {
        self.bundle.log_head
    }

    /// Whether the bundle is so old that the person is told.
    pub fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.bundle.created) > AGE_WARNING_MS
    }

    /// Keys for a handshake when no one-time prekey was handed out.
    pub fn last_resort(&self) -> HandshakeKeys {
        self.handshake(
            KeyType::LastResort,
            XWingPublic(self.bundle.last_resort.clone()),
        )
    }

    /// Keys for a handshake with a one-time prekey, proved by this bundle or by the older one in `proved_by`.
    ///
    /// # Errors
    /// [`BundleRefused`]
    pub fn one_time(
        &self,
        index: u32,
        key: &[u8],
        path: &[[u8; 32]],
        proved_by: Option<&[u8]>,
        log: &Log,
        state: &State,
    ) -> Result<HandshakeKeys, BundleRefused> {
        let older = proved_by
            .map(|bytes| verify_signed(bytes, &self.bundle.device, log, state))
            .transpose()?;
        let prover = older.as_ref().map_or(&self.bundle, |(bundle, _)| bundle);
        if prover.number > self.bundle.number {
            return Err(BundleRefused::WentBack);
        }
        let key = XWingPublic::from_slice(key).ok_or(BundleRefused::Malformed)?;
        if !verify_path(
            &Library,
            &prover.one_time_root,
            prover.one_time_count,
            index,
            &key.0,
            path,
        ) {
            return Err(BundleRefused::NotProved);
        }
        key.library_key().ok_or(BundleRefused::InvalidKey)?;
        Ok(self.handshake(KeyType::OneTime, key))
    }

    fn handshake(&self, kem_type: KeyType, kem_key: XWingPublic) -> HandshakeKeys {
        HandshakeKeys {
            bundle_number: self.number(),
            signed_prekey: self.signed_prekey(),
            kem_type,
            kem_key,
        }
    }
}
