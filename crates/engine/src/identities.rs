//! Account logs, own and others': fetched, verified, compared, kept; frozen when two contradict each other.
//!
//! Knows: who has which devices, and since when this device has seen it. Must never know: a secret key, a content.
//! Rules: docs/protocol/account-log.md. Terms run by this device's own clock, never by the relay's.

use crate::account;
use crate::api::AccountState;
use crate::context::Cx;
use crate::error::Outcome;
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::Topic;
use crate::store::rows::{Db, int, uint};
use crate::{contacts, inbox, outbox};
use rusqlite::params;
use securechat_crypto::primitives::Library;
use securechat_proto::account_log::{
    Advance, Branch, Entry, ForkProof, Log, LogHead, Operation, State, Verified, verify_chain,
};
use securechat_proto::api::LogEntries;
use securechat_proto::wire::content;
use securechat_proto::{AccountId, DeviceId, Fingerprint, Timestamp, limits};
use std::sync::Arc;

/// Verified logs kept in memory.
const CACHED_MAX: usize = 256;
/// A log that was compared with the relay's so recently is not fetched again for a mere claim.
const FETCH_APART_MS: u64 = limits::MINUTE_MS;

/// The verified log of an account, if this device holds it.
pub(crate) fn log(
    cx: &mut Cx<'_>,
    fingerprint: &Fingerprint,
) -> Outcome<Option<Arc<Verified<Log>>>> {
    if let Some(log) = cx.live.logs.get(fingerprint) {
        return Ok(Some(log.clone()));
    }
    let Some(log) = read(cx.db, fingerprint)?.map(Arc::new) else {
        return Ok(None);
    };
    if cx.live.logs.len() >= CACHED_MAX {
        cx.live.logs.pop_first();
    }
    cx.live.logs.insert(*fingerprint, log.clone());
    Ok(Some(log))
}

