//! Networks that end, processes that die, relays that refuse, messages that break.

use crate::world::World;
use securechat_engine::api::*;
use securechat_proto::api::Code;
use securechat_proto::limits::DAY_MS;
use securechat_proto::wire::socket::Outcome;

#[test]
fn frames_that_came_together_are_kept_and_acknowledged_together() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.pass(60_000);
    world.cut(bob);
    let sent: Vec<_> = (0..20)
        .map(|number| {
            world.text(
                alice,
                conversation,
                &format!("while you were away {number}"),
            )
        })
        .collect();
    world.peers[bob].together = true;
    world.uncut(bob);
    let expected: Vec<String> = (0..20)
        .map(|number| format!("while you were away {number}"))
        .collect();
    assert_eq!(world.texts(bob, conversation)[1..], expected);
    let device = world.account(bob).device_id.unwrap();
    assert_eq!(world.relay.mailboxes[&device].rows.len(), 0, "acknowledged");
    for id in sent {
        assert_eq!(
            world.state(alice, conversation, id),
            Some(SendState::Delivered)
        );
    }
}

#[test]
fn written_offline_is_sent_when_the_network_is_back() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.cut(alice);
    let id = world.text(alice, conversation, "from the train");
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Queued)
    );
    assert_eq!(world.account(alice).connection, Connection::Offline);
    world.uncut(alice);
    assert_eq!(world.count(bob, conversation, "from the train"), 1);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Delivered)
    );
}

#[test]
fn sent_to_somebody_offline_arrives_in_order_and_once() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.cut(bob);
    for number in 0..30 {
        world.text(alice, conversation, &format!("number {number}"));
    }
    world.pass(3_600_000);
    world.uncut(bob);
    let shown: Vec<String> = world
        .texts(bob, conversation)
        .into_iter()
        .filter(|text| text.starts_with("number"))
        .collect();
    let expected: Vec<String> = (0..30).map(|number| format!("number {number}")).collect();
    assert_eq!(shown, expected);
}

/// Kills one side after every single input in turn, between commit and outputs, while both write.
#[test]
fn killed_at_any_boundary_nothing_is_lost_and_nothing_comes_twice() {
    for victim in [0, 1] {
        for moment in 0..24 {
            let mut world = World::new();
            let (alice, bob, conversation) = world.friends(true);
            world.peers[victim].die_after = Some(moment);
            for (from, text) in [(alice, "a1"), (bob, "b1"), (alice, "a2"), (bob, "b2")] {
                send_through(&mut world, from, conversation, text);
            }
            world.pass(400_000);
            for (reader, texts) in [(alice, ["b1", "b2"]), (bob, ["a1", "a2"])] {
                for text in texts {
                    assert_eq!(
                        world.count(reader, conversation, text),
                        1,
                        "{victim} {moment} {text}"
                    );
                }
            }
            for index in [alice, bob] {
                assert!(
                    !world
                        .texts(index, conversation)
                        .contains(&"healing".to_owned()),
                    "{victim} {moment}"
                );
                let unsent = world
                    .timeline(index, conversation)
                    .into_iter()
                    .filter(|item| {
                        item.from_me
                            && item.state.is_some()
                            && item.state != Some(SendState::Delivered)
                    });
                assert_eq!(unsent.count(), 0, "{victim} {moment}");
            }
        }
    }
}

/// A person looks whether the message stands in the conversation before writing it again: the kill may have come
/// between the commit and the reply.
fn send_through(
    world: &mut World,
    index: usize,
    conversation: securechat_proto::ConversationId,
    text: &str,
) {
    if world.count(index, conversation, text) == 0 {
        let command = Command::SendText {
            conversation_id: conversation,
            text: text.into(),
            reply_to: None,
        };
        world.feed(
            index,
            securechat_engine::shell::Input::Command {
                command_id: 1000,
                command,
            },
        );
    }
    world.settle();
}

#[test]
fn a_sign_up_killed_at_any_boundary_ends_in_one_account_or_none() {
    for moment in 0..8 {
        let mut world = World::new();
        let alice = world.peer(true);
        world.settle();
        world.peers[alice].die_after = Some(moment);
        let sign_up = Command::SignUp {
            handle: "alice".into(),
            password: "correct horse".into(),
            display_name: String::new(),
            device_name: None,
        };
        world.feed(
            alice,
            securechat_engine::shell::Input::Command {
                command_id: 1000,
                command: sign_up.clone(),
            },
        );
        world.pass(30_000);
        if world.account(alice).state == AccountState::None {
            world.sign_up(alice, "alice");
        }
        assert_eq!(world.account(alice).state, AccountState::Ready, "{moment}");
        assert_eq!(
            world.account(alice).connection,
            Connection::Online,
            "{moment}"
        );
        assert_eq!(world.relay.accounts.len(), 1, "{moment}");
    }
}

