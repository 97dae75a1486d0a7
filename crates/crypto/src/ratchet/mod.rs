//! Sessions with one peer device: the Double Ratchet and the rules of generations around it.
//!
//! Knows: ratchet states, which session to send on, when a fresh handshake is due. Must never know: contents,
//! sealing keys, the clock (time is a parameter). Rules: `docs/protocol/pqxdh.md`, "Generations".

mod peer;
mod session;
mod stored;

pub use peer::PeerSessions;
pub(crate) use peer::{NewSession, Outgoing, Refused};
pub(crate) use session::{AwaitingFirst, Ratchet, RatchetError, position};
