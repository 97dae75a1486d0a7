//! What may be delivered, decided from facts alone: rights, budgets, stale and missing devices, full mailboxes.
//!
//! The same facts are gathered for every destination before anything is decided, so a blocked sender, an unknown
//! account and a used-up budget cost the same work and give the same answer (protocol.md section 4).

use securechat_proto::api::TokenKind;
use securechat_proto::limits::{
    DAY_MS, HELD_PER_TARGET_MAX, MAILBOX_BYTES_MAX, MAILBOX_ENVELOPES_MAX,
    REQUEST_ENVELOPE_BYTES_MAX, REQUESTS_PER_DAY, REQUESTS_PER_TARGET_PER_DAY,
    REQUESTS_RECEIVED_PER_DAY, RETENTION_MS,
};
use securechat_proto::wire::socket::{Accepted, DestinationResult, Outcome};
use securechat_proto::{DeviceId, SubmitId, Timestamp};

use super::submit::{Destination, Envelope, ExpiryClass, Submit};
use crate::platform::config::RECENT_SUBMITS_MAX;

/// The bounds a server works within; configuration with the protocol's values as defaults.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub retention_ms: u64,
    pub envelopes_max: u64,
    pub bytes_max: u64,
    pub requests_per_target: u32,
    pub requests_per_day: u32,
    pub requests_received: u32,
    pub held_max: u32,
    /// Acks are collected this long before they are committed with what is there: rows that were stored together are
    /// then deleted together, which writes a page once and not once a row.
    pub ack_delay_ms: u64,
    /// SQLite only: remembered submits that gather in the order they come before they are sorted into their index. More
    /// of them share a page when it is written; each takes about 80 bytes of memory.
    pub recent_submits_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            retention_ms: RETENTION_MS,
            envelopes_max: MAILBOX_ENVELOPES_MAX,
            bytes_max: MAILBOX_BYTES_MAX,
            requests_per_target: REQUESTS_PER_TARGET_PER_DAY,
            requests_per_day: REQUESTS_PER_DAY,
            requests_received: REQUESTS_RECEIVED_PER_DAY,
            held_max: HELD_PER_TARGET_MAX,
            ack_delay_ms: 0,
            recent_submits_max: RECENT_SUBMITS_MAX,
        }
    }
}

impl Bounds {
    /// Submits between two slices that are sorted: small enough that the batch that carries one is not held up.
    pub fn recent_slice(&self) -> usize {
        (self.recent_submits_max / 128).max(1)
    }
}

/// A live device of the destination account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceFacts {
    pub device_id: DeviceId,
    /// Envelopes sealed to a lower key number cannot be opened any more.
    pub sealing_floor: u32,
    pub pending: u64,
    pub pending_bytes: u64,
}

/// A delivery token as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    pub kind: TokenKind,
    pub uses: u32,
    pub uses_max: Option<u32>,
    pub expires_at: Option<Timestamp>,
}

impl TokenFacts {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.uses_max.is_none_or(|max| self.uses < max)
            && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether a use must be written down. A plain contact token has no count, so the hot path writes nothing.
    pub fn counts_uses(&self) -> bool {
        self.uses_max.is_some() || self.kind == TokenKind::Link
    }
}

/// Message requests already made today, and how many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetFacts {
    pub to_this_target: u32,
    pub by_sender: u32,
    pub received: u32,
    pub held: u32,
}

/// Everything known about one destination. No devices: no such account.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub devices: Vec<DeviceFacts>,
    pub token: Option<TokenFacts>,
    pub budget: BudgetFacts,
}

/// The right under which a destination is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    OwnAccount,
    Token,
    Request,
}

/// What to do with one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// None when refused.
    pub right: Option<Right>,
    pub missing: Vec<DeviceId>,
    pub stale: Vec<DeviceId>,
}

impl Verdict {
    fn refused() -> Self {
        Self {
            outcome: Outcome::Refused,
            right: None,
            missing: Vec::new(),
            stale: Vec::new(),
        }
    }

    /// Whether envelopes are to be written or handed on.
    pub fn takes(&self) -> bool {
        matches!(self.outcome, Outcome::Stored | Outcome::Held)
    }

    /// The envelopes to take: those for live devices whose sealing key is not too old.
    pub fn accepted<'a>(&'a self, to: &'a Destination) -> impl Iterator<Item = &'a Envelope> {
        let takes = self.takes();
        to.envelopes
            .iter()
            .filter(move |e| takes && !self.stale.contains(&e.device_id))
    }

    pub fn to_wire(&self) -> DestinationResult {
        let ids = |devices: &[DeviceId]| devices.iter().map(|id| id.to_vec()).collect();
        DestinationResult {
            outcome: self.outcome.into(),
            missing_devices: ids(&self.missing),
            stale_devices: ids(&self.stale),
        }
    }
}