#[test]
fn a_full_mailbox_is_tried_again_with_the_same_bytes() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.relay.refuse_submits = Some(Outcome::MailboxFull);
    let id = world.text(alice, conversation, "patience");
    world.pass(60_000);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Queued)
    );
    world.relay.refuse_submits = None;
    world.pass(400_000);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Delivered)
    );
    assert_eq!(world.count(bob, conversation, "patience"), 1);
}

#[test]
fn a_held_request_says_waiting() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.relay.refuse_submits = Some(Outcome::Held);
    let id = world.text(alice, conversation, "later then");
    world.pass(3_000);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Waiting)
    );
}

#[test]
fn a_broken_message_heals_in_place() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.text(alice, conversation, "before");
    world.pass(5_000);
    // Bob's device comes back from a copy of its store in which it had no session with Alice yet.
    world.damage(bob, "DELETE FROM identities_sessions;");
    world.pass(5_000);
    world.text(alice, conversation, "broken one");
    world.settle();
    world.pass(1);
    world.text(alice, conversation, "broken two");
    world.pass(300_000);
    assert_eq!(
        world.count(bob, conversation, "broken one"),
        1,
        "{:?}",
        world.texts(bob, conversation)
    );
    assert_eq!(world.count(bob, conversation, "broken two"), 1);
    assert_eq!(world.count(bob, conversation, "healing"), 0);
    world.text(alice, conversation, "after");
    world.pass(5_000);
    assert_eq!(world.count(bob, conversation, "after"), 1);
}

#[test]
fn a_right_is_registered_before_it_is_given_away() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.relay.tokens_fail = Some((503, Code::Unavailable));
    world.text(alice, conversation, "hello");
    world.pass(3_000);
    assert!(world.relay.tokens.is_empty());
    assert_eq!(
        world.account(bob).requests,
        0,
        "held back until the relay has it"
    );
    world.relay.tokens_fail = None;
    world.pass(60_000);
    assert_eq!(world.texts(bob, conversation), ["hello"]);
    let answer = world.text(bob, conversation, "hi");
    world.pass(10_000);
    assert_eq!(
        world.state(bob, conversation, answer),
        Some(SendState::Delivered)
    );
}

/// A token that is refused again and again ends nothing that must be done.
#[test]
fn a_right_is_registered_however_often_its_bearer_is_refused() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.relay.tokens_fail = Some((401, Code::Unauthenticated));
    world.text(alice, conversation, "hello");
    world.pass(60_000);
    assert_eq!(
        world.account(bob).requests,
        0,
        "held back until the relay has it"
    );
    world.relay.tokens_fail = None;
    world.pass(600_000);
    assert_eq!(world.texts(bob, conversation), ["hello"]);
    world.text(bob, conversation, "hi");
    world.pass(10_000);
    assert_eq!(world.texts(alice, conversation), [">hello", "hi"]);
}

/// Whoever writes much before the other side accepts: what the relay's budget refuses waits, and arrives in order.
#[test]
fn what_is_written_beyond_the_budget_waits_for_the_acceptance() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.relay.requests_left = 5;
    let ids: Vec<_> = (0..20)
        .map(|number| world.text(alice, conversation, &format!("number {number}")))
        .collect();
    world.pass(60_000);
    assert_eq!(world.texts(bob, conversation).len(), 5);
    for id in &ids[5..] {
        let state = world.state(alice, conversation, *id);
        assert!(
            matches!(state, Some(SendState::Waiting | SendState::Queued)),
            "{state:?}"
        );
    }
    let accept = Command::AcceptRequest {
        conversation_id: conversation,
    };
    world.command(bob, accept).unwrap();
    world.pass(60_000);
    let expected: Vec<String> = (0..20).map(|number| format!("number {number}")).collect();
    assert_eq!(world.texts(bob, conversation), expected);
    for id in ids {
        assert_eq!(
            world.state(alice, conversation, id),
            Some(SendState::Delivered)
        );
    }
    assert!(!world.lines(bob, conversation).contains(&SystemEvent::Gap));
}

