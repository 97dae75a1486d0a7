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
    let fields = changed.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    if !change.as_object().unwrap().is_empty() {
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
    written_elsewhere(&mut world, alice, "settings", elsewhere);
    chosen.enter_sends = false;
    update(&mut world, &chosen);
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
    world.kill(alice);
    world
        .store(alice)
        .execute_batch(
            "DELETE FROM contacts_list; DELETE FROM conversations_list; DELETE FROM messages_rows;
             UPDATE vault_records SET version = 0, dirty_at = 1 WHERE name = 'contacts';",
        )
        .unwrap();
    world.open(alice);
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
