-- A submit that names no right is a message request; one of them is on its way at a time.
ALTER TABLE outbox_submits ADD COLUMN is_request INTEGER NOT NULL DEFAULT 0;
-- The few that the relay put off are looked up before anything is sent after them.
CREATE INDEX outbox_submits_put_off ON outbox_submits (row) WHERE attempts > 0;
