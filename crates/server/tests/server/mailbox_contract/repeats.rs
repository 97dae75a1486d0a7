//! A repeat gets the first answer: whenever it comes, and wherever the relay keeps that answer by then.

use super::super::mailbox_world::*;
use super::one;
use securechat_proto::Timestamp;
use securechat_proto::limits::SUBMITS_REMEMBERED;
use securechat_proto::wire::socket::Accepted;
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::submit::Submit;

/// The n-th submit of a test; its answer differs from every other one's.
async fn answered(world: &World, from: u8, n: u64) -> (Submit, Accepted) {
    let submit = at(one(from, 4), Timestamp(START.0 + n));
    let accepted = world.submit(submit.clone()).await;
    assert_eq!(accepted.accepted_at_ms, START.0 + n);
    (submit, accepted)
}

#[tokio::test]
async fn every_answer_stands_after_every_further_submit_and_restart() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(4).await;
        let mut all = Vec::new();
        for n in 0..24_u64 {
            let from = (n * n % 7 % 3 + 1) as u8;
            all.push(answered(world, from, n).await);
            if n % 5 == 4 {
                world.reopen().await;
            }
            for (submit, accepted) in &all {
                let later = at(submit.clone(), Timestamp(START.0 + 1_000_000));
                assert_eq!(world.submit(later).await, *accepted, "{}", world.name);
            }
        }
        assert_eq!(world.mailbox(device(4)).await.len(), all.len());
    })
    .await;
}

#[tokio::test]
async fn the_counter_of_the_last_answered_submit_is_given_back_at_any_time() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(4).await;
        let mut newest = [const { Vec::new() }; 3];
        for n in 0..40_u64 {
            let from = (n * n % 7 % 3) as usize;
            let (submit, _) = answered(world, from as u8 + 1, n).await;
            newest[from] = submit.counter;
            if n % 9 == 8 {
                world.reopen().await;
            }
            for (device, counter) in newest.iter().enumerate() {
                let opened = world.store.open(address(device as u8 + 1), None).await;
                let opened = opened.expect("opens").expect("registered");
                assert_eq!(opened.counter, *counter, "{} after {n}", world.name);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_newest_submits_of_a_busy_device_are_remembered_beside_a_quiet_one() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(4).await;
        let quiet = answered(world, 2, 0).await;
        let mut busy = Vec::new();
        for n in 0..2 * SUBMITS_REMEMBERED as u64 + 50 {
            busy.push(answered(world, 1, n).await);
        }
        world.reopen().await;
        let remembered = busy.iter().rev().take(SUBMITS_REMEMBERED);
        for (submit, accepted) in remembered.chain([&quiet]) {
            let later = at(submit.clone(), Timestamp(START.0 + 10_000));
            assert_eq!(world.submit(later).await, *accepted, "{}", world.name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_device_that_comes_back_under_its_id_finds_nothing_of_the_former() {
    on_every_backend(Bounds::default(), async |world| {
        world.people(4).await;
        let mut former = Vec::new();
        for n in 0..10 {
            former.push(answered(world, 1, n).await.0);
        }
        world
            .store
            .remove_device(address(1))
            .await
            .expect("removes");
        world
            .store
            .register_device(address(1))
            .await
            .expect("registers");
        let opened = world.store.open(address(1), None).await;
        let opened = opened.expect("opens").expect("registered");
        assert!(opened.counter.is_empty(), "{}", world.name);
        for submit in former {
            let later = at(submit, Timestamp(START.0 + 5000));
            let accepted = world.submit(later).await;
            assert_eq!(accepted.accepted_at_ms, START.0 + 5000, "{}", world.name);
        }
    })
    .await;
}
