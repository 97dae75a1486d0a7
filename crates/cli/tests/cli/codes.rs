//! Every row of the table of exit codes in `docs/cli.md`.

use crate::{friends, person::Person, server::Server};
use serde_json::{Value, json};

/// Needs somebody who is signed in; with it, the tasks that only need an account in the store.
const ONLINE: [&[&str]; 13] = [
    &["status"],
    &["receive"],
    &["receive", "--follow"],
    &["bot"],
    &["send", "bob", "x"],
    &["contact", "add", "bob"],
    &["contact", "requests"],
    &["contact", "accept", "bob"],
    &["contact", "decline", "bob"],
    &["contact", "block", "bob"],
    &["contact", "unblock", "bob"],
    &["contact", "link"],
    &["contact", "add", "--link", "x"],
];
const LOCAL: [&[&str]; 7] = [
    &["history", "bob"],
    &["search", "hello"],
    &["contact", "list"],
    &["verify", "bob"],
    &["kit"],
    &["kit", "--check", "????"],
    &["logout"],
];

#[test]
fn without_an_account_every_task_says_so_and_makes_no_store() {
    let server = Server::start();
    let nobody = server.person("nobody");
    for task in ONLINE.iter().chain(&LOCAL) {
        assert_eq!(nobody.refused(task), (3, "no_account".into()), "{task:?}");
    }
    assert!(!nobody.store().exists(), "a mistyped folder stays away");
    // A store that was made for a sign-up which did not work is no account either.
    let short = server.with_password(&nobody, "short");
    assert_eq!(
        short.refused(&["signup", "nobody"]),
        (2, "password_too_short".into())
    );
    for task in ONLINE.iter().chain(&LOCAL) {
        assert_eq!(nobody.refused(task), (3, "no_account".into()), "{task:?}");
    }
    assert_eq!(
        nobody.said(&["status"]),
        "securechat-cli: there is no account in this store yet: `signup HANDLE` makes one (no_account)\n"
    );
}

#[test]
fn signed_out_one_reads_and_is_told_to_log_in_for_the_rest() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    alice.done(&["logout"]);
    for task in ONLINE {
        assert_eq!(
            alice.refused(task),
            (3, "password_needed".into()),
            "{task:?}"
        );
    }
    assert!(alice.said(&["send", "bob", "x"]).contains("login"));
    assert!(alice.text(&["status"]).contains("signed out"));
    assert!(!alice.done(&["history", "bob"]).is_empty());
    assert_eq!(alice.done(&["contact", "list"]).len(), 1);
    assert_eq!(alice.done(&["search", "hello"]).len(), 1);
    assert_eq!(alice.done(&["verify", "bob"]).len(), 1);
    alice.done(&["login", "alice"]);
    bob.done(&["send", "alice", "the last word"]);
    alice.eventually(&["receive"], "/message/body/text", "the last word");
    assert_eq!(
        bob.text(&["receive"]),
        "@alice (Alice of the Hill): hello bob\n",
        "nothing was queued"
    );
}

#[test]
fn what_is_typed_wrong_is_told_apart_from_what_is_refused() {
    let server = Server::start();
    let (alice, _bob) = friends(&server);
    let other = server.person("other");
    // 2: the arguments are wrong, whatever the state.
    for task in [
        &["frobnicate"][..],
        &["send", "bob"],
        &["contact", "add"],
        &["history", "bob", "--limit", "many"],
        &["contact", "add", "bob", "--link", "x"],
        &["verify", "bob", "--same", "--differs"],
        &["receive", "--count", "-1"],
        &["status", "--patience", "0"],
        &["status", "--patience", "18446744073709551615"],
    ] {
        assert_eq!(alice.refused(task), (2, "usage".into()), "{task:?}");
    }
    let long = "x".repeat(17_000);
    for task in [&["signup", "NOT A HANDLE"][..], &["login", "no"]] {
        assert_eq!(
            other.refused(task),
            (2, "handle_invalid".into()),
            "{task:?}"
        );
    }
    for (task, name) in [
        (&["contact", "add", "no"][..], "handle_invalid"),
        (&["contact", "add", "--link", "garbage"], "invalid"),
        (&["verify", "bob", "--qr", "garbage"], "invalid"),
        (&["kit", "--check", "????"], "invalid"),
        (&["send", "bob", ""], "invalid"),
        (&["send", "bob", &long], "too_long"),
    ] {
        assert_eq!(alice.refused(task), (2, name.into()), "{task:?}");
    }
    assert_eq!(
        alice.at("ftp://example.org").refused(&["status"]),
        (2, "invalid_address".into())
    );
    let wrong = |password| server.with_password(&other, password);
    let endless = "x".repeat(300);
    for password in ["", "short", &endless] {
        assert_eq!(
            wrong(password).refused(&["signup", "other"]),
            (2, "password_too_short".into())
        );
    }

    // 3: what log-in refuses, whatever is wrong with the password.
    for password in ["", "short", "not the password"] {
        assert_eq!(
            wrong(password).refused(&["login", "alice"]),
            (3, "wrong_credentials".into())
        );
    }
    assert_eq!(
        other.refused(&["login", "alice"]),
        (3, "device_not_linked".into())
    );

    // 4: understood, and refused.
    for (task, name) in [
        (&["signup", "alice"][..], "account_exists"),
        (&["login", "bob"], "account_exists"),
        (&["contact", "add", "alice"], "own_account"),
        (&["contact", "add", "nobody-here"], "not_found"),
        (&["contact", "accept", "nobody-here"], "not_found"),
        (&["contact", "block", "nobody-here"], "not_found"),
        (&["send", "nobody-here", "x"], "not_found"),
        (&["send", "Nobody At All", "x"], "not_found"),
        (&["history", "nobody-here"], "not_found"),
        (&["verify", "nobody-here"], "not_found"),
    ] {
        assert_eq!(alice.refused(task), (4, name.into()), "{task:?}");
    }
    assert_eq!(
        other.refused(&["signup", "alice"]),
        (4, "handle_taken".into())
    );
    alice.done(&["contact", "block", "bob"]);
    assert_eq!(alice.refused(&["send", "bob", "x"]), (4, "blocked".into()));
}

