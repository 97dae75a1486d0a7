-- What has not moved into mailbox_submit yet is still remembered.
INSERT OR IGNORE INTO mailbox_submit (device_id, submit_id, digest, number, expires_at_ms, answer, counter, counter_signature)
SELECT r.device_id, r.submit_id, r.digest, r.number, r.expires_at_ms, r.answer, r.counter, r.counter_signature
FROM mailbox_submit_recent r, mailbox_submit_moved m
WHERE r.place > m.upto AND (r.place > m.moving_upto OR m.device_id IS NULL OR r.device_id > m.device_id);
DROP TABLE mailbox_submit_moved;
DROP TABLE mailbox_submit_recent;
