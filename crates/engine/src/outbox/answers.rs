//! What comes back for a submit: acceptance, refusal, a receipt, silence; and what each of them means for a content.

use super::{TRIED_MS, drop_sealed, forget_row, is_confirmed, prepare, wake_contact};
use crate::api::ContactId;
use crate::contacts::{self, Contact};
use crate::context::Cx;
use crate::error::Outcome;
use crate::messages::writing::REQUEST_TEXT_BYTES_MAX;
use crate::messages::{self, states};
use crate::shell::Topic;
use crate::store::rows::{int, uint};
use crate::{conversations, identities, inbox, requests};
use rusqlite::params;
use securechat_proto::wire::Message;
use securechat_proto::wire::socket::{
    Accepted, ClientFrame, DestinationResult, Outcome as Answered, client_frame,
};
use securechat_proto::{ContentId, ConversationId, DeviceId, SubmitId, Timestamp, limits};

/// Sealings of one content for devices that were stale or missing; then it rests as it is.
const RESEALED_MAX: i64 = 4;
/// While no receipt came, a content is encrypted again on these days (its sealing key may be gone).
pub(super) const HEALED_AFTER_MS: [u64; 3] =
    [7 * limits::DAY_MS, 14 * limits::DAY_MS, 28 * limits::DAY_MS];
/// A request that was refused is made again after this time; the relay counts them by the day.
const REQUEST_APART_MS: u64 = 4 * limits::HOUR_MS;
/// A request that the relay holds back is looked at again after the longest time it may be held.
const HELD_MS: u64 = limits::REQUEST_HELD_MS_MAX;

struct Row {
    row: i64,
    content_id: ContentId,
    contact_id: ContactId,
    kind: String,
    created_at: Timestamp,
    attempts: u32,
    sequence: u64,
    /// It left without a right to deliver.
    is_request: bool,
}

fn submit(cx: &Cx<'_>, id: &SubmitId) -> Outcome<Option<Row>> {
    cx.db.one(
        "SELECT c.row, c.content_id, c.contact_id, c.kind, c.created_at, s.attempts, c.sequence, s.is_request
         FROM outbox_submits s JOIN outbox_contents c ON c.row = s.row WHERE s.submit_id = ?1",
        [id.as_bytes()],
        |row| {
            Ok(Row {
                row: row.get(0)?,
                content_id: ContentId(row.get(1)?),
                contact_id: ContactId(ConversationId(row.get(2)?)),
                kind: row.get(3)?,
                created_at: Timestamp(uint(row.get(4)?)),
                attempts: row.get(5)?,
                sequence: uint(row.get(6)?),
                is_request: row.get(7)?,
            })
        },
    )
}

/// The relay's answer to a submit.
pub(crate) fn on_accepted(cx: &mut Cx<'_>, accepted: Accepted) -> Outcome<()> {
    let Some(submit_id) = SubmitId::from_slice(&accepted.submit_id) else {
        return inbox::count(cx, "frame_malformed");
    };
    cx.live.submitted.remove(&submit_id);
    let Some(row) = submit(cx, &submit_id)? else {
        // Nobody waits for it any more; left where it is, it would be sent again at once.
        cx.db.run(
            "DELETE FROM outbox_submits WHERE submit_id = ?1",
            [submit_id.as_bytes()],
        )?;
        return Ok(());
    };
    let Some(result) = accepted.results.first() else {
        return on_later(cx, &row, &submit_id);
    };
    cx.changed(Topic::Account);
    match Answered::try_from(result.outcome).unwrap_or(Answered::Unspecified) {
        Answered::Stored => on_stored(cx, &row, &submit_id, result, &accepted)?,
        Answered::Held => on_held(cx, &row, &submit_id, &accepted)?,
        Answered::Refused => return on_refused(cx, &row, &submit_id),
        Answered::MailboxFull | Answered::TryLater | Answered::Unspecified => {
            return on_later(cx, &row, &submit_id);
        }
    }
    if row.is_request {
        // What stood behind this request may leave.
        wake_contact(cx, &row.contact_id)?;
    }
    Ok(())
}

