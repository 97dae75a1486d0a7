//! A contact whose account shows another identity than before: nothing is sent until the person agrees.

use crate::{friends, server::Server};
use serde_json::{Value, json};
use std::process::Command;

/// From here on the server answers with the account log of `other` when it is asked for the one of `handle`.
fn takes_the_place(server: &Server, handle: &str, other: &str) {
    let code = "import sqlite3, sys\n\
        db = sqlite3.connect(sys.argv[1], timeout=30)\n\
        named = 'SELECT account_id FROM accounts_accounts WHERE handle = ?'\n\
        (ours,), (theirs,) = (db.execute(named, (name,)).fetchone() for name in sys.argv[2:])\n\
        db.execute('DELETE FROM keys_log_entries WHERE account_id = ?', (ours,))\n\
        db.execute('INSERT INTO keys_log_entries SELECT ?, sequence, entry, appended_at_ms FROM keys_log_entries'\n\
                   ' WHERE account_id = ?', (ours, theirs))\n\
        db.commit()";
    let done = Command::new("python3")
        .args(["-c", code])
        .arg(server.folder().join("data/directory.db"))
        .args([handle, other])
        .status();
    assert!(done.expect("python").success());
}

fn trust(lines: &[Value]) -> &Value {
    &lines[0]["safety_number"]["trust"]["type"]
}

#[test]
fn new_keys_are_accepted_by_whoever_says_so() {
    let server = Server::start();
    let (alice, _bob) = friends(&server);
    let (second, third) = (server.person("second"), server.person("third"));
    second.done(&["signup", "second"]);
    third.done(&["signup", "third"]);
    let accept = ["verify", "bob", "--accept-new-keys"];
    let sure = ["verify", "bob", "--accept-new-keys", "--sure"];
    assert_eq!(alice.refused(&accept), (4, "not_found".into()));
    let said = alice.said(&accept);
    assert!(said.contains("they have no new keys"), "{said}");
    assert!(!said.contains("nobody"), "they are known: {said}");
    for task in [
        &["verify", "bob", "--sure"][..],
        &["verify", "bob", "--accept-new-keys", "--same"],
    ] {
        assert_eq!(alice.refused(task), (2, "usage".into()));
    }

    alice.done(&["verify", "bob", "--same"]);
    takes_the_place(&server, "bob", "second");
    alice.done(&["contact", "add", "bob"]);
    alice.learns("/contact/trust/type", "new_identity");
    let waiting = alice.done(&["verify", "bob"]);
    assert_eq!(trust(&waiting), "new_identity");
    second.done(&["contact", "add", "alice"]);
    second.learns("/contact/trust/type", "unverified");
    let theirs = second.done(&["verify", "alice"]);
    let groups = |lines: &[Value]| lines[0]["safety_number"]["groups"].clone();
    assert_eq!(
        groups(&waiting),
        groups(&theirs),
        "the number to compare is the one of the new keys"
    );
    let same = ["verify", "bob", "--same"];
    assert_eq!(alice.refused(&same), (7, "new_identity".into()));
    let code = theirs[0]["safety_number"]["qr"].as_str().expect("a code");
    let scanned = alice.done(&["verify", "bob", "--qr", code]);
    assert_eq!(
        trust(&scanned),
        "new_identity",
        "a comparison is no consent"
    );
    let send = ["send", "bob", "who are you?"];
    assert_eq!(alice.refused(&send), (7, "new_identity".into()));
    assert!(alice.said(&send).contains("--accept-new-keys"));
    // They were compared, so that it takes more than one word.
    assert_eq!(alice.refused(&accept), (7, "new_identity".into()));
    assert!(alice.said(&accept).contains("ask in person"));
    let other = "0".repeat(60);
    let number = |digits| [&sure[..], &["--number", digits]].concat();
    assert_eq!(
        alice.refused(&number(&other)),
        (7, "new_identity".into()),
        "keys that nobody compared"
    );
    let digits = groups(&waiting).to_string();
    let accepted = alice.done(&number(&digits));
    assert_ne!(trust(&accepted), "new_identity");
    assert_eq!(groups(&accepted), groups(&theirs));
    let history = alice.text(&["history", "bob"]);
    assert!(
        history.contains("-- You accepted the new keys of @bob."),
        "{history}"
    );

    // With the keys of these days nobody compared anything, so one word is enough.
    takes_the_place(&server, "bob", "third");
    alice.done(&["contact", "add", "bob"]);
    alice.learns("/contact/trust/type", "new_identity");
    let mut bot = alice.start(&["bot"]);
    bot.line("account");
    bot.order(&json!({ "send": { "to": "bob", "text": "who are you?" } }));
    assert_eq!(bot.next()["error"]["code"], "new_identity");
    let order = json!({ "accept_new_keys": { "who": "bob", "number": other } });
    bot.order(&order);
    assert_eq!(bot.next()["error"]["code"], "new_identity");
    let order = json!({ "accept_new_keys": { "who": "bob" } });
    bot.order(&order);
    assert_eq!(bot.next()["done"], true);
    bot.order(&order);
    assert_eq!(bot.next()["error"]["code"], "not_found");
    bot.end();

    // A scanned code says whose they are, so that the same line accepts and marks them.
    second.done(&["contact", "list"]);
    takes_the_place(&server, "bob", "second");
    alice.done(&["contact", "add", "bob"]);
    alice.learns("/contact/trust/type", "new_identity");
    let scanned = alice.done(&["verify", "bob", "--accept-new-keys", "--qr", code]);
    assert_eq!(trust(&scanned), "verified");
    assert_eq!(groups(&scanned), groups(&theirs));
}
