//! The contract of `MailboxStore`, the same for every backend.

use super::mailbox_world::*;
use securechat_proto::api::TokenKind;
use securechat_proto::wire::socket::Outcome;
use securechat_proto::{DeviceId, EnvelopeId, SubmitId, Timestamp};
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::store::{PageLimit, StoreError, Token};
use securechat_server::mailbox::submit::{Address, Cursor, ExpiryClass, Submit};
use std::collections::BTreeSet;

fn one(from: u8, target: u8) -> Submit {
    submit(
        address(from),
        vec![to(
            account(target),
            Some(hash(from)),
            vec![envelope(device(target))],
        )],
    )
}

#[tokio::test]
async fn what_is_stored_comes_in_order_and_gap_free() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(3).await;
        let mut sent = Vec::new();
        for _ in 0..10 {
            let submit = one(1, 2);
            sent.push(submit.destinations[0].envelopes[0].clone());
            let accepted = world.submit(submit).await;
            assert_eq!(accepted.results[0].outcome(), Outcome::Stored);
            assert_eq!(
                accepted.expires_at_ms,
                accepted.accepted_at_ms + 30 * DAY_MS
            );
        }
        let waiting = world.mailbox(device(2)).await;
        let got: Vec<_> = waiting
            .iter()
            .map(|d| (d.envelope_id, d.ciphertext.clone()))
            .collect();
        let expected: Vec<_> = sent
            .iter()
            .map(|e| (e.envelope_id, e.ciphertext.clone()))
            .collect();
        assert_eq!(got, expected, "{}", world.name);
        assert_eq!(
            world.sequences(device(2)).await,
            (1..=10).collect::<Vec<_>>()
        );
        assert!(world.mailbox(device(3)).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_have_no_gap_when_many_submit_at_once() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(8).await;
        let world: &World = world;
        let senders = (1..=8_u8).map(|from| async move {
            for _ in 0..40 {
                let both = vec![
                    to(
                        account(from % 8 + 1),
                        Some(hash(from)),
                        vec![envelope(device(from % 8 + 1))],
                    ),
                    to(
                        account((from + 3) % 8 + 1),
                        Some(hash(from)),
                        vec![envelope(device((from + 3) % 8 + 1))],
                    ),
                ];
                let outcomes = world.outcomes(submit(address(from), both)).await;
                assert_eq!(outcomes, [Outcome::Stored; 2]);
            }
        });
        futures_util::future::join_all(senders).await;
        for n in 1..=8 {
            assert_eq!(
                world.sequences(device(n)).await,
                (1..=80).collect::<Vec<_>>(),
                "{}",
                world.name
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_repeated_submit_gets_the_same_answer_and_stores_nothing() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let submit = one(1, 2);
        let first = world.submit(submit.clone()).await;
        let again = world
            .submit(at(submit.clone(), Timestamp(START.0 + 90_000)))
            .await;
        assert_eq!(first, again);
        assert_eq!(world.sequences(device(2)).await, [1]);
        // Also after the envelope was delivered and deleted, and after the relay was killed.
        let cursor = world.mailbox(device(2)).await[0].cursor.expect("stored");
        world.store.ack(address(2), cursor.seq);
        world.settles_at(device(2), 0).await;
        assert_eq!(world.submit(submit.clone()).await, first);
        if world.reopen().await {
            assert_eq!(world.submit(submit).await, first);
        }
        assert!(world.mailbox(device(2)).await.is_empty(), "{}", world.name);
    })
    .await;
}

#[tokio::test]
async fn a_repeat_judges_again_only_what_was_not_taken() {
    let bounds = Bounds {
        envelopes_max: 1,
        ..Bounds::default()
    };
    on_every_backend(bounds, async |world| {
        world.people(3).await;
        world.submit(one(3, 2)).await;
        let both = submit(
            address(1),
            vec![
                to(account(2), Some(hash(1)), vec![envelope(device(2))]),
                to(account(3), Some(hash(1)), vec![envelope(device(3))]),
            ],
        );
        let first = world.submit(both.clone()).await;
        assert_eq!(first.results[0].outcome(), Outcome::MailboxFull);
        assert_eq!(first.results[1].outcome(), Outcome::Stored);
        assert_eq!(
            world.outcomes(both.clone()).await,
            [Outcome::MailboxFull, Outcome::Stored]
        );

        let cursor = world.mailbox(device(2)).await[0].cursor.expect("stored");
        world.store.ack(address(2), cursor.seq);
        world.settles_at(device(2), 0).await;
        let last = world.submit(both.clone()).await;
        assert_eq!(last.results[0].outcome(), Outcome::Stored, "{}", world.name);
        assert_eq!(last.accepted_at_ms, first.accepted_at_ms);
        assert_eq!(world.submit(both).await, last);
        assert_eq!(world.sequences(device(2)).await, [2]);
        assert_eq!(world.sequences(device(3)).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn an_envelope_id_stands_once_in_a_mailbox() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let first = one(1, 2);
        world.submit(first.clone()).await;
        let same_envelope = Submit {
            submit_id: SubmitId(fresh_id()),
            digest: fresh_id(),
            ..first.clone()
        };
        assert_eq!(world.outcomes(same_envelope).await, [Outcome::Stored]);
        // The same submit id with other bytes is another submit.
        let other_bytes = Submit {
            digest: fresh_id(),
            destinations: one(1, 2).destinations,
            ..first
        };
        assert_eq!(world.outcomes(other_bytes.clone()).await, [Outcome::Stored]);
        assert_eq!(world.outcomes(other_bytes).await, [Outcome::Stored]);
        assert_eq!(world.sequences(device(2)).await, [1, 2], "{}", world.name);
    })
    .await;
}

#[tokio::test]
async fn an_ack_deletes_up_to_its_sequence_in_its_mailbox_only() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        for _ in 0..5 {
            world.submit(one(1, 2)).await;
            world.submit(one(2, 1)).await;
        }
        world.store.ack(address(2), 3);
        world.store.ack(address(2), 2);
        world.settles_at(device(2), 2).await;
        assert_eq!(world.sequences(device(2)).await, [4, 5], "{}", world.name);
        assert_eq!(world.sequences(device(1)).await, [1, 2, 3, 4, 5]);
    })
    .await;
}

