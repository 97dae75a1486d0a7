-- Which request each of the last counters was signed for. A row is found by its slot, the counter modulo the number of
-- rows, so that a submit writes one page; lookups happen once a connection.
CREATE TABLE outbox_counters (
  slot INTEGER PRIMARY KEY,
  counter INTEGER NOT NULL,
  request_hash BLOB NOT NULL
) STRICT;

-- The next deadline is asked for after every input, however many receipts a long absence left behind.
CREATE INDEX receipts_owed_due ON receipts_owed (due_at);
-- What is too old is asked for after every input as well.
CREATE INDEX outbox_contents_created ON outbox_contents (created_at);
