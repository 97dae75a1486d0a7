//! Identities in doubt, several devices of one account, sessions and stores that are no longer what they were.

#![allow(clippy::disallowed_methods)] // A store is copied and put back.

use crate::world::{START, World};
use securechat_crypto::bundle::OwnBundle;
use securechat_crypto::identity::DeviceKeys;
use securechat_crypto::keys::{X25519Secret, XWingSecret};
use securechat_crypto::pqxdh::Address;
use securechat_crypto::recovery::RecoverySecret;
use securechat_crypto::safety_number::{QrPayload, Side};
use securechat_crypto::seal::{EnvelopeHeader, ExpiryClass, unseal};
use securechat_engine::api::*;
use securechat_proto::account_log::{Log, Operation, Recover, Verified};
use securechat_proto::api::BundleUpload;
use securechat_proto::wire::socket::Delivery;
use securechat_proto::{AccountId, ConversationId, EnvelopeId, close_code};

const DAY_MS: u64 = 86_400_000;

/// What the owner of an account can sign with, read from the store of a killed engine.
struct Owner {
    account_id: AccountId,
    keys: DeviceKeys,
    recovery: RecoverySecret,
}

impl Owner {
    fn of(world: &mut World, index: usize) -> Self {
        world.kill(index);
        let row = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get::<_, [u8; 16]>(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, Vec<u8>>(2)?,
            ))
        };
        let (account_id, keys, seed) = world
            .store(index)
            .query_row(
                "SELECT account_id, device_keys, recovery_seed FROM account_self",
                [],
                row,
            )
            .unwrap();
        Self {
            account_id: AccountId(account_id),
            keys: DeviceKeys::from_stored(&keys).unwrap(),
            recovery: RecoverySecret::from_stored(&seed).unwrap(),
        }
    }

    fn log(&self, world: &World) -> Verified<Log> {
        world.relay.accounts[&self.account_id].log()
    }

    /// The relay holds this log from here on.
    fn serve(&self, world: &mut World, log: &Verified<Log>) {
        world.relay.accounts.get_mut(&self.account_id).unwrap().log = log.entries_from(0).collect();
    }

    fn add(&self, log: &Verified<Log>, incoming: &DeviceKeys) -> Verified<Log> {
        let operation = Operation::AddDevice {
            device: incoming.record(),
        };
        let entry = self.keys.sign_entry(log, operation, Some(incoming), START);
        entry.unwrap().log
    }
}

#[test]
fn two_logs_of_one_account_stop_sending_until_a_recovery_decides() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    let owner = Owner::of(&mut world, bob);
    let genesis = owner.log(&world);
    let [one, other] = [0, 1].map(|_| owner.add(&genesis, &DeviceKeys::generate().unwrap()));
    let look = |world: &mut World| {
        world.add(alice, "bob");
        world.pass(5_000);
    };

    owner.serve(&mut world, &one);
    look(&mut world);
    assert_eq!(
        world.lines(alice, conversation).last(),
        Some(&SystemEvent::DevicesChanged)
    );
    owner.serve(&mut world, &other);
    look(&mut world);
    let view = world.conversation(alice, conversation);
    assert!(
        matches!(view.trust, Trust::Frozen { .. }),
        "{:?}",
        view.trust
    );
    assert_eq!(view.cannot_send, Some(RefusalCode::Frozen));
    let write = Command::SendText {
        conversation_id: conversation,
        text: "to whom?".into(),
        reply_to: None,
    };
    assert_eq!(
        world.command(alice, write.clone()),
        Err(RefusalCode::Frozen)
    );

    // Bob recovers on the other branch: one more era than both.
    let incoming = DeviceKeys::generate().unwrap();
    let next = RecoverySecret::generate().unwrap();
    let recover = Operation::Recover(Box::new(Recover {
        parent_sequence: 0,
        parent_hash: genesis.head().hash,
        kept: vec![owner.keys.id()],
        device: incoming.record(),
        recovery: next.public(),
    }));
    let recovered = owner
        .recovery
        .sign_entry(&other, recover, Some(&incoming), START)
        .unwrap();
    owner.serve(&mut world, &recovered.log);
    look(&mut world);
    let view = world.conversation(alice, conversation);
    assert_eq!((view.trust, view.cannot_send), (Trust::Unverified, None));
    let lines = world.lines(alice, conversation);
    let told: Vec<_> = lines
        .iter()
        .filter(|line| matches!(line, SystemEvent::Frozen | SystemEvent::Thawed))
        .collect();
    assert_eq!(told, [&SystemEvent::Frozen, &SystemEvent::Thawed]);
    assert!(world.command(alice, write).is_ok());
}

