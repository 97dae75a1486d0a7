//! What people do with each other rather than with words: block, unblock, decline, invite by link, keep drafts.

use super::World;
use crate::check;
use crate::person::{Asked, CANARY};
use anyhow::Result;
use securechat_engine::api::{
    AccountState, ChatFilter, Command, ContactAddress, RequestState, Trust,
};

impl World {
    pub(super) fn relate(&mut self, person: usize) -> Result<()> {
        match self.dice.below(12) {
            0 => self.block_someone(person),
            1..=3 => self.unblock_all(person),
            4 => self.decline(person),
            5 => self.command(person, Command::CreateInviteLink, Asked::Link),
            6..=7 => self.follow_a_link(person),
            8 => self.take_link_back(person),
            _ => self.draft_something(person),
        }
    }

    fn block_someone(&mut self, person: usize) -> Result<()> {
        let chats = self.person(person).chats(ChatFilter::All);
        let Some(chat) = self.dice.pick(&chats) else {
            return Ok(());
        };
        let contact_id = chat.contact_id;
        if let Some(other) = check::partner(&self.people, person, chat.conversation_id) {
            self.bonds.between(person, other).blocked = true;
        }
        self.command(person, Command::Block { contact_id }, Asked::Other)
    }

    pub(super) fn unblock_all(&mut self, person: usize) -> Result<()> {
        for contact in self.person(person).blocked() {
            let contact_id = contact.contact_id;
            self.command(person, Command::Unblock { contact_id }, Asked::Other)?;
        }
        Ok(())
    }

    fn decline(&mut self, person: usize) -> Result<()> {
        let requests = self.person(person).chats(ChatFilter::Requests);
        let Some(chat) = self.dice.pick(&requests) else {
            return Ok(());
        };
        let conversation_id = chat.conversation_id;
        if let Some(other) = check::partner(&self.people, person, conversation_id) {
            self.bonds.between(person, other).declined = true;
        }
        let command = Command::DeclineRequest { conversation_id };
        self.command(person, command, Asked::Other)
    }

    fn follow_a_link(&mut self, person: usize) -> Result<()> {
        let others = (0..self.people.len()).filter(|other| *other != person);
        let links: Vec<String> = others
            .filter_map(|other| self.people.get(other)?.link.clone())
            .collect();
        let Some(payload) = self.dice.pick(&links).cloned() else {
            return Ok(());
        };
        let by = ContactAddress::Link { payload };
        self.command(person, Command::AddContact { by }, Asked::Other)
    }

    /// Whoever followed the link and has not written yet does not get through any more.
    fn take_link_back(&mut self, person: usize) -> Result<()> {
        if self.person(person).link.take().is_none() {
            return Ok(());
        }
        for other in (0..self.people.len()).filter(|other| *other != person) {
            self.bonds.between(person, other).revoked = true;
        }
        self.command(person, Command::RevokeInviteLink, Asked::Other)
    }

    fn draft_something(&mut self, person: usize) -> Result<()> {
        let chats = self.person(person).chats(ChatFilter::All);
        let Some(chat) = self.dice.pick(&chats) else {
            return Ok(());
        };
        let conversation_id = chat.conversation_id;
        self.next_text += 1;
        let text = match self.dice.chance(200) {
            true => String::new(),
            false => format!("{CANARY} {} begun", self.next_text),
        };
        let command = Command::SetDraft {
            conversation_id,
            text: text.clone(),
        };
        let asked = Asked::Draft {
            conversation_id,
            text,
        };
        self.command(person, command, asked)
    }

    /// "I know that this is a new identity", for everyone of whom that is asked.
    pub(super) fn accept_identities(&mut self, person: usize) -> Result<()> {
        for chat in self.person(person).chats(ChatFilter::All) {
            if matches!(chat.trust, Trust::NewIdentity { .. }) {
                let contact_id = chat.contact_id;
                let command = Command::AcceptNewIdentity {
                    contact_id,
                    number: None,
                };
                self.command(person, command, Asked::Other)?;
            }
        }
        Ok(())
    }

    /// Where something stood between two people, each asks once more.
    pub(super) fn ask_again(&mut self, person: usize) -> Result<()> {
        if self.person(person).state() != Some(AccountState::Ready) {
            return Ok(());
        }
        for chat in self.person(person).chats(ChatFilter::All) {
            let other = check::partner(&self.people, person, chat.conversation_id);
            let is_whole = other.is_some_and(|other| self.bonds.is_whole(person, other));
            let can_write = !chat.blocked
                && chat.request != RequestState::Unsent
                && !matches!(chat.trust, Trust::NewIdentity { .. });
            if can_write && !is_whole {
                self.say(person, chat.conversation_id, "are you there?")?;
            }
        }
        Ok(())
    }
}
