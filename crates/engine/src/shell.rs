//! The engine's words towards its shell: what happened ([`Input`]), what to carry out ([`Output`]).
//!
//! Closed enums. Outputs are hints, tables are the truth: after a crash the engine emits again what is still open.

use crate::api::{Command, Refusal, Reply};
use securechat_proto::b64::Bytes;
use securechat_proto::{ConversationId, RequestId};
use serde::{Deserialize, Serialize};

/// What a shell feeds in. One input is one transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// `command_id` is the shell's; the matching [`Output::Reply`] carries it.
    Command { command_id: u32, command: Command },
    /// The socket is open (nothing received yet).
    Connected,
    /// The socket closed, or could not be opened. `code` is the WebSocket close code, if any.
    Disconnected { code: Option<u16> },
    /// One binary frame from the socket.
    Frame { bytes: Bytes },
    /// Several that came while the engine was at work, in their order: one transaction and one flush for all of them.
    Frames { frames: Vec<Bytes> },
    /// Answer to an [`Output::Request`].
    Response {
        request_id: RequestId,
        status: u16,
        body: Bytes,
    },
    /// The request got no answer (network).
    RequestFailed { request_id: RequestId },
    /// `next_deadline` was reached, or the shell woke up.
    Tick,
    /// The system says that there is a network again: no pause is waited for any longer.
    Online,
    /// The conversation the person looks at right now: no notification for it.
    Focus {
        conversation_id: Option<ConversationId>,
    },
}

/// What a shell carries out, in order, after the transaction is on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Output {
    /// Answer to a command, exactly one each; commands that wait for the relay are answered later.
    Reply {
        command_id: u32,
        result: CommandResult,
    },
    /// Screens that show this must read again.
    Changed {
        topic: Topic,
    },
    /// An HTTP request to the relay. `body` empty: none. Answered by [`Input::Response`] or [`Input::RequestFailed`].
    Request {
        request_id: RequestId,
        method: Method,
        /// Starts with `/v1/`.
        path: String,
        /// `Authorization: Bearer`, when set.
        bearer: Option<String>,
        /// JSON.
        body: Bytes,
    },
    /// Open the socket to `/ws` (once; the engine asks again after a back-off).
    Connect,
    Disconnect,
    /// One binary frame to the socket.
    Frame {
        bytes: Bytes,
    },
    /// A desktop notification. `preview` only when the settings allow it.
    Notify {
        conversation_id: ConversationId,
        title: String,
        preview: Option<String>,
    },
    /// The account signed out with "erase": the shell closes and deletes the store.
    Erase,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CommandResult {
    Ok { reply: Reply },
    Err { refusal: Refusal },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
}

/// What changed. A query names the topics it depends on in `docs/protocol/engine-api.md`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Topic {
    /// Account, connection, unread sums.
    Account,
    /// Chat list, contacts, requests, block list.
    Chats,
    /// One conversation and its timeline.
    Conversation {
        conversation_id: ConversationId,
    },
    Settings,
    Sessions,
    InviteLink,
    Server,
}