#[test]
fn a_scan_of_the_owners_code_picks_the_branch_of_a_forked_log() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    let owner = Owner::of(&mut world, bob);
    let genesis = owner.log(&world);
    let [one, other] = [0, 1].map(|_| owner.add(&genesis, &DeviceKeys::generate().unwrap()));
    for log in [&one, &other] {
        owner.serve(&mut world, log);
        world.add(alice, "bob");
        world.pass(5_000);
    }
    let contact_id = world.contact_of(alice, conversation);
    let shown = world.safety_number(alice, conversation);
    // Bob's screen shows his own log; here it is written as his device would.
    let ours = QrPayload::decode(&securechat_proto::b64::decode(&shown.qr).unwrap()).unwrap();
    let code = |log: &Verified<Log>| {
        let theirs = Side {
            account: log.fingerprint(),
            head: log.head(),
        };
        QrPayload {
            shown_by: theirs,
            shown_to: ours.shown_by,
        }
        .to_text()
    };
    let third = owner.add(&genesis, &DeviceKeys::generate().unwrap());
    for (log, matches) in [(&third, false), (&other, true)] {
        let check = Command::CheckSafetyQr {
            contact_id,
            payload: code(log),
        };
        assert_eq!(
            world.command(alice, check),
            Ok(Reply::QrChecked { matches })
        );
        let trust = world.conversation(alice, conversation).trust;
        assert_eq!(matches!(trust, Trust::Verified { .. }), matches);
        assert_eq!(matches!(trust, Trust::Frozen { .. }), !matches);
    }
}

/// Publishes a bundle for a device that no engine runs.
fn publish(world: &mut World, log: &Verified<Log>, keys: &DeviceKeys) -> XWingSecret {
    let (last_resort, sealing) = (
        XWingSecret::generate().unwrap(),
        XWingSecret::generate().unwrap(),
    );
    let published = OwnBundle {
        account: log.fingerprint(),
        number: 1,
        created: world.now,
        log_head: log.head(),
        signed_prekey: X25519Secret::generate().unwrap().public(),
        last_resort: &last_resort.public(),
        sealing_number: 1,
        sealing_key: &sealing.public(),
        one_time: &[],
    }
    .sign(keys)
    .unwrap();
    let upload = BundleUpload {
        bundle: published.signed.encode().into(),
        one_time_prekeys: vec![],
    };
    world.relay.upload(keys.id(), &upload);
    sealing
}

