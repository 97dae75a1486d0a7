//! Opening, in two steps: [`unseal`] takes the outer seal off and says who claims to have sent it, [`open`] proves it.

use super::OurDevice;
use super::outer::{self, EnvelopeHeader};
use crate::body::{self, Body};
use crate::error::ErrorKind;
use crate::keys::{X25519Secret, XWingSecret};
use crate::pqxdh::{self, Address, CompactHandshake, HandshakeHash, KemKeyId, KemKind, Party};
use crate::ratchet::{self, NewSession, PeerSessions, Refused};
use crate::repair::RepairKey;
use securechat_proto::account_log::State;
use securechat_proto::{EnvelopeId, Timestamp};

/// An envelope without its outer seal. The sender in it is a claim until [`open`] has returned.
pub struct Unsealed {
    envelope: EnvelopeId,
    pub(super) bytes: Vec<u8>,
    pub(super) body: Body,
}

impl Unsealed {
    /// Who claims to have sent it: whose log and sessions [`open`] needs.
    pub fn sender(&self) -> Address {
        self.body.sender
    }

    /// Which message key it was made with, by name. `None`: what is inside is no ratchet message.
    pub fn position(&self) -> Option<Position> {
        let (ratchet_key, chain_index) = ratchet::position(&self.body.message)?;
        Some(Position {
            session: self.body.sid.0,
            ratchet_key: ratchet_key.0,
            chain_index,
        })
    }
}

/// Names one message key of one sender. A device makes at most one message with it; the simulator holds every device
/// to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub session: [u8; 16],
    pub ratchet_key: [u8; 32],
    pub chain_index: u64,
}

/// The prekeys of this device, as its store keeps them.
pub trait PrekeyStore {
    /// What can go wrong in the store.
    type Error;

    /// The secret of the signed prekey that our bundle of this number named.
    fn signed_prekey(&self, bundle_number: u64) -> Result<Option<X25519Secret>, Self::Error>;

    /// The secret of a one-time or last-resort prekey, by the hash of its public half.
    fn kem(&self, kind: KemKind, key: &KemKeyId) -> Result<Option<XWingSecret>, Self::Error>;

    /// Whether [`ConsumedPrekey::LastResort`] was stored with this hash.
    fn was_answered(&self, handshake: &HandshakeHash) -> Result<bool, Self::Error>;
}

/// A content, proved to come from `sender`. Everything in here and the changed sessions go into one transaction.
pub struct Opened {
    pub sender: Address,
    /// A `proto::wire::content::Content`, not decoded.
    pub content: Vec<u8>,
    pub consumed: Option<ConsumedPrekey>,
}

/// What a first message used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumedPrekey {
    /// Erase its secret in this transaction.
    OneTime(KemKeyId),
    /// Remember the handshake until the key is erased: the same one must never be answered again.
    LastResort(KemKeyId, HandshakeHash),
}

/// An envelope that its sender did make for us and that does not open: the healing row is made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    pub sender: Address,
    /// For [`PeerSessions::want_fresh`], before the repair is sealed.
    pub seen_generation: u32,
}

/// Why an envelope was not opened; nothing changed. Each variant says what the caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The sealing key is erased: count and acknowledge; the sender heals it (docs/protocol/repair.md).
    #[error("the sealing key is not kept any more")]
    UnknownSealingKey,
    /// Sealed for another device, key or header, or changed on the way: count and drop.
    #[error("the seal does not open")]
    Unopenable,
    /// The body inside the seal is not one: count and drop.
    #[error("the sealed body is malformed")]
    Malformed,
    /// Store the envelope, acknowledge it, fetch the log of this account, try again.
    #[error("the log of the sender's account is not known")]
    SenderLogUnknown { sender: Address },
    /// The device is not active in its account's log: count and drop.
    #[error("the sending device is not active")]
    SenderInactive { sender: Address },
    /// Names this very device as sender: count and drop.
    #[error("the sender is this device")]
    OwnAddress,
    /// The repair tag does not verify: someone else made it. Count and drop, no row, no answer.
    #[error("the sender did not make this envelope")]
    Forged,
    /// The handshake names other keys than the sender's log: count and drop.
    #[error("the handshake names other keys than the log")]
    IdentityMismatch,
    /// Make a healing row, call [`PeerSessions::want_fresh`], ask for a repair.
    #[error("the sender's message does not open")]
    Broken(Broken),
    /// The log given is that of another account.
    #[error("the log given is not the sender's")]
    WrongSender,
    /// Our own state is damaged: report it, and heal it like [`Rejection::Broken`].
    #[error("the stored session can not be read")]
    Corrupt,
    #[error("no randomness")]
    NoRandomness,
}

