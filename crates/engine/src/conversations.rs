//! Conversations between two accounts: their names on the wire, drafts, pins, numbering, what the chat list shows.
//!
//! Knows: which contact a conversation is with. Must never know: how anything is sealed.
//! A conversation keeps its local id when the contact's identity changes; its name on the wire follows the identity.

use crate::account;
use crate::api::{
    ChatFilter, ChatItem, ChatsView, ContactId, ConversationView, RefusalCode, Reply, Trust,
};
use crate::contacts::{self, Contact, Standing};
use crate::context::{Answer, Cx, Live};
use crate::error::{Fault, Outcome};
use crate::messages::preview;
use crate::shell::Topic;
use crate::store::rows::{Db, int, uint};
use rusqlite::params;
use securechat_crypto::primitives::sha256;
use securechat_proto::{ConversationId, Fingerprint, Timestamp, limits};

/// Rows the chat list shows at most.
const LISTED_MAX: i64 = 1000;

/// First 16 bytes of SHA-256(`dm` || both fingerprints, sorted).
pub(crate) fn wire_id(one: &Fingerprint, other: &Fingerprint) -> ConversationId {
    let (low, high) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    let digest = sha256(&[b"dm", low.as_bytes(), high.as_bytes()]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    ConversationId(id)
}

/// Opens the conversation with a new contact.
pub(crate) fn open(
    cx: &mut Cx<'_>,
    contact_id: &ContactId,
    fingerprint: &Fingerprint,
) -> Outcome<ConversationId> {
    let me = cx.me()?;
    let id = wire_id(&me.fingerprint, fingerprint);
    cx.db.run(
        "INSERT INTO conversations_list (conversation_id, contact_id, wire_id, touched_at) VALUES (?1, ?2, ?1, ?3)",
        params![id.as_bytes(), contact_id.0.as_bytes(), int(cx.now.0)],
    )?;
    cx.changed_conversation(id);
    Ok(id)
}

/// The contact became another identity: same conversation, new name on the wire.
pub(crate) fn rename(
    cx: &mut Cx<'_>,
    contact_id: &ContactId,
    fingerprint: &Fingerprint,
) -> Outcome<()> {
    let me = cx.me()?;
    let wire = wire_id(&me.fingerprint, fingerprint);
    cx.db.run(
        "UPDATE conversations_list SET wire_id = ?2, next_sequence = 1, taken_sequence = 0 WHERE contact_id = ?1",
        params![contact_id.0.as_bytes(), wire.as_bytes()],
    )?;
    // Numbering starts again; what was said to the former identity keeps its place.
    cx.db.run(
        "UPDATE messages_rows SET sequence = 0 WHERE conversation_id =
           (SELECT conversation_id FROM conversations_list WHERE contact_id = ?1)",
        [contact_id.0.as_bytes()],
    )?;
    Ok(())
}

/// Brings a conversation back into the list, or opens it again when it was deleted.
pub(crate) fn show(cx: &mut Cx<'_>, contact_id: &ContactId) -> Outcome<ConversationId> {
    if let Some(id) = of_contact(cx.db, contact_id)? {
        cx.db.run(
            "UPDATE conversations_list SET shown = 1 WHERE conversation_id = ?1",
            [id.as_bytes()],
        )?;
        return Ok(id);
    }
    let contact = contacts::named(cx, contact_id)?;
    open(cx, contact_id, &contact.fingerprint)
}

pub(crate) fn of_contact(db: Db<'_>, contact_id: &ContactId) -> Outcome<Option<ConversationId>> {
    db.one(
        "SELECT conversation_id FROM conversations_list WHERE contact_id = ?1",
        [contact_id.0.as_bytes()],
        |row| Ok(ConversationId(row.get(0)?)),
    )
}

pub(crate) fn of_fingerprint(
    db: Db<'_>,
    fingerprint: &Fingerprint,
) -> Outcome<Option<ConversationId>> {
    db.one(
        "SELECT conversation_id FROM conversations_list WHERE contact_id =
           (SELECT contact_id FROM contacts_list WHERE fingerprint = ?1)",
        [fingerprint.as_bytes()],
        |row| Ok(ConversationId(row.get(0)?)),
    )
}

pub(crate) fn wire_id_of(db: Db<'_>, contact_id: &ContactId) -> Outcome<Option<ConversationId>> {
    db.one(
        "SELECT wire_id FROM conversations_list WHERE contact_id = ?1",
        [contact_id.0.as_bytes()],
        |row| Ok(ConversationId(row.get(0)?)),
    )
}

/// The number the next counted content of this conversation gets.
pub(crate) fn next_sequence(db: Db<'_>, contact_id: &ContactId) -> Outcome<u64> {
    let next = db.number(
        "SELECT next_sequence FROM conversations_list WHERE contact_id = ?1",
        [contact_id.0.as_bytes()],
    )?;
    Ok(uint(next).max(1))
}

pub(crate) fn take_sequence(cx: &mut Cx<'_>, contact_id: &ContactId) -> Outcome<u64> {
    let next = next_sequence(cx.db, contact_id)?;
    cx.db.run(
        "UPDATE conversations_list SET next_sequence = ?2 WHERE contact_id = ?1",
        params![contact_id.0.as_bytes(), int(next + 1)],
    )?;
    Ok(next)
}

/// The relay took this number: somebody may have it.
pub(crate) fn sequence_taken(
    cx: &mut Cx<'_>,
    contact_id: &ContactId,
    sequence: u64,
) -> Outcome<()> {
    cx.db.run(
        "UPDATE conversations_list SET taken_sequence = max(taken_sequence, ?2) WHERE contact_id = ?1",
        params![contact_id.0.as_bytes(), int(sequence)],
    )?;
    Ok(())
}

/// Numbers behind the last one that the relay took, or may still take, are free again: nobody ever saw them.
pub(crate) fn free_sequences(cx: &mut Cx<'_>, contact_id: &ContactId) -> Outcome<()> {
    cx.db.run(
        "UPDATE conversations_list SET next_sequence = 1 + max(taken_sequence, (SELECT coalesce(max(sequence), 0)
           FROM outbox_contents o WHERE o.contact_id = ?1)) WHERE contact_id = ?1",
        [contact_id.0.as_bytes()],
    )?;
    Ok(())
}

