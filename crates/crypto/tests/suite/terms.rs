//! Waiting operations: what a client acts on before and after a term has passed by its own clock.

use crate::world::*;
use securechat_proto::account_log::{Announced, Log, Operation, State, WAIT_MS, WAIT_REMOVAL_MS};

/// The state a client acts by that saw every entry `elapsed_ms` ago.
fn acting(log: &Log, elapsed_ms: u64) -> State {
    log.acting_state(&|_| elapsed_ms, &PRIMITIVES)
}

#[test]
fn without_waiting_entries_the_acting_state_is_the_state() {
    let log = recover(&with_devices(4), 1, 2, &[1, 3], 5, 2).unwrap().log;
    let log = by_device(&log, 1, remove(&[3])).unwrap().log;
    let acting = acting(&log, 0);
    assert_eq!(acting.devices, log.state().devices);
    assert_eq!(acting.head, log.head());
    assert_eq!(acting.recovery, log.state().recovery);
}

#[test]
fn a_young_device_removes_an_older_one_only_after_a_day() {
    let log = with_devices(3);
    let signed = by_device(&log, 3, remove(&[1])).unwrap();
    let term = signed.term.unwrap();
    assert_eq!((term.since, term.length_ms), (2, WAIT_REMOVAL_MS));
    assert_eq!(Some(term.since_hash), log.entry_hash(2));
    assert!(!term.has_passed(WAIT_REMOVAL_MS - 1) && term.has_passed(WAIT_REMOVAL_MS));
    assert!(
        acting(&signed.log, WAIT_REMOVAL_MS - 1)
            .devices
            .contains_key(&device(1).id())
    );
    assert!(
        !acting(&signed.log, WAIT_REMOVAL_MS)
            .devices
            .contains_key(&device(1).id())
    );
    assert_eq!(signed.log.terms().collect::<Vec<_>>(), [term]);
}

#[test]
fn older_devices_self_removal_and_the_recovery_key_do_not_wait() {
    let log = with_devices(3);
    assert_eq!(by_device(&log, 1, remove(&[3])).unwrap().term, None);
    assert_eq!(by_device(&log, 3, remove(&[3])).unwrap().term, None);
    assert_eq!(by_recovery(&log, 1, remove(&[1])).unwrap().term, None);
}

#[test]
fn a_confirm_takes_effect_when_its_term_has_passed() {
    let log = with_devices(3);
    let rotate = Announced::RotateRecovery {
        recovery: recovery(9).public(),
    };
    for (operation, wait) in [
        (
            Announced::RemoveDevice { devices: ids(&[1]) },
            WAIT_REMOVAL_MS,
        ),
        (rotate, WAIT_MS),
        (Announced::Close, WAIT_MS),
    ] {
        let announced = by_device(&log, 2, Operation::Announce(operation))
            .unwrap()
            .log;
        let announce = announced.head().hash;
        let confirmed = by_device(&announced, 2, Operation::Confirm { announce }).unwrap();
        assert_eq!(
            confirmed.term.map(|term| (term.since, term.length_ms)),
            Some((3, wait))
        );
        let before = acting(&confirmed.log, wait - 1);
        assert_eq!(before.devices, log.state().devices);
        assert_eq!(before.recovery, log.state().recovery);
        assert!(!before.closed && before.pending.contains_key(&announce));
        assert_eq!(before.head, confirmed.log.head());
        let after = acting(&confirmed.log, wait);
        assert_eq!(after.devices, confirmed.log.state().devices);
        assert_eq!(after.recovery, confirmed.log.state().recovery);
        assert_eq!(after.closed, confirmed.log.state().closed);
    }
}

#[test]
fn entries_after_a_waiting_one_take_effect_at_once() {
    let log = with_devices(3);
    let log = by_device(&log, 3, remove(&[2])).unwrap().log;
    let log = add(&log, 1, 4).unwrap().log;
    let devices = acting(&log, 0).devices;
    assert_eq!(
        devices.keys().copied().collect::<Vec<_>>(),
        ids(&[1, 2, 3, 4])
    );
}

#[test]
fn a_recover_by_a_key_that_still_waits_is_not_followed() {
    // A thief with a device and a relay that does not enforce terms: rotates the recovery key, then recovers with it.
    let log = with_devices(2);
    let rotate = Announced::RotateRecovery {
        recovery: recovery(9).public(),
    };
    let log = by_device(&log, 2, Operation::Announce(rotate)).unwrap().log;
    let announce = log.head().hash;
    let log = by_device(&log, 2, Operation::Confirm { announce })
        .unwrap()
        .log;
    let confirmed = log.head();
    let log = recover(&log, 9, log.head().sequence, &[], 8, 7)
        .unwrap()
        .log;
    let log = add(&log, 8, 5).unwrap().log;
    let before = acting(&log, WAIT_MS - 1);
    assert_eq!(
        before.devices.keys().copied().collect::<Vec<_>>(),
        ids(&[1, 2])
    );
    assert_eq!(before.head, confirmed);
    let after = acting(&log, WAIT_MS);
    assert_eq!(
        after.devices.keys().copied().collect::<Vec<_>>(),
        ids(&[5, 8])
    );
    assert_eq!(after.head, log.head());
}
