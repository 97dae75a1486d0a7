//! What people do on any day: add someone, write, change what they wrote, read.

use super::{Event, World};
use crate::check;
use crate::person::{Asked, CANARY};
use crate::plan::Style;
use anyhow::Result;
use securechat_engine::api::{ChatFilter, Command, ContactAddress, RequestState};
use securechat_proto::ConversationId;

/// Long enough for an access token to run out.
const TOKEN_RUNS_OUT_MS: u64 = 6 * 60 * 1000;

/// Who has nothing planned looks again after this.
const IDLE_MS: u64 = 5000;

impl World {
    pub(super) fn act(&mut self, person: usize) -> Result<()> {
        if self.calm || self.actions_left == 0 {
            // More may be planned later.
            self.after(IDLE_MS, Event::Act { person });
            return Ok(());
        }
        self.actions_left -= 1;
        let shortest = 50.min(self.plan.pause_ms);
        let wait = self.dice.between(shortest, self.plan.pause_ms);
        self.after(wait, Event::Act { person });
        if self.person(person).engine.is_none() {
            return Ok(());
        }
        match self.plan.style {
            Style::Lively if self.dice.chance(300) => return self.react_or_answer(person),
            Style::Storm => return self.act_in_a_storm(person),
            Style::Relations if self.dice.chance(350) => return self.relate(person),
            Style::Rebirth if self.dice.chance(300) => return self.accept_identities(person),
            _ => {}
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

    /// Everybody writes as fast as they can, mostly before the other side has accepted.
    fn act_in_a_storm(&mut self, person: usize) -> Result<()> {
        match self.dice.below(20) {
            0..=2 => self.add_someone(person),
            3..=4 => self.accept_all(person),
            5..=16 => {
                for _ in 0..self.dice.between(1, 8) {
                    self.say_something(person)?;
                }
                Ok(())
            }
            17 => self.read_everything(person),
            18 => self.change_something(person, false),
            _ => {
                if self.dice.chance(150) {
                    self.now = self.now.saturating_add_ms(TOKEN_RUNS_OUT_MS);
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
            Asked::Other,
        )
    }

    pub(super) fn accept_all(&mut self, person: usize) -> Result<()> {
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
        let tail = "la ".repeat(self.dice.below(200) as usize);
        self.say(person, conversation_id, &tail)
    }

    /// Writes a text that no other is equal to.
    pub(super) fn say(
        &mut self,
        person: usize,
        conversation_id: ConversationId,
        tail: &str,
    ) -> Result<()> {
        self.next_text += 1;
        let text = format!("{CANARY} {} {tail}", self.next_text);
        let command = Command::SendText {
            conversation_id,
            text: text.clone(),
            reply_to: None,
        };
        let asked = Asked::Send {
            conversation_id,
            text,
        };
        self.command(person, command, asked)
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
}
