//! Envelopes on their way in: counted once, opened, checked, handed to the room they belong to, then acknowledged.
//!
//! Knows: who may send what (channel table), what is still missing. Must never know: how a screen shows it.
//! Nothing here stops the queue: what cannot be opened is counted and dropped, or becomes a row that heals in place.

pub(crate) mod gaps;
mod heads;

pub(crate) use gaps::{next_due, pump};

use crate::account::Me;
use crate::contacts::{self, Contact, Standing};
use crate::context::Cx;
use crate::conversations;
use crate::error::{Fault, Outcome};
use crate::messages::incoming;
use crate::outbox::prepare::{sessions, store_sessions};
use crate::prekeys::{self, Prekeys};
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::store::rows::{int, uint};
use crate::{healing, identities, receipts, typing};
use rusqlite::params;
use securechat_crypto::channel::{self, Kind, NotAdmitted, Relation};
use securechat_crypto::pqxdh::Address;
use securechat_crypto::seal::{self, EnvelopeHeader, ExpiryClass, OpenError, Rejection, Unsealed};
use securechat_proto::api::HandleInfo;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::Content;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::socket::Delivery;
use securechat_proto::{
    ContentId, ConversationId, DeviceId, EnvelopeId, Fingerprint, Timestamp, limits,
};

/// Envelope ids are remembered longer than the relay keeps envelopes.
const SEEN_KEPT_MS: u64 = limits::RETENTION_MS + 5 * limits::DAY_MS;
/// Old ids leave in small steps.
const FORGOTTEN_AT_ONCE: u32 = 64;
const CURSOR_BYTES_MAX: usize = 16;
/// Envelopes of unknown senders wait this long for the sender's log.
const AWAIT_LOG_MS: u64 = limits::DAY_MS;

/// Where a content came from and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub device: DeviceId,
    pub content_id: ContentId,
    pub sequence: u64,
    pub sent_at: Timestamp,
    pub accepted_at: Timestamp,
}

/// Counts something that came from outside and was dropped; the numbers are in the diagnostic file.
pub(crate) fn count(cx: &mut Cx<'_>, name: &str) -> Outcome<()> {
    cx.db.run(
        "INSERT INTO inbox_counts (name, count) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1",
        [name],
    )?;
    Ok(())
}

pub(crate) fn on_delivery(cx: &mut Cx<'_>, delivery: Delivery) -> Outcome<()> {
    let Some(envelope) = EnvelopeId::from_slice(&delivery.envelope_id) else {
        return count(cx, "frame_malformed");
    };
    if delivery.cursor.len() > CURSOR_BYTES_MAX {
        return count(cx, "frame_malformed");
    }
    let new = cx.db.run(
        "INSERT OR IGNORE INTO inbox_seen (envelope_id, at) VALUES (?1, ?2)",
        params![envelope.as_bytes(), int(cx.now.0)],
    )?;
    if new > 0 {
        forget_old(cx)?;
        receive_or_drop(cx, envelope, &delivery)?;
    }
    if !delivery.cursor.is_empty() {
        cx.db
            .run("UPDATE store_state SET cursor = ?1", [&delivery.cursor])?;
        cx.acknowledged = Some(delivery.cursor);
    }
    Ok(())
}

fn forget_old(cx: &mut Cx<'_>) -> Outcome<()> {
    let before = int(cx.now.0.saturating_sub(SEEN_KEPT_MS));
    for table in ["inbox_seen", "inbox_contents_seen"] {
        let key = if table == "inbox_seen" {
            "envelope_id"
        } else {
            "(device_id, content_id)"
        };
        let columns = key.trim_matches(['(', ')']);
        cx.db.run(
            &format!("DELETE FROM {table} WHERE {key} IN (SELECT {columns} FROM {table} WHERE at < ?1 LIMIT {FORGOTTEN_AT_ONCE})"),
            [before],
        )?;
    }
    Ok(())
}

/// One envelope can not stop the queue: when handling it fails in itself, everything it did is undone and it is
/// counted. Only a store that fails ends the input.
fn receive_or_drop(cx: &mut Cx<'_>, envelope: EnvelopeId, delivery: &Delivery) -> Outcome<()> {
    cx.db.0.execute_batch("SAVEPOINT envelope")?;
    let result = receive(cx, envelope, delivery);
    if let Err(Fault::Refused(_) | Fault::Bug(_)) = &result {
        cx.db
            .0
            .execute_batch("ROLLBACK TO envelope; RELEASE envelope")?;
        cx.live.logs.clear();
        cx.live.bundles.clear();
        cx.live.me = None;
        return count(cx, "envelope_failed");
    }
    cx.db.0.execute_batch("RELEASE envelope")?;
    result
}

