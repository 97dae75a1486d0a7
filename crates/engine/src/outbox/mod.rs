//! Contents on their way out: kept until confirmed, sealed once for each device, sent as the same bytes until answered.
//!
//! Knows: which contents are open, for which devices they were sealed. Must never know: what a content means beyond
//! its kind. Verbs: [`enqueue`], [`pump`], [`on_accepted`], [`on_receipt`], [`take_back`], [`retry`].
//! Bytes: docs/protocol/envelope.md.

pub(crate) mod answers;
mod counter;
pub(crate) mod prepare;
pub(crate) mod sealing;

pub(crate) use answers::{on_accepted, on_receipt};
pub(crate) use counter::on_relay_counter;

use crate::api::ContactId;
use crate::contacts::{self, Contact};
use crate::context::Cx;
use crate::conversations;
use crate::error::{Fault, Outcome};
use crate::shell::{Output, Topic};
use crate::store::rows::{Db, int, uint};
use rusqlite::params;
use securechat_crypto::channel::Kind;
use securechat_crypto::seal::ExpiryClass;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::Content;
use securechat_proto::wire::content::content::Body;
use securechat_proto::{ContentId, DeviceId, Fingerprint, SubmitId, Timestamp, limits};

/// Submits on the socket that wait for their answer.
const SUBMITTED_MAX: usize = 32;
/// Contents sealed in one input; the rest follows with the next.
const SEALED_AT_ONCE: i64 = 64;

/// A content to send.
#[derive(Clone, Copy)]
pub(crate) struct NewContent {
    pub contact_id: ContactId,
    /// `None`: a fresh one.
    pub content_id: Option<ContentId>,
    /// Repair and its answers go to one device alone.
    pub only_device: Option<DeviceId>,
    /// "Send me the entries of your log that I lack."
    pub wants_log_entries: bool,
}

impl NewContent {
    pub fn to(contact_id: ContactId) -> Self {
        Self {
            contact_id,
            content_id: None,
            only_device: None,
            wants_log_entries: false,
        }
    }
}

/// Takes a content in; it is sealed as soon as the keys are there, and sent as soon as there is a socket.
pub(crate) fn enqueue(cx: &mut Cx<'_>, new: &NewContent, body: Body) -> Outcome<()> {
    let kind = Kind::of(&body);
    debug_assert!(kind.rule().expiry == ExpiryClass::Durable);
    let content_id = new.content_id.unwrap_or_else(|| ContentId(cx.ids.bytes()));
    let wire_id = conversations::wire_id_of(cx.db, &new.contact_id)?
        .ok_or(Fault::Bug("a contact without a conversation"))?;
    let content = Content {
        conversation_id: wire_id.to_vec(),
        content_id: content_id.to_vec(),
        sent_at_ms: cx.now.0,
        wants_log_entries: new.wants_log_entries,
        body: Some(body),
        ..Content::default()
    };
    cx.db.run(
        "INSERT INTO outbox_contents (content_id, contact_id, only_device, kind, content, sequence, state, created_at, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 'open', ?6, ?6)",
        params![
            content_id.as_bytes(),
            new.contact_id.0.as_bytes(),
            new.only_device.as_ref().map(DeviceId::as_bytes),
            kind_name(kind),
            content.encode_to_vec(),
            int(cx.now.0)
        ],
    )?;
    cx.changed(Topic::Account);
    Ok(())
}

/// Names in the `kind` column.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Edit => "edit",
        Kind::Delete => "delete",
        Kind::Reaction => "reaction",
        Kind::Receipt => "receipt",
        Kind::Typing => "typing",
        Kind::Introduction => "introduction",
        Kind::Acceptance => "acceptance",
        Kind::Profile => "profile",
        Kind::Repair => "repair",
        Kind::Resend => "resend",
        Kind::Gone => "gone",
        Kind::LogNotice => "log_notice",
        Kind::TokenGrant => "token_grant",
    }
}

/// Whether the other side confirms this kind by a receipt, so that it is kept and healed until then.
pub(crate) fn is_confirmed(kind: &str) -> bool {
    matches!(
        kind,
        "text" | "edit" | "delete" | "reaction" | "acceptance" | "profile"
    )
}

/// Seals what can be sealed, sends what is sealed.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    let Some(me) = cx
        .me_if_any()?
        .filter(|me| me.state == crate::api::AccountState::Ready)
    else {
        return Ok(());
    };
    answers::heal_and_expire(cx)?;
    let contacts = cx.db.all(
        "SELECT DISTINCT contact_id FROM outbox_contents WHERE state = 'open' AND due_at <= ?1 ORDER BY row LIMIT 64",
        [int(cx.now.0)],
        |row| Ok(ContactId(securechat_proto::ConversationId(row.get(0)?))),
    )?;
    for contact_id in contacts {
        let Some(contact) = contacts::by_id(cx.db, &contact_id)? else {
            forget_contents(cx, &contact_id, "1")?;
            continue;
        };
        sealing::seal_open(cx, &me, &contact)?;
    }
    transmit(cx)
}

