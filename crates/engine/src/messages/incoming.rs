//! What others said: texts, edits, deletions, reactions, checked against who wrote the message they name.

use super::writing::{erase, rewrite, set_reaction};
use super::{NewRow, insert, order};
use crate::contacts::Contact;
use crate::context::Cx;
use crate::error::Outcome;
use crate::inbox::Origin;
use crate::settings;
use crate::shell::Output;
use crate::store::rows::int;
use crate::typing;
use rusqlite::params;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Content, Delete, Edit, Reaction, Text};
use securechat_proto::{ContentId, ConversationId, Fingerprint, Timestamp};

/// Changes kept for messages that have not come yet.
const EARLY_MAX: i64 = 256;
const PREVIEW_CHARS: usize = 120;

pub(crate) fn on_text(
    cx: &mut Cx<'_>,
    contact: &Contact,
    conversation_id: &ConversationId,
    origin: &Origin,
    text: &Text,
) -> Outcome<()> {
    let row = NewRow {
        device_id: Some(origin.device),
        sequence: origin.sequence,
        written_at: origin.sent_at,
        accepted_at: Some(origin.accepted_at),
        text: &text.body,
        reply_to: ContentId::from_slice(&text.reply_to),
        unread: true,
        ..NewRow::new(
            origin.content_id,
            *conversation_id,
            origin.accepted_at,
            "text",
        )
    };
    if !insert(cx, &row)? {
        return Ok(());
    }
    order::place(cx, &origin.content_id)?;
    typing::on_stopped(cx, conversation_id);
    apply_early(cx, contact, &origin.content_id)?;
    cx.db.run(
        "UPDATE conversations_list SET archived = 0 WHERE conversation_id = ?1 AND muted = 0",
        [conversation_id.as_bytes()],
    )?;
    notify(cx, contact, conversation_id, &text.body)
}

/// A content of a later version: kept raw, shown as "update to see this", read again after an upgrade.
pub(crate) fn on_unsupported(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    origin: &Origin,
    raw: &[u8],
) -> Outcome<()> {
    let row = NewRow {
        device_id: Some(origin.device),
        sequence: origin.sequence,
        written_at: origin.sent_at,
        accepted_at: Some(origin.accepted_at),
        unread: true,
        raw: Some(raw),
        ..NewRow::new(
            origin.content_id,
            *conversation_id,
            origin.accepted_at,
            "unsupported",
        )
    };
    insert(cx, &row)?;
    order::place(cx, &origin.content_id)
}

fn notify(
    cx: &mut Cx<'_>,
    contact: &Contact,
    conversation_id: &ConversationId,
    text: &str,
) -> Outcome<()> {
    let settings = settings::read(cx.db)?;
    let muted = cx.db.number(
        "SELECT muted FROM conversations_list WHERE conversation_id = ?1",
        [conversation_id.as_bytes()],
    )? == 1;
    if !settings.notifications || muted || cx.live.focus == Some(*conversation_id) {
        return Ok(());
    }
    // A stranger chooses neither the words nor the name on a lock screen.
    let preview = (settings.notification_preview && contact.is_accepted())
        .then(|| text.chars().take(PREVIEW_CHARS).collect());
    let title = if settings.notification_preview {
        contact.title()
    } else {
        String::new()
    };
    cx.emit(Output::Notify {
        conversation_id: *conversation_id,
        title,
        preview,
    });
    Ok(())
}

/// Who wrote the message that a change names: `None` when it has not come (or is gone).
fn author_is(
    cx: &Cx<'_>,
    target: &ContentId,
    conversation_id: &ConversationId,
    from_me: bool,
) -> Outcome<Option<bool>> {
    cx.db.one(
        "SELECT from_me FROM messages_rows WHERE message_id = ?1 AND conversation_id = ?2",
        params![target.as_bytes(), conversation_id.as_bytes()],
        |row| Ok(row.get::<_, bool>(0)? == from_me),
    )
}

