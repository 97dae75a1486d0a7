//! Contacts as screens show them, and the checks a person makes on one: safety number and QR.

use super::{COLUMNS, Contact, Standing, by_id, changed, line, named, read};
use crate::api::{
    ContactId, ContactItem, ContactView, ContactsView, RefusalCode, Reply, RequestState,
    SafetyNumberView, SystemEvent, Trust,
};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::store::rows::{Db, int};
use crate::{conversations, identities, vault};
use rusqlite::params;
use securechat_crypto::safety_number::{QrPayload, SafetyNumber, Side};
use securechat_proto::account_log::Freshness;
use securechat_proto::b64;

/// Rows one list shows at most; a person with more searches.
const LISTED_MAX: i64 = 2000;

pub(crate) fn open_requests(db: Db<'_>) -> Outcome<u32> {
    let count = db.number(
        "SELECT count(*) FROM contacts_list WHERE request = 'incoming' AND blocked = 0",
        [],
    )?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(crate) fn request_state(contact: &Contact) -> RequestState {
    match contact.standing {
        Standing::Unsent => RequestState::Unsent,
        Standing::Outgoing => RequestState::Outgoing,
        Standing::Incoming => RequestState::Incoming,
        Standing::Accepted => RequestState::None,
    }
}

/// The trust line, strongest warning first.
pub(crate) fn trust(db: Db<'_>, contact: &Contact) -> Outcome<Trust> {
    // Before contradictions in the log it replaces: those end with it, and the person has to decide about the new keys.
    if let Some(at_ms) = contact.new_identity_at {
        return Ok(Trust::NewIdentity {
            at_ms,
            was_verified: contact.was_verified,
        });
    }
    if let Some(at_ms) = identities::is_frozen(db, &contact.fingerprint)? {
        return Ok(Trust::Frozen { at_ms });
    }
    if let Some(at_ms) = contact.verified_at {
        return Ok(Trust::Verified { at_ms });
    }
    Ok(if identities::is_held(db, &contact.fingerprint)? {
        Trust::Unverified
    } else {
        Trust::Establishing
    })
}

pub(crate) fn item(db: Db<'_>, contact: &Contact) -> Outcome<ContactItem> {
    Ok(ContactItem {
        contact_id: contact.id,
        conversation_id: conversations::of_contact(db, &contact.id)?,
        name: contact.title(),
        handle: contact.handle.clone(),
        colour_seed: contact.colour_seed(),
        favourite: contact.favourite,
        blocked: contact.blocked,
        trust: trust(db, contact)?,
        request: request_state(contact),
    })
}

fn list(db: Db<'_>, condition: &str) -> Outcome<Vec<Contact>> {
    db.all(
        &format!("SELECT {COLUMNS} FROM contacts_list WHERE {condition} LIMIT {LISTED_MAX}"),
        [],
        read,
    )
}

/// Contacts of whom every word of `text` begins a word of the name or the handle, favourites first, then by name.
pub(crate) fn matching(db: Db<'_>, text: &str) -> Outcome<ContactsView> {
    let wanted = text.trim().trim_start_matches('@').to_lowercase();
    let mut found: Vec<Contact> = list(db, "listed = 1 AND blocked = 0 AND request <> 'incoming'")?
        .into_iter()
        .filter(|contact| {
            let title = contact.title().to_lowercase();
            wanted.split_whitespace().all(|word| {
                contact.handle.starts_with(word)
                    || title.split_whitespace().any(|part| part.starts_with(word))
            })
        })
        .collect();
    found.sort_by_key(|contact| {
        (
            !contact.favourite,
            contact.title().to_lowercase(),
            contact.id,
        )
    });
    let contacts = found
        .iter()
        .map(|contact| item(db, contact))
        .collect::<Outcome<_>>()?;
    Ok(ContactsView { contacts })
}

pub(crate) fn blocked(db: Db<'_>) -> Outcome<ContactsView> {
    let contacts = list(db, "blocked = 1 ORDER BY added_at")?;
    Ok(ContactsView {
        contacts: contacts
            .iter()
            .map(|contact| item(db, contact))
            .collect::<Outcome<_>>()?,
    })
}

pub(crate) fn one(db: Db<'_>, id: &ContactId) -> Outcome<Option<ContactView>> {
    let Some(contact) = by_id(db, id)? else {
        return Ok(None);
    };
    Ok(Some(ContactView {
        item: item(db, &contact)?,
        display_name: contact.display_name.clone(),
        nickname: contact.nickname.clone(),
        devices: identities::device_count(db, &contact.fingerprint)?,
        added_at_ms: contact.added_at,
        identity_short: contact.identity_short(),
    }))
}

pub(crate) fn safety_number(db: Db<'_>, id: &ContactId) -> Outcome<Option<SafetyNumberView>> {
    let (Some(contact), Some(me)) = (by_id(db, id)?, crate::account::load(db)?) else {
        return Ok(None);
    };
    let compared = contact.compared();
    let number = SafetyNumber::of(&me.fingerprint, &compared);
    let heads = (
        identities::head(db, &me.fingerprint)?,
        identities::head(db, &compared)?,
    );
    let qr = match heads {
        (Some(ours), Some(theirs)) => QrPayload {
            shown_by: Side {
                account: me.fingerprint,
                head: ours,
            },
            shown_to: Side {
                account: compared,
                head: theirs,
            },
        }
        .to_text(),
        _ => String::new(),
    };
    Ok(Some(SafetyNumberView {
        groups: number
            .groups()
            .iter()
            .map(|group| (*group).to_owned())
            .collect(),
        qr,
        trust: trust(db, &contact)?,
    }))
}

pub(crate) fn set_verified(
    cx: &mut Cx<'_>,
    id: &ContactId,
    verified: bool,
    number: Option<&str>,
) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    if contact.new_identity_at.is_some() {
        return Err(Fault::refused(RefusalCode::NewIdentity));
    }
    still_has(cx, &contact, number)?;
    mark(cx, &contact, verified)?;
    Ok(Answer::Now(Reply::Done))
}

