//! All sessions with one peer device and the rules that choose between them.

use super::session::{Ratchet, RatchetError};
use crate::keys::X25519Public;
use crate::pqxdh::{CompactHandshake, SessionName};
use securechat_proto::Timestamp;
use securechat_proto::limits::{DAY_MS, HOUR_MS, MINUTE_MS};
use std::cmp::Reverse;
use zeroize::Zeroizing;

/// Sessions kept with one device: the one in use, the one it replaced, and one more for simultaneous starts.
pub(super) const SESSIONS_MAX: usize = 3;
/// A replaced session still receives for this long, then its keys are erased.
const RECEIVE_ONLY_MS: u64 = 48 * HOUR_MS;
/// Fresh key material comes in after this age or this many messages in both directions.
const FRESH_AFTER_MS: u64 = 7 * DAY_MS;
const FRESH_AFTER_MESSAGES: u32 = 1000;
/// Own new sessions with one device are at least this far apart.
const STARTS_APART_MS: u64 = MINUTE_MS;

/// All sessions with one peer device. Plain data: the engine stores [`PeerSessions::to_bytes`] in the transaction
/// that stores the envelope or content, and nothing changes here when a call fails.
#[derive(Default)]
pub struct PeerSessions {
    pub(super) highest_generation: u32,
    pub(super) last_started: Option<Timestamp>,
    pub(super) fresh_wanted: bool,
    pub(super) entries: Vec<Entry>,
}

/// One session at rest.
pub(super) struct Entry {
    pub sid: SessionName,
    pub generation: u32,
    pub base_key: X25519Public,
    pub created: Timestamp,
    /// Messages sealed and opened.
    pub used: u32,
    /// Ours and not answered yet: the handshake that goes along with every message.
    pub unanswered: Option<CompactHandshake>,
    /// Receive-only since then.
    pub superseded: Option<Timestamp>,
    pub ratchet: Zeroizing<Vec<u8>>,
}

impl Entry {
    /// Higher is newer; of two sessions of one generation the lower base key wins, on both sides alike.
    fn rank(&self) -> (u32, Reverse<X25519Public>) {
        (self.generation, Reverse(self.base_key))
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let answered = self.unanswered.is_none();
        (answered && now.since(self.created) >= FRESH_AFTER_MS) || self.used >= FRESH_AFTER_MESSAGES
    }
}

/// What the next message to the peer has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// Send on this session; `due` asks for prekeys, so that a coming message can start a fresh one.
    Use { index: usize, due: bool },
    /// Start a session of this generation.
    Start { generation: u32 },
    /// A session is needed, but the last one was started less than a minute ago.
    TooSoon { until: Timestamp },
}

/// Why a message found no session that opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Undecryptable,
    Corrupt,
}

/// A session that opened a message, with its next state; [`PeerSessions::commit_opened`] puts it in place.
pub(crate) struct Found {
    index: usize,
    ratchet: Zeroizing<Vec<u8>>,
    pub plaintext: Vec<u8>,
}

/// A session about to be added.
pub(crate) struct NewSession {
    pub sid: SessionName,
    pub generation: u32,
    pub base_key: X25519Public,
    /// Ours: the handshake to repeat until the first answer.
    pub unanswered: Option<CompactHandshake>,
    /// [`Ratchet::to_stored`] after its first message.
    pub ratchet: Zeroizing<Vec<u8>>,
}

impl PeerSessions {
    /// No session yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a fresh session: the next message to this device starts one, above `seen_generation`.
    /// Called when an envelope of this device was broken; a handshake that did not open counts as seen,
    /// else both sides could wait on sessions of the same generation for ever.
    pub fn want_fresh(&mut self, seen_generation: u32) {
        self.highest_generation = self.highest_generation.max(seen_generation);
        self.fresh_wanted = true;
    }

    /// Whether the next message can only be sealed with prekeys of the peer: it has to start a session.
    pub fn needs_prekeys(&self, now: Timestamp) -> bool {
        matches!(self.outgoing(false, now), Outgoing::Start { .. })
    }

    /// Chooses what the next message does. `have_prekeys`: a due session is replaced only when prekeys are at hand,
    /// because a message never waits for a fresh session that is merely due.
    pub(crate) fn outgoing(&self, have_prekeys: bool, now: Timestamp) -> Outgoing {
        let start = Outgoing::Start {
            generation: self.highest_generation.saturating_add(1),
        };
        // A start that lies in the future was written before the clock was set back: it delays nothing.
        let too_soon = self
            .last_started
            .filter(|at| *at <= now && now.since(*at) < STARTS_APART_MS)
            .map(|at| at.saturating_add_ms(STARTS_APART_MS));
        let Some((index, entry)) = self.sending(now) else {
            return too_soon.map_or(start, |until| Outgoing::TooSoon { until });
        };
        // An unanswered session of the last minute is as fresh as a repair can ask for.
        if self.fresh_wanted && !(too_soon.is_some() && entry.unanswered.is_some()) {
            return too_soon.map_or(start, |until| Outgoing::TooSoon { until });
        }
        let due = entry.is_due(now) && too_soon.is_none();
        if due && have_prekeys {
            start
        } else {
            Outgoing::Use { index, due }
        }
    }