#[test]
fn every_device_of_a_contact_gets_its_own_copy_until_it_is_removed() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    let owner = Owner::of(&mut world, bob);
    let second = DeviceKeys::generate().unwrap();
    let log = owner.add(&owner.log(&world), &second);
    owner.serve(&mut world, &log);
    let sealing = publish(&mut world, &log, &second);
    world.open(bob);

    let id = world.text(alice, conversation, "to both");
    world.pass(10_000);
    let waiting = |world: &World| -> Vec<Delivery> {
        let mailbox = world.relay.mailboxes.get(&second.id());
        let rows = mailbox.map_or(vec![], |mailbox| mailbox.rows.clone());
        rows.into_iter().map(|row| row.delivery).collect()
    };
    assert!(
        !waiting(&world).is_empty(),
        "the second device has its copy"
    );
    let to_second = Address {
        fingerprint: log.fingerprint(),
        device: second.id(),
    };
    let from = owner_of(&world, "alice").fingerprint();
    for delivery in waiting(&world) {
        let header = EnvelopeHeader {
            envelope: EnvelopeId::from_slice(&delivery.envelope_id).unwrap(),
            sealing_key_number: delivery.sealing_key_number,
            expiry: ExpiryClass::Durable,
        };
        let opened = unseal(&to_second, Some(&sealing), &header, &delivery.ciphertext);
        assert_eq!(opened.unwrap().sender().fingerprint, from);
    }
    let View::MessageDetails(details) =
        world.query(alice, Query::MessageDetails { message_id: id })
    else {
        panic!()
    };
    assert_eq!(details.devices, 2);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Delivered),
        "one device is enough to have arrived"
    );
    assert!(world.texts(bob, conversation).contains(&"to both".into()));
    let changes = |world: &World| {
        let lines = world.lines(alice, conversation).into_iter();
        lines
            .filter(|line| *line == SystemEvent::DevicesChanged)
            .count()
    };
    assert_eq!(changes(&world), 1, "one calm line");

    // The recovery key removes it at once.
    let remove = Operation::RemoveDevice {
        devices: vec![second.id()],
    };
    let removed = owner
        .recovery
        .sign_entry(&log, remove, None, START)
        .unwrap();
    owner.serve(&mut world, &removed.log);
    world.text(alice, conversation, "the relay tells of the removal");
    world.pass(10_000);
    let before = waiting(&world).len();
    world.text(alice, conversation, "to the first alone");
    world.pass(10_000);
    assert_eq!(waiting(&world).len(), before);
    assert_eq!(changes(&world), 2);
    let shown = world.texts(bob, conversation);
    assert!(shown.contains(&"to the first alone".into()), "{shown:?}");
}

/// A device that stands in the log and has published nothing keeps no other waiting, and nobody asks without end.
#[test]
fn a_device_without_keys_keeps_no_other_waiting() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    let owner = Owner::of(&mut world, bob);
    let second = DeviceKeys::generate().unwrap();
    let log = owner.add(&owner.log(&world), &second);
    owner.serve(&mut world, &log);
    world.open(bob);
    for text in ["first", "second", "third"] {
        let id = world.text(alice, conversation, text);
        world.pass(20_000);
        let state = world.state(alice, conversation, id);
        assert_eq!(state, Some(SendState::Delivered), "{text}");
    }
    assert_eq!(world.account(alice).pending, 0);
    // Once it has published, it gets what is said from then on.
    publish(&mut world, &log, &second);
    world.pass(10 * 60_000);
    world.text(alice, conversation, "to both");
    world.pass(20_000);
    assert_eq!(world.relay.mailboxes[&second.id()].rows.len(), 1);
}

/// Another device removed this one from the account's log. The relay may go on serving it, so the engine itself stops.
#[test]
fn a_device_removed_from_its_own_log_sends_nothing_and_keeps_what_it_has() {
    for recovered in [false, true] {
        let mut world = World::new();
        let (alice, bob, conversation) = world.friends(true);
        world.text(alice, conversation, "before");
        world.pass(60_000);
        let owner = Owner::of(&mut world, alice);
        let log = owner.log(&world);
        let second = DeviceKeys::generate().unwrap();
        let without = if recovered {
            let recover = Operation::Recover(Box::new(Recover {
                parent_sequence: 0,
                parent_hash: log.head().hash,
                kept: vec![],
                device: second.record(),
                recovery: RecoverySecret::generate().unwrap().public(),
            }));
            owner
                .recovery
                .sign_entry(&log, recover, Some(&second), START)
        } else {
            let remove = Operation::RemoveDevice {
                devices: vec![owner.keys.id()],
            };
            let both = owner.add(&log, &second);
            owner.recovery.sign_entry(&both, remove, None, START)
        };
        owner.serve(&mut world, &without.unwrap().log);
        let stored = world.relay.stored;
        world.open(alice);
        world.pass(10 * 60_000);
        let account = world.account(alice);
        assert_eq!(
            (account.state, account.connection),
            (AccountState::Removed, Connection::Offline)
        );
        assert!(world.texts(alice, conversation).contains(&">before".into()));
        let write = Command::SendText {
            conversation_id: conversation,
            text: "after".into(),
            reply_to: None,
        };
        assert_eq!(
            world.command(alice, write),
            Err(RefusalCode::DeviceNotLinked)
        );
        assert_eq!(
            world.conversation(alice, conversation).cannot_send,
            Some(RefusalCode::DeviceNotLinked)
        );
        world.pass(10 * 60_000);
        assert_eq!(world.relay.stored, stored, "it submits nothing");
        assert_eq!(world.count(bob, conversation, "after"), 0);
    }
}

