//! What people do with each other when everything works.

use crate::world::World;
use securechat_engine::api::*;
use securechat_proto::ConversationId;

fn contact_of(world: &World, index: usize, conversation_id: ConversationId) -> ContactId {
    world.conversation(index, conversation_id).contact_id
}

#[test]
fn sign_up_makes_an_account_that_is_online() {
    let mut world = World::new();
    let alice = world.peer(false);
    assert_eq!(world.account(alice).state, AccountState::None);
    world.sign_up(alice, "alice");
    let account = world.account(alice);
    assert_eq!(
        (account.state, account.connection),
        (AccountState::Ready, Connection::Online)
    );
    assert_eq!(account.handle, "alice");
    assert_eq!(world.relay.accounts.len(), 1);
    assert_eq!(account.pending, 0);
}

#[test]
fn a_taken_handle_leaves_the_store_empty() {
    let mut world = World::new();
    let (alice, other) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    let again = Command::SignUp {
        handle: "alice".into(),
        password: "another one".into(),
        display_name: String::new(),
        device_name: None,
    };
    assert_eq!(world.command(other, again), Err(RefusalCode::HandleTaken));
    assert_eq!(world.account(other).state, AccountState::None);
    world.sign_up(other, "alicia");
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
fn the_relay_sees_no_word_and_no_name() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.text(alice, conversation, "canary-of-alice-text");
    let draft = Command::SetDraft {
        conversation_id: conversation,
        text: "canary-of-draft".into(),
    };
    world.command(bob, draft).unwrap();
    let nickname = Command::SetNickname {
        contact_id: contact_of(&world, bob, conversation),
        nickname: "canary-nickname".into(),
    };
    world.command(bob, nickname).unwrap();
    world
        .command(
            alice,
            Command::SetProfile {
                display_name: "canary-display".into(),
            },
        )
        .unwrap();
    world.pass(10_000);
    assert_eq!(
        world.conversation(bob, conversation).title,
        "canary-nickname"
    );
    for canary in ["canary", "correct horse", "ALICE", "hello bob"] {
        assert!(!world.relay.contains(canary.as_bytes()), "{canary}");
    }
}

#[test]
fn read_receipts_follow_the_switch() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let read = world.text(alice, conversation, "one");
    world.pass(3_000);
    assert_eq!(world.conversation(bob, conversation).unread, 2);
    world
        .command(
            bob,
            Command::MarkRead {
                conversation_id: conversation,
                up_to: read,
            },
        )
        .unwrap();
    assert_eq!(world.conversation(bob, conversation).unread, 0);
    world.pass(3_000);
    assert_eq!(
        world.state(alice, conversation, read),
        Some(SendState::Read)
    );

    let settings = Settings {
        read_receipts: false,
        ..Settings::default()
    };
    world
        .command(bob, Command::UpdateSettings { settings })
        .unwrap();
    let second = world.text(alice, conversation, "two");
    world.pass(3_000);
    world
        .command(
            bob,
            Command::MarkRead {
                conversation_id: conversation,
                up_to: second,
            },
        )
        .unwrap();
    world.pass(3_000);
    assert_eq!(
        world.state(alice, conversation, second),
        Some(SendState::Delivered)
    );
}

#[test]
fn edit_delete_reply_and_reaction_reach_the_other_side() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let id = world.text(alice, conversation, "teh text");
    world.pass(3_000);
    assert_eq!(
        world.command(
            bob,
            Command::EditMessage {
                message_id: id,
                text: "mine".into()
            }
        ),
        Err(RefusalCode::NotAuthor)
    );
    world
        .command(
            alice,
            Command::EditMessage {
                message_id: id,
                text: "the text".into(),
            },
        )
        .unwrap();
    world
        .command(
            bob,
            Command::React {
                message_id: id,
                emoji: "👍".into(),
            },
        )
        .unwrap();
    let reply = Command::SendText {
        conversation_id: conversation,
        text: "seen".into(),
        reply_to: Some(id),
    };
    world.command(bob, reply).unwrap();
    world.pass(3_000);
    let items = world.timeline(alice, conversation);
    let quoted = items.iter().rev().find_map(|item| match &item.body {
        ItemBody::Text {
            reply_to: Some(quote),
            ..
        } => Some(quote.text.clone()),
        _ => None,
    });
    assert_eq!(quoted.as_deref(), Some("the text"));
    let edited = items.iter().find(|item| item.message_id == id).unwrap();
    assert_eq!(
        edited.reactions,
        [Reaction {
            emoji: "👍".into(),
            from_me: false,
            from_them: true
        }]
    );
    assert!(
        world
            .texts(bob, conversation)
            .contains(&"the text".to_owned())
    );
    let View::MessageDetails(details) = world.query(bob, Query::MessageDetails { message_id: id })
    else {
        panic!()
    };
    assert_eq!(details.edits[0].text, "teh text");

    let everyone = |ids| Command::DeleteMessages {
        conversation_id: conversation,
        message_ids: ids,
        for_everyone: true,
    };
    assert_eq!(
        world.command(bob, everyone(vec![id])),
        Err(RefusalCode::NotAuthor)
    );
    world.command(alice, everyone(vec![id])).unwrap();
    world.pass(3_000);
    assert!(
        world
            .texts(bob, conversation)
            .contains(&"deleted".to_owned())
    );
    assert!(
        !world
            .texts(bob, conversation)
            .contains(&"the text".to_owned())
    );
}

