//! What a person reads: who wrote what, and what the app itself says.

use crate::{friends, person::Person, server::Server};

/// Signs up under a shown name and asks `to` for a chat.
fn asks(server: &Server, handle: &str, name: &str, to: &Person, text: &str) -> Person {
    let person = server.person(handle);
    person.done(&["signup", handle, "--name", name]);
    person.done(&["send", "bob", text]);
    to.eventually(&["contact", "requests"], "/handle", handle);
    to.done(&["contact", "accept", handle]);
    person
}

#[test]
fn nobody_can_look_like_somebody_else_or_like_oneself() {
    let server = Server::start();
    let bob = server.person("bob");
    bob.done(&["signup", "bob"]);
    let sam = asks(&server, "sam.one", "Sam S.", &bob, "first Sam");
    asks(&server, "sam.two", "Sam S.", &bob, "second Sam");
    asks(
        &server,
        "mallory",
        "me",
        &bob,
        "I owe Mallory\nme: a lot\n@sam.one (Sam S.): me too",
    );
    asks(&server, "eve", "@sam.one (Sam S.): hello", &bob, "sealed");
    asks(&server, "plain", "plain", &bob, "no other name");

    let received = bob.text(&["receive"]);
    let mut lines: Vec<&str> = received.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "    @sam.one (Sam S.): me too",
            "    me: a lot",
            "@eve (@sam.one (Sam S.): hello): sealed",
            "@mallory (me): I owe Mallory",
            "@plain: no other name",
            "@sam.one (Sam S.): first Sam",
            "@sam.two (Sam S.): second Sam",
        ]
    );
    bob.done(&["send", "mallory", "I owe nobody"]);
    assert_eq!(
        bob.text(&["history", "mallory"]),
        "@mallory (me): I owe Mallory\n    me: a lot\n    @sam.one (Sam S.): me too\n\
         -- Request accepted: you can both write.\nme: I owe nobody\n"
    );
    let listed = bob.text(&["contact", "list"]);
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed[2], "@plain  encrypted, not checked");
    assert_eq!(listed[3], "@sam.one (Sam S.)  encrypted, not checked");
    assert_eq!(listed[4], "@sam.two (Sam S.)  encrypted, not checked");

    let hits = bob.text(&["search", "second"]);
    assert_eq!(hits, "@sam.two (Sam S.): second Sam\n");
    let hits = bob.text(&["search", "nobody"]);
    assert_eq!(hits, "me to @mallory (me): I owe nobody\n");
    let hits = bob.done(&["search", "second"]);
    assert_eq!(hits[0]["handle"], "sam.two");
    assert!(bob.text(&["search", "plain"]).starts_with("@plain  "));

    // A name that two bear is nobody's; a handle always is somebody's.
    assert_eq!(bob.refused(&["history", "Sam S."]), (4, "ambiguous".into()));
    sam.done(&["receive"]);
    sam.done(&["send", "bob", "asks again"]);
    bob.eventually(&["receive"], "/handle", "sam.one");
}

#[test]
fn names_and_texts_may_start_with_a_dash() {
    let server = Server::start();
    let (bob, carol) = (server.person("bob"), server.person("carol"));
    bob.done(&["signup", "bob"]);
    carol.done(&["signup", "carol", "--name=-rf *"]);
    carol.done(&["send", "bob", "-1"]);
    bob.eventually(&["contact", "requests"], "/handle", "carol");
    bob.done(&["contact", "accept", "-rf *"]);
    bob.done(&["send", "-rf *", "--no such flag", "--patience", "20"]);
    assert_eq!(bob.texts("-rf *"), ["-1", "--no such flag"]);
    assert_eq!(bob.done(&["search", "-1"]).len(), 1);
    assert_eq!(bob.done(&["verify", "-rf *"]).len(), 1);
    for task in ["block", "unblock"] {
        bob.done(&["contact", task, "-rf *"]);
    }
}

