//! Messages that could not be opened: a row the person sees, a repair asked for, the answer put in its place.
//!
//! Rules 1 of docs/protocol/repair.md. A repair is answered only for what was sealed for exactly the device that asks.

use crate::api::ContactId;
use crate::contacts::{self, Contact};
use crate::context::Cx;
use crate::conversations;
use crate::error::Outcome;
use crate::inbox::{self, Origin};
use crate::messages::{self, NewRow};
use crate::outbox::{self, NewContent};
use crate::store::rows::{int, uint};
use rusqlite::params;
use securechat_crypto::pqxdh::Address;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Content, Gone, Repair, Resend};
use securechat_proto::{ContentId, ConversationId, DeviceId, Timestamp, limits};

/// Repairs to one device: three in the first hour, then one an hour.
const ASKED_PER_HOUR: i64 = 3;
/// One repair names at most this many envelopes.
const HASHES_MAX: i64 = 64;
/// Asked for so often without an answer, a row counts as lost.
const ASKED_MAX: u32 = 24;
/// Resends of one copy.
const RESENDS_MAX: u32 = 3;

/// An envelope that its sender did make did not open.
pub(crate) fn on_broken(
    cx: &mut Cx<'_>,
    contact: &Contact,
    sender: &Address,
    hash: [u8; 32],
    accepted_at: Timestamp,
) -> Outcome<()> {
    let Some(conversation_id) = conversations::of_contact(cx.db, &contact.id)? else {
        return Ok(());
    };
    let message_id = ContentId(cx.ids.bytes());
    let new = cx.db.run(
        "INSERT OR IGNORE INTO healing_broken (envelope_hash, message_id, device_id, contact_id, accepted_at, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            hash.as_slice(),
            message_id.as_bytes(),
            sender.device.as_bytes(),
            contact.id.0.as_bytes(),
            int(accepted_at.0),
            int(cx.now.0)
        ],
    )?;
    if new == 0 {
        return Ok(());
    }
    let row = NewRow {
        device_id: Some(sender.device),
        accepted_at: Some(accepted_at),
        written_at: cx.now,
        ..NewRow::new(message_id, conversation_id, accepted_at, "healing")
    };
    messages::insert(cx, &row)?;
    Ok(())
}

/// Asks for what is broken, within the rate.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    let due = cx.db.all(
        "SELECT DISTINCT device_id, contact_id FROM healing_broken WHERE due_at <= ?1 LIMIT 16",
        [int(cx.now.0)],
        |row| {
            Ok((
                DeviceId(row.get(0)?),
                ContactId(ConversationId(row.get(1)?)),
            ))
        },
    )?;
    for (device, contact_id) in due {
        give_up(cx, &device)?;
        ask(cx, &device, contact_id)?;
    }
    Ok(())
}

