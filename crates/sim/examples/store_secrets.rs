//! Prints the key material in a store of `securechat-cli`, for the search that must not find it anywhere else:
//! `store_secrets FOLDER` gives JSON, a list of name and hex. Pieces that are published too are left out.
//! `store_secrets FOLDER access-token` gives the access token, for the generated API requests.

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use std::path::Path;

/// Name and query of every column that holds what must not leave the device, newest first.
const SECRET: &[(&str, &str)] = &[
    ("device keys", "SELECT device_keys FROM account_self"),
    ("archive key", "SELECT account_secret FROM account_self"),
    (
        "recovery secret",
        "SELECT recovery_seed FROM account_self WHERE recovery_seed IS NOT NULL",
    ),
    ("seed of ids", "SELECT ids_seed FROM store_state"),
    (
        "prekey",
        "SELECT secret FROM prekeys_secrets ORDER BY id DESC LIMIT 8",
    ),
    ("ratchet state", "SELECT state FROM identities_sessions"),
];
/// Blobs that the relay holds by right.
const PUBLISHED: &[&str] = &[
    "SELECT entry FROM identities_entries",
    "SELECT bundle FROM identities_bundles",
    "SELECT one_time FROM identities_bundles WHERE one_time IS NOT NULL",
    "SELECT upload FROM prekeys_bundle",
    "SELECT dsk FROM identities_devices",
    "SELECT ik FROM identities_devices",
];
const PIECE: usize = 16;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("which folder?")?;
    let key = std::fs::read(Path::new(&folder).join("store.key"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(Path::new(&folder).join("store.db"), flags)?;
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", hex(&key)))?;
    if std::env::args().nth(2).as_deref() == Some("access-token") {
        let query = "SELECT access_token FROM account_session";
        println!(
            "{}",
            db.query_row(query, [], |row| row.get::<_, String>(0))?
        );
        return Ok(());
    }
    let mut published = BTreeSet::new();
    for query in PUBLISHED {
        for blob in blobs(&db, query)? {
            published.extend(blob.windows(PIECE).map(<[u8]>::to_vec));
            if let Ok(body) = serde_json::from_slice::<serde_json::Value>(&blob) {
                publish_texts(&body, &mut published);
            }
        }
    }
    let mut found = vec![("database key".to_owned(), key)];
    for (name, query) in SECRET {
        let blobs = blobs(&db, query)?;
        anyhow::ensure!(!blobs.is_empty(), "no {name} in the store");
        let pieces = blobs.iter().flat_map(|blob| blob.chunks_exact(PIECE));
        let secret = pieces.filter(|piece| !published.contains(*piece));
        found.extend(secret.map(|piece| ((*name).to_owned(), piece.to_vec())));
    }
    let rows: Vec<_> = found
        .iter()
        .map(|(name, secret)| serde_json::json!({ "name": name, "hex": hex(secret) }))
        .collect();
    println!("{}", serde_json::to_string(&rows)?);
    Ok(())
}

fn blobs(db: &Connection, query: &str) -> Result<Vec<Vec<u8>>> {
    let mut statement = db.prepare(query).with_context(|| query.to_owned())?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Base64url texts of a published body.
fn publish_texts(value: &serde_json::Value, published: &mut BTreeSet<Vec<u8>>) {
    match value {
        serde_json::Value::String(text) => {
            let bytes = securechat_proto::b64::decode(text).unwrap_or_default();
            published.extend(bytes.windows(PIECE).map(<[u8]>::to_vec));
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|item| publish_texts(item, published))
        }
        serde_json::Value::Object(fields) => {
            fields
                .values()
                .for_each(|field| publish_texts(field, published));
        }
        _ => {}
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
