//! People: requests, invite links, blocking, safety numbers.

use crate::world::World;
use securechat_engine::api::*;

/// Nothing left, so nothing was asked for: no "request sent", and no waiting for an answer that cannot come.
#[test]
fn a_request_that_is_taken_back_before_it_left_was_none() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.cut(alice);
    let ids = ["hello bob", "are you there?"].map(|text| world.text(alice, conversation, text));
    for (id, state) in ids
        .into_iter()
        .zip([RequestState::Outgoing, RequestState::Unsent])
    {
        let delete = Command::DeleteMessages {
            conversation_id: conversation,
            message_ids: vec![id],
            for_everyone: false,
        };
        world.command(alice, delete).unwrap();
        assert_eq!(world.conversation(alice, conversation).request, state);
    }
    assert!(world.lines(alice, conversation).is_empty());
    world.uncut(alice);
    assert_eq!(world.account(bob).requests, 0);
    world.text(alice, conversation, "hello again");
    world.pass(3_000);
    assert_eq!(world.account(bob).requests, 1);
    assert_eq!(world.texts(bob, conversation), ["hello again"]);
}

#[test]
fn a_request_is_accepted_and_texts_go_both_ways_in_order() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    assert_eq!(
        world.conversation(alice, conversation).request,
        RequestState::Unsent
    );
    let first = world.text(alice, conversation, "hello bob");
    let second = world.text(alice, conversation, "are you there?");
    world.pass(3_000);
    assert_eq!(
        world.state(alice, conversation, first),
        Some(SendState::Sent),
        "strangers get no receipt"
    );
    assert_eq!(
        world.conversation(alice, conversation).request,
        RequestState::Outgoing
    );
    assert_eq!(world.account(bob).requests, 1);
    assert_eq!(
        world.texts(bob, conversation),
        ["hello bob", "are you there?"]
    );
    assert_eq!(world.conversation(bob, conversation).title, "ALICE");

    let answer = world.text(bob, conversation, "I am");
    world.pass(5_000);
    assert_eq!(
        world.texts(alice, conversation),
        [">hello bob", ">are you there?", "I am"]
    );
    assert_eq!(
        world.conversation(alice, conversation).request,
        RequestState::None
    );
    assert_eq!(world.conversation(alice, conversation).title, "BOB");
    for id in [first, second] {
        assert_eq!(
            world.state(alice, conversation, id),
            Some(SendState::Delivered)
        );
    }
    assert_eq!(
        world.state(bob, conversation, answer),
        Some(SendState::Delivered)
    );
    assert_eq!(world.account(alice).pending, 0);
    assert!(
        world
            .relay
            .mailboxes
            .values()
            .all(|mailbox| mailbox.rows.is_empty()),
        "mailboxes are empty at rest"
    );
}

#[test]
fn blocked_is_silence_and_unblocked_goes_on_without_a_gap() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let alice_at_bob = world.contact_of(bob, conversation);
    world
        .command(
            bob,
            Command::Block {
                contact_id: alice_at_bob,
            },
        )
        .unwrap();
    world.pass(3_000);
    let lost = world.text(alice, conversation, "into the void");
    world.pass(3_000);
    assert!(
        !world
            .texts(bob, conversation)
            .contains(&"into the void".to_owned())
    );
    // It looks like a message to somebody who is never online.
    assert_eq!(
        world.state(alice, conversation, lost),
        Some(SendState::Sent)
    );
    assert_eq!(
        world.command(
            bob,
            Command::SendText {
                conversation_id: conversation,
                text: "x".into(),
                reply_to: None
            }
        ),
        Err(RefusalCode::Blocked)
    );
    world
        .command(
            bob,
            Command::Unblock {
                contact_id: alice_at_bob,
            },
        )
        .unwrap();
    world.pass(3_000);
    world.text(alice, conversation, "back again");
    world.pass(120_000);
    assert!(
        world
            .texts(bob, conversation)
            .contains(&"back again".to_owned())
    );
}

#[test]
fn a_declined_request_leaves_nothing() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let conversation = world.add(alice, "bob");
    world.text(alice, conversation, "please");
    world.pass(3_000);
    world
        .command(
            bob,
            Command::DeclineRequest {
                conversation_id: conversation,
            },
        )
        .unwrap();
    assert_eq!(world.account(bob).requests, 0);
    assert_eq!(
        world.query(
            bob,
            Query::Conversation {
                conversation_id: conversation
            }
        ),
        View::NotFound
    );
    world.text(alice, conversation, "pretty please");
    world.pass(3_000);
    assert_eq!(
        world.account(bob).requests,
        1,
        "a further request is a request again"
    );
}

