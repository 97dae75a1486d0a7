//! Account records that two devices of one account write.

use crate::world::World;
use securechat_crypto::account_secret::{AccountSecret, Record};
use securechat_engine::api::*;
use securechat_proto::Fingerprint;
use serde_json::{Value, json};

/// Reads the relay's copy of a record, changes it as another device would, and writes it one version on.
fn written_elsewhere(world: &mut World, index: usize, name: &str, change: Value) -> Value {
    world.kill(index);
    let (fingerprint, secret): ([u8; 32], Vec<u8>) = world
        .store(index)
        .query_row(
            "SELECT fingerprint, account_secret FROM account_self",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let (fingerprint, secret) = (
        Fingerprint(fingerprint),
        AccountSecret::from_stored(&secret).unwrap(),
    );
    let record = Record::Vault(name);
    let account_id = world.relay.account_of("alice").unwrap();
    let vault = &mut world.relay.accounts.get_mut(&account_id).unwrap().vault;
    let (version, body) = vault[name].clone();
    let plain = secret.open(&fingerprint, record, version, &body).unwrap();
    let held: Value = serde_json::from_slice(&plain).unwrap();
    let mut changed = held.clone();
    merge(&mut changed, &change);
    if changed != held {
        let plain = serde_json::to_vec(&changed).unwrap();
        let body = secret
            .seal(&fingerprint, record, version + 1, &plain)
            .unwrap();
        vault.insert(name.into(), (version + 1, body));
    }
    world.open(index);
    world.pass(10_000);
    held
}

/// Puts the fields of `change` into `record`; of a list, into its first member.
fn merge(record: &mut Value, change: &Value) {
    match (record, change) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(fields.entry(name).or_insert(Value::Null), change);
            }
        }
        (Value::Array(members), Value::Object(_)) => merge(&mut members[0], change),
        (record, change) => *record = change.clone(),
    }
}

fn version(world: &World, name: &str) -> u64 {
    let account_id = world.relay.account_of("alice").unwrap();
    world.relay.accounts[&account_id].vault[name].0
}

fn settings(world: &World, index: usize) -> Settings {
    match world.query(index, Query::Settings) {
        View::Settings(view) => view.settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn changes_of_settings_on_two_devices_are_merged() {
    let mut world = World::new();
    let alice = world.peer(true);
    world.sign_up(alice, "alice");
    let mut chosen = Settings {
        theme: Theme::Dark,
        ..Settings::default()
    };
    let update = |world: &mut World, settings: &Settings| {
        let settings = settings.clone();
        world
            .command(alice, Command::UpdateSettings { settings })
            .unwrap();
    };
    update(&mut world, &chosen);
    world.pass(10_000);
    let elsewhere = json!({ "density": "compact", "theme": "light", "of_a_later_version": 7 });
    // Both change it before either hears of the other.
    world.cut(alice);
    written_elsewhere(&mut world, alice, "settings", elsewhere);
    chosen.enter_sends = false;
    update(&mut world, &chosen);
    world.uncut(alice);
    world.pass(300_000);
    let merged = Settings {
        theme: Theme::Light,
        density: Density::Compact,
        enter_sends: false,
        ..Settings::default()
    };
    assert_eq!(settings(&world, alice), merged);
    let held = written_elsewhere(&mut world, alice, "settings", json!({}));
    assert_eq!(held["of_a_later_version"], 7);
    assert_eq!(
        (&held["enter_sends"], &held["theme"], &held["density"]),
        (&json!(false), &json!("light"), &json!("compact"))
    );
}

#[test]
fn a_name_changed_on_two_devices_is_the_last_ones_and_keeps_what_it_does_not_know() {
    let mut world = World::new();
    let alice = world.peer(true);
    world.sign_up(alice, "alice");
    let rename = |world: &mut World, name: &str| {
        let display_name = name.into();
        world
            .command(alice, Command::SetProfile { display_name })
            .unwrap();
        world.pass(300_000);
    };
    rename(&mut world, "Alice");
    let elsewhere = json!({ "display_name": "Alice of the other device", "picture": "later" });
    written_elsewhere(&mut world, alice, "profile", elsewhere);
    rename(&mut world, "Alice Again");
    assert_eq!(world.account(alice).display_name, "Alice Again");
    let held = written_elsewhere(&mut world, alice, "profile", json!({}));
    assert_eq!(
        (&held["display_name"], &held["picture"]),
        (&json!("Alice Again"), &json!("later"))
    );
}

/// Another copy of this account wrote its contacts: they come back before ours are written above.
#[test]
fn contacts_come_back_from_the_vault() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.pass(60_000);
    world.damage(alice, "DELETE FROM contacts_list; DELETE FROM conversations_list; DELETE FROM messages_rows;
             UPDATE vault_records SET version = 0, dirty_at = 1, base = x'' WHERE name = 'contacts';");
    world.pass(300_000);
    let view = world.conversation(alice, conversation);
    assert_eq!(
        (view.handle.as_str(), view.request),
        ("bob", RequestState::None)
    );
    world.text(alice, conversation, "still friends");
    world.pass(60_000);
    assert_eq!(world.count(bob, conversation, "still friends"), 1);
    world.pass(60_000);
    let (version, _) =
        world.relay.accounts[&world.relay.account_of("alice").unwrap()].vault["contacts"];
    assert!(version > 1, "{version}");
}

/// Nothing is changed here: what another device wrote is read when the socket opens, and nothing is written for it.
#[test]
fn what_another_device_changed_appears_without_a_change_of_ones_own() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.pass(60_000);
    let changes = [
        (
            "settings",
            json!({ "theme": "dark", "of_a_later_version": 7 }),
        ),
        (
            "profile",
            json!({ "display_name": "Alice of the other device" }),
        ),
        (
            "contacts",
            json!({ "contacts": { "nickname": "Bobby", "favourite": true, "of_a_later_version": 7 } }),
        ),
    ];
    for (name, change) in changes {
        let before = version(&world, name);
        written_elsewhere(&mut world, alice, name, change);
        assert_eq!(
            version(&world, name),
            before + 1,
            "{name}: not written again"
        );
    }
    assert_eq!(settings(&world, alice).theme, Theme::Dark);
    assert_eq!(
        world.account(alice).display_name,
        "Alice of the other device"
    );
    let view = world.conversation(alice, conversation);
    assert_eq!(view.title, "Bobby");
    // Taken back elsewhere, taken back here; and the next change of ours keeps what a later version wrote.
    let unblocked = json!({ "contacts": { "nickname": "" } });
    written_elsewhere(&mut world, alice, "contacts", unblocked);
    assert_eq!(world.conversation(alice, conversation).title, "BOB");
    let contact_id = world.contact_of(alice, conversation);
    let favourite = Command::SetFavourite {
        contact_id,
        favourite: false,
    };
    world.command(alice, favourite).unwrap();
    world.pass(60_000);
    let held = written_elsewhere(&mut world, alice, "contacts", json!({}));
    let held = &held["contacts"][0];
    assert_eq!(
        (&held["favourite"], &held["of_a_later_version"]),
        (&json!(false), &json!(7))
    );
    world.text(alice, conversation, "still friends");
    world.pass(60_000);
    assert_eq!(world.count(bob, conversation, "still friends"), 1);
}

#[test]
fn a_contact_blocked_on_another_device_is_blocked_here() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.pass(60_000);
    let elsewhere = |blocked: bool| json!({ "contacts": { "blocked": blocked } });
    written_elsewhere(&mut world, alice, "contacts", elsewhere(true));
    assert!(world.conversation(alice, conversation).blocked);
    world.text(bob, conversation, "can you hear me?");
    world.pass(60_000);
    assert_eq!(world.count(alice, conversation, "can you hear me?"), 0);
    written_elsewhere(&mut world, alice, "contacts", elsewhere(false));
    assert!(!world.conversation(alice, conversation).blocked);
    let lines = world.lines(alice, conversation);
    assert!(
        lines.ends_with(&[SystemEvent::Blocked, SystemEvent::Unblocked]),
        "{lines:?}"
    );
}