fn devices(bytes: &[Vec<u8>]) -> Vec<DeviceId> {
    bytes
        .iter()
        .take(limits::DEVICES_PER_ACCOUNT_MAX)
        .filter_map(|id| DeviceId::from_slice(id))
        .collect()
}

/// Durable for every named device that is not stale. Stale and missing ones get copies of their own.
fn on_stored(
    cx: &mut Cx<'_>,
    row: &Row,
    submit_id: &SubmitId,
    result: &DestinationResult,
    accepted: &Accepted,
) -> Outcome<()> {
    let (stale, missing) = (
        devices(&result.stale_devices),
        devices(&result.missing_devices),
    );
    for device in &stale {
        cx.db.run(
            "DELETE FROM outbox_copies WHERE submit_id = ?1 AND device_id = ?2",
            params![submit_id.as_bytes(), device.as_bytes()],
        )?;
        prepare::on_stale(cx, device)?;
    }
    cx.db.run(
        "UPDATE outbox_copies SET state = 'accepted' WHERE submit_id = ?1 AND state = 'sealed'",
        [submit_id.as_bytes()],
    )?;
    cx.db.run(
        "DELETE FROM outbox_submits WHERE submit_id = ?1",
        [submit_id.as_bytes()],
    )?;
    let reached = cx.db.exists(
        "SELECT 1 FROM outbox_copies WHERE row = ?1 AND state IN ('accepted', 'received')",
        [row.row],
    )?;
    let (accepted_at, expires_at) = (
        Timestamp(accepted.accepted_at_ms),
        Timestamp(accepted.expires_at_ms),
    );
    conversations::sequence_taken(cx, &row.contact_id, row.sequence)?;
    if reached {
        states::on_sent(cx, &row.content_id, accepted_at, expires_at)?;
        cx.db.run(
            "UPDATE outbox_contents SET accepted_at = coalesce(accepted_at, ?2), expires_at = ?3 WHERE row = ?1",
            params![row.row, int(accepted_at.0), int(expires_at.0)],
        )?;
    }
    if stale.is_empty() && missing.is_empty() {
        return settle(cx, row);
    }
    reseal(cx, row)
}

/// The relay knows devices that our copies do not cover: fetch log and bundles, seal for them.
fn reseal(cx: &mut Cx<'_>, row: &Row) -> Outcome<()> {
    let times = cx.db.number(
        "SELECT resealed FROM outbox_contents WHERE row = ?1",
        [row.row],
    )?;
    if times >= RESEALED_MAX {
        return settle(cx, row);
    }
    if let Some(contact) = contacts::by_id(cx.db, &row.contact_id)? {
        identities::fetch(cx, contact.account_id, contact.fingerprint)?;
    }
    cx.db.run(
        "UPDATE outbox_contents SET state = 'open', resealed = resealed + 1, due_at = ?2 WHERE row = ?1",
        params![row.row, int(cx.now.saturating_add_ms(limits::SECOND_MS).0)],
    )?;
    Ok(())
}

/// With the relay for every device: kept for receipt, repair and healing, or done.
fn settle(cx: &mut Cx<'_>, row: &Row) -> Outcome<()> {
    if drop_if_received(cx, row.row)? {
        return Ok(());
    }
    let healed = cx.db.number(
        "SELECT healed FROM outbox_contents WHERE row = ?1",
        [row.row],
    )?;
    let next = usize::try_from(healed).ok();
    let next = next.and_then(|at| HEALED_AFTER_MS.get(at)).copied();
    let heal_at = row.created_at.saturating_add_ms(next.unwrap_or(TRIED_MS));
    cx.db.run(
        "UPDATE outbox_contents SET state = 'sent', due_at = ?2 WHERE row = ?1",
        params![row.row, int(heal_at.0.max(cx.now.0 + 1))],
    )?;
    Ok(())
}

