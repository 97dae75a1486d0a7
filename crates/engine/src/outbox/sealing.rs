//! From an open content to a stored submit: once per device, ratchet state and ciphertext in the same transaction.

use super::prepare::{self, sessions, store_sessions};
use super::{Open, counter, open_of};
use crate::account::Me;
use crate::contacts::{self, Contact, Standing};
use crate::context::Cx;
use crate::conversations;
use crate::error::{Fault, Outcome};
use crate::messages::writing::REQUEST_TEXT_BYTES_MAX;
use crate::messages::{self, states};
use crate::store::rows::int;
use crate::{identities, inbox};
use rusqlite::params;
use securechat_crypto::channel::{Kind, Numbering};
use securechat_crypto::pqxdh::Address;
use securechat_crypto::seal::{self, ExpiryClass, Recipient, SealError, Sealed};
use securechat_proto::account_log::{Freshness, LogHead};
use securechat_proto::wire::Message;
use securechat_proto::wire::content::Content;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::socket::{ClientFrame, Destination, Envelope, Submit, client_frame};
use securechat_proto::{DeviceId, EnvelopeId, SubmitId, Timestamp, limits};

/// Pause before an open content is looked at again when nothing else wakes it.
const LOOK_AGAIN_MS: u64 = 5 * limits::MINUTE_MS;

/// Whether this content needs a right to deliver that is not there: only then may others pass it.
fn waits_for_a_right(cx: &mut Cx<'_>, contact: &Contact, open: &Open) -> Outcome<bool> {
    if !contact.is_accepted() || contact.their_token.is_some() || open.content.is_empty() {
        return Ok(false);
    }
    Ok(body_for(cx, contact, &read(open)?)?.is_none())
}

fn read(open: &Open) -> Outcome<Content> {
    Content::decode(open.content.as_slice())
        .map_err(|_| Fault::Bug("an own content does not read back"))
}

/// What keeps a contact's contents back.
enum Gate {
    Open,
    /// Nothing can be done until something arrives or the person decides.
    Closed,
    /// This one waits for a new right to deliver; others may pass it, for it is not numbered yet.
    Waits,
    Until(Timestamp),
}

pub(super) fn seal_open(cx: &mut Cx<'_>, me: &Me, contact: &Contact) -> Outcome<()> {
    for open in open_of(cx, contact)? {
        if open.due_at > cx.now {
            // What waits holds back what was written later, however fresh that is.
            if waits_for_a_right(cx, contact, &open)? {
                continue;
            }
            return Ok(());
        }
        let until = match seal_one(cx, me, contact, &open)? {
            Gate::Open => continue,
            Gate::Waits => {
                let again = int(cx.now.saturating_add_ms(LOOK_AGAIN_MS).0);
                cx.db.run(
                    "UPDATE outbox_contents SET due_at = max(due_at, ?2) WHERE row = ?1",
                    params![open.row, again],
                )?;
                continue;
            }
            Gate::Closed => cx.now.saturating_add_ms(LOOK_AGAIN_MS),
            Gate::Until(until) => until,
        };
        // Order holds: what stands behind waits too.
        cx.db.run(
            "UPDATE outbox_contents SET due_at = max(due_at, ?2) WHERE contact_id = ?1 AND state = 'open' AND row >= ?3",
            params![contact.id.0.as_bytes(), int(until.0.max(cx.now.0 + 1)), open.row],
        )?;
        return Ok(());
    }
    Ok(())
}