#[test]
fn an_invite_link_finds_its_maker() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob");
    let Ok(Reply::InviteLink { link }) = world.command(alice, Command::CreateInviteLink) else {
        panic!()
    };
    let View::InviteLink(view) = world.query(alice, Query::InviteLink) else {
        panic!()
    };
    assert!(view.link.unwrap().active, "the relay has confirmed it");
    let by = ContactAddress::Link {
        payload: link.payload,
    };
    let Ok(Reply::Conversation {
        conversation_id, ..
    }) = world.command(bob, Command::AddContact { by })
    else {
        panic!()
    };
    world.text(bob, conversation_id, "from your link");
    world.pass(3_000);
    assert_eq!(world.texts(alice, conversation_id), ["from your link"]);
    world.text(alice, conversation_id, "welcome");
    world.pass(3_000);
    assert_eq!(world.conversation(bob, conversation_id).title, "ALICE");
}

#[test]
fn safety_numbers_are_equal_and_the_code_verifies() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let [shown, own] = [bob, alice].map(|index| world.safety_number(index, conversation));
    assert_eq!(shown.groups, own.groups);
    assert_eq!(shown.groups.len(), 12);
    let contact_id = world.contact_of(alice, conversation);
    let garbage = Command::CheckSafetyQr {
        contact_id,
        payload: "https://example.org/menu".into(),
    };
    assert_eq!(
        world.command(alice, garbage),
        Err(RefusalCode::Invalid),
        "no code of ours says nothing about bob"
    );
    let wrong = Command::CheckSafetyQr {
        contact_id,
        payload: own.qr,
    };
    assert_eq!(
        world.command(alice, wrong),
        Ok(Reply::QrChecked { matches: false })
    );
    let right = Command::CheckSafetyQr {
        contact_id,
        payload: shown.qr,
    };
    assert_eq!(
        world.command(alice, right),
        Ok(Reply::QrChecked { matches: true })
    );
    assert!(matches!(
        world.conversation(alice, conversation).trust,
        Trust::Verified { .. }
    ));
    assert!(
        world
            .lines(alice, conversation)
            .contains(&SystemEvent::Verified)
    );
}

/// Who writes first says their own handle. It is shown when the directory says the same, and never replaces the one by
/// which somebody was found.
#[test]
fn a_claimed_handle_counts_only_when_the_directory_agrees() {
    let mut world = World::new();
    let (mallory, bob, carol) = (world.peer(true), world.peer(false), world.peer(false));
    for (index, handle) in [(mallory, "mallory"), (bob, "bob"), (carol, "carol")] {
        world.sign_up(index, handle);
    }
    world.damage(mallory, "UPDATE account_self SET handle = 'carol';");
    world.pass(5_000);
    let false_claim = world.add(mallory, "bob");
    world.text(mallory, false_claim, "it is me, carol");
    let true_claim = world.add(carol, "bob");
    world.text(carol, true_claim, "it is really me");
    world.pass(10_000);
    assert_eq!(world.conversation(bob, false_claim).handle, "");
    assert_eq!(world.conversation(bob, true_claim).handle, "carol");

    // Bob found Mallory by the right handle; the acceptance claims another one.
    let found = world.add(bob, "mallory");
    assert_eq!(found, false_claim);
    assert_eq!(world.conversation(bob, found).handle, "mallory");
    world.text(mallory, false_claim, "still carol");
    world.pass(10_000);
    assert_eq!(world.conversation(bob, found).handle, "mallory");
}

#[test]
fn a_contact_is_found_by_the_beginnings_of_any_words_of_the_name() {
    let mut world = World::new();
    let (alice, bob) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    world.sign_up(bob, "bob.k");
    let conversation = world.add(alice, "bob.k");
    let nickname = Command::SetNickname {
        contact_id: world.contact_of(alice, conversation),
        nickname: "Robert Émile Kovač".to_owned(),
    };
    world.command(alice, nickname).unwrap();
    let found = |text: &str| {
        let query = Query::Contacts {
            text: text.to_owned(),
        };
        match world.query(alice, query) {
            View::Contacts(view) => view.contacts.len(),
            other => panic!("{other:?}"),
        }
    };
    for text in [
        "",
        "rob",
        "robert ém",
        "émile kov",
        "kov ROB",
        "@bob",
        "@bob. kov",
    ] {
        assert_eq!(found(text), 1, "{text}");
    }
    for text in ["obert", "rob x", "kovačs", "bob.kk"] {
        assert_eq!(found(text), 0, "{text}");
    }
}