struct Open {
    row: i64,
    content_id: ContentId,
    only_device: Option<DeviceId>,
    content: Vec<u8>,
    /// 0: not numbered yet.
    sequence: u64,
    due_at: Timestamp,
}

/// The open contents of one contact, in the order they were written, due or not.
fn open_of(cx: &Cx<'_>, contact: &Contact) -> Outcome<Vec<Open>> {
    cx.db.all(
        "SELECT row, content_id, only_device, content, sequence, due_at FROM outbox_contents
         WHERE contact_id = ?1 AND state = 'open' ORDER BY row LIMIT ?2",
        params![contact.id.0.as_bytes(), SEALED_AT_ONCE],
        |row| {
            Ok(Open {
                row: row.get(0)?,
                content_id: ContentId(row.get(1)?),
                only_device: row.get::<_, Option<[u8; 16]>>(2)?.map(DeviceId),
                content: row.get(3)?,
                sequence: uint(row.get(4)?),
                due_at: Timestamp(uint(row.get(5)?)),
            })
        },
    )
}

/// Puts stored submits on the socket, oldest first. One that the relay put off holds back what was sealed after it for
/// the same contact: the ratchet keeps keys for 40 messages that come late, and what was under way may use 31 of them.
fn transmit(cx: &mut Cx<'_>) -> Outcome<()> {
    if !cx.live.link.is_ready() || cx.live.submitted.len() >= SUBMITTED_MAX {
        return Ok(());
    }
    let due = cx.db.all(
        "SELECT submit_id, frame FROM outbox_submits s WHERE due_at <= ?1 AND NOT EXISTS
           (SELECT 1 FROM outbox_submits e JOIN outbox_contents c ON c.row = e.row
            WHERE e.attempts > 0 AND e.row < s.row
              AND c.contact_id = (SELECT contact_id FROM outbox_contents o WHERE o.row = s.row))
         ORDER BY row, sealed_at LIMIT ?2",
        params![int(cx.now.0), SUBMITTED_MAX as i64 * 2],
        |row| Ok((SubmitId(row.get(0)?), row.get::<_, Vec<u8>>(1)?)),
    )?;
    for (submit_id, frame) in due {
        if cx.live.submitted.len() < SUBMITTED_MAX && cx.live.submitted.insert(submit_id) {
            cx.emit(Output::Frame {
                bytes: frame.into(),
            });
        }
    }
    Ok(())
}

/// A socket opened: everything that was not answered is sent again, as the same bytes.
pub(crate) fn hurry(cx: &mut Cx<'_>) -> Outcome<()> {
    cx.live.submitted.clear();
    let now = int(cx.now.0);
    cx.db.run(
        "UPDATE outbox_submits SET due_at = ?1 WHERE due_at > ?1 AND attempts < 4",
        [now],
    )?;
    cx.db.run(
        "UPDATE outbox_contents SET due_at = ?1 WHERE state = 'open' AND due_at > ?1",
        [now],
    )?;
    Ok(())
}

/// Something that open contents may have waited for has happened.
pub(crate) fn wake(cx: &mut Cx<'_>) -> Outcome<()> {
    cx.db.run(
        "UPDATE outbox_contents SET due_at = ?1 WHERE state = 'open' AND due_at > ?1",
        [int(cx.now.0)],
    )?;
    Ok(())
}

/// One lookup in the index for each state; together they would be a walk over all that waits.
pub(crate) const NEXT: &str = "SELECT min(due_at) FROM (
      SELECT min(due_at) AS due_at FROM outbox_contents WHERE state = 'open' AND due_at > ?1
      UNION ALL SELECT min(due_at) FROM outbox_contents WHERE state = 'sent' AND due_at > ?1
      UNION ALL SELECT min(due_at) FROM outbox_contents WHERE state = 'held' AND due_at > ?1)";

pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    let now = int(cx.now.0);
    let open = cx.db.number(NEXT, [now])?;
    let submit = cx.db.number(
        "SELECT min(due_at) FROM outbox_submits WHERE due_at > ?1",
        [now],
    )?;
    Ok([open, submit]
        .into_iter()
        .filter(|at| *at > 0)
        .min()
        .map(|at| Timestamp(uint(at))))
}

/// Contents and requests that are stored here and not with the relay yet.
pub(crate) fn pending(db: Db<'_>) -> Outcome<i64> {
    Ok(db.number(
        "SELECT count(*) FROM outbox_contents WHERE state IN ('open', 'sealed')",
        [],
    )? + db.number(
        "SELECT count(*) FROM requests_open WHERE transient = 0 AND method IN ('PUT', 'DELETE')",
        [],
    )? + db.number("SELECT count(*) FROM receipts_owed", [])?)
}

/// The log of this account is there: contents that waited for it may be sealed.
pub(crate) fn on_log_held(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    match contacts::by_fingerprint(cx.db, fingerprint)? {
        Some(contact) => wake_contact(cx, &contact.id),
        None => Ok(()),
    }
}

/// Something that open contents waited for has come: they are due.
pub(crate) fn wake_contact(cx: &mut Cx<'_>, contact_id: &ContactId) -> Outcome<()> {
    cx.db.run(
        "UPDATE outbox_contents SET due_at = ?2 WHERE contact_id = ?1 AND state = 'open' AND due_at > ?2",
        params![contact_id.0.as_bytes(), int(cx.now.0)],
    )?;
    Ok(())
}