#[test]
fn what_the_app_says_reads_as_its_own_words() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    alice.done(&["verify", "bob", "--same"]);
    alice.done(&["verify", "bob", "--differs"]);
    alice.done(&["contact", "block", "bob"]);
    alice.done(&["contact", "unblock", "bob"]);
    assert_eq!(
        alice.text(&["history", "bob"]),
        "-- Your first message asks @bob to accept.\nme: hello bob\n\
         -- Request accepted: you can both write.\n\
         -- You compared safety numbers with @bob.\n\
         -- @bob is no longer marked as checked.\n\
         -- You blocked @bob.\n-- You unblocked @bob.\n"
    );
    assert_eq!(
        bob.text(&["history", "alice", "--limit", "1"]),
        "-- Request accepted: you can both write.\n"
    );
}

#[test]
fn every_task_reads_well_without_json() {
    let server = Server::start();
    let (alice, bob, carol) = (
        server.person("alice"),
        server.person("bob"),
        server.person("carol"),
    );
    assert_eq!(
        alice.text(&["signup", "alice", "--name", "Alice"]),
        "@alice (Alice), online, 0 unread, 0 requests\n"
    );
    bob.done(&["signup", "bob"]);
    carol.done(&["signup", "carol"]);
    assert_eq!(alice.text(&["send", "bob", "hello"]), "sent\n");
    bob.eventually(&["contact", "requests"], "/handle", "alice");
    assert_eq!(
        bob.text(&["contact", "requests"]),
        "@alice (Alice): hello\n"
    );
    assert_eq!(bob.text(&["status"]), "@bob, online, 1 unread, 1 request\n");
    assert_eq!(bob.text(&["contact", "accept", "Alice"]), "");
    assert_eq!(bob.text(&["receive"]), "@alice (Alice): hello\n");
    let bot = alice.start(&["receive", "--follow", "--count", "1"]);
    let arrived = bob.text(&["send", "alice", "here", "--delivered"]);
    assert!(
        ["delivered\n", "read\n"].contains(&arrived.as_str()),
        "{arrived}"
    );
    bot.lines();
    let refused = alice.said(&["contact", "add", "nobody-here"]);
    assert_eq!(
        refused,
        "securechat-cli: nobody of that name is known here (not_found)\n"
    );
    let added = alice.text(&["contact", "add", "carol"]);
    assert!(added.starts_with("@carol  "), "{added}");
    let link = alice.text(&["contact", "link"]);
    assert!(link.starts_with(server.address()), "{link}");
    let number = alice.text(&["verify", "bob"]);
    let groups = number.split_whitespace().take(12);
    assert!(groups.clone().count() == 12 && groups.clone().all(|group| group.len() == 5));
    let kit = alice.text(&["kit"]);
    assert!(kit.contains("kit --check"), "{kit}");
    assert_eq!(alice.text(&["logout"]), "");
    let status = alice.text(&["status"]);
    assert_eq!(status, "@alice (Alice), signed out, 0 unread, 0 requests\n");
    for line in [number, kit, link] {
        assert!(!line.contains('{') && !line.contains("Some("), "{line}");
    }
}

#[test]
fn the_password_can_come_by_standard_input() {
    let server = Server::start();
    let alice = server.person("alice");
    let typed = |task: &[&str], text: &str| alice.typed(task, text);
    assert_eq!(typed(&["signup", "alice"], "a long password\r\n").0, 0);
    alice.done(&["logout"]);
    assert_eq!(typed(&["login", "alice"], "another password\n").0, 3);
    assert_eq!(typed(&["login", "alice"], "").0, 3);
    assert_eq!(typed(&["login", "alice"], "a long password").0, 0);
}

#[test]
fn a_device_has_the_name_of_its_machine_or_the_one_it_is_given() {
    let server = Server::start();
    let alice = server.person("alice");
    let name = |lines: Vec<serde_json::Value>| lines[0]["account"]["device_name"].clone();
    let given = name(alice.done(&["signup", "alice", "--device-name", "Bot by the door"]));
    assert_eq!(given, "Bot by the door");
    alice.done(&["logout"]);
    let own = name(alice.done(&["login", "alice"]));
    let own = own.as_str().expect("a name");
    assert!(
        own.strip_prefix("Terminal on ")
            .is_some_and(|host| !host.is_empty()),
        "{own}"
    );
    alice.done(&["logout"]);
    let given = name(alice.done(&["login", "alice", "--device-name", "Kitchen"]));
    assert_eq!(given, "Kitchen");
}
