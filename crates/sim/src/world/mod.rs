//! The world: people, the relay, a network between them, and everything that can go wrong, in one queue of events.

mod acts;
mod calm;
mod life;
mod network;
mod outages;
mod relations;
mod told;
mod upheavals;

use crate::bonds::Bonds;
use crate::check;
use crate::dice::Dice;
use crate::person::Person;
use crate::plan::{Plan, Style};
use crate::relay::Relay;
use crate::trace::Trace;
use crate::wire::Wire;
use anyhow::{Context, Result};
use securechat_engine::api::AccountState;
use securechat_engine::shell::{Input, Output};
use securechat_proto::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

/// A world in which everything has calmed down, with what people now see.
pub struct Outcome {
    pub trace: Trace,
    pub messages: usize,
    pub crashes: u32,
    /// Envelopes that left a device, each looked into.
    pub envelopes: usize,
    /// From the end of all trouble until nothing was under way any more.
    pub settled_ms: u64,
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
        /// It came before.
        again: bool,
    },
    Closed {
        person: usize,
        socket: u64,
        code: Option<u16>,
    },
    Act {
        person: usize,
    },
    SignUp {
        person: usize,
    },
    Restart {
        person: usize,
    },
    KillRelay,
    RestartRelay,
}

pub struct World {
    pub now: Timestamp,
    pub people: Vec<Person>,
    pub relay: Relay,
    pub plan: Plan,
    pub trace: Trace,
    pub bonds: Bonds,
    pub wire: Wire,
    dice: Dice,
    queue: BTreeMap<(u64, u64), Event>,
    /// The last time given to a frame of a socket and direction, so that a stream stays in order.
    stream_ms: BTreeMap<(u64, bool), u64>,
    next_event: u64,
    next_socket: u64,
    next_text: u64,
    /// Things that people asked their devices for.
    commands: usize,
    actions_left: u64,
    kills_left: u64,
    calm: bool,
    crashes: u32,
    /// How many ticks there were in this millisecond.
    ticks: (Timestamp, u32),
}

/// 2026-01-01: any fixed date will do.
const START: Timestamp = Timestamp(1_767_225_600_000);
/// A message, its receipts, and what heals it: far less than this, on average.
const ENVELOPES_PER_COMMAND: usize = 8;
/// Far more than all people's rooms together can have due in one millisecond.
const TICKS_AT_ONCE: u32 = 500;
/// Everyone has an account after this, whatever happens to the relay.
const SIGNED_UP_MS: u64 = 10 * 60 * 1000;
/// Longer than all jumps in time of one plan together.
const TROUBLE_MS: u64 = 200 * 24 * 60 * 60 * 1000;

/// Runs one seed in `folder`; an error is a failure of the product (or of the simulator).
/// `told`: every event is printed.
pub fn run(seed: u64, style: Style, folder: &Path, told: bool) -> Result<Outcome> {
    let mut dice = Dice::new(seed);
    let plan = Plan::new(style, &mut dice);
    let mut world = World::new(plan, folder, dice)?;
    world.trace.told = told;
    world.trace.tell(world.now, || format!("{:?}", world.plan));
    world.begin().context("sign-up")?;
    world.go_through().context("while things went wrong")?;
    let settled_ms = world.calm_down().context("after it calmed down")?;
    let messages = check::everything(&mut world)?;
    let envelopes = world.close()?;
    Ok(Outcome {
        trace: world.trace,
        messages,
        crashes: world.crashes,
        envelopes,
        settled_ms,
    })
}

impl World {
    fn new(plan: Plan, folder: &Path, mut dice: Dice) -> Result<Self> {
        let relay = Relay::new(&folder.join("relay"), START, &mut dice)?;
        let mut people = Vec::new();
        for index in 0..plan.people {
            let span = u64::try_from(plan.skew_ms * 2).unwrap_or(0);
            let skew_ms = i64::try_from(dice.below(span + 1)).unwrap_or(0) - plan.skew_ms;
            people.push(Person::new(
                format!("person{index}"),
                folder,
                skew_ms,
                dice.fork(),
            ));
        }
        Ok(Self {
            now: START,
            people,
            relay,
            actions_left: plan.actions,
            kills_left: plan.kills,
            plan,
            trace: Trace::default(),
            bonds: Bonds::default(),
            wire: Wire::default(),
            dice,
            queue: BTreeMap::new(),
            stream_ms: BTreeMap::new(),
            next_event: 0,
            next_socket: 1,
            next_text: 0,
            commands: 0,
            calm: true,
            crashes: 0,
            ticks: (START, 0),
        })
    }

