//! What must hold once everything has calmed down.

use crate::person::{CANARY, Person};
use crate::world::World;
use anyhow::{Context, Result, bail, ensure};
use securechat_engine::api::{
    ChatFilter, ItemBody, Query, RequestState, SendState, TimelineItem, View,
};
use securechat_proto::{ContentId, ConversationId, limits};
use std::collections::{BTreeMap, BTreeSet};

/// Runs all checkers; returns how many messages were compared.
pub fn everything(world: &mut World) -> Result<usize> {
    let shown: Vec<BTreeMap<ConversationId, Vec<TimelineItem>>> =
        world.people.iter().map(conversations).collect();
    let mut messages = 0;
    for (index, person) in world.people.iter().enumerate() {
        kept_what_was_said(person, shown.get(index).context("person")?)?;
        finds_what_is_shown(person, shown.get(index).context("person")?)?;
    }
    for a in 0..shown.len() {
        for b in a + 1..shown.len() {
            messages += same_on_both_sides(world, &shown, a, b)?;
        }
    }
    nothing_waits(world)?;
    no_plaintext_at_the_relay(world)?;
    for (index, conversations) in shown.iter().enumerate() {
        for items in conversations.values() {
            for item in items {
                world.trace.event(
                    item.at_ms,
                    index,
                    "shown",
                    format!("{:?}", text_of(item)).as_bytes(),
                );
            }
        }
    }
    Ok(messages)
}

/// Every command that was answered with a message id left that message in the own timeline.
fn kept_what_was_said(
    person: &Person,
    shown: &BTreeMap<ConversationId, Vec<TimelineItem>>,
) -> Result<()> {
    for written in &person.written {
        let item = shown
            .get(&written.conversation_id)
            .and_then(|items| items.iter().find(|item| item.message_id == written.id));
        let Some(item) = item else {
            // Deleted for everyone before anybody had it: there is nobody to show a stone to.
            if written.deleted || written.perhaps_deleted {
                continue;
            }
            bail!(
                "{} lost a message of its own: {:?}",
                person.name,
                written.id
            )
        };
        match &item.body {
            ItemBody::Deleted => ensure!(
                written.deleted || written.perhaps_deleted,
                "{}: deleted by nobody",
                person.name
            ),
            ItemBody::Text { text, .. } => {
                ensure!(
                    !written.deleted,
                    "{}: a deleted message is still there",
                    person.name
                );
                ensure!(
                    *text == written.text || written.perhaps_texts.contains(text),
                    "{}: a message is not what was written",
                    person.name
                );
            }
            other => bail!("{}: own message shown as {other:?}", person.name),
        }
    }
    Ok(())
}

/// Search finds every text that is shown, and nothing else: what was deleted is gone from the index.
fn finds_what_is_shown(
    person: &Person,
    shown: &BTreeMap<ConversationId, Vec<TimelineItem>>,
) -> Result<()> {
    let Some(engine) = &person.engine else {
        return Ok(());
    };
    let texts: BTreeSet<ContentId> = shown
        .values()
        .flatten()
        .filter(|item| matches!(item.body, ItemBody::Text { .. }))
        .map(|item| item.message_id)
        .collect();
    let query = Query::Search {
        text: CANARY.to_owned(),
        conversation_id: None,
        limit: limits::PAGE_ITEMS_MAX,
    };
    let View::Search(found) = engine.query(query) else {
        bail!("{}: search does not answer", person.name)
    };
    let hits: BTreeSet<ContentId> = found.hits.iter().map(|hit| hit.message_id).collect();
    ensure!(
        hits.is_subset(&texts),
        "{}: search finds what is not shown",
        person.name
    );
    ensure!(
        found.more || hits == texts,
        "{}: search does not find what is shown",
        person.name
    );
    Ok(())
}

