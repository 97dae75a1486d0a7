CREATE TABLE accounts_accounts (
    account_id {blob} NOT NULL PRIMARY KEY,
    fingerprint {blob} NOT NULL UNIQUE,
    handle TEXT NOT NULL UNIQUE,
    opaque_record {blob} NOT NULL,
    stretching_version {int} NOT NULL,
    stretching_memory_kib {int} NOT NULL,
    stretching_iterations {int} NOT NULL,
    stretching_parallelism {int} NOT NULL,
    sign_up_hash {blob} NOT NULL
) {strict};

CREATE TABLE accounts_devices (
    account_id {blob} NOT NULL,
    device_id {blob} NOT NULL,
    dsk {blob} NOT NULL,
    password_needed {int} NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, device_id)
) {strict};

CREATE TABLE accounts_sessions (
    session_id {blob} NOT NULL PRIMARY KEY,
    account_id {blob} NOT NULL,
    device_id {blob} NOT NULL,
    sealed_name {blob} NOT NULL,
    refresh_hash {blob} NOT NULL,
    previous_refresh_hash {blob},
    created_at_ms {int} NOT NULL,
    last_used_at_ms {int} NOT NULL
) {strict};
CREATE INDEX accounts_sessions_account ON accounts_sessions (account_id);

CREATE TABLE accounts_revocations (
    session_id {blob} NOT NULL PRIMARY KEY,
    revoked_at_ms {int} NOT NULL
) {strict};
CREATE INDEX accounts_revocations_time ON accounts_revocations (revoked_at_ms);

CREATE TABLE accounts_security_events (
    event_id {blob} NOT NULL PRIMARY KEY,
    subject {blob} NOT NULL,
    kind TEXT NOT NULL,
    at_ms {int} NOT NULL,
    origin TEXT NOT NULL
) {strict};
CREATE INDEX accounts_security_events_subject ON accounts_security_events (subject, at_ms);
CREATE INDEX accounts_security_events_time ON accounts_security_events (at_ms);

CREATE TABLE accounts_server (
    name TEXT NOT NULL PRIMARY KEY,
    sealed {blob} NOT NULL
) {strict};
