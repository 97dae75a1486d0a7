//! Receipts: delivered always to accepted contacts (healing needs them), read when the person allows it; in batches,
//! a random moment later, so that their time tells less.

use crate::api::ContactId;
use crate::contacts::{self, Contact};
use crate::context::Cx;
use crate::error::Outcome;
use crate::messages::states;
use crate::outbox::{self, NewContent};
use crate::settings;
use crate::store::rows::{int, uint};
use rusqlite::params;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Receipt, receipt};
use securechat_proto::{ContentId, ConversationId, DeviceId, Timestamp};

/// Receipts leave this long after what they confirm.
const DELAY_MS: (u64, u64) = (500, 2_000);
/// Targets of one receipt.
const TARGETS_MAX: i64 = 256;

const DELIVERED: i32 = receipt::Kind::Delivered as i32;
const READ: i32 = receipt::Kind::Read as i32;

pub(crate) fn owe_delivered(
    cx: &mut Cx<'_>,
    contact_id: &ContactId,
    target: &ContentId,
) -> Outcome<()> {
    owe(cx, contact_id, DELIVERED, &[*target])
}

/// Only to accepted contacts, and only when the person lets others see it.
pub(crate) fn owe_read(cx: &mut Cx<'_>, contact: &Contact, targets: &[ContentId]) -> Outcome<()> {
    if contact.is_accepted() && !contact.blocked && settings::read(cx.db)?.read_receipts {
        owe(cx, &contact.id, READ, targets)?;
    }
    Ok(())
}

fn owe(cx: &mut Cx<'_>, contact_id: &ContactId, kind: i32, targets: &[ContentId]) -> Outcome<()> {
    // A batch leaves together: what joins it does not move it, so any row tells when.
    let pending = cx.db.one(
        "SELECT due_at FROM receipts_owed WHERE contact_id = ?1 LIMIT 1",
        [contact_id.0.as_bytes()],
        |row| row.get::<_, i64>(0),
    )?;
    let due_at = match pending {
        Some(due_at) => due_at,
        None => {
            let delay = cx.ids.between(DELAY_MS.0, DELAY_MS.1);
            int(cx.now.saturating_add_ms(delay).0)
        }
    };
    for target in targets {
        cx.db.run(
            "INSERT OR IGNORE INTO receipts_owed (contact_id, kind, target, due_at) VALUES (?1, ?2, ?3, ?4)",
            params![contact_id.0.as_bytes(), kind, target.as_bytes(), due_at],
        )?;
    }
    Ok(())
}

/// Turns what is due into contents.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    let due = cx.db.all(
        "SELECT DISTINCT contact_id, kind FROM receipts_owed WHERE due_at <= ?1 ORDER BY contact_id, kind LIMIT 32",
        [int(cx.now.0)],
        |row| Ok((ContactId(ConversationId(row.get(0)?)), row.get::<_, i32>(1)?)),
    )?;
    for (contact_id, kind) in due {
        let targets = cx.db.all(
            "SELECT target FROM receipts_owed WHERE contact_id = ?1 AND kind = ?2 ORDER BY target LIMIT ?3",
            params![contact_id.0.as_bytes(), kind, TARGETS_MAX],
            |row| row.get::<_, Vec<u8>>(0),
        )?;
        for target in &targets {
            cx.db.run(
                "DELETE FROM receipts_owed WHERE contact_id = ?1 AND kind = ?2 AND target = ?3",
                params![contact_id.0.as_bytes(), kind, target],
            )?;
        }
        let sendable = contacts::by_id(cx.db, &contact_id)?
            .is_some_and(|contact| contact.is_accepted() && !contact.blocked);
        if sendable {
            outbox::enqueue(
                cx,
                &NewContent::to(contact_id),
                Body::Receipt(Receipt { kind, targets }),
            )?;
        }
    }
    Ok(())
}

pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    let due = cx.db.number("SELECT min(due_at) FROM receipts_owed", [])?;
    Ok((due > 0).then(|| Timestamp(uint(due))))
}

/// The other side's receipt: only for own messages in the conversation with exactly this contact.
pub(crate) fn on_receipt(
    cx: &mut Cx<'_>,
    contact: &Contact,
    device: &DeviceId,
    receipt: &Receipt,
    at: Timestamp,
) -> Outcome<()> {
    for target in receipt
        .targets
        .iter()
        .filter_map(|target| ContentId::from_slice(target))
    {
        let ours = cx.db.exists(
            "SELECT 1 FROM messages_rows m JOIN conversations_list c ON c.conversation_id = m.conversation_id
             WHERE m.message_id = ?1 AND m.from_me = 1 AND c.contact_id = ?2",
            params![target.as_bytes(), contact.id.0.as_bytes()],
        )?;
        if ours && receipt.kind == READ {
            states::on_read(cx, &target, at)?;
        } else if ours {
            states::on_delivered(cx, &target, at)?;
        }
        outbox::on_receipt(cx, contact, device, &target)?;
    }
    Ok(())
}