/// The person accepted a new identity: what was held is addressed and sealed anew; nothing that was sealed for the old
/// identity leaves any more. Repairs for the old one are answered no more.
pub(crate) fn on_identity_accepted(
    cx: &mut Cx<'_>,
    contact: &Contact,
    _found: &Fingerprint,
) -> Outcome<()> {
    let wire_id = conversations::wire_id_of(cx.db, &contact.id)?
        .ok_or(Fault::Bug("a contact without a conversation"))?;
    forget_contents(
        cx,
        &contact.id,
        "kind NOT IN ('text', 'introduction') OR state NOT IN ('open', 'sealed')",
    )?;
    let held = cx.db.all(
        "SELECT row, content FROM outbox_contents WHERE contact_id = ?1 ORDER BY row",
        [contact.id.0.as_bytes()],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
    )?;
    for (row, content) in held {
        drop_sealed(cx, row)?;
        let Ok(content) = Content::decode(content.as_slice()) else {
            continue;
        };
        let content = Content {
            conversation_id: wire_id.to_vec(),
            sequence: 0,
            ..content
        }
        .encode_to_vec();
        cx.db.run(
            "UPDATE outbox_contents SET content = ?2, sequence = 0, state = 'open', due_at = ?3 WHERE row = ?1",
            params![row, content, int(cx.now.0)],
        )?;
    }
    Ok(())
}

/// Contents leave together with what was sealed for them: an answer to it would find nothing, or another content.
fn forget_contents(cx: &mut Cx<'_>, contact_id: &ContactId, which: &str) -> Outcome<()> {
    let rows = cx.db.all(
        &format!("SELECT row FROM outbox_contents WHERE contact_id = ?1 AND ({which})"),
        [contact_id.0.as_bytes()],
        |row| row.get::<_, i64>(0),
    )?;
    rows.into_iter().try_for_each(|row| forget_row(cx, row))
}

fn forget_row(cx: &mut Cx<'_>, row: i64) -> Outcome<()> {
    drop_sealed(cx, row)?;
    cx.db
        .run("DELETE FROM outbox_contents WHERE row = ?1", [row])?;
    Ok(())
}

fn drop_sealed(cx: &mut Cx<'_>, row: i64) -> Outcome<()> {
    cx.db
        .run("DELETE FROM outbox_submits WHERE row = ?1", [row])?;
    cx.db
        .run("DELETE FROM outbox_copies WHERE row = ?1", [row])?;
    Ok(())
}

/// The person deletes a message that may not have left. True: nobody else has it.
/// What was already sealed may be with the relay, so its words go and the rest stays, to answer a repair with "gone".
pub(crate) fn take_back(cx: &mut Cx<'_>, content_id: &ContentId) -> Outcome<bool> {
    let row = cx.db.one(
        "SELECT row, accepted_at IS NOT NULL FROM outbox_contents WHERE content_id = ?1 ORDER BY row LIMIT 1",
        [content_id.as_bytes()],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
    )?;
    let Some((row, was_accepted)) = row else {
        return Ok(false);
    };
    cx.deleted = true;
    let copies = cx
        .db
        .number("SELECT count(*) FROM outbox_copies WHERE row = ?1", [row])?;
    // Never sealed, or refused: copies of what the relay refused are gone.
    if !was_accepted && copies == 0 {
        cx.db
            .run("DELETE FROM outbox_contents WHERE row = ?1", [row])?;
        return Ok(true);
    }
    cx.db.run(
        "UPDATE outbox_contents SET content = x'' WHERE row = ?1",
        [row],
    )?;
    Ok(false)
}

/// Whether anything for this contact is on its way, or left and is not confirmed.
pub(crate) fn holds_any(cx: &Cx<'_>, contact_id: &ContactId) -> Outcome<bool> {
    cx.db.exists(
        "SELECT 1 FROM outbox_contents WHERE contact_id = ?1",
        [contact_id.0.as_bytes()],
    )
}

/// The person wants a failed message sent again: the same content, sealed anew, with a number and a place of its own.
/// Its old place lies behind what was said since.
pub(crate) fn retry(cx: &mut Cx<'_>, content_id: &ContentId) -> Outcome<bool> {
    let row = cx.db.one(
        "SELECT row FROM outbox_contents WHERE content_id = ?1 AND state = 'failed' AND content <> x''",
        [content_id.as_bytes()],
        |row| row.get::<_, i64>(0),
    )?;
    let Some(row) = row else {
        return Ok(false);
    };
    drop_sealed(cx, row)?;
    cx.db.run(
        "UPDATE outbox_contents SET state = 'open', sequence = 0, due_at = ?2, created_at = ?2, healed = 0, resealed = 0
         WHERE row = ?1",
        params![row, int(cx.now.0)],
    )?;
    Ok(true)
}

/// How long a content is tried and healed before it counts as not delivered.
pub(super) const TRIED_MS: u64 = limits::RETENTION_MS;