/// Decides one destination of `submit`.
pub fn decide(
    submit: &Submit,
    to: &Destination,
    facts: &Facts,
    bounds: &Bounds,
    now: Timestamp,
) -> Verdict {
    let is_own = to.account_id == submit.from.account_id;
    let token_is_valid = facts.token.is_some_and(|token| token.is_valid(now));
    let right = match to.token {
        _ if is_own => Right::OwnAccount,
        Some(_) if token_is_valid => Right::Token,
        Some(_) => return Verdict::refused(),
        None => Right::Request,
    };
    if facts.devices.is_empty() {
        return Verdict::refused();
    }
    let is_request = right == Right::Request;
    if is_request && !request_is_allowed(submit, to, &facts.budget, bounds) {
        return Verdict::refused();
    }

    let live = |id: DeviceId| facts.devices.iter().find(|device| device.device_id == id);
    let mut stale: Vec<DeviceId> = to
        .envelopes
        .iter()
        .filter(|e| {
            live(e.device_id).is_none_or(|device| e.sealing_key_number < device.sealing_floor)
        })
        .map(|e| e.device_id)
        .collect();
    stale.dedup();
    let missing = facts
        .devices
        .iter()
        .map(|device| device.device_id)
        .filter(|id| {
            *id != submit.from.device_id && to.envelopes.iter().all(|e| e.device_id != *id)
        })
        .collect();
    let outcome = if is_request && facts.budget.received >= bounds.requests_received {
        Outcome::Held
    } else if submit.class == ExpiryClass::Durable && is_full(to, facts, bounds) {
        Outcome::MailboxFull
    } else {
        Outcome::Stored
    };
    Verdict {
        outcome,
        right: Some(right),
        missing,
        stale,
    }
}

/// Requests are durable, small, and within the budgets of sender and target.
fn request_is_allowed(
    submit: &Submit,
    to: &Destination,
    budget: &BudgetFacts,
    bounds: &Bounds,
) -> bool {
    let hold = budget.received >= bounds.requests_received;
    submit.class == ExpiryClass::Durable
        && to
            .envelopes
            .iter()
            .all(|e| e.ciphertext.len() <= REQUEST_ENVELOPE_BYTES_MAX)
        && budget.to_this_target < bounds.requests_per_target
        && budget.by_sender < bounds.requests_per_day
        && (!hold || budget.held < bounds.held_max)
}

/// Whether a named device has no room. One full device fills the destination: a copy is never dropped silently.
fn is_full(to: &Destination, facts: &Facts, bounds: &Bounds) -> bool {
    facts.devices.iter().any(|device| {
        let (count, bytes) = to
            .envelopes
            .iter()
            .filter(|e| e.device_id == device.device_id)
            .fold((0, 0), |(count, bytes), e| {
                (count + 1, bytes + e.ciphertext.len() as u64)
            });
        count > 0
            && (device.pending + count > bounds.envelopes_max
                || device.pending_bytes + bytes > bounds.bytes_max)
    })
}

/// How long the answer to a submit is remembered: as long as its envelopes may exist, and 31 days more.
pub fn remembered_until(accepted_at: Timestamp, bounds: &Bounds) -> Timestamp {
    accepted_at.saturating_add_ms(bounds.retention_ms + 31 * DAY_MS)
}

/// Whether a remembered result stands; the others are judged again when the submit is repeated.
pub fn is_final(result: &DestinationResult) -> bool {
    matches!(result.outcome(), Outcome::Stored | Outcome::Held)
}

/// The answer to a submit, as it goes to the device and, when something was taken, into `mailbox_submit`.
pub fn answer(
    submit_id: SubmitId,
    accepted_at: Timestamp,
    bounds: &Bounds,
    results: Vec<DestinationResult>,
) -> Accepted {
    Accepted {
        submit_id: submit_id.to_vec(),
        accepted_at_ms: accepted_at.0,
        expires_at_ms: accepted_at.saturating_add_ms(bounds.retention_ms).0,
        results,
    }
}

/// The acceptance time of a batch: never before the last one, so that the order of a mailbox is the order of its
/// times; a clock that was set back by more than a few seconds is believed, though.
pub fn acceptance_time(last: Timestamp, received_at: Timestamp) -> Timestamp {
    const CLOCK_STEP_MS: u64 = 5000;
    if last.since(received_at) > CLOCK_STEP_MS {
        received_at
    } else {
        last.max(received_at)
    }
}

/// A held request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub sender: [u8; 16],
    /// Which request of the day it was, of this sender to this target.
    pub turn: u32,
    pub held_at: Timestamp,
}

/// Oldest first, one per sender in turn: nobody fills the line by asking often.
pub fn in_turn(mut waiting: Vec<Waiting>) -> Vec<Waiting> {
    waiting.sort_by_key(|request| (request.turn, request.held_at));
    waiting
}