    /// Encrypts on the session at `index`: message, its name, the handshake to send along, the ratchet's next state.
    pub(crate) fn encrypt(
        &self,
        index: usize,
        content: &[u8],
    ) -> Result<Encrypted<'_>, RatchetError> {
        let entry = self.entries.get(index).ok_or(RatchetError::Corrupt)?;
        let mut ratchet = Ratchet::from_stored(&entry.ratchet)?;
        let message = ratchet.encrypt(content)?;
        Ok(Encrypted {
            sid: entry.sid,
            handshake: entry.unanswered.as_ref(),
            message,
            next: ratchet.to_stored()?,
        })
    }

    /// Puts the state after [`Self::encrypt`] in place. A wish for a fresh session is met by then: it let the
    /// message through only because the session is one.
    pub(crate) fn commit_sent(&mut self, index: usize, next: Zeroizing<Vec<u8>>, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.ratchet = next;
            entry.used = entry.used.saturating_add(1);
        }
        self.fresh_wanted = false;
        self.erase_expired(now);
    }

    /// Adds a session of ours that has sealed its first message.
    pub(crate) fn commit_started(&mut self, session: NewSession, now: Timestamp) {
        self.erase_expired(now);
        self.highest_generation = self.highest_generation.max(session.generation);
        self.last_started = Some(now);
        self.fresh_wanted = false;
        self.insert(session, None, now);
    }

    /// Opens a message in the session it names. `None`: no such session.
    pub(crate) fn decrypt(
        &self,
        sid: &SessionName,
        message: &[u8],
        now: Timestamp,
    ) -> Option<Result<Found, Refused>> {
        let (index, entry) = self.live(now).find(|(_, entry)| entry.sid == *sid)?;
        let open = || {
            let mut ratchet = Ratchet::from_stored(&entry.ratchet)?;
            let plaintext = ratchet.decrypt(message)?;
            Ok(Found {
                index,
                ratchet: ratchet.to_stored()?,
                plaintext,
            })
        };
        Some(open().map_err(|error: RatchetError| match error {
            RatchetError::Malformed | RatchetError::Undecryptable => Refused::Undecryptable,
            RatchetError::Corrupt | RatchetError::CanNotEncrypt => Refused::Corrupt,
        }))
    }

    /// Puts the state after [`Self::decrypt`] in place: the session is answered, lower ones become receive-only.
    pub(crate) fn commit_opened(&mut self, found: Found, now: Timestamp) -> Vec<u8> {
        if let Some(entry) = self.entries.get_mut(found.index) {
            entry.ratchet = found.ratchet;
            entry.used = entry.used.saturating_add(1);
            entry.unanswered = None;
            let rank = entry.rank();
            self.supersede_below(rank, now);
        }
        self.erase_expired(now);
        found.plaintext
    }

    /// Adds a session of the peer's whose first message has opened.
    pub(crate) fn commit_answered(&mut self, session: NewSession, now: Timestamp) {
        self.erase_expired(now);
        let rank = (session.generation, Reverse(session.base_key));
        // Below an answered session the new one only receives; our own unanswered one decides when it is answered.
        let outranked = self
            .entries
            .iter()
            .any(|entry| entry.unanswered.is_none() && entry.rank() > rank);
        if session.generation > self.highest_generation {
            self.fresh_wanted = false;
        }
        // A peer that starts below a session it has answered has lost that session, and we would go on sending on it.
        self.fresh_wanted |= outranked;
        self.highest_generation = self.highest_generation.max(session.generation);
        self.insert(session, outranked.then_some(now), now);
        self.supersede_below(rank, now);
    }

    fn insert(&mut self, session: NewSession, superseded: Option<Timestamp>, now: Timestamp) {
        let NewSession {
            sid,
            generation,
            base_key,
            unanswered,
            ratchet,
        } = session;
        if self.entries.len() >= SESSIONS_MAX {
            let lowest = self.entries.iter().enumerate().min_by_key(|(_, entry)| {
                // A receive-only session leaves before any session that is in use.
                (entry.superseded.is_none(), entry.rank())
            });
            if let Some((index, _)) = lowest {
                self.entries.remove(index);
            }
        }
        self.entries.push(Entry {
            sid,
            generation,
            base_key,
            created: now,
            used: 1,
            unanswered,
            superseded,
            ratchet,
        });
    }

    /// The session to send on: the highest that is not receive-only.
    fn sending(&self, now: Timestamp) -> Option<(usize, &Entry)> {
        self.live(now)
            .filter(|(_, entry)| entry.superseded.is_none())
            .max_by_key(|(_, entry)| entry.rank())
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries
            .iter()
            .enumerate()
            .filter(move |(_, entry)| !has_expired(entry, now))
    }

    fn supersede_below(&mut self, rank: (u32, Reverse<X25519Public>), now: Timestamp) {
        for entry in &mut self.entries {
            if entry.rank() < rank && entry.superseded.is_none() {
                entry.superseded = Some(now);
            }
        }
    }

    fn erase_expired(&mut self, now: Timestamp) {
        self.entries.retain(|entry| !has_expired(entry, now));
    }
}

/// A message encrypted on a session, not yet committed.
pub(crate) struct Encrypted<'a> {
    pub sid: SessionName,
    pub handshake: Option<&'a CompactHandshake>,
    pub message: Vec<u8>,
    pub next: Zeroizing<Vec<u8>>,
}

fn has_expired(entry: &Entry, now: Timestamp) -> bool {
    entry
        .superseded
        .is_some_and(|since| now.since(since) >= RECEIVE_ONLY_MS)
}
