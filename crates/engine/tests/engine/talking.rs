//! What people say to each other when everything works.

use crate::world::World;
use securechat_engine::api::*;
use securechat_engine::shell::{Input, Output, Topic};

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
        contact_id: world.contact_of(bob, conversation),
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
    for canary in ["canary", "correct horse", "hello bob"] {
        assert!(!world.relay.contains(canary.as_bytes()), "{canary}");
    }
}

/// A view of the conversation that was read before would lose the draft at the next key.
#[test]
fn a_kept_draft_is_told_to_the_list_and_to_the_conversation() {
    let mut world = World::new();
    let (alice, _bob, conversation) = world.friends(false);
    let draft = Input::Command {
        command_id: 900,
        command: Command::SetDraft {
            conversation_id: conversation,
            text: "half a thought".into(),
        },
    };
    let engine = world.peers[alice].engine.as_mut().unwrap();
    let outputs = engine.handle(draft, world.now).unwrap();
    let told = |topic: &Topic| {
        let said =
            |output: &Output| matches!(output, Output::Changed { topic: said } if said == topic);
        outputs.0.iter().any(said)
    };
    for topic in [
        Topic::Chats,
        Topic::Conversation {
            conversation_id: conversation,
        },
    ] {
        assert!(told(&topic), "{topic:?}");
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
    let typing = Command::SetTyping {
        conversation_id: conversation,
        active: true,
    };
    world.command(alice, typing.clone()).unwrap();
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
    world.command(alice, typing).unwrap();
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
fn search_takes_the_newest_first_and_says_that_there_are_more() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    let sent: Vec<_> = (0..5)
        .map(|number| {
            let id = world.text(alice, conversation, &format!("harbour {number}"));
            world.pass(1_000);
            id
        })
        .collect();
    let search = |limit| {
        let text = "harbour".into();
        match world.query(
            bob,
            Query::Search {
                text,
                conversation_id: Some(conversation),
                limit,
            },
        ) {
            View::Search(view) => {
                let ids: Vec<_> = view.hits.iter().map(|hit| hit.message_id).collect();
                (ids, view.more)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(search(3), (vec![sent[4], sent[3], sent[2]], true));
    let all: Vec<_> = sent.iter().rev().copied().collect();
    assert_eq!(search(5), (all, false));
}

#[test]
fn the_chat_list_shows_the_last_words_not_the_lines_of_the_app() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.text(alice, conversation, "the last words");
    world.pass(3_000);
    let contact_id = world.contact_of(alice, conversation);
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
fn an_encrypted_store_tells_what_it_holds() {
    let mut world = World::new();
    let (_, bob, conversation) = world.friends(true);
    world.text(bob, conversation, "hello alice");
    let View::Storage(stored) = world.query(bob, Query::Storage) else {
        panic!("no answer");
    };
    assert_eq!((stored.messages, stored.conversations), (2, 1));
    assert!(stored.database_bytes > 4096, "{}", stored.database_bytes);
}
