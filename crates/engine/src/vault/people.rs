//! The record of contacts: what this device writes into it, and how it takes in what another device wrote.
//!
//! Each field of each contact keeps the change of whichever device made one; both changed it: ours.

use super::shared::{self, Fields};
use crate::account::{Me, cut_name};
use crate::api::SystemEvent;
use crate::contacts::{self, COLUMNS, Contact, NewContact, Standing};
use crate::context::Cx;
use crate::error::Outcome;
use crate::store::rows::int;
use crate::{conversations, identities, outbox};
use rusqlite::params;
use securechat_proto::{AccountId, Fingerprint, Timestamp, b64, limits};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Contacts in the record; longer names let fewer in.
const CONTACTS_MAX: usize = 2_500;
/// Bytes of all contacts in the record: with padding and seal it stays below the relay's limit.
const BYTES_MAX: usize = limits::VAULT_RECORD_BYTES_MAX - 32 * 1024;
/// Says that no contact was left out for its length.
const WHOLE: &str = "whole";
/// What is the same on every device. `id` and `added_at_ms` are each device's own.
const SHARED: [&str; 10] = [
    "handle",
    "display_name",
    "nickname",
    "favourite",
    "listed",
    "blocked",
    "request",
    "their_token",
    "my_token",
    "verified_at_ms",
];

/// One contact of the record. What is malformed drops that contact alone.
#[derive(Deserialize)]
struct Entry {
    account_id: AccountId,
    fingerprint: Fingerprint,
    handle: String,
    display_name: String,
    #[serde(default)]
    nickname: String,
    #[serde(default)]
    favourite: bool,
    #[serde(default = "yes")]
    listed: bool,
    #[serde(default)]
    blocked: bool,
    request: String,
    their_token: Option<String>,
    my_token: Option<String>,
    verified_at_ms: Option<Timestamp>,
}

fn yes() -> bool {
    true
}

impl Entry {
    fn from(fields: &Fields) -> Option<Self> {
        serde_json::from_value(Value::Object(fields.clone())).ok()
    }
}

type People = BTreeMap<String, Fields>;

/// The contacts of a record by their fingerprints.
fn people(record: &Fields) -> People {
    let listed = record.get("contacts").and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .take(CONTACTS_MAX)
        .filter_map(|value| {
            let fields = value.as_object()?;
            Some((
                fields.get("fingerprint")?.as_str()?.to_owned(),
                fields.clone(),
            ))
        })
        .collect()
}

/// What another device of this account, or a new one after a loss, needs of each contact. Fields that a later version
/// put into `base` stay.
pub(super) fn record(cx: &Cx<'_>, base: &Fields) -> Outcome<Fields> {
    let mut known = people(base);
    let all = cx.db.all(
        &format!("SELECT {COLUMNS} FROM contacts_list ORDER BY added_at DESC, contact_id LIMIT {CONTACTS_MAX}"),
        [],
        contacts::read,
    )?;
    let mut contacts = Vec::new();
    let mut bytes = 0;
    for contact in &all {
        let held = known.remove(&contact.fingerprint.to_string());
        let fields = shared::with(held.unwrap_or_default(), fields_of(contact));
        bytes += fields.to_string().len() + 1;
        if bytes > BYTES_MAX {
            break;
        }
        contacts.push(fields);
    }
    let whole = contacts.len() == all.len() && all.len() < CONTACTS_MAX;
    Ok(Fields::from_iter([
        ("version".to_owned(), Value::from(1)),
        (WHOLE.to_owned(), Value::from(whole)),
        ("contacts".to_owned(), Value::from(contacts)),
    ]))
}

