//! Devices and the relay's real rooms in one process, on a clock moved by hand: no sleep, no network, no waiting.

use crate::device::{Device, Step};
use anyhow::{Context, Result, bail, ensure};
use securechat_engine::api::{
    Command, ContactAddress, Query, RefusalCode, Reply, RequestState, View,
};
use securechat_engine::shell::{CommandResult, Input, Method, Output};
use securechat_proto::b64::Bytes;
use securechat_proto::{ContentId, ConversationId, Timestamp};
use securechat_sim::dice::Dice;
use securechat_sim::relay::{FromRelay, Relay};
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

/// 2026-01-01: any fixed date will do.
const START: Timestamp = Timestamp(1_767_225_600_000);
/// Inputs handed to a device in one call.
const AT_ONCE: usize = 4;
/// Frames of one input: as many as the browser's worker takes.
const FRAMES_AT_ONCE: usize = 32;
/// More rounds than anything here needs: a stage that does not come to rest is an error, not a hang.
const ROUNDS_MAX: usize = 20_000;
/// Real time after which the relay counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names a device on the stage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Who(usize);

struct Side {
    device: Box<dyn Device>,
    inbox: VecDeque<Input>,
    socket: Option<u64>,
    online: bool,
    replies: Vec<(u32, CommandResult)>,
    next_command: u32,
    spent_ms: f64,
    /// What this device sent since its last command.
    frames: Vec<Vec<u8>>,
}

impl Side {
    /// Frames that wait together are one input.
    fn next_input(&mut self) -> Option<Input> {
        let mut frames = Vec::new();
        while frames.len() < FRAMES_AT_ONCE
            && let Some(Input::Frame { .. }) = self.inbox.front()
            && let Some(Input::Frame { bytes }) = self.inbox.pop_front()
        {
            frames.push(bytes);
        }
        if frames.is_empty() {
            self.inbox.pop_front()
        } else {
            Some(Input::Frames { frames })
        }
    }
}

pub struct Stage {
    now: Timestamp,
    relay: Relay,
    sides: Vec<Side>,
    next_socket: u64,
}

