//! What two people see of their conversation, side by side.

use super::screens::{Shown, has_arrived, messages, partner, text_of};
use crate::person::Person;
use crate::world::World;
use anyhow::{Context, Result, bail, ensure};
use securechat_engine::api::TimelineItem;
use securechat_proto::ContentId;
use std::collections::BTreeSet;

/// Both sides of one conversation.
struct Pair<'a> {
    people: [&'a Person; 2],
    items: [Vec<&'a TimelineItem>; 2],
    /// A message that was tried again after a month, because its receipt never came, stands where it first arrived at
    /// the one and at the end at the other; what was held for an old identity leaves behind what the new one was told.
    may_move: bool,
}

/// Compares the conversation of two people; how many messages that were.
pub fn same_on_both_sides(world: &World, shown: &[Shown], a: usize, b: usize) -> Result<usize> {
    let (Some(at_a), Some(at_b)) = (shown.get(a), shown.get(b)) else {
        bail!("no such person")
    };
    let with = |shown: &'_ Shown, person: usize, other: usize| {
        shown
            .keys()
            .copied()
            .find(|id| partner(&world.people, person, *id) == Some(other))
    };
    let in_a = with(at_a, a, b).and_then(|id| at_a.get(&id));
    let in_b = with(at_b, b, a).and_then(|id| at_b.get(&id));
    let (items_a, items_b) = match (in_a, in_b) {
        (Some(items_a), Some(items_b)) => (items_a, items_b),
        // Opened and never written to: the other side cannot know of it.
        (Some(items), None) | (None, Some(items)) => {
            let nothing = messages(items).is_empty() || !world.bonds.is_whole(a, b);
            ensure!(nothing, "messages between {a} and {b} are on one side only");
            return Ok(0);
        }
        (None, None) => return Ok(0),
    };
    let people = [a, b].map(|index| world.people.get(index));
    let [Some(left), Some(right)] = people else {
        bail!("no such person")
    };
    let pair = Pair {
        people: [left, right],
        items: [messages(items_a), messages(items_b)],
        may_move: world.bonds.of(a, b).apart || world.bonds.of(a, b).reborn,
    };
    pair.each_once()?;
    if !world.bonds.of(a, b).reborn {
        // What was held for the old identity leaves behind what was said to the new one elsewhere.
        pair.as_written()?;
    }
    if world.bonds.is_whole(a, b) {
        pair.all_the_same()
    } else {
        pair.what_both_have_is_the_same()
    }
    .with_context(|| format!("between person{a} and person{b}"))
}

impl Pair<'_> {
    fn ids(&self, side: usize) -> Vec<ContentId> {
        let items = self.items.get(side).into_iter().flatten();
        items.map(|item| item.message_id).collect()
    }

    fn has_moved(&self, id: &ContentId) -> bool {
        let mut written = self.people.iter().flat_map(|person| &person.written);
        self.may_move && written.any(|written| written.id == *id && written.moved)
    }

    fn each_once(&self) -> Result<()> {
        for side in [0, 1] {
            let ids = self.ids(side);
            let unique: BTreeSet<&ContentId> = ids.iter().collect();
            ensure!(unique.len() == ids.len(), "a message is shown twice");
        }
        Ok(())
    }

    /// What one person wrote stands in the order in which it was written, on both sides.
    fn as_written(&self) -> Result<()> {
        for writer in self.people {
            let turn = |id: &ContentId| {
                let written = writer.written.iter().find(|written| written.id == *id)?;
                written.turn.filter(|_| !self.has_moved(id))
            };
            for (side, reader) in [0, 1].into_iter().zip(self.people) {
                let turns: Vec<u64> = self.ids(side).iter().filter_map(turn).collect();
                ensure!(
                    turns.is_sorted(),
                    "what {} wrote is out of order at {}",
                    writer.name,
                    reader.name
                );
            }
        }
        Ok(())
    }

    /// The same messages in the same order, with the same texts and reactions; and their writers know they arrived.
    fn all_the_same(&self) -> Result<usize> {
        let (ids_a, ids_b) = (self.ids(0), self.ids(1));
        let (set_a, set_b): (BTreeSet<_>, BTreeSet<_>) =
            (ids_a.iter().collect(), ids_b.iter().collect());
        if set_a != set_b {
            let only_a = set_a.difference(&set_b).count();
            let only_b = set_b.difference(&set_a).count();
            bail!(
                "not the same messages on both sides: {only_a} only at the one, {only_b} only at the other"
            );
        }
        ensure!(ids_a == ids_b, "not the same order on both sides");
        for (left, right) in self.items[0].iter().zip(&self.items[1]) {
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
            ensure!(
                reactions(left, false) == reactions(right, true),
                "reactions differ"
            );
            for (item, who) in [(left, 0), (right, 1)] {
                ensure!(
                    !item.from_me || has_arrived(item),
                    "{} does not know that a message arrived: {:?}",
                    self.people[who].name,
                    item.state
                );
            }
        }
        Ok(ids_a.len())
    }

    /// Something stood between them: each may lack messages of the other, and changes of them; but nobody sees what
    /// was never written, or written by somebody else.
    fn what_both_have_is_the_same(&self) -> Result<usize> {
        let mut compared = 0;
        for item in &self.items[1] {
            let Some(other) = self.items[0]
                .iter()
                .find(|other| other.message_id == item.message_id)
            else {
                continue;
            };
            compared += 1;
            ensure!(
                item.from_me != other.from_me,
                "both sides claim, or deny, to have written a message"
            );
            self.some_version(item, other)?;
        }
        let both = |side: usize, other: usize| {
            let known: BTreeSet<ContentId> = self.ids(other).into_iter().collect();
            let mut ids = self.ids(side);
            ids.retain(|id| known.contains(id) && !self.has_moved(id));
            ids
        };
        // After a month a message may stand where its second encryption was accepted (engine: messages/order.rs).
        ensure!(
            self.may_move || both(0, 1) == both(1, 0),
            "not the same order of what both sides have"
        );
        Ok(compared)
    }

    fn some_version(&self, one: &TimelineItem, other: &TimelineItem) -> Result<()> {
        if text_of(one) == text_of(other) {
            return Ok(());
        }
        let written = self.people.iter().flat_map(|person| &person.written);
        let Some(written) = written
            .into_iter()
            .find(|written| written.id == one.message_id)
        else {
            return Ok(());
        };
        for item in [one, other] {
            let text = text_of(item).unwrap_or_default();
            let is_deleted = text == "(deleted)" && (written.deleted || written.perhaps_deleted);
            ensure!(
                is_deleted || written.versions.iter().any(|version| version == text),
                "a message was never written like that: {:?}",
                item.body
            );
        }
        Ok(())
    }
}

fn reactions(item: &TimelineItem, mirrored: bool) -> Vec<(String, bool, bool)> {
    item.reactions
        .iter()
        .map(|one| match mirrored {
            false => (one.emoji.clone(), one.from_me, one.from_them),
            true => (one.emoji.clone(), one.from_them, one.from_me),
        })
        .collect()
}
