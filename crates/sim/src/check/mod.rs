//! What must hold once everything has calmed down.

mod pairs;
mod screens;

pub use screens::{failed, is_delivered, newest_of_others, partner, shows, texts};

use crate::person::{CANARY, Person};
use crate::plan::Style;
use crate::wire;
use crate::world::World;
use anyhow::{Context, Result, bail, ensure};
use screens::{Shown, conversations, has_arrived, has_failed, is_message, text_of};
use securechat_engine::api::{
    AccountState, ChatFilter, ItemBody, Query, RequestState, Trust, View,
};
use securechat_proto::{ContentId, limits};
use std::collections::BTreeSet;

/// Runs all checkers; returns how many messages were compared.
pub fn everything(world: &mut World) -> Result<usize> {
    let shown: Vec<Shown> = world.people.iter().map(conversations).collect();
    let mut messages = 0;
    for (index, person) in world.people.iter().enumerate() {
        kept_what_was_said(person, shown.get(index).context("person")?)?;
        finds_what_is_shown(person, shown.get(index).context("person")?)?;
        keeps_drafts(person)?;
    }
    for a in 0..shown.len() {
        for b in a + 1..shown.len() {
            messages += pairs::same_on_both_sides(world, &shown, a, b)?;
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
fn kept_what_was_said(person: &Person, shown: &Shown) -> Result<()> {
    for written in &person.written {
        let item = shown
            .values()
            .flatten()
            .find(|item| item.message_id == written.id);
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
fn finds_what_is_shown(person: &Person, shown: &Shown) -> Result<()> {
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

/// What somebody began to write is there after every restart, until it is sent.
fn keeps_drafts(person: &Person) -> Result<()> {
    for chat in person.chats(ChatFilter::All) {
        let draft = person.drafts.get(&chat.conversation_id);
        let draft = draft.cloned().unwrap_or_default();
        ensure!(
            chat.draft == draft.text || draft.perhaps.contains(&chat.draft),
            "{}: a draft is not what was begun",
            person.name
        );
    }
    Ok(())
}

/// Nothing is under way any more between people between whom nothing stands.
pub fn is_settled(world: &World) -> Result<()> {
    for (index, person) in world.people.iter().enumerate() {
        let account = person.account().context("a device is off")?;
        ensure!(
            account.pending == 0,
            "{} still has {} things to send",
            person.name,
            account.pending
        );
        for (conversation, items) in conversations(person) {
            let other = partner(&world.people, index, conversation);
            if !other.is_some_and(|other| world.bonds.is_whole(index, other)) {
                continue;
            }
            for item in items.iter().filter(|item| is_message(item)) {
                let is_done = !item.from_me || has_arrived(item) || has_failed(item);
                ensure!(
                    is_done,
                    "a message of {} is still {:?}",
                    person.name,
                    item.state
                );
                ensure!(
                    !matches!(item.body, ItemBody::Healing { .. }),
                    "{} still waits for a repair",
                    person.name
                );
            }
        }
    }
    Ok(())
}

/// Between people who accepted each other, and between whom nothing stands, nothing failed for good.
pub fn nothing_failed(world: &World) -> Result<()> {
    for (index, person) in world.people.iter().enumerate() {
        for chat in person.chats(ChatFilter::All) {
            let other = partner(&world.people, index, chat.conversation_id);
            let is_whole = other.is_some_and(|other| world.bonds.is_whole(index, other));
            if !is_whole || chat.request != RequestState::None {
                continue;
            }
            let items = screens::timeline(person, chat.conversation_id);
            if let Some(item) = items.iter().find(|item| has_failed(item)) {
                bail!(
                    "a message of {} to somebody who accepted ended as {:?}",
                    person.name,
                    item.state
                );
            }
        }
    }
    Ok(())
}

/// Everyone whom somebody wrote to can be talked to, and nothing is left to be tried again.
pub fn is_open(world: &World) -> Result<()> {
    for person in &world.people {
        let account = person.account().context("a device is off")?;
        let name = &person.name;
        ensure!(account.state == AccountState::Ready, "{name} is signed out");
        ensure!(account.pending == 0, "{name} still has things to send");
        ensure!(account.requests == 0, "{name} has an open request");
        ensure!(failed(person).is_empty(), "{name} has unsent messages");
        for chat in person.chats(ChatFilter::All) {
            ensure!(
                chat.request != RequestState::Outgoing,
                "{name} is not answered"
            );
            ensure!(!chat.blocked, "{name} still blocks somebody");
            ensure!(
                !matches!(chat.trust, Trust::NewIdentity { .. }),
                "{name} is still asked about an identity"
            );
        }
    }
    Ok(())
}

/// Nothing is open anywhere: outboxes are empty, mailboxes are empty.
fn nothing_waits(world: &mut World) -> Result<()> {
    is_open(world)?;
    is_settled(world)?;
    let waiting = world.relay.waiting_envelopes()?;
    ensure!(waiting == 0, "{waiting} envelopes still wait at the relay");
    Ok(())
}

/// What devices drop or heal only when somebody lies, or when a ratchet went back. Between honest devices it never
/// happens, however often they and the relay died.
const NEVER: &[&str] = &[
    "open_broken",
    "open_forged",
    "open_malformed",
    "open_unopenable",
    "open_identity_mismatch",
    "open_session_corrupt",
    "session_corrupt",
    "frame_malformed",
    "frame_too_large",
    "content_malformed",
    "content_out_of_bounds",
    "envelope_failed",
    "bundle_refused",
    "prekey_refused",
    "log_refused",
];

/// No device had to drop or heal anything. The devices are off by now.
pub fn nothing_was_broken(world: &World) -> Result<()> {
    for person in &world.people {
        let counts = wire::counts(&person.store())?;
        world
            .trace
            .tell(world.now, || format!("{} counted {counts:?}", person.name));
        // An identity that is gone leaves envelopes behind that nobody can open.
        if matches!(world.plan.style, Style::Rebirth) {
            continue;
        }
        for name in NEVER {
            let count = counts.get(*name).copied().unwrap_or(0);
            ensure!(count == 0, "{} counted {count} {name}", person.name);
        }
    }
    Ok(())
}

/// Every one-time prekey that the relay still hands out is alive on its device: a first message on a dead one would not
/// open. Read from the stores of devices that have ended.
pub fn stock_opens(world: &World) -> Result<()> {
    for person in &world.people {
        let (account, device, alive) = person.one_time_prekeys()?;
        for key in world.relay.stock(&account, &device)? {
            // The device names a key by the first half of its hash.
            let is_alive = alive.iter().any(|name| key.starts_with(name));
            ensure!(
                is_alive,
                "{}: the relay hands out a dead prekey",
                person.name
            );
        }
    }
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
