//! Messages as screens show them: windows of a conversation, details of one message, the chat list's preview.

use crate::api::{
    EditInfo, ItemBody, MessageDetailsView, Preview, PreviewKind, Quote, Reaction, RefusalCode,
    SendState, SystemEvent, TimelineItem, TimelineView,
};
use crate::error::Outcome;
use crate::store::rows::{Db, uint};
use rusqlite::params;
use securechat_proto::{ContentId, ConversationId, Timestamp, limits};

const PREVIEW_CHARS: usize = 120;
const QUOTE_CHARS: usize = 160;

struct Row {
    id: ContentId,
    from_me: bool,
    order_at: i64,
    kind: String,
    text: String,
    edited: bool,
    reply_to: Option<ContentId>,
    state: Option<String>,
    accepted_at: Option<i64>,
    expires_at: Option<i64>,
    written_at: i64,
    delivered_at: Option<i64>,
    read_at: Option<i64>,
}

const COLUMNS: &str =
    "message_id, from_me, order_at, kind, text, edited, reply_to, state, accepted_at, expires_at,
    written_at, delivered_at, read_at";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: ContentId(row.get(0)?),
        from_me: row.get(1)?,
        order_at: row.get(2)?,
        kind: row.get(3)?,
        text: row.get(4)?,
        edited: row.get(5)?,
        reply_to: row.get::<_, Option<[u8; 16]>>(6)?.map(ContentId),
        state: row.get(7)?,
        accepted_at: row.get(8)?,
        expires_at: row.get(9)?,
        written_at: row.get(10)?,
        delivered_at: row.get(11)?,
        read_at: row.get(12)?,
    })
}

fn time(value: i64) -> Timestamp {
    Timestamp(uint(value))
}

/// Which window of a conversation.
pub(crate) struct Window {
    pub before: Option<ContentId>,
    pub after: Option<ContentId>,
    pub around: Option<ContentId>,
    pub limit: u32,
}

/// SQLite would walk the conversation in its order until it meets an unread message, and mostly there is none.
pub(crate) const FIRST_UNREAD: &str =
    "SELECT message_id FROM messages_rows INDEXED BY messages_rows_unread
    WHERE conversation_id = ?1 AND unread = 1 ORDER BY order_at, message_id LIMIT 1";

pub(crate) fn timeline(
    db: Db<'_>,
    conversation_id: &ConversationId,
    window: &Window,
) -> Outcome<Option<TimelineView>> {
    if !db.exists(
        "SELECT 1 FROM conversations_list WHERE conversation_id = ?1",
        [conversation_id.as_bytes()],
    )? {
        return Ok(None);
    }
    let limit = window.limit.clamp(1, limits::PAGE_ITEMS_MAX);
    let place = |id: &Option<ContentId>| -> Outcome<Option<(i64, ContentId)>> {
        let Some(id) = id else {
            return Ok(None);
        };
        db.one(
            "SELECT order_at FROM messages_rows WHERE message_id = ?1 AND conversation_id = ?2",
            params![id.as_bytes(), conversation_id.as_bytes()],
            |row| Ok((row.get(0)?, *id)),
        )
    };
    let rows = if let Some(center) = place(&window.around)? {
        let mut rows = older(db, conversation_id, Some(center), limit / 2)?;
        rows.extend(newer(db, conversation_id, center, true, limit - limit / 2)?);
        rows
    } else if let Some(start) = place(&window.after)? {
        newer(db, conversation_id, start, false, limit)?
    } else {
        older(db, conversation_id, place(&window.before)?, limit)?
    };
    let edge = |row: Option<&Row>, comparison: &str| -> Outcome<bool> {
        let Some(row) = row else {
            return Ok(false);
        };
        db.exists(
            &format!("SELECT 1 FROM messages_rows WHERE conversation_id = ?1 AND (order_at, message_id) {comparison} (?2, ?3) LIMIT 1"),
            params![conversation_id.as_bytes(), row.order_at, row.id.as_bytes()],
        )
    };
    let (has_older, has_newer) = (edge(rows.first(), "<")?, edge(rows.last(), ">")?);
    let first_unread = db.one(FIRST_UNREAD, [conversation_id.as_bytes()], |row| {
        Ok(ContentId(row.get(0)?))
    })?;
    let unread = db.number(
        "SELECT count(*) FROM messages_rows WHERE conversation_id = ?1 AND unread = 1",
        [conversation_id.as_bytes()],
    )?;
    let items = rows
        .iter()
        .map(|row| item(db, row))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(Some(TimelineView {
        items,
        has_older,
        has_newer,
        first_unread,
        unread: u32::try_from(unread).unwrap_or(u32::MAX),
    }))
}

fn older(
    db: Db<'_>,
    conversation_id: &ConversationId,
    before: Option<(i64, ContentId)>,
    limit: u32,
) -> Outcome<Vec<Row>> {
    let (order_at, id) = before.unwrap_or((i64::MAX, ContentId([0xff; 16])));
    let mut rows = db.all(
        &format!(
            "SELECT {COLUMNS} FROM messages_rows WHERE conversation_id = ?1 AND (order_at, message_id) < (?2, ?3)
             ORDER BY order_at DESC, message_id DESC LIMIT ?4"
        ),
        params![conversation_id.as_bytes(), order_at, id.as_bytes(), limit],
        read,
    )?;
    rows.reverse();
    Ok(rows)
}

fn newer(
    db: Db<'_>,
    conversation_id: &ConversationId,
    after: (i64, ContentId),
    including: bool,
    limit: u32,
) -> Outcome<Vec<Row>> {
    let comparison = if including { ">=" } else { ">" };
    db.all(
        &format!(
            "SELECT {COLUMNS} FROM messages_rows WHERE conversation_id = ?1 AND (order_at, message_id) {comparison} (?2, ?3)
             ORDER BY order_at, message_id LIMIT ?4"
        ),
        params![conversation_id.as_bytes(), after.0, after.1.as_bytes(), limit],
        read,
    )
}

