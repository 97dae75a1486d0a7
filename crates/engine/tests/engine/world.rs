//! Engines, a relay and a clock. Everything a shell does, without a network: it can be cut, killed and opened again.

use crate::relay::Relay;
use securechat_engine::api::*;
use securechat_engine::shell::{CommandResult, Input, Output};
use securechat_engine::{Engine, Key, Store};
use securechat_proto::{ContentId, ConversationId, DeviceId, Timestamp};
use std::collections::VecDeque;

pub const START: Timestamp = Timestamp(1_800_000_000_000);

pub struct Peer {
    pub engine: Option<Engine>,
    pub path: Option<String>,
    pub online: bool,
    /// The socket: nonce and proved device.
    pub socket: Option<([u8; 32], Option<DeviceId>)>,
    pub inbox: VecDeque<Input>,
    pub replies: Vec<(u32, CommandResult)>,
    pub notified: Vec<(String, Option<String>)>,
    pub erased: bool,
    next_command: u32,
    opened: u8,
    /// Frames that wait are fed in one input, as a browser under load does.
    pub together: bool,
    /// Kill the engine when this many inputs more were handled.
    pub die_after: Option<u32>,
}

pub struct World {
    pub relay: Relay,
    pub peers: Vec<Peer>,
    pub now: Timestamp,
    sockets: u64,
    folder: tempfile::TempDir,
}

impl Peer {
    fn next_input(&mut self) -> Option<Input> {
        let mut frames = vec![];
        while self.together
            && let Some(Input::Frame { bytes }) = self.inbox.front()
        {
            frames.push(bytes.clone());
            self.inbox.pop_front();
        }
        if frames.is_empty() {
            self.inbox.pop_front()
        } else {
            Some(Input::Frames { frames })
        }
    }
}

