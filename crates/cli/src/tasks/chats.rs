//! Conversations: writing, receiving, reading back, searching.

use super::{Session, may_speak};
use crate::arguments::{Receive, Send};
use crate::driver::Driver;
use crate::failure::{Failure, explain, not_found};
use crate::people;
use anyhow::{Result, bail};
use securechat_engine::api::{
    ChatFilter, ChatItem, Command, ContactAddress, ContactId, ContactItem, ConversationView,
    ItemBody, Query, RefusalCode, Reply, RequestState, SendState, TimelineItem, View,
};
use securechat_proto::{ContentId, ConversationId, handle};
use std::time::Duration;

/// How many rows a terminal page holds.
const PAGE: u32 = 200;
/// A wait without an end looks up this often.
pub(super) const LOOKS_UP: Duration = Duration::from_secs(3600);

/// An own message on its way.
pub(super) struct Sent {
    pub message_id: ContentId,
    pub state: Option<SendState>,
    /// It came as far as was asked for, or will not come any further.
    in_time: bool,
}

impl Session {
    pub(super) async fn send(&mut self, arguments: Send) -> Result<()> {
        let conversation_id = self.chat_with(&arguments.who).await?;
        let sent = self
            .send_to(conversation_id, arguments.text, arguments.delivered)
            .await?;
        self.printer.sent(sent.message_id, sent.state.as_ref())?;
        match sent.state {
            Some(SendState::Failed { code }) => Err(Failure::refused(code).into()),
            _ if sent.in_time => Ok(()),
            _ => may_speak(&self.driver).and(Err(Failure::TimedOut.into())),
        }
    }

    /// The conversation with somebody known, or with whoever has that handle.
    pub(super) async fn chat_with(&mut self, who: &str) -> Result<ConversationId> {
        let error = match people::find(&self.driver, who) {
            Ok(ContactItem {
                conversation_id: Some(id),
                ..
            }) => return Ok(id),
            Ok(_) => not_found(),
            Err(error) => error,
        };
        if matches!(error.downcast_ref(), Some(Failure::Ambiguous)) || handle::parse(who).is_none()
        {
            return Err(error);
        }
        let by = ContactAddress::Handle {
            handle: who.to_owned(),
        };
        match self.command(Command::AddContact { by }).await? {
            Reply::Conversation {
                conversation_id, ..
            } => Ok(conversation_id),
            _ => Err(not_found()),
        }
    }

    /// Waits until the server has it, or with `delivered` the other side.
    pub(super) async fn send_to(
        &mut self,
        conversation_id: ConversationId,
        text: String,
        delivered: bool,
    ) -> Result<Sent> {
        self.driver.start()?;
        let send = Command::SendText {
            conversation_id,
            text,
            reply_to: None,
        };
        let sent = self.command(send).await.map_err(|error| {
            explain(
                error,
                RefusalCode::NewIdentity,
                "nothing is sent before you accept the new keys (`verify WHO --accept-new-keys`)",
            )
        });
        let Reply::Message { message_id } = sent? else {
            bail!("unexpected answer")
        };
        let arrived = |driver: &Driver| match state_of(driver, message_id) {
            Some(SendState::Sent | SendState::Waiting) => !delivered,
            Some(SendState::Queued) | None => false,
            Some(
                SendState::Delivered
                | SendState::Read
                | SendState::Failed { .. }
                | SendState::NotDelivered,
            ) => true,
        };
        let settled = |driver: &Driver| arrived(driver) || may_speak(driver).is_err();
        self.driver.until(self.patience, settled).await?;
        Ok(Sent {
            message_id,
            state: state_of(&self.driver, message_id),
            in_time: arrived(&self.driver),
        })
    }

    pub(super) async fn receive(&mut self, arguments: Receive) -> Result<()> {
        self.connect().await?;
        let mut left = arguments.count.unwrap_or(usize::MAX);
        left -= self.print_unread(left).await?;
        while arguments.follow && left > 0 {
            let news = |driver: &Driver| has_unread(driver) || may_speak(driver).is_err();
            self.driver.until(LOOKS_UP, news).await?;
            left -= self.print_unread(left).await?;
            may_speak(&self.driver)?;
        }
        self.flush().await
    }

    /// Prints at most `most` unread messages of accepted conversations, oldest first, and marks them read.
    pub(super) async fn print_unread(&mut self, most: usize) -> Result<usize> {
        let mut printed = 0;
        for chat in unread(&self.driver) {
            let conversation = self.conversation(chat.conversation_id)?;
            let who = self.label(conversation.contact_id);
            while printed < most
                && let Some(mut items) = self.next_unread(chat.conversation_id)
            {
                items.truncate(most - printed);
                for item in &items {
                    self.printer.message(&who, &conversation, item)?;
                }
                let Some(last) = items.last() else { break };
                let (conversation_id, up_to) = (chat.conversation_id, last.message_id);
                self.command(Command::MarkRead {
                    conversation_id,
                    up_to,
                })
                .await?;
                printed += items.len();
            }
        }
        Ok(printed)
    }

