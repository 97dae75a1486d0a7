//! What did not arrive: holes in a sender's numbering, shown or not.

use crate::world::World;
use securechat_engine::api::*;

#[test]
fn what_the_relay_lost_is_shown_as_a_gap() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.cut(bob);
    for text in ["one", "two", "three"] {
        world.text(alice, conversation, text);
        world.pass(1_000);
    }
    let device = world.account(bob).device_id.unwrap();
    let mailbox = world.relay.mailboxes.get_mut(&device).unwrap();
    assert_eq!(mailbox.rows.len(), 3);
    mailbox.rows.remove(1);
    world.peers[bob].online = true;
    world.pass(30_000);
    assert!(
        !world.lines(bob, conversation).contains(&SystemEvent::Gap),
        "most come a moment later"
    );
    world.pass(60_000);
    let shown: Vec<String> = world
        .timeline(bob, conversation)
        .into_iter()
        .rev()
        .take(3)
        .map(|item| match item.body {
            ItemBody::Text { text, .. } => text,
            body => format!("{body:?}"),
        })
        .collect();
    assert_eq!(shown, ["three", "System { event: Gap }", "one"]);
}

#[test]
fn what_came_late_closes_its_gap() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.cut(bob);
    for text in ["one", "two", "three"] {
        world.text(alice, conversation, text);
        world.pass(1_000);
    }
    let device = world.account(bob).device_id.unwrap();
    let mailbox = world.relay.mailboxes.get_mut(&device).unwrap();
    let mut late = mailbox.rows.remove(1);
    world.peers[bob].online = true;
    world.pass(30_000);
    let mailbox = world.relay.mailboxes.get_mut(&device).unwrap();
    mailbox.next += 1;
    late.sequence = mailbox.next;
    late.delivery.cursor = mailbox.next.to_be_bytes().to_vec();
    mailbox.rows.push(late);
    world.pass(120_000);
    assert!(world.texts(bob, conversation).ends_with(&[
        "one".into(),
        "two".into(),
        "three".into()
    ]));
    assert!(!world.lines(bob, conversation).contains(&SystemEvent::Gap));
}