impl Rejection {
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownSealingKey => "open_unknown_sealing_key",
            Self::Unopenable => "open_unopenable",
            Self::Malformed => "open_malformed",
            Self::SenderLogUnknown { .. } => "open_sender_log_unknown",
            Self::SenderInactive { .. } => "open_sender_inactive",
            Self::OwnAddress => "open_own_address",
            Self::Forged => "open_forged",
            Self::IdentityMismatch => "open_identity_mismatch",
            Self::Broken(_) => "open_broken",
            Self::WrongSender => "open_wrong_sender",
            Self::Corrupt => "open_session_corrupt",
            Self::NoRandomness => "no_randomness",
        }
    }

    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Unopenable
            | Self::Malformed
            | Self::SenderInactive { .. }
            | Self::OwnAddress
            | Self::Forged
            | Self::IdentityMismatch => ErrorKind::Misbehaved,
            Self::SenderLogUnknown { .. } | Self::NoRandomness => ErrorKind::Transient,
            Self::UnknownSealingKey | Self::Broken(_) | Self::Corrupt => ErrorKind::Resync,
            Self::WrongSender => ErrorKind::Bug,
        }
    }
}

/// The store failed, or the envelope was rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError<E> {
    #[error("the prekey store failed")]
    Store(E),
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// Takes the outer seal off. `key`: our sealing secret of the number in the header, `None` when it is erased.
///
/// # Errors
/// `UnknownSealingKey`, `Unopenable`, `Malformed`, `OwnAddress`.
pub fn unseal(
    recipient: &Address,
    key: Option<&XWingSecret>,
    header: &EnvelopeHeader,
    ciphertext: &[u8],
) -> Result<Unsealed, Rejection> {
    if !outer::has_sealed_length(ciphertext) {
        return Err(Rejection::Malformed);
    }
    let key = key.ok_or(Rejection::UnknownSealingKey)?;
    let bytes = outer::open(key, recipient, header, ciphertext).ok_or(Rejection::Unopenable)?;
    let body = body::decode(&bytes).map_err(|_| Rejection::Malformed)?;
    if body.sender == *recipient {
        return Err(Rejection::OwnAddress);
    }
    Ok(Unsealed {
        envelope: header.envelope,
        bytes,
        body,
    })
}