    /// The next unread messages.
    fn next_unread(&self, conversation_id: ConversationId) -> Option<Vec<TimelineItem>> {
        let window = |around, after, limit| match self.driver.query(Query::Timeline {
            conversation_id,
            before: None,
            after,
            around,
            limit,
        }) {
            View::Timeline(view) => Some(view),
            _ => None,
        };
        let newest = window(None, None, 1)?;
        let first = newest.first_unread?;
        let mut items = window(Some(first), None, 1)?.items;
        while let Some(last) = items.last().map(|item| item.message_id) {
            let mut page = window(None, Some(last), PAGE)?;
            items.append(&mut page.items);
            if !page.has_newer {
                break;
            }
        }
        let items = together(items, newest.unread);
        (!items.is_empty()).then_some(items)
    }

    pub(super) fn history(&self, who: &str, limit: u32) -> Result<()> {
        let conversation_id = people::find(&self.driver, who)?
            .conversation_id
            .ok_or_else(not_found)?;
        let conversation = self.conversation(conversation_id)?;
        let who = self.label(conversation.contact_id);
        for item in self.timeline(conversation_id, limit) {
            self.printer.message(&who, &conversation, &item)?;
        }
        Ok(())
    }

    pub(super) fn search(&self, text: String) -> Result<()> {
        let query = Query::Search {
            text,
            conversation_id: None,
            limit: 50,
        };
        if let View::Search(view) = self.driver.query(query) {
            for hit in view.hits {
                let conversation = self.conversation(hit.conversation_id)?;
                let who = self.label(conversation.contact_id);
                self.printer.hit(&who, &conversation.handle, &hit)?;
            }
            for item in view.contacts {
                if let Some(contact) = people::contact(&self.driver, item.contact_id) {
                    self.printer.contact(&contact)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn conversation(&self, conversation_id: ConversationId) -> Result<ConversationView> {
        match self.driver.query(Query::Conversation { conversation_id }) {
            View::Conversation(view) => Ok(view),
            _ => Err(not_found()),
        }
    }

    fn label(&self, contact_id: ContactId) -> String {
        let contact = people::contact(&self.driver, contact_id);
        contact.map_or_else(|| "?".to_owned(), |contact| people::label(&contact))
    }

    /// The newest `limit` rows, oldest first, page by page.
    fn timeline(&self, conversation_id: ConversationId, limit: u32) -> Vec<TimelineItem> {
        let mut items: Vec<TimelineItem> = Vec::new();
        while (items.len() as u64) < u64::from(limit) {
            let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(limit));
            let query = Query::Timeline {
                conversation_id,
                before: items.first().map(|item| item.message_id),
                after: None,
                around: None,
                limit: left.min(PAGE),
            };
            let View::Timeline(mut view) = self.driver.query(query) else {
                break;
            };
            let has_older = view.has_older;
            view.items.append(&mut items);
            items = view.items;
            if !has_older {
                break;
            }
        }
        items
    }
}

/// Of what stands from the first unread message on: all messages where as many are unread, else the first alone. What came
/// late stands among messages that were printed before.
fn together(mut items: Vec<TimelineItem>, unread: u32) -> Vec<TimelineItem> {
    items.retain(is_words);
    if items.len() != unread as usize {
        items.truncate(1);
    }
    items
}

/// What the other side said; lines of the app itself are no messages.
fn is_words(item: &TimelineItem) -> bool {
    !item.from_me && !matches!(item.body, ItemBody::System { .. })
}

pub(super) fn has_unread(driver: &Driver) -> bool {
    !unread(driver).is_empty()
}

/// Accepted conversations with something unread.
fn unread(driver: &Driver) -> Vec<ChatItem> {
    match driver.query(Query::Chats {
        filter: ChatFilter::Unread,
    }) {
        View::Chats(view) => view
            .items
            .into_iter()
            .filter(|chat| chat.request != RequestState::Incoming && !chat.blocked)
            .collect(),
        _ => Vec::new(),
    }
}

fn state_of(driver: &Driver, message_id: ContentId) -> Option<SendState> {
    match driver.query(Query::MessageDetails { message_id }) {
        View::MessageDetails(details) => details.item.state,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use securechat_engine::api::SystemEvent;
    use securechat_proto::Timestamp;

    #[test]
    fn a_message_that_came_late_is_printed_without_its_neighbours() {
        let item = |id: u8, from_me: bool, body: ItemBody| TimelineItem {
            message_id: ContentId([id; 16]),
            at_ms: Timestamp(0),
            from_me,
            body,
            state: None,
            reactions: Vec::new(),
        };
        let lost = |id, from_me| item(id, from_me, ItemBody::Lost);
        let event = SystemEvent::Gap;
        let rows = || {
            vec![
                lost(1, false),
                lost(2, true),
                item(3, false, ItemBody::System { event }),
                lost(4, false),
            ]
        };
        let printed = |unread| {
            let items = together(rows(), unread);
            let ids = items.iter().map(|item| item.message_id.0[0]);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(printed(2), [1, 4], "they stand together");
        assert_eq!(printed(1), [1], "the other one was printed before");
    }
}
