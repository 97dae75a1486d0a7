-- What this device and the relay last agreed on, so that two devices' changes of one record are merged.
ALTER TABLE vault_records ADD COLUMN base BLOB NOT NULL DEFAULT x'';
-- The bundle whose age the person was told of.
ALTER TABLE identities_bundles ADD COLUMN told_number INTEGER NOT NULL DEFAULT 0;
