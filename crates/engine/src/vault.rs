//! Encrypted account records at the relay: settings, profile, contacts; written a moment after they changed.
//!
//! Knows: what each record holds and its version. Must never know: anything the relay could read.
//! Layout of the records: docs/protocol/engine-api.md.

mod shared;

use crate::account::{self, Me, cut_name};
use crate::api::Settings;
use crate::contacts::{self, COLUMNS, NewContact, Standing};
use crate::context::Cx;
use crate::error::{Fault, Outcome};
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::settings;
use crate::shell::Method;
use crate::store::rows::{int, uint};
use crate::{identities, inbox};
use rusqlite::params;
use securechat_crypto::account_secret::Record;
use securechat_proto::api::{Code, VaultRecord, VaultWrite};
use securechat_proto::{AccountId, Fingerprint, SessionId, Timestamp, b64, limits};
use serde::Deserialize;
use serde_json::Value;
use shared::Fields;

pub(crate) const SETTINGS: &str = "settings";
pub(crate) const PROFILE: &str = "profile";
pub(crate) const CONTACTS: &str = "contacts";

/// Changes of this long are written together.
const GATHER_MS: u64 = 2 * limits::SECOND_MS;
/// Contacts in the record: at about 150 bytes each it stays below the relay's limit.
const CONTACTS_MAX: usize = 2_500;

/// The name of this device in the session list, for own devices only.
pub(crate) fn seal_name(me: &Me, session_id: &SessionId) -> Outcome<Vec<u8>> {
    Ok(me.secret.seal(
        &me.fingerprint,
        Record::SessionName(&session_id.0),
        1,
        me.device_name.as_bytes(),
    )?)
}

/// Opens a session's name; one that was sealed by a key we do not hold shows as empty.
pub(crate) fn open_name(me: &Me, session_id: &SessionId, sealed: &[u8]) -> String {
    let opened = me.secret.open(
        &me.fingerprint,
        Record::SessionName(&session_id.0),
        1,
        sealed,
    );
    opened
        .ok()
        .and_then(|name| String::from_utf8(name.to_vec()).ok())
        .unwrap_or_default()
}

/// The record changed: it is written soon.
pub(crate) fn touch(cx: &mut Cx<'_>, name: &str) -> Outcome<()> {
    cx.db.run(
        "INSERT INTO vault_records (name, version, dirty_at) VALUES (?1, 0, ?2)
         ON CONFLICT (name) DO UPDATE SET dirty_at = coalesce(dirty_at, ?2)",
        params![name, int(cx.now.0)],
    )?;
    Ok(())
}

pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    if !cx.live.link.is_ready() {
        return Ok(());
    }
    let due = cx.db.all(
        "SELECT name, version, pending FROM vault_records WHERE dirty_at <= ?1 OR pending IS NOT NULL",
        [int(cx.now.0.saturating_sub(GATHER_MS))],
        |row| Ok((row.get::<_, String>(0)?, uint(row.get(1)?), row.get::<_, Option<Vec<u8>>>(2)?)),
    )?;
    for (name, version, pending) in due {
        if !requests::is_open(cx, &key(&name))? {
            write(cx, &name, version + 1, pending)?;
        }
    }
    Ok(())
}

pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    if !cx.live.link.is_ready() {
        return Ok(None);
    }
    let dirty = cx.db.number(
        "SELECT min(dirty_at) FROM vault_records WHERE pending IS NULL AND dirty_at IS NOT NULL",
        [],
    )?;
    Ok((dirty > 0).then(|| Timestamp(uint(dirty)).saturating_add_ms(GATHER_MS)))
}

fn key(name: &str) -> String {
    format!("vault:{name}")
}

/// Seals the record once; a repeat sends the same bytes.
fn write(cx: &mut Cx<'_>, name: &str, version: u64, pending: Option<Vec<u8>>) -> Outcome<()> {
    let me = cx.me()?;
    let body = match pending {
        Some(body) => body,
        None => {
            let plain = contents(cx, &me, name)?;
            let body = me
                .secret
                .seal(&me.fingerprint, Record::Vault(name), version, &plain)?;
            cx.db.run(
                "UPDATE vault_records SET pending = ?2, dirty_at = NULL WHERE name = ?1",
                params![name, body],
            )?;
            body
        }
    };
    let purpose = Purpose::VaultWrite {
        name: name.to_owned(),
        version,
    };
    let path = format!("/v1/vault/{name}");
    let request = Request::with_body(
        Method::Put,
        key(name),
        purpose,
        path,
        &VaultWrite {
            version,
            body: body.into(),
        },
    )?;
    requests::send(cx, request)?;
    Ok(())
}