/// A request that was declined does not come back from the record, and one declined elsewhere goes here too.
#[test]
fn a_declined_request_stays_declined_on_every_device() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.peer(true), world.peer(false), world.peer(false));
    for (index, handle) in [(alice, "alice"), (bob, "bob"), (carol, "carol")] {
        world.sign_up(index, handle);
    }
    let [from_bob, from_carol] = [bob, carol].map(|index| {
        let conversation = world.add(index, "alice");
        world.text(index, conversation, "let me in");
        world.pass(60_000);
        conversation
    });
    let decline = Command::DeclineRequest {
        conversation_id: from_bob,
    };
    world.command(alice, decline).unwrap();
    world.pass(60_000);
    let held = written_elsewhere(&mut world, alice, "contacts", json!({}));
    assert_eq!(held["contacts"].as_array().unwrap().len(), 1);
    written_elsewhere(&mut world, alice, "contacts", json!({ "contacts": [] }));
    let query = Query::Conversation {
        conversation_id: from_carol,
    };
    assert!(matches!(world.query(alice, query), View::NotFound));
}

/// A relay that was restored from a backup holds an older record: ours is written above it, and nothing of ours is undone.
#[test]
fn a_relay_that_went_back_gets_the_record_again() {
    let mut world = World::new();
    let alice = world.peer(true);
    world.sign_up(alice, "alice");
    let account_id = world.relay.account_of("alice").unwrap();
    let rename = |world: &mut World, name: &str| {
        let display_name = name.into();
        world
            .command(alice, Command::SetProfile { display_name })
            .unwrap();
        world.pass(60_000);
    };
    rename(&mut world, "Alice");
    let backup = world.relay.accounts[&account_id].vault.clone();
    rename(&mut world, "Alice Again");
    rename(&mut world, "Alice at Last");
    world.relay.accounts.get_mut(&account_id).unwrap().vault = backup;
    let held = written_elsewhere(&mut world, alice, "profile", json!({}));
    assert_eq!(held["display_name"], "Alice");
    world.pass(60_000);
    let held = written_elsewhere(&mut world, alice, "profile", json!({}));
    assert_eq!(held["display_name"], "Alice at Last");
    assert_eq!(world.account(alice).display_name, "Alice at Last");
}
