//! The terminal client as people and scripts use it: the real programs, a real server on a free port, two people.

mod bot;
mod codes;
mod lines;
mod loadgen;
mod new_keys;
mod person;
mod server;

use person::Person;
use serde_json::Value;
use server::Server;

/// Two people who have accepted each other.
fn friends(server: &Server) -> (Person, Person) {
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    alice.done(&["signup", "alice", "--name", "Alice of the Hill"]);
    bob.done(&["signup", "bob"]);
    alice.done(&["send", "bob", "hello bob"]);
    bob.eventually(&["contact", "requests"], "/handle", "alice");
    bob.done(&["contact", "accept", "alice"]);
    alice.learns("/contact/request", "none");
    (alice, bob)
}

#[test]
fn two_people_meet_write_find_and_verify_each_other() {
    let server = Server::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    let account = alice.done(&["signup", "alice", "--name", "Alice of the Hill"]);
    assert_eq!(account[0]["account"]["handle"], "alice");
    assert_eq!(account[0]["account"]["connection"], "online");
    bob.done(&["signup", "bob"]);

    let added = alice.done(&["contact", "add", "@Bob"]);
    assert_eq!(added[0]["contact"]["handle"], "bob");
    let sent = alice.done(&["send", "bob", "hello bob"]);
    assert_eq!(sent[0]["state"]["type"], "sent");
    let requests = bob.eventually(&["contact", "requests"], "/handle", "alice");
    assert_eq!(requests[0]["request"]["title"], "Alice of the Hill");
    assert_eq!(requests[0]["request"]["preview"]["text"], "hello bob");
    assert!(
        bob.done(&["receive"]).is_empty(),
        "a request is no message yet"
    );
    assert_eq!(bob.done(&["contact", "accept", "alice"])[0]["done"], true);

    let sent = bob.done(&["send", "alice", "hello yourself"]);
    assert_eq!(sent[0]["state"]["type"], "sent");
    let received = alice.eventually(&["receive"], "/message/body/text", "hello yourself");
    assert_eq!(received[0]["chat"], "bob");
    assert!(alice.done(&["receive"]).is_empty(), "printed once");
    let delivered = alice.failed_or_done(&[
        "send",
        "bob",
        "ends when bob has it",
        "--delivered",
        "--patience",
        "3",
    ]);
    assert_eq!(delivered.0, 5, "bob is away: no receipt in time");
    assert_eq!(delivered.1[0]["state"]["type"], "sent");

    assert_eq!(bob.texts("alice"), ["hello bob", "hello yourself"]);
    bob.eventually(&["receive"], "/message/body/text", "ends when bob has it");
    let hits = bob.done(&["search", "ends"]);
    assert_eq!(hits[0]["hit"]["title"], "Alice of the Hill");
    assert!(bob.done(&["search", "nothing of the kind"]).is_empty());

    let (hers, his) = (
        alice.done(&["verify", "bob"]),
        bob.done(&["verify", "alice"]),
    );
    let groups = |lines: &[Value]| lines[0]["safety_number"]["groups"].clone();
    assert_eq!(groups(&hers), groups(&his));
    assert_eq!(groups(&hers).as_array().map(Vec::len), Some(12));
    let code = his[0]["safety_number"]["qr"].as_str().expect("a code");
    let checked = alice.done(&["verify", "bob", "--qr", code]);
    assert_eq!(checked[0]["safety_number"]["trust"]["type"], "verified");
    let taken_back = alice.done(&["verify", "bob", "--differs"]);
    assert_eq!(
        taken_back[0]["safety_number"]["trust"]["type"],
        "unverified"
    );
}

#[test]
fn a_session_ends_and_comes_back_and_history_stays() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    assert_eq!(alice.done(&["logout"])[0]["done"], true);
    assert_eq!(
        alice.done(&["history", "bob"]).len(),
        3,
        "the line of the request, the text, the acceptance"
    );
    let wrong = server.with_password(&alice, "not the password");
    assert_eq!(
        wrong.refused(&["login", "alice"]),
        (3, "wrong_credentials".into())
    );
    let back = alice.done(&["login", "alice"]);
    assert_eq!(back[0]["account"]["state"], "ready");
    bob.done(&["send", "alice", "welcome back"]);
    alice.eventually(&["receive"], "/message/body/text", "welcome back");
    // Another store is not one of the account's devices, whatever it knows.
    let other = server.person("other");
    assert_eq!(
        other.refused(&["login", "alice"]),
        (3, "device_not_linked".into())
    );
    alice.done(&["logout", "--erase"]);
    assert!(!alice.store().join("store.db").exists());
    assert_eq!(alice.refused(&["history", "bob"]), (3, "no_account".into()));
}

