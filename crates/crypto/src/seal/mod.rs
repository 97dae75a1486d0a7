//! Envelopes: one content sealed for one device, and opened by it.
//!
//! Knows: sessions, prekeys, sealing keys, the order of the checks. Must never know: what a content says, where
//! anything is stored, the network. Verbs: [`seal`], [`unseal`], [`open`]. Bytes: `docs/protocol/envelope.md`.

mod open;
pub(crate) mod outer;

pub use open::{
    Broken, ConsumedPrekey, OpenError, Opened, Position, PrekeyStore, Rejection, Unsealed, open,
    unseal,
};
pub use outer::{EnvelopeHeader, ExpiryClass};

pub use crate::body::CONTENT_BYTES_MAX;

use crate::body;
use crate::bundle::{HandshakeKeys, PeerBundle};
use crate::error::{ErrorKind, NoRandomness};
use crate::identity::DeviceKeys;
use crate::pqxdh::{self, Fresh, HandshakeError, Party};
use crate::primitives::sha256;
use crate::ratchet::{NewSession, Outgoing, PeerSessions, RatchetError};
use crate::repair::RepairKey;
use securechat_proto::{EnvelopeId, Fingerprint, Timestamp};

/// This device: its account and its secret keys.
#[derive(Clone, Copy)]
pub struct OurDevice<'a> {
    pub fingerprint: Fingerprint,
    pub keys: &'a DeviceKeys,
}

impl OurDevice<'_> {
    pub fn party(&self) -> Party {
        Party::new(self.fingerprint, self.keys.public())
    }
}

/// The device an envelope is for: its newest verified bundle.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    pub bundle: &'a PeerBundle,
    /// Claimed for a new session; `None` until [`SealError::NeedsPrekeys`] or [`Sealed::fresh_session_due`] asks.
    pub prekeys: Option<&'a HandshakeKeys>,
}

/// An envelope made once: these bytes are stored, and every retry sends them unchanged.
pub struct Sealed {
    pub sealing_key_number: u32,
    /// HPKE enc || ciphertext.
    pub ciphertext: Vec<u8>,
    /// The prekeys given along were used up; otherwise they are still good.
    pub prekeys_used: bool,
    /// The session is old: claim prekeys and give them along with a later message.
    pub fresh_session_due: bool,
}

/// Why nothing was sealed; the sessions are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A session has to be started: claim the peer's prekeys and call again.
    #[error("prekeys of the peer are needed")]
    NeedsPrekeys,
    /// A session was started less than a minute ago and is of no use: call again then.
    #[error("the next session may be started later")]
    TooSoon { until: Timestamp },
    /// Longer than [`CONTENT_BYTES_MAX`].
    #[error("the content is too long")]
    TooLarge,
    /// The peer published a key that is none.
    #[error("a key of the peer is not usable")]
    BadPeerKey,
    /// The recipient is this very device.
    #[error("the recipient is this device")]
    OwnAddress,
    /// Our own state is damaged: report it, call [`PeerSessions::want_fresh`] and call again.
    #[error("the stored session can not be read")]
    Corrupt,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl SealError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::NeedsPrekeys => "seal_needs_prekeys",
            Self::TooSoon { .. } => "seal_too_soon",
            Self::TooLarge => "seal_too_large",
            Self::BadPeerKey => "seal_bad_peer_key",
            Self::OwnAddress => "seal_own_address",
            Self::Corrupt => "seal_session_corrupt",
            Self::NoRandomness(error) => error.code(),
        }
    }

    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::NeedsPrekeys | Self::TooSoon { .. } | Self::NoRandomness(_) => {
                ErrorKind::Transient
            }
            Self::BadPeerKey => ErrorKind::Misbehaved,
            Self::Corrupt => ErrorKind::Resync,
            Self::TooLarge | Self::OwnAddress => ErrorKind::Bug,
        }
    }
}

impl From<RatchetError> for SealError {
    fn from(_: RatchetError) -> Self {
        Self::Corrupt
    }
}

impl From<HandshakeError> for SealError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::BadKey => Self::BadPeerKey,
            HandshakeError::NoRandomness(error) => Self::NoRandomness(error),
        }
    }
}