#[test]
fn typing_shows_for_a_moment_and_can_be_switched_off() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world
        .command(
            alice,
            Command::SetTyping {
                conversation_id: conversation,
                active: true,
            },
        )
        .unwrap();
    assert!(world.conversation(bob, conversation).typing);
    world.pass(7_000);
    assert!(!world.conversation(bob, conversation).typing);
    let settings = Settings {
        typing_indicators: false,
        ..Settings::default()
    };
    world
        .command(alice, Command::UpdateSettings { settings })
        .unwrap();
    world
        .command(
            alice,
            Command::SetTyping {
                conversation_id: conversation,
                active: true,
            },
        )
        .unwrap();
    assert!(!world.conversation(bob, conversation).typing);
}

#[test]
fn search_finds_words_and_their_beginnings_and_forgets_what_was_deleted() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let id = world.text(alice, conversation, "The Übermut of spring, at noon");
    world.pass(3_000);
    let hits = |world: &World, text: &str| match world.query(
        bob,
        Query::Search {
            text: text.into(),
            conversation_id: None,
            limit: 20,
        },
    ) {
        View::Search(view) => view.hits,
        other => panic!("{other:?}"),
    };
    for text in ["ubermut", "spr", "noon spring", "\"noon\" OR"] {
        let expected = usize::from(!text.contains("OR"));
        assert_eq!(hits(&world, text).len(), expected, "{text}");
    }
    let marked: Vec<SnippetPart> = hits(&world, "spring")[0]
        .snippet
        .iter()
        .filter(|part| part.matched)
        .cloned()
        .collect();
    assert_eq!(
        marked,
        [SnippetPart {
            text: "spring".into(),
            matched: true
        }]
    );
    let delete = Command::DeleteMessages {
        conversation_id: conversation,
        message_ids: vec![id],
        for_everyone: true,
    };
    world.command(alice, delete).unwrap();
    world.pass(3_000);
    assert!(hits(&world, "spring").is_empty());
}

#[test]
fn the_chat_list_shows_the_last_words_not_the_lines_of_the_app() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.text(alice, conversation, "the last words");
    world.pass(3_000);
    let contact_id = contact_of(&world, alice, conversation);
    world.command(alice, Command::Block { contact_id }).unwrap();
    for index in [alice, bob] {
        let View::Chats(chats) = world.query(
            index,
            Query::Chats {
                filter: ChatFilter::All,
            },
        ) else {
            panic!("no chats")
        };
        let preview = chats.items[0].preview.as_ref().unwrap();
        assert_eq!(
            (preview.kind, preview.text.as_str()),
            (PreviewKind::Text, "the last words")
        );
    }
}

#[test]
fn blocked_is_silence_and_unblocked_goes_on_without_a_gap() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let alice_at_bob = contact_of(&world, bob, conversation);
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
    let number = |world: &World, index: usize| match world.query(
        index,
        Query::SafetyNumber {
            contact_id: contact_of(world, index, conversation),
        },
    ) {
        View::SafetyNumber(view) => view,
        other => panic!("{other:?}"),
    };
    let (shown, own) = (number(&world, bob), number(&world, alice));
    assert_eq!(shown.groups, own.groups);
    assert_eq!(shown.groups.len(), 12);
    let contact_id = contact_of(&world, alice, conversation);
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