/// A request beyond the target's daily budget: the relay releases it later.
fn on_held(cx: &mut Cx<'_>, row: &Row, submit_id: &SubmitId, accepted: &Accepted) -> Outcome<()> {
    conversations::sequence_taken(cx, &row.contact_id, row.sequence)?;
    cx.db.run(
        "UPDATE outbox_copies SET state = 'accepted' WHERE submit_id = ?1",
        [submit_id.as_bytes()],
    )?;
    cx.db.run(
        "DELETE FROM outbox_submits WHERE submit_id = ?1",
        [submit_id.as_bytes()],
    )?;
    cx.db.run(
        "UPDATE outbox_contents SET state = 'held', expires_at = ?2, due_at = ?3 WHERE row = ?1",
        params![
            row.row,
            int(accepted.expires_at_ms),
            int(cx.now.saturating_add_ms(HELD_MS).0)
        ],
    )?;
    states::set(cx, &row.content_id, "waiting")
}

/// No delivery right, unknown account or over budget: one answer for all of them, and one state for the person.
fn on_refused(cx: &mut Cx<'_>, row: &Row, submit_id: &SubmitId) -> Outcome<()> {
    let token = token_in(cx, submit_id)?;
    cx.db.run(
        "DELETE FROM outbox_submits WHERE submit_id = ?1",
        [submit_id.as_bytes()],
    )?;
    cx.db.run(
        "DELETE FROM outbox_copies WHERE submit_id = ?1",
        [submit_id.as_bytes()],
    )?;
    let taken_back = cx.db.exists(
        "SELECT 1 FROM outbox_contents WHERE row = ?1 AND content = x''",
        [row.row],
    )?;
    if taken_back {
        // Deleted for everyone while it was on its way; now it is certain that nobody has it.
        messages::forget(cx, &row.content_id)?;
    }
    let contact = contacts::by_id(cx.db, &row.contact_id)?.filter(|_| !taken_back);
    match (contact, token) {
        (Some(contact), Some(token)) => {
            return on_right_lost(cx, row, &contact, &token);
        }
        (Some(contact), None) if is_confirmed(&row.kind) && was_heard_of(cx, &contact)? => {
            return on_request_refused(cx, row);
        }
        _ => {}
    }
    if is_confirmed(&row.kind) && !taken_back {
        give_number_back(cx, row, "failed", cx.now)?;
    } else {
        cx.db
            .run("DELETE FROM outbox_contents WHERE row = ?1", [row.row])?;
        conversations::free_sequences(cx, &row.contact_id)?;
    }
    wake_contact(cx, &row.contact_id)?;
    states::set(cx, &row.content_id, "failed_not_accepted")
}

/// Whether there is somebody who may still take what was refused: they accepted us, or took a request of ours.
fn was_heard_of(cx: &Cx<'_>, contact: &Contact) -> Outcome<bool> {
    Ok(contact.is_accepted()
        || cx.db.exists(
            "SELECT 1 FROM conversations_list WHERE contact_id = ?1 AND taken_sequence > 0",
            [contact.id.0.as_bytes()],
        )?)
}

/// The requests of today are used up. What was refused waits for the other side's acceptance, or for another day.
fn on_request_refused(cx: &mut Cx<'_>, row: &Row) -> Outcome<()> {
    let again = if contacts::by_id(cx.db, &row.contact_id)?
        .is_some_and(|contact| contact.their_token.is_some())
    {
        // The right came while the request was on its way.
        cx.now
    } else {
        cx.now.saturating_add_ms(REQUEST_APART_MS)
    };
    reopen(cx, row, again)?;
    states::set(cx, &row.content_id, "waiting")?;
    if again == cx.now {
        wake_contact(cx, &row.contact_id)?;
    }
    Ok(())
}

/// Refused as a whole, so nobody has it: it leaves once more, under a number of its own.
fn reopen(cx: &mut Cx<'_>, row: &Row, due_at: Timestamp) -> Outcome<()> {
    give_number_back(cx, row, "open", due_at)
}

