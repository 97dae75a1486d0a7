DROP TABLE mailbox_held;
DROP TABLE mailbox_budget;
DROP TABLE mailbox_token;
DROP TABLE mailbox_submit;
DROP TABLE mailbox_envelope;
DROP TABLE mailbox_device;
