//! The numbering of one sender's contents in one conversation: order, and what is missing.

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

struct Position {
    highest: u64,
    order_at: Timestamp,
    order_id: Vec<u8>,
}

/// Notes the content's number and tells its place: acceptance time, never before this sender's earlier contents.
pub(super) fn place(
    cx: &mut Cx<'_>,
    sender: &Address,
    content: &Content,
    id: &ContentId,
    accepted_at: Timestamp,
) -> Outcome<Timestamp> {
    if content.sequence == 0 {
        return Ok(accepted_at);
    }
    let position = cx.db.one(
        "SELECT highest, order_at, order_id FROM inbox_positions WHERE device_id = ?1 AND wire_id = ?2",
        params![sender.device.as_bytes(), content.conversation_id],
        |row| Ok(Position { highest: uint(row.get(0)?), order_at: Timestamp(uint(row.get(1)?)), order_id: row.get(2)? }),
    )?;
    let Some(position) = position else {
        store(cx, sender, content, id, accepted_at)?;
        return Ok(accepted_at);
    };
    if content.sequence <= position.highest {
        fill(cx, sender, content)?;
        return Ok(accepted_at);
    }
    if content.sequence > position.highest + 1 {
        note(cx, sender, content, position.highest + 1, accepted_at)?;
    }
    let mut order_at = accepted_at.max(position.order_at);
    if order_at == position.order_at && id.as_bytes() < position.order_id.as_slice() {
        order_at = order_at.saturating_add_ms(1);
    }
    store(cx, sender, content, id, order_at)?;
    Ok(order_at)
}

fn store(
    cx: &mut Cx<'_>,
    sender: &Address,
    content: &Content,
    id: &ContentId,
    order_at: Timestamp,
) -> Outcome<()> {
    cx.db.run(
        "INSERT OR REPLACE INTO inbox_positions (device_id, wire_id, highest, order_at, order_id) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![sender.device.as_bytes(), content.conversation_id, int(content.sequence), int(order_at.0), id.as_bytes()],
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
