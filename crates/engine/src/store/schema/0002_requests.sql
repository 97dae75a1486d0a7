-- A submit that names no right is a message request; one of them is on its way at a time.
ALTER TABLE outbox_submits ADD COLUMN is_request INTEGER NOT NULL DEFAULT 0;