/// Proves the sender and opens the content, in the session the body names or in a new one.
///
/// `sender_log`: the acting state of the log of the account [`Unsealed::sender`] names, `None` when it is not known.
/// `sessions`: those with that device; they change only on success. The order of checks: log, repair tag, session by
/// its name, then a new handshake; so strangers cost one HMAC, and a replay never reaches a prekey while its session
/// lives.
///
/// # Errors
/// [`Rejection`] says what the caller does; `Store` passes the store's error through.
pub fn open<S: PrekeyStore>(
    ours: &OurDevice<'_>,
    unsealed: &Unsealed,
    sender_log: Option<&State>,
    sessions: &mut PeerSessions,
    prekeys: &S,
    now: Timestamp,
) -> Result<Opened, OpenError<S::Error>> {
    let body = &unsealed.body;
    let sender = &active_sender(&body.sender, sender_log)?;
    let our_address = ours.party().address();
    let key = RepairKey::derive(&our_address, &ours.keys.ik, sender).ok_or(Rejection::Forged)?;
    if !key.verify(&unsealed.envelope, &unsealed.bytes, &body.tag) {
        return Err(Rejection::Forged.into());
    }
    let seen_generation = body
        .handshake
        .as_ref()
        .map_or(0, |handshake| handshake.generation);
    let broken = Rejection::Broken(Broken {
        sender: body.sender,
        seen_generation,
    });
    match sessions.decrypt(&body.sid, &body.message, now) {
        Some(Ok(found)) => {
            let content = sessions.commit_opened(found, now);
            Ok(Opened {
                sender: body.sender,
                content,
                consumed: None,
            })
        }
        Some(Err(Refused::Undecryptable)) => Err(broken.into()),
        Some(Err(Refused::Corrupt)) => Err(Rejection::Corrupt.into()),
        None => match &body.handshake {
            Some(handshake) => answer(
                ours, body, handshake, sender, sessions, prekeys, broken, now,
            ),
            None => Err(broken.into()),
        },
    }
}

fn active_sender(sender: &Address, log: Option<&State>) -> Result<Party, Rejection> {
    let log = log.ok_or(Rejection::SenderLogUnknown { sender: *sender })?;
    if log.account != sender.fingerprint {
        return Err(Rejection::WrongSender);
    }
    Party::active(log, &sender.device).ok_or(Rejection::SenderInactive { sender: *sender })
}

/// Answers a handshake that belongs to no session yet.
#[allow(clippy::too_many_arguments)] // One call site; the parts of `open` that a handshake needs.
fn answer<S: PrekeyStore>(
    ours: &OurDevice<'_>,
    body: &Body,
    handshake: &CompactHandshake,
    sender: &Party,
    sessions: &mut PeerSessions,
    prekeys: &S,
    broken: Rejection,
    now: Timestamp,
) -> Result<Opened, OpenError<S::Error>> {
    if handshake.sender_dsk != sender.dsk || handshake.sender_ik != sender.ik {
        return Err(Rejection::IdentityMismatch.into());
    }
    let signed_prekey = prekeys
        .signed_prekey(handshake.bundle_number)
        .map_err(OpenError::Store)?;
    let kem = prekeys
        .kem(handshake.kem_kind, &handshake.kem_key)
        .map_err(OpenError::Store)?;
    let (Some(signed_prekey), Some(kem)) = (signed_prekey, kem) else {
        return Err(broken.into());
    };
    let responding = match pqxdh::respond(
        &ours.party(),
        &ours.keys.ik,
        sender,
        handshake,
        &signed_prekey,
        &kem,
    ) {
        Ok(responding) => responding,
        Err(pqxdh::HandshakeError::NoRandomness(_)) => return Err(Rejection::NoRandomness.into()),
        Err(pqxdh::HandshakeError::BadKey) => return Err(broken.into()),
    };
    if responding.sid != body.sid {
        return Err(broken.into());
    }
    let consumed = match handshake.kem_kind {
        KemKind::OneTime => ConsumedPrekey::OneTime(handshake.kem_key),
        KemKind::LastResort => {
            if prekeys
                .was_answered(&responding.hash)
                .map_err(OpenError::Store)?
            {
                // A repeated envelope has a known id and does not come here, so this is a later message of a session
                // that is gone. It heals; answering the handshake again would let old messages open twice.
                return Err(broken.into());
            }
            ConsumedPrekey::LastResort(handshake.kem_key, responding.hash)
        }
    };
    let (ratchet, content) = responding
        .awaiting
        .first_decrypt(&body.message)
        .map_err(|_| broken)?;
    let session = NewSession {
        sid: body.sid,
        generation: handshake.generation,
        base_key: handshake.ephemeral,
        unanswered: None,
        ratchet: ratchet.to_stored().map_err(|_| Rejection::Corrupt)?,
    };
    sessions.commit_answered(session, now);
    Ok(Opened {
        sender: body.sender,
        content,
        consumed: Some(consumed),
    })
}
