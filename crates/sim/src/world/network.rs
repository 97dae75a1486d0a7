//! Between people and relay: requests, sockets, what is lost, delayed or comes twice, and the deaths of the relay.

use super::{Event, World};
use crate::plan::Style;
use crate::relay::{FromRelay, Rights};
use anyhow::Result;
use securechat_engine::shell::{Input, Output};
use securechat_proto::RequestId;
use securechat_proto::b64::Bytes;
use securechat_proto::wire::{Message, socket};

/// Where in a request the relay dies.
#[derive(Clone, Copy, PartialEq)]
enum Death {
    /// Nothing of it was done.
    Before,
    /// The directory has it, the mailboxes do not.
    Between,
    /// All of it was done; nobody hears of it.
    After,
}

impl World {
    pub(super) fn request(&mut self, person: usize, life: u32, output: Output) -> Result<()> {
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
        let death = self.death_in_a_request();
        if death == Some(Death::Before) {
            self.crash_relay();
            return self.request_failed(person, life, request_id);
        }
        if self.disk_fails() {
            return self.request_on_failing_disk(
                person,
                life,
                request_id,
                |relay, planned, dice| {
                    let request = (method, path.as_str(), bearer.as_deref(), &body.0[..]);
                    relay.request_on_failing_disk(request, planned, dice)
                },
            );
        }
        let before = match death {
            Some(Death::Between) => self.relay.rights()?,
            _ => Rights::default(),
        };
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
        if let Some(death) = death {
            self.crash_relay();
            if death == Death::Between {
                self.relay.take_back_to(&before)?;
            }
            return self.request_failed(person, life, request_id);
        }
        self.collect();
        match answer {
            // The relay did it, the answer is lost: the dear case.
            Some(_) if lost => self.request_failed(person, life, request_id),
            Some(answer) => {
                self.answered(person, life, request_id, answer);
                Ok(())
            }
            None => self.request_failed(person, life, request_id),
        }
    }

    pub(super) fn answered(
        &mut self,
        person: usize,
        life: u32,
        request_id: RequestId,
        (status, body): (u16, Vec<u8>),
    ) {
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
    }

    fn death_in_a_request(&mut self) -> Option<Death> {
        if self.plan.request_crash_per_mille == 0
            || !self.trouble(self.plan.request_crash_per_mille)
            || !self.relay.is_running()
        {
            return None;
        }
        self.dice
            .pick(&[Death::Before, Death::Between, Death::After])
            .copied()
    }