fn owner_of(world: &World, handle: &str) -> Verified<Log> {
    world.relay.accounts[&world.relay.account_of(handle).unwrap()].log()
}

#[test]
fn keys_older_than_forty_days_are_said_once() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.kill(bob);
    let told = |world: &World| {
        let lines = world.lines(alice, conversation).into_iter();
        lines.filter(|line| *line == SystemEvent::OldKeys).count()
    };
    world.skip(39 * DAY_MS);
    world.text(alice, conversation, "still young");
    world.pass(5_000);
    assert_eq!(told(&world), 0);
    world.skip(2 * DAY_MS);
    for text in ["old by now", "and once more"] {
        world.text(alice, conversation, text);
        world.pass(5_000);
    }
    assert_eq!(told(&world), 1);
}

#[test]
fn a_session_that_was_ended_elsewhere_asks_for_the_password_and_keeps_the_history() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.text(alice, conversation, "before");
    world.pass(5_000);
    let account_id = world.relay.account_of("alice").unwrap();
    let device = world.account(alice).device_id.unwrap();
    world
        .relay
        .sessions
        .retain(|_, session| session.account != account_id);
    world.relay.signed_out.insert(device);
    world.close(alice, close_code::REVOKED);
    world.pass(120_000);
    let account = world.account(alice);
    assert_eq!(
        (account.state, account.connection),
        (AccountState::SignedOut, Connection::Offline)
    );
    assert!(world.texts(alice, conversation).contains(&">before".into()));
    world.text(bob, conversation, "are you there?");
    world.pass(120_000);
    assert!(
        !world
            .texts(alice, conversation)
            .contains(&"are you there?".into()),
        "nothing comes without a session"
    );
    let log_in = Command::LogIn {
        handle: "alice".into(),
        password: "correct horse".into(),
        device_name: None,
    };
    assert_eq!(world.command(alice, log_in), Ok(Reply::Done));
    world.pass(60_000);
    assert_eq!(world.account(alice).connection, Connection::Online);
    assert!(
        world
            .texts(alice, conversation)
            .contains(&"are you there?".into())
    );
    let id = world.text(alice, conversation, "back");
    world.pass(10_000);
    assert_eq!(
        world.state(alice, conversation, id),
        Some(SendState::Delivered)
    );
}

#[test]
fn a_store_that_went_back_sends_nothing_old() {
    went_back(|_, _, _| {});
}

/// What the copy seals before it hears of the relay gets the counters that the original has used by then.
#[test]
fn a_store_that_went_back_and_wrote_on_without_the_relay_sends_nothing() {
    went_back(|world, alice, conversation| {
        for text in ["one", "two", "three", "four"] {
            world.text(alice, conversation, text);
        }
    });
}

