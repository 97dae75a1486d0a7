//! A bot: one process that prints what arrives and takes orders on its standard input.

use crate::{friends, server::Server};
use serde_json::{Value, json};

#[test]
fn a_bot_answers_while_it_listens() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    let mut bot = bob.start(&["bot"]);
    let account = bot.line("account");
    assert_eq!(account["account"]["connection"], "online");
    let first = bot.line("message");
    assert_eq!(first["message"]["body"]["text"], "hello bob");
    let conversation = first["conversation_id"].clone();

    bot.order(&json!({ "send": { "to": "alice", "text": "by handle" } }));
    assert_eq!(bot.line("message_id")["state"]["type"], "sent");
    bot.order(&json!({ "send": { "to": { "conversation_id": conversation }, "text": "by id" } }));
    assert_eq!(bot.line("message_id")["state"]["type"], "sent");
    alice.eventually(&["receive"], "/message/body/text", "by id");
    assert_eq!(alice.texts("bob"), ["hello bob", "by handle", "by id"]);

    alice.done(&["send", "bob", "while it listens"]);
    let heard = bot.line("message");
    assert_eq!(heard["message"]["body"]["text"], "while it listens");
    assert_eq!(heard["handle"], "alice");

    // Somebody new asks; the bot accepts, blocks and lets in again.
    let carol = server.person("carol");
    carol.done(&["signup", "carol"]);
    carol.done(&["send", "bob", "may I?"]);
    let request = bot.line("request");
    assert_eq!(request["handle"], "carol");
    let carols = json!({ "conversation_id": request["conversation_id"] });
    bot.order(&json!({ "accept": { "who": carols } }));
    assert_eq!(bot.line("done")["done"], true);
    assert_eq!(bot.line("message")["message"]["body"]["text"], "may I?");
    for order in ["block", "unblock"] {
        for who in [&json!("carol"), &carols] {
            bot.order(&json!({ order: { "who": who } }));
            assert_eq!(bot.line("done")["done"], true, "{order} {who}");
        }
    }
    let dave = server.person("dave");
    dave.done(&["signup", "dave"]);
    for text in ["let me in", "please"] {
        dave.done(&["send", "bob", text]);
        assert_eq!(bot.line("request")["request"]["preview"]["text"], text);
        bot.order(&json!({ "decline": { "who": "dave" } }));
        assert_eq!(bot.line("done")["done"], true);
    }
    assert!(bot.end().is_empty(), "nothing is printed twice");
}

#[test]
fn a_bot_outlives_every_wrong_order() {
    let server = Server::start();
    let (_alice, bob) = friends(&server);
    let mut bot = bob.start(&["bot"]);
    bot.line("message");
    let longest = json!({ "send": { "to": "alice", "text": "\u{1}".repeat(16 * 1024) } });
    for (line, code) in [
        ("nonsense".to_owned(), "invalid_order"),
        ("{}".to_owned(), "invalid_order"),
        ("[]".to_owned(), "invalid_order"),
        (r#"{"send":{"to":"alice"}}"#.to_owned(), "invalid_order"),
        (
            r#"{"send":{"to":7,"text":"x"}}"#.to_owned(),
            "invalid_order",
        ),
        (
            r#"{"send":{"to":"alice","text":"x","delivered":1}}"#.to_owned(),
            "invalid_order",
        ),
        (r#"{"erase":{}}"#.to_owned(), "invalid_order"),
        ("\u{fffd}\u{0}".to_owned(), "invalid_order"),
        ("[".repeat(100_000), "invalid_order"),
        ("x".repeat(1_000_000), "invalid_order"),
        (
            r#"{"send":{"to":"nobody-here","text":"x"}}"#.to_owned(),
            "not_found",
        ),
        (r#"{"send":{"to":"","text":"x"}}"#.to_owned(), "not_found"),
        (
            r#"{"send":{"to":{"conversation_id":"AAAAAAAAAAAAAAAAAAAAAA"},"text":"x"}}"#.to_owned(),
            "not_found",
        ),
        (r#"{"send":{"to":"alice","text":""}}"#.to_owned(), "invalid"),
        (
            r#"{"accept":{"who":"nobody-here"}}"#.to_owned(),
            "not_found",
        ),
        (
            r#"{"decline":{"who":{"conversation_id":"AAAAAAAAAAAAAAAAAAAAAA"}}}"#.to_owned(),
            "not_found",
        ),
        (
            r#"{"block":{"who":{"conversation_id":"AAAAAAAAAAAAAAAAAAAAAA"}}}"#.to_owned(),
            "not_found",
        ),
        (
            r#"{"block":{"who":{"conversation_id":"not an id"}}}"#.to_owned(),
            "invalid_order",
        ),
    ] {
        bot.write(line.as_bytes());
        let answer = bot.next();
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    bot.write(b"\xff\xfe not text");
    assert_eq!(bot.next()["error"]["code"], "invalid_order");
    bot.write(b"");
    bot.order(&longest);
    assert!(
        bot.next()["message_id"].is_string(),
        "an empty line is no order"
    );
    assert!(bot.end().is_empty());
}

#[test]
fn a_bot_ends_with_what_was_ordered_when_nobody_orders_any_more() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    let mut bot = bob.start(&["bot"]);
    bot.line("message");
    for number in 0..3 {
        bot.order(&json!({ "send": { "to": "alice", "text": format!("number {number}") } }));
    }
    let answers = bot.end();
    let states = answers.iter().map(|line| &line["state"]["type"]);
    assert_eq!(states.collect::<Vec<_>>(), ["sent", "sent", "sent"]);
    alice.eventually(&["receive"], "/message/body/text", "number 2");
    assert_eq!(
        alice.texts("bob"),
        ["hello bob", "number 0", "number 1", "number 2"]
    );
}

/// The bot of the documentation, as it stands there.
#[test]
fn the_bot_in_the_documentation_works() {
    let page = include_str!("../../../../docs/cli.md");
    let code = page.split("```python\n").nth(1).expect("an example");
    let code = code.split("```").next().expect("its end");
    let lines = code.lines().filter(|line| !line.is_empty());
    assert_eq!(lines.count(), 10, "a bot is ten lines");
    let server = Server::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    alice.done(&["signup", "alice"]);
    bob.done(&["signup", "bob"]);
    let python = bob.python(code);
    alice.done(&["send", "bob", "hello"]);
    alice.eventually(&["receive"], "/message/body/text", "You said: hello");
    alice.done(&["send", "bob", "again"]);
    let told = alice.eventually(&["receive"], "/message/body/text", "You said: again");
    let texts: Vec<&Value> = told
        .iter()
        .map(|line| &line["message"]["body"]["text"])
        .collect();
    assert_eq!(texts, ["You said: again"]);
    drop(python);
}