fn ask(cx: &mut Cx<'_>, device: &DeviceId, contact_id: ContactId) -> Outcome<()> {
    let hour_ago = int(cx.now.0.saturating_sub(limits::HOUR_MS));
    cx.db
        .run("DELETE FROM healing_asked WHERE at <= ?1", [hour_ago])?;
    let asked = cx.db.number(
        "SELECT count(*) FROM healing_asked WHERE device_id = ?1",
        [device.as_bytes()],
    )?;
    if asked >= ASKED_PER_HOUR {
        let first = cx.db.number(
            "SELECT min(at) FROM healing_asked WHERE device_id = ?1",
            [device.as_bytes()],
        )?;
        return later(
            cx,
            device,
            Timestamp(uint(first)).saturating_add_ms(limits::HOUR_MS + 1),
        );
    }
    let hashes = cx.db.all(
        "SELECT envelope_hash FROM healing_broken WHERE device_id = ?1 AND due_at <= ?2 ORDER BY accepted_at LIMIT ?3",
        params![device.as_bytes(), int(cx.now.0), HASHES_MAX],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    if hashes.is_empty() {
        return Ok(());
    }
    cx.db.run(
        "INSERT INTO healing_asked (device_id, at) VALUES (?1, ?2)",
        params![device.as_bytes(), int(cx.now.0)],
    )?;
    let new = NewContent {
        only_device: Some(*device),
        ..NewContent::to(contact_id)
    };
    outbox::enqueue(
        cx,
        &new,
        Body::Repair(Repair {
            envelope_hashes: hashes,
        }),
    )?;
    cx.db.run(
        "UPDATE healing_broken SET asked = asked + 1 WHERE device_id = ?1 AND due_at <= ?2",
        params![device.as_bytes(), int(cx.now.0)],
    )?;
    later(cx, device, cx.now.saturating_add_ms(limits::HOUR_MS))
}

fn later(cx: &mut Cx<'_>, device: &DeviceId, at: Timestamp) -> Outcome<()> {
    cx.db.run(
        "UPDATE healing_broken SET due_at = ?2 WHERE device_id = ?1 AND due_at < ?2",
        params![device.as_bytes(), int(at.0.max(cx.now.0 + 1))],
    )?;
    Ok(())
}

/// No answer after many repairs: said, and no longer asked for.
fn give_up(cx: &mut Cx<'_>, device: &DeviceId) -> Outcome<()> {
    let lost = cx.db.all(
        "SELECT envelope_hash, message_id FROM healing_broken WHERE device_id = ?1 AND asked >= ?2",
        params![device.as_bytes(), ASKED_MAX],
        |row| Ok((row.get::<_, Vec<u8>>(0)?, ContentId(row.get(1)?))),
    )?;
    for (hash, message_id) in lost {
        cx.db.run(
            "DELETE FROM healing_broken WHERE envelope_hash = ?1",
            [hash],
        )?;
        cx.db.run(
            "UPDATE messages_rows SET kind = 'lost' WHERE message_id = ?1 AND kind = 'healing'",
            [message_id.as_bytes()],
        )?;
        if let Some(conversation_id) = messages::states::conversation_of(cx, &message_id)? {
            cx.changed_conversation(conversation_id);
        }
    }
    Ok(())
}

pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    let due = cx.db.number("SELECT min(due_at) FROM healing_broken", [])?;
    Ok((due > 0).then(|| Timestamp(uint(due))))
}

// ---- answering -----------------------------------------------------------------------------------

/// A device could not open envelopes of ours. Only what was sealed for exactly this device, whose key is active now
/// (it has just proved it), is sent again, and only to it.
pub(crate) fn on_repair(
    cx: &mut Cx<'_>,
    contact: &Contact,
    device: &DeviceId,
    repair: &Repair,
) -> Outcome<()> {
    let dsk = cx.db.one(
        "SELECT dsk FROM identities_devices WHERE device_id = ?1 AND fingerprint = ?2 AND active = 1",
        params![device.as_bytes(), contact.fingerprint.as_bytes()],
        |row| row.get::<_, [u8; 32]>(0),
    )?;
    let Some(dsk) = dsk else {
        return Ok(());
    };
    for hash in repair.envelope_hashes.iter().take(HASHES_MAX as usize) {
        answer(cx, contact, device, &dsk, hash)?;
    }
    Ok(())
}