#[tokio::test]
async fn an_acked_mailbox_goes_on_counting_after_a_restart() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        world.submit(one(1, 2)).await;
        let cursor = world.mailbox(device(2)).await[0].cursor.expect("stored");
        world.store.ack(address(2), cursor.seq);
        world.settles_at(device(2), 0).await;
        world.reopen().await;
        world.submit(one(1, 2)).await;
        assert_eq!(world.sequences(device(2)).await, [2], "{}", world.name);
    })
    .await;
}

#[tokio::test]
async fn a_store_killed_between_append_and_ack_delivers_again() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        let accepted = world.submit(one(1, 2)).await;
        let before = world.mailbox(device(2)).await;
        if world.reopen().await {
            assert_eq!(world.mailbox(device(2)).await, before);
            let opened = world
                .store
                .open(address(2), before[0].cursor)
                .await
                .expect("opens")
                .expect("registered");
            assert_eq!(opened.after, 1, "the cursor of the device stands");
        }
        assert_eq!(before[0].accepted_at.0, accepted.accepted_at_ms);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_of_another_history_does_not_skip_anything() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        world.submit(one(1, 2)).await;
        let foreign = Cursor::new(1, EnvelopeId([0xAB; 16]));
        for cursor in [
            Some(foreign),
            Some(Cursor {
                seq: 900,
                ..foreign
            }),
            None,
        ] {
            let opened = world
                .store
                .open(address(2), cursor)
                .await
                .expect("opens")
                .expect("registered");
            assert_eq!(opened.after, 0, "{}", world.name);
        }
    })
    .await;
}

#[tokio::test]
async fn pages_are_bounded_by_count_and_bytes_and_say_when_they_end() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(2).await;
        for _ in 0..5 {
            let large = sized(device(2), 10_000);
            world
                .submit(submit(
                    address(1),
                    vec![to(account(2), Some(hash(1)), vec![large])],
                ))
                .await;
        }
        let page = |after, envelopes, bytes| {
            let store = world.store.clone();
            async move {
                let page = store
                    .page(device(2), after, PageLimit { envelopes, bytes })
                    .await
                    .expect("a page");
                let sequences: Vec<_> = page
                    .deliveries
                    .iter()
                    .map(|d| d.cursor.expect("stored").seq)
                    .collect();
                (sequences, page.is_last)
            }
        };
        assert_eq!(page(0, 2, 1_000_000).await, (vec![1, 2], false));
        assert_eq!(page(2, 10, 25_000).await, (vec![3, 4], false));
        assert_eq!(
            page(2, 10, 5).await,
            (vec![3], false),
            "one comes however large"
        );
        assert_eq!(page(2, 10, 1_000_000).await, (vec![3, 4, 5], true));
        assert_eq!(
            page(5, 10, 1_000_000).await,
            (vec![], true),
            "{}",
            world.name
        );
    })
    .await;
}

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