    pub(super) fn request_failed(
        &mut self,
        person: usize,
        life: u32,
        request_id: RequestId,
    ) -> Result<()> {
        let wait = self.dice.between(100, 5000.min(self.plan.latency_ms * 9));
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

    pub(super) fn open(&mut self, person: usize, socket: u64) -> Result<()> {
        if self.person(person).socket != Some(socket) {
            return Ok(());
        }
        let wait = self.latency();
        if self.trouble(self.plan.loss_per_mille * 3) || !self.relay.open(socket) {
            self.socket_ends(wait, person, socket);
            return Ok(());
        }
        self.in_order(socket, false, Event::Opened { person, socket });
        self.collect();
        Ok(())
    }

    /// A frame reaches the relay, which may die before or after it has stored what is in it.
    pub(super) fn reach_relay(&mut self, person: usize, socket: u64, bytes: Vec<u8>) -> Result<()> {
        if self.person(person).socket != Some(socket) {
            return Ok(());
        }
        if self.disk_fails() {
            return self.frame_on_failing_disk(socket, bytes);
        }
        let dies = self.trouble(self.plan.relay_crash_per_mille);
        let after_commit = dies
            && self.plan.after_commit_per_mille > 0
            && self.dice.chance(self.plan.after_commit_per_mille);
        if dies && !after_commit {
            self.crash_relay();
            return Ok(());
        }
        self.relay.frame(socket, bytes)?;
        if dies {
            // Of what it told, some reached the wire.
            let told = self.relay.take();
            let reached = self.dice.below(told.len() as u64 + 1) as usize;
            self.hand_on(told.into_iter().take(reached));
            self.crash_relay();
        } else {
            self.collect();
        }
        Ok(())
    }

    pub(super) fn reach_person(
        &mut self,
        person: usize,
        socket: u64,
        bytes: Vec<u8>,
        again: bool,
    ) -> Result<()> {
        if self.person(person).socket != Some(socket) {
            return Ok(());
        }
        if !again
            && self.plan.replay_per_mille > 0
            && is_delivery(&bytes)
            && self.trouble(self.plan.replay_per_mille)
        {
            let event = Event::ToPerson {
                person,
                socket,
                bytes: bytes.clone(),
                again: true,
            };
            let wait = self.dice.between(1, 5000);
            self.after(wait, event);
        }
        let mut frames = vec![Bytes(bytes)];
        while let Some(bytes) = self.came_together(person, socket) {
            frames.push(Bytes(bytes));
        }
        let input = match <[Bytes; 1]>::try_from(frames) {
            Ok([bytes]) => Input::Frame { bytes },
            Err(frames) => Input::Frames { frames },
        };
        self.feed(person, input)
    }

    /// The next frame, if it has arrived by now.
    fn came_together(&mut self, person: usize, socket: u64) -> Option<Vec<u8>> {
        let next = self.queue.first_entry()?;
        let has_arrived = next.key().0 <= self.now.0;
        let is_for_them = matches!(next.get(), Event::ToPerson { person: to, socket: on, .. }
            if *to == person && *on == socket);
        match next.remove_entry() {
            (_, Event::ToPerson { bytes, .. }) if has_arrived && is_for_them => Some(bytes),
            (key, event) => {
                self.queue.insert(key, event);
                None
            }
        }
    }

    /// The connection breaks; what was under way on it is gone.
    pub(super) fn cut(&mut self, person: usize, socket: u64) {
        self.trace
            .tell(self.now, || format!("{person} loses socket {socket}"));
        self.relay.close(socket);
        let wait = self.latency();
        self.socket_ends(wait, person, socket);
    }

    /// A device learns after that time that its socket is gone.
    fn socket_ends(&mut self, wait_ms: u64, person: usize, socket: u64) {
        let event = Event::Closed {
            person,
            socket,
            code: None,
        };
        self.after(wait_ms, event);
    }

    pub(super) fn crash_relay(&mut self) {
        if !self.relay.is_running() {
            return;
        }
        self.trace.tell(self.now, || "relay crashes".to_owned());
        self.relay.crash();
        self.relay_is_gone();
    }

    /// Its sockets end, and it comes back a while later.
    pub(super) fn relay_is_gone(&mut self) {
        self.crashes += 1;
        for person in 0..self.people.len() {
            if let Some(socket) = self.person(person).socket {
                let wait = self.latency();
                self.socket_ends(wait, person, socket);
            }
        }
        let shortest = 500.min(self.plan.relay_away_ms / 2);
        let wait = self.dice.between(shortest, self.plan.relay_away_ms);
        self.after(wait, Event::RestartRelay);
    }

    /// Somebody kills the relay, and will again.
    pub(super) fn kill_relay(&mut self) -> Result<()> {
        if self.calm || self.kills_left == 0 {
            return Ok(());
        }
        self.kills_left -= 1;
        match self.plan.style {
            Style::Outage => self.power_fails()?,
            _ => self.crash_relay(),
        }
        self.plan_kill();
        Ok(())
    }

    pub(super) fn plan_kill(&mut self) {
        if self.kills_left > 0 {
            // Sometimes at once, sometimes after enough time for everyone to come back.
            let longest = if self.dice.chance(500) { 600 } else { 4000 };
            let longest = match self.plan.style {
                Style::Outage => longest * 10,
                _ => longest,
            };
            let wait = self.dice.between(50, longest);
            self.after(wait, Event::KillRelay);
        }
    }

    pub(super) fn restart_relay(&mut self) -> Result<()> {
        if self.relay.is_running() {
            return Ok(());
        }
        self.relay.start(&mut self.dice)
    }

    /// Hands what the relay sent to the network.
    pub(super) fn collect(&mut self) {
        let told = self.relay.take();
        self.hand_on(told.into_iter());
    }

    fn hand_on(&mut self, told: impl Iterator<Item = (u64, FromRelay)>) {
        for (socket, sent) in told {
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
                    again: false,
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

    pub(super) fn latency(&mut self) -> u64 {
        let longest = if self.calm { 20 } else { self.plan.latency_ms };
        self.dice.between(1, longest)
    }
}

fn is_delivery(bytes: &[u8]) -> bool {
    socket::ServerFrame::decode(bytes)
        .is_ok_and(|frame| matches!(frame.frame, Some(socket::server_frame::Frame::Delivery(_))))
}
