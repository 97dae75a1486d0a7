//! The person's choices, one record, synced between own devices through the vault.

use crate::api::{Reply, Settings};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::shell::Topic;
use crate::store::rows::Db;
use crate::vault;

/// BCP 47 tags are short.
const LANGUAGE_CHARS_MAX: usize = 35;

pub(crate) fn read(db: Db<'_>) -> Outcome<Settings> {
    let json = db.one("SELECT json FROM settings_current", [], |row| {
        row.get::<_, String>(0)
    })?;
    // A record of another version that does not read back is no reason to refuse to start.
    Ok(json
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default())
}

pub(crate) fn update(cx: &mut Cx<'_>, settings: &Settings) -> Outcome<Answer> {
    let tag = &settings.language;
    if tag.chars().count() > LANGUAGE_CHARS_MAX
        || !tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return Err(Fault::refused(crate::api::RefusalCode::Invalid));
    }
    store(cx, settings)?;
    vault::touch(cx, vault::SETTINGS)?;
    Ok(Answer::Now(Reply::Done))
}

pub(crate) fn store(cx: &mut Cx<'_>, settings: &Settings) -> Outcome<()> {
    let json =
        serde_json::to_string(settings).map_err(|_| Fault::Bug("settings do not serialise"))?;
    cx.db.run(
        "INSERT OR REPLACE INTO settings_current (id, json) VALUES (1, ?1)",
        [json],
    )?;
    cx.changed(Topic::Settings);
    Ok(())
}
