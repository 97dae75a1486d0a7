//! The world: people, the relay, a network between them, and everything that can go wrong, in one queue of events.

use crate::check;
use crate::dice::Dice;
use crate::person::{Asked, CANARY, Person};
use crate::relay::{FromRelay, Relay};
use crate::trace::Trace;
use anyhow::{Context, Result};
use securechat_engine::api::{ChatFilter, Command, ContactAddress, RequestState};
use securechat_engine::shell::{Input, Output};
use securechat_proto::b64::Bytes;
use securechat_proto::{RequestId, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub people: usize,
    /// Things people do while everything goes wrong.
    pub actions: u64,
    /// Of 1,000 network events, how many are lost with their connection.
    pub loss_per_mille: u64,
    /// Of 1,000 inputs, after how many the process dies before its outputs leave.
    pub crash_per_mille: u64,
    /// Of 1,000 frames reaching the relay, at how many the relay dies.
    pub relay_crash_per_mille: u64,
    /// Of 1,000 requests, how many reach the relay twice.
    pub duplicate_per_mille: u64,
    /// Largest error of a device clock.
    pub skew_ms: i64,
    /// People also react and answer to messages: every fifth seed, so that the seeds named in tests stay as they were.
    pub lively: bool,
}

impl Plan {
    /// A plan of its own for every seed: from calm to hostile.
    pub fn from(seed: u64, dice: &mut Dice) -> Self {
        let hostile = dice.below(4);
        Self {
            people: 2 + dice.below(2) as usize,
            actions: dice.between(20, 60),
            loss_per_mille: hostile * dice.below(15),
            crash_per_mille: hostile * dice.below(8),
            relay_crash_per_mille: hostile * dice.below(6),
            duplicate_per_mille: hostile * dice.below(20),
            skew_ms: if dice.chance(500) { 0 } else { 120_000 },
            lively: seed.is_multiple_of(5),
        }
    }
}

/// A world in which everything has calmed down, with what people now see.
pub struct Outcome {
    pub trace: Trace,
    pub messages: usize,
    pub crashes: u32,
}

enum Event {
    Tick {
        person: usize,
    },
    Request {
        person: usize,
        life: u32,
        output: Output,
    },
    Answer {
        person: usize,
        life: u32,
        input: Input,
    },
    Open {
        person: usize,
        socket: u64,
    },
    Opened {
        person: usize,
        socket: u64,
    },
    ToRelay {
        person: usize,
        socket: u64,
        bytes: Vec<u8>,
    },
    ToPerson {
        person: usize,
        socket: u64,
        bytes: Vec<u8>,
    },
    Closed {
        person: usize,
        socket: u64,
        code: Option<u16>,
    },
    Act {
        person: usize,
    },
    Restart {
        person: usize,
    },
    RestartRelay,
}

pub struct World {
    pub now: Timestamp,
    pub people: Vec<Person>,
    pub relay: Relay,
    pub plan: Plan,
    pub trace: Trace,
    dice: Dice,
    queue: BTreeMap<(u64, u64), Event>,
    /// The last time given to a frame of a socket and direction, so that a stream stays in order.
    stream_ms: BTreeMap<(u64, bool), u64>,
    next_event: u64,
    next_socket: u64,
    next_text: u64,
    actions_left: u64,
    calm: bool,
    crashes: u32,
}

/// 2026-01-01: any fixed date will do.
const START: Timestamp = Timestamp(1_767_225_600_000);
/// Once nothing goes wrong any more, everything must have settled after this.
const CALM_MS: u64 = 30 * 60 * 1000;

/// Longer than all jumps in time of one plan together.
const TROUBLE_MS: u64 = 100 * 24 * 60 * 60 * 1000;

