//! Order, repeats, acks and pages: what is stored comes once, in order, without gaps.

use super::super::mailbox_world::*;
use super::one;
use securechat_proto::wire::socket::Outcome;
use securechat_proto::{EnvelopeId, SubmitId, Timestamp};
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::store::PageLimit;
use securechat_server::mailbox::submit::{Cursor, Submit};

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
