//! After the trouble: the network heals, people accept each other, and in the end everyone can talk to everyone.

use super::World;
use crate::check;
use crate::person::Asked;
use anyhow::{Result, ensure};
use securechat_engine::api::{ChatFilter, Command, RequestState, Trust};
use securechat_proto::{ContentId, ConversationId};

/// People look at their screens this often.
const LOOK_MS: u64 = 10_000;
/// Without anything between people, nothing is under way any more after this: pauses between attempts are at most
/// five minutes.
const SETTLED_MS: u64 = 12 * 60 * 1000;
/// Where something stood between people, budgets of requests are a day's.
const NIGHT_MS: u64 = 25 * 60 * 60 * 1000;
const NIGHTS: usize = 5;
const MORNING_MS: u64 = 6 * 60 * 1000;

impl World {
    /// Tells how long it took until nothing was under way.
    pub(super) fn calm_down(&mut self) -> Result<u64> {
        self.calm = true;
        self.restart_relay()?;
        for person in 0..self.people.len() {
            self.restart(person)?;
        }
        let since = self.now;
        let settled = self.look_until(SETTLED_MS, check::is_settled)?;
        let took = self.now.since(since);
        if !settled && self.bonds.all_whole() {
            check::is_settled(self)?;
        }
        check::nothing_failed(self)?;
        if !self.bonds.all_whole() {
            self.night()?;
            for _ in 1..NIGHTS {
                if check::is_open(self).is_ok() {
                    break;
                }
                self.night()?;
            }
        }
        check::is_open(self)?;
        self.say_last_words()?;
        Ok(took)
    }

    /// People look and agree to everything, until that holds. False: not in this time.
    fn look_until(&mut self, within_ms: u64, holds: fn(&Self) -> Result<()>) -> Result<bool> {
        let end = self.now.saturating_add_ms(within_ms);
        while self.now < end {
            self.wait(LOOK_MS)?;
            for person in 0..self.people.len() {
                self.log_in(person)?;
                self.unblock_all(person)?;
                self.accept_identities(person)?;
                self.accept_all(person)?;
            }
            if holds(self).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next day: what was refused is sent again, as a person would, and everyone asks once more.
    fn night(&mut self) -> Result<()> {
        self.jump(NIGHT_MS)?;
        self.wait(LOOK_MS)?;
        for person in 0..self.people.len() {
            self.try_again(person)?;
            self.ask_again(person)?;
        }
        self.look_until(MORNING_MS, check::is_open)?;
        Ok(())
    }

    fn try_again(&mut self, person: usize) -> Result<()> {
        for message_id in check::failed(self.person(person)) {
            let asked = Asked::Retry { id: message_id };
            self.command(person, Command::RetryMessage { message_id }, asked)?;
        }
        Ok(())
    }

    /// Whatever happened: whoever accepted each other can talk.
    fn say_last_words(&mut self) -> Result<()> {
        let mut words = Vec::new();
        for person in 0..self.people.len() {
            for chat in self.person(person).chats(ChatFilter::All) {
                let can_write = chat.request == RequestState::None
                    && !chat.blocked
                    && !matches!(chat.trust, Trust::NewIdentity { .. });
                if can_write {
                    self.say(person, chat.conversation_id, "farewell")?;
                    if let Some(written) = self.person(person).written.last() {
                        words.push((person, chat.conversation_id, written.id));
                    }
                }
            }
        }
        let end = self.now.saturating_add_ms(SETTLED_MS);
        while self.now < end && self.heard(&words).is_err() {
            self.wait(LOOK_MS)?;
        }
        self.heard(&words)?;
        // Receipts for them, and what else is owed.
        self.wait(2 * LOOK_MS)
    }

    fn heard(&self, words: &[(usize, ConversationId, ContentId)]) -> Result<()> {
        for (person, conversation_id, id) in words {
            let speaker = &self.people[*person];
            ensure!(
                check::is_delivered(speaker, *conversation_id, id),
                "person{person} can not talk to a contact that accepted"
            );
            if let Some(other) = check::partner(&self.people, *person, *conversation_id) {
                ensure!(
                    check::shows(&self.people[other], id),
                    "person{other} does not see what person{person} knows to be delivered"
                );
            }
        }
        Ok(())
    }
}
