//! Schema migrations: numbered per room, each with its way back, remembered in `platform_migrations`.

use super::{Error, Result};

/// One step of one room's schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// 1, 2, 3, ... without gaps.
    pub version: u32,
    pub up: &'static str,
    pub down: &'static str,
}

/// All steps of one room, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct RoomMigrations {
    pub room: &'static str,
    pub steps: &'static [Migration],
}

/// The steps of a room from `migrations/NNNN_name.{up,down}.sql` beside the calling file.
#[macro_export]
macro_rules! migrations {
    ($room:literal, $($version:literal => $name:literal),+ $(,)?) => {
        $crate::platform::db::RoomMigrations {
            room: $room,
            steps: &[$($crate::platform::db::Migration {
                version: $version,
                up: include_str!(concat!("migrations/", $name, ".up.sql")),
                down: include_str!(concat!("migrations/", $name, ".down.sql")),
            }),+],
        }
    };
}
pub use crate::migrations;

pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS platform_migrations (\
     room TEXT NOT NULL, version {int} NOT NULL, PRIMARY KEY (room, version)) {strict}";
pub(super) const VERSION: &str =
    "SELECT COALESCE(MAX(version), 0) FROM platform_migrations WHERE room = $1";
pub(super) const REMEMBER: &str = "INSERT INTO platform_migrations (room, version) VALUES ($1, $2)";
pub(super) const FORGET: &str = "DELETE FROM platform_migrations WHERE room = $1 AND version = $2";

/// DDL for SQLite: INTEGER, BLOB, STRICT.
pub fn for_sqlite(ddl: &str) -> String {
    ddl.replace("{int}", "INTEGER")
        .replace("{blob}", "BLOB")
        .replace("{strict}", "STRICT")
}

/// DDL for PostgreSQL: BIGINT, BYTEA.
pub fn for_postgres(ddl: &str) -> String {
    ddl.replace("{int}", "BIGINT")
        .replace("{blob}", "BYTEA")
        .replace("{strict}", "")
}

pub(super) fn failed(room: &str, version: u32, error: &dyn std::fmt::Display) -> Error {
    Error::Migration {
        room: room.into(),
        version,
        reason: error.to_string(),
    }
}

/// A database newer than this program is left alone.
pub(super) fn check_known(room: &RoomMigrations, found: u32) -> Result<()> {
    let newest = room.steps.last().map_or(0, |step| step.version);
    if found > newest {
        return Err(failed(
            room.room,
            found,
            &"the database was written by a newer version",
        ));
    }
    Ok(())
}