/// Seals `content` for one device, on its session or on a new one.
///
/// `sessions` changes only on success and is stored in the transaction that stores the envelope. `now` is the
/// device's clock; `envelope` is fresh for every envelope.
///
/// # Errors
/// [`SealError`]: `NeedsPrekeys` and `TooSoon` ask for another call, nothing was made.
pub fn seal(
    ours: &OurDevice<'_>,
    sessions: &mut PeerSessions,
    to: &Recipient<'_>,
    content: &[u8],
    envelope: EnvelopeId,
    expiry: ExpiryClass,
    now: Timestamp,
) -> Result<Sealed, SealError> {
    if content.len() > CONTENT_BYTES_MAX {
        return Err(SealError::TooLarge);
    }
    let our_address = ours.party().address();
    let peer = Party::new(to.bundle.account(), to.bundle.device());
    if our_address == peer.address() {
        return Err(SealError::OwnAddress);
    }
    let header = EnvelopeHeader {
        envelope,
        sealing_key_number: to.bundle.sealing_number(),
        expiry,
    };
    match sessions.outgoing(to.prekeys.is_some(), now) {
        Outgoing::TooSoon { until } => Err(SealError::TooSoon { until }),
        Outgoing::Use { index, due } => {
            let encrypted = sessions.encrypt(index, content)?;
            let body = body::encode(
                &our_address,
                &encrypted.sid,
                encrypted.handshake,
                &encrypted.message,
            );
            let ciphertext = finish(ours, &peer, to.bundle, &header, body)?;
            let next = encrypted.next;
            sessions.commit_sent(index, next, now);
            Ok(sealed(&header, ciphertext, false, due))
        }
        Outgoing::Start { generation } => {
            let prekeys = to.prekeys.ok_or(SealError::NeedsPrekeys)?;
            let (session, message) =
                start(ours, &peer, prekeys, generation, content, Fresh::draw()?)?;
            let body = body::encode(
                &our_address,
                &session.sid,
                session.unanswered.as_ref(),
                &message,
            );
            let ciphertext = finish(ours, &peer, to.bundle, &header, body)?;
            sessions.commit_started(session, now);
            Ok(sealed(&header, ciphertext, true, false))
        }
    }
}

/// SHA-256 of an envelope's ciphertext: how a repair names it.
pub fn envelope_hash(ciphertext: &[u8]) -> [u8; 32] {
    sha256(&[ciphertext])
}

/// Runs the handshake and encrypts the first message on it.
fn start(
    ours: &OurDevice<'_>,
    peer: &Party,
    prekeys: &HandshakeKeys,
    generation: u32,
    content: &[u8],
    fresh: Fresh,
) -> Result<(NewSession, Vec<u8>), SealError> {
    let initiated = pqxdh::initiate(
        &ours.party(),
        &ours.keys.ik,
        peer,
        prekeys,
        generation,
        fresh,
    )?;
    let pqxdh::Initiated {
        sid,
        mut ratchet,
        compact,
    } = initiated;
    let message = ratchet.encrypt(content)?;
    let session = NewSession {
        sid,
        generation,
        base_key: compact.ephemeral,
        unanswered: Some(compact),
        ratchet: ratchet.to_stored()?,
    };
    Ok((session, message))
}

/// Tags and seals an encoded body.
fn finish(
    ours: &OurDevice<'_>,
    peer: &Party,
    bundle: &PeerBundle,
    header: &EnvelopeHeader,
    body: Option<Vec<u8>>,
) -> Result<Vec<u8>, SealError> {
    let mut body = body.ok_or(SealError::TooLarge)?;
    let address = ours.party().address();
    let key = RepairKey::derive(&address, &ours.keys.ik, peer).ok_or(SealError::BadPeerKey)?;
    let tag = key.tag(&header.envelope, &body);
    body::set_tag(&mut body, &tag);
    let seed = outer::draw_seed()?;
    outer::seal(&bundle.sealing_key(), &peer.address(), header, &body, seed)
        .ok_or(SealError::BadPeerKey)
}

fn sealed(
    header: &EnvelopeHeader,
    ciphertext: Vec<u8>,
    prekeys_used: bool,
    fresh_session_due: bool,
) -> Sealed {
    Sealed {
        sealing_key_number: header.sealing_key_number,
        ciphertext,
        prekeys_used,
        fresh_session_due,
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::world;
