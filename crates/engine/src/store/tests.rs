#![allow(clippy::disallowed_methods)] // What is on disk is read as bytes.

use super::*;
use crate::messages::{order, timeline};
use crate::shell::Input;
use crate::{Engine, outbox};
use rusqlite::StatementStatus;
use securechat_proto::Timestamp;

fn file(folder: &tempfile::TempDir, key: Option<[u8; 32]>) -> Store {
    let path = folder
        .path()
        .join("store.db")
        .to_string_lossy()
        .into_owned();
    Store::File {
        path,
        key: key.map(Key::new),
    }
}

fn bytes_of(folder: &tempfile::TempDir) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

#[test]
fn a_keyed_store_holds_no_readable_byte_and_opens_only_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(file(&folder, Some([1; 32]))).unwrap());
    let bytes = bytes_of(&folder);
    for word in ["SQLite format 3", "account_self", "CREATE TABLE"] {
        assert!(
            !bytes
                .windows(word.len())
                .any(|window| window == word.as_bytes()),
            "{word}"
        );
    }
    assert_eq!(
        open(file(&folder, Some([2; 32]))).err(),
        Some(OpenError::WrongKey)
    );
    assert_eq!(open(file(&folder, None)).err(), Some(OpenError::WrongKey));
    assert_eq!(
        bytes_of(&folder),
        bytes,
        "a store that did not open is left as it was"
    );
    assert!(open(file(&folder, Some([1; 32]))).is_ok());
}

#[test]
fn a_store_in_use_is_locked_and_a_newer_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let held = open(file(&folder, Some([1; 32]))).unwrap();
    held.execute_batch("PRAGMA user_version = 1000").unwrap();
    assert_eq!(
        open(file(&folder, Some([1; 32]))).err(),
        Some(OpenError::Locked)
    );
    drop(held);
    assert_eq!(
        open(file(&folder, Some([1; 32]))).err(),
        Some(OpenError::TooNew)
    );
}

/// So that it can be read on a full disk.
#[test]
fn a_store_that_is_up_to_date_is_opened_without_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp(1_800_000_000_000);
    let open = || Engine::open(file(&folder, Some([1; 32])), [1; 32], now).unwrap();
    let mut engine = open();
    let _ = engine.handle(Input::Tick, now).unwrap();
    drop(engine);
    let before = bytes_of(&folder);
    let _engine = open();
    assert_eq!(bytes_of(&folder), before);
}

/// All three measures are on: pages, search terms and the write-ahead log are free of what was deleted.
#[test]
fn deleted_text_leaves_no_trace_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(file(&folder, None)).unwrap();
    db.execute_batch(
        "INSERT INTO messages_rows (message_id, conversation_id, from_me, order_at, written_at, kind, text)
         VALUES (x'01', x'02', 0, 1, 1, 'text', 'canarybird sings');",
    )
    .unwrap();
    let found: i64 = db
        .query_row(
            "SELECT count(*) FROM history_texts WHERE history_texts MATCH 'canarybird'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(found, 1);
    checkpoint(&db).unwrap();
    let holds = |folder: &tempfile::TempDir| {
        bytes_of(folder)
            .windows(10)
            .any(|window| window == b"canarybird")
    };
    assert!(holds(&folder));
    db.execute_batch("DELETE FROM messages_rows").unwrap();
    checkpoint(&db).unwrap();
    assert!(!holds(&folder));
}

/// Steps of SQLite's machine, the same on every computer.
fn steps(db: &Connection, sql: &str, values: impl rusqlite::Params) -> i32 {
    let mut statement = db.prepare(sql).unwrap();
    let mut rows = statement.query(values).unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::VmStep)
}

/// What is asked for every message costs the same in a long conversation as in a short one.
#[test]
fn questions_of_every_input_walk_over_nothing() {
    let db = open(Store::Memory).unwrap();
    db.execute_batch(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO messages_rows
           (message_id, conversation_id, device_id, sequence, from_me, order_at, accepted_at, written_at, kind, text)
         SELECT CAST('m' || i AS BLOB), x'02', x'03', i, 1, i, i, i, 'text', 'word' FROM n;
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO outbox_contents (content_id, contact_id, kind, content, sequence, state, created_at, due_at)
         SELECT CAST('m' || i AS BLOB), x'02', 'text', x'', i, 'sent', 1000000, 2000000 FROM n;",
    )
    .unwrap();
    let near = rusqlite::params![[2u8], [3u8], 4_999];
    for (sql, taken) in [
        (order::BEFORE, steps(&db, order::BEFORE, near)),
        (order::BEHIND, steps(&db, order::BEHIND, near)),
        (
            outbox::answers::DUE,
            steps(&db, outbox::answers::DUE, [1_500_000, 500_000]),
        ),
        (
            timeline::FIRST_UNREAD,
            steps(&db, timeline::FIRST_UNREAD, [[2u8]]),
        ),
        (outbox::NEXT, steps(&db, outbox::NEXT, [1_500_000])),
    ] {
        assert!(taken < 300, "{taken} steps: {sql}");
    }
}
