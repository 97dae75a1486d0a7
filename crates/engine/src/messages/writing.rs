//! What a person does with messages: write, edit, delete, react, read.

use super::{NewRow, at_the_end, insert};
use crate::account;
use crate::api::{RefusalCode, Reply};
use crate::contacts::{self, Contact, Standing};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::outbox::{self, NewContent};
use crate::receipts;
use crate::shell::Topic;
use crate::store::rows::int;
use crate::typing;
use rusqlite::params;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Delete, Edit, Reaction, Text};
use securechat_proto::{ContentId, ConversationId, limits};

/// A request fits one content of 2 KiB with names, heads and the right to answer.
pub(crate) const REQUEST_TEXT_BYTES_MAX: usize = 1200;
/// Messages one deletion names; a longer one is split by the screens.
const DELETED_AT_ONCE_MAX: usize = 256;
const EMOJI_BYTES_MAX: usize = 64;

/// The contact to write to, when writing is possible.
fn writable(cx: &mut Cx<'_>, conversation_id: &ConversationId) -> Outcome<Contact> {
    cx.me()?;
    if account::has_ended(cx.db)? {
        return Err(Fault::refused(RefusalCode::DeviceNotLinked));
    }
    let contact = contacts::named_by(cx, conversation_id)?;
    if contact.blocked {
        return Err(Fault::refused(RefusalCode::Blocked));
    }
    if contact.new_identity_at.is_some() {
        return Err(Fault::refused(RefusalCode::NewIdentity));
    }
    if crate::identities::is_frozen(cx.db, &contact.fingerprint)?.is_some() {
        return Err(Fault::refused(RefusalCode::Frozen));
    }
    Ok(contact)
}

fn check_text(text: &str, contact: &Contact) -> Outcome<()> {
    if text.trim().is_empty() {
        return Err(Fault::refused(RefusalCode::Invalid));
    }
    let longest = match contact.standing {
        Standing::Accepted | Standing::Incoming => limits::TEXT_BYTES_MAX,
        Standing::Unsent | Standing::Outgoing => REQUEST_TEXT_BYTES_MAX,
    };
    if text.len() > longest {
        return Err(Fault::refused(RefusalCode::TooLong));
    }
    Ok(())
}

pub(crate) fn send_text(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    text: &str,
    reply_to: Option<ContentId>,
) -> Outcome<Answer> {
    let mut contact = writable(cx, conversation_id)?;
    check_text(text, &contact)?;
    match contact.standing {
        // The first reply accepts.
        Standing::Incoming => {
            contacts::requests::accept_contact(cx, &contact)?;
            contact.standing = Standing::Accepted;
        }
        Standing::Unsent => contacts::requests::on_first_text(cx, &contact)?,
        Standing::Outgoing | Standing::Accepted => {}
    }
    let id = ContentId(cx.ids.bytes());
    let at = at_the_end(cx, conversation_id)?;
    insert(
        cx,
        &NewRow {
            from_me: true,
            written_at: cx.now,
            text,
            reply_to,
            state: Some("queued"),
            ..NewRow::new(id, *conversation_id, at, "text")
        },
    )?;
    cx.db.run(
        "UPDATE conversations_list SET draft = '', archived = 0 WHERE conversation_id = ?1",
        [conversation_id.as_bytes()],
    )?;
    let body = Body::Text(Text {
        body: text.to_owned(),
        reply_to: reply_to.map(ContentId::to_vec).unwrap_or_default(),
    });
    outbox::enqueue(
        cx,
        &NewContent {
            content_id: Some(id),
            ..NewContent::to(contact.id)
        },
        body,
    )?;
    if contact.their_token.is_none() {
        // A person who writes on does not wait until another day: what was refused is tried once more, in order.
        outbox::wake_contact(cx, &contact.id)?;
    }
    typing::stopped(cx, conversation_id);
    Ok(Answer::Now(Reply::Message { message_id: id }))
}

struct Own {
    conversation_id: ConversationId,
    from_me: bool,
    kind: String,
    text: String,
    state: Option<String>,
}

fn row(cx: &Cx<'_>, id: &ContentId) -> Outcome<Own> {
    cx.db
        .one(
            "SELECT conversation_id, from_me, kind, text, state FROM messages_rows WHERE message_id = ?1",
            [id.as_bytes()],
            |row| {
                Ok(Own {
                    conversation_id: ConversationId(row.get(0)?),
                    from_me: row.get(1)?,
                    kind: row.get(2)?,
                    text: row.get(3)?,
                    state: row.get(4)?,
                })
            },
        )?
        .ok_or(Fault::refused(RefusalCode::NotFound))
}

