//! Schema versions: each step runs once, in one transaction; a newer schema than ours is refused, never touched.

use super::reason;
use crate::error::OpenError;
use rusqlite::{Connection, TransactionBehavior};

/// Step `n` leads from version `n` to `n + 1`. Steps that were released are never edited.
const STEPS: [&str; 4] = [
    include_str!("schema/0001_foundation.sql"),
    include_str!("schema/0002_requests.sql"),
    include_str!("schema/0003_shared.sql"),
    include_str!("schema/0004_counters.sql"),
];

/// The schema version this build writes.
pub(super) const VERSION: usize = STEPS.len();

/// A schema that is up to date is not written to: a store on a full disk can be read.
pub(super) fn run(db: &mut Connection) -> Result<(), OpenError> {
    if held(db)? == VERSION {
        return Ok(());
    }
    let transaction = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(reason)?;
    let held = held(&transaction)?;
    if held > VERSION {
        return Err(OpenError::TooNew);
    }
    for step in STEPS.iter().skip(held) {
        transaction.execute_batch(step).map_err(reason)?;
    }
    transaction
        .pragma_update(None, "user_version", VERSION as i64)
        .map_err(reason)?;
    transaction.commit().map_err(reason)
}

fn held(db: &Connection) -> Result<usize, OpenError> {
    let version = db.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    Ok(version.map_err(reason)? as usize)
}