/// The number of a content that nobody has is free for another one.
fn give_number_back(cx: &mut Cx<'_>, row: &Row, state: &str, due_at: Timestamp) -> Outcome<()> {
    cx.db.run(
        "UPDATE outbox_contents SET state = ?2, due_at = ?3,
                sequence = CASE WHEN accepted_at IS NULL THEN 0 ELSE sequence END WHERE row = ?1",
        params![row.row, state, int(due_at.0)],
    )?;
    conversations::free_sequences(cx, &row.contact_id)
}

/// A contact no longer takes our right to deliver (lost there, an invite link taken back, or they blocked us; all look the
/// same). What was refused leaves once more: under a newer right if one came meanwhile, else as an introduction, which
/// an accepted contact answers with a new right.
fn on_right_lost(cx: &mut Cx<'_>, row: &Row, contact: &Contact, token: &[u8; 16]) -> Outcome<()> {
    if contact.their_token == Some(*token) {
        contacts::forget_their_token(cx, contact)?;
        if row.kind != "text" || is_long(cx, row)? {
            contacts::requests::ask_for_right(cx, contact)?;
        }
    }
    reopen(cx, row, cx.now)?;
    // The last refused of those that were under way opens the way for all.
    wake_contact(cx, &row.contact_id)
}

/// Whether a text may be too long to leave as an introduction.
fn is_long(cx: &Cx<'_>, row: &Row) -> Outcome<bool> {
    cx.db.exists(
        "SELECT 1 FROM outbox_contents WHERE row = ?1 AND length(content) > ?2",
        params![row.row, REQUEST_TEXT_BYTES_MAX as i64],
    )
}

