//! How far an own message has come: queued, waiting, sent, delivered, read, failed.

use super::order;
use crate::context::Cx;
use crate::error::Outcome;
use crate::store::rows::int;
use rusqlite::params;
use securechat_proto::{ContentId, ConversationId, Timestamp};

pub(crate) fn conversation_of(cx: &Cx<'_>, id: &ContentId) -> Outcome<Option<ConversationId>> {
    cx.db.one(
        "SELECT conversation_id FROM messages_rows WHERE message_id = ?1",
        [id.as_bytes()],
        |row| Ok(ConversationId(row.get(0)?)),
    )
}

fn changed(cx: &mut Cx<'_>, id: &ContentId) -> Outcome<()> {
    if let Some(conversation_id) = conversation_of(cx, id)? {
        cx.changed_conversation(conversation_id);
    }
    Ok(())
}

/// Sets the state of an own message that is not delivered yet.
pub(crate) fn set(cx: &mut Cx<'_>, id: &ContentId, state: &str) -> Outcome<()> {
    cx.db.run(
        "UPDATE messages_rows SET state = ?2 WHERE message_id = ?1 AND from_me = 1 AND delivered_at IS NULL",
        params![id.as_bytes(), state],
    )?;
    changed(cx, id)
}

/// The relay holds it: its place in the order is the relay's, the same on every device.
pub(crate) fn on_sent(
    cx: &mut Cx<'_>,
    id: &ContentId,
    accepted_at: Timestamp,
    expires_at: Timestamp,
) -> Outcome<()> {
    let first = cx.db.run(
        "UPDATE messages_rows SET accepted_at = ?2, expires_at = ?3,
                state = CASE WHEN state IN ('delivered', 'read') THEN state ELSE 'sent' END
         WHERE message_id = ?1 AND from_me = 1 AND accepted_at IS NULL",
        params![id.as_bytes(), int(accepted_at.0), int(expires_at.0)],
    )?;
    if first > 0 {
        order::place(cx, id)?;
    }
    // A second acceptance (resealed for a new device) leaves time and place alone.
    cx.db.run(
        "UPDATE messages_rows SET state = 'sent' WHERE message_id = ?1 AND from_me = 1
           AND state IN ('queued', 'waiting', 'not_delivered')",
        [id.as_bytes()],
    )?;
    changed(cx, id)
}

pub(crate) fn on_delivered(cx: &mut Cx<'_>, id: &ContentId, at: Timestamp) -> Outcome<()> {
    cx.db.run(
        "UPDATE messages_rows SET delivered_at = coalesce(delivered_at, ?2),
                state = CASE WHEN state = 'read' THEN 'read' ELSE 'delivered' END
         WHERE message_id = ?1 AND from_me = 1",
        params![id.as_bytes(), int(at.0)],
    )?;
    changed(cx, id)
}

pub(crate) fn on_read(cx: &mut Cx<'_>, id: &ContentId, at: Timestamp) -> Outcome<()> {
    cx.db.run(
        "UPDATE messages_rows SET delivered_at = coalesce(delivered_at, ?2), read_at = coalesce(read_at, ?2), state = 'read'
         WHERE message_id = ?1 AND from_me = 1",
        params![id.as_bytes(), int(at.0)],
    )?;
    changed(cx, id)
}
