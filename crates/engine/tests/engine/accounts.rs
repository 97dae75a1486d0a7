//! Accounts: signing up, logging in, sessions, the recovery kit, names of devices.

use crate::world::World;
use securechat_engine::api::*;

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
        device_name: None,
    };
    assert_eq!(
        world.command(alice, log_in("short")),
        Err(RefusalCode::WrongCredentials)
    );
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
        device_name: None,
    };
    assert_eq!(
        world.command(other, log_in),
        Err(RefusalCode::DeviceNotLinked)
    );
    assert_eq!(world.account(other).state, AccountState::None);
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
    let names = |world: &mut World| {
        world.command(alice, Command::RefreshSessions).unwrap();
        world.pass(3_000);
        let View::Sessions(view) = world.query(alice, Query::Sessions) else {
            panic!("no sessions")
        };
        let sessions = view.sessions.into_iter();
        let names: Vec<String> = sessions.map(|session| session.name).collect();
        (world.account(alice).device_name, names)
    };
    let named = |name: &str| (name.to_owned(), vec![name.to_owned()]);
    assert_eq!(names(&mut world), named("Firefox on Linux"));

    for (given, shown) in [
        (Some("Edge on Windows"), "Edge on Windows"),
        (None, "Edge on Windows"),
        (Some(""), "Edge on Windows"),
    ] {
        let log_out = Command::LogOut { erase: false };
        world.command(alice, log_out).unwrap();
        world.pass(3_000);
        let log_in = Command::LogIn {
            handle: "alice".into(),
            password: "a password that is long".into(),
            device_name: given.map(str::to_owned),
        };
        world.command(alice, log_in).unwrap();
        world.pass(3_000);
        assert_eq!(names(&mut world), named(shown), "{given:?}");
    }
}
