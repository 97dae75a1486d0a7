//! What is never stored, what ends, and what a connected device hears.

use super::super::mailbox_world::*;
use super::one;
use securechat_proto::Timestamp;
use securechat_proto::api::TokenKind;
use securechat_proto::wire::socket::Outcome;
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::store::{StoreError, Token};
use securechat_server::mailbox::submit::{Address, ExpiryClass, Submit};
use std::collections::BTreeSet;

#[tokio::test]
async fn ephemeral_envelopes_go_to_connected_devices_and_are_never_stored() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let (_slot, mut events) = world.hub.attach(device(2), 4004);
        let typing = Submit {
            class: ExpiryClass::Ephemeral,
            ..one(1, 2)
        };
        let id = typing.destinations[0].envelopes[0].envelope_id;
        assert_eq!(world.outcomes(typing).await, [Outcome::Stored]);
        match events.recv().await {
            Some(securechat_server::mailbox::hub::Event::Delivery(delivery)) => {
                assert_eq!(
                    (delivery.envelope_id, delivery.cursor),
                    (id, None),
                    "{}",
                    world.name
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(world.mailbox(device(2)).await.is_empty());
        let refused = Submit {
            class: ExpiryClass::Ephemeral,
            ..submit(
                address(1),
                vec![to(account(2), Some(hash(99)), vec![envelope(device(2))])],
            )
        };
        assert_eq!(world.outcomes(refused).await, [Outcome::Refused]);
        assert!(events.try_recv().is_err());
    })
    .await;
}

#[tokio::test]
async fn what_ran_out_is_deleted_and_the_sequence_goes_on() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let early = one(1, 2);
        world.submit(early.clone()).await;
        world
            .submit(at(one(1, 2), Timestamp(START.0 + 10 * DAY_MS)))
            .await;
        let link = Token {
            hash: hash(61),
            kind: TokenKind::Link,
            uses_max: None,
            expires_at: Some(Timestamp(START.0 + DAY_MS)),
        };
        world
            .store
            .register_token(account(1), link)
            .await
            .expect("registers");
        assert_eq!(
            world
                .store
                .expire(Timestamp(START.0 + 30 * DAY_MS - 1))
                .await
                .expect("sweeps")
                .expired,
            0
        );
        assert_eq!(
            world
                .store
                .expire(Timestamp(START.0 + 30 * DAY_MS))
                .await
                .expect("sweeps")
                .expired,
            1
        );
        assert_eq!(world.sequences(device(2)).await, [2]);
        let later = Timestamp(START.0 + 31 * DAY_MS);
        world.submit(at(one(1, 2), later)).await;
        assert_eq!(world.sequences(device(2)).await, [2, 3]);
        assert!(
            world
                .store
                .tokens(account(1))
                .await
                .expect("lists")
                .iter()
                .all(|t| t.token_hash != hash(61))
        );
        // The answer is remembered 31 days longer than the envelope, then it is a new submit.
        world.submit(early.clone()).await;
        assert_eq!(world.sequences(device(2)).await, [2, 3], "{}", world.name);
        world
            .store
            .expire(Timestamp(START.0 + 61 * DAY_MS))
            .await
            .expect("sweeps");
        world
            .submit(at(early, Timestamp(START.0 + 61 * DAY_MS)))
            .await;
        assert_eq!(world.sequences(device(2)).await, [4]);
    })
    .await;
}

#[tokio::test]
async fn the_newest_counter_is_given_back() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        assert_eq!(
            world.store.open(address(9), None).await.expect("opens"),
            None,
            "not registered"
        );
        let stranger = Address {
            account_id: account(2),
            device_id: device(1),
        };
        assert_eq!(
            world.store.open(stranger, None).await.expect("opens"),
            None,
            "another account's device"
        );
        let first = world
            .store
            .open(address(1), None)
            .await
            .expect("opens")
            .expect("registered");
        assert!(first.counter.is_empty());
        let mut newest = Vec::new();
        for _ in 0..300 {
            let submit = one(1, 2);
            newest.clone_from(&submit.counter);
            world.submit(submit).await;
        }
        let opened = world
            .store
            .open(address(1), None)
            .await
            .expect("opens")
            .expect("registered");
        assert_eq!(opened.counter, newest, "{}", world.name);
        assert_eq!(opened.counter_signature, [9; 64]);
    })
    .await;
}