/// Nobody took a request of ours: the person is told at once, and may try again.
#[test]
fn a_first_request_that_is_refused_fails() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.relay.requests_left = 0;
    let id = world.text(alice, conversation, "hello");
    world.pass(10_000);
    let state = world.state(alice, conversation, id);
    assert!(matches!(state, Some(SendState::Failed { .. })), "{state:?}");
    world.relay.requests_left = 5;
    world.text(alice, conversation, "are you there?");
    world.pass(10_000);
    let again = Command::RetryMessage { message_id: id };
    world.command(alice, again).unwrap();
    world.pass(10_000);
    // Sent again it stands where it was sent.
    assert_eq!(world.texts(bob, conversation), ["are you there?", "hello"]);
}

/// The relay forgot a right while much was under way: everything arrives, in the order in which it was written.
#[test]
fn a_lost_right_turns_no_order_round() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.cut(alice);
    let mut expected = Vec::new();
    for number in 0..12 {
        // One of them fits no introduction.
        let filling = "x".repeat(if number == 3 { 3_000 } else { 0 });
        let text = format!("number {number}{filling}");
        world.text(alice, conversation, &text);
        expected.push(text);
    }
    world.uncut(alice);
    world.cut(alice);
    world.relay.tokens.clear();
    for number in 12..24 {
        let filling = "x".repeat(if number == 15 { 3_000 } else { 0 });
        let text = format!("number {number}{filling}");
        world.text(alice, conversation, &text);
        expected.push(text);
    }
    world.uncut(alice);
    world.pass(600_000);
    let shown: Vec<String> = world
        .texts(bob, conversation)
        .into_iter()
        .filter(|text| text.starts_with("number"))
        .collect();
    assert_eq!(shown, expected);
    assert!(!world.lines(bob, conversation).contains(&SystemEvent::Gap));
}

/// Prekeys that were claimed and not used do not open any more when the other side has erased them since.
#[test]
fn who_was_away_for_long_starts_no_session_on_prekeys_of_then() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.skip(8 * DAY_MS);
    world.text(
        alice,
        conversation,
        "asks for prekeys, which the next message would use",
    );
    world.pass(60_000);
    world.cut(alice);
    for _ in 0..50 {
        world.skip(DAY_MS);
        world.pass(60_000);
    }
    world.text(
        alice,
        conversation,
        "written before the relay could be asked",
    );
    let device = world.account(bob).device_id.unwrap();
    world.relay.sealing_floors.insert(device, 20);
    world.uncut(alice);
    world.pass(120_000);
    assert_eq!(
        world.count(bob, conversation, "written before the relay could be asked"),
        1
    );
    world.kill(bob);
    assert_eq!(broken(&world, bob), 0);
}

/// Envelopes of a killed engine's peers that its sessions did not open.
fn broken(world: &World, index: usize) -> i64 {
    let count = "SELECT count(*) FROM inbox_counts WHERE name = 'open_broken'";
    world
        .store(index)
        .query_row(count, [], |row| row.get(0))
        .unwrap()
}

/// The relay puts one submit off again and again while it would take others: what was sealed later waits with it, for the
/// receiver keeps keys for 40 late messages only.
#[test]
fn what_the_relay_puts_off_does_not_come_too_late_to_open() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.relay.put_off = 4;
    for number in 0..100 {
        world.text(alice, conversation, &format!("number {number}"));
        world.pass(300);
    }
    world.pass(120_000);
    let expected: Vec<String> = (0..100).map(|number| format!("number {number}")).collect();
    let shown = world.texts(bob, conversation);
    assert_eq!(shown[shown.len() - 100..], expected);
    assert_eq!(world.relay.put_off, 0);
    assert_eq!(world.account(alice).pending, 0);
    world.kill(bob);
    assert_eq!(broken(&world, bob), 0);
}

/// What waits for something holds back what is written later, although that could leave.
#[test]
fn nothing_overtakes_what_waits() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.text(alice, conversation, "hello");
    world.pass(3_000);
    world.cut(bob);
    world.relay.tokens_fail = Some((503, Code::Unavailable));
    let accept = Command::AcceptRequest {
        conversation_id: conversation,
    };
    world.command(bob, accept).unwrap();
    for number in 0..3 {
        world.text(bob, conversation, &format!("number {number}"));
    }
    world.uncut(bob);
    for number in 3..6 {
        world.text(bob, conversation, &format!("number {number}"));
        world.pass(1_000);
    }
    world.relay.tokens_fail = None;
    world.pass(600_000);
    let expected: Vec<String> = (0..6).map(|number| format!("number {number}")).collect();
    assert_eq!(world.texts(alice, conversation)[1..], expected);
}