pub(crate) fn on_edit(
    cx: &mut Cx<'_>,
    contact: &Contact,
    conversation_id: &ConversationId,
    edit: &Edit,
    at: Timestamp,
) -> Outcome<()> {
    let Some(target) = ContentId::from_slice(&edit.target) else {
        return Ok(());
    };
    match author_is(cx, &target, conversation_id, false)? {
        Some(true) => rewrite(cx, &target, &edit.body, at)?,
        Some(false) => {}
        None => keep_early(cx, contact, &target, Body::Edit(edit.clone()), at)?,
    }
    cx.changed_conversation(*conversation_id);
    Ok(())
}

pub(crate) fn on_delete(
    cx: &mut Cx<'_>,
    contact: &Contact,
    conversation_id: &ConversationId,
    delete: &Delete,
    at: Timestamp,
) -> Outcome<()> {
    for target in delete
        .targets
        .iter()
        .filter_map(|target| ContentId::from_slice(target))
    {
        match author_is(cx, &target, conversation_id, false)? {
            Some(true) => erase(cx, &target)?,
            Some(false) => {}
            None => {
                let one = Delete {
                    targets: vec![target.to_vec()],
                };
                keep_early(cx, contact, &target, Body::Delete(one), at)?;
            }
        }
    }
    cx.changed_conversation(*conversation_id);
    cx.changed(crate::shell::Topic::Account);
    Ok(())
}

pub(crate) fn on_reaction(
    cx: &mut Cx<'_>,
    contact: &Contact,
    conversation_id: &ConversationId,
    reaction: &Reaction,
    at: Timestamp,
) -> Outcome<()> {
    let Some(target) = ContentId::from_slice(&reaction.target) else {
        return Ok(());
    };
    let known = cx.db.exists(
        "SELECT 1 FROM messages_rows WHERE message_id = ?1 AND conversation_id = ?2 AND kind = 'text'",
        params![target.as_bytes(), conversation_id.as_bytes()],
    )?;
    if known {
        set_reaction(cx, &target, false, &reaction.emoji)?;
    } else {
        keep_early(cx, contact, &target, Body::Reaction(reaction.clone()), at)?;
    }
    cx.changed_conversation(*conversation_id);
    Ok(())
}

/// A change that overtook its message (the message heals later): kept, bounded, oldest out first.
fn keep_early(
    cx: &mut Cx<'_>,
    contact: &Contact,
    target: &ContentId,
    body: Body,
    at: Timestamp,
) -> Outcome<()> {
    let content = Content {
        body: Some(body),
        ..Content::default()
    }
    .encode_to_vec();
    cx.db.run(
        "INSERT INTO messages_early (target, fingerprint, at, content) VALUES (?1, ?2, ?3, ?4)",
        params![
            target.as_bytes(),
            contact.fingerprint.as_bytes(),
            int(at.0),
            content
        ],
    )?;
    cx.db.run(
        "DELETE FROM messages_early WHERE row <= (SELECT max(row) FROM messages_early) - ?1",
        [EARLY_MAX],
    )?;
    Ok(())
}

fn apply_early(cx: &mut Cx<'_>, contact: &Contact, id: &ContentId) -> Outcome<()> {
    let early = cx.db.all(
        "SELECT fingerprint, at, content FROM messages_early WHERE target = ?1 ORDER BY row",
        [id.as_bytes()],
        |row| {
            Ok((
                Fingerprint(row.get(0)?),
                Timestamp(crate::store::rows::uint(row.get(1)?)),
                row.get::<_, Vec<u8>>(2)?,
            ))
        },
    )?;
    cx.db.run(
        "DELETE FROM messages_early WHERE target = ?1",
        [id.as_bytes()],
    )?;
    for (fingerprint, at, content) in early {
        let body = Content::decode(content.as_slice())
            .ok()
            .and_then(|content| content.body);
        match body.filter(|_| fingerprint == contact.fingerprint) {
            Some(Body::Edit(edit)) => rewrite(cx, id, &edit.body, at)?,
            Some(Body::Delete(_)) => erase(cx, id)?,
            Some(Body::Reaction(reaction)) => set_reaction(cx, id, false, &reaction.emoji)?,
            _ => {}
        }
    }
    Ok(())
}
