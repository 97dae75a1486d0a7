//! The store counter: every durable submit carries the next number and its own hash, signed. The relay keeps the last
//! record and gives it back at connect, which tells whether another copy of this store was used in the meantime.
//!
//! Knows: the last numbers and what they were signed for. Must never know: what a submit holds.
//! Rule: docs/protocol/engine-api.md, "Store counter".

use crate::account::{self, Me};
use crate::api::AccountState;
use crate::context::Cx;
use crate::error::Outcome;
use crate::store::rows::{int, uint};
use rusqlite::params;
use securechat_proto::limits;

/// Counters whose requests are remembered: far more than the relay remembers submits.
const COUNTERS_REMEMBERED: u64 = 4 * limits::SUBMITS_REMEMBERED as u64;

/// The next counter for `request`: record and signature by the DSK.
pub(super) fn sign(cx: &mut Cx<'_>, me: &Me, request: &[u8]) -> Outcome<(Vec<u8>, Vec<u8>)> {
    let number = uint(cx.db.number("SELECT counter FROM store_state", [])?) + 1;
    cx.db
        .run("UPDATE store_state SET counter = ?1", [int(number)])?;
    let (record, signature) = me.keys.sign_counter(&me.fingerprint, number, request);
    cx.db.run(
        "INSERT OR REPLACE INTO outbox_counters (slot, counter, request_hash) VALUES (?1, ?2, ?3)",
        params![
            int(number % COUNTERS_REMEMBERED),
            int(number),
            record.request_hash.as_slice()
        ],
    )?;
    Ok((record.encode().to_vec(), signature.to_vec()))
}

/// The newest counter record the relay holds of this device. One that this device signed, but not from this store, means
/// that another copy of the store was used in the meantime: this one sends nothing any more. It is above ours, or stands
/// for another request: what a copy seals before it hears of the relay counts on from where it was copied.
pub(crate) fn on_relay_counter(cx: &mut Cx<'_>, record: &[u8], signature: &[u8]) -> Outcome<()> {
    let me = cx.me()?;
    let Some(theirs) = <[u8; 64]>::try_from(signature)
        .ok()
        .and_then(|signature| me.keys.read_counter(&me.fingerprint, record, &signature))
    else {
        return Ok(());
    };
    let ours = uint(cx.db.number("SELECT counter FROM store_state", [])?);
    let remembered = cx.db.one(
        "SELECT request_hash FROM outbox_counters WHERE slot = ?1 AND counter = ?2",
        [
            int(theirs.counter % COUNTERS_REMEMBERED),
            int(theirs.counter),
        ],
        |row| row.get::<_, [u8; 32]>(0),
    )?;
    if theirs.counter > ours || remembered.is_some_and(|hash| hash != theirs.request_hash) {
        account::set_state(cx, AccountState::StaleCopy)?;
    }
    Ok(())
}