#[test]
fn a_server_that_does_not_answer_keeps_nobody_waiting_for_long() {
    let server = Server::start();
    let (alice, _bob) = friends(&server);
    let away = alice.at("http://127.0.0.1:9");
    for task in [
        &["status"][..],
        &["receive"],
        &["bot"],
        &["contact", "requests"],
        &["contact", "add", "carol"],
        &["send", "bob", "waits"],
    ] {
        let task = [task, &["--patience", "1"]].concat();
        let (code, name) = away.refused(&task);
        assert_eq!(code, 5, "{task:?}: {name}");
        assert!(["timed_out", "offline"].contains(&name.as_str()), "{name}");
    }
    assert!(away.text(&["history", "bob"]).ends_with("me: waits\n"));
}

#[test]
fn a_code_of_another_identity_is_no_typing_mistake() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    let qr = |lines: Vec<Value>| {
        let code = lines[0]["safety_number"]["qr"].as_str();
        code.expect("a code").to_owned()
    };
    let own = qr(alice.done(&["verify", "bob"]));
    assert_eq!(
        alice.refused(&["verify", "bob", "--qr", &own]),
        (7, "new_identity".into())
    );
    assert!(
        alice
            .said(&["verify", "bob", "--qr", "garbage"])
            .contains("no safety code")
    );
    assert!(
        alice
            .said(&["verify", "bob", "--qr", &own])
            .contains("another identity")
    );
    let trust = &alice.done(&["verify", "bob"])[0]["safety_number"]["trust"]["type"];
    assert_eq!(trust, "unverified");
    let theirs = qr(bob.done(&["verify", "alice"]));
    let checked = alice.done(&["verify", "bob", "--qr", &theirs]);
    assert_eq!(checked[0]["safety_number"]["trust"]["type"], "verified");
}

#[test]
fn a_store_that_does_not_open_is_explained_and_left_as_it_was() {
    let server = Server::start();
    let (alice, _bob) = friends(&server);
    let (database, key) = (
        alice.store().join("store.db"),
        alice.store().join("store.key"),
    );
    let kept = std::fs::read(&key).expect("a key");

    std::fs::remove_file(&key).expect("removed");
    let before = std::fs::read(&database).expect("a database");
    for task in [
        &["history", "bob"][..],
        &["signup", "alice"],
        &["login", "alice"],
    ] {
        assert_eq!(alice.refused(task), (6, "no_key".into()), "{task:?}");
    }
    assert!(alice.said(&["history", "bob"]).contains("store.key"));
    assert!(!key.exists(), "a fresh key would hide that one is missing");
    assert_eq!(std::fs::read(&database).expect("a database"), before);

    std::fs::write(&key, [1; 32]).expect("written");
    assert_eq!(alice.refused(&["history", "bob"]), (6, "wrong_key".into()));
    assert_eq!(
        alice.said(&["history", "bob"]),
        "securechat-cli: the store cannot be opened: the key does not open this store\n"
    );
    std::fs::write(&key, b"short").expect("written");
    assert_eq!(alice.refused(&["history", "bob"]), (6, "wrong_key".into()));
    std::fs::write(&key, kept).expect("written");
    assert!(!alice.done(&["history", "bob"]).is_empty());

    let mut bot = alice.start(&["bot"]);
    bot.line("account");
    assert_eq!(alice.refused(&["history", "bob"]), (6, "locked".into()));
    assert!(alice.said(&["history", "bob"]).contains("bot"));
    assert!(bot.end().is_empty());

    let meant = server.person("file");
    std::fs::write(meant.store(), "no folder").expect("written");
    assert_eq!(meant.refused(&["signup", "file"]).0, 6);
}