    /// Everyone signs up; then the trouble starts. In a storm it has started already.
    fn begin(&mut self) -> Result<()> {
        if self.plan.style == Style::Storm {
            self.calm = false;
            self.plan_kill();
        }
        for person in 0..self.people.len() {
            let now = self.now;
            self.person(person).start(now)?;
            self.sign_up(person)?;
        }
        let ready = |world: &Self| {
            let mut states = world.people.iter().map(Person::state);
            states.all(|state| state == Some(AccountState::Ready))
        };
        self.run_until(ready, SIGNED_UP_MS)?;
        self.calm = false;
        match self.plan.style {
            Style::Drained => self.drain()?,
            Style::Outage => self.plan_kill(),
            _ => {}
        }
        for person in 0..self.people.len() {
            let wait = self.dice.between(10, 2000);
            self.after(wait, Event::Act { person });
        }
        Ok(())
    }

    /// People do what they planned to, and in the middle of it happens what the style says.
    fn go_through(&mut self) -> Result<()> {
        let half = self.plan.actions / 2;
        self.run_until(|world| world.actions_left <= half, TROUBLE_MS)?;
        match self.plan.style {
            Style::Absence => self.absence()?,
            Style::Rebirth => self.rebirth()?,
            Style::Copy => self.old_copy()?,
            Style::Plain
            | Style::Lively
            | Style::Storm
            | Style::Relations
            | Style::Drained
            | Style::Outage => {}
        }
        self.run_until(
            |world| world.actions_left == 0 && world.kills_left == 0,
            TROUBLE_MS,
        )
    }

    /// Everyone leaves, and what left their devices is looked into.
    fn close(&mut self) -> Result<usize> {
        for person in 0..self.people.len() {
            self.end(person)?;
        }
        check::nothing_was_broken(self)?;
        check::stock_opens(self)?;
        let envelopes = self.wire.check()?;
        let most = ENVELOPES_PER_COMMAND * (self.commands + 10);
        anyhow::ensure!(
            envelopes <= most,
            "{} commands led to {envelopes} envelopes: a device floods the relay",
            self.commands
        );
        Ok(envelopes)
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

    /// Lets so much time pass, event by event.
    fn wait(&mut self, ms: u64) -> Result<()> {
        let end = self.now.saturating_add_ms(ms);
        // Whoever lets hours pass in between ends the wait.
        self.run_until(|world| world.now >= end, TROUBLE_MS)
    }

    /// Time passes at once; what was planned for it happens behind it. The relay does its housekeeping.
    fn jump(&mut self, ms: u64) -> Result<()> {
        self.now = self.now.saturating_add_ms(ms);
        self.trace
            .tell(self.now, || format!("{} hours later", ms / 3_600_000));
        self.relay.set_time(self.now);
        self.relay.sweep()
    }

    fn happen(&mut self, event: Event) -> Result<()> {
        if !matches!(event, Event::Tick { .. }) {
            self.trace.tell(self.now, || told::told(&event));
        }
        match event {
            Event::Tick { person } => self.tick(person),
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
            } => self.reach_relay(person, socket, bytes),
            Event::ToPerson {
                person,
                socket,
                bytes,
                again,
            } => self.reach_person(person, socket, bytes, again),
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
            Event::SignUp { person } => self.sign_up(person),
            Event::Restart { person } => self.restart(person),
            Event::KillRelay => self.kill_relay(),
            Event::RestartRelay => self.restart_relay(),
        }
    }

    fn tick(&mut self, person: usize) -> Result<()> {
        let now = self.now;
        let due = self.person(person).deadline(now);
        if due.is_some_and(|at| at <= now) {
            let before = if self.ticks.0 == now { self.ticks.1 } else { 0 };
            self.ticks = (now, before + 1);
            anyhow::ensure!(
                before < TICKS_AT_ONCE,
                "person{person} is due for ever: a real device would never rest"
            );
            self.feed(person, Input::Tick)
        } else {
            self.plan_tick(person);
            Ok(())
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
}