#[tokio::test]
async fn requests_have_budgets_per_target_and_in_all_and_the_next_day_renews_them() {
    let bounds = Bounds {
        requests_per_target: 2,
        requests_per_day: 3,
        ..Bounds::default()
    };
    on_every_backend(bounds, async |world| {
        world.people(4).await;
        let ask = |target: u8, now: Timestamp| {
            at(
                submit(
                    address(1),
                    vec![to(account(target), None, vec![envelope(device(target))])],
                ),
                now,
            )
        };
        let first = ask(2, START);
        assert_eq!(world.outcomes(first.clone()).await, [Outcome::Stored]);
        assert_eq!(
            world.outcomes(first).await,
            [Outcome::Stored],
            "a repeat is no second request"
        );
        assert_eq!(world.outcomes(ask(2, START)).await, [Outcome::Stored]);
        assert_eq!(world.outcomes(ask(2, START)).await, [Outcome::Refused]);
        assert_eq!(world.outcomes(ask(3, START)).await, [Outcome::Stored]);
        assert_eq!(
            world.outcomes(ask(4, START)).await,
            [Outcome::Refused],
            "{}",
            world.name
        );
        let tomorrow = Timestamp(START.0 + DAY_MS);
        assert_eq!(world.outcomes(ask(2, tomorrow)).await, [Outcome::Stored]);

        let large = sized(device(3), 7000);
        let too_large = at(
            submit(address(1), vec![to(account(3), None, vec![large])]),
            tomorrow,
        );
        assert_eq!(world.outcomes(too_large).await, [Outcome::Refused]);
        let typing = Submit {
            class: ExpiryClass::Ephemeral,
            ..ask(3, tomorrow)
        };
        assert_eq!(
            world.outcomes(typing).await,
            [Outcome::Refused],
            "strangers send nothing ephemeral"
        );
    })
    .await;
}

#[tokio::test]
async fn several_requests_in_one_submit_count_each() {
    let bounds = Bounds {
        requests_per_day: 1,
        ..Bounds::default()
    };
    on_every_backend(bounds, async |world| {
        world.people(3).await;
        let both = submit(
            address(1),
            vec![
                to(account(2), None, vec![envelope(device(2))]),
                to(account(3), None, vec![envelope(device(3))]),
            ],
        );
        assert_eq!(
            world.outcomes(both).await,
            [Outcome::Stored, Outcome::Refused],
            "{}",
            world.name
        );
    })
    .await;
}

#[tokio::test]
async fn requests_beyond_the_targets_day_are_held_and_released_in_turn() {
    let bounds = Bounds {
        requests_received: 1,
        held_max: 5,
        ..Bounds::default()
    };
    on_every_backend(bounds, async |world| {
        world.people(5).await;
        let ask = |from: u8, ms: u64| {
            at(
                submit(
                    address(from),
                    vec![to(account(5), None, vec![envelope(device(5))])],
                ),
                Timestamp(START.0 + ms),
            )
        };
        assert_eq!(world.outcomes(ask(1, 0)).await, [Outcome::Stored]);
        // One sender asks three times before another asks once.
        let held = [ask(2, 10), ask(2, 20), ask(2, 30), ask(3, 40)];
        for request in &held {
            assert_eq!(world.outcomes(request.clone()).await, [Outcome::Held]);
        }
        assert_eq!(
            world.outcomes(held[0].clone()).await,
            [Outcome::Held],
            "a repeat is the same answer"
        );
        assert_eq!(world.outcomes(ask(4, 50)).await, [Outcome::Held]);
        assert_eq!(
            world.outcomes(ask(4, 60)).await,
            [Outcome::Refused],
            "the line is full"
        );
        assert_eq!(world.sequences(device(5)).await, [1], "{}", world.name);

        let mut arrived = Vec::new();
        for day in 1..=4 {
            world
                .store
                .expire(Timestamp(START.0 + day * DAY_MS))
                .await
                .expect("sweeps");
            arrived = world
                .mailbox(device(5))
                .await
                .iter()
                .skip(1)
                .map(|d| d.envelope_id)
                .collect();
            assert_eq!(arrived.len() as u64, day, "{}: one a day", world.name);
        }
        let id = |request: &Submit| request.destinations[0].envelopes[0].envelope_id;
        assert_eq!(
            arrived[..2],
            [id(&held[0]), id(&held[3])],
            "the second sender does not wait for the first one's third"
        );
        // The fifth one waited seven days.
        let swept = world
            .store
            .expire(Timestamp(START.0 + 8 * DAY_MS))
            .await
            .expect("sweeps");
        assert_eq!(
            (swept.released, world.mailbox(device(5)).await.len()),
            (0, 5)
        );
    })
    .await;
}

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
    let mut world = World::file(Bounds::default());
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
    world.reopen().await;
    let db = rusqlite::Connection::open(&path).expect("opens");
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("checkpoints");
    let bytes = std::fs::read(&path).expect("reads");
    assert!(!bytes.windows(28).any(|window| window == &marked[..28]));
}

#[tokio::test]
async fn migrations_go_down_and_up_again() {
    use securechat_server::mailbox::MIGRATIONS;
    use securechat_server::platform::db::sqlite::{migrate_down, migrate_up};
    let mut db = rusqlite::Connection::open_in_memory().expect("opens");
    for _ in 0..2 {
        migrate_up(&mut db, &[MIGRATIONS]).expect("goes up");
        migrate_up(&mut db, &[MIGRATIONS]).expect("again is fine");
        migrate_down(&mut db, &[MIGRATIONS]).expect("goes down");
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