/// Takes the outer seal off and opens what is inside.
fn receive(cx: &mut Cx<'_>, envelope: EnvelopeId, delivery: &Delivery) -> Outcome<()> {
    let Some(expiry) = ExpiryClass::from_wire(delivery.expiry_class) else {
        return count(cx, "open_malformed");
    };
    if delivery.ciphertext.len() > limits::ENVELOPE_BYTES_MAX {
        return count(cx, "open_malformed");
    }
    let me = cx.me()?;
    let header = EnvelopeHeader {
        envelope,
        sealing_key_number: delivery.sealing_key_number,
        expiry,
    };
    let key = prekeys::sealing_key(cx.db, delivery.sealing_key_number)?;
    let address = me.device().party().address();
    let unsealed = match seal::unseal(&address, key.as_ref(), &header, &delivery.ciphertext) {
        Ok(unsealed) => unsealed,
        Err(rejection) => return count(cx, rejection.code()),
    };
    let sender = unsealed.sender();
    if !identities::is_held(cx.db, &sender.fingerprint)? {
        return await_log(cx, &sender.fingerprint, delivery);
    }
    open(cx, &me, &unsealed, delivery, expiry)
}

fn open(
    cx: &mut Cx<'_>,
    me: &Me,
    unsealed: &Unsealed,
    delivery: &Delivery,
    expiry: ExpiryClass,
) -> Outcome<()> {
    let sender = unsealed.sender();
    let log = identities::log(cx, &sender.fingerprint)?;
    let state = match &log {
        Some(log) => Some(identities::acting(cx, log)?),
        None => None,
    };
    let mut sessions = sessions(cx, &sender.device)?;
    let opened = seal::open(
        &me.device(),
        unsealed,
        state.as_ref(),
        &mut sessions,
        &Prekeys(cx.db),
        cx.now,
    );
    match opened {
        Ok(opened) => {
            store_sessions(cx, &sender.device, &sessions)?;
            if let Some(consumed) = &opened.consumed {
                prekeys::consume(cx, consumed)?;
            }
            identities::heard(cx, &sender.device)?;
            let accepted_at = Timestamp(delivery.accepted_at_ms);
            on_content(cx, me, &sender, &opened.content, expiry, accepted_at)
        }
        Err(OpenError::Store(fault)) => Err(fault),
        Err(OpenError::Rejected(rejection)) => {
            count(cx, rejection.code())?;
            match rejection {
                Rejection::Broken(broken) => {
                    sessions.want_fresh(broken.seen_generation);
                    store_sessions(cx, &sender.device, &sessions)?;
                    on_broken(cx, &sender, delivery, expiry)
                }
                Rejection::Corrupt => {
                    cx.db.run(
                        "DELETE FROM identities_sessions WHERE device_id = ?1",
                        [sender.device.as_bytes()],
                    )?;
                    on_broken(cx, &sender, delivery, expiry)
                }
                Rejection::SenderLogUnknown { sender } => {
                    await_log(cx, &sender.fingerprint, delivery)
                }
                Rejection::SenderInactive { sender } => {
                    match identities::account_of(cx.db, &sender.fingerprint)? {
                        // Perhaps a device we have not heard of: it comes again when the log has it.
                        Some(account_id) => {
                            store_awaiting(cx, &sender.fingerprint, delivery)?;
                            identities::fetch_if_old(cx, account_id, sender.fingerprint)
                        }
                        None => Ok(()),
                    }
                }
                Rejection::NoRandomness => Err(Fault::NoRandomness),
                Rejection::UnknownSealingKey
                | Rejection::Unopenable
                | Rejection::Malformed
                | Rejection::OwnAddress
                | Rejection::Forged
                | Rejection::IdentityMismatch
                | Rejection::WrongSender => Ok(()),
            }
        }
    }
}

/// Its maker is proved, its words are not to be had: a row that heals, and a repair.
fn on_broken(
    cx: &mut Cx<'_>,
    sender: &Address,
    delivery: &Delivery,
    expiry: ExpiryClass,
) -> Outcome<()> {
    let contact = contacts::by_fingerprint(cx.db, &sender.fingerprint)?;
    match contact {
        Some(contact) if expiry == ExpiryClass::Durable && !contact.blocked => {
            let hash = seal::envelope_hash(&delivery.ciphertext);
            healing::on_broken(
                cx,
                &contact,
                sender,
                hash,
                Timestamp(delivery.accepted_at_ms),
            )
        }
        _ => Ok(()),
    }
}

