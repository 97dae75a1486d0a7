//! What this server knows: every column it stores, under a name that screens translate.
//!
//! The test below compares the list with the schema itself: a column without a place here fails it.

use crate::platform::config::RETENTION_DAYS_MAX;
use securechat_proto::api::KnownFact;

/// One fact: key, days kept (none: as long as the account), columns.
type Fact = (&'static str, Option<u32>, &'static [&'static str]);

const FACTS: &[Fact] = &[
    (
        "accounts.identity",
        None,
        &[
            "accounts_accounts.account_id",
            "accounts_accounts.fingerprint",
            "accounts_accounts.handle",
        ],
    ),
    (
        "accounts.password_record",
        None,
        &[
            "accounts_accounts.opaque_record",
            "accounts_accounts.stretching_version",
            "accounts_accounts.stretching_memory_kib",
            "accounts_accounts.stretching_iterations",
            "accounts_accounts.stretching_parallelism",
            "accounts_accounts.sign_up_hash",
        ],
    ),
    (
        "accounts.devices",
        None,
        &[
            "accounts_devices.account_id",
            "accounts_devices.device_id",
            "accounts_devices.dsk",
            "accounts_devices.password_needed",
        ],
    ),
    (
        "accounts.sessions",
        Some(90),
        &[
            "accounts_sessions.session_id",
            "accounts_sessions.account_id",
            "accounts_sessions.device_id",
            "accounts_sessions.sealed_name",
            "accounts_sessions.refresh_hash",
            "accounts_sessions.previous_refresh_hash",
            "accounts_sessions.created_at_ms",
            "accounts_sessions.last_used_at_ms",
        ],
    ),
    (
        "accounts.revoked_sessions",
        Some(1),
        &[
            "accounts_revocations.session_id",
            "accounts_revocations.revoked_at_ms",
        ],
    ),
    (
        "accounts.security_events",
        Some(30),
        &[
            "accounts_security_events.event_id",
            "accounts_security_events.subject",
            "accounts_security_events.kind",
            "accounts_security_events.at_ms",
            "accounts_security_events.origin",
        ],
    ),
    (
        "keys.account_log",
        None,
        &[
            "keys_logs.account_id",
            "keys_logs.head_sequence",
            "keys_log_entries.account_id",
            "keys_log_entries.sequence",
            "keys_log_entries.entry",
            "keys_log_entries.appended_at_ms",
        ],
    ),
    (
        "keys.prekeys",
        None,
        &[
            "keys_bundles.account_id",
            "keys_bundles.device_id",
            "keys_bundles.number",
            "keys_bundles.bundle",
            "keys_sealing_numbers.account_id",
            "keys_sealing_numbers.device_id",
            "keys_sealing_numbers.number",
            "keys_sealing_numbers.published_at_ms",
            "keys_one_time_prekeys.account_id",
            "keys_one_time_prekeys.device_id",
            "keys_one_time_prekeys.key_hash",
            "keys_one_time_prekeys.public_key",
            "keys_one_time_prekeys.bundle_number",
            "keys_one_time_prekeys.leaf_index",
            "keys_one_time_prekeys.merkle_path",
            "keys_one_time_prekeys.claimed_at_ms",
        ],
    ),
    (
        "vault.records",
        None,
        &[
            "vault_records.account_id",
            "vault_records.name",
            "vault_records.version",
            "vault_records.body",
        ],
    ),
    (
        "mailbox.devices",
        None,
        &[
            "mailbox_device.device_id",
            "mailbox_device.account_id",
            "mailbox_device.sealing_floor",
            "mailbox_device.next_seq",
            "mailbox_device.total_bytes",
        ],
    ),
    (
        "mailbox.envelope",
        Some(30),
        &[
            "mailbox_envelope.device_id",
            "mailbox_envelope.seq",
            "mailbox_envelope.envelope_id",
            "mailbox_envelope.accepted_at_ms",
            "mailbox_envelope.expires_at_ms",
            "mailbox_envelope.sealing_key_number",
            "mailbox_envelope.bytes_before",
            "mailbox_envelope.ciphertext",
            "mailbox_envelope.payload_id",
        ],
    ),
    (
        "mailbox.submits",
        Some(61),
        &[
            "mailbox_submit.device_id",
            "mailbox_submit.submit_id",
            "mailbox_submit.digest",
            "mailbox_submit.number",
            "mailbox_submit.expires_at_ms",
            "mailbox_submit.answer",
            "mailbox_submit.counter",
            "mailbox_submit.counter_signature",
            "mailbox_submit_recent.place",
            "mailbox_submit_recent.device_id",
            "mailbox_submit_recent.submit_id",
            "mailbox_submit_recent.digest",
            "mailbox_submit_recent.number",
            "mailbox_submit_recent.expires_at_ms",
            "mailbox_submit_recent.answer",
            "mailbox_submit_recent.counter",
            "mailbox_submit_recent.counter_signature",
            "mailbox_submit_moved.upto",
            "mailbox_submit_moved.moving_upto",
            "mailbox_submit_moved.device_id",
        ],
    ),
    (
        "mailbox.tokens",
        None,
        &[
            "mailbox_token.account_id",
            "mailbox_token.token_hash",
            "mailbox_token.kind",
            "mailbox_token.uses",
            "mailbox_token.uses_max",
            "mailbox_token.expires_at_ms",
        ],
    ),
    (
        "mailbox.request_budgets",
        Some(1),
        &[
            "mailbox_budget.day",
            "mailbox_budget.pseudonym",
            "mailbox_budget.used",
        ],
    ),
    (
        "mailbox.held_requests",
        Some(7),
        &[
            "mailbox_held.account_id",
            "mailbox_held.held_at_ms",
            "mailbox_held.sender_pseudonym",
            "mailbox_held.turn",
            "mailbox_held.device_id",
            "mailbox_held.envelope_id",
            "mailbox_held.accepted_at_ms",
            "mailbox_held.sealing_key_number",
            "mailbox_held.ciphertext",
        ],
    ),
    (
        "server.own",
        None,
        &[
            "accounts_server.name",
            "accounts_server.sealed",
            "platform_migrations.room",
            "platform_migrations.version",
        ],
    ),
];

/// The complete list, as told to anybody who asks; the terms of a server that keeps envelopes for a shorter time are
/// shorter.
pub fn facts(retention_days: u32) -> Vec<KnownFact> {
    let less = RETENTION_DAYS_MAX - retention_days.min(RETENTION_DAYS_MAX);
    FACTS
        .iter()
        .map(|(key, kept_days, columns)| KnownFact {
            key: (*key).into(),
            columns: columns.iter().map(|column| (*column).into()).collect(),
            kept_days: match *key {
                "mailbox.envelope" | "mailbox.submits" => kept_days.map(|days| days - less),
                _ => *kept_days,
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::db::{RoomMigrations, sqlite};
    use std::collections::BTreeSet;

    /// Every database of this server.
    const SCHEMAS: &[&[RoomMigrations]] =
        &[super::super::DIRECTORY, crate::mailbox::SQLITE_MIGRATIONS];

    fn stored_columns() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for schema in SCHEMAS {
            let mut connection = rusqlite::Connection::open_in_memory().expect("a database");
            sqlite::migrate_up(&mut connection, schema).expect("the schema");
            let mut columns = connection
                .prepare(
                    "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
                     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
                )
                .expect("a statement");
            let names = columns.query_map([], |row| row.get(0)).expect("rows");
            found.extend(names.map(|name| name.expect("a name")));
        }
        found
    }

    #[test]
    fn every_stored_column_is_told_exactly_once() {
        let told: Vec<String> = facts(RETENTION_DAYS_MAX)
            .into_iter()
            .flat_map(|fact| fact.columns)
            .collect();
        let unique: BTreeSet<String> = told.iter().cloned().collect();
        assert_eq!(told.len(), unique.len(), "a column stands under two facts");
        let stored = stored_columns();
        assert_eq!(
            stored.difference(&unique).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "stored, not told"
        );
        assert_eq!(
            unique.difference(&stored).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "told, not stored"
        );
    }
}