#[tokio::test]
async fn a_device_of_another_account_cannot_be_taken_and_forgetting_leaves_nothing() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let taken = Address {
            account_id: account(1),
            device_id: device(2),
        };
        assert_eq!(
            world.store.register_device(taken).await,
            Err(StoreError::Foreign)
        );
        world.submit(one(1, 2)).await;
        world.store.forget(account(2)).await.expect("forgets");
        assert!(world.mailbox(device(2)).await.is_empty());
        assert!(
            world
                .store
                .tokens(account(2))
                .await
                .expect("lists")
                .is_empty()
        );
        assert_eq!(
            world.outcomes(one(1, 2)).await,
            [Outcome::Refused],
            "{}",
            world.name
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connected_devices_hear_of_every_commit_exactly_once() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(4).await;
        let (slot, mut events) = world.hub.attach(device(4), 4004);
        let world: &World = world;
        let sending = async {
            let senders = (1..=3_u8).map(|from| async move {
                for _ in 0..15 {
                    world.submit(one(from, 4)).await;
                }
            });
            futures_util::future::join_all(senders).await;
        };
        sending.await;
        assert!(!slot.take_behind());
        let mut heard = BTreeSet::new();
        while let Ok(event) = events.try_recv() {
            if let securechat_server::mailbox::hub::Event::Delivery(delivery) = event {
                assert!(
                    heard.insert(delivery.cursor.expect("durable").seq),
                    "{}: twice",
                    world.name
                );
            }
        }
        assert_eq!(heard, (1..=45).collect::<BTreeSet<_>>(), "{}", world.name);
    })
    .await;
}

#[tokio::test]
async fn a_slow_device_is_told_to_read_its_mailbox_instead() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let (slot, mut events) = world.hub.attach(device(2), 4004);
        for _ in 0..100 {
            world.submit(one(1, 2)).await;
        }
        let mut queued = 0;
        while events.try_recv().is_ok() {
            queued += 1;
        }
        assert!(
            queued < 100,
            "{}: the queue is bounded, got {queued}",
            world.name
        );
        assert!(slot.take_behind());
        assert_eq!(
            world.sequences(device(2)).await.len(),
            100,
            "nothing is lost"
        );
    })
    .await;
}

#[tokio::test]
async fn deleted_ciphertext_does_not_stay_in_the_file() {
    let world = World::file(Bounds::default());
    world.people(2).await;
    let marked = b"canary-of-a-deleted-envelope".repeat(20);
    let mut envelope = envelope(device(2));
    envelope.ciphertext = marked.clone().into();
    world
        .submit(submit(
            address(1),
            vec![to(account(2), Some(hash(1)), vec![envelope])],
        ))
        .await;
    let cursor = world.mailbox(device(2)).await[0].cursor.expect("stored");
    world.store.ack(address(2), cursor.seq);
    world.settles_at(device(2), 0).await;
    let path = world.path().expect("a file");
    // What the relay does every minute.
    let now = securechat_proto::Timestamp(0);
    world.store.expire(now).await.expect("sweeps");
    for ending in ["", "-wal"] {
        let mut file = path.clone().into_os_string();
        file.push(ending);
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(
            !bytes.windows(28).any(|window| window == &marked[..28]),
            "{ending}"
        );
    }
}

#[tokio::test]
async fn migrations_go_down_and_up_again() {
    use securechat_server::mailbox::SQLITE_MIGRATIONS;
    use securechat_server::platform::db::sqlite::{migrate_down, migrate_up};
    let mut db = rusqlite::Connection::open_in_memory().expect("opens");
    for _ in 0..2 {
        migrate_up(&mut db, SQLITE_MIGRATIONS).expect("goes up");
        migrate_up(&mut db, SQLITE_MIGRATIONS).expect("again is fine");
        for step in SQLITE_MIGRATIONS.iter().flat_map(|room| room.steps) {
            let down = migrate_down(&mut db, SQLITE_MIGRATIONS);
            down.unwrap_or_else(|error| panic!("step {} goes down: {error}", step.version));
        }
    }
    let left: i64 = db
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE name LIKE 'mailbox%'",
            [],
            |row| row.get(0),
        )
        .expect("counts");
    assert_eq!(left, 0);
}