fn fields_of(contact: &Contact) -> Fields {
    let fields = json!({
        "id": contact.id,
        "account_id": contact.account_id,
        "fingerprint": contact.fingerprint,
        "handle": contact.handle,
        "display_name": contact.display_name,
        "nickname": contact.nickname,
        "favourite": contact.favourite,
        "listed": contact.listed,
        "blocked": contact.blocked,
        "request": contact.standing.name(),
        "their_token": contact.their_token.map(|token| b64::encode(&token)),
        "my_token": contact.my_token.map(|token| b64::encode(&token)),
        "verified_at_ms": contact.verified_at,
        "added_at_ms": contact.added_at,
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// A contact of whom nothing is known but that there is one.
fn beginning() -> Fields {
    let fields = json!({
        "handle": "", "display_name": "", "nickname": "", "favourite": false, "listed": true, "blocked": false,
        "request": Standing::Unsent.name(), "their_token": null, "my_token": null, "verified_at_ms": null,
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// Takes in what another device of this account wrote since `base`. True: ours holds more than theirs.
pub(super) fn merge(cx: &mut Cx<'_>, me: &Me, base: &Fields, theirs: &Fields) -> Outcome<bool> {
    let is_whole = theirs.get(WHOLE) == Some(&Value::Bool(true));
    let (base, theirs) = (people(base), people(theirs));
    for (fingerprint, fields) in &theirs {
        merge_one(cx, me, base.get(fingerprint), fields)?;
    }
    if is_whole {
        for (fingerprint, fields) in &base {
            if !theirs.contains_key(fingerprint) {
                decline(cx, fields)?;
            }
        }
    }
    let ours = people(&record(cx, &Fields::new())?);
    let differs = |(fingerprint, ours): (&String, &Fields)| {
        theirs.get(fingerprint).map_or(is_whole, |theirs| {
            SHARED
                .iter()
                .any(|name| ours.get(*name) != theirs.get(*name))
        })
    };
    Ok(ours.iter().any(differs) || is_whole && theirs.len() > ours.len())
}

/// The person declined this request on another device.
fn decline(cx: &mut Cx<'_>, fields: &Fields) -> Outcome<()> {
    let Some(gone) = Entry::from(fields) else {
        return Ok(());
    };
    let contact = contacts::by_fingerprint(cx.db, &gone.fingerprint)?;
    match contact.filter(|contact| contact.standing == Standing::Incoming) {
        Some(contact) => contacts::requests::forget(cx, &contact),
        None => Ok(()),
    }
}

fn merge_one(cx: &mut Cx<'_>, me: &Me, base: Option<&Fields>, theirs: &Fields) -> Outcome<()> {
    let Some(entry) = Entry::from(theirs).filter(|entry| entry.fingerprint != me.fingerprint)
    else {
        return Ok(());
    };
    let held = contacts::by_fingerprint(cx.db, &entry.fingerprint)?;
    // It stood in the record on which both sides agreed, so it was declined here since.
    if held.is_none() && base.is_some() {
        return Ok(());
    }
    let (contact, ours, base) = match held {
        Some(contact) => {
            let ours = fields_of(&contact);
            (contact, ours, base.cloned().unwrap_or_else(beginning))
        }
        None => {
            let Some(contact) = add(cx, &entry)? else {
                return Ok(());
            };
            let ours = fields_of(&contact);
            // Nothing of it was chosen here.
            (contact, ours.clone(), ours)
        }
    };
    match Entry::from(&shared::merge(&base, &ours, theirs)) {
        Some(merged) => take(cx, &contact, &merged),
        None => Ok(()),
    }
}

fn add(cx: &mut Cx<'_>, entry: &Entry) -> Outcome<Option<Contact>> {
    let Some(standing) = Standing::from(&entry.request) else {
        return Ok(None);
    };
    let new = NewContact {
        account_id: entry.account_id,
        fingerprint: entry.fingerprint,
        handle: &entry.handle,
        display_name: &entry.display_name,
        standing,
        their_token: token(entry.their_token.as_deref()),
    };
    let contact = contacts::add(cx, &new)?;
    if entry.blocked {
        cx.db.run(
            "UPDATE contacts_list SET blocked = 1 WHERE contact_id = ?1",
            [contact.id.0.as_bytes()],
        )?;
    }
    contacts::by_id(cx.db, &contact.id)
}

/// A right to deliver, as the record spells it.
fn token(text: Option<&str>) -> Option<[u8; 16]> {
    b64::decode(text?)?.as_slice().try_into().ok()
}

/// The contact becomes what both devices together made of it.
fn take(cx: &mut Cx<'_>, contact: &Contact, merged: &Entry) -> Outcome<()> {
    // Nothing takes an acceptance back.
    let standing = Standing::from(&merged.request).filter(|_| !contact.is_accepted());
    let standing = standing.unwrap_or(contact.standing);
    let (their_token, my_token) = (
        token(merged.their_token.as_deref()),
        token(merged.my_token.as_deref()).filter(|_| !merged.blocked),
    );
    cx.db.run(
        "UPDATE contacts_list SET handle = ?2, display_name = ?3, nickname = ?4, favourite = ?5, listed = ?6,
                blocked = ?7, request = ?8, their_token = ?9, my_token = ?10, verified_at = ?11
         WHERE contact_id = ?1",
        params![
            contact.id.0.as_bytes(),
            cut_name(&merged.handle, limits::HANDLE_CHARS_MAX),
            cut_name(&merged.display_name, limits::DISPLAY_NAME_CHARS_MAX),
            cut_name(&merged.nickname, limits::NICKNAME_CHARS_MAX),
            merged.favourite,
            merged.listed,
            merged.blocked,
            standing.name(),
            their_token.as_ref().map(<[u8; 16]>::as_slice),
            my_token.as_ref().map(<[u8; 16]>::as_slice),
            merged.verified_at_ms.map(|at| int(at.0)),
        ],
    )?;
    match (contact.blocked, merged.blocked) {
        (false, true) => contacts::line(cx, &contact.fingerprint, SystemEvent::Blocked)?,
        (true, false) => {
            // What they sent meanwhile was dropped everywhere; nothing of it counts as missing.
            conversations::forget_gaps(cx, &contact.fingerprint)?;
            contacts::line(cx, &contact.fingerprint, SystemEvent::Unblocked)?;
        }
        (true, true) | (false, false) => {}
    }
    outbox::wake_contact(cx, &contact.id)?;
    identities::fetch_if_old(cx, contact.account_id, contact.fingerprint)?;
    contacts::changed(cx, &contact.fingerprint)
}
