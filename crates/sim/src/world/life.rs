//! Processes of people: what is fed to an engine, what its outputs do, and how it dies and starts again.

use super::told::cut;
use super::{Event, World};
use crate::person::{Asked, CANARY, Person};
use anyhow::{Result, ensure};
use securechat_engine::api::{AccountState, Command};
use securechat_engine::shell::{Input, Output};

/// A person asks again so long after a sign-up that failed.
const ASKS_AGAIN_MS: u64 = 900;

impl World {
    /// People are made once and never removed.
    pub(super) fn person(&mut self, index: usize) -> &mut Person {
        &mut self.people[index]
    }

    pub(super) fn command(&mut self, person: usize, command: Command, asked: Asked) -> Result<()> {
        self.trace.tell(self.now, || {
            format!("{person} {}", cut(&format!("{command:?}")))
        });
        self.commands += 1;
        let input = self.person(person).ask(command, asked);
        self.feed(person, input)
    }

    /// One input, one transaction; then the outputs leave, or the process dies before some of them do.
    pub(super) fn feed(&mut self, person: usize, input: Input) -> Result<()> {
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
            self.crash(person)
        } else {
            self.plan_tick(person);
            Ok(())
        }
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
                if !self.person(person).answered(command_id, result) {
                    self.after(ASKS_AGAIN_MS, Event::SignUp { person });
                }
            }
            Output::Request { ref bearer, .. } => {
                if bearer.is_some() {
                    self.person(person).bearer.clone_from(bearer);
                }
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
            Output::Frame { bytes } => self.send_frame(person, bytes.0)?,
            Output::Notify { .. } | Output::Changed { .. } | Output::Erase => {}
        }
        Ok(())
    }

    fn send_frame(&mut self, person: usize, bytes: Vec<u8>) -> Result<()> {
        let is_submit = self.wire.watch(&bytes)?;
        ensure!(
            !(is_submit && self.person(person).is_copy),
            "person{person}: an old copy of a store sends"
        );
        let Some(socket) = self.person(person).socket else {
            return Ok(());
        };
        if self.trouble(self.plan.loss_per_mille) {
            self.cut(person, socket);
        } else {
            let event = Event::ToRelay {
                person,
                socket,
                bytes,
            };
            self.in_order(socket, true, event);
        }
        Ok(())
    }

    /// The process dies and comes back a while later.
    pub(super) fn crash(&mut self, person: usize) -> Result<()> {
        self.trace.tell(self.now, || format!("{person} crashes"));
        self.crashes += 1;
        self.end(person)?;
        let wait = self.dice.between(100, 20_000);
        self.after(wait, Event::Restart { person });
        Ok(())
    }

    /// The process ends.
    pub(super) fn end(&mut self, person: usize) -> Result<()> {
        if let Some(socket) = self.person(person).socket {
            self.relay.close(socket);
        }
        if self.person(person).engine.is_some() {
            self.person(person).crash();
            let store = self.person(person).store();
            self.wire.learn(&store)?;
        }
        Ok(())
    }

    pub(super) fn restart(&mut self, person: usize) -> Result<()> {
        if self.person(person).engine.is_some() || self.person(person).is_away {
            return Ok(());
        }
        let now = self.now;
        self.person(person).start(now)?;
        self.feed(person, Input::Tick)?;
        if self.person(person).state() == Some(AccountState::None) {
            self.after(ASKS_AGAIN_MS, Event::SignUp { person });
        }
        Ok(())
    }

    /// Signs up, unless that has happened or is happening.
    pub(super) fn sign_up(&mut self, person: usize) -> Result<()> {
        if self.person(person).state() != Some(AccountState::None) {
            return Ok(());
        }
        let name = self.person(person).name.clone();
        let command = Command::SignUp {
            handle: name.clone(),
            password: format!("{CANARY} password of {name}"),
            display_name: format!("{CANARY} {name}"),
            device_name: None,
        };
        self.command(person, command, Asked::SignUp)
    }

    /// After a session was lost for good, the person types the password.
    pub(super) fn log_in(&mut self, person: usize) -> Result<()> {
        if self.person(person).state() != Some(AccountState::SignedOut) {
            return Ok(());
        }
        let name = self.person(person).name.clone();
        let command = Command::LogIn {
            handle: name.clone(),
            password: format!("{CANARY} password of {name}"),
            device_name: None,
        };
        self.command(person, command, Asked::Other)
    }
}
