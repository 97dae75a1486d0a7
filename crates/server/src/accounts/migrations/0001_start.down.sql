DROP TABLE accounts_server;
DROP TABLE accounts_security_events;
DROP TABLE accounts_revocations;
DROP TABLE accounts_sessions;
DROP TABLE accounts_devices;
DROP TABLE accounts_accounts;
