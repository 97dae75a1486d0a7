-- Version 1. Every table carries the prefix of the room that owns it; times are milliseconds, relay time.

-- store: what the engine itself needs
CREATE TABLE store_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  ids_seed BLOB NOT NULL,
  clock_ahead_ms INTEGER NOT NULL DEFAULT 0,
  clock_measured INTEGER NOT NULL DEFAULT 0,
  cursor BLOB NOT NULL DEFAULT x'',
  counter INTEGER NOT NULL DEFAULT 0,
  relay_counter_ahead INTEGER NOT NULL DEFAULT 0,
  -- How many kinds of content the version knew that last read what was unsupported.
  kinds_known INTEGER NOT NULL DEFAULT 0
) STRICT;

-- account: this account and this device
CREATE TABLE account_self (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  state TEXT NOT NULL,
  account_id BLOB NOT NULL,
  fingerprint BLOB NOT NULL,
  device_id BLOB NOT NULL,
  handle TEXT NOT NULL,
  display_name TEXT NOT NULL,
  device_name TEXT NOT NULL,
  device_keys BLOB NOT NULL,
  account_secret BLOB NOT NULL,
  recovery_seed BLOB,
  kit_positions TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE account_session (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  session_id BLOB NOT NULL,
  refresh_token BLOB NOT NULL,
  next_refresh_token BLOB,
  access_token TEXT NOT NULL DEFAULT '',
  access_expires_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE account_views (
  name TEXT PRIMARY KEY,
  json TEXT NOT NULL,
  fetched_at INTEGER NOT NULL
) STRICT;

-- requests: REST requests that are open
CREATE TABLE requests_open (
  request_id BLOB PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  purpose TEXT NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  needs_session INTEGER NOT NULL,
  body BLOB NOT NULL,
  transient INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL
) STRICT;

-- prekeys: private halves of what this device published
CREATE TABLE prekeys_secrets (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  number INTEGER NOT NULL,
  bundle_number INTEGER NOT NULL,
  public_hash BLOB NOT NULL,
  secret BLOB NOT NULL,
  retired_at INTEGER,
  UNIQUE (kind, public_hash)
) STRICT;
CREATE TABLE prekeys_bundle (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL,
  upload BLOB NOT NULL,
  bundle_hash BLOB NOT NULL,
  spk_made_at INTEGER NOT NULL,
  sealing_made_at INTEGER NOT NULL,
  sealing_number INTEGER NOT NULL,
  confirmed INTEGER NOT NULL DEFAULT 0,
  checked_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE prekeys_last_resort_used (
  transcript_hash BLOB PRIMARY KEY,
  key_hash BLOB NOT NULL
) STRICT;

-- identities: account logs, own and others'
CREATE TABLE identities_logs (
  fingerprint BLOB PRIMARY KEY,
  account_id BLOB NOT NULL,
  era INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  hash BLOB NOT NULL,
  frozen_at INTEGER,
  frozen_proof BLOB,
  fetched_at INTEGER NOT NULL
) STRICT;
CREATE INDEX identities_logs_account ON identities_logs (account_id);
CREATE TABLE identities_entries (
  fingerprint BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  entry BLOB NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (fingerprint, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE identities_devices (
  device_id BLOB PRIMARY KEY,
  fingerprint BLOB NOT NULL,
  dsk BLOB NOT NULL,
  ik BLOB NOT NULL,
  active INTEGER NOT NULL,
  last_heard_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX identities_devices_fingerprint ON identities_devices (fingerprint);
CREATE TABLE identities_bundles (
  device_id BLOB PRIMARY KEY,
  number INTEGER NOT NULL,
  bundle BLOB NOT NULL,
  one_time BLOB,
  stale INTEGER NOT NULL DEFAULT 0,
  fetched_at INTEGER NOT NULL
) STRICT;
-- The ratchet state with one device; written in the transaction that used it.
CREATE TABLE identities_sessions (
  device_id BLOB PRIMARY KEY,
  state BLOB NOT NULL
) STRICT;

-- contacts
CREATE TABLE contacts_list (
  contact_id BLOB PRIMARY KEY,
  account_id BLOB NOT NULL,
  fingerprint BLOB NOT NULL UNIQUE,
  handle TEXT NOT NULL,
  display_name TEXT NOT NULL,
  nickname TEXT NOT NULL DEFAULT '',
  favourite INTEGER NOT NULL DEFAULT 0,
  listed INTEGER NOT NULL DEFAULT 1,
  blocked INTEGER NOT NULL DEFAULT 0,
  request TEXT NOT NULL,
  their_token BLOB,
  my_token BLOB,
  token_granted_at INTEGER NOT NULL DEFAULT 0,
  verified_at INTEGER,
  new_fingerprint BLOB,
  new_identity_at INTEGER,
  was_verified INTEGER NOT NULL DEFAULT 0,
  added_at INTEGER NOT NULL,
  known_head BLOB
) STRICT;
CREATE INDEX contacts_list_account ON contacts_list (account_id);
CREATE TABLE contacts_link (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  token BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  uses_max INTEGER NOT NULL,
  active INTEGER NOT NULL DEFAULT 0
) STRICT;

-- conversations
CREATE TABLE conversations_list (
  conversation_id BLOB PRIMARY KEY,
  contact_id BLOB NOT NULL UNIQUE,
  wire_id BLOB NOT NULL UNIQUE,
  draft TEXT NOT NULL DEFAULT '',
  pinned INTEGER NOT NULL DEFAULT 0,
  muted INTEGER NOT NULL DEFAULT 0,
  archived INTEGER NOT NULL DEFAULT 0,
  shown INTEGER NOT NULL DEFAULT 1,
  touched_at INTEGER NOT NULL,
  -- Numbers of what we send: the next one, and the highest that the relay took.
  next_sequence INTEGER NOT NULL DEFAULT 1,
  taken_sequence INTEGER NOT NULL DEFAULT 0
) STRICT;

-- messages
CREATE TABLE messages_rows (
  row INTEGER PRIMARY KEY,
  message_id BLOB NOT NULL UNIQUE,
  conversation_id BLOB NOT NULL,
  from_me INTEGER NOT NULL,
  device_id BLOB,
  sequence INTEGER NOT NULL DEFAULT 0,
  order_at INTEGER NOT NULL,
  written_at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '',
  edited INTEGER NOT NULL DEFAULT 0,
  reply_to BLOB,
  state TEXT,
  accepted_at INTEGER,
  expires_at INTEGER,
  delivered_at INTEGER,
  read_at INTEGER,
  unread INTEGER NOT NULL DEFAULT 0,
  raw BLOB
) STRICT;
CREATE INDEX messages_rows_order ON messages_rows (conversation_id, order_at, message_id);
CREATE INDEX messages_rows_numbering ON messages_rows (conversation_id, device_id, sequence) WHERE sequence > 0;
CREATE INDEX messages_rows_unread ON messages_rows (conversation_id) WHERE unread = 1;
CREATE TABLE messages_edits (
  message_id BLOB NOT NULL,
  at INTEGER NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX messages_edits_message ON messages_edits (message_id);
CREATE TABLE messages_reactions (
  message_id BLOB NOT NULL,
  from_me INTEGER NOT NULL,
  emoji TEXT NOT NULL,
  PRIMARY KEY (message_id, from_me)
) STRICT;
-- Edits, deletions and reactions that came before their message; at most a bounded number, oldest first out.
CREATE TABLE messages_early (
  row INTEGER PRIMARY KEY,
  target BLOB NOT NULL,
  fingerprint BLOB NOT NULL,
  at INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;
CREATE INDEX messages_early_target ON messages_early (target);

-- history: full text of what is shown, kept by triggers in the same transaction
CREATE VIRTUAL TABLE history_texts USING fts5(
  text, content = 'messages_rows', content_rowid = 'row',
  tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'
);
INSERT INTO history_texts (history_texts, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER history_insert AFTER INSERT ON messages_rows WHEN new.kind = 'text' BEGIN
  INSERT INTO history_texts (rowid, text) VALUES (new.row, new.text);
END;
CREATE TRIGGER history_delete AFTER DELETE ON messages_rows WHEN old.kind = 'text' BEGIN
  INSERT INTO history_texts (history_texts, rowid, text) VALUES ('delete', old.row, old.text);
END;
-- One trigger for both halves: two would run in no defined order, and a text indexed before its old form left breaks the
-- index.
CREATE TRIGGER history_change AFTER UPDATE OF text, kind ON messages_rows BEGIN
  INSERT INTO history_texts (history_texts, rowid, text) SELECT 'delete', old.row, old.text WHERE old.kind = 'text';
  INSERT INTO history_texts (rowid, text) SELECT new.row, new.text WHERE new.kind = 'text';
END;

-- receipts: owed to contacts, sent in batches
CREATE TABLE receipts_owed (
  contact_id BLOB NOT NULL,
  kind INTEGER NOT NULL,
  target BLOB NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (contact_id, kind, target)
) STRICT;

-- outbox: contents on the way out, the frame made once for each, and who it was sealed for
CREATE TABLE outbox_contents (
  row INTEGER PRIMARY KEY,
  content_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  only_device BLOB,
  kind TEXT NOT NULL,
  content BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  accepted_at INTEGER,
  expires_at INTEGER,
  healed INTEGER NOT NULL DEFAULT 0,
  resealed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_contents_id ON outbox_contents (content_id);
CREATE INDEX outbox_contents_state ON outbox_contents (state, due_at);
CREATE TABLE outbox_submits (
  submit_id BLOB PRIMARY KEY,
  row INTEGER NOT NULL,
  frame BLOB NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL,
  sealed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_submits_row ON outbox_submits (row);
CREATE TABLE outbox_copies (
  envelope_id BLOB PRIMARY KEY,
  row INTEGER NOT NULL,
  submit_id BLOB NOT NULL,
  device_id BLOB NOT NULL,
  dsk BLOB NOT NULL,
  envelope_hash BLOB NOT NULL,
  state TEXT NOT NULL,
  resends INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_copies_row ON outbox_copies (row);
CREATE INDEX outbox_copies_hash ON outbox_copies (envelope_hash);

-- inbox: what came, what waits to be opened, what is missing
CREATE TABLE inbox_seen (
  envelope_id BLOB PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_seen_at ON inbox_seen (at);
CREATE TABLE inbox_contents_seen (
  device_id BLOB NOT NULL,
  content_id BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (device_id, content_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_contents_seen_at ON inbox_contents_seen (at);
CREATE TABLE inbox_awaiting_log (
  row INTEGER PRIMARY KEY,
  envelope_id BLOB NOT NULL UNIQUE,
  fingerprint BLOB NOT NULL,
  delivery BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE TABLE inbox_positions (
  device_id BLOB NOT NULL,
  wire_id BLOB NOT NULL,
  highest INTEGER NOT NULL,
  PRIMARY KEY (device_id, wire_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE inbox_gaps (
  device_id BLOB NOT NULL,
  wire_id BLOB NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  since INTEGER NOT NULL,
  order_at INTEGER NOT NULL,
  shown INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (device_id, wire_id, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE inbox_counts (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT;

-- healing: envelopes that did not open and whose repair was asked for
CREATE TABLE healing_broken (
  envelope_hash BLOB PRIMARY KEY,
  message_id BLOB NOT NULL,
  device_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  accepted_at INTEGER NOT NULL,
  asked INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL
) STRICT;
CREATE TABLE healing_asked (
  device_id BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX healing_asked_device ON healing_asked (device_id, at);

-- vault: encrypted account records at the relay
CREATE TABLE vault_records (
  name TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  dirty_at INTEGER,
  pending BLOB
) STRICT;

-- settings
CREATE TABLE settings_current (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  json TEXT NOT NULL
) STRICT;
