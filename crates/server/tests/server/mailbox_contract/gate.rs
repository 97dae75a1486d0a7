//! Who may deliver what: tokens, own devices, stale and missing devices, full mailboxes.

use super::super::mailbox_world::*;
use super::one;
use securechat_proto::DeviceId;
use securechat_proto::api::TokenKind;
use securechat_proto::wire::socket::Outcome;
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::store::Token;
use securechat_server::mailbox::submit::Address;

#[tokio::test]
async fn wrong_unknown_blocked_expired_and_used_up_look_the_same() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        world
            .store
            .delete_token(account(2), hash(1))
            .await
            .expect("deletes");
        let expired = Token {
            hash: hash(50),
            kind: TokenKind::Link,
            uses_max: None,
            expires_at: Some(START),
        };
        let used_up = Token {
            hash: hash(51),
            kind: TokenKind::Link,
            uses_max: Some(0),
            expires_at: None,
        };
        for token in [expired, used_up] {
            world
                .store
                .register_token(account(2), token)
                .await
                .expect("registers");
        }
        let blocked = submit(
            address(1),
            vec![to(account(2), Some(hash(1)), vec![envelope(device(2))])],
        );
        let wrong = submit(
            address(1),
            vec![to(account(2), Some(hash(77)), vec![envelope(device(2))])],
        );
        let unknown = submit(
            address(1),
            vec![to(account(99), Some(hash(1)), vec![envelope(device(99))])],
        );
        let unknown_request = submit(
            address(1),
            vec![to(account(99), None, vec![envelope(device(99))])],
        );
        let late = submit(
            address(1),
            vec![to(account(2), Some(hash(50)), vec![envelope(device(2))])],
        );
        let spent = submit(
            address(1),
            vec![to(account(2), Some(hash(51)), vec![envelope(device(2))])],
        );
        for refused in [blocked, wrong, unknown, unknown_request, late, spent] {
            let accepted = world.submit(refused).await;
            let result = &accepted.results[0];
            assert_eq!(result.outcome(), Outcome::Refused);
            assert!(
                result.missing_devices.is_empty() && result.stale_devices.is_empty(),
                "{}",
                world.name
            );
        }
        assert!(world.mailbox(device(2)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_link_token_counts_its_uses_and_a_repeat_is_no_use() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let link = Token {
            hash: hash(60),
            kind: TokenKind::Link,
            uses_max: Some(2),
            expires_at: None,
        };
        world
            .store
            .register_token(account(2), link)
            .await
            .expect("registers");
        let by_link = || {
            submit(
                address(1),
                vec![to(account(2), Some(hash(60)), vec![envelope(device(2))])],
            )
        };
        let first = by_link();
        assert_eq!(world.outcomes(first.clone()).await, [Outcome::Stored]);
        assert_eq!(world.outcomes(first).await, [Outcome::Stored]);
        world.reopen().await;
        assert_eq!(world.outcomes(by_link()).await, [Outcome::Stored]);
        assert_eq!(world.outcomes(by_link()).await, [Outcome::Refused]);
        let tokens = world.store.tokens(account(2)).await.expect("lists");
        let link = tokens
            .iter()
            .find(|token| token.token_hash == hash(60))
            .expect("listed");
        assert_eq!(
            (link.uses, link.uses_max, link.kind),
            (2, Some(2), TokenKind::Link),
            "{}",
            world.name
        );
    })
    .await;
}

#[tokio::test]
async fn own_devices_need_no_token_and_the_submitting_one_is_not_missing() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(1).await;
        let tablet = Address {
            account_id: account(1),
            device_id: device(11),
        };
        let phone = Address {
            account_id: account(1),
            device_id: device(12),
        };
        for own in [tablet, phone] {
            world.store.register_device(own).await.expect("registers");
        }
        let sync = submit(
            address(1),
            vec![to(account(1), None, vec![envelope(device(11))])],
        );
        let accepted = world.submit(sync).await;
        assert_eq!(accepted.results[0].outcome(), Outcome::Stored);
        assert_eq!(
            accepted.results[0].missing_devices,
            [device(12).to_vec()],
            "{}",
            world.name
        );
        assert_eq!(world.sequences(device(11)).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn stale_and_missing_devices_are_named() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let second = Address {
            account_id: account(2),
            device_id: device(22),
        };
        let third = Address {
            account_id: account(2),
            device_id: device(23),
        };
        world
            .store
            .register_device(second)
            .await
            .expect("registers");
        world.store.register_device(third).await.expect("registers");
        world
            .store
            .set_sealing_floor(second, 8)
            .await
            .expect("sets");
        world
            .store
            .set_sealing_floor(second, 3)
            .await
            .expect("a lower floor changes nothing");
        let gone = DeviceId([0x77; 16]);
        let envelopes = vec![envelope(device(2)), envelope(device(22)), envelope(gone)];
        let accepted = world
            .submit(submit(
                address(1),
                vec![to(account(2), Some(hash(1)), envelopes)],
            ))
            .await;
        let result = &accepted.results[0];
        assert_eq!(result.outcome(), Outcome::Stored);
        assert_eq!(
            result.stale_devices,
            [device(22).to_vec(), gone.to_vec()],
            "{}",
            world.name
        );
        assert_eq!(result.missing_devices, [device(23).to_vec()]);
        assert_eq!(world.sequences(device(2)).await, [1]);
        assert!(world.mailbox(device(22)).await.is_empty());

        world.store.remove_device(third).await.expect("removes");
        world
            .store
            .remove_device(third)
            .await
            .expect("again is fine");
        let accepted = world.submit(one(1, 2)).await;
        assert_eq!(accepted.results[0].missing_devices, [device(22).to_vec()]);
    })
    .await;
}

#[tokio::test]
async fn a_full_mailbox_is_an_honest_answer_by_count_and_by_bytes() {
    let bounds = Bounds {
        envelopes_max: 3,
        bytes_max: 1000,
        ..Bounds::default()
    };
    on_every_backend(bounds, async |world| {
        world.people(3).await;
        for _ in 0..3 {
            assert_eq!(world.outcomes(one(1, 2)).await, [Outcome::Stored]);
        }
        assert_eq!(world.outcomes(one(1, 2)).await, [Outcome::MailboxFull]);
        let large = |size| {
            submit(
                address(1),
                vec![to(account(3), Some(hash(1)), vec![sized(device(3), size)])],
            )
        };
        assert_eq!(world.outcomes(large(900)).await, [Outcome::Stored]);
        assert_eq!(world.outcomes(large(200)).await, [Outcome::MailboxFull]);
        assert_eq!(world.outcomes(large(100)).await, [Outcome::Stored]);
        world.reopen().await;
        assert_eq!(
            world.outcomes(one(1, 2)).await,
            [Outcome::MailboxFull],
            "{}",
            world.name
        );
        assert_eq!(world.sequences(device(2)).await, [1, 2, 3]);

        let second = world.mailbox(device(2)).await[1].cursor.expect("stored");
        world.store.ack(address(2), second.seq);
        world.settles_at(device(2), 1).await;
        for expected in [Outcome::Stored, Outcome::Stored, Outcome::MailboxFull] {
            assert_eq!(world.outcomes(one(1, 2)).await, [expected]);
        }
        assert_eq!(world.sequences(device(2)).await, [3, 4, 5]);
    })
    .await;
}