impl World {
    pub fn new() -> Self {
        Self {
            relay: Relay::new(START),
            peers: vec![],
            now: START,
            sockets: 0,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A peer with a store in memory, or in an encrypted file (it can then be killed and opened again).
    pub fn peer(&mut self, durable: bool) -> usize {
        let index = self.peers.len();
        let path = durable.then(|| {
            self.folder
                .path()
                .join(format!("{index}.db"))
                .to_string_lossy()
                .into_owned()
        });
        self.peers.push(Peer {
            engine: None,
            path,
            online: true,
            socket: None,
            inbox: VecDeque::new(),
            replies: vec![],
            notified: vec![],
            erased: false,
            next_command: 0,
            opened: 0,
            together: false,
            die_after: None,
        });
        self.open(index);
        index
    }

    pub fn open(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        peer.opened += 1;
        let store = match &peer.path {
            Some(path) => Store::File {
                path: path.clone(),
                key: Some(Key::new([9; 32])),
            },
            None => Store::Memory,
        };
        let mut seed = [index as u8 + 1; 32];
        seed[0] = peer.opened;
        peer.engine = Some(Engine::open(store, seed, self.now).unwrap());
        peer.inbox.push_back(Input::Tick);
    }

    /// The process ends: everything that is not in the store is gone.
    pub fn kill(&mut self, index: usize) {
        self.drop_socket(index);
        let peer = &mut self.peers[index];
        peer.engine = None;
        peer.inbox.clear();
    }

    fn drop_socket(&mut self, index: usize) {
        if let Some((_, Some(device))) = self.peers[index].socket.take()
            && let Some(mailbox) = self.relay.mailboxes.get_mut(&device)
        {
            mailbox.connected = false;
            mailbox.rows.retain(|row| row.durable);
        }
    }

    pub fn cut(&mut self, index: usize) {
        self.peers[index].online = false;
        self.drop_socket(index);
        self.peers[index]
            .inbox
            .push_back(Input::Disconnected { code: None });
        self.settle();
    }

    pub fn uncut(&mut self, index: usize) {
        self.peers[index].online = true;
        self.pass(120_000);
    }

    /// Feeds one input; its outputs are carried out at once, answers wait in the peer's queue.
    pub fn feed(&mut self, index: usize, input: Input) {
        let Some(engine) = self.peers[index].engine.as_mut() else {
            return;
        };
        let outputs = engine.handle(input, self.now).expect("the engine goes on");
        if let Some(left) = &mut self.peers[index].die_after {
            if *left == 0 {
                // Killed between the commit and its outputs.
                self.peers[index].die_after = None;
                self.kill(index);
                self.open(index);
                return;
            }
            *left -= 1;
        }
        for output in outputs {
            self.carry_out(index, output);
        }
    }

    fn carry_out(&mut self, index: usize, output: Output) {
        let online = self.peers[index].online;
        match output {
            Output::Reply { command_id, result } => {
                self.peers[index].replies.push((command_id, result))
            }
            Output::Changed { .. } => {}
            Output::Request {
                request_id,
                method,
                path,
                bearer,
                body,
            } => {
                let input = if online {
                    let (status, body) = self.relay.http(method, &path, bearer.as_deref(), &body.0);
                    Input::Response {
                        request_id,
                        status,
                        body: body.into(),
                    }
                } else {
                    Input::RequestFailed { request_id }
                };
                self.peers[index].inbox.push_back(input);
            }
            Output::Connect => {
                if !online {
                    self.peers[index]
                        .inbox
                        .push_back(Input::Disconnected { code: None });
                    return;
                }
                self.sockets += 1;
                let mut nonce = [0; 32];
                nonce[..8].copy_from_slice(&self.sockets.to_be_bytes());
                self.drop_socket(index);
                self.peers[index].socket = Some((nonce, None));
                let hello = self.relay.hello(nonce);
                self.peers[index].inbox.extend([
                    Input::Connected,
                    Input::Frame {
                        bytes: hello.into(),
                    },
                ]);
            }
            Output::Disconnect => {
                self.drop_socket(index);
                self.peers[index]
                    .inbox
                    .push_back(Input::Disconnected { code: None });
            }
            Output::Frame { bytes } => {
                let Some((nonce, mut device)) = self.peers[index].socket else {
                    return;
                };
                match self.relay.frame(&nonce, &mut device, &bytes.0) {
                    Ok(frames) => {
                        self.peers[index].socket = Some((nonce, device));
                        self.peers[index]
                            .inbox
                            .extend(frames.into_iter().map(|bytes| Input::Frame {
                                bytes: bytes.into(),
                            }));
                    }
                    Err(code) => {
                        self.drop_socket(index);
                        self.peers[index]
                            .inbox
                            .push_back(Input::Disconnected { code: Some(code) });
                    }
                }
            }
            Output::Notify { title, preview, .. } => {
                self.peers[index].notified.push((title, preview))
            }
            Output::Erase => self.peers[index].erased = true,
        }
    }

    /// Runs until nothing is on its way at this moment.
    pub fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 20_000, "the world does not come to rest");
            let mut busy = false;
            for index in 0..self.peers.len() {
                if let Some((_, Some(device))) = self.peers[index].socket {
                    let frames = self.relay.deliveries(&device);
                    self.peers[index]
                        .inbox
                        .extend(frames.into_iter().map(|bytes| Input::Frame {
                            bytes: bytes.into(),
                        }));
                }
                if let Some(input) = self.peers[index].next_input() {
                    self.feed(index, input);
                    busy = true;
                }
            }
            if !busy {
                return;
            }
        }
    }

    /// Lets time pass, with every deadline of every engine on the way.
    pub fn pass(&mut self, ms: u64) {
        let end = Timestamp(self.now.0 + ms);
        for round in 0.. {
            assert!(round < 50_000, "deadlines do not end");
            self.settle();
            let due = |peer: &Peer| peer.engine.as_ref().and_then(Engine::next_deadline);
            let next = self
                .peers
                .iter()
                .filter_map(due)
                .min()
                .filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.now = Timestamp(next.0.max(self.now.0));
            self.relay.now = self.now;
            for index in 0..self.peers.len() {
                if due(&self.peers[index]).is_some_and(|at| at <= self.now) {
                    self.feed(index, Input::Tick);
                }
            }
        }
        self.now = end;
        self.relay.now = end;
    }

    /// Lets time pass while every device sleeps, then wakes them.
    pub fn skip(&mut self, ms: u64) {
        self.now = Timestamp(self.now.0 + ms);
        self.relay.now = self.now;
        for index in 0..self.peers.len() {
            self.feed(index, Input::Tick);
        }
        self.settle();
    }

    // ---- what people do --------------------------------------------------------------------------

    /// Gives a command and runs until it is answered.
    pub fn command(&mut self, index: usize, command: Command) -> Result<Reply, RefusalCode> {
        let id = self.peers[index].next_command;
        self.peers[index].next_command += 1;
        self.feed(
            index,
            Input::Command {
                command_id: id,
                command,
            },
        );
        self.settle();
        let answers: Vec<CommandResult> = self.peers[index]
            .replies
            .iter()
            .filter(|(answered, _)| *answered == id)
            .map(|(_, result)| result.clone())
            .collect();
        assert_eq!(answers.len(), 1, "a command is answered once");
        match answers.into_iter().next().unwrap() {
            CommandResult::Ok { reply } => Ok(reply),
            CommandResult::Err { refusal } => Err(refusal.code),
        }
    }

    pub fn query(&self, index: usize, query: Query) -> View {
        self.peers[index].engine.as_ref().unwrap().query(query)
    }

    pub fn sign_up(&mut self, index: usize, handle: &str) {
        let command = Command::SignUp {
            handle: handle.into(),
            password: "correct horse".into(),
            display_name: handle.to_uppercase(),
            device_name: None,
        };
        assert_eq!(self.command(index, command), Ok(Reply::Done));
        self.pass(3_000);
    }

    /// Two people with accounts who have accepted each other.
    pub fn friends(&mut self, durable: bool) -> (usize, usize, ConversationId) {
        let (alice, bob) = (self.peer(durable), self.peer(durable));
        self.sign_up(alice, "alice");
        self.sign_up(bob, "bob");
        let conversation = self.add(alice, "bob");
        self.text(alice, conversation, "hello bob");
        self.pass(3_000);
        assert_eq!(
            self.command(
                bob,
                Command::AcceptRequest {
                    conversation_id: conversation
                }
            ),
            Ok(Reply::Done)
        );
        self.pass(5_000);
        (alice, bob, conversation)
    }

    pub fn add(&mut self, index: usize, handle: &str) -> ConversationId {
        let by = ContactAddress::Handle {
            handle: handle.into(),
        };
        match self.command(index, Command::AddContact { by }) {
            Ok(Reply::Conversation {
                conversation_id, ..
            }) => conversation_id,
            other => panic!("{other:?}"),
        }
    }

    pub fn safety_number(&self, index: usize, conversation_id: ConversationId) -> SafetyNumberView {
        let contact_id = self.contact_of(index, conversation_id);
        match self.query(index, Query::SafetyNumber { contact_id }) {
            View::SafetyNumber(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn text(&mut self, index: usize, conversation_id: ConversationId, text: &str) -> ContentId {
        match self.command(
            index,
            Command::SendText {
                conversation_id,
                text: text.into(),
                reply_to: None,
            },
        ) {
            Ok(Reply::Message { message_id }) => message_id,
            other => panic!("{other:?}"),
        }
    }

    pub fn timeline(&self, index: usize, conversation_id: ConversationId) -> Vec<TimelineItem> {
        let query = Query::Timeline {
            conversation_id,
            before: None,
            after: None,
            around: None,
            limit: 200,
        };
        match self.query(index, query) {
            View::Timeline(view) => view.items,
            other => panic!("{other:?}"),
        }
    }

    /// The texts of a conversation, `>` before own ones.
    pub fn texts(&self, index: usize, conversation_id: ConversationId) -> Vec<String> {
        self.timeline(index, conversation_id)
            .into_iter()
            .filter_map(|item| match item.body {
                ItemBody::Text { text, .. } => {
                    Some(format!("{}{text}", if item.from_me { ">" } else { "" }))
                }
                ItemBody::Deleted => Some("deleted".into()),
                ItemBody::Healing { .. } => Some("healing".into()),
                ItemBody::Lost => Some("lost".into()),
                ItemBody::Unsupported => Some("unsupported".into()),
                ItemBody::System { .. } => None,
            })
            .collect()
    }

    pub fn lines(&self, index: usize, conversation_id: ConversationId) -> Vec<SystemEvent> {
        let items = self.timeline(index, conversation_id).into_iter();
        items
            .filter_map(|item| match item.body {
                ItemBody::System { event } => Some(event),
                _ => None,
            })
            .collect()
    }

    pub fn state(
        &self,
        index: usize,
        conversation_id: ConversationId,
        id: ContentId,
    ) -> Option<SendState> {
        self.timeline(index, conversation_id)
            .into_iter()
            .find(|item| item.message_id == id)?
            .state
    }

    pub fn account(&self, index: usize) -> AccountView {
        match self.query(index, Query::Account) {
            View::Account(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn conversation(&self, index: usize, conversation_id: ConversationId) -> ConversationView {
        match self.query(index, Query::Conversation { conversation_id }) {
            View::Conversation(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn contact_of(&self, index: usize, conversation_id: ConversationId) -> ContactId {
        self.conversation(index, conversation_id).contact_id
    }

    /// The store of a killed engine, for what no command does.
    pub fn store(&self, index: usize) -> rusqlite::Connection {
        assert!(
            self.peers[index].engine.is_none(),
            "an open store is locked"
        );
        let path = self.peers[index]
            .path
            .as_deref()
            .expect("a store in a file");
        let db = rusqlite::Connection::open(path).unwrap();
        let key: String = std::iter::repeat_n("09", 32).collect();
        db.execute_batch(&format!("PRAGMA key=\"x'{key}'\";"))
            .unwrap();
        db
    }

    /// Changes the store behind the engine's back, and starts it again.
    pub fn damage(&mut self, index: usize, sql: &str) {
        self.kill(index);
        self.store(index).execute_batch(sql).unwrap();
        self.open(index);
    }

    /// The socket ends with this code, as the relay closes it.
    pub fn close(&mut self, index: usize, code: u16) {
        self.drop_socket(index);
        self.peers[index]
            .inbox
            .push_back(Input::Disconnected { code: Some(code) });
    }

    /// How often this text stands in the conversation.
    pub fn count(&self, index: usize, conversation_id: ConversationId, text: &str) -> usize {
        let shown = self.texts(index, conversation_id).into_iter();
        shown
            .filter(|shown| shown.trim_start_matches('>') == text)
            .count()
    }
}