// ---- senders whose log is not known --------------------------------------------------------------

/// Stores the envelope and looks for its sender's account.
fn await_log(cx: &mut Cx<'_>, fingerprint: &Fingerprint, delivery: &Delivery) -> Outcome<()> {
    store_awaiting(cx, fingerprint, delivery)?;
    let request = Request::get(
        format!("identity:{fingerprint}"),
        Purpose::FindIdentity {
            fingerprint: *fingerprint,
        },
        format!("/v1/identities/{fingerprint}"),
    );
    requests::send(cx, request)?;
    Ok(())
}

fn store_awaiting(cx: &mut Cx<'_>, fingerprint: &Fingerprint, delivery: &Delivery) -> Outcome<()> {
    cx.db.run(
        "DELETE FROM inbox_awaiting_log WHERE at < ?1",
        [int(cx.now.0.saturating_sub(AWAIT_LOG_MS))],
    )?;
    let of_sender = cx.db.number(
        "SELECT count(*) FROM inbox_awaiting_log WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
    )?;
    if uint(of_sender) >= limits::ENVELOPES_AWAITING_LOG_PER_SENDER_MAX as u64 {
        return count(cx, "awaiting_log_full");
    }
    let all = cx
        .db
        .number("SELECT count(*) FROM inbox_awaiting_log", [])?;
    if uint(all) >= limits::ENVELOPES_AWAITING_LOG_MAX as u64 {
        // The oldest of the fullest sender leaves first: nobody can push all others out.
        cx.db.run(
            "DELETE FROM inbox_awaiting_log WHERE row = (SELECT min(row) FROM inbox_awaiting_log WHERE fingerprint =
               (SELECT fingerprint FROM inbox_awaiting_log GROUP BY fingerprint ORDER BY count(*) DESC, min(row) LIMIT 1))",
            [],
        )?;
        count(cx, "awaiting_log_full")?;
    }
    cx.db.run(
        "INSERT OR IGNORE INTO inbox_awaiting_log (envelope_id, fingerprint, delivery, at) VALUES (?1, ?2, ?3, ?4)",
        params![delivery.envelope_id, fingerprint.as_bytes(), delivery.encode_to_vec(), int(cx.now.0)],
    )?;
    Ok(())
}

/// The relay told where the account of an unknown sender is.
pub(crate) fn on_identity_found(
    cx: &mut Cx<'_>,
    fingerprint: Fingerprint,
    body: &[u8],
) -> Outcome<()> {
    match requests::read::<HandleInfo>(body) {
        Some(info) if info.fingerprint == fingerprint => {
            identities::fetch(cx, info.account_id, fingerprint)
        }
        _ => Ok(()),
    }
}

/// Nobody has that fingerprint: its envelopes were noise.
pub(crate) fn on_identity_missing(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    cx.db.run(
        "DELETE FROM inbox_awaiting_log WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
    )?;
    Ok(())
}

