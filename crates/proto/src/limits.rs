//! Every bound on what comes from outside, with its reason. One place, used by client and relay.

/// Socket protocol version.
pub const PROTOCOL_VERSION: u32 = 1;

/// One envelope on the wire: the 64 KiB content bucket, HPKE and ratchet overhead, room to grow.
pub const ENVELOPE_BYTES_MAX: usize = 96 * 1024;
/// One socket frame: an envelope and its frame fields.
pub const SOCKET_FRAME_BYTES_MAX: usize = 128 * 1024;
/// One REST body: bundles with 50 X-Wing prekeys are about 65 KB, as JSON about 90 KB; log fetches 256 KiB.
pub const REST_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Content buckets of the sealed body.
pub const PADDING_BUCKETS: [usize; 5] = [512, 2048, 4096, 16_384, 65_536];

/// Live devices of one account.
pub const DEVICES_PER_ACCOUNT_MAX: usize = 16;
/// Envelopes in one submit: both accounts' devices, doubled for hand-over.
pub const ENVELOPES_PER_SUBMIT_MAX: usize = 2 * DEVICES_PER_ACCOUNT_MAX;
/// Unacknowledged deliveries the relay puts on one socket before it waits for an ack.
pub const DELIVERY_WINDOW: usize = 256;
/// Bytes of unacknowledged deliveries on one socket: what a slow reader may cost the relay in memory.
pub const DELIVERY_WINDOW_BYTES: usize = 1024 * 1024;
/// Submits a client leaves unanswered at a time. The relay stops reading a socket that has more.
pub const SUBMITS_IN_FLIGHT_MAX: usize = 64;
/// Submits whose answers the relay remembers per device, for repeats after a crash: more than a client leaves
/// unanswered, so a repeat always finds its answer.
pub const SUBMITS_REMEMBERED: usize = 256;
/// The store counter record on a submit.
pub const COUNTER_BYTES_MAX: usize = 128;
/// Ephemeral envelopes (typing, call signalling) are worth nothing after this.
pub const EPHEMERAL_MS: u64 = 60 * SECOND_MS;
/// Envelopes waiting for one device; beyond it the sender is told that the mailbox is full.
pub const MAILBOX_ENVELOPES_MAX: u64 = 20_000;
/// Bytes waiting for one device.
pub const MAILBOX_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Undelivered envelopes are deleted after 30 days (requirement R17).
pub const RETENTION_MS: u64 = 30 * DAY_MS;

/// Account log: entries in all, and how many at the end only recovery keys may use.
pub const LOG_ENTRIES_MAX: u64 = 1024;
pub const LOG_ENTRIES_RESERVED: u64 = 64;
pub const LOG_ENTRIES_PER_DAY_MAX: u64 = 20;
pub const LOG_ENTRY_BYTES_MAX: usize = 48 * 1024;
pub const LOG_FETCH_BYTES_MAX: usize = 256 * 1024;
/// Log entries attached to one content when the peer is behind.
pub const LOG_ENTRIES_PER_CONTENT_MAX: usize = 16;

/// One-time prekeys in one bundle, and the level at which the device uploads more.
pub const ONE_TIME_PREKEYS: usize = 50;
pub const ONE_TIME_PREKEYS_LOW: usize = 20;
/// Claims an hour by one account; and by strangers a day against one target.
pub const PREKEY_CLAIMS_PER_HOUR: u32 = 300;
pub const PREKEY_CLAIMS_BY_STRANGERS_PER_DAY: u32 = 100;

/// Handles: 3 to 32 of `a-z`, `0-9`, `.`, `_`, `-`, starting with a letter.
pub const HANDLE_CHARS_MIN: usize = 3;
pub const HANDLE_CHARS_MAX: usize = 32;
/// Shorter passwords are refused on the device; the relay never sees one.
pub const PASSWORD_CHARS_MIN: usize = 8;
pub const PASSWORD_CHARS_MAX: usize = 256;
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;
pub const NICKNAME_CHARS_MAX: usize = 64;
pub const DEVICE_NAME_CHARS_MAX: usize = 48;
/// A text that fits the 64 KiB bucket together with its log entries.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// A message request before it is accepted.
pub const REQUEST_CONTENT_BYTES_MAX: usize = 2048;
/// Its envelope: the 4 KiB bucket (content, compact handshake, headers) with 1136 bytes of sealing, rounded up.
pub const REQUEST_ENVELOPE_BYTES_MAX: usize = 6 * 1024;
/// New message requests by one account: to one target a day, and in all a day.
pub const REQUESTS_PER_TARGET_PER_DAY: u32 = 5;
pub const REQUESTS_PER_DAY: u32 = 50;
/// Requests one target receives a day before the relay holds further ones.
pub const REQUESTS_RECEIVED_PER_DAY: u32 = 200;
pub const REQUEST_HELD_MS_MAX: u64 = 7 * DAY_MS;
/// Held requests of one target; beyond it new ones are refused.
pub const HELD_PER_TARGET_MAX: u32 = 1000;

/// Vault: encrypted account records by name.
pub const VAULT_RECORD_BYTES_MAX: usize = 512 * 1024;
pub const VAULT_RECORDS_MAX: usize = 64;
pub const VAULT_NAME_CHARS_MAX: usize = 64;
/// Delivery tokens one account may have registered.
pub const DELIVERY_TOKENS_MAX: usize = 10_000;
/// Sessions one account may hold; the oldest leaves.
pub const SESSIONS_PER_ACCOUNT_MAX: usize = 64;

/// Access tokens live five minutes (requirement R5).
pub const ACCESS_TOKEN_TTL_S: u64 = 300;
/// A refresh token not used for 90 days is dead.
pub const REFRESH_TOKEN_TTL_MS: u64 = 90 * DAY_MS;
/// Time between the two OPAQUE login messages.
pub const LOGIN_STATE_TTL_S: u64 = 60;

/// The whole page a timeline query may ask for.
pub const PAGE_ITEMS_MAX: u32 = 200;
/// Search query and result list.
pub const SEARCH_QUERY_CHARS_MAX: usize = 200;
pub const SEARCH_HITS_MAX: u32 = 100;
/// Draft kept per conversation.
pub const DRAFT_BYTES_MAX: usize = TEXT_BYTES_MAX;

/// Content ids one receipt or delete may name.
pub const CONTENT_TARGETS_MAX: usize = 256;
/// Broken envelopes one repair may name.
pub const REPAIR_HASHES_MAX: usize = 64;
/// One emoji with its joiners and modifiers.
pub const EMOJI_BYTES_MAX: usize = 64;

/// Envelopes whose sender's log is not known yet: in all, and per claimed sender. One sender may send
/// [`REQUESTS_PER_TARGET_PER_DAY`] requests before the log is fetched; fewer places would lose the last of them.
pub const ENVELOPES_AWAITING_LOG_MAX: usize = 64;
pub const ENVELOPES_AWAITING_LOG_PER_SENDER_MAX: usize = 8;

pub const SECOND_MS: u64 = 1000;
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;
