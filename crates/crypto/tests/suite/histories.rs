//! Any history of attempts, honest or not: what was accepted verifies again from the start, and the state keeps its
//! invariants.

use crate::world::*;
use proptest::prelude::*;
use securechat_proto::account_log::{Announced, Log, Operation, Verified, verify_chain};

#[derive(Clone, Debug)]
enum Attempt {
    Add(u8, u8),
    Remove(u8, u8),
    Announce(u8, u8),
    Confirm(u8),
    Cancel(u8),
    Recover(u8, u64, Vec<u8>, u8),
    Rotate(u8, u8),
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let device = || 1_u8..7;
    let key = || 1_u8..4;
    let attempt = prop_oneof![
        4 => (device(), device()).prop_map(|(by, new)| Attempt::Add(by, new)),
        2 => (device(), device()).prop_map(|(by, target)| Attempt::Remove(by, target)),
        2 => (device(), device()).prop_map(|(by, target)| Attempt::Announce(by, target)),
        2 => device().prop_map(Attempt::Confirm),
        1 => device().prop_map(Attempt::Cancel),
        2 => (key(), 0_u64..8, prop::collection::btree_set(device(), 0..3), device())
            .prop_map(|(key, parent, kept, new)| Attempt::Recover(key, parent, kept.into_iter().collect(), new + 20)),
        1 => (key(), key()).prop_map(|(key, next)| Attempt::Rotate(key, next)),
    ];
    prop::collection::vec(attempt, 0..24)
}

fn apply(log: &Verified<Log>, attempt: &Attempt) -> Option<Verified<Log>> {
    let announced = log
        .state()
        .pending
        .keys()
        .next()
        .copied()
        .unwrap_or_default();
    let signed = match attempt {
        Attempt::Add(by, new) => add(log, *by, *new),
        Attempt::Remove(by, target) => by_device(log, *by, remove(&[*target])),
        Attempt::Announce(by, target) => {
            // Devices 1 to 3 stand for a removal, the others for a rotation to recovery key 1 to 3.
            let operation = match target {
                1..=3 => Announced::RemoveDevice {
                    devices: ids(&[*target]),
                },
                _ => Announced::RotateRecovery {
                    recovery: recovery(target - 3).public(),
                },
            };
            by_device(log, *by, Operation::Announce(operation))
        }
        Attempt::Confirm(by) => by_device(
            log,
            *by,
            Operation::Confirm {
                announce: announced,
            },
        ),
        Attempt::Cancel(by) => by_device(
            log,
            *by,
            Operation::Cancel {
                announce: announced,
            },
        ),
        Attempt::Recover(key, parent, kept, new) => {
            recover(log, *key, *parent, kept, *new, 1 + key % 3)
        }
        Attempt::Rotate(key, next) => by_recovery(
            log,
            *key,
            Operation::RotateRecovery {
                recovery: recovery(*next).public(),
            },
        ),
    };
    signed.ok().map(|signed| signed.log)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn accepted_entries_verify_again_and_keep_the_invariants(attempts in attempts()) {
        let mut log = genesis();
        for attempt in &attempts {
            let Some(next) = apply(&log, attempt) else { continue };
            prop_assert!(next.head().era >= log.head().era);
            prop_assert_eq!(next.head().sequence, log.head().sequence + 1);
            prop_assert!(next.state().final_through >= log.state().final_through);
            log = next;
        }
        let entries: Vec<Vec<u8>> = log.entries_from(0).collect();
        prop_assert_eq!(&verify_chain(&entries, &PRIMITIVES).unwrap(), &log);

        let state = log.state();
        prop_assert!((1..=16).contains(&state.devices.len()));
        prop_assert!(state.pending.values().all(|pending| state.devices.contains_key(&pending.announcer)));

        let after_all_terms = log.acting_state(&|_| u64::MAX, &PRIMITIVES);
        prop_assert_eq!(&after_all_terms.devices, &state.devices);
        prop_assert_eq!(&after_all_terms.recovery, &state.recovery);
        prop_assert_eq!(&after_all_terms.pending, &state.pending);
        prop_assert_eq!(after_all_terms.head, state.head);

        // Before any term has passed nobody was removed by a waiting entry, and the head never runs ahead.
        let at_once = log.acting_state(&|_| 0, &PRIMITIVES);
        prop_assert!(at_once.head.sequence <= state.head.sequence);
        prop_assert!(!at_once.devices.is_empty());
        if log.terms().next().is_none() {
            prop_assert_eq!(&at_once.devices, &state.devices);
        }
    }
}
