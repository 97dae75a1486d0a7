CREATE TABLE mailbox_device (
  device_id {blob} NOT NULL PRIMARY KEY,
  account_id {blob} NOT NULL,
  sealing_floor {int} NOT NULL DEFAULT 0,
  next_seq {int} NOT NULL DEFAULT 1,
  total_bytes {int} NOT NULL DEFAULT 0
) {strict};
CREATE INDEX mailbox_device_account ON mailbox_device (account_id);

CREATE TABLE mailbox_envelope (
  device_id {blob} NOT NULL,
  seq {int} NOT NULL,
  envelope_id {blob} NOT NULL,
  accepted_at_ms {int} NOT NULL,
  expires_at_ms {int} NOT NULL,
  sealing_key_number {int} NOT NULL,
  bytes_before {int} NOT NULL,
  ciphertext {blob},
  payload_id {blob},
  PRIMARY KEY (device_id, seq),
  UNIQUE (device_id, envelope_id)
) {strict};

CREATE TABLE mailbox_submit (
  device_id {blob} NOT NULL,
  submit_id {blob} NOT NULL,
  digest {blob} NOT NULL,
  number {int} NOT NULL,
  expires_at_ms {int} NOT NULL,
  answer {blob} NOT NULL,
  counter {blob} NOT NULL,
  counter_signature {blob} NOT NULL,
  PRIMARY KEY (device_id, submit_id)
) {strict};

CREATE TABLE mailbox_token (
  account_id {blob} NOT NULL,
  token_hash {blob} NOT NULL,
  kind {int} NOT NULL,
  uses {int} NOT NULL DEFAULT 0,
  uses_max {int},
  expires_at_ms {int},
  PRIMARY KEY (account_id, token_hash)
) {strict};

CREATE INDEX mailbox_token_expiry ON mailbox_token (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

CREATE TABLE mailbox_budget (
  day {int} NOT NULL,
  pseudonym {blob} NOT NULL,
  used {int} NOT NULL,
  PRIMARY KEY (day, pseudonym)
) {strict};

CREATE TABLE mailbox_held (
  account_id {blob} NOT NULL,
  held_at_ms {int} NOT NULL,
  sender_pseudonym {blob} NOT NULL,
  turn {int} NOT NULL,
  device_id {blob} NOT NULL,
  envelope_id {blob} NOT NULL,
  accepted_at_ms {int} NOT NULL,
  sealing_key_number {int} NOT NULL,
  ciphertext {blob} NOT NULL,
  PRIMARY KEY (device_id, envelope_id)
) {strict};
CREATE INDEX mailbox_held_account ON mailbox_held (account_id);
