//! The numbering of one sender's contents in one conversation: what is missing.

use crate::api::SystemEvent;
use crate::contacts::Contact;
use crate::context::Cx;
use crate::error::Outcome;
use crate::messages::{self, NewRow};
use crate::store::rows::{int, uint};
use rusqlite::params;
use securechat_crypto::pqxdh::Address;
use securechat_proto::wire::content::Content;
use securechat_proto::{ContentId, ConversationId, DeviceId, Timestamp, limits};

/// A missing content is shown after this long: most come a moment later.
const SHOWN_AFTER_MS: u64 = limits::MINUTE_MS;
/// Gaps kept per sender and conversation.
const GAPS_MAX: i64 = 64;

/// Notes the content's number: what lies between it and the highest so far is missing, or it was itself missing.
pub(super) fn note_number(
    cx: &mut Cx<'_>,
    sender: &Address,
    content: &Content,
    accepted_at: Timestamp,
) -> Outcome<()> {
    if content.sequence == 0 {
        return Ok(());
    }
    let highest = cx.db.one(
        "SELECT highest FROM inbox_positions WHERE device_id = ?1 AND wire_id = ?2",
        params![sender.device.as_bytes(), content.conversation_id],
        |row| Ok(uint(row.get(0)?)),
    )?;
    match highest {
        Some(highest) if content.sequence <= highest => return fill(cx, sender, content),
        Some(highest) if content.sequence > highest + 1 => {
            note(cx, sender, content, highest + 1, accepted_at)?;
        }
        _ => {}
    }
    cx.db.run(
        "INSERT OR REPLACE INTO inbox_positions (device_id, wire_id, highest) VALUES (?1, ?2, ?3)",
        params![
            sender.device.as_bytes(),
            content.conversation_id,
            int(content.sequence)
        ],
    )?;
    Ok(())
}

/// Numbers `first` up to the content's own are missing.
fn note(
    cx: &mut Cx<'_>,
    sender: &Address,
    content: &Content,
    first: u64,
    at: Timestamp,
) -> Outcome<()> {
    let open = cx.db.number(
        "SELECT count(*) FROM inbox_gaps WHERE device_id = ?1 AND wire_id = ?2",
        params![sender.device.as_bytes(), content.conversation_id],
    )?;
    if open < GAPS_MAX {
        cx.db.run(
            "INSERT OR IGNORE INTO inbox_gaps (device_id, wire_id, first, last, since, order_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                sender.device.as_bytes(),
                content.conversation_id,
                int(first),
                int(content.sequence - 1),
                int(cx.now.0),
                int(at.0)
            ],
        )?;
    }
    Ok(())
}

/// A number that was missing has come: its gap shrinks or closes.
fn fill(cx: &mut Cx<'_>, sender: &Address, content: &Content) -> Outcome<()> {
    close(
        cx,
        &sender.device,
        &content.conversation_id,
        content.sequence,
    )
}

fn close(cx: &mut Cx<'_>, device: &DeviceId, wire_id: &[u8], sequence: u64) -> Outcome<()> {
    let gap = cx.db.one(
        "SELECT first, last, since, order_at, shown FROM inbox_gaps
         WHERE device_id = ?1 AND wire_id = ?2 AND first <= ?3 AND last >= ?3",
        params![device.as_bytes(), wire_id, int(sequence)],
        |row| {
            Ok((
                uint(row.get(0)?),
                uint(row.get(1)?),
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, bool>(4)?,
            ))
        },
    )?;
    let Some((first, last, since, order_at, shown)) = gap else {
        return Ok(());
    };
    cx.db.run(
        "DELETE FROM inbox_gaps WHERE device_id = ?1 AND wire_id = ?2 AND first = ?3",
        params![device.as_bytes(), wire_id, int(first)],
    )?;
    for (first, last) in [(first, sequence - 1), (sequence + 1, last)] {
        if first <= last {
            cx.db.run(
                "INSERT OR IGNORE INTO inbox_gaps (device_id, wire_id, first, last, since, order_at, shown)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![device.as_bytes(), wire_id, int(first), int(last), since, order_at, shown],
            )?;
        }
    }
    Ok(())
}

/// The sender says that this number is gone for good: it counts as received.
pub(crate) fn on_gone(
    cx: &mut Cx<'_>,
    device: &DeviceId,
    wire_id: &ConversationId,
    sequence: u64,
) -> Outcome<()> {
    close(cx, device, wire_id.as_bytes(), sequence)
}

/// After an unblock the sender's numbering goes on at `next`; what lies before is not missing.
pub(super) fn restart(
    cx: &mut Cx<'_>,
    device: &DeviceId,
    contact: &Contact,
    next: u64,
) -> Outcome<()> {
    let Some(wire_id) = crate::conversations::wire_id_of(cx.db, &contact.id)? else {
        return Ok(());
    };
    cx.db.run(
        "DELETE FROM inbox_gaps WHERE device_id = ?1 AND wire_id = ?2",
        params![device.as_bytes(), wire_id.as_bytes()],
    )?;
    cx.db.run(
        "UPDATE inbox_positions SET highest = max(highest, ?3) WHERE device_id = ?1 AND wire_id = ?2",
        params![device.as_bytes(), wire_id.as_bytes(), int(next.saturating_sub(1))],
    )?;
    Ok(())
}

/// Shows gaps that did not close. While rows of the same sender are healing, the missing one may be among them.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    super::read_unsupported(cx)?;
    let due = cx.db.all(
        "SELECT g.device_id, g.wire_id, g.first, g.order_at, c.conversation_id FROM inbox_gaps g
         JOIN conversations_list c ON c.wire_id = g.wire_id
         WHERE g.shown = 0 AND g.since <= ?1
           AND NOT EXISTS (SELECT 1 FROM healing_broken b WHERE b.device_id = g.device_id)
         LIMIT 32",
        [int(cx.now.0.saturating_sub(SHOWN_AFTER_MS))],
        |row| {
            Ok((
                DeviceId(row.get(0)?),
                ConversationId(row.get(1)?),
                row.get::<_, i64>(2)?,
                Timestamp(uint(row.get(3)?)),
                ConversationId(row.get(4)?),
            ))
        },
    )?;
    for (device, wire_id, first, order_at, conversation_id) in due {
        cx.db.run(
            "UPDATE inbox_gaps SET shown = 1 WHERE device_id = ?1 AND wire_id = ?2 AND first = ?3",
            params![device.as_bytes(), wire_id.as_bytes(), first],
        )?;
        let id = ContentId(cx.ids.bytes());
        let text = serde_json::to_string(&SystemEvent::Gap).unwrap_or_default();
        // Right before the content that showed the gap.
        let at = Timestamp(order_at.0.saturating_sub(1));
        messages::insert(
            cx,
            &NewRow {
                text: &text,
                ..NewRow::new(id, conversation_id, at, "system")
            },
        )?;
    }
    Ok(())
}

pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    let since = cx.db.number(
        "SELECT min(since) FROM inbox_gaps g WHERE shown = 0
           AND NOT EXISTS (SELECT 1 FROM healing_broken b WHERE b.device_id = g.device_id)",
        [],
    )?;
    Ok((since > 0).then(|| Timestamp(uint(since)).saturating_add_ms(SHOWN_AFTER_MS)))
}