/// Runs one seed in `folder`; an error is a failure of the product (or of the simulator).
/// `told`: every event is printed.
pub fn run(seed: u64, folder: &Path, told: bool) -> Result<Outcome> {
    let mut dice = Dice::new(seed);
    let plan = Plan::from(seed, &mut dice);
    let mut world = World::new(plan, folder, dice)?;
    world.trace.told = told;
    world.trace.tell(world.now, || format!("{:?}", world.plan));
    world.begin()?;
    world
        .run_until(|world| world.actions_left == 0, TROUBLE_MS)
        .context("while things went wrong")?;
    world.calm_down()?;
    let end = world.now.saturating_add_ms(CALM_MS);
    world
        .run_until(|world| world.now >= end, 2 * CALM_MS)
        .context("after it calmed down")?;
    let messages = check::everything(&mut world)?;
    Ok(Outcome {
        trace: world.trace,
        messages,
        crashes: world.crashes,
    })
}

impl World {
    fn new(plan: Plan, folder: &Path, mut dice: Dice) -> Result<Self> {
        let relay = Relay::new(&folder.join("relay"), START, &mut dice)?;
        let mut people = Vec::new();
        for index in 0..plan.people {
            let span = u64::try_from(plan.skew_ms * 2).unwrap_or(0);
            let skew_ms = i64::try_from(dice.below(span + 1)).unwrap_or(0) - plan.skew_ms;
            let path = folder.join(format!("person{index}.db"));
            people.push(Person::new(
                format!("person{index}"),
                path,
                skew_ms,
                dice.fork(),
            ));
        }
        Ok(Self {
            now: START,
            people,
            relay,
            actions_left: plan.actions,
            plan,
            trace: Trace::default(),
            dice,
            queue: BTreeMap::new(),
            stream_ms: BTreeMap::new(),
            next_event: 0,
            next_socket: 1,
            next_text: 0,
            calm: true,
            crashes: 0,
        })
    }

    /// Everyone signs up and asks everyone else; then the trouble starts.
    fn begin(&mut self) -> Result<()> {
        for index in 0..self.people.len() {
            let now = self.now;
            self.person(index).start(now)?;
            let name = self.person(index).name.clone();
            let command = Command::SignUp {
                handle: name.clone(),
                password: format!("{CANARY} password of {name}"),
                display_name: format!("{CANARY} {name}"),
                device_name: None,
            };
            self.command(index, command, Asked::SignUp)?;
        }
        self.run_until(
            |world| world.people.iter().all(|person| person.signed_up),
            60_000,
        )
        .context("sign-up")?;
        self.calm = false;
        for person in 0..self.people.len() {
            let wait = self.dice.between(10, 2000);
            self.after(wait, Event::Act { person });
        }
        Ok(())
    }

    /// The network heals, everyone runs, everyone accepts everyone.
    fn calm_down(&mut self) -> Result<()> {
        self.calm = true;
        if !self.relay.is_running() {
            self.relay.start(&mut self.dice)?;
        }
        for person in 0..self.people.len() {
            if self.person(person).engine.is_none() {
                self.restart(person)?;
            }
        }
        // Requests may still be under way: look again a few times.
        for _ in 0..20 {
            let end = self.now.saturating_add_ms(30_000);
            self.run_until(|world| world.now >= end, 60_000)?;
            for person in 0..self.people.len() {
                self.accept_all(person)?;
                self.try_again(person)?;
            }
        }
        Ok(())
    }

