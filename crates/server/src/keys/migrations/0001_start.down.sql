DROP TABLE keys_one_time_prekeys;
DROP TABLE keys_sealing_numbers;
DROP TABLE keys_bundles;
DROP TABLE keys_log_entries;
DROP TABLE keys_logs;
