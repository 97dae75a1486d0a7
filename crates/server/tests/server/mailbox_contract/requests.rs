//! Message requests: budgets, and those that are held.

use super::super::mailbox_world::*;
use securechat_proto::Timestamp;
use securechat_proto::wire::socket::Outcome;
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::submit::{ExpiryClass, Submit};

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