fn answer(
    cx: &mut Cx<'_>,
    contact: &Contact,
    device: &DeviceId,
    dsk: &[u8; 32],
    hash: &[u8],
) -> Outcome<()> {
    let copy = cx.db.one(
        "SELECT p.envelope_id, p.resends, c.content, c.sequence, c.kind FROM outbox_copies p JOIN outbox_contents c ON c.row = p.row
         WHERE p.envelope_hash = ?1 AND p.device_id = ?2 AND p.dsk = ?3 AND c.contact_id = ?4",
        params![hash, device.as_bytes(), dsk.as_slice(), contact.id.0.as_bytes()],
        |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, u32>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                uint(row.get(3)?),
                row.get::<_, String>(4)?,
            ))
        },
    )?;
    let Some((envelope_id, resends, content, sequence, kind)) = copy else {
        return inbox::count(cx, "repair_unknown");
    };
    if resends >= RESENDS_MAX {
        return Ok(());
    }
    cx.db.run(
        "UPDATE outbox_copies SET resends = resends + 1 WHERE envelope_id = ?1",
        [envelope_id],
    )?;
    let new = NewContent {
        only_device: Some(*device),
        ..NewContent::to(contact.id)
    };
    let never_resent = matches!(kind.as_str(), "repair" | "resend" | "gone");
    let body = if content.is_empty() || never_resent {
        Body::Gone(Gone {
            broken_envelope_hash: hash.to_vec(),
            sequence,
        })
    } else {
        Body::Resend(Resend {
            broken_envelope_hash: hash.to_vec(),
            content: as_sent(cx, contact, content)?,
        })
    };
    outbox::enqueue(cx, &new, body)
}

/// A text left as an introduction while the other side had not accepted; only in that form is it admitted there.
fn as_sent(cx: &mut Cx<'_>, contact: &Contact, bytes: Vec<u8>) -> Outcome<Vec<u8>> {
    if contact.is_accepted() {
        return Ok(bytes);
    }
    let content = Content::decode(bytes.as_slice()).unwrap_or_default();
    let Some(Body::Text(text)) = content.body.clone() else {
        return Ok(bytes);
    };
    let body = contacts::requests::introduce(cx, contact, text)?;
    Ok(Content {
        body: Some(body),
        ..content
    }
    .encode_to_vec())
}

// ---- being answered ------------------------------------------------------------------------------

/// The broken row of a hash, if this device asked for it. Takes it out of the list.
fn take(
    cx: &mut Cx<'_>,
    contact: &Contact,
    device: &DeviceId,
    hash: &[u8],
) -> Outcome<Option<Timestamp>> {
    let row = cx.db.one(
        "SELECT message_id, accepted_at FROM healing_broken WHERE envelope_hash = ?1 AND device_id = ?2 AND contact_id = ?3",
        params![hash, device.as_bytes(), contact.id.0.as_bytes()],
        |row| Ok((ContentId(row.get(0)?), Timestamp(uint(row.get(1)?)))),
    )?;
    let Some((message_id, accepted_at)) = row else {
        return Ok(None);
    };
    if let Some(conversation_id) = messages::states::conversation_of(cx, &message_id)? {
        cx.changed_conversation(conversation_id);
    }
    cx.db.run(
        "DELETE FROM healing_broken WHERE envelope_hash = ?1",
        [hash],
    )?;
    cx.db.run(
        "DELETE FROM messages_rows WHERE message_id = ?1 AND kind IN ('healing', 'lost')",
        [message_id.as_bytes()],
    )?;
    Ok(Some(accepted_at))
}

/// A new encryption of what was broken: it takes the row's place, at the broken envelope's time.
pub(crate) fn on_resend(
    cx: &mut Cx<'_>,
    contact: &Contact,
    origin: &Origin,
    resend: &Resend,
) -> Outcome<()> {
    match take(cx, contact, &origin.device, &resend.broken_envelope_hash)? {
        Some(accepted_at) => {
            inbox::deliver_resent(cx, contact, &origin.device, &resend.content, accepted_at)
        }
        None => inbox::count(cx, "resend_unasked"),
    }
}

/// What was broken is gone for good: the row disappears and counts as received.
pub(crate) fn on_gone(
    cx: &mut Cx<'_>,
    contact: &Contact,
    device: &DeviceId,
    gone: &Gone,
) -> Outcome<()> {
    if take(cx, contact, device, &gone.broken_envelope_hash)?.is_none() {
        return inbox::count(cx, "gone_unasked");
    }
    match conversations::wire_id_of(cx.db, &contact.id)? {
        Some(wire_id) if gone.sequence > 0 => {
            inbox::gaps::on_gone(cx, device, &wire_id, gone.sequence)
        }
        _ => Ok(()),
    }
}