pub(crate) fn edit(cx: &mut Cx<'_>, id: &ContentId, text: &str) -> Outcome<Answer> {
    let own = row(cx, id)?;
    if !own.from_me {
        return Err(Fault::refused(RefusalCode::NotAuthor));
    }
    if own.kind != "text" {
        return Err(Fault::refused(RefusalCode::NotFound));
    }
    let contact = writable(cx, &own.conversation_id)?;
    check_text(text, &contact)?;
    if !contact.is_accepted() {
        return Err(Fault::refused(RefusalCode::NotAccepted));
    }
    if own.text == text {
        return Ok(Answer::Now(Reply::Done));
    }
    let at = cx.now;
    rewrite(cx, id, text, at)?;
    outbox::enqueue(
        cx,
        &NewContent::to(contact.id),
        Body::Edit(Edit {
            target: id.to_vec(),
            body: text.to_owned(),
        }),
    )?;
    cx.changed_conversation(own.conversation_id);
    Ok(Answer::Now(Reply::Message { message_id: *id }))
}

/// Keeps the former text as an edit, and shows the new one.
pub(super) fn rewrite(
    cx: &mut Cx<'_>,
    id: &ContentId,
    text: &str,
    at: securechat_proto::Timestamp,
) -> Outcome<()> {
    cx.db.run(
        "INSERT INTO messages_edits (message_id, at, text)
         SELECT message_id, ?2, text FROM messages_rows WHERE message_id = ?1 AND kind = 'text'",
        params![id.as_bytes(), int(at.0)],
    )?;
    cx.db.run(
        "DELETE FROM messages_edits WHERE message_id = ?1 AND rowid NOT IN
           (SELECT rowid FROM messages_edits WHERE message_id = ?1 ORDER BY at DESC, rowid DESC LIMIT 32)",
        [id.as_bytes()],
    )?;
    cx.db.run(
        "UPDATE messages_rows SET text = ?2, edited = 1 WHERE message_id = ?1 AND kind = 'text'",
        params![id.as_bytes(), text],
    )?;
    Ok(())
}

pub(crate) fn delete(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    ids: &[ContentId],
    for_everyone: bool,
) -> Outcome<Answer> {
    if ids.is_empty() || ids.len() > DELETED_AT_ONCE_MAX {
        return Err(Fault::refused(RefusalCode::Invalid));
    }
    let contact = contacts::named_by(cx, conversation_id)?;
    let mut told = Vec::new();
    let mut any_never_left = false;
    for id in ids {
        let own = row(cx, id)?;
        if own.conversation_id != *conversation_id {
            return Err(Fault::refused(RefusalCode::NotFound));
        }
        if for_everyone && !own.from_me {
            return Err(Fault::refused(RefusalCode::NotAuthor));
        }
        let never_left = outbox::take_back(cx, id)?;
        any_never_left |= never_left;
        if for_everyone && !never_left {
            erase(cx, id)?;
            told.push(id.to_vec());
        } else {
            forget(cx, id)?;
        }
    }
    if any_never_left {
        contacts::requests::on_taken_back(cx, &contact)?;
    }
    if !told.is_empty() {
        if !contact.is_accepted() {
            return Err(Fault::refused(RefusalCode::NotAccepted));
        }
        outbox::enqueue(
            cx,
            &NewContent::to(contact.id),
            Body::Delete(Delete { targets: told }),
        )?;
    }
    cx.changed_conversation(*conversation_id);
    cx.changed(Topic::Account);
    Ok(Answer::Now(Reply::Done))
}

/// Leaves a stone where the message was; its text, edits and reactions are gone.
pub(super) fn erase(cx: &mut Cx<'_>, id: &ContentId) -> Outcome<()> {
    cx.db.run(
        "UPDATE messages_rows SET kind = 'deleted', text = '', reply_to = NULL, raw = NULL, unread = 0 WHERE message_id = ?1",
        [id.as_bytes()],
    )?;
    forget_parts(cx, id)
}

/// Removes the row from this device.
pub(crate) fn forget(cx: &mut Cx<'_>, id: &ContentId) -> Outcome<()> {
    let conversation_id = super::states::conversation_of(cx, id)?;
    cx.db.run(
        "DELETE FROM messages_rows WHERE message_id = ?1",
        [id.as_bytes()],
    )?;
    if let Some(conversation_id) = conversation_id {
        cx.changed_conversation(conversation_id);
    }
    forget_parts(cx, id)
}

