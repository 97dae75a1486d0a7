CREATE TABLE vault_records (
    account_id {blob} NOT NULL,
    name TEXT NOT NULL,
    version {int} NOT NULL,
    body {blob} NOT NULL,
    PRIMARY KEY (account_id, name)
) {strict};