/// Accepted on both sides: the same messages, each once, in the same order, and their senders know it.
fn same_on_both_sides(
    world: &World,
    shown: &[BTreeMap<ConversationId, Vec<TimelineItem>>],
    a: usize,
    b: usize,
) -> Result<usize> {
    let (Some(at_a), Some(at_b)) = (shown.get(a), shown.get(b)) else {
        bail!("no such person")
    };
    let mut compared = 0;
    let name_of_b = world
        .people
        .get(b)
        .map_or("", |person| person.name.as_str());
    for (conversation, items_a) in at_a {
        if with_whom(world, a, *conversation).as_deref() != Some(name_of_b) {
            continue;
        }
        let Some(items_b) = at_b.get(conversation) else {
            // Opened and never written to: the other side cannot know of it.
            ensure!(
                messages(items_a).is_empty(),
                "messages of person{a} never reached person{b}"
            );
            continue;
        };
        let (list_a, list_b) = (messages(items_a), messages(items_b));
        let ids = |list: &[&TimelineItem]| -> Vec<ContentId> {
            list.iter().map(|item| item.message_id).collect()
        };
        let (ids_a, ids_b) = (ids(&list_a), ids(&list_b));
        for ids in [&ids_a, &ids_b] {
            let unique: BTreeSet<&ContentId> = ids.iter().collect();
            ensure!(unique.len() == ids.len(), "a message is shown twice");
        }
        let (set_a, set_b): (BTreeSet<_>, BTreeSet<_>) =
            (ids_a.iter().collect(), ids_b.iter().collect());
        if set_a != set_b {
            let only_a = set_a.difference(&set_b).count();
            let only_b = set_b.difference(&set_a).count();
            bail!(
                "not the same messages on both sides: {only_a} only at person{a}, {only_b} only at person{b}"
            );
        }
        ensure!(ids_a == ids_b, "not the same order on both sides");
        for (left, right) in list_a.iter().zip(&list_b) {
            ensure!(
                left.from_me != right.from_me,
                "both sides claim, or deny, to have written a message"
            );
            ensure!(
                text_of(left) == text_of(right),
                "a message differs: {:?} and {:?}",
                left.body,
                right.body
            );
            let seen_by = |item: &TimelineItem, mirrored: bool| -> Vec<(String, bool, bool)> {
                item.reactions
                    .iter()
                    .map(|one| match mirrored {
                        false => (one.emoji.clone(), one.from_me, one.from_them),
                        true => (one.emoji.clone(), one.from_them, one.from_me),
                    })
                    .collect()
            };
            ensure!(
                seen_by(left, false) == seen_by(right, true),
                "reactions differ"
            );
            for (item, who) in [(left, a), (right, b)] {
                let knows = matches!(item.state, Some(SendState::Delivered | SendState::Read));
                ensure!(
                    !item.from_me || knows,
                    "person{who} does not know that a message arrived: {:?}",
                    item.state
                );
            }
        }
        compared += ids_a.len();
    }
    Ok(compared)
}

/// The handle of the other side.
fn with_whom(world: &World, person: usize, conversation_id: ConversationId) -> Option<String> {
    match world
        .people
        .get(person)?
        .engine
        .as_ref()?
        .query(Query::Conversation { conversation_id })
    {
        View::Conversation(view) => Some(view.handle),
        _ => None,
    }
}

/// Nothing is open anywhere: outboxes are empty, mailboxes are empty.
fn nothing_waits(world: &mut World) -> Result<()> {
    for person in &world.people {
        if let Some(View::Account(account)) = person
            .engine
            .as_ref()
            .map(|engine| engine.query(Query::Account))
        {
            ensure!(
                account.pending == 0,
                "{} still has {} things to send",
                person.name,
                account.pending
            );
        }
        for chat in person.chats(ChatFilter::All) {
            ensure!(
                chat.request != RequestState::Incoming,
                "{} has an open request",
                person.name
            );
        }
    }
    let waiting = world.relay.waiting_envelopes()?;
    ensure!(waiting == 0, "{waiting} envelopes still wait at the relay");
    Ok(())
}

/// Texts, names and passwords never reach the relay readable, neither on the wire nor on its disk.
fn no_plaintext_at_the_relay(world: &mut World) -> Result<()> {
    let needle = CANARY.as_bytes();
    ensure!(
        !contains(&world.relay.seen, needle),
        "plaintext on the wire"
    );
    for entry in std::fs::read_dir(world.relay.folder())? {
        let path = entry?.path();
        if path.is_file() {
            ensure!(
                !contains(&std::fs::read(&path)?, needle),
                "plaintext in a file of the relay"
            );
        }
    }
    Ok(())
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

/// Everything a person sees, by conversation, oldest first.
fn conversations(person: &Person) -> BTreeMap<ConversationId, Vec<TimelineItem>> {
    let mut all = BTreeMap::new();
    for filter in [ChatFilter::All, ChatFilter::Requests, ChatFilter::Archived] {
        for chat in person.chats(filter) {
            all.insert(chat.conversation_id, timeline(person, chat.conversation_id));
        }
    }
    all
}

fn timeline(person: &Person, conversation_id: ConversationId) -> Vec<TimelineItem> {
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
        .filter(|item| {
            matches!(
                item.state,
                Some(SendState::Failed { .. } | SendState::NotDelivered)
            )
        })
        .map(|item| item.message_id)
        .collect()
}

fn messages(items: &[TimelineItem]) -> Vec<&TimelineItem> {
    items.iter().filter(|item| is_message(item)).collect()
}

fn is_message(item: &TimelineItem) -> bool {
    !matches!(item.body, ItemBody::System { .. })
}

/// What a person reads: text or its absence, without what differs by side.
fn text_of(item: &TimelineItem) -> Option<&str> {
    match &item.body {
        ItemBody::Text { text, .. } => Some(text),
        ItemBody::Deleted => Some("(deleted)"),
        ItemBody::Healing { .. } => Some("(healing)"),
        ItemBody::Lost => Some("(lost)"),
        ItemBody::Unsupported => Some("(unsupported)"),
        ItemBody::System { .. } => None,
    }
}