fn went_back(before_connecting: impl FnOnce(&mut World, usize, ConversationId)) {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.cut(alice);
    world.text(alice, conversation, "written, not sent");
    world.kill(alice);
    let path = world.peers[alice].path.clone().unwrap();
    let copy = format!("{path}.copy");
    std::fs::copy(&path, &copy).unwrap();
    world.open(alice);
    world.uncut(alice);
    world.text(alice, conversation, "sent by the original");
    world.pass(10_000);

    // The copy comes back, as from a backup.
    world.kill(alice);
    std::fs::rename(&copy, &path).unwrap();
    let stored = world.relay.stored;
    world.cut(alice);
    world.open(alice);
    before_connecting(&mut world, alice, conversation);
    world.pass(10_000);
    world.uncut(alice);
    world.pass(600_000);
    assert_eq!(world.account(alice).state, AccountState::StaleCopy);
    assert_eq!(world.relay.stored, stored, "it submits nothing");
    let shown = world.texts(bob, conversation);
    assert!(shown.ends_with(&["written, not sent".into(), "sent by the original".into()]));
}

#[test]
fn another_genesis_holds_what_is_written_until_the_person_agrees() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(false);
    world.cut(bob);
    let second = takes_the_place_of_bob(&mut world, "second");
    world.text(alice, conversation, "for the old bob");
    world.pass(120_000);
    assert!(matches!(
        world.conversation(alice, conversation).trust,
        Trust::NewIdentity { .. }
    ));
    assert!(
        world
            .lines(alice, conversation)
            .contains(&SystemEvent::NewIdentity)
    );
    let refused = Command::SendText {
        conversation_id: conversation,
        text: "x".into(),
        reply_to: None,
    };
    assert_eq!(world.command(alice, refused), Err(RefusalCode::NewIdentity));
    let contact_id = world.contact_of(alice, conversation);
    // What can be compared meanwhile are the new keys: their owner shows the same number, and a code that fits.
    let shown = world.safety_number(alice, conversation);
    let with_alice = world.add(second, "alice");
    world.pass(3_000);
    let theirs = world.safety_number(second, with_alice);
    assert_eq!(shown.groups, theirs.groups);
    let theirs_with_bob_of_old = world.safety_number(bob, conversation);
    assert_ne!(shown.groups, theirs_with_bob_of_old.groups);
    for (payload, matches) in [(theirs_with_bob_of_old.qr, false), (theirs.qr, true)] {
        let check = Command::CheckSafetyQr {
            contact_id,
            payload,
        };
        assert_eq!(
            world.command(alice, check),
            Ok(Reply::QrChecked { matches })
        );
    }
    assert!(
        matches!(
            world.conversation(alice, conversation).trust,
            Trust::NewIdentity { .. }
        ),
        "a comparison is no consent"
    );
    assert_eq!(
        world.command(alice, accepting(contact_id, None)),
        Ok(Reply::Done)
    );
    assert_eq!(
        world.safety_number(alice, conversation).groups,
        shown.groups
    );
    assert_eq!(world.conversation(alice, conversation).cannot_send, None);
    assert!(
        world
            .lines(alice, conversation)
            .contains(&SystemEvent::NewIdentityAccepted)
    );
}

/// From here on the relay shows the account of a new person where bob's was.
fn takes_the_place_of_bob(world: &mut World, handle: &str) -> usize {
    let newcomer = world.peer(false);
    world.sign_up(newcomer, handle);
    let new = world.relay.account_of(handle).unwrap();
    let log = world.relay.accounts[&new].log.clone();
    let bob = world.relay.account_of("bob").unwrap();
    world.relay.accounts.get_mut(&bob).unwrap().log = log;
    newcomer
}

fn accepting(contact_id: ContactId, number: Option<&SafetyNumberView>) -> Command {
    Command::AcceptNewIdentity {
        contact_id,
        number: number.map(|view| view.groups.join(" ")),
    }
}