/// A log is there: what waited for it is opened, in the order it came.
pub(crate) fn on_log_held(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    let waiting = cx.db.all(
        "SELECT delivery FROM inbox_awaiting_log WHERE fingerprint = ?1 ORDER BY row",
        [fingerprint.as_bytes()],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    cx.db.run(
        "DELETE FROM inbox_awaiting_log WHERE fingerprint = ?1",
        [fingerprint.as_bytes()],
    )?;
    for bytes in waiting {
        let Ok(delivery) = Delivery::decode(bytes.as_slice()) else {
            continue;
        };
        if let Some(envelope) = EnvelopeId::from_slice(&delivery.envelope_id) {
            receive_or_drop(cx, envelope, &delivery)?;
        }
    }
    Ok(())
}

// ---- contents ------------------------------------------------------------------------------------

fn on_content(
    cx: &mut Cx<'_>,
    me: &Me,
    sender: &Address,
    bytes: &[u8],
    expiry: ExpiryClass,
    accepted_at: Timestamp,
) -> Outcome<()> {
    let Ok(content) = Content::decode(bytes) else {
        return count(cx, "content_malformed");
    };
    let contact = contacts::by_fingerprint(cx.db, &sender.fingerprint)?;
    if contact.as_ref().is_some_and(|contact| contact.blocked) {
        return count(cx, "blocked");
    }
    if content.conversation_id
        != conversations::wire_id(&me.fingerprint, &sender.fingerprint).as_bytes()
    {
        return count(cx, "content_other_conversation");
    }
    let relation = match contact.as_ref().map(|contact| contact.standing) {
        Some(Standing::Accepted | Standing::Outgoing) => Relation::Contact,
        Some(Standing::Incoming | Standing::Unsent) | None => Relation::Stranger,
    };
    let kind = match channel::admit(&content, relation, expiry) {
        Ok(kind) => Some(kind),
        Err(NotAdmitted::UnknownKind)
            if relation == Relation::Contact && expiry == ExpiryClass::Durable =>
        {
            None
        }
        Err(refused) => return count(cx, refused.code()),
    };
    if expiry == ExpiryClass::Durable {
        heads::compare(cx, me, sender, contact.as_ref(), &content)?;
    }
    deliver(cx, sender, contact, content, kind, bytes, accepted_at)
}

/// Hands one content to its room, once.
fn deliver(
    cx: &mut Cx<'_>,
    sender: &Address,
    contact: Option<Contact>,
    content: Content,
    kind: Option<Kind>,
    raw: &[u8],
    accepted_at: Timestamp,
) -> Outcome<()> {
    let Some(content_id) = ContentId::from_slice(&content.content_id) else {
        return count(cx, "content_out_of_bounds");
    };
    if kind != Some(Kind::Typing) {
        let new = cx.db.run(
            "INSERT OR IGNORE INTO inbox_contents_seen (device_id, content_id, at) VALUES (?1, ?2, ?3)",
            params![sender.device.as_bytes(), content_id.as_bytes(), int(cx.now.0)],
        )?;
        if new == 0 {
            // Healed or tried again by the sender although we have it: its number is not missing, our receipt was lost
            // and is owed again.
            gaps::note_number(cx, sender, &content, accepted_at)?;
            return match &contact {
                Some(contact) if confirms(kind) && contact.is_accepted() => {
                    receipts::owe_delivered(cx, &contact.id, &content_id)
                }
                _ => Ok(()),
            };
        }
    }
    let contact = match &content.body {
        Some(Body::Introduction(introduction)) => {
            let Some(account_id) = identities::account_of(cx.db, &sender.fingerprint)? else {
                return Ok(());
            };
            contacts::requests::on_introduction(cx, account_id, &sender.fingerprint, introduction)?
        }
        _ => contact,
    };
    let Some(contact) = contact else {
        return Ok(());
    };
    let Some(conversation_id) = conversations::of_contact(cx.db, &contact.id)? else {
        return Ok(());
    };
    gaps::note_number(cx, sender, &content, accepted_at)?;
    let origin = Origin {
        device: sender.device,
        content_id,
        sequence: content.sequence,
        sent_at: Timestamp(content.sent_at_ms),
        accepted_at,
    };
    route(
        cx,
        &contact,
        &conversation_id,
        &origin,
        content.body.as_ref(),
        raw,
    )?;
    if confirms(kind)
        && contacts::by_id(cx.db, &contact.id)?.is_some_and(|contact| contact.is_accepted())
    {
        receipts::owe_delivered(cx, &contact.id, &content_id)?;
    }
    Ok(())
}

/// Kinds whose arrival is confirmed; the rest heals by itself, and a receipt for a receipt would never end.
fn confirms(kind: Option<Kind>) -> bool {
    match kind {
        None => true,
        Some(
            Kind::Text
            | Kind::Edit
            | Kind::Delete
            | Kind::Reaction
            | Kind::Introduction
            | Kind::Acceptance
            | Kind::Profile,
        ) => true,
        Some(
            Kind::Receipt
            | Kind::Typing
            | Kind::Repair
            | Kind::Resend
            | Kind::Gone
            | Kind::LogNotice
            | Kind::TokenGrant,
        ) => false,
    }
}

fn route(
    cx: &mut Cx<'_>,
    contact: &Contact,
    conversation_id: &ConversationId,
    origin: &Origin,
    body: Option<&Body>,
    raw: &[u8],
) -> Outcome<()> {
    match body {
        None => incoming::on_unsupported(cx, conversation_id, origin, raw),
        Some(Body::Text(text)) => incoming::on_text(cx, contact, conversation_id, origin, text),
        Some(Body::Introduction(introduction)) => match &introduction.first_message {
            Some(text) => incoming::on_text(cx, contact, conversation_id, origin, text),
            None => Ok(()),
        },
        Some(Body::Edit(edit)) => {
            incoming::on_edit(cx, contact, conversation_id, edit, origin.accepted_at)
        }
        Some(Body::Delete(delete)) => {
            incoming::on_delete(cx, contact, conversation_id, delete, origin.accepted_at)
        }
        Some(Body::Reaction(reaction)) => {
            incoming::on_reaction(cx, contact, conversation_id, reaction, origin.accepted_at)
        }
        Some(Body::Receipt(receipt)) => {
            receipts::on_receipt(cx, contact, &origin.device, receipt, origin.accepted_at)
        }
        Some(Body::Typing(told)) => typing::on_typing(cx, conversation_id, told.active),
        Some(Body::Acceptance(acceptance)) => {
            contacts::requests::on_acceptance(cx, contact, acceptance)
        }
        Some(Body::Profile(profile)) => contacts::set_names(cx, contact, &profile.display_name, ""),
        Some(Body::Repair(repair)) => healing::on_repair(cx, contact, &origin.device, repair),
        Some(Body::Resend(resend)) => healing::on_resend(cx, contact, origin, resend),
        Some(Body::Gone(gone)) => healing::on_gone(cx, contact, &origin.device, gone),
        Some(Body::LogNotice(_)) => Ok(()),
        Some(Body::TokenGrant(grant)) => {
            gaps::restart(cx, &origin.device, contact, grant.sequence_restarts_at)?;
            contacts::requests::on_token_grant(cx, contact, &grant.delivery_token)
        }
    }
}

/// After an upgrade that brought new kinds of content: what was kept raw is read again, in its old place.
fn read_unsupported(cx: &mut Cx<'_>) -> Outcome<()> {
    if cx.live.unsupported_read || cx.me_if_any()?.is_none() {
        return Ok(());
    }
    cx.live.unsupported_read = true;
    let known = Kind::ALL.len() as i64;
    if cx.db.number("SELECT kinds_known FROM store_state", [])? >= known {
        return Ok(());
    }
    cx.db
        .run("UPDATE store_state SET kinds_known = ?1", [known])?;
    let kept = cx.db.all(
        "SELECT message_id, conversation_id, device_id, accepted_at, raw FROM messages_rows
         WHERE kind = 'unsupported' AND raw IS NOT NULL AND device_id IS NOT NULL AND accepted_at IS NOT NULL
         ORDER BY order_at, message_id",
        [],
        |row| {
            Ok((
                ContentId(row.get(0)?),
                ConversationId(row.get(1)?),
                DeviceId(row.get(2)?),
                Timestamp(uint(row.get(3)?)),
                row.get::<_, Vec<u8>>(4)?,
            ))
        },
    )?;
    for (id, conversation_id, device, accepted_at, raw) in kept {
        let understood = Content::decode(raw.as_slice()).is_ok_and(|content| {
            channel::admit(&content, Relation::Contact, ExpiryClass::Durable).is_ok()
        });
        let contact = contacts::of_conversation(cx.db, &conversation_id)?;
        let (true, Some(contact)) = (understood, contact) else {
            continue;
        };
        crate::messages::forget(cx, &id)?;
        cx.db.run(
            "DELETE FROM inbox_contents_seen WHERE device_id = ?1 AND content_id = ?2",
            params![device.as_bytes(), id.as_bytes()],
        )?;
        deliver_resent(cx, &contact, &device, &raw, accepted_at)?;
    }
    Ok(())
}

/// A resent content takes the place of its broken row: delivered as if its envelope had opened.
pub(crate) fn deliver_resent(
    cx: &mut Cx<'_>,
    contact: &Contact,
    device: &DeviceId,
    bytes: &[u8],
    accepted_at: Timestamp,
) -> Outcome<()> {
    let me = cx.me()?;
    let Ok(content) = Content::decode(bytes) else {
        return count(cx, "content_malformed");
    };
    if content.conversation_id
        != conversations::wire_id(&me.fingerprint, &contact.fingerprint).as_bytes()
    {
        return count(cx, "content_other_conversation");
    }
    let kind = content.body.as_ref().map(Kind::of);
    let sender = Address {
        fingerprint: contact.fingerprint,
        device: *device,
    };
    deliver(
        cx,
        &sender,
        Some(contact.clone()),
        content,
        kind,
        bytes,
        accepted_at,
    )
}
