//! Messages of a conversation: written, edited, deleted, answered; their rows, their order, their states.
//!
//! Knows: what was said. Must never know: keys, devices' sessions, how a content travels.
//! Order on every device: see [`order`].

pub(crate) mod incoming;
pub(crate) mod order;
pub(crate) mod states;
pub(crate) mod timeline;
pub(crate) mod writing;

pub(crate) use timeline::preview;
pub(crate) use writing::forget;

use crate::api::SystemEvent;
use crate::contacts::Contact;
use crate::context::Cx;
use crate::conversations;
use crate::error::Outcome;
use crate::receipts;
use crate::shell::Topic;
use crate::store::rows::int;
use rusqlite::params;
use securechat_proto::{ContentId, ConversationId, DeviceId, Timestamp};

/// A row to add to a conversation.
pub(crate) struct NewRow<'a> {
    pub id: ContentId,
    pub conversation_id: ConversationId,
    pub from_me: bool,
    pub device_id: Option<DeviceId>,
    pub sequence: u64,
    pub order_at: Timestamp,
    pub written_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
    pub kind: &'a str,
    pub text: &'a str,
    pub reply_to: Option<ContentId>,
    pub state: Option<&'a str>,
    pub unread: bool,
    pub raw: Option<&'a [u8]>,
}

impl<'a> NewRow<'a> {
    /// A line without author; callers set what differs.
    pub fn new(
        id: ContentId,
        conversation_id: ConversationId,
        at: Timestamp,
        kind: &'a str,
    ) -> Self {
        Self {
            id,
            conversation_id,
            from_me: false,
            device_id: None,
            sequence: 0,
            order_at: at,
            written_at: at,
            accepted_at: None,
            kind,
            text: "",
            reply_to: None,
            state: None,
            unread: false,
            raw: None,
        }
    }
}

/// Adds a row once; false when the id is there already.
pub(crate) fn insert(cx: &mut Cx<'_>, row: &NewRow<'_>) -> Outcome<bool> {
    let added = cx.db.run(
        "INSERT OR IGNORE INTO messages_rows
           (message_id, conversation_id, from_me, device_id, sequence, order_at, written_at, accepted_at, kind, text,
            reply_to, state, unread, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            row.id.as_bytes(),
            row.conversation_id.as_bytes(),
            row.from_me,
            row.device_id.as_ref().map(DeviceId::as_bytes),
            int(row.sequence),
            int(row.order_at.0),
            int(row.written_at.0),
            row.accepted_at.map(|at| int(at.0)),
            row.kind,
            row.text,
            row.reply_to.as_ref().map(ContentId::as_bytes),
            row.state,
            row.unread,
            row.raw
        ],
    )?;
    if added > 0 {
        conversations::touch(cx, &row.conversation_id, row.order_at)?;
        if row.unread {
            cx.changed(Topic::Account);
        }
    }
    Ok(added > 0)
}

/// Sets the number of an own message; with acceptance it gives the message its place.
pub(crate) fn number(
    cx: &mut Cx<'_>,
    id: &ContentId,
    device: &DeviceId,
    sequence: u64,
) -> Outcome<()> {
    cx.db.run(
        "UPDATE messages_rows SET device_id = ?2, sequence = ?3 WHERE message_id = ?1 AND from_me = 1",
        params![id.as_bytes(), device.as_bytes(), int(sequence)],
    )?;
    Ok(())
}

/// A line of the product's own, at the end of the conversation.
pub(crate) fn system_line(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    event: SystemEvent,
) -> Outcome<()> {
    let id = ContentId(cx.ids.bytes());
    let at = at_the_end(cx, conversation_id)?;
    let text = serde_json::to_string(&event).unwrap_or_default();
    insert(
        cx,
        &NewRow {
            text: &text,
            ..NewRow::new(id, *conversation_id, at, "system")
        },
    )?;
    Ok(())
}

/// Takes lines of this event out of the conversation again: it did not happen.
pub(crate) fn forget_system_line(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    event: &SystemEvent,
) -> Outcome<()> {
    let text = serde_json::to_string(event).unwrap_or_default();
    cx.db.run(
        "DELETE FROM messages_rows WHERE conversation_id = ?1 AND kind = 'system' AND text = ?2",
        params![conversation_id.as_bytes(), text],
    )?;
    cx.changed_conversation(*conversation_id);
    Ok(())
}

/// A time that sorts behind everything shown: a clock that lags must not put a new line above old ones.
pub(crate) fn at_the_end(cx: &Cx<'_>, conversation_id: &ConversationId) -> Outcome<Timestamp> {
    let last = cx.db.number(
        "SELECT max(order_at) FROM messages_rows WHERE conversation_id = ?1",
        [conversation_id.as_bytes()],
    )?;
    Ok(cx.now.max(Timestamp(crate::store::rows::uint(last))))
}

/// Both sides have accepted: what was received before is now confirmed too.
pub(crate) fn owe_receipts_for_request(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    let Some(conversation_id) = conversations::of_contact(cx.db, &contact.id)? else {
        return Ok(());
    };
    let received = cx.db.all(
        "SELECT message_id FROM messages_rows WHERE conversation_id = ?1 AND from_me = 0 AND kind IN ('text', 'deleted')
         ORDER BY order_at DESC LIMIT 256",
        [conversation_id.as_bytes()],
        |row| Ok(ContentId(row.get(0)?)),
    )?;
    for message_id in received {
        receipts::owe_delivered(cx, &contact.id, &message_id)?;
    }
    Ok(())
}