fn forget_parts(cx: &mut Cx<'_>, id: &ContentId) -> Outcome<()> {
    cx.db.run(
        "DELETE FROM messages_edits WHERE message_id = ?1",
        [id.as_bytes()],
    )?;
    cx.db.run(
        "DELETE FROM messages_reactions WHERE message_id = ?1",
        [id.as_bytes()],
    )?;
    cx.deleted = true;
    Ok(())
}

pub(crate) fn react(cx: &mut Cx<'_>, id: &ContentId, emoji: &str) -> Outcome<Answer> {
    let own = row(cx, id)?;
    if own.kind != "text" {
        return Err(Fault::refused(RefusalCode::NotFound));
    }
    if emoji.len() > EMOJI_BYTES_MAX || emoji.chars().any(char::is_control) {
        return Err(Fault::refused(RefusalCode::Invalid));
    }
    let contact = writable(cx, &own.conversation_id)?;
    if !contact.is_accepted() {
        return Err(Fault::refused(RefusalCode::NotAccepted));
    }
    set_reaction(cx, id, true, emoji)?;
    let body = Body::Reaction(Reaction {
        target: id.to_vec(),
        emoji: emoji.to_owned(),
    });
    outbox::enqueue(cx, &NewContent::to(contact.id), body)?;
    cx.changed_conversation(own.conversation_id);
    Ok(Answer::Now(Reply::Done))
}

pub(super) fn set_reaction(
    cx: &mut Cx<'_>,
    id: &ContentId,
    from_me: bool,
    emoji: &str,
) -> Outcome<()> {
    if emoji.is_empty() {
        cx.db.run(
            "DELETE FROM messages_reactions WHERE message_id = ?1 AND from_me = ?2",
            params![id.as_bytes(), from_me],
        )?;
    } else {
        cx.db.run(
            "INSERT OR REPLACE INTO messages_reactions (message_id, from_me, emoji) VALUES (?1, ?2, ?3)",
            params![id.as_bytes(), from_me, emoji],
        )?;
    }
    Ok(())
}

pub(crate) fn retry(cx: &mut Cx<'_>, id: &ContentId) -> Outcome<Answer> {
    let own = row(cx, id)?;
    let failed = own
        .state
        .as_deref()
        .is_some_and(|state| state.starts_with("failed") || state == "not_delivered");
    if !own.from_me || !failed {
        return Err(Fault::refused(RefusalCode::NotFound));
    }
    writable(cx, &own.conversation_id)?;
    if !outbox::retry(cx, id)? {
        return Err(Fault::refused(RefusalCode::NotFound));
    }
    let at = at_the_end(cx, &own.conversation_id)?;
    cx.db.run(
        "UPDATE messages_rows SET order_at = ?2, sequence = 0, accepted_at = NULL WHERE message_id = ?1",
        params![id.as_bytes(), int(at.0)],
    )?;
    super::states::set(cx, id, "queued")?;
    Ok(Answer::Now(Reply::Message { message_id: *id }))
}

/// Everything up to and including this message was seen.
pub(crate) fn mark_read(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    up_to: &ContentId,
) -> Outcome<Answer> {
    let position = cx.db.one(
        "SELECT order_at FROM messages_rows WHERE message_id = ?1 AND conversation_id = ?2",
        params![up_to.as_bytes(), conversation_id.as_bytes()],
        |row| row.get::<_, i64>(0),
    )?;
    let Some(order_at) = position else {
        return Err(Fault::refused(RefusalCode::NotFound));
    };
    let contact = contacts::named_by(cx, conversation_id)?;
    let seen = cx.db.all(
        "SELECT message_id FROM messages_rows WHERE conversation_id = ?1 AND unread = 1
           AND (order_at, message_id) <= (?2, ?3) ORDER BY order_at, message_id",
        params![conversation_id.as_bytes(), order_at, up_to.as_bytes()],
        |row| Ok(ContentId(row.get(0)?)),
    )?;
    for id in &seen {
        cx.db.run(
            "UPDATE messages_rows SET unread = 0 WHERE message_id = ?1",
            [id.as_bytes()],
        )?;
    }
    receipts::owe_read(cx, &contact, &seen)?;
    if !seen.is_empty() {
        cx.changed_conversation(*conversation_id);
        cx.changed(Topic::Account);
    }
    Ok(Answer::Now(Reply::Done))
}
