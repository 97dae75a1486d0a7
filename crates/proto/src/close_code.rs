//! WebSocket close codes of `/ws` (4000-4099). Documented in `docs/protocol/socket.md`.

/// A frame did not decode, came in the wrong order or broke a limit.
pub const PROTOCOL: u16 = 4000;
/// The token or its signature was wrong, missing, expired or replayed.
pub const UNAUTHENTICATED: u16 = 4001;
/// The access token ran out and was not renewed in band.
pub const TOKEN_EXPIRED: u16 = 4002;
/// The session was revoked.
pub const REVOKED: u16 = 4003;
/// The same device connected again; the newer socket wins.
pub const SUPERSEDED: u16 = 4004;
/// Too many frames for too long.
pub const RATE_LIMITED: u16 = 4005;
/// The client reads too slowly; the rest waits in the mailbox.
pub const TOO_SLOW: u16 = 4006;
/// This protocol version is not served.
pub const UNSUPPORTED_VERSION: u16 = 4007;
/// The relay is stopping; connect again.
pub const RESTARTING: u16 = 4008;
/// The relay cannot store right now (disk full, database away); connect again later.
pub const UNAVAILABLE: u16 = 4009;