#[test]
fn an_answer_counts_for_the_number_that_was_compared() {
    let mut world = World::new();
    let (alice, _bob, conversation) = world.friends(false);
    let contact_id = world.contact_of(alice, conversation);
    let verifying = |number: &SafetyNumberView| Command::SetVerified {
        contact_id,
        verified: true,
        number: Some(number.groups.concat()),
    };
    let [first, second] = ["second", "third"].map(|handle| {
        takes_the_place_of_bob(&mut world, handle);
        world.add(alice, "bob");
        world.pass(5_000);
        world.safety_number(alice, conversation)
    });
    assert_ne!(first.groups, second.groups);
    let refused = Err(RefusalCode::NewIdentity);
    assert_eq!(
        world.command(alice, accepting(contact_id, Some(&first))),
        refused
    );
    assert_eq!(
        world.command(alice, accepting(contact_id, Some(&second))),
        Ok(Reply::Done)
    );
    assert_eq!(world.command(alice, verifying(&first)), refused);
    assert_eq!(
        world.conversation(alice, conversation).trust,
        Trust::Unverified
    );
    assert_eq!(world.command(alice, verifying(&second)), Ok(Reply::Done));
}

/// Contradictions in the log of an identity end with it: the person decides about the next one.
#[test]
fn new_keys_can_be_accepted_in_place_of_a_forked_log() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    let owner = Owner::of(&mut world, bob);
    let genesis = owner.log(&world);
    for _ in 0..2 {
        let branch = owner.add(&genesis, &DeviceKeys::generate().unwrap());
        owner.serve(&mut world, &branch);
        world.add(alice, "bob");
        world.pass(5_000);
    }
    let trust = world.conversation(alice, conversation).trust;
    assert!(matches!(trust, Trust::Frozen { .. }), "{trust:?}");
    takes_the_place_of_bob(&mut world, "second");
    world.add(alice, "bob");
    world.pass(5_000);
    let shown = world.conversation(alice, conversation);
    assert!(
        matches!(shown.trust, Trust::NewIdentity { .. }),
        "{:?}",
        shown.trust
    );
    assert_eq!(shown.cannot_send, Some(RefusalCode::NewIdentity));
    let accepted = world.command(alice, accepting(shown.contact_id, None));
    assert_eq!(accepted, Ok(Reply::Done));
    assert_eq!(world.conversation(alice, conversation).cannot_send, None);
}

/// The new identity wrote first and was blocked: accepting it in another's place does not let it in.
#[test]
fn who_was_blocked_stays_blocked_when_the_keys_are_accepted() {
    let mut world = World::new();
    let (alice, _bob, conversation) = world.friends(false);
    let second = takes_the_place_of_bob(&mut world, "second");
    world.add(alice, "bob");
    let with_alice = world.add(second, "alice");
    world.text(second, with_alice, "let me in");
    world.pass(20_000);
    let requests = Query::Chats {
        filter: ChatFilter::Requests,
    };
    let View::Chats(requests) = world.query(alice, requests) else {
        panic!()
    };
    let stranger = requests.items[0].contact_id;
    let block = Command::Block {
        contact_id: stranger,
    };
    assert_eq!(world.command(alice, block), Ok(Reply::Done));
    let contact_id = world.contact_of(alice, conversation);
    let accepted = world.command(alice, accepting(contact_id, None));
    assert_eq!(accepted, Ok(Reply::Done));
    assert_eq!(
        world.conversation(alice, conversation).cannot_send,
        Some(RefusalCode::Blocked)
    );
    world.text(second, with_alice, "and now?");
    world.pass(60_000);
    assert_eq!(world.count(alice, conversation, "and now?"), 0);
}

/// A head beyond what we hold proves nothing: the relay and the one who claims are asked, once.
#[test]
fn an_unproved_log_head_is_asked_about_once() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    world.pass(60_000);
    world.damage(
        alice,
        "UPDATE identities_logs SET sequence = sequence + 1, hash = zeroblob(32)
             WHERE fingerprint = (SELECT fingerprint FROM account_self);",
    );
    for text in ["one", "two", "three"] {
        world.text(alice, conversation, text);
        world.pass(5_000);
    }
    assert_eq!(world.count(bob, conversation, "three"), 1);
    for index in [alice, bob] {
        world.kill(index);
        let notices: i64 = world
            .store(index)
            .query_row(
                "SELECT count(*) FROM outbox_contents WHERE kind = 'log_notice'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(notices, 1, "{index}");
    }
}
