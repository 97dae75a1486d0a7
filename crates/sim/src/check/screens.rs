//! What people see, read from their engines as a screen reads it.

use crate::person::Person;
use securechat_engine::api::{
    ChatFilter, ItemBody, Query, RequestState, SendState, TimelineItem, View,
};
use securechat_proto::{ContentId, ConversationId, limits};
use std::collections::BTreeMap;

/// What one person sees, by conversation, oldest first.
pub type Shown = BTreeMap<ConversationId, Vec<TimelineItem>>;

pub fn conversations(person: &Person) -> Shown {
    let mut all = BTreeMap::new();
    for filter in [ChatFilter::All, ChatFilter::Requests, ChatFilter::Archived] {
        for chat in person.chats(filter) {
            all.insert(chat.conversation_id, timeline(person, chat.conversation_id));
        }
    }
    all
}

pub fn timeline(person: &Person, conversation_id: ConversationId) -> Vec<TimelineItem> {
    let mut items: Vec<TimelineItem> = Vec::new();
    let Some(engine) = &person.engine else {
        return items;
    };
    loop {
        let before = items.first().map(|item| item.message_id);
        let limit = limits::PAGE_ITEMS_MAX;
        let query = Query::Timeline {
            conversation_id,
            before,
            after: None,
            around: None,
            limit,
        };
        let View::Timeline(view) = engine.query(query) else {
            return items;
        };
        let has_older = view.has_older && !view.items.is_empty();
        items.splice(0..0, view.items);
        if !has_older {
            return items;
        }
    }
}

/// Whose conversation it is, by the handle it shows; before the other side has told its own, by both having it.
pub fn partner(people: &[Person], person: usize, conversation_id: ConversationId) -> Option<usize> {
    let conversation = |index: usize| {
        let engine = people.get(index)?.engine.as_ref()?;
        match engine.query(Query::Conversation { conversation_id }) {
            View::Conversation(view) => Some(view),
            _ => None,
        }
    };
    let handle = conversation(person)?.handle;
    people
        .iter()
        .position(|other| other.name == handle)
        .or_else(|| (0..people.len()).find(|at| *at != person && conversation(*at).is_some()))
}

/// The newest message of somebody else in each conversation.
pub fn newest_of_others(person: &Person) -> Vec<(ConversationId, ContentId)> {
    person
        .chats(ChatFilter::All)
        .into_iter()
        .filter_map(|chat| {
            let items = timeline(person, chat.conversation_id);
            let newest = items
                .iter()
                .rev()
                .find(|item| !item.from_me && is_message(item))?;
            Some((chat.conversation_id, newest.message_id))
        })
        .collect()
}

/// Every text a person sees, and where.
pub fn texts(person: &Person) -> Vec<(ConversationId, ContentId)> {
    person
        .chats(ChatFilter::All)
        .into_iter()
        .filter(|chat| chat.request != RequestState::Incoming)
        .flat_map(|chat| {
            timeline(person, chat.conversation_id)
                .into_iter()
                .filter(|item| matches!(item.body, ItemBody::Text { .. }))
                .map(move |item| (chat.conversation_id, item.message_id))
        })
        .collect()
}

/// Own messages that did not arrive and may be tried again.
pub fn failed(person: &Person) -> Vec<ContentId> {
    conversations(person)
        .into_values()
        .flatten()
        .filter(|item| has_failed(item) && matches!(item.body, ItemBody::Text { .. }))
        .map(|item| item.message_id)
        .collect()
}

pub fn has_failed(item: &TimelineItem) -> bool {
    matches!(
        item.state,
        Some(SendState::Failed { .. } | SendState::NotDelivered)
    )
}

pub fn has_arrived(item: &TimelineItem) -> bool {
    matches!(item.state, Some(SendState::Delivered | SendState::Read))
}

/// Whether its writer knows that it arrived.
pub fn is_delivered(person: &Person, conversation_id: ConversationId, id: &ContentId) -> bool {
    timeline(person, conversation_id)
        .iter()
        .any(|item| item.message_id == *id && has_arrived(item))
}

/// Whether a person sees this message anywhere.
pub fn shows(person: &Person, id: &ContentId) -> bool {
    conversations(person)
        .values()
        .flatten()
        .any(|item| item.message_id == *id)
}

pub fn messages(items: &[TimelineItem]) -> Vec<&TimelineItem> {
    items.iter().filter(|item| is_message(item)).collect()
}

pub fn is_message(item: &TimelineItem) -> bool {
    !matches!(item.body, ItemBody::System { .. })
}

/// What a person reads: text or its absence, without what differs by side.
pub fn text_of(item: &TimelineItem) -> Option<&str> {
    match &item.body {
        ItemBody::Text { text, .. } => Some(text),
        ItemBody::Deleted => Some("(deleted)"),
        ItemBody::Healing { .. } => Some("(healing)"),
        ItemBody::Lost => Some("(lost)"),
        ItemBody::Unsupported => Some("(unsupported)"),
        ItemBody::System { .. } => None,
    }
}