/// After hours without a network nobody waits for the end of a pause.
#[test]
fn the_network_that_is_back_is_used_at_once() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.cut(alice);
    world.text(alice, conversation, "from the train");
    world.pass(3_600_000);
    world.peers[alice].online = true;
    world.feed(alice, securechat_engine::shell::Input::Online);
    world.settle();
    assert_eq!(world.account(alice).connection, Connection::Online);
    assert_eq!(world.count(bob, conversation, "from the train"), 1);
}

/// Nobody ever saw a refused message: its number is free again, and the next words bring it along, in its place.
#[test]
fn a_refused_message_leaves_no_gap_and_keeps_its_place() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.relay.refuse_submits = Some(Outcome::Refused);
    let refused = world.text(alice, conversation, "refused at first");
    world.pass(3_000);
    assert_eq!(
        world.state(alice, conversation, refused),
        Some(SendState::Waiting)
    );
    world.relay.refuse_submits = None;
    world.text(alice, conversation, "taken");
    world.pass(3_000);
    world.text(bob, conversation, "answer");
    world.pass(180_000);
    for index in [alice, bob] {
        let shown: Vec<String> = world
            .texts(index, conversation)
            .into_iter()
            .map(|text| text.trim_start_matches('>').to_owned())
            .collect();
        assert!(
            shown.ends_with(&["refused at first".into(), "taken".into(), "answer".into()]),
            "{shown:?}"
        );
        assert!(!world.lines(index, conversation).contains(&SystemEvent::Gap));
    }
}

#[test]
fn a_refused_message_that_is_deleted_leaves_no_stone() {
    let mut world = World::new();
    let (alice, _, conversation) = world.friends(false);
    world.relay.refuse_submits = Some(Outcome::Refused);
    let refused = world.text(alice, conversation, "refused for good");
    world.pass(3_000);
    world.relay.refuse_submits = None;
    let before = world.timeline(alice, conversation).len();
    let delete = Command::DeleteMessages {
        conversation_id: conversation,
        message_ids: vec![refused],
        for_everyone: true,
    };
    world.command(alice, delete).unwrap();
    world.pass(3_000);
    assert_eq!(world.timeline(alice, conversation).len(), before - 1);
}

/// The relay forgot a right to deliver (restored from a backup): the message arrives all the same, and a new right with
/// it comes back, so that what is no text arrives too.
#[test]
fn a_lost_right_to_deliver_is_given_again() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.relay.tokens.clear();
    let id = world.text(alice, conversation, "without a right");
    world.pass(60_000);
    assert_eq!(world.count(bob, conversation, "without a right"), 1);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Delivered)
    );
    assert_eq!(world.account(bob).requests, 0);
    let edit = Command::EditMessage {
        message_id: id,
        text: "with a new right".into(),
    };
    world.command(alice, edit).unwrap();
    world.pass(60_000);
    assert_eq!(world.count(bob, conversation, "with a new right"), 1);
    assert_eq!(world.account(alice).pending, 0);
    assert_eq!(world.account(bob).pending, 0);
}

/// The same when what was refused can not travel with an introduction.
#[test]
fn a_lost_right_is_asked_for_when_no_text_waits() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let id = world.text(alice, conversation, "before");
    world.pass(60_000);
    world.relay.tokens.clear();
    let edit = Command::EditMessage {
        message_id: id,
        text: "after".into(),
    };
    world.command(alice, edit).unwrap();
    world.pass(60_000);
    assert_eq!(world.count(bob, conversation, "after"), 1);
}

/// After a thousand messages both sides bring fresh keys in, at the same time: nothing is lost over it.
#[test]
fn both_sides_bring_fresh_keys_in_at_once() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    for number in 0..1_200 {
        match number % 100 {
            60 => world.cut(alice),
            65 => world.cut(bob),
            95 => world.uncut(bob),
            99 => world.uncut(alice),
            _ => {}
        }
        world.text(alice, conversation, &format!("a {number}"));
        world.text(bob, conversation, &format!("b {number}"));
        if number % 50 == 0 {
            world.pass(1_000);
        }
    }
    world.pass(120_000);
    for index in [alice, bob] {
        let open = world
            .timeline(index, conversation)
            .into_iter()
            .filter(|item| item.from_me && item.state != Some(SendState::Delivered))
            .count();
        assert_eq!(open, 0, "without a receipt at {index}");
    }
}