#[test]
fn the_recovery_kit_is_erased_once_it_was_retyped() {
    let mut world = World::new();
    let alice = world.peer(false);
    world.sign_up(alice, "alice");
    let View::RecoveryKit(kit) = world.query(alice, Query::RecoveryKit) else {
        panic!()
    };
    let all: Vec<char> = kit.groups.concat().chars().collect();
    let asked: String = kit
        .check_positions
        .iter()
        .map(|position| all[*position as usize])
        .collect();
    let wrong: String = asked
        .chars()
        .map(|c| if c == 'A' { 'B' } else { 'A' })
        .collect();
    assert_eq!(
        world.command(alice, Command::ConfirmRecoveryKit { characters: wrong }),
        Err(RefusalCode::Invalid)
    );
    assert_eq!(
        world.command(
            alice,
            Command::ConfirmRecoveryKit {
                characters: asked.to_lowercase()
            }
        ),
        Ok(Reply::Done)
    );
    let View::RecoveryKit(kit) = world.query(alice, Query::RecoveryKit) else {
        panic!()
    };
    assert!(kit.taken && kit.groups.is_empty());
    assert!(world.account(alice).kit_taken);
}

#[test]
fn sessions_are_renewed_listed_and_ended() {
    let mut world = World::new();
    let alice = world.peer(false);
    world.sign_up(alice, "alice");
    world.pass(20 * 60_000);
    assert_eq!(
        world.account(alice).connection,
        Connection::Online,
        "renewed in band"
    );
    assert_eq!(
        world.command(alice, Command::RefreshSessions),
        Ok(Reply::Done)
    );
    let View::Sessions(view) = world.query(alice, Query::Sessions) else {
        panic!()
    };
    assert_eq!(view.sessions.len(), 1);
    assert!(view.sessions[0].current);
    assert_eq!(
        world.command(alice, Command::LogOut { erase: false }),
        Ok(Reply::Done)
    );
    world.pass(5_000);
    assert_eq!(world.account(alice).state, AccountState::SignedOut);
    assert!(world.relay.sessions.is_empty());
    let log_in = |password: &str| Command::LogIn {
        handle: "alice".into(),
        password: password.into(),
    };
    assert_eq!(
        world.command(alice, log_in("wrong password")),
        Err(RefusalCode::WrongCredentials)
    );
    assert_eq!(
        world.command(alice, log_in("correct horse")),
        Ok(Reply::Done)
    );
    world.pass(5_000);
    assert_eq!(world.account(alice).connection, Connection::Online);
}

#[test]
fn another_browser_is_told_that_it_is_not_linked() {
    let mut world = World::new();
    let (alice, other) = (world.peer(false), world.peer(false));
    world.sign_up(alice, "alice");
    let log_in = Command::LogIn {
        handle: "alice".into(),
        password: "correct horse".into(),
    };
    assert_eq!(
        world.command(other, log_in),
        Err(RefusalCode::DeviceNotLinked)
    );
    assert_eq!(world.account(other).state, AccountState::None);
}

#[test]
fn notifications_come_for_what_is_not_looked_at() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.peers[bob].notified.clear();
    world.text(alice, conversation, "ping");
    world.pass(1_000);
    assert_eq!(
        world.peers[bob].notified,
        [("ALICE".to_owned(), Some("ping".to_owned()))]
    );
    world.feed(
        bob,
        securechat_engine::shell::Input::Focus {
            conversation_id: Some(conversation),
        },
    );
    world.text(alice, conversation, "pong");
    world.pass(1_000);
    assert_eq!(world.peers[bob].notified.len(), 1);
}

#[test]
fn the_shell_names_the_device() {
    let mut world = World::new();
    let alice = world.peer(false);
    let sign_up = Command::SignUp {
        handle: "alice".into(),
        password: "a password that is long".into(),
        display_name: "Alice".into(),
        device_name: Some("Firefox on Linux".into()),
    };
    world.command(alice, sign_up).unwrap();
    world.pass(3_000);
    assert_eq!(world.account(alice).device_name, "Firefox on Linux");
    world.command(alice, Command::RefreshSessions).unwrap();
    world.pass(3_000);
    let View::Sessions(view) = world.query(alice, Query::Sessions) else {
        panic!("no sessions")
    };
    assert_eq!(view.sessions[0].name, "Firefox on Linux");
}