pub(crate) fn touch(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    at: Timestamp,
) -> Outcome<()> {
    cx.db.run(
        "UPDATE conversations_list SET touched_at = max(touched_at, ?2), shown = 1 WHERE conversation_id = ?1",
        params![conversation_id.as_bytes(), int(at.0)],
    )?;
    cx.changed_conversation(*conversation_id);
    Ok(())
}

/// What was sent while they were blocked is neither fetched again nor shown as missing.
pub(crate) fn forget_gaps(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    // Without a position the next number that comes is as good as the first.
    for table in ["inbox_gaps", "inbox_positions"] {
        cx.db.run(
            &format!("DELETE FROM {table} WHERE device_id IN (SELECT device_id FROM identities_devices WHERE fingerprint = ?1)"),
            [fingerprint.as_bytes()],
        )?;
    }
    Ok(())
}

// ---- commands ------------------------------------------------------------------------------------

fn check(cx: &Cx<'_>, id: &ConversationId) -> Outcome<()> {
    let known = cx.db.exists(
        "SELECT 1 FROM conversations_list WHERE conversation_id = ?1",
        [id.as_bytes()],
    )?;
    if known {
        Ok(())
    } else {
        Err(Fault::refused(RefusalCode::NotFound))
    }
}

pub(crate) fn set_draft(cx: &mut Cx<'_>, id: &ConversationId, text: &str) -> Outcome<Answer> {
    check(cx, id)?;
    if text.len() > limits::DRAFT_BYTES_MAX {
        return Err(Fault::refused(RefusalCode::TooLong));
    }
    cx.db.run(
        "UPDATE conversations_list SET draft = ?2 WHERE conversation_id = ?1",
        params![id.as_bytes(), text],
    )?;
    cx.changed(Topic::Chats);
    // Whoever comes back to the conversation finds what was kept.
    cx.changed(Topic::Conversation {
        conversation_id: *id,
    });
    Ok(Answer::Now(Reply::Done))
}

/// A switch of a conversation.
#[derive(Clone, Copy)]
pub(crate) enum Switch {
    Pinned,
    Muted,
    Archived,
}

pub(crate) fn set(
    cx: &mut Cx<'_>,
    id: &ConversationId,
    switch: Switch,
    on: bool,
) -> Outcome<Answer> {
    check(cx, id)?;
    let sql = match switch {
        Switch::Pinned => "UPDATE conversations_list SET pinned = ?2 WHERE conversation_id = ?1",
        Switch::Muted => "UPDATE conversations_list SET muted = ?2 WHERE conversation_id = ?1",
        Switch::Archived => {
            "UPDATE conversations_list SET archived = ?2 WHERE conversation_id = ?1"
        }
    };
    cx.db.run(sql, params![id.as_bytes(), on])?;
    cx.changed_conversation(*id);
    cx.changed(Topic::Account);
    Ok(Answer::Now(Reply::Done))
}

/// Removes the conversation and its messages from this device; the contact stays.
pub(crate) fn delete(cx: &mut Cx<'_>, id: &ConversationId) -> Outcome<Answer> {
    check(cx, id)?;
    delete_rows(cx, id)?;
    cx.db.run(
        "UPDATE conversations_list SET shown = 0, draft = '', pinned = 0, archived = 0 WHERE conversation_id = ?1",
        [id.as_bytes()],
    )?;
    cx.changed_conversation(*id);
    cx.changed(Topic::Account);
    Ok(Answer::Now(Reply::Done))
}

pub(crate) fn delete_rows(cx: &mut Cx<'_>, id: &ConversationId) -> Outcome<()> {
    let mine = "(SELECT message_id FROM messages_rows WHERE conversation_id = ?1)";
    cx.db.run(
        &format!("DELETE FROM messages_edits WHERE message_id IN {mine}"),
        [id.as_bytes()],
    )?;
    cx.db.run(
        &format!("DELETE FROM messages_reactions WHERE message_id IN {mine}"),
        [id.as_bytes()],
    )?;
    cx.db.run(
        &format!("DELETE FROM healing_broken WHERE message_id IN {mine}"),
        [id.as_bytes()],
    )?;
    cx.db.run(
        "DELETE FROM messages_rows WHERE conversation_id = ?1",
        [id.as_bytes()],
    )?;
    cx.deleted = true;
    Ok(())
}

