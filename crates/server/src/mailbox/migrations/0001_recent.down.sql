DROP TABLE mailbox_submit_moved;
DROP TABLE mailbox_submit_recent;