/// Whether anything may be sealed for this contact now.
fn gate(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<Gate> {
    if contact.blocked || contact.new_identity_at.is_some() {
        return Ok(Gate::Closed);
    }
    if identities::is_frozen(cx.db, &contact.fingerprint)?.is_some() {
        return Ok(Gate::Closed);
    }
    if !identities::is_held(cx.db, &contact.fingerprint)? {
        identities::fetch(cx, contact.account_id, contact.fingerprint)?;
        return Ok(Gate::Closed);
    }
    Ok(Gate::Open)
}

fn seal_one(cx: &mut Cx<'_>, me: &Me, contact: &Contact, open: &Open) -> Outcome<Gate> {
    if open.content.is_empty() {
        // Deleted by its author before it was sealed for everyone: there is nothing left to say.
        cx.db.run(
            "UPDATE outbox_contents SET state = 'done' WHERE row = ?1",
            [open.row],
        )?;
        return Ok(Gate::Open);
    }
    if let gate @ (Gate::Closed | Gate::Waits | Gate::Until(_)) = gate(cx, contact)? {
        if contact.new_identity_at.is_some() {
            states::set(cx, &open.content_id, "waiting")?;
        }
        return Ok(gate);
    }
    let content = read(open)?;
    let Some(body) = body_for(cx, contact, &content)? else {
        return Ok(if contact.is_accepted() {
            Gate::Waits
        } else {
            Gate::Closed
        });
    };
    if gives_a_right(&body) && !contacts::is_token_registered(cx, contact)? {
        // The other side may use the right at once, so the relay must know it first.
        return Ok(Gate::Closed);
    }
    if is_out_of_turn(cx, contact, open, &body)? {
        return Ok(Gate::Closed);
    }
    let devices = devices_without_copy(cx, contact, open)?;
    if devices.is_empty() {
        return no_device_left(cx, open);
    }
    let sequence = number(cx, contact, open, &body)?;
    let numbered = Content {
        sequence,
        ..content
    };
    let kept = numbered.encode_to_vec();
    let bytes = Content {
        body: Some(body),
        ..with_heads(cx, me, contact, numbered)?
    }
    .encode_to_vec();
    let mut copies = Vec::with_capacity(devices.len());
    for device in devices {
        let address = Address {
            fingerprint: contact.fingerprint,
            device,
        };
        match seal_for(cx, me, &address, &bytes, ExpiryClass::Durable)? {
            Ok(copy) => copies.push(copy),
            Err(Refused::Keys(device)) if prepare::is_unpublished(cx, &device) => {}
            Err(refused) => return on_refused(cx, contact, open, refused),
        }
    }
    if copies.is_empty() {
        return on_no_keys(cx, open);
    }
    for (copy, sessions, used) in &copies {
        store_sessions(cx, &copy.device, sessions)?;
        if *used {
            prepare::prekeys_used(cx, &copy.device)?;
        }
    }
    let copies: Vec<Copy> = copies.into_iter().map(|(copy, _, _)| copy).collect();
    if sequence > 0 && open.sequence == 0 {
        conversations::take_sequence(cx, &contact.id)?;
        messages::number(cx, &open.content_id, &me.device_id, sequence)?;
        cx.db.run(
            "UPDATE outbox_contents SET sequence = ?2, content = ?3 WHERE row = ?1",
            params![open.row, int(sequence), kept],
        )?;
    }
    store_submit(cx, me, contact, open, copies)?;
    Ok(Gate::Open)
}

/// A content is numbered when it is first sealed, so that one that never left leaves no gap in the numbering.
fn number(cx: &Cx<'_>, contact: &Contact, open: &Open, body: &Body) -> Outcome<u64> {
    if open.sequence > 0 {
        return Ok(open.sequence);
    }
    match Kind::of(body).rule().numbering {
        Numbering::Counted => conversations::next_sequence(cx.db, &contact.id),
        Numbering::Never | Numbering::Free => Ok(0),
    }
}

/// The form of a content that fits where the two accounts stand; `None`: it waits for the other side's acceptance.
fn body_for(cx: &mut Cx<'_>, contact: &Contact, content: &Content) -> Outcome<Option<Body>> {
    let body = content
        .body
        .clone()
        .ok_or(Fault::Bug("an own content without a body"))?;
    match (contact.standing, body) {
        (Standing::Accepted, Body::Text(text))
            if contact.their_token.is_none() && text.body.len() <= REQUEST_TEXT_BYTES_MAX =>
        {
            contacts::requests::introduce(cx, contact, text).map(Some)
        }
        (Standing::Accepted, body) if contact.their_token.is_some() => Ok(Some(body)),
        (Standing::Unsent | Standing::Outgoing, Body::Text(text)) => {
            contacts::requests::introduce(cx, contact, text).map(Some)
        }
        (
            _,
            body @ (Body::Introduction(_)
            | Body::Acceptance(_)
            | Body::Resend(_)
            | Body::Gone(_)
            | Body::Repair(_)),
        ) => Ok(Some(body)),
        (_, _) => Ok(None),
    }
}

/// Without a right to deliver every content is a request, which the relay may refuse for today. So one request is on
/// its way at a time, and nothing overtakes it: what is refused can leave later and still stand in its place.
fn is_out_of_turn(cx: &Cx<'_>, contact: &Contact, open: &Open, body: &Body) -> Outcome<bool> {
    let is_request = contact.their_token.is_none();
    // An introduction without words asks for the right that texts before it may be waiting for.
    let has_a_place =
        !matches!(body, Body::Introduction(introduction) if introduction.first_message.is_none());
    cx.db.exists(
        "SELECT 1 FROM outbox_submits s JOIN outbox_contents c ON c.row = s.row
         WHERE c.contact_id = ?1 AND (s.is_request = 1 OR ?2)
         UNION ALL
         SELECT 1 FROM outbox_contents
         WHERE ?3 AND contact_id = ?1 AND state = 'open' AND kind = 'text' AND row < ?4",
        params![
            contact.id.0.as_bytes(),
            is_request,
            is_request && has_a_place,
            open.row
        ],
    )
}

/// Contents that carry a delivery right for the other side.
fn gives_a_right(body: &Body) -> bool {
    matches!(
        body,
        Body::Introduction(_) | Body::Acceptance(_) | Body::TokenGrant(_)
    )
}

/// Active devices of the contact that hold no copy of this content yet.
fn devices_without_copy(cx: &mut Cx<'_>, contact: &Contact, open: &Open) -> Outcome<Vec<DeviceId>> {
    let Some(log) = identities::log(cx, &contact.fingerprint)? else {
        return Ok(Vec::new());
    };
    let state = identities::acting(cx, &log)?;
    if state.closed {
        return Ok(Vec::new());
    }
    let covered = cx.db.all(
        "SELECT device_id FROM outbox_copies WHERE row = ?1",
        [open.row],
        |row| Ok(DeviceId(row.get(0)?)),
    )?;
    Ok(state
        .devices
        .keys()
        .filter(|device| {
            open.only_device.is_none_or(|only| only == **device) && !covered.contains(device)
        })
        .copied()
        .collect())
}

/// No device that lacks a copy has published keys. Accepted for the others it counts as sent; else it waits.
fn on_no_keys(cx: &mut Cx<'_>, open: &Open) -> Outcome<Gate> {
    if cx.db.exists(
        "SELECT 1 FROM outbox_contents WHERE row = ?1 AND accepted_at IS NOT NULL",
        [open.row],
    )? {
        no_device_left(cx, open)
    } else {
        Ok(Gate::Closed)
    }
}

/// Every device has its copy, or there is none: a content that was accepted before is sent, another one is lost.
fn no_device_left(cx: &mut Cx<'_>, open: &Open) -> Outcome<Gate> {
    let accepted = cx.db.exists(
        "SELECT 1 FROM outbox_contents WHERE row = ?1 AND accepted_at IS NOT NULL",
        [open.row],
    )?;
    let state = if accepted { "sent" } else { "failed" };
    // Accepted a moment ago: it is healed from the first of the set days on, not at once.
    cx.db.run(
        "UPDATE outbox_contents SET state = ?2, due_at = max(created_at + ?3, ?4) WHERE row = ?1",
        params![
            open.row,
            state,
            int(super::answers::HEALED_AFTER_MS[0]),
            int(cx.now.0 + 1)
        ],
    )?;
    if !accepted {
        states::set(cx, &open.content_id, "failed_not_accepted")?;
    }
    Ok(Gate::Open)
}

/// Log heads of both sides, and the entries the other side was seen to lack.
fn with_heads(cx: &mut Cx<'_>, me: &Me, contact: &Contact, content: Content) -> Outcome<Content> {
    let own = identities::head(cx.db, &me.fingerprint)?;
    let peer = identities::head(cx.db, &contact.fingerprint)?;
    let entries = match peer_knows(cx, contact)? {
        Some(known) => match identities::log(cx, &me.fingerprint)? {
            Some(log) if matches!(log.freshness(&known), Freshness::Behind(_)) => {
                log.entries_for(&known)
            }
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    Ok(Content {
        own_head: own.as_ref().map(identities::head_to_wire),
        peer_head: peer.as_ref().map(identities::head_to_wire),
        log_entries: if content.log_entries.is_empty() {
            entries
        } else {
            content.log_entries.clone()
        },
        ..content
    })
}

/// Our head as this contact last said to know it.
fn peer_knows(cx: &Cx<'_>, contact: &Contact) -> Outcome<Option<LogHead>> {
    let bytes = cx.db.one(
        "SELECT known_head FROM contacts_list WHERE contact_id = ?1",
        [contact.id.0.as_bytes()],
        |row| row.get::<_, Option<Vec<u8>>>(0),
    )?;
    Ok(bytes
        .flatten()
        .and_then(|bytes| LogHead::decode(&bytes).ok()))
}

/// One device's envelope, made but not stored.
pub(super) struct Copy {
    pub device: DeviceId,
    pub dsk: [u8; 32],
    pub envelope: EnvelopeId,
    pub sealed: Sealed,
}

type Made = (Copy, securechat_crypto::ratchet::PeerSessions, bool);

/// Seals for one device. The refusals leave everything as it was.
fn seal_for(
    cx: &mut Cx<'_>,
    me: &Me,
    address: &Address,
    content: &[u8],
    expiry: ExpiryClass,
) -> Outcome<Result<Made, Refused>> {
    let Some(bundle) = prepare::bundle(cx, address)? else {
        return Ok(Err(Refused::Keys(address.device)));
    };
    if bundle.is_old(cx.now) {
        contacts::on_old_keys(cx, &address.fingerprint, &address.device, bundle.number())?;
    }
    let prekeys = prepare::prekeys(cx, address, &bundle)?;
    let mut sessions = sessions(cx, &address.device)?;
    let envelope = EnvelopeId(cx.ids.bytes());
    let to = Recipient {
        bundle: &bundle,
        prekeys: prekeys.as_ref(),
    };
    match seal::seal(
        &me.device(),
        &mut sessions,
        &to,
        content,
        envelope,
        expiry,
        cx.now,
    ) {
        Ok(sealed) => {
            let used = sealed.prekeys_used;
            let due = sealed.fresh_session_due;
            let copy = Copy {
                device: address.device,
                dsk: bundle.device().dsk.0,
                envelope,
                sealed,
            };
            if due
                && expiry == ExpiryClass::Durable
                && let Some(account_id) = identities::account_of(cx.db, &address.fingerprint)?
            {
                prepare::claim(cx, account_id, address.fingerprint, vec![address.device])?;
            }
            Ok(Ok((copy, sessions, used)))
        }
        Err(SealError::NeedsPrekeys) => Ok(Err(Refused::Keys(address.device))),
        Err(SealError::TooSoon { until }) => Ok(Err(Refused::TooSoon(until))),
        Err(SealError::BadPeerKey) => {
            // Asking again at once would bring the same keys.
            prepare::set_aside(cx, address.device);
            Ok(Err(Refused::Keys(address.device)))
        }
        Err(SealError::TooLarge) => Ok(Err(Refused::TooLarge)),
        Err(SealError::OwnAddress) => Err(Fault::Bug("sealed for this very device")),
        Err(SealError::Corrupt) => {
            // A state that does not read back would block this contact for ever; a fresh session heals it.
            inbox::count(cx, "session_corrupt")?;
            cx.db.run(
                "DELETE FROM identities_sessions WHERE device_id = ?1",
                [address.device.as_bytes()],
            )?;
            Ok(Err(Refused::TooSoon(
                cx.now.saturating_add_ms(limits::SECOND_MS),
            )))
        }
        Err(SealError::NoRandomness(_)) => Err(Fault::NoRandomness),
    }
}

enum Refused {
    /// Bundle or prekeys of this device are needed.
    Keys(DeviceId),
    TooSoon(Timestamp),
    TooLarge,
}

fn on_refused(cx: &mut Cx<'_>, contact: &Contact, open: &Open, refused: Refused) -> Outcome<Gate> {
    match refused {
        Refused::Keys(device) => {
            prepare::claim(cx, contact.account_id, contact.fingerprint, vec![device])?;
            Ok(Gate::Closed)
        }
        Refused::TooSoon(until) => Ok(Gate::Until(until)),
        Refused::TooLarge => {
            cx.db.run(
                "UPDATE outbox_contents SET state = 'failed' WHERE row = ?1",
                [open.row],
            )?;
            states::set(cx, &open.content_id, "failed_too_long")?;
            Ok(Gate::Open)
        }
    }
}

/// The frame as it will be sent, again and again as the same bytes, until it is answered.
fn store_submit(
    cx: &mut Cx<'_>,
    me: &Me,
    contact: &Contact,
    open: &Open,
    copies: Vec<Copy>,
) -> Outcome<()> {
    let submit_id = SubmitId(cx.ids.bytes());
    for copy in &copies {
        cx.db.run(
            "INSERT INTO outbox_copies (envelope_id, row, submit_id, device_id, dsk, envelope_hash, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'sealed')",
            params![
                copy.envelope.as_bytes(),
                open.row,
                submit_id.as_bytes(),
                copy.device.as_bytes(),
                copy.dsk.as_slice(),
                seal::envelope_hash(&copy.sealed.ciphertext).as_slice()
            ],
        )?;
    }
    let frame = frame(cx, me, contact, submit_id, copies, ExpiryClass::Durable)?;
    cx.db.run(
        "INSERT INTO outbox_submits (submit_id, row, frame, is_request, due_at, sealed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        params![
            submit_id.as_bytes(),
            open.row,
            frame,
            contact.their_token.is_none(),
            int(cx.now.0)
        ],
    )?;
    cx.db.run(
        "UPDATE outbox_contents SET state = 'sealed' WHERE row = ?1",
        [open.row],
    )?;
    Ok(())
}

fn frame(
    cx: &mut Cx<'_>,
    me: &Me,
    contact: &Contact,
    submit_id: SubmitId,
    copies: Vec<Copy>,
    expiry: ExpiryClass,
) -> Outcome<Vec<u8>> {
    let envelopes = copies
        .into_iter()
        .map(|copy| Envelope {
            envelope_id: copy.envelope.to_vec(),
            device_id: copy.device.to_vec(),
            sealing_key_number: copy.sealed.sealing_key_number,
            ciphertext: copy.sealed.ciphertext,
        })
        .collect();
    let destination = Destination {
        account_id: contact.account_id.to_vec(),
        token: contact
            .their_token
            .map(|token| token.to_vec())
            .unwrap_or_default(),
        envelopes,
    };
    let mut submit = Submit {
        submit_id: submit_id.to_vec(),
        destinations: vec![destination],
        expiry_class: expiry.to_wire(),
        ..Submit::default()
    };
    if expiry == ExpiryClass::Durable {
        (submit.counter, submit.counter_signature) =
            counter::sign(cx, me, &submit.encode_to_vec())?;
    }
    Ok(ClientFrame {
        frame: Some(client_frame::Frame::Submit(submit)),
    }
    .encode_to_vec())
}

/// Sends an ephemeral content to every device that needs no preparation, outside of the tables: it is worth nothing
/// after a minute.
pub(crate) fn send_ephemeral(cx: &mut Cx<'_>, contact: &Contact, body: Body) -> Outcome<()> {
    let me = cx.me()?;
    if !cx.live.link.is_ready()
        || !matches!(gate(cx, contact)?, Gate::Open)
        || contact.their_token.is_none()
    {
        return Ok(());
    }
    let Some(wire_id) = crate::conversations::wire_id_of(cx.db, &contact.id)? else {
        return Ok(());
    };
    let heard_after = Timestamp(cx.now.0.saturating_sub(limits::DAY_MS));
    let devices = cx.db.all(
        "SELECT device_id FROM identities_devices WHERE fingerprint = ?1 AND active = 1 AND last_heard_at >= ?2",
        params![contact.fingerprint.as_bytes(), int(heard_after.0)],
        |row| Ok(DeviceId(row.get(0)?)),
    )?;
    let content = Content {
        conversation_id: wire_id.to_vec(),
        content_id: cx.ids.bytes::<16>().to_vec(),
        sent_at_ms: cx.now.0,
        body: Some(body),
        ..Content::default()
    }
    .encode_to_vec();
    let mut copies = Vec::new();
    for device in devices {
        let address = Address {
            fingerprint: contact.fingerprint,
            device,
        };
        if sessions(cx, &device)?.needs_prekeys(cx.now) {
            continue;
        }
        if let Ok((copy, sessions, false)) =
            seal_for(cx, &me, &address, &content, ExpiryClass::Ephemeral)?
        {
            store_sessions(cx, &device, &sessions)?;
            copies.push(copy);
        }
    }
    if !copies.is_empty() {
        let submit_id = SubmitId(cx.ids.bytes());
        let bytes = frame(cx, &me, contact, submit_id, copies, ExpiryClass::Ephemeral)?;
        cx.emit(crate::shell::Output::Frame {
            bytes: bytes.into(),
        });
    }
    Ok(())
}
