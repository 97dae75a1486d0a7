//! The relay's machine: its power goes, its disk fails or is full.

use super::World;
use crate::dice::Dice;
use crate::disk::Planned;
use crate::relay::{Relay, Struck};
use anyhow::Result;
use securechat_proto::RequestId;

/// What a request on a failing disk led to.
type Answer = (Struck, Option<(u16, Vec<u8>)>);

impl World {
    /// Whether the disk fails under what comes next.
    pub(super) fn disk_fails(&mut self) -> bool {
        self.plan.disk_per_mille > 0
            && self.trouble(self.plan.disk_per_mille)
            && self.relay.is_running()
    }

    /// The power goes: between two operations, or while the housekeeping empties the log.
    pub(super) fn power_fails(&mut self) -> Result<()> {
        if !self.relay.is_running() {
            return Ok(());
        }
        self.collect();
        if self.dice.chance(400) {
            let planned = self.disk_trouble();
            let struck = self.relay.sweep_on_failing_disk(planned, &mut self.dice)?;
            if struck == Struck::PowerLost {
                self.relay_is_gone();
                return Ok(());
            }
        }
        self.trace
            .tell(self.now, || "the relay loses power".to_owned());
        self.relay.lose_power(&mut self.dice)?;
        self.relay_is_gone();
        Ok(())
    }

    pub(super) fn frame_on_failing_disk(&mut self, socket: u64, bytes: Vec<u8>) -> Result<()> {
        let planned = self.disk_trouble();
        self.collect();
        let struck = self
            .relay
            .frame_on_failing_disk(socket, bytes, planned, &mut self.dice)?;
        self.after_trouble(struck);
        Ok(())
    }

    pub(super) fn request_on_failing_disk(
        &mut self,
        person: usize,
        life: u32,
        request_id: RequestId,
        request: impl FnOnce(&mut Relay, Planned, &mut Dice) -> Result<Answer>,
    ) -> Result<()> {
        let planned = self.disk_trouble();
        self.collect();
        let (struck, answer) = request(&mut self.relay, planned, &mut self.dice)?;
        self.after_trouble(struck);
        match answer.filter(|_| struck != Struck::PowerLost) {
            Some(answer) => {
                self.answered(person, life, request_id, answer);
                Ok(())
            }
            None => self.request_failed(person, life, request_id),
        }
    }

    fn disk_trouble(&mut self) -> Planned {
        let planned = Planned::any(&mut self.dice);
        self.trace
            .tell(self.now, || format!("the relay's disk: {planned:?}"));
        planned
    }

    fn after_trouble(&mut self, struck: Struck) {
        match struck {
            Struck::PowerLost => self.relay_is_gone(),
            Struck::Yes | Struck::No => self.collect(),
        }
    }
}