/// Reads and verifies what is stored; a log that does not verify any more counts as not held and is fetched again.
pub(crate) fn read(db: Db<'_>, fingerprint: &Fingerprint) -> Outcome<Option<Verified<Log>>> {
    let entries = db.all(
        "SELECT entry FROM identities_entries WHERE fingerprint = ?1 ORDER BY sequence",
        [fingerprint.as_bytes()],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    Ok(verify_chain(&entries, &Library)
        .ok()
        .filter(|log| log.fingerprint() == *fingerprint))
}

/// The state to act by: entries that wait for their term have no effect yet.
pub(crate) fn acting(cx: &mut Cx<'_>, log: &Verified<Log>) -> Outcome<State> {
    if log.terms().next().is_none() {
        return Ok(log.state().clone());
    }
    let seen = seen_times(cx, log)?;
    Ok(log.acting_state(&|hash| elapsed(&seen, hash), &Library))
}

type Seen = Vec<([u8; 32], u64)>;

fn elapsed(seen: &Seen, hash: &[u8; 32]) -> u64 {
    seen.iter()
        .find(|(known, _)| known == hash)
        .map_or(0, |(_, elapsed_ms)| *elapsed_ms)
}

fn seen_times(cx: &Cx<'_>, log: &Verified<Log>) -> Outcome<Seen> {
    let rows = cx.db.all(
        "SELECT sequence, seen_at FROM identities_entries WHERE fingerprint = ?1",
        [log.fingerprint().as_bytes()],
        |row| Ok((uint(row.get(0)?), Timestamp(uint(row.get(1)?)))),
    )?;
    let local = cx.local;
    Ok(rows
        .into_iter()
        .filter_map(|(sequence, at)| Some((log.entry_hash(sequence)?, local.since(at))))
        .collect())
}

pub(crate) fn is_frozen(db: Db<'_>, fingerprint: &Fingerprint) -> Outcome<Option<Timestamp>> {
    let at = db.one(
        "SELECT frozen_at FROM identities_logs WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    Ok(at.flatten().map(|at| Timestamp(uint(at))))
}

pub(crate) fn is_held(db: Db<'_>, fingerprint: &Fingerprint) -> Outcome<bool> {
    db.exists(
        "SELECT 1 FROM identities_logs WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
    )
}

pub(crate) fn account_of(db: Db<'_>, fingerprint: &Fingerprint) -> Outcome<Option<AccountId>> {
    db.one(
        "SELECT account_id FROM identities_logs WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
        |row| Ok(AccountId(row.get(0)?)),
    )
}

/// Fetches the entries we lack of an account's log, from the relay.
pub(crate) fn fetch(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    fingerprint: Fingerprint,
) -> Outcome<()> {
    let held = cx.db.number(
        "SELECT count(*) FROM identities_entries WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
    )?;
    // From the newest entry we hold on: another entry there is a fork, and another Genesis another person.
    fetch_from(cx, account_id, fingerprint, uint(held).saturating_sub(1))
}

fn belongs_to(entry: &[u8], fingerprint: &Fingerprint) -> bool {
    Entry::decode(entry).is_ok_and(|entry| entry.body.account == *fingerprint)
}

fn fetch_from(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    fingerprint: Fingerprint,
    from: u64,
) -> Outcome<()> {
    let request = Request::get(
        format!("log:{account_id}"),
        Purpose::FetchLog {
            account_id,
            fingerprint,
            from,
        },
        format!("/v1/accounts/{account_id}/log?from={from}"),
    );
    requests::send(cx, request)?;
    Ok(())
}

/// Fetches only when the last comparison with the relay is a while ago.
pub(crate) fn fetch_if_old(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    fingerprint: Fingerprint,
) -> Outcome<()> {
    let fetched = cx.db.number(
        "SELECT fetched_at FROM identities_logs WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
    )?;
    if cx.now.since(Timestamp(uint(fetched))) >= FETCH_APART_MS {
        fetch(cx, account_id, fingerprint)
    } else {
        Ok(())
    }
}

/// Another device of this account may have written into our own log, or removed this one.
pub(crate) fn on_connected(cx: &mut Cx<'_>) -> Outcome<()> {
    let me = cx.me()?;
    fetch_if_old(cx, me.account_id, me.fingerprint)
}

/// The relay's answer to [`fetch`].
pub(crate) fn on_fetched(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    expected: Fingerprint,
    from: u64,
    body: &[u8],
) -> Outcome<()> {
    let Some(answer) = requests::read::<LogEntries>(body) else {
        return Ok(());
    };
    let entries: Vec<Vec<u8>> = answer
        .entries
        .into_iter()
        .map(|entry| entry.0)
        .take(limits::LOG_ENTRIES_MAX as usize)
        .collect();
    if from == 0
        && let Some(other) = entries.first().and_then(|entry| genesis_fingerprint(entry))
        && other != expected
    {
        // The relay serves another Genesis for this account: another person until ours says otherwise.
        if adopt(cx, account_id, &other, &entries)? {
            contacts::on_new_identity(cx, account_id, expected, other)?;
        }
        return Ok(());
    }
    if from > 0
        && entries
            .first()
            .is_none_or(|entry| !belongs_to(entry, &expected))
    {
        // Shorter than ours, or another account's: from the Genesis on it shows which.
        return fetch_from(cx, account_id, expected, 0);
    }
    if is_held(cx.db, &expected)? {
        take_in(cx, &expected, &entries)?;
        cx.db.run(
            "UPDATE identities_logs SET fetched_at = ?2 WHERE fingerprint = ?1",
            params![expected.as_bytes(), int(cx.now.0)],
        )?;
    } else if adopt(cx, account_id, &expected, &entries)? {
        on_held(cx, &expected)?;
    }
    // A fetch is cut at 256 KiB; the rest follows.
    let held = uint(cx.db.number(
        "SELECT count(*) FROM identities_entries WHERE fingerprint = ?1",
        [expected.as_bytes()],
    )?);
    if held > from.max(1)
        && held <= answer.head_sequence
        && answer.head_sequence < limits::LOG_ENTRIES_MAX
    {
        fetch(cx, account_id, expected)?;
    }
    Ok(())
}

fn genesis_fingerprint(entry: &[u8]) -> Option<Fingerprint> {
    let entry = Entry::decode(entry).ok()?;
    matches!(entry.body.operation, Operation::Genesis { .. })
        .then(|| Fingerprint(entry.hash(&Library)))
}

/// Takes a whole log in for the first time. False: it does not verify, or is not the one asked for.
pub(crate) fn adopt(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    expected: &Fingerprint,
    entries: &[Vec<u8>],
) -> Outcome<bool> {
    if is_held(cx.db, expected)? {
        take_in(cx, expected, entries)?;
        return Ok(true);
    }
    let Some(log) = verify_chain(entries, &Library)
        .ok()
        .filter(|log| log.fingerprint() == *expected)
    else {
        inbox::count(cx, "log_refused")?;
        return Ok(false);
    };
    store(cx, account_id, log)?;
    Ok(true)
}

/// Stores a log as the one in force, and its devices.
pub(crate) fn store(cx: &mut Cx<'_>, account_id: AccountId, log: Verified<Log>) -> Outcome<()> {
    let fingerprint = log.fingerprint();
    let head = log.head();
    cx.db.run(
        "INSERT INTO identities_logs (fingerprint, account_id, era, sequence, hash, fetched_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (fingerprint) DO UPDATE SET era = ?3, sequence = ?4, hash = ?5",
        params![
            fingerprint.as_bytes(),
            account_id.as_bytes(),
            head.era,
            int(head.sequence),
            head.hash.as_slice(),
            int(cx.now.0)
        ],
    )?;
    for (sequence, entry) in (0..).zip(log.entries_from(0)) {
        cx.db.run(
            "INSERT INTO identities_entries (fingerprint, sequence, entry, seen_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (fingerprint, sequence) DO UPDATE SET entry = ?3, seen_at = ?4 WHERE entry <> ?3",
            params![fingerprint.as_bytes(), int(sequence), entry, int(cx.local.0)],
        )?;
    }
    cx.db.run(
        "DELETE FROM identities_entries WHERE fingerprint = ?1 AND sequence >= ?2",
        params![fingerprint.as_bytes(), int(log.entry_count())],
    )?;
    let state = acting(cx, &log)?;
    cx.db.run(
        "UPDATE identities_devices SET active = 0 WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
    )?;
    for (device_id, device) in &state.devices {
        cx.db.run(
            "INSERT INTO identities_devices (device_id, fingerprint, dsk, ik, active) VALUES (?1, ?2, ?3, ?4, 1)
             ON CONFLICT (device_id) DO UPDATE SET active = 1 WHERE fingerprint = ?2",
            params![device_id.as_bytes(), fingerprint.as_bytes(), device.keys.dsk.as_slice(), device.keys.ik.as_slice()],
        )?;
    }
    cx.live.logs.insert(fingerprint, Arc::new(log));
    cx.changed(Topic::Chats);
    Ok(())
}

/// Takes offered entries of a log that is held: from the relay, or attached to a content.
pub(crate) fn take_in(
    cx: &mut Cx<'_>,
    fingerprint: &Fingerprint,
    entries: &[Vec<u8>],
) -> Outcome<()> {
    let (Some(log), Some(account_id)) = (log(cx, fingerprint)?, account_of(cx.db, fingerprint)?)
    else {
        return Ok(());
    };
    if entries.is_empty() {
        return Ok(());
    }
    let seen = seen_times(cx, &log)?;
    match log.advance(entries, &|hash| elapsed(&seen, hash), &Library) {
        Ok(Advance::Current | Advance::Superseded) => Ok(()),
        Ok(Advance::Behind) => on_relay_behind(cx, &log),
        Ok(Advance::Extended(longer)) => {
            let before = acting(cx, &log)?;
            store(cx, account_id, longer)?;
            on_devices(cx, fingerprint, &before)
        }
        Ok(Advance::Recovered(branch)) => {
            store(cx, account_id, branch)?;
            thaw(cx, fingerprint)?;
            if is_ours(cx, fingerprint)? {
                return end_if_removed(cx, fingerprint);
            }
            contacts::on_devices_changed(cx, fingerprint)?;
            on_held(cx, fingerprint)
        }
        Ok(Advance::Forked(proof)) => freeze(cx, fingerprint, &proof),
        Err(_) => inbox::count(cx, "log_refused"),
    }
}

/// After new entries: our own may end this device; a contact's change is one calm line.
fn on_devices(cx: &mut Cx<'_>, fingerprint: &Fingerprint, before: &State) -> Outcome<()> {
    if is_ours(cx, fingerprint)? {
        return end_if_removed(cx, fingerprint);
    }
    let Some(log) = log(cx, fingerprint)? else {
        return Ok(());
    };
    let after = acting(cx, &log)?;
    if after.devices.keys().ne(before.devices.keys()) {
        contacts::on_devices_changed(cx, fingerprint)?;
    }
    on_held(cx, fingerprint)
}

fn is_ours(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<bool> {
    Ok(cx.me()?.fingerprint == *fingerprint)
}

/// A device that its own log no longer names sends nothing any more; what it holds stays readable.
fn end_if_removed(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    let me = cx.me()?;
    let removed =
        log(cx, fingerprint)?.is_some_and(|log| log.state().device(&me.device_id).is_none());
    if removed {
        account::set_state(cx, AccountState::Removed)?;
    }
    Ok(())
}

/// Our own log is shorter at the relay (restored from backup): it gets the missing entries again.
fn on_relay_behind(cx: &mut Cx<'_>, log: &Verified<Log>) -> Outcome<()> {
    let me = cx.me()?;
    if me.fingerprint != log.fingerprint() {
        return Ok(());
    }
    let from = 1;
    for (sequence, entry) in (from..).zip(log.entries_from(from)) {
        let body = securechat_proto::api::LogAppend {
            entry: entry.into(),
        };
        let request = Request::with_body(
            crate::shell::Method::Put,
            format!("append:{sequence}"),
            Purpose::AppendLog { sequence },
            format!("/v1/log/{sequence}"),
            &body,
        )?;
        requests::send(cx, request)?;
    }
    Ok(())
}

/// What waited for this log goes on.
fn on_held(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    contacts::changed(cx, fingerprint)?;
    outbox::on_log_held(cx, fingerprint)?;
    inbox::on_log_held(cx, fingerprint)
}

fn freeze(cx: &mut Cx<'_>, fingerprint: &Fingerprint, proof: &ForkProof) -> Outcome<()> {
    if is_frozen(cx.db, fingerprint)?.is_some() {
        return Ok(());
    }
    cx.db.run(
        "UPDATE identities_logs SET frozen_at = ?2, frozen_proof = ?3 WHERE fingerprint = ?1",
        params![fingerprint.as_bytes(), int(cx.now.0), encode_proof(proof)],
    )?;
    contacts::on_frozen(cx, fingerprint)
}

fn thaw(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    let thawed = cx.db.run(
        "UPDATE identities_logs SET frozen_at = NULL, frozen_proof = NULL WHERE fingerprint = ?1 AND frozen_at IS NOT NULL",
        [fingerprint.as_bytes()],
    )?;
    if thawed > 0 {
        contacts::on_thawed(cx, fingerprint)?;
    }
    Ok(())
}

/// A head scanned from the owner's screen picks the branch of a frozen log. True: it is the owner's log.
pub(crate) fn thaw_by_scan(
    cx: &mut Cx<'_>,
    fingerprint: &Fingerprint,
    scanned: &LogHead,
) -> Outcome<bool> {
    let row = cx.db.one(
        "SELECT account_id, frozen_proof FROM identities_logs WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
        |row| Ok((AccountId(row.get(0)?), row.get::<_, Option<Vec<u8>>>(1)?)),
    )?;
    let (Some((account_id, Some(proof))), Some(held)) = (row, log(cx, fingerprint)?) else {
        return Ok(true);
    };
    let Some(proof) = decode_proof(&proof) else {
        return Ok(false);
    };
    let common: Vec<Vec<u8>> = held
        .entries_from(0)
        .take(usize::try_from(proof.sequence).unwrap_or(0))
        .collect();
    match proof.branch_of(scanned, &common, &Library) {
        Ok((branch, log)) => {
            if branch == Branch::Theirs {
                store(cx, account_id, log)?;
            }
            thaw(cx, fingerprint)?;
            on_held(cx, fingerprint)?;
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

/// A fork proof as stored: JSON, because nothing outside of this store reads it.
fn encode_proof(proof: &ForkProof) -> Vec<u8> {
    let side = |entries: &[Vec<u8>]| {
        entries
            .iter()
            .map(|entry| securechat_proto::b64::encode(entry))
            .collect::<Vec<_>>()
    };
    let heads = [proof.our_head, proof.their_head]
        .map(|head| securechat_proto::b64::encode(&head.encode()));
    serde_json::to_vec(&(
        proof.sequence,
        side(&proof.ours),
        side(&proof.theirs),
        heads,
    ))
    .unwrap_or_default()
}

fn decode_proof(bytes: &[u8]) -> Option<ForkProof> {
    let (sequence, ours, theirs, heads): (u64, Vec<String>, Vec<String>, [String; 2]) =
        serde_json::from_slice(bytes).ok()?;
    let side = |entries: Vec<String>| {
        entries
            .iter()
            .map(|entry| securechat_proto::b64::decode(entry))
            .collect::<Option<Vec<_>>>()
    };
    let head = |text: &String| LogHead::decode(&securechat_proto::b64::decode(text)?).ok();
    Some(ForkProof {
        sequence,
        ours: side(ours)?,
        theirs: side(theirs)?,
        our_head: head(&heads[0])?,
        their_head: head(&heads[1])?,
    })
}

// ---- heads in contents ---------------------------------------------------------------------------

pub(crate) fn head_to_wire(head: &LogHead) -> content::LogHead {
    content::LogHead {
        era: head.era,
        sequence: head.sequence,
        hash: head.hash.to_vec(),
    }
}

pub(crate) fn head_from_wire(head: &content::LogHead) -> Option<LogHead> {
    Some(LogHead {
        era: head.era,
        sequence: head.sequence,
        hash: head.hash.as_slice().try_into().ok()?,
    })
}

/// The head of a log as this device knows it.
pub(crate) fn head(db: Db<'_>, fingerprint: &Fingerprint) -> Outcome<Option<LogHead>> {
    db.one(
        "SELECT era, sequence, hash FROM identities_logs WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
        |row| {
            Ok(LogHead {
                era: row.get(0)?,
                sequence: uint(row.get(1)?),
                hash: row.get(2)?,
            })
        },
    )
}

pub(crate) fn heard(cx: &mut Cx<'_>, device_id: &DeviceId) -> Outcome<()> {
    cx.db.run(
        "UPDATE identities_devices SET last_heard_at = ?2 WHERE device_id = ?1",
        params![device_id.as_bytes(), int(cx.now.0)],
    )?;
    Ok(())
}

pub(crate) fn device_count(db: Db<'_>, fingerprint: &Fingerprint) -> Outcome<u32> {
    let count = db.number(
        "SELECT count(*) FROM identities_devices WHERE fingerprint = ?1 AND active = 1",
        [fingerprint.as_bytes()],
    )?;
    Ok(u32::try_from(count).unwrap_or(0))
}
