//! What did not arrive or was not understood: holes in a sender's numbering, contents of a later version.

use crate::relay::Row;
use crate::world::World;
use securechat_engine::api::*;
use securechat_proto::ConversationId;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Content, Text};

/// Bob comes back to three messages of Alice, and the relay holds the second one back.
fn second_of_three_withheld() -> (World, usize, ConversationId, Row) {
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
    let withheld = mailbox.rows.remove(1);
    world.peers[bob].online = true;
    world.pass(30_000);
    (world, bob, conversation, withheld)
}

#[test]
fn what_the_relay_lost_is_shown_as_a_gap() {
    let (mut world, bob, conversation, _) = second_of_three_withheld();
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
    let (mut world, bob, conversation, mut late) = second_of_three_withheld();
    let device = world.account(bob).device_id.unwrap();
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

/// Bob kept a content of a later version raw; the version that understands it shows it where it was said.
#[test]
fn what_was_unsupported_is_read_again_after_an_upgrade() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.text(alice, conversation, "before");
    world.pass(5_000);
    let id = world.text(alice, conversation, "from later");
    world.pass(5_000);
    world.text(alice, conversation, "after");
    world.pass(5_000);
    world.kill(bob);
    let raw = Content {
        conversation_id: conversation.to_vec(),
        content_id: id.to_vec(),
        sequence: 3,
        body: Some(Body::Text(Text {
            body: "from later".into(),
            reply_to: vec![],
        })),
        ..Content::default()
    }
    .encode_to_vec();
    let db = world.store(bob);
    let changed = db
        .execute(
            "UPDATE messages_rows SET kind = 'unsupported', text = '', raw = ?2 WHERE message_id = ?1",
            rusqlite::params![id.as_bytes(), raw],
        )
        .unwrap();
    assert_eq!(changed, 1);
    db.execute_batch("UPDATE store_state SET kinds_known = 3;")
        .unwrap();
    drop(db);
    world.open(bob);
    world.pass(5_000);
    let shown = world.texts(bob, conversation);
    assert!(
        shown.ends_with(&["before".into(), "from later".into(), "after".into()]),
        "{shown:?}"
    );
}

#[test]
fn a_message_without_receipt_is_not_delivered_after_thirty_days() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.kill(bob);
    let id = world.text(alice, conversation, "anybody?");
    world.cut(alice);
    world.settle();
    assert_eq!(world.state(alice, conversation, id), Some(SendState::Sent));
    world.skip(31 * 86_400_000);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::NotDelivered)
    );
}

/// The receipt of a message that was given up comes late: it is delivered, and nothing of it waits to be tried again.
#[test]
fn a_late_receipt_turns_a_failed_message_into_a_delivered_one() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.pass(60_000);
    let id = world.text(alice, conversation, "anybody?");
    // Bob has it, and his network is gone before he says so.
    world.cut(bob);
    assert_eq!(world.count(bob, conversation, "anybody?"), 1);
    world.skip(31 * 86_400_000);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::NotDelivered)
    );
    world.uncut(bob);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Delivered)
    );
    world.kill(alice);
    let rows: i64 = world
        .store(alice)
        .query_row(
            "SELECT count(*) FROM outbox_contents WHERE content_id = ?1",
            [id.0],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, 0);
}