impl Stage {
    pub fn new(folder: &Path) -> Result<Self> {
        Ok(Self {
            now: START,
            relay: Relay::new(&folder.join("relay"), START, &mut Dice::new(1))?,
            sides: Vec::new(),
            next_socket: 1,
        })
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    // ---- devices -------------------------------------------------------------------------------

    pub fn enter(&mut self, device: Box<dyn Device>) -> Result<Who> {
        self.sides.push(Side {
            device,
            inbox: VecDeque::new(),
            socket: None,
            online: true,
            replies: Vec::new(),
            next_command: 1,
            spent_ms: 0.0,
            frames: Vec::new(),
        });
        let who = Who(self.sides.len() - 1);
        self.open(who)?;
        Ok(who)
    }

    pub fn open(&mut self, who: Who) -> Result<()> {
        let now = self.now;
        let side = self.side(who);
        side.online = true;
        side.spent_ms += side.device.open(now)?;
        side.inbox.push_back(Input::Tick);
        Ok(())
    }

    /// The device is gone, its mailbox fills.
    pub fn close(&mut self, who: Who) -> Result<()> {
        if let Some(socket) = self.side(who).socket.take() {
            self.relay.close(socket);
        }
        let side = self.side(who);
        side.online = false;
        side.inbox.clear();
        side.device.close()
    }

    pub fn device(&mut self, who: Who) -> &mut dyn Device {
        self.side(who).device.as_mut()
    }

    /// Closes the store and hands the device out of the play.
    pub fn leave(mut self, who: Who) -> Result<Box<dyn Device>> {
        self.close(who)?;
        Ok(self.sides.swap_remove(who.0).device)
    }

    /// What this device worked since the last call, milliseconds.
    pub fn take_spent(&mut self, who: Who) -> f64 {
        std::mem::take(&mut self.side(who).spent_ms)
    }

    /// The frames this device sent since its last command, that one's included.
    pub fn frames(&mut self, who: Who) -> &[Vec<u8>] {
        &self.side(who).frames
    }

    pub fn query(&mut self, who: Who, query: &Query) -> Result<View> {
        Ok(self.side(who).device.query(query)?.1)
    }

    fn side(&mut self, who: Who) -> &mut Side {
        &mut self.sides[who.0]
    }

    // ---- what people do ------------------------------------------------------------------------

    /// Gives a command and runs until it is answered; also tells what its own step took, milliseconds.
    pub fn command(&mut self, who: Who, command: Command) -> Result<(f64, Reply)> {
        let side = self.side(who);
        let command_id = side.next_command;
        side.next_command += 1;
        side.frames.clear();
        let input = Input::Command {
            command_id,
            command,
        };
        let ms = self.feed(who, vec![input])?;
        self.settle()?;
        let side = self.side(who);
        let at = side.replies.iter().position(|(id, _)| *id == command_id);
        match at.map(|at| side.replies.swap_remove(at).1) {
            Some(CommandResult::Ok { reply }) => Ok((ms, reply)),
            Some(CommandResult::Err { refusal }) => bail!("refused: {}", refused(refusal.code)),
            None => bail!("a command was not answered"),
        }
    }

    pub fn sign_up(&mut self, who: Who, handle: &str) -> Result<()> {
        let command = Command::SignUp {
            handle: handle.to_owned(),
            password: "a long enough password".to_owned(),
            display_name: handle.to_owned(),
            device_name: None,
        };
        self.command(who, command)?;
        self.pass(3_000)
    }

    pub fn add(&mut self, who: Who, handle: &str) -> Result<ConversationId> {
        let by = ContactAddress::Handle {
            handle: handle.to_owned(),
        };
        match self.command(who, Command::AddContact { by })?.1 {
            Reply::Conversation {
                conversation_id, ..
            } => Ok(conversation_id),
            _ => bail!("no conversation"),
        }
    }

    /// Writes a text; what its own step took, milliseconds.
    pub fn say(
        &mut self,
        who: Who,
        conversation_id: ConversationId,
        text: String,
    ) -> Result<(f64, ContentId)> {
        let command = Command::SendText {
            conversation_id,
            text,
            reply_to: None,
        };
        match self.command(who, command)? {
            (ms, Reply::Message { message_id }) => Ok((ms, message_id)),
            _ => bail!("no message"),
        }
    }

    /// Writes texts at once and waits for no answer.
    pub fn say_all(
        &mut self,
        who: Who,
        conversation_id: ConversationId,
        texts: Vec<String>,
    ) -> Result<()> {
        let inputs = texts.into_iter().map(|text| Input::Command {
            command_id: 0,
            command: Command::SendText {
                conversation_id,
                text,
                reply_to: None,
            },
        });
        self.feed(who, inputs.collect())?;
        self.settle()?;
        let side = self.side(who);
        side.replies.clear();
        side.frames.clear();
        Ok(())
    }

    /// `one` asks `other`, who accepts; both have heard of each other afterwards.
    pub fn acquaint(&mut self, one: Who, other: Who, handle: &str) -> Result<ConversationId> {
        let conversation_id = self.add(one, handle)?;
        self.say(one, conversation_id, "hello".into())?;
        self.accept(one, other, conversation_id)?;
        Ok(conversation_id)
    }

    pub fn accept(&mut self, one: Who, other: Who, conversation_id: ConversationId) -> Result<()> {
        self.pass(3_000)?;
        self.command(other, Command::AcceptRequest { conversation_id })?;
        self.pass(5_000)?;
        self.say(other, conversation_id, "hello to you".into())?;
        self.pass(5_000)?;
        let View::Conversation(view) = self.query(one, &Query::Conversation { conversation_id })?
        else {
            bail!("no conversation");
        };
        ensure!(view.request == RequestState::None, "not accepted");
        Ok(())
    }

    // ---- time ----------------------------------------------------------------------------------

    /// Runs until nothing is on its way at this moment.
    pub fn settle(&mut self) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            self.collect();
            let mut is_quiet = true;
            for index in 0..self.sides.len() {
                let side = &mut self.sides[index];
                let batch: Vec<Input> = (0..AT_ONCE).map_while(|_| side.next_input()).collect();
                if !batch.is_empty() {
                    is_quiet = false;
                    self.feed(Who(index), batch)?;
                }
            }
            if is_quiet {
                return Ok(());
            }
        }
        bail!("the stage does not come to rest")
    }

    /// Runs until `done`; what the relay reads from its storage in the meantime comes from a thread of its own.
    pub fn settle_until(&mut self, mut done: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            self.settle()?;
            if done(self)? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!("the relay holds something back")
    }

    /// Lets time pass, with every deadline on the way.
    pub fn pass(&mut self, ms: u64) -> Result<()> {
        let end = self.now.saturating_add_ms(ms);
        for _ in 0..ROUNDS_MAX {
            self.settle()?;
            let next = self.deadlines().min().filter(|at| *at <= end);
            let Some(next) = next else {
                self.set_time(end);
                return Ok(());
            };
            self.set_time(next.max(self.now));
            let due: Vec<Who> = (0..self.sides.len())
                .filter(|index| self.is_due(*index))
                .map(Who)
                .collect();
            for who in due {
                self.feed(who, vec![Input::Tick])?;
            }
        }
        bail!("deadlines do not end")
    }

    fn deadlines(&self) -> impl Iterator<Item = Timestamp> {
        self.sides.iter().filter_map(|side| side.device.deadline())
    }

    fn is_due(&self, index: usize) -> bool {
        let deadline = self.sides[index].device.deadline();
        deadline.is_some_and(|at| at <= self.now)
    }

    fn set_time(&mut self, now: Timestamp) {
        self.now = now;
        self.relay.set_time(now);
        // Kept for another use than this one.
        self.relay.seen.clear();
    }

    // ---- carrying out --------------------------------------------------------------------------

    /// Feeds inputs in turn, then carries out what they led to. Milliseconds of the device.
    fn feed(&mut self, who: Who, inputs: Vec<Input>) -> Result<f64> {
        let now = self.now;
        let steps: Vec<Step> = self.side(who).device.run(inputs, now)?;
        let spent: f64 = steps.iter().map(|step| step.ms).sum();
        self.side(who).spent_ms += spent;
        for output in steps.into_iter().flat_map(|step| step.outputs) {
            self.carry_out(who, output)?;
        }
        Ok(spent)
    }

    fn carry_out(&mut self, who: Who, output: Output) -> Result<()> {
        match output {
            Output::Reply { command_id, result } => {
                self.side(who).replies.push((command_id, result));
            }
            Output::Request {
                request_id,
                method,
                path,
                bearer,
                body,
            } => {
                let (status, body) = self.request(method, &path, bearer.as_deref(), &body.0)?;
                self.side(who).inbox.push_back(Input::Response {
                    request_id,
                    status,
                    body: Bytes(body),
                });
            }
            Output::Connect => {
                let socket = self.next_socket;
                self.next_socket += 1;
                self.relay.open(socket);
                let side = self.side(who);
                side.socket = Some(socket);
                side.inbox.push_back(Input::Connected);
            }
            Output::Disconnect => {
                if let Some(socket) = self.side(who).socket.take() {
                    self.relay.close(socket);
                }
                let input = Input::Disconnected { code: None };
                self.side(who).inbox.push_back(input);
            }
            Output::Frame { bytes } => {
                if let Some(socket) = self.side(who).socket {
                    self.side(who).frames.push(bytes.0.clone());
                    self.relay.frame(socket, bytes.0)?;
                }
            }
            Output::Changed { .. } | Output::Notify { .. } | Output::Erase => {}
        }
        Ok(())
    }

    pub fn request(
        &mut self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>)> {
        self.relay
            .request(method, path, bearer, body)?
            .context("the relay is down")
    }

    /// What the relay sent goes into the inboxes.
    fn collect(&mut self) {
        for (socket, sent) in self.relay.take() {
            let side = self
                .sides
                .iter_mut()
                .find(|side| side.online && side.socket == Some(socket));
            let Some(side) = side else { continue };
            side.inbox.push_back(match sent {
                FromRelay::Frame(bytes) => Input::Frame {
                    bytes: Bytes(bytes),
                },
                FromRelay::Closed(code) => {
                    side.socket = None;
                    Input::Disconnected { code }
                }
            });
        }
    }
}

fn refused(code: RefusalCode) -> String {
    format!("{code:?}")
}