/// Another person with a copy of the store as it is.
fn copied(server: &Server, person: &Person) -> Person {
    let twin = server.person("twin");
    std::fs::create_dir(twin.store()).expect("a folder");
    for file in std::fs::read_dir(person.store()).expect("a store") {
        let file = file.expect("a file");
        let copy = twin.store().join(file.file_name());
        std::fs::copy(file.path(), copy).expect("a copy");
    }
    twin
}

#[test]
fn who_listens_is_told_when_the_session_is_ended_elsewhere() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    bob.done(&["receive"]);
    let twin = copied(&server, &bob);
    let mut bot = bob.start(&["bot"]);
    bot.line("account");
    twin.done(&["logout"]);
    let (code, lines) = bot.ended();
    let error = &lines.last().expect("a word")["error"];
    assert_eq!((code, &error["code"]), (3, &json!("password_needed")));
    assert_eq!(
        bob.refused(&["receive", "--follow"]),
        (3, "password_needed".into())
    );
    bob.done(&["login", "bob"]);
    alice.done(&["send", "bob", "there you are"]);
    bob.eventually(&["receive"], "/message/body/text", "there you are");
}

#[test]
fn an_old_copy_of_a_store_sends_nothing_and_says_why() {
    let server = Server::start();
    let (_alice, bob) = friends(&server);
    let twin = copied(&server, &bob);
    bob.done(&["send", "alice", "from the store"]);
    for task in [&["status"][..], &["send", "alice", "x"], &["bot"]] {
        assert_eq!(twin.refused(task), (6, "stale_copy".into()), "{task:?}");
    }
    assert!(twin.text(&["status"]).contains("old copy"));
    assert!(!twin.done(&["history", "alice"]).is_empty());
    bob.done(&["send", "alice", "goes on"]);
}

/// One JSON object, or words.
#[track_caller]
fn tells_of_the_output(json: bool, told: &str) {
    if json {
        let error: Value = serde_json::from_str(told).expect("one JSON object");
        assert_eq!(error["error"]["code"], "output");
    } else {
        assert!(
            told.starts_with("securechat-cli: the output could not be written"),
            "{told}"
        );
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure_and_stays_unread() {
    let server = Server::start();
    let (_alice, bob) = friends(&server);
    for task in [&["receive"][..], &["kit"], &["history", "alice"], &["bot"]] {
        for json in [true, false] {
            let (code, told) = bob.onto_a_full_disk(json, task);
            assert_eq!(code, Some(1), "{task:?}");
            tells_of_the_output(json || task == ["bot"], &told);
        }
    }
    // What failed before is told with its own code, where it can be told.
    let (code, told) = bob.onto_a_full_disk(true, &["history", "nobody-here"]);
    let error: Value = serde_json::from_str(&told).expect("one JSON object");
    assert_eq!(
        (code, &error["error"]["code"]),
        (Some(4), &json!("not_found"))
    );
    let received = bob.done(&["receive"]);
    assert_eq!(received[0]["message"]["body"]["text"], "hello bob");
}

#[test]
fn a_reader_that_goes_away_ends_a_view_quietly_and_everything_else_with_a_failure() {
    let server = Server::start();
    let (alice, bob) = friends(&server);
    for json in [true, false] {
        for task in [
            &["status"][..],
            &["history", "alice"],
            &["search", "hello"],
            &["contact", "list"],
        ] {
            assert_eq!(
                bob.to_nobody(json, task),
                (Some(0), String::new()),
                "{task:?}"
            );
        }
        for task in [&["receive"][..], &["receive", "--follow"], &["bot"]] {
            let (code, told) = bob.to_nobody(json, task);
            assert_eq!(code, Some(1), "{task:?}");
            tells_of_the_output(json || task == ["bot"], &told);
        }
    }
    for (task, text) in [(&["receive", "--follow"][..], "one"), (&["bot"], "two")] {
        let code = bob.reads_one_line_of(task, || {
            alice.done(&["send", "bob", text]);
        });
        assert_eq!(code, Some(1), "{task:?}");
        // A bot may tell of what waits before its reader is gone: each begins with nothing that waits.
        let received = bob.done(&["receive"]);
        let texts = received.iter().map(|line| &line["message"]["body"]["text"]);
        assert_eq!(texts.collect::<Vec<_>>(), [text], "nobody read it");
    }
}

#[test]
fn a_sign_up_without_room_for_the_key_stops_no_later_one() {
    let server = Server::start();
    let alice = server.person("alice");
    for fails in [true, false] {
        let ended = alice.where_files_end_at(20, fails, &["signup", "alice"]);
        assert!(!ended.status.success());
        assert!(!alice.store().join("store.key").exists());
    }
    alice.done(&["signup", "alice"]);
}

#[test]
fn without_any_room_one_reads() {
    let server = Server::start();
    let (_alice, bob) = friends(&server);
    for fails in [true, false] {
        for task in [
            &["history", "alice"][..],
            &["search", "hello"],
            &["contact", "list"],
            &["verify", "alice"],
            &["kit"],
        ] {
            let ended = bob.where_files_end_at(0, fails, task);
            assert!(
                ended.status.success() && !ended.stdout.is_empty(),
                "{task:?}: {ended:?}"
            );
        }
    }
}