fn item(db: Db<'_>, row: &Row) -> Outcome<TimelineItem> {
    let body = match row.kind.as_str() {
        "text" => ItemBody::Text {
            text: row.text.clone(),
            edited: row.edited,
            reply_to: row.reply_to.map(|id| quote(db, id)).transpose()?,
        },
        "deleted" => ItemBody::Deleted,
        "healing" => ItemBody::Healing {
            asked_at_ms: time(row.written_at),
        },
        "lost" => ItemBody::Lost,
        "system" => ItemBody::System {
            event: serde_json::from_str(&row.text).unwrap_or(SystemEvent::Gap),
        },
        _ => ItemBody::Unsupported,
    };
    Ok(TimelineItem {
        message_id: row.id,
        at_ms: time(row.order_at),
        from_me: row.from_me,
        body,
        state: row.state.as_deref().map(state),
        reactions: reactions(db, &row.id)?,
    })
}

fn state(name: &str) -> SendState {
    match name {
        "waiting" => SendState::Waiting,
        "sent" => SendState::Sent,
        "delivered" => SendState::Delivered,
        "read" => SendState::Read,
        "not_delivered" => SendState::NotDelivered,
        "failed_not_accepted" => SendState::Failed {
            code: RefusalCode::NotAccepted,
        },
        "failed_too_long" => SendState::Failed {
            code: RefusalCode::TooLong,
        },
        "failed" => SendState::Failed {
            code: RefusalCode::ServerFailed,
        },
        _ => SendState::Queued,
    }
}

fn quote(db: Db<'_>, id: ContentId) -> Outcome<Quote> {
    let found = db.one(
        "SELECT from_me, text FROM messages_rows WHERE message_id = ?1 AND kind = 'text'",
        [id.as_bytes()],
        |row| Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?)),
    )?;
    Ok(match found {
        Some((from_me, text)) => Quote {
            message_id: id,
            from_me,
            text: text.chars().take(QUOTE_CHARS).collect(),
            available: true,
        },
        None => Quote {
            message_id: id,
            from_me: false,
            text: String::new(),
            available: false,
        },
    })
}

fn reactions(db: Db<'_>, id: &ContentId) -> Outcome<Vec<Reaction>> {
    let rows = db.all(
        "SELECT emoji, from_me FROM messages_reactions WHERE message_id = ?1 ORDER BY emoji, from_me",
        [id.as_bytes()],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)),
    )?;
    let mut reactions: Vec<Reaction> = Vec::new();
    for (emoji, from_me) in rows {
        match reactions.last_mut().filter(|last| last.emoji == emoji) {
            Some(last) => {
                last.from_me |= from_me;
                last.from_them |= !from_me;
            }
            None => reactions.push(Reaction {
                emoji,
                from_me,
                from_them: !from_me,
            }),
        }
    }
    Ok(reactions)
}

pub(crate) fn details(db: Db<'_>, id: &ContentId) -> Outcome<Option<MessageDetailsView>> {
    let row = db.one(
        &format!("SELECT {COLUMNS} FROM messages_rows WHERE message_id = ?1"),
        [id.as_bytes()],
        read,
    )?;
    let Some(row) = row else {
        return Ok(None);
    };
    let edits = db.all(
        "SELECT at, text FROM messages_edits WHERE message_id = ?1 ORDER BY at, rowid",
        [id.as_bytes()],
        |row| {
            Ok(EditInfo {
                at_ms: time(row.get(0)?),
                text: row.get(1)?,
            })
        },
    )?;
    let copies = db.number(
        "SELECT count(DISTINCT device_id) FROM outbox_copies WHERE row IN (SELECT row FROM outbox_contents WHERE content_id = ?1)",
        [id.as_bytes()],
    )?;
    Ok(Some(MessageDetailsView {
        item: item(db, &row)?,
        written_at_ms: time(row.written_at),
        accepted_at_ms: row.accepted_at.map(time),
        expires_at_ms: row.expires_at.map(time),
        delivered_at_ms: row.delivered_at.map(time),
        read_at_ms: row.read_at.map(time),
        edits,
        devices: u32::try_from(copies).unwrap_or(0).max(1),
    }))
}

/// What the chat list shows of the last message, and when it was. Lines of the app itself count only where nothing
/// was written yet.
pub(crate) fn preview(
    db: Db<'_>,
    conversation_id: &ConversationId,
) -> Outcome<Option<(Timestamp, Preview)>> {
    let last = |kinds: &str| {
        db.one(
            &format!(
                "SELECT {COLUMNS} FROM messages_rows WHERE conversation_id = ?1 AND {kinds}
                 ORDER BY order_at DESC, message_id DESC LIMIT 1"
            ),
            [conversation_id.as_bytes()],
            read,
        )
    };
    let row = match last("kind <> 'system'")? {
        Some(row) => Some(row),
        None => last("kind = 'system'")?,
    };
    Ok(row.map(|row| {
        let kind = match row.kind.as_str() {
            "text" => PreviewKind::Text,
            "deleted" => PreviewKind::Deleted,
            "healing" | "lost" => PreviewKind::Healing,
            "system" => PreviewKind::System,
            _ => PreviewKind::Unsupported,
        };
        let text = if kind == PreviewKind::Text {
            row.text.chars().take(PREVIEW_CHARS).collect()
        } else {
            String::new()
        };
        (
            time(row.order_at),
            Preview {
                from_me: row.from_me,
                kind,
                text,
                state: row.state.as_deref().map(state),
            },
        )
    }))
}