    /// What was refused (more requests than a day allows, a right that was lost) is sent again, as a person would.
    fn try_again(&mut self, person: usize) -> Result<()> {
        for message_id in check::failed(self.person(person)) {
            self.command(person, Command::RetryMessage { message_id }, Asked::Other)?;
        }
        Ok(())
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool, within_ms: u64) -> Result<()> {
        let limit = self.now.saturating_add_ms(within_ms);
        while !done(self) {
            let Some(((at, _), event)) = self.queue.pop_first() else {
                // Nothing is planned: let time pass.
                self.now = self.now.saturating_add_ms(1000);
                self.plan_ticks();
                anyhow::ensure!(self.now < limit, "nothing happens any more");
                continue;
            };
            self.now = Timestamp(self.now.0.max(at));
            anyhow::ensure!(self.now < limit, "not done in {within_ms} ms");
            self.relay.set_time(self.now);
            self.happen(event)?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<()> {
        if !matches!(event, Event::Tick { .. }) {
            self.trace.tell(self.now, || told(&event));
        }
        match event {
            Event::Tick { person } => {
                let now = self.now;
                let due = self
                    .person(person)
                    .deadline(now)
                    .is_some_and(|at| at <= now);
                if due {
                    self.feed(person, Input::Tick)
                } else {
                    self.plan_tick(person);
                    Ok(())
                }
            }
            Event::Request {
                person,
                life,
                output,
            } => self.request(person, life, output),
            Event::Answer {
                person,
                life,
                input,
            } => {
                if self.person(person).life == life {
                    self.feed(person, input)
                } else {
                    Ok(())
                }
            }
            Event::Open { person, socket } => self.open(person, socket),
            Event::Opened { person, socket } => {
                if self.person(person).socket == Some(socket) {
                    self.feed(person, Input::Connected)
                } else {
                    Ok(())
                }
            }
            Event::ToRelay {
                person,
                socket,
                bytes,
            } => {
                if self.person(person).socket != Some(socket) {
                    return Ok(());
                }
                if self.trouble(self.plan.relay_crash_per_mille) {
                    self.crash_relay();
                    return Ok(());
                }
                self.relay.frame(socket, bytes)?;
                self.collect();
                Ok(())
            }
            Event::ToPerson {
                person,
                socket,
                bytes,
            } => {
                if self.person(person).socket == Some(socket) {
                    self.feed(
                        person,
                        Input::Frame {
                            bytes: Bytes(bytes),
                        },
                    )
                } else {
                    Ok(())
                }
            }
            Event::Closed {
                person,
                socket,
                code,
            } => {
                if self.person(person).socket == Some(socket) {
                    self.person(person).socket = None;
                    self.feed(person, Input::Disconnected { code })
                } else {
                    Ok(())
                }
            }
            Event::Act { person } => self.act(person),
            Event::Restart { person } => {
                if self.person(person).engine.is_none() {
                    self.restart(person)
                } else {
                    Ok(())
                }
            }
            Event::RestartRelay => {
                if !self.relay.is_running() {
                    self.relay.start(&mut self.dice)?;
                }
                Ok(())
            }
        }
    }

    // ---- people --------------------------------------------------------------------------------

    fn command(&mut self, person: usize, command: Command, asked: Asked) -> Result<()> {
        self.trace.tell(self.now, || {
            format!("{person} {}", cut(&format!("{command:?}")))
        });
        let input = self.person(person).ask(command, asked);
        self.feed(person, input)
    }

    /// One input, one transaction; then the outputs leave, or the process dies before some of them do.
    fn feed(&mut self, person: usize, input: Input) -> Result<()> {
        let now = self.now;
        let outputs = self.person(person).feed(input, now)?;
        let dies = self.trouble(self.plan.crash_per_mille);
        let leaving = if dies {
            self.dice.below(outputs.len() as u64 + 1) as usize
        } else {
            outputs.len()
        };
        for output in outputs.into_iter().take(leaving) {
            self.carry_out(person, output)?;
        }
        if dies {
            self.crash(person);
        } else {
            self.plan_tick(person);
        }
        Ok(())
    }

    fn carry_out(&mut self, person: usize, output: Output) -> Result<()> {
        match output {
            Output::Reply { command_id, result } => {
                self.trace.event(
                    self.now,
                    person,
                    "reply",
                    &format!("{result:?}").len().to_le_bytes(),
                );
                self.trace
                    .tell(self.now, || format!("{person} answered {result:?}"));
                self.person(person).answered(command_id, result);
            }
            Output::Request { .. } => {
                let (wait, life) = (self.latency(), self.person(person).life);
                self.after(
                    wait,
                    Event::Request {
                        person,
                        life,
                        output,
                    },
                );
            }
            Output::Connect => {
                let socket = self.next_socket;
                self.next_socket += 1;
                self.person(person).socket = Some(socket);
                let wait = self.latency();
                self.after(wait, Event::Open { person, socket });
            }
            Output::Disconnect => {
                if let Some(socket) = self.person(person).socket.take() {
                    self.relay.close(socket);
                    self.feed(person, Input::Disconnected { code: None })?;
                }
            }
            Output::Frame { bytes } => {
                let Some(socket) = self.person(person).socket else {
                    return Ok(());
                };
                if self.trouble(self.plan.loss_per_mille) {
                    self.cut(person, socket);
                } else {
                    self.in_order(
                        socket,
                        true,
                        Event::ToRelay {
                            person,
                            socket,
                            bytes: bytes.0,
                        },
                    );
                }
            }
            Output::Notify { .. } | Output::Changed { .. } | Output::Erase => {}
        }
        Ok(())
    }

    fn crash(&mut self, person: usize) {
        self.trace.tell(self.now, || format!("{person} crashes"));
        self.crashes += 1;
        if let Some(socket) = self.person(person).socket {
            self.relay.close(socket);
        }
        self.person(person).crash();
        let wait = self.dice.between(100, 20_000);
        self.after(wait, Event::Restart { person });
    }

    fn restart(&mut self, person: usize) -> Result<()> {
        let now = self.now;
        self.person(person).start(now)?;
        self.feed(person, Input::Tick)
    }

    fn act(&mut self, person: usize) -> Result<()> {
        if self.actions_left == 0 {
            return Ok(());
        }
        self.actions_left -= 1;
        let wait = self.dice.between(50, 8000);
        self.after(wait, Event::Act { person });
        if self.person(person).engine.is_none() {
            return Ok(());
        }
        if self.plan.lively && self.dice.chance(300) {
            return self.react_or_answer(person);
        }
        match self.dice.below(20) {
            0..=2 => self.add_someone(person),
            3..=4 => self.accept_all(person),
            5..=14 => self.say_something(person),
            15 => self.change_something(person, false),
            16 => self.change_something(person, true),
            17 => self.read_everything(person),
            18 => {
                if let Some(socket) = self.person(person).socket {
                    self.cut(person, socket);
                }
                Ok(())
            }
            _ => {
                // Time passes: re-keying, refresh and retries come due.
                let hours = self.dice.between(1, 30);
                if self.dice.chance(100) {
                    self.now = self.now.saturating_add_ms(hours * 3_600_000);
                }
                Ok(())
            }
        }
    }

    fn add_someone(&mut self, person: usize) -> Result<()> {
        let names: Vec<String> = self
            .people
            .iter()
            .map(|person| person.name.clone())
            .collect();
        let own = self.person(person).name.clone();
        let Some(handle) = self.dice.pick(&names).filter(|name| **name != own).cloned() else {
            return Ok(());
        };
        self.command(
            person,
            Command::AddContact {
                by: ContactAddress::Handle { handle },
            },
            Asked::AddContact,
        )
    }

    fn accept_all(&mut self, person: usize) -> Result<()> {
        for chat in self.person(person).chats(ChatFilter::Requests) {
            let command = Command::AcceptRequest {
                conversation_id: chat.conversation_id,
            };
            self.command(person, command, Asked::Other)?;
        }
        Ok(())
    }

    fn say_something(&mut self, person: usize) -> Result<()> {
        let chats = self.person(person).chats(ChatFilter::All);
        let Some(chat) = self.dice.pick(&chats) else {
            return Ok(());
        };
        if chat.request == RequestState::Incoming {
            return Ok(());
        }
        let conversation_id = chat.conversation_id;
        self.next_text += 1;
        let text = format!(
            "{CANARY} {} {}",
            self.next_text,
            "la ".repeat(self.dice.below(200) as usize)
        );
        let command = Command::SendText {
            conversation_id,
            text: text.clone(),
            reply_to: None,
        };
        self.command(
            person,
            command,
            Asked::Send {
                conversation_id,
                text,
            },
        )
    }

    fn change_something(&mut self, person: usize, delete: bool) -> Result<()> {
        let written = self
            .people
            .get(person)
            .map(|person| person.written.clone())
            .unwrap_or_default();
        let Some(target) = self
            .dice
            .pick(&written)
            .filter(|written| !written.deleted)
            .cloned()
        else {
            return Ok(());
        };
        if delete {
            let command = Command::DeleteMessages {
                conversation_id: target.conversation_id,
                message_ids: vec![target.id],
                for_everyone: true,
            };
            return self.command(person, command, Asked::Delete { id: target.id });
        }
        self.next_text += 1;
        let text = format!("{CANARY} {} edited", self.next_text);
        let command = Command::EditMessage {
            message_id: target.id,
            text: text.clone(),
        };
        self.command(
            person,
            command,
            Asked::Edit {
                id: target.id,
                text,
            },
        )
    }

    fn react_or_answer(&mut self, person: usize) -> Result<()> {
        let texts = check::texts(self.person(person));
        let Some((conversation_id, message_id)) = self.dice.pick(&texts).copied() else {
            return Ok(());
        };
        if self.dice.chance(500) {
            let emoji = ["\u{1f44d}", "\u{2764}", ""];
            let emoji = self.dice.pick(&emoji).copied().unwrap_or_default();
            let command = Command::React {
                message_id,
                emoji: emoji.to_owned(),
            };
            return self.command(person, command, Asked::Other);
        }
        self.next_text += 1;
        let text = format!("{CANARY} {} an answer", self.next_text);
        let command = Command::SendText {
            conversation_id,
            text: text.clone(),
            reply_to: Some(message_id),
        };
        let asked = Asked::Send {
            conversation_id,
            text,
        };
        self.command(person, command, asked)
    }

    fn read_everything(&mut self, person: usize) -> Result<()> {
        for (conversation_id, up_to) in check::newest_of_others(self.person(person)) {
            self.command(
                person,
                Command::MarkRead {
                    conversation_id,
                    up_to,
                },
                Asked::Other,
            )?;
        }
        Ok(())
    }

    // ---- network -------------------------------------------------------------------------------

    fn request(&mut self, person: usize, life: u32, output: Output) -> Result<()> {
        let Output::Request {
            request_id,
            method,
            path,
            bearer,
            body,
        } = output
        else {
            return Ok(());
        };
        let lost = self.trouble(self.plan.loss_per_mille);
        if lost {
            self.trace
                .tell(self.now, || format!("{person} loses request {path}"));
        }
        if lost && self.dice.chance(500) {
            return self.request_failed(person, life, request_id);
        }
        let times = if self.trouble(self.plan.duplicate_per_mille) {
            2
        } else {
            1
        };
        let mut answer = None;
        for _ in 0..times {
            answer = self
                .relay
                .request(method, &path, bearer.as_deref(), &body.0)?;
        }
        self.collect();
        match answer {
            // The relay did it, the answer is lost: the dear case.
            Some(_) if lost => self.request_failed(person, life, request_id),
            Some((status, body)) => {
                let wait = self.latency();
                let input = Input::Response {
                    request_id,
                    status,
                    body: Bytes(body),
                };
                self.after(
                    wait,
                    Event::Answer {
                        person,
                        life,
                        input,
                    },
                );
                Ok(())
            }
            None => self.request_failed(person, life, request_id),
        }
    }

    fn request_failed(&mut self, person: usize, life: u32, request_id: RequestId) -> Result<()> {
        let wait = self.dice.between(100, 5000);
        self.after(
            wait,
            Event::Answer {
                person,
                life,
                input: Input::RequestFailed { request_id },
            },
        );
        Ok(())
    }

    fn open(&mut self, person: usize, socket: u64) -> Result<()> {
        if self.person(person).socket != Some(socket) {
            return Ok(());
        }
        let wait = self.latency();
        if self.trouble(self.plan.loss_per_mille * 3) || !self.relay.open(socket) {
            self.after(
                wait,
                Event::Closed {
                    person,
                    socket,
                    code: None,
                },
            );
            return Ok(());
        }
        self.in_order(socket, false, Event::Opened { person, socket });
        self.collect();
        Ok(())
    }

    /// The connection breaks; what was under way on it is gone.
    fn cut(&mut self, person: usize, socket: u64) {
        self.trace
            .tell(self.now, || format!("{person} loses socket {socket}"));
        self.relay.close(socket);
        let wait = self.latency();
        self.after(
            wait,
            Event::Closed {
                person,
                socket,
                code: None,
            },
        );
    }

    fn crash_relay(&mut self) {
        self.trace.tell(self.now, || "relay crashes".to_owned());
        self.crashes += 1;
        self.relay.crash();
        for person in 0..self.people.len() {
            if let Some(socket) = self.person(person).socket {
                let wait = self.latency();
                self.after(
                    wait,
                    Event::Closed {
                        person,
                        socket,
                        code: None,
                    },
                );
            }
        }
        let wait = self.dice.between(500, 15_000);
        self.after(wait, Event::RestartRelay);
    }

    /// Hands what the relay sent to the network.
    fn collect(&mut self) {
        for (socket, sent) in self.relay.take() {
            let Some(person) = self
                .people
                .iter()
                .position(|person| person.socket == Some(socket))
            else {
                continue;
            };
            let event = match sent {
                FromRelay::Frame(bytes) => Event::ToPerson {
                    person,
                    socket,
                    bytes,
                },
                FromRelay::Closed(code) => Event::Closed {
                    person,
                    socket,
                    code,
                },
            };
            self.in_order(socket, false, event);
        }
    }

    fn latency(&mut self) -> u64 {
        if self.calm {
            self.dice.between(1, 20)
        } else {
            self.dice.between(1, 600)
        }
    }

    fn trouble(&mut self, per_mille: u64) -> bool {
        // Drawn in calm times too, so that the stream of chance does not depend on the phase.
        self.dice.chance(per_mille) && !self.calm
    }

    // ---- the queue -----------------------------------------------------------------------------

    fn after(&mut self, wait_ms: u64, event: Event) {
        self.next_event += 1;
        self.queue
            .insert((self.now.0 + wait_ms, self.next_event), event);
    }

    /// Later than everything before it on the same stream.
    fn in_order(&mut self, socket: u64, upwards: bool, event: Event) {
        let at = self.now.0 + self.latency();
        let last = self.stream_ms.entry((socket, upwards)).or_default();
        *last = at.max(*last);
        let at = *last;
        self.next_event += 1;
        self.queue.insert((at, self.next_event), event);
    }

    fn plan_tick(&mut self, person: usize) {
        let now = self.now;
        if let Some(at) = self.person(person).deadline(now) {
            self.next_event += 1;
            self.queue
                .insert((at.0, self.next_event), Event::Tick { person });
        }
    }

    fn plan_ticks(&mut self) {
        for person in 0..self.people.len() {
            self.plan_tick(person);
        }
    }

    /// People are made once and never removed.
    fn person(&mut self, index: usize) -> &mut Person {
        &mut self.people[index]
    }
}

/// An event in words, for [`Trace::tell`].
fn told(event: &Event) -> String {
    use securechat_proto::wire::{Message, socket};
    match event {
        Event::Tick { person } => format!("{person} tick"),
        Event::Request { person, output, .. } => match output {
            Output::Request { method, path, .. } => format!("{person} {method:?} {path}"),
            _ => String::new(),
        },
        Event::Answer { person, input, .. } => match input {
            Input::Response { status, .. } => format!("{person} response {status}"),
            _ => format!("{person} request failed"),
        },
        Event::Open { person, socket } => format!("{person} opens socket {socket}"),
        Event::Opened { person, socket } => format!("{person} opened socket {socket}"),
        Event::ToRelay { person, bytes, .. } => {
            let frame = socket::ClientFrame::decode(bytes.as_slice());
            format!(
                "{person} -> {}",
                cut(&format!("{:?}", frame.map(|frame| frame.frame)))
            )
        }
        Event::ToPerson { person, bytes, .. } => {
            let frame = socket::ServerFrame::decode(bytes.as_slice());
            format!(
                "{person} <- {}",
                cut(&format!("{:?}", frame.map(|frame| frame.frame)))
            )
        }
        Event::Closed { person, code, .. } => format!("{person} socket closed {code:?}"),
        Event::Act { person } => format!("{person} acts"),
        Event::Restart { person } => format!("{person} restarts"),
        Event::RestartRelay => "relay restarts".to_owned(),
    }
}

/// As much of a long line as fits a screen.
fn cut(line: &str) -> String {
    line.chars().take(700).collect()
}