/// A record as this device has it. Fields that a later version put into settings and profile stay in them.
fn contents(cx: &mut Cx<'_>, me: &Me, name: &str) -> Outcome<Vec<u8>> {
    let record = match name {
        SETTINGS => shared::with(base(cx, name)?, settings_fields(cx)?),
        PROFILE => shared::with(base(cx, name)?, profile_fields(me)),
        _ => contact_records(cx)?,
    };
    serde_json::to_vec(&record).map_err(|_| Fault::Bug("a record does not serialise"))
}

fn settings_fields(cx: &Cx<'_>) -> Outcome<Fields> {
    match serde_json::to_value(settings::read(cx.db)?) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Fault::Bug("settings do not serialise")),
    }
}

fn profile_fields(me: &Me) -> Fields {
    Fields::from_iter([
        ("version".to_owned(), Value::from(1)),
        (
            "display_name".to_owned(),
            Value::from(me.display_name.as_str()),
        ),
    ])
}

/// The record on which this device and the relay last agreed; empty before that.
fn base(cx: &Cx<'_>, name: &str) -> Outcome<Fields> {
    let bytes = cx.db.one(
        "SELECT base FROM vault_records WHERE name = ?1",
        [name],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    Ok(shared::fields(&bytes.unwrap_or_default()))
}

/// What another device of this account, or a new one after a loss, needs of each contact.
fn contact_records(cx: &Cx<'_>) -> Outcome<Value> {
    let all = cx.db.all(
        &format!("SELECT {COLUMNS} FROM contacts_list ORDER BY added_at DESC, contact_id LIMIT {CONTACTS_MAX}"),
        [],
        contacts::read,
    )?;
    let records: Vec<Value> = all
        .iter()
        .map(|contact| {
            serde_json::json!({
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
            })
        })
        .collect();
    Ok(serde_json::json!({ "version": 1, "contacts": records }))
}

/// What was written is what both sides hold from here on.
pub(crate) fn on_written(cx: &mut Cx<'_>, name: &str, version: u64) -> Outcome<()> {
    let me = cx.me()?;
    let written = cx.db.one(
        "SELECT pending FROM vault_records WHERE name = ?1",
        [name],
        |row| row.get::<_, Option<Vec<u8>>>(0),
    )?;
    let plain = written.flatten().and_then(|sealed| {
        me.secret
            .open(&me.fingerprint, Record::Vault(name), version, &sealed)
            .ok()
    });
    // Contacts are merged one by one and need no common ground.
    let base = plain.filter(|_| name != CONTACTS).unwrap_or_default();
    cx.db.run(
        "UPDATE vault_records SET version = ?2, pending = NULL, base = ?3 WHERE name = ?1",
        params![name, int(version), base.as_slice()],
    )?;
    Ok(())
}

/// Somebody wrote first (another device of this account, or this one before a restore): what stands there is read and
/// taken in, then ours is written above it.
pub(crate) fn on_write_refused(cx: &mut Cx<'_>, name: &str, code: Code) -> Outcome<()> {
    cx.db.run(
        "UPDATE vault_records SET pending = NULL, dirty_at = ?2 WHERE name = ?1",
        params![name, int(cx.now.saturating_add_ms(limits::MINUTE_MS).0)],
    )?;
    if code == Code::Conflict {
        let path = format!("/v1/vault/{name}");
        requests::send(
            cx,
            Request::get(
                format!("vault-read:{name}"),
                Purpose::VaultRead {
                    name: name.to_owned(),
                },
                path,
            ),
        )?;
    }
    Ok(())
}

pub(crate) fn on_read(cx: &mut Cx<'_>, name: &str, body: &[u8]) -> Outcome<()> {
    let Some(record) = requests::read::<VaultRecord>(body) else {
        return Ok(());
    };
    let me = cx.me()?;
    let opened = me.secret.open(
        &me.fingerprint,
        Record::Vault(name),
        record.version,
        &record.body.0,
    );
    let Ok(plain) = opened else {
        inbox::count(cx, "vault_refused")?;
        return agree(cx, name, record.version, &[], true);
    };
    match name {
        CONTACTS => {
            merge_contacts(cx, &me, &plain)?;
            agree(cx, name, record.version, &[], true)
        }
        _ => {
            let theirs = shared::fields(&plain);
            let merged = merge_fields(cx, &me, name, &theirs)?;
            agree(cx, name, record.version, &plain, merged != theirs)
        }
    }
}

/// The relay's version is ours too; it is written again when we hold more.
fn agree(cx: &mut Cx<'_>, name: &str, version: u64, base: &[u8], more: bool) -> Outcome<()> {
    cx.db.run(
        "UPDATE vault_records SET version = max(version, ?2), base = ?3, dirty_at = ?4 WHERE name = ?1",
        params![name, int(version), base, more.then_some(int(cx.now.0))],
    )?;
    Ok(())
}

/// Settings and profile: each field keeps the change of whichever device made one; both changed it: ours.
fn merge_fields(cx: &mut Cx<'_>, me: &Me, name: &str, theirs: &Fields) -> Outcome<Fields> {
    let mut base = base(cx, name)?;
    if name == SETTINGS {
        if base.is_empty() {
            // Never synced: what differs from the beginning was chosen here.
            base = shared::fields(&serde_json::to_vec(&Settings::default()).unwrap_or_default());
        }
        let merged = shared::merge(&base, &settings_fields(cx)?, theirs);
        // A value that this version does not know changes nothing here, and stays in the record.
        if let Ok(settings) = serde_json::from_value(Value::Object(merged.clone())) {
            settings::store(cx, &settings)?;
        }
        return Ok(merged);
    }
    let merged = shared::merge(&base, &profile_fields(me), theirs);
    if let Some(display_name) = merged.get("display_name").and_then(Value::as_str) {
        account::take_profile(cx, display_name)?;
    }
    Ok(merged)
}

/// One contact of the record, as [`contact_records`] writes it. What is missing or malformed drops that contact alone.
#[derive(Deserialize)]
struct ContactRecord {
    account_id: AccountId,
    fingerprint: Fingerprint,
    handle: String,
    display_name: String,
    #[serde(default)]
    nickname: String,
    #[serde(default)]
    favourite: bool,
    #[serde(default)]
    blocked: bool,
    request: String,
    their_token: Option<String>,
    my_token: Option<String>,
    verified_at_ms: Option<Timestamp>,
}

/// Takes in what another copy of this account wrote: contacts we do not know, and what ours lack. What this device
/// holds itself is never overwritten: it may be newer, and the record is written again right after.
fn merge_contacts(cx: &mut Cx<'_>, me: &Me, plain: &[u8]) -> Outcome<()> {
    let read = shared::fields(plain);
    let listed = read.get("contacts").and_then(Value::as_array);
    for value in listed.into_iter().flatten().take(CONTACTS_MAX) {
        if let Ok(theirs) = serde_json::from_value::<ContactRecord>(value.clone()) {
            merge_contact(cx, me, &theirs)?;
        }
    }
    Ok(())
}

fn merge_contact(cx: &mut Cx<'_>, me: &Me, theirs: &ContactRecord) -> Outcome<()> {
    if theirs.fingerprint == me.fingerprint {
        return Ok(());
    }
    let token = |text: &Option<String>| -> Option<[u8; 16]> {
        b64::decode(text.as_deref()?)?.as_slice().try_into().ok()
    };
    let (their_token, my_token) = (token(&theirs.their_token), token(&theirs.my_token));
    let contact = match contacts::by_fingerprint(cx.db, &theirs.fingerprint)? {
        Some(contact) => contact,
        None => {
            let Some(standing) = Standing::from(&theirs.request) else {
                return Ok(());
            };
            let new = NewContact {
                account_id: theirs.account_id,
                fingerprint: theirs.fingerprint,
                handle: &theirs.handle,
                display_name: &theirs.display_name,
                standing,
                their_token,
            };
            contacts::add(cx, &new)?
        }
    };
    if theirs.request == Standing::Accepted.name() && !contact.is_accepted() {
        contacts::set_standing(cx, &contact, Standing::Accepted)?;
    }
    cx.db.run(
        "UPDATE contacts_list SET their_token = coalesce(their_token, ?2), my_token = coalesce(my_token, ?3),
                nickname = CASE WHEN nickname = '' THEN ?4 ELSE nickname END,
                favourite = max(favourite, ?5), blocked = max(blocked, ?6),
                verified_at = coalesce(verified_at, ?7)
         WHERE contact_id = ?1",
        params![
            contact.id.0.as_bytes(),
            their_token.as_ref().map(<[u8; 16]>::as_slice),
            my_token.filter(|_| !contact.blocked && !theirs.blocked).as_ref().map(<[u8; 16]>::as_slice),
            cut_name(&theirs.nickname, limits::DISPLAY_NAME_CHARS_MAX),
            theirs.favourite,
            theirs.blocked,
            theirs.verified_at_ms.map(|at| int(at.0)),
        ],
    )?;
    identities::fetch_if_old(cx, contact.account_id, contact.fingerprint)?;
    contacts::changed(cx, &contact.fingerprint)
}