#[test]
fn links_blocks_and_the_kit_work_from_the_terminal() {
    let server = Server::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    alice.done(&["signup", "alice"]);
    bob.done(&["signup", "bob"]);
    let link = alice.done(&["contact", "link"]);
    let url = link[0]["url"].as_str().expect("a link").to_owned();
    assert!(url.starts_with(&format!("{}/#", server.address())), "{url}");
    bob.done(&["contact", "add", "--link", &url]);
    let listed = bob.done(&["contact", "list"]);
    assert_eq!(listed.len(), 1);
    let shown = listed[0]["contact"]["name"].as_str().expect("a name");
    bob.done(&["send", shown, "from your link"]);
    alice.eventually(&["contact", "requests"], "/handle", "bob");
    alice.done(&["contact", "decline", "bob"]);
    assert!(alice.done(&["contact", "requests"]).is_empty());
    bob.done(&["send", shown, "once more"]);
    alice.eventually(&["contact", "requests"], "/handle", "bob");
    alice.done(&["contact", "accept", "bob"]);
    bob.learns("/contact/handle", "alice");

    alice.done(&["contact", "block", "bob"]);
    assert_eq!(alice.refused(&["send", "bob", "x"]), (4, "blocked".into()));
    bob.done(&["send", "alice", "into the void"]);
    assert!(alice.done(&["receive"]).is_empty());
    alice.done(&["contact", "unblock", "bob"]);
    bob.done(&["receive"]);
    bob.done(&["send", "alice", "hello again"]);
    alice.eventually(&["receive"], "/message/body/text", "hello again");

    let kit = alice.done(&["kit"])[0]["kit"].clone();
    let all: Vec<char> = strings(&kit["groups"]).concat().chars().collect();
    let places = kit["check_positions"].as_array().expect("positions");
    let asked: String = places
        .iter()
        .filter_map(Value::as_u64)
        .map(|at| all[at as usize])
        .collect();
    assert_eq!(
        alice.refused(&["kit", "--check", "????"]),
        (2, "invalid".into())
    );
    let taken = alice.done(&["kit", "--check", &asked]);
    assert_eq!(taken[0]["kit"]["taken"], true);
    assert_eq!(taken[0]["kit"]["groups"], Value::Array(vec![]));
}

#[test]
fn as_many_messages_are_printed_as_were_asked_for_and_no_other_is_read() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    for text in ["one", "two", "three"] {
        alice.done(&["send", "bob", text]);
    }
    let received = |task: &[&str]| {
        let lines = bob.done(task);
        let texts = lines
            .iter()
            .filter_map(|line| line["message"]["body"]["text"].as_str());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    // More than one message, of which not one could be printed.
    assert_eq!(bob.onto_a_full_disk(true, &["receive"]).0, Some(1));
    assert_eq!(
        received(&["receive", "--count", "3"]),
        ["hello bob", "one", "two"]
    );
    assert_eq!(received(&["receive"]), ["three"]);
    assert!(received(&["receive"]).is_empty());
}

#[test]
fn a_bot_gets_every_message_once_and_in_order() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    let follower = bob.start(&["receive", "--follow", "--count", "4"]);
    let texts = ["one", "two\nlines", "three \u{1b}[2J", "four"];
    for text in texts {
        alice.done(&["send", "bob", text]);
    }
    let printed = follower.lines();
    let received: Vec<&str> = printed
        .iter()
        .filter_map(|line| line["message"]["body"]["text"].as_str())
        .collect();
    assert_eq!(
        received,
        ["hello bob", "one", "two\nlines", "three \u{1b}[2J"]
    );
    assert_eq!(bob.text(&["receive"]), "@alice (Alice of the Hill): four\n");
    assert!(
        !bob.text(&["history", "alice"]).contains('\u{1b}'),
        "a terminal obeys nobody else"
    );
}

fn strings(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}