/// The right a stored submit names; none for a request.
fn token_in(cx: &Cx<'_>, submit_id: &SubmitId) -> Outcome<Option<[u8; 16]>> {
    let frame = cx.db.one(
        "SELECT frame FROM outbox_submits WHERE submit_id = ?1",
        [submit_id.as_bytes()],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    let submit =
        frame.and_then(
            |bytes| match ClientFrame::decode(bytes.as_slice()).ok()?.frame? {
                client_frame::Frame::Submit(submit) => Some(submit),
                _ => None,
            },
        );
    Ok(submit.and_then(|submit| {
        submit
            .destinations
            .first()?
            .token
            .as_slice()
            .try_into()
            .ok()
    }))
}

/// Nothing was stored: the same bytes later.
fn on_later(cx: &mut Cx<'_>, row: &Row, submit_id: &SubmitId) -> Outcome<()> {
    let pause = requests::pause_ms(cx, row.attempts + 2);
    cx.db.run(
        "UPDATE outbox_submits SET attempts = attempts + 1, due_at = ?2 WHERE submit_id = ?1",
        params![submit_id.as_bytes(), int(cx.now.saturating_add_ms(pause).0)],
    )?;
    Ok(())
}

/// A device of the contact confirmed that it has opened this content. What had been given up arrived after all: nothing
/// is left to try again.
pub(crate) fn on_receipt(
    cx: &mut Cx<'_>,
    contact: &Contact,
    device: &DeviceId,
    content_id: &ContentId,
) -> Outcome<()> {
    let rows = cx.db.all(
        "SELECT row, state = 'failed' FROM outbox_contents WHERE content_id = ?1 AND contact_id = ?2",
        params![content_id.as_bytes(), contact.id.0.as_bytes()],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
    )?;
    for (row, is_given_up) in rows {
        if is_given_up {
            forget_row(cx, row)?;
            continue;
        }
        cx.db.run(
            "UPDATE outbox_copies SET state = 'received' WHERE row = ?1 AND device_id = ?2",
            params![row, device.as_bytes()],
        )?;
        drop_if_received(cx, row)?;
    }
    Ok(())
}

/// Every device has it and the relay has answered: nothing is left to do. A receipt may overtake the relay's answer,
/// which alone tells the message's place.
fn drop_if_received(cx: &mut Cx<'_>, row: i64) -> Outcome<bool> {
    let (copies, open) = (
        cx.db
            .number("SELECT count(*) FROM outbox_copies WHERE row = ?1", [row])?,
        cx.db.exists(
            "SELECT 1 FROM outbox_copies WHERE row = ?1 AND state <> 'received'
             UNION ALL SELECT 1 FROM outbox_submits WHERE row = ?1",
            [row],
        )?,
    );
    if copies == 0 || open {
        return Ok(false);
    }
    forget_row(cx, row)?;
    Ok(true)
}

/// Asked after every input, however many contents wait for their receipts: each half has an index of its own.
pub(crate) const DUE: &str = "SELECT row, content_id, contact_id, kind, created_at, healed, sequence FROM outbox_contents
    WHERE row IN (
      SELECT row FROM outbox_contents WHERE state IN ('sent', 'held') AND due_at <= ?1
      UNION ALL SELECT row FROM outbox_contents WHERE created_at <= ?2 AND +state IN ('open', 'sent', 'held', 'sealed'))
    ORDER BY row LIMIT 64";

/// Contents without a receipt: encrypted again on set days for accepted contacts, given up at the end.
pub(super) fn heal_and_expire(cx: &mut Cx<'_>) -> Outcome<()> {
    let due = cx.db.all(
        DUE,
        params![int(cx.now.0), int(cx.now.0.saturating_sub(TRIED_MS))],
        |row| {
            let found = Row {
                row: row.get(0)?,
                content_id: ContentId(row.get(1)?),
                contact_id: ContactId(ConversationId(row.get(2)?)),
                kind: row.get(3)?,
                created_at: Timestamp(uint(row.get(4)?)),
                attempts: 0,
                sequence: uint(row.get(6)?),
                is_request: false,
            };
            Ok((found, row.get::<_, u32>(5)? as usize))
        },
    )?;
    for (row, healed) in due {
        if cx.now.since(row.created_at) >= TRIED_MS {
            give_up(cx, &row)?;
            continue;
        }
        let accepted =
            contacts::by_id(cx.db, &row.contact_id)?.is_some_and(|contact| contact.is_accepted());
        let next = HEALED_AFTER_MS.get(healed + 1).copied().unwrap_or(TRIED_MS);
        let due_at = int(row.created_at.saturating_add_ms(next).0);
        if !accepted || !is_confirmed(&row.kind) {
            cx.db.run(
                "UPDATE outbox_contents SET healed = healed + 1, due_at = ?2 WHERE row = ?1",
                params![row.row, due_at],
            )?;
            continue;
        }
        // A new encryption under fresh keys; content id and number stay, so the other side shows it once.
        cx.db.run(
            "DELETE FROM outbox_copies WHERE row = ?1 AND state <> 'received'",
            [row.row],
        )?;
        cx.db.run(
            "UPDATE outbox_contents SET healed = healed + 1, state = 'open', due_at = ?2 WHERE row = ?1",
            params![row.row, int(cx.now.0)],
        )?;
        if let Some(contact) = contacts::by_id(cx.db, &row.contact_id)? {
            cx.db.run(
                "UPDATE identities_bundles SET stale = 1 WHERE device_id IN
                   (SELECT device_id FROM identities_devices WHERE fingerprint = ?1)",
                [contact.fingerprint.as_bytes()],
            )?;
        }
    }
    Ok(())
}

fn give_up(cx: &mut Cx<'_>, row: &Row) -> Outcome<()> {
    if is_confirmed(&row.kind) || row.kind == "introduction" {
        states::set(cx, &row.content_id, "not_delivered")?;
    }
    drop_sealed(cx, row.row)?;
    if row.kind == "text" {
        // Kept for "try again".
        cx.db.run(
            "UPDATE outbox_contents SET state = 'failed' WHERE row = ?1",
            [row.row],
        )?;
    } else {
        cx.db
            .run("DELETE FROM outbox_contents WHERE row = ?1", [row.row])?;
    }
    Ok(())
}
