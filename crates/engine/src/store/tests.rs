#![allow(clippy::disallowed_methods)] // What is on disk is read as bytes.

use super::*;

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
