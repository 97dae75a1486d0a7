//! Keys of a device over weeks: what is rotated when, and how long the old ones open what was on its way.

use crate::world::World;
use securechat_crypto::keys::XWingPublic;
use securechat_crypto::pqxdh::KemKeyId;
use securechat_engine::api::*;
use securechat_proto::DeviceId;
use securechat_proto::bundle::{Bundle, SignedBundle};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn published(world: &World, device: DeviceId) -> Bundle {
    SignedBundle::decode(&world.relay.bundles[&device].current)
        .unwrap()
        .bundle
}

#[test]
fn keys_rotate_by_their_terms_and_old_ones_open_what_was_on_its_way() {
    let mut world = World::new();
    let (alice, bob, conversation) = world.friends(true);
    let device = world.account(bob).device_id.unwrap();
    let mut held = published(&world, device);
    let mut texts = Vec::new();
    for (slept, new_signed) in [
        (25 * HOUR_MS, false),
        (6 * DAY_MS, true),
        (30 * DAY_MS, true),
    ] {
        world.kill(bob);
        let text = format!("sealed for the keys of bundle {}", held.number);
        world.text(alice, conversation, &text);
        texts.push(text);
        world.skip(slept);
        world.open(bob);
        world.pass(60_000);
        let shown = world.texts(bob, conversation);
        assert!(shown.ends_with(&texts), "{shown:?}");
        let now = published(&world, device);
        assert!(now.number > held.number);
        assert_eq!(now.sealing_number, held.sealing_number + 1);
        assert_eq!(now.signed_prekey != held.signed_prekey, new_signed);
        assert_eq!(now.last_resort != held.last_resort, new_signed);
        held = now;
    }
    assert_eq!(
        world
            .timeline(bob, conversation)
            .iter()
            .filter(|item| matches!(item.body, ItemBody::Healing { .. } | ItemBody::Lost))
            .count(),
        0
    );
}

#[test]
fn old_keys_are_erased_after_their_term_and_not_before() {
    let mut world = World::new();
    let bob = world.peer(true);
    world.sign_up(bob, "bob");
    let kept = |world: &mut World, kind: &str| -> i64 {
        world.kill(bob);
        let count = world
            .store(bob)
            .query_row(
                "SELECT count(*) FROM prekeys_secrets WHERE kind = ?1",
                [kind],
                |row| row.get(0),
            )
            .unwrap();
        world.open(bob);
        world.pass(5_000);
        count
    };
    for _ in 0..30 {
        world.skip(DAY_MS + HOUR_MS);
        world.pass(5_000);
    }
    let after_a_month = kept(&mut world, "sealing");
    assert!((30..=31).contains(&after_a_month), "{after_a_month}");
    for _ in 0..20 {
        world.skip(DAY_MS + HOUR_MS);
        world.pass(5_000);
    }
    // 31 days of sealing keys, made every 25 hours, and the present one.
    let sealing = kept(&mut world, "sealing");
    assert!((30..=32).contains(&sealing), "{sealing}");
    // 35 days of last-resort keys, made every eighth round of 25 hours, and the present one.
    let last_resort = kept(&mut world, "last_resort");
    assert!((5..=7).contains(&last_resort), "{last_resort}");
    // Nobody took a one-time key: the first stock is the only one.
    assert_eq!(kept(&mut world, "one_time"), 50);
}

/// The stock is filled up when it runs low. What the relay can still hand out is kept here, and so is what it handed out
/// and may be on its way.
#[test]
fn one_time_keys_are_filled_up_and_kept_while_they_can_be_used() {
    let mut world = World::new();
    let bob = world.peer(true);
    world.sign_up(bob, "bob");
    let device = world.account(bob).device_id.unwrap();
    for round in 0..3 {
        let stock = &mut world.relay.bundles.get_mut(&device).unwrap().stock;
        let left = stock.len();
        assert!((50..70).contains(&left), "{round}: {left}");
        stock.drain(..left - 19);
        world.kill(bob);
        world.skip(2 * HOUR_MS);
        world.open(bob);
        world.pass(10_000);
    }
    world.kill(bob);
    let kept: Vec<Vec<u8>> = {
        let db = world.store(bob);
        let mut rows = db
            .prepare("SELECT public_hash FROM prekeys_secrets WHERE kind = 'one_time'")
            .unwrap();
        let hashes = rows.query_map([], |row| row.get(0)).unwrap();
        hashes.map(Result::unwrap).collect()
    };
    let held = &world.relay.bundles[&device];
    for (_, _, key) in &held.stock {
        let id = KemKeyId::of(&XWingPublic::from_slice(key).unwrap());
        assert!(
            kept.contains(&id.0.to_vec()),
            "the relay hands out a dead key"
        );
    }
    assert_eq!(kept.len(), 200, "nothing was used, and no term has passed");
}
