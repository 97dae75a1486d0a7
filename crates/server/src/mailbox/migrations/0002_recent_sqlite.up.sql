CREATE TABLE mailbox_submit_recent (
  place {int} NOT NULL PRIMARY KEY,
  device_id {blob} NOT NULL,
  submit_id {blob} NOT NULL,
  digest {blob} NOT NULL,
  number {int} NOT NULL,
  expires_at_ms {int} NOT NULL,
  answer {blob} NOT NULL,
  counter {blob} NOT NULL,
  counter_signature {blob} NOT NULL
) {strict};

CREATE TABLE mailbox_submit_moved (
  upto {int} NOT NULL,
  moving_upto {int} NOT NULL,
  device_id {blob}
) {strict};
INSERT INTO mailbox_submit_moved (upto, moving_upto, device_id) VALUES (0, 0, NULL);
