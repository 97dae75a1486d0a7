//! What a room works with while one input is handled: the open transaction, the time, the generator, the outputs.

use crate::account::Me;
use crate::api::{Refusal, Reply};
use crate::connection::Link;
use crate::error::{Fault, Outcome};
use crate::ids::Ids;
use crate::shell::{CommandResult, Output, Topic};
use crate::store::rows::Db;
use securechat_crypto::bundle::PeerBundle;
use securechat_proto::account_log::{Log, Verified};
use securechat_proto::{ConversationId, DeviceId, Fingerprint, RequestId, SubmitId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What lives only while the process does. Nothing here is the only copy of a fact: after a restart it is rebuilt
/// from the tables, and what was on its way is emitted again.
#[derive(Clone, Default)]
pub(crate) struct Live {
    pub link: Link,
    /// Commands whose answer comes with a request's response.
    pub waiting: BTreeMap<RequestId, Vec<u32>>,
    /// Requests that a shell carries at the moment.
    pub in_flight: BTreeSet<RequestId>,
    /// Submits that were put on the present socket.
    pub submitted: BTreeSet<SubmitId>,
    pub focus: Option<ConversationId>,
    /// Who types to us, and until when that is believed.
    pub typing: BTreeMap<ConversationId, Timestamp>,
    /// When we last told that we type.
    pub typing_told: BTreeMap<ConversationId, Timestamp>,
    /// Verified logs and bundles, so that signatures are checked once.
    pub logs: BTreeMap<Fingerprint, Arc<Verified<Log>>>,
    pub bundles: BTreeMap<DeviceId, Arc<PeerBundle>>,
    /// Devices for which the relay had no usable bundle, and when it was asked.
    pub unpublished: BTreeMap<DeviceId, Timestamp>,
    /// What an earlier version did not understand was read again in this process.
    pub unsupported_read: bool,
    /// When the versions of the account's records at the relay were asked for.
    pub vault_compared_at: Option<Timestamp>,
    /// Local storage was full at the last attempt to write.
    pub read_only: bool,
    pub clock_ahead_ms: i64,
    /// Keys and names of this device, read once.
    pub me: Option<Arc<Me>>,
    /// Secrets between the two messages of a password exchange; they never reach the store.
    pub sign_up: Option<Arc<crate::account::sign_up::Pending>>,
    pub log_in: Option<Arc<crate::account::log_in::Pending>>,
}

/// The answer to a command: at once, or with the response of a request.
pub(crate) enum Answer {
    Now(Reply),
    Later,
}

pub(crate) struct Cx<'a> {
    pub db: Db<'a>,
    /// Relay time: the shell's clock, corrected by the measured offset.
    pub now: Timestamp,
    /// The shell's own clock: terms of account logs run by it.
    pub local: Timestamp,
    pub live: &'a mut Live,
    pub ids: &'a mut Ids,
    /// The command in work, if the input is one.
    pub command_id: Option<u32>,
    /// Rows with text were deleted: the write-ahead log is emptied after the commit.
    pub deleted: bool,
    /// The cursor up to which deliveries are kept here, to be told to the relay.
    pub acknowledged: Option<Vec<u8>>,
    out: Vec<Output>,
    changed: BTreeSet<Topic>,
}

impl<'a> Cx<'a> {
    pub fn new(
        db: Db<'a>,
        now: Timestamp,
        local: Timestamp,
        live: &'a mut Live,
        ids: &'a mut Ids,
    ) -> Self {
        Self {
            db,
            now,
            local,
            live,
            ids,
            command_id: None,
            deleted: false,
            acknowledged: None,
            out: Vec::new(),
            changed: BTreeSet::new(),
        }
    }

    pub fn emit(&mut self, output: Output) {
        self.out.push(output);
    }

    pub fn changed(&mut self, topic: Topic) {
        self.changed.insert(topic);
    }

    /// A conversation changed, and with it the chat list.
    pub fn changed_conversation(&mut self, conversation_id: ConversationId) {
        self.changed.insert(Topic::Chats);
        self.changed.insert(Topic::Conversation { conversation_id });
    }

    /// This device's account; a refusal when there is none.
    pub fn me(&mut self) -> Outcome<Arc<Me>> {
        self.me_if_any()?
            .ok_or(Fault::refused(crate::api::RefusalCode::NoAccount))
    }

    pub fn me_if_any(&mut self) -> Outcome<Option<Arc<Me>>> {
        if self.live.me.is_none() {
            self.live.me = crate::account::load(self.db)?.map(Arc::new);
        }
        Ok(self.live.me.clone())
    }

    /// Answers every command that waits for `request_id`.
    pub fn answer(&mut self, request_id: &RequestId, result: Result<Reply, Refusal>) {
        for command_id in self.live.waiting.remove(request_id).unwrap_or_default() {
            self.reply(command_id, result.clone());
        }
    }

    /// Lets the command in work be answered by the response to `request_id`.
    pub fn wait_for(&mut self, request_id: RequestId) -> Answer {
        if let Some(command_id) = self.command_id {
            self.live
                .waiting
                .entry(request_id)
                .or_default()
                .push(command_id);
        }
        Answer::Later
    }

    /// Lets the commands that wait for one request wait for its successor.
    pub fn hand_over(&mut self, from: &RequestId, to: RequestId) {
        if let Some(commands) = self.live.waiting.remove(from) {
            self.live.waiting.entry(to).or_default().extend(commands);
        }
    }

    pub fn reply(&mut self, command_id: u32, result: Result<Reply, Refusal>) {
        let result = match result {
            Ok(reply) => CommandResult::Ok { reply },
            Err(refusal) => CommandResult::Err { refusal },
        };
        self.out.push(Output::Reply { command_id, result });
    }

    /// Ends the input: what changed first, then everything in order.
    pub fn finish(self) -> (Vec<Output>, bool) {
        let changed = self
            .changed
            .into_iter()
            .map(|topic| Output::Changed { topic });
        (changed.chain(self.out).collect(), self.deleted)
    }
}