/// Keys can change while two people compare: their answer counts for the number they saw.
pub(super) fn still_has(cx: &mut Cx<'_>, contact: &Contact, number: Option<&str>) -> Outcome<()> {
    let Some(number) = number else {
        return Ok(());
    };
    let ours = cx.me()?.fingerprint;
    let now = SafetyNumber::of(&ours, &contact.compared());
    if number
        .chars()
        .filter(char::is_ascii_digit)
        .eq(now.digits().chars())
    {
        Ok(())
    } else {
        Err(Fault::refused(RefusalCode::NewIdentity))
    }
}

fn mark(cx: &mut Cx<'_>, contact: &Contact, verified: bool) -> Outcome<()> {
    if contact.verified_at.is_some() == verified {
        return Ok(());
    }
    cx.db.run(
        "UPDATE contacts_list SET verified_at = ?2 WHERE contact_id = ?1",
        params![contact.id.0.as_bytes(), verified.then_some(int(cx.now.0))],
    )?;
    let event = if verified {
        SystemEvent::Verified
    } else {
        SystemEvent::VerificationRemoved
    };
    line(cx, &contact.fingerprint, event)?;
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)
}

/// Compares a scanned code with what we hold. The scanned head also picks the branch of a contradicted log.
/// A text that is no safety code at all says nothing about anybody: it is refused as `invalid`.
/// New keys that wait for consent can be compared before it is given: nothing is marked then.
pub(crate) fn check_qr(cx: &mut Cx<'_>, id: &ContactId, payload: &str) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    let code = b64::decode(payload.trim())
        .and_then(|bytes| QrPayload::decode(&bytes).ok())
        .ok_or(Fault::refused(RefusalCode::Invalid))?;
    let me = cx.me()?;
    let compared = contact.compared();
    let (Some(ours), Some(theirs)) = (
        identities::log(cx, &me.fingerprint)?,
        identities::log(cx, &compared)?,
    ) else {
        return Err(Fault::refused(RefusalCode::NotFound));
    };
    let Ok(scanned) = QrPayload::check(payload, &ours, &theirs) else {
        return Ok(Answer::Now(Reply::QrChecked { matches: false }));
    };
    let mut matches = scanned.our_log != Freshness::ClaimForks;
    if identities::is_frozen(cx.db, &compared)?.is_some() {
        matches &= identities::thaw_by_scan(cx, &compared, &code.shown_by.head)?;
    } else {
        matches &= scanned.their_log != Freshness::ClaimForks;
    }
    if scanned.their_log == Freshness::ClaimAhead {
        identities::fetch(cx, contact.account_id, compared)?;
    }
    if matches && contact.new_identity_at.is_none() {
        mark(cx, &contact, true)?;
    }
    Ok(Answer::Now(Reply::QrChecked { matches }))
}
