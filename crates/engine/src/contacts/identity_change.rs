//! What happens when a contact's identity is questioned: new devices, a new Genesis, two contradicting logs.

use super::{
    COLUMNS, Contact, Standing, by_fingerprint, changed, line, named, read, requests, views,
};
use crate::api::{ContactId, RefusalCode, Reply, SystemEvent};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::store::rows::int;
use crate::{conversations, outbox, vault};
use rusqlite::params;
use securechat_proto::{AccountId, DeviceId, Fingerprint};

/// A device came or went: one calm line.
pub(crate) fn on_devices_changed(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    line(cx, fingerprint, SystemEvent::DevicesChanged)
}

/// What is sealed for this device uses keys of a bundle that is old: said once for each bundle.
pub(crate) fn on_old_keys(
    cx: &mut Cx<'_>,
    fingerprint: &Fingerprint,
    device: &DeviceId,
    number: u64,
) -> Outcome<()> {
    let told = cx.db.run(
        "UPDATE identities_bundles SET told_number = ?2 WHERE device_id = ?1 AND told_number <> ?2",
        params![device.as_bytes(), int(number)],
    )?;
    if told > 0 {
        line(cx, fingerprint, SystemEvent::OldKeys)?;
    }
    Ok(())
}

pub(crate) fn on_frozen(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    line(cx, fingerprint, SystemEvent::Frozen)?;
    changed(cx, fingerprint)
}

pub(crate) fn on_thawed(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    line(cx, fingerprint, SystemEvent::Thawed)?;
    outbox::on_log_held(cx, fingerprint)?;
    changed(cx, fingerprint)
}

/// The relay serves another Genesis for a contact's account. That is a different person until ours says otherwise:
/// the outbox holds, and verification does not carry over.
pub(crate) fn on_new_identity(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    expected: Fingerprint,
    found: Fingerprint,
) -> Outcome<()> {
    let contact = cx.db.one(
        &format!("SELECT {COLUMNS} FROM contacts_list WHERE account_id = ?1 AND fingerprint = ?2"),
        params![account_id.as_bytes(), expected.as_bytes()],
        read,
    )?;
    let Some(contact) = contact.filter(|contact| contact.new_fingerprint != Some(found)) else {
        return Ok(());
    };
    cx.db.run(
        "UPDATE contacts_list SET new_fingerprint = ?2, new_identity_at = ?3, was_verified = ?4, verified_at = NULL
         WHERE contact_id = ?1",
        params![
            contact.id.0.as_bytes(),
            found.as_bytes(),
            int(cx.now.0),
            contact.verified_at.is_some() || contact.was_verified
        ],
    )?;
    line(cx, &contact.fingerprint, SystemEvent::NewIdentity)?;
    changed(cx, &contact.fingerprint)
}

/// "I know that this is a new identity": the contact is the new one from here on, and what was held goes out to it.
pub(crate) fn accept_new_identity(
    cx: &mut Cx<'_>,
    id: &ContactId,
    number: Option<&str>,
) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    let found = contact
        .new_fingerprint
        .ok_or(Fault::refused(RefusalCode::NotFound))?;
    views::still_has(cx, &contact, number)?;
    let other = by_fingerprint(cx.db, &found)?;
    if let Some(other) = &other {
        merge(cx, &contact, other)?;
    }
    // The new identity has given us no right yet, unless it wrote first: what was held leaves as a message request.
    let standing = other
        .as_ref()
        .map_or(Standing::Unsent, |other| other.standing);
    let their_token = other.and_then(|other| other.their_token);
    cx.db.run(
        "UPDATE contacts_list SET fingerprint = ?2, new_fingerprint = NULL, new_identity_at = NULL, verified_at = NULL,
                was_verified = 0, request = ?3, their_token = ?4 WHERE contact_id = ?1",
        params![
            contact.id.0.as_bytes(),
            found.as_bytes(),
            standing.name(),
            their_token.as_ref().map(<[u8; 16]>::as_slice)
        ],
    )?;
    conversations::rename(cx, id, &found)?;
    line(cx, &found, SystemEvent::NewIdentityAccepted)?;
    outbox::on_identity_accepted(cx, &contact, &found)?;
    if standing == Standing::Unsent && holds_text(cx, id)? {
        // It leaves as a request, so the answer to it is expected.
        requests::on_first_text(cx, &named(cx, id)?)?;
    }
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &found)?;
    Ok(Answer::Now(Reply::Done))
}

fn holds_text(cx: &Cx<'_>, id: &ContactId) -> Outcome<bool> {
    cx.db.exists(
        "SELECT 1 FROM outbox_contents WHERE contact_id = ?1 AND kind = 'text' AND state = 'open'",
        [id.0.as_bytes()],
    )
}

/// The new identity had already written to us and stands as a contact of its own: its rows move here.
fn merge(cx: &mut Cx<'_>, into: &Contact, other: &Contact) -> Outcome<()> {
    let (Some(target), Some(source)) = (
        conversations::of_contact(cx.db, &into.id)?,
        conversations::of_contact(cx.db, &other.id)?,
    ) else {
        return Ok(());
    };
    cx.db.run(
        "UPDATE messages_rows SET conversation_id = ?1 WHERE conversation_id = ?2",
        params![target.as_bytes(), source.as_bytes()],
    )?;
    cx.db.run(
        "UPDATE contacts_list SET my_token = coalesce(?2, my_token), blocked = blocked OR ?3 WHERE contact_id = ?1",
        params![
            into.id.0.as_bytes(),
            other.my_token.as_ref().map(<[u8; 16]>::as_slice),
            other.blocked
        ],
    )?;
    cx.db.run(
        "DELETE FROM conversations_list WHERE conversation_id = ?1",
        [source.as_bytes()],
    )?;
    cx.db.run(
        "DELETE FROM contacts_list WHERE contact_id = ?1",
        [other.id.0.as_bytes()],
    )?;
    Ok(())
}
