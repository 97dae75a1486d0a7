CREATE TABLE keys_logs (
    account_id {blob} NOT NULL PRIMARY KEY,
    head_sequence {int} NOT NULL
) {strict};

CREATE TABLE keys_log_entries (
    account_id {blob} NOT NULL,
    sequence {int} NOT NULL,
    entry {blob} NOT NULL,
    appended_at_ms {int} NOT NULL,
    PRIMARY KEY (account_id, sequence)
) {strict};

CREATE TABLE keys_bundles (
    account_id {blob} NOT NULL,
    device_id {blob} NOT NULL,
    number {int} NOT NULL,
    bundle {blob} NOT NULL,
    PRIMARY KEY (account_id, device_id, number)
) {strict};

CREATE TABLE keys_sealing_numbers (
    account_id {blob} NOT NULL,
    device_id {blob} NOT NULL,
    number {int} NOT NULL,
    published_at_ms {int} NOT NULL,
    PRIMARY KEY (account_id, device_id, number)
) {strict};

CREATE TABLE keys_one_time_prekeys (
    account_id {blob} NOT NULL,
    device_id {blob} NOT NULL,
    key_hash {blob} NOT NULL,
    public_key {blob} NOT NULL,
    bundle_number {int} NOT NULL,
    leaf_index {int} NOT NULL,
    merkle_path {blob} NOT NULL,
    claimed_at_ms {int},
    PRIMARY KEY (account_id, device_id, key_hash)
) {strict};
CREATE INDEX keys_one_time_prekeys_left ON keys_one_time_prekeys (account_id, device_id, bundle_number, leaf_index)
    WHERE claimed_at_ms IS NULL;
CREATE INDEX keys_one_time_prekeys_claimed ON keys_one_time_prekeys (claimed_at_ms) WHERE claimed_at_ms IS NOT NULL;
