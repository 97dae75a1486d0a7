//! Encrypted account records at the relay: settings, profile, contacts; written a moment after they changed, and read
//! when another device of this account wrote them.
//!
//! Knows: what each record holds and its version. Must never know: anything the relay could read.
//! Layout of the records: docs/protocol/engine-api.md.

mod people;
mod shared;

use crate::account::{self, Me};
use crate::api::Settings;
use crate::context::Cx;
use crate::error::{Fault, Outcome};
use crate::inbox;
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::settings;
use crate::shell::Method;
use crate::store::rows::{int, uint};
use rusqlite::params;
use securechat_crypto::account_secret::Record;
use securechat_proto::api::{Code, VaultList, VaultRecord, VaultWrite};
use securechat_proto::{SessionId, Timestamp, limits};
use serde_json::Value;
use shared::Fields;

pub(crate) const SETTINGS: &str = "settings";
pub(crate) const PROFILE: &str = "profile";
pub(crate) const CONTACTS: &str = "contacts";

/// Changes of this long are written together.
const GATHER_MS: u64 = 2 * limits::SECOND_MS;
/// What other devices wrote is asked for when the socket opens, but not at every short loss of the network.
const COMPARED_APART_MS: u64 = limits::HOUR_MS;
/// The request for the versions of all records.
const LIST: &str = "vault-list";

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
        if !is_under_way(cx, &name)? {
            write(cx, &name, version + 1, pending)?;
        }
    }
    Ok(())
}

/// Reading and writing a record take turns: an answer that is older than what was written meanwhile would undo it.
fn is_under_way(cx: &Cx<'_>, name: &str) -> Outcome<bool> {
    Ok(requests::is_open(cx, &key(name))?
        || requests::is_open(cx, &read_key(name))?
        || requests::is_open(cx, LIST)?)
}

pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    if !cx.live.link.is_ready() {
        return Ok(None);
    }
    let dirty = cx.db.all(
        "SELECT name, dirty_at FROM vault_records WHERE pending IS NULL AND dirty_at IS NOT NULL ORDER BY dirty_at",
        [],
        |row| Ok((row.get::<_, String>(0)?, uint(row.get(1)?))),
    )?;
    for (name, dirty_at) in dirty {
        // One that waits for an answer is written when that comes: a time that has passed would be due for ever.
        if !is_under_way(cx, &name)? {
            return Ok(Some(Timestamp(dirty_at).saturating_add_ms(GATHER_MS)));
        }
    }
    Ok(None)
}

fn key(name: &str) -> String {
    format!("vault:{name}")
}

fn read_key(name: &str) -> String {
    format!("vault-read:{name}")
}

/// Asks once a session which records another device has changed since: one small answer when none was.
pub(crate) fn on_connected(cx: &mut Cx<'_>) -> Outcome<()> {
    let compared = cx.live.vault_compared_at;
    if compared.is_some_and(|at| cx.now.since(at) < COMPARED_APART_MS) {
        return Ok(());
    }
    cx.live.vault_compared_at = Some(cx.now);
    requests::send(cx, Request::get(LIST, Purpose::VaultList, "/v1/vault"))?;
    Ok(())
}

/// Reads what is newer at the relay, and writes again what it has lost (restored from a backup). A record that is being
/// written is left alone: the answer to that says the same.
pub(crate) fn on_listed(cx: &mut Cx<'_>, body: &[u8]) -> Outcome<()> {
    let Some(list) = requests::read::<VaultList>(body) else {
        return Ok(());
    };
    for name in [SETTINGS, PROFILE, CONTACTS] {
        let stored = list.records.iter().find(|record| record.name == name);
        let stored = stored.map_or(0, |record| record.version);
        let held = version(cx, name)?;
        if stored == held || is_under_way(cx, name)? {
            continue;
        }
        if stored > held {
            ask(cx, name)?;
        } else {
            went_back(cx, name, stored)?;
        }
    }
    Ok(())
}

fn version(cx: &Cx<'_>, name: &str) -> Outcome<u64> {
    let version = cx
        .db
        .number("SELECT version FROM vault_records WHERE name = ?1", [name])?;
    Ok(uint(version))
}

fn ask(cx: &mut Cx<'_>, name: &str) -> Outcome<()> {
    let purpose = Purpose::VaultRead {
        name: name.to_owned(),
    };
    let path = format!("/v1/vault/{name}");
    requests::send(cx, Request::get(read_key(name), purpose, path))?;
    Ok(())
}

/// The relay holds less than it once took: ours stands above whatever it has.
fn went_back(cx: &mut Cx<'_>, name: &str, version: u64) -> Outcome<()> {
    cx.db.run(
        "UPDATE vault_records SET version = ?2, dirty_at = ?3 WHERE name = ?1",
        params![name, int(version), int(cx.now.0)],
    )?;
    Ok(())
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
fn contents(cx: &Cx<'_>, me: &Me, name: &str) -> Outcome<Vec<u8>> {
    let record = match name {
        SETTINGS => shared::with(base(cx, name)?, settings_fields(cx)?),
        PROFILE => shared::with(base(cx, name)?, profile_fields(me)),
        _ => shared::with(base(cx, name)?, people::record(cx, &base(cx, name)?)?),
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
    let base = plain.unwrap_or_default();
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
        ask(cx, name)?;
    }
    Ok(())
}

pub(crate) fn on_read(cx: &mut Cx<'_>, name: &str, body: &[u8]) -> Outcome<()> {
    let Some(record) = requests::read::<VaultRecord>(body) else {
        return Ok(());
    };
    if record.version < version(cx, name)? {
        return went_back(cx, name, record.version);
    }
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
    let theirs = shared::fields(&plain);
    let more = match name {
        CONTACTS => {
            let base = common(cx, &me, name)?;
            people::merge(cx, &me, &base, &theirs)?
        }
        _ => merge_fields(cx, &me, name, &theirs)? != theirs,
    };
    agree(cx, name, record.version, &plain, more)
}

/// What both sides knew before: the last common record, or, where there was none and nothing was changed here, ours.
fn common(cx: &Cx<'_>, me: &Me, name: &str) -> Outcome<Fields> {
    let base = base(cx, name)?;
    let is_changed_here = cx.db.exists(
        "SELECT 1 FROM vault_records WHERE name = ?1 AND (dirty_at IS NOT NULL OR pending IS NOT NULL)",
        [name],
    )?;
    if base.is_empty() && !is_changed_here {
        return Ok(shared::fields(&contents(cx, me, name)?));
    }
    Ok(base)
}

/// The relay's version is ours too; it is written again when we hold more.
fn agree(cx: &mut Cx<'_>, name: &str, version: u64, base: &[u8], more: bool) -> Outcome<()> {
    cx.db.run(
        "INSERT INTO vault_records (name, version, base, dirty_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET version = ?2, base = ?3, dirty_at = ?4",
        params![name, int(version), base, more.then_some(int(cx.now.0))],
    )?;
    Ok(())
}

/// Settings and profile: each field keeps the change of whichever device made one; both changed it: ours.
fn merge_fields(cx: &mut Cx<'_>, me: &Me, name: &str, theirs: &Fields) -> Outcome<Fields> {
    let mut base = common(cx, me, name)?;
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