// ---- views ---------------------------------------------------------------------------------------

struct Row {
    id: ConversationId,
    draft: String,
    pinned: bool,
    muted: bool,
    archived: bool,
    touched_at: Timestamp,
    unread: u32,
}

const ROW: &str = "conversation_id, draft, pinned, muted, archived, touched_at,
    (SELECT count(*) FROM messages_rows m WHERE m.conversation_id = c.conversation_id AND m.unread = 1)";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: ConversationId(row.get(0)?),
        draft: row.get(1)?,
        pinned: row.get(2)?,
        muted: row.get(3)?,
        archived: row.get(4)?,
        touched_at: Timestamp(uint(row.get(5)?)),
        unread: row.get(6)?,
    })
}

fn typing(live: &Live, id: &ConversationId, now: Timestamp) -> bool {
    live.typing.get(id).is_some_and(|until| *until > now)
}

/// Pinned first, then by the last message. Requests stand in a list of their own.
pub(crate) fn chats(
    db: Db<'_>,
    live: &Live,
    now: Timestamp,
    filter: ChatFilter,
) -> Outcome<ChatsView> {
    let rows = db.all(
        &format!(
            "SELECT {ROW} FROM conversations_list c WHERE shown = 1
             ORDER BY pinned DESC, touched_at DESC, conversation_id LIMIT {LISTED_MAX}"
        ),
        [],
        read,
    )?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(contact) = contacts::of_conversation(db, &row.id)? else {
            continue;
        };
        let is_request = contact.standing == Standing::Incoming;
        let wanted = match filter {
            ChatFilter::All => !row.archived && !is_request,
            ChatFilter::Unread => !row.archived && !is_request && row.unread > 0,
            ChatFilter::Archived => row.archived && !is_request,
            ChatFilter::Requests => is_request && !contact.blocked,
        };
        if wanted {
            items.push(chat_item(db, live, now, &row, &contact)?);
        }
    }
    Ok(ChatsView { items })
}

fn chat_item(
    db: Db<'_>,
    live: &Live,
    now: Timestamp,
    row: &Row,
    contact: &Contact,
) -> Outcome<ChatItem> {
    let last = preview(db, &row.id)?;
    Ok(ChatItem {
        conversation_id: row.id,
        contact_id: contact.id,
        title: contact.title(),
        colour_seed: contact.colour_seed(),
        last_at_ms: last.as_ref().map(|(at, _)| *at).or(Some(row.touched_at)),
        preview: last.map(|(_, preview)| preview),
        unread: row.unread,
        draft: row.draft.clone(),
        typing: typing(live, &row.id, now),
        pinned: row.pinned,
        muted: row.muted,
        archived: row.archived,
        blocked: contact.blocked,
        request: contacts::views::request_state(contact),
        trust: contacts::views::trust(db, contact)?,
    })
}

pub(crate) fn one(
    db: Db<'_>,
    live: &Live,
    now: Timestamp,
    id: &ConversationId,
) -> Outcome<Option<ConversationView>> {
    let row = db.one(
        &format!("SELECT {ROW} FROM conversations_list c WHERE conversation_id = ?1"),
        [id.as_bytes()],
        read,
    )?;
    let (Some(row), Some(contact)) = (row, contacts::of_conversation(db, id)?) else {
        return Ok(None);
    };
    let trust = contacts::views::trust(db, &contact)?;
    Ok(Some(ConversationView {
        conversation_id: *id,
        contact_id: contact.id,
        title: contact.title(),
        handle: contact.handle.clone(),
        colour_seed: contact.colour_seed(),
        request: contacts::views::request_state(&contact),
        blocked: contact.blocked,
        muted: row.muted,
        pinned: row.pinned,
        archived: row.archived,
        typing: typing(live, id, now),
        draft: row.draft,
        unread: row.unread,
        cannot_send: cannot_send(db, live, &contact, &trust)?,
        trust,
    }))
}

/// Why nothing can be written here. A new identity does not stop writing: the outbox holds what is written.
fn cannot_send(
    db: Db<'_>,
    live: &Live,
    contact: &Contact,
    trust: &Trust,
) -> Outcome<Option<RefusalCode>> {
    if live.read_only {
        return Ok(Some(RefusalCode::StorageFull));
    }
    if account::has_ended(db)? {
        return Ok(Some(RefusalCode::DeviceNotLinked));
    }
    if contact.blocked {
        return Ok(Some(RefusalCode::Blocked));
    }
    Ok(match trust {
        Trust::Frozen { .. } => Some(RefusalCode::Frozen),
        Trust::NewIdentity { .. } => Some(RefusalCode::NewIdentity),
        Trust::Verified { .. } | Trust::Unverified | Trust::Establishing => None,
    })
}
