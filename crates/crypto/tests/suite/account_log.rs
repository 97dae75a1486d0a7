//! Who may append what: one honest life of an account, and every rule broken once.

use crate::world::*;
use securechat_proto::account_log::{
    Announced, Freshness, LogHead, Operation, Refused, Signer, verify_chain,
};
use securechat_proto::{DeviceId, Fingerprint};

#[test]
fn an_account_lives_through_all_operations() {
    let mut log = genesis();
    assert_eq!(log.state().devices.len(), 1);
    log = add(&log, 1, 2).unwrap().log;
    log = add(&log, 2, 3).unwrap().log;
    log = by_device(&log, 1, remove(&[3])).unwrap().log;
    let rotate = Announced::RotateRecovery {
        recovery: recovery(2).public(),
    };
    log = by_device(&log, 2, Operation::Announce(rotate)).unwrap().log;
    let announce = log.head().hash;
    log = by_device(&log, 2, Operation::Confirm { announce })
        .unwrap()
        .log;
    assert_eq!(log.state().recovery, recovery(2).public());
    log = by_recovery(
        &log,
        2,
        Operation::RotateRecovery {
            recovery: recovery(3).public(),
        },
    )
    .unwrap()
    .log;
    log = by_device(&log, 1, Operation::Announce(Announced::Close))
        .unwrap()
        .log;
    let announce = log.head().hash;
    log = by_device(&log, 1, Operation::Cancel { announce })
        .unwrap()
        .log;
    log = recover(&log, 3, log.head().sequence, &[1], 4, 4)
        .unwrap()
        .log;
    assert_eq!(log.head().era, 1);
    assert_eq!(
        log.state().devices.keys().copied().collect::<Vec<_>>(),
        ids(&[1, 4])
    );
    log = by_recovery(&log, 4, remove(&[1])).unwrap().log;
    log = by_recovery(&log, 4, Operation::Close).unwrap().log;
    assert!(log.state().closed);

    let entries: Vec<Vec<u8>> = log.entries_from(0).collect();
    assert_eq!(verify_chain(&entries, &PRIMITIVES).unwrap(), log);
}

#[test]
fn a_recover_voids_the_entries_after_its_parent() {
    let log = with_devices(3);
    let thief = by_device(&log, 2, remove(&[3])).unwrap().log;
    let thief = add(&thief, 2, 9).unwrap().log;
    let recovered = recover(&thief, 1, 2, &[1, 3], 4, 2).unwrap().log;
    assert_eq!(
        recovered
            .state()
            .devices
            .keys()
            .copied()
            .collect::<Vec<_>>(),
        ids(&[1, 3, 4])
    );
    assert_eq!(recovered.head().sequence, 5);
    assert_eq!(
        refused(&recovered, &forge_add(&recovered, 1, 9)),
        Some(Refused::KeyUsedBefore)
    );
}

fn forge_add(log: &securechat_proto::account_log::Log, signer: u8, incoming: u8) -> Vec<u8> {
    let incoming = device(incoming);
    let operation = Operation::AddDevice {
        device: incoming.record(),
    };
    let signer = device(signer);
    forge(
        next_body(log, Signer::Device(signer.id()), operation),
        &signer.dsk,
        Some(&incoming),
    )
}

#[test]
fn a_genesis_that_is_none_is_refused() {
    let first = device(1);
    let honest = genesis().entry(0).unwrap().body.clone();
    let check = |change: &dyn Fn(&mut securechat_proto::account_log::Body), expected| {
        let mut body = honest.clone();
        change(&mut body);
        assert_eq!(
            verify_chain(&[forge(body, &first.dsk, None)], &PRIMITIVES).err(),
            Some(expected)
        );
    };
    check(
        &|body| body.account = Fingerprint([1; 32]),
        Refused::NotGenesis,
    );
    check(&|body| body.sequence = 1, Refused::NotGenesis);
    check(&|body| body.previous = [1; 32], Refused::NotGenesis);
    check(
        &|body| body.operation = Operation::Close,
        Refused::NotGenesis,
    );
    check(
        &|body| body.signer = Signer::Device(device(2).id()),
        Refused::WrongSigner,
    );
    check(&|body| body.signer = Signer::Recovery, Refused::WrongSigner);
    for key in [&device(2).dsk, &authority(1)] {
        let entry = forge(honest.clone(), key, None);
        assert_eq!(
            verify_chain(&[entry], &PRIMITIVES).err(),
            Some(Refused::BadSignature)
        );
    }
    assert_eq!(
        verify_chain::<Vec<u8>>(&[], &PRIMITIVES).err(),
        Some(Refused::Empty)
    );
}

#[test]
fn an_entry_out_of_place_is_refused() {
    let log = with_devices(3);
    let signer = device(1);
    let honest = next_body(&log, Signer::Device(signer.id()), remove(&[3]));
    let check = |change: &dyn Fn(&mut securechat_proto::account_log::Body), expected| {
        let mut body = honest.clone();
        change(&mut body);
        assert_eq!(
            refused(&log, &forge(body, &signer.dsk, None)),
            Some(expected)
        );
    };
    check(
        &|body| body.account = Fingerprint([1; 32]),
        Refused::OtherAccount,
    );
    check(&|body| body.sequence -= 1, Refused::WrongSequence);
    check(&|body| body.sequence += 1, Refused::WrongSequence);
    check(&|body| body.sequence = u64::MAX, Refused::WrongSequence);
    check(
        &|body| body.previous = log.entry_hash(1).unwrap(),
        Refused::WrongPrevious,
    );
    check(
        &|body| body.signer = Signer::Device(device(8).id()),
        Refused::UnknownSigner,
    );
    check(
        &|body| body.operation = log.entry(0).unwrap().body.operation.clone(),
        Refused::SecondGenesis,
    );
}

#[test]
fn operations_without_the_right_to_them_are_refused() {
    let log = with_devices(3);
    let rotate = || Operation::RotateRecovery {
        recovery: recovery(9).public(),
    };
    let announce = |operation| Operation::Announce(operation);
    let removal = |numbers: &[u8]| Announced::RemoveDevice {
        devices: ids(numbers),
    };
    for (signer, operation, expected) in [
        (1, rotate(), Refused::NeedsAnnounce),
        (1, Operation::Close, Refused::NeedsAnnounce),
        (1, remove(&[9]), Refused::UnknownDevice),
        (1, remove(&[1, 2, 3]), Refused::LastDevice),
        (2, announce(removal(&[2, 3])), Refused::RemovesItself),
        (2, announce(removal(&[9])), Refused::UnknownDevice),
        (
            1,
            Operation::Confirm { announce: [0; 32] },
            Refused::NothingAnnounced,
        ),
        (
            1,
            Operation::Cancel { announce: [0; 32] },
            Refused::NothingAnnounced,
        ),
        (
            1,
            recover_operation(&log, 2, &[1], &device(4), 2),
            Refused::WrongSigner,
        ),
        (8, remove(&[3]), Refused::UnknownSigner),
    ] {
        let shown = format!("{operation:?}");
        let incoming = operation.incoming().map(|_| device(4));
        let signed = device(signer).sign_entry(&log, operation, incoming.as_ref(), TIME);
        assert_eq!(signed.err(), Some(expected), "{shown}");
    }
    for operation in [
        Operation::AddDevice {
            device: device(4).record(),
        },
        announce(Announced::Close),
        Operation::Confirm { announce: [0; 32] },
    ] {
        let shown = format!("{operation:?}");
        let signed = recovery(1)
            .sign_entry(&log, operation, Some(&device(4)), TIME)
            .err();
        let expected = if shown.starts_with("AddDevice") {
            Refused::WrongSigner
        } else {
            Refused::Malformed
        };
        assert!(
            signed == Some(expected) || signed == Some(Refused::WrongSigner),
            "{shown}: {signed:?}"
        );
        let without = recovery(1)
            .sign_entry(&log, announce(Announced::Close), None, TIME)
            .err();
        assert_eq!(without, Some(Refused::WrongSigner));
    }
    assert_eq!(
        by_recovery(&log, 2, Operation::Close).err(),
        Some(Refused::BadSignature)
    );
    let closed = by_recovery(&log, 1, Operation::Close).unwrap().log;
    assert_eq!(
        by_device(&closed, 1, remove(&[3])).err(),
        Some(Refused::Closed)
    );
    assert_eq!(
        recover(&closed, 1, 3, &[1], 4, 2).err(),
        Some(Refused::Closed)
    );
}

#[test]
fn announcements_belong_to_their_announcer() {
    let log = with_devices(4);
    let removal = Operation::Announce(Announced::RemoveDevice { devices: ids(&[1]) });
    let log = by_device(&log, 3, removal).unwrap().log;
    let announce = log.head().hash;
    let second = Operation::Announce(Announced::Close);
    assert_eq!(
        by_device(&log, 3, second).err(),
        Some(Refused::AlreadyAnnounced)
    );
    assert_eq!(
        by_device(&log, 2, Operation::Confirm { announce }).err(),
        Some(Refused::WrongSigner)
    );
    // Device 1 is the target, device 4 is younger than the announcer, device 2 is older.
    assert_eq!(
        by_device(&log, 1, Operation::Cancel { announce }).err(),
        Some(Refused::MayNotCancel)
    );
    assert_eq!(
        by_device(&log, 4, Operation::Cancel { announce }).err(),
        Some(Refused::MayNotCancel)
    );
    assert!(by_device(&log, 3, Operation::Cancel { announce }).is_ok());
    assert!(by_recovery(&log, 1, Operation::Cancel { announce }).is_ok());
    let cancelled = by_device(&log, 2, Operation::Cancel { announce })
        .unwrap()
        .log;
    assert_eq!(
        by_device(&cancelled, 3, Operation::Confirm { announce }).err(),
        Some(Refused::NothingAnnounced)
    );
    let confirmed = by_device(&log, 3, Operation::Confirm { announce })
        .unwrap()
        .log;
    assert!(confirmed.state().device(&device(1).id()).is_none());
    assert_eq!(
        by_device(&confirmed, 3, Operation::Confirm { announce }).err(),
        Some(Refused::NothingAnnounced)
    );
    let announcer_gone = by_device(&log, 1, remove(&[3])).unwrap().log;
    assert!(announcer_gone.state().pending.is_empty());
}

#[test]
fn a_confirmed_removal_never_empties_the_account() {
    let log = with_devices(3);
    let removal = Operation::Announce(Announced::RemoveDevice {
        devices: ids(&[1, 2]),
    });
    let log = by_device(&log, 3, removal).unwrap().log;
    let announce = log.head().hash;
    let log = by_device(&log, 1, remove(&[2])).unwrap().log;
    let log = by_device(&log, 3, Operation::Confirm { announce })
        .unwrap()
        .log;
    assert_eq!(
        log.state().devices.keys().copied().collect::<Vec<_>>(),
        ids(&[3])
    );
}

#[test]
fn keys_that_stood_in_the_log_never_come_back() {
    let log = by_device(&with_devices(3), 1, remove(&[3])).unwrap().log;
    assert_eq!(add(&log, 1, 2).err(), Some(Refused::KeyUsedBefore));
    assert_eq!(add(&log, 1, 3).err(), Some(Refused::KeyUsedBefore));
    // The DSK of device 3 with another IK is another device id, and refused all the same.
    let mixed = securechat_crypto::identity::DeviceKeys::from_seeds(
        &seed(0xd5, 3),
        seed(0x1c, 7),
        seed(0xac, 7),
    );
    let operation = Operation::AddDevice {
        device: mixed.record(),
    };
    assert_eq!(
        device(1)
            .sign_entry(&log, operation, Some(&mixed), TIME)
            .err(),
        Some(Refused::KeyUsedBefore)
    );
    assert_eq!(
        recover(&log, 1, 3, &[1], 3, 2).err(),
        Some(Refused::KeyUsedBefore)
    );
}

#[test]
fn sixteen_devices_are_the_most() {
    let log = with_devices(16);
    assert_eq!(add(&log, 1, 17).err(), Some(Refused::TooManyDevices));
    let all: Vec<u8> = (1..=16).collect();
    assert_eq!(
        recover(&log, 1, 15, &all, 17, 2).err(),
        Some(Refused::TooManyDevices)
    );
    assert!(recover(&log, 1, 15, &all[1..], 17, 2).is_ok());
}

#[test]
fn recover_needs_a_live_final_parent_and_its_key() {
    let log = with_devices(3);
    assert_eq!(
        recover(&log, 2, 2, &[1], 4, 2).err(),
        Some(Refused::BadSignature)
    );
    assert_eq!(
        recover(&log, 1, 0, &[2], 4, 2).err(),
        Some(Refused::UnknownDevice)
    );
    assert_eq!(
        recover(&log, 1, 3, &[1], 4, 2).err(),
        Some(Refused::UnknownParent)
    );
    let mut operation = recover_operation(&log, 1, &[1], &device(4), 2);
    if let Operation::Recover(recover) = &mut operation {
        recover.parent_hash = log.entry_hash(2).unwrap();
    }
    let signed = recovery(1).sign_entry(&log, operation, Some(&device(4)), TIME);
    assert_eq!(signed.err(), Some(Refused::UnknownParent));

    // Entries by the recovery key are final, voided entries are no parents.
    let final_entry = by_recovery(&log, 1, remove(&[3])).unwrap().log;
    assert_eq!(
        recover(&final_entry, 1, 2, &[1, 3], 4, 2).err(),
        Some(Refused::VoidsFinalEntry)
    );
    let recovered = recover(&log, 1, 1, &[1], 4, 2).unwrap().log;
    assert_eq!(
        recover(&recovered, 2, 2, &[1], 5, 3).err(),
        Some(Refused::UnknownParent)
    );
    assert_eq!(
        recover(&recovered, 1, 1, &[1], 5, 3).err(),
        Some(Refused::VoidsFinalEntry)
    );
    let again = recover(&recovered, 2, 3, &[4], 5, 3).unwrap().log;
    assert_eq!((again.head().era, again.head().sequence), (2, 4));

    // A thief's rotation of the recovery key is undone by the key in force before it.
    let rotate = Announced::RotateRecovery {
        recovery: recovery(9).public(),
    };
    let stolen = by_device(&log, 2, Operation::Announce(rotate)).unwrap().log;
    let announce = stolen.head().hash;
    let stolen = by_device(&stolen, 2, Operation::Confirm { announce })
        .unwrap()
        .log;
    assert_eq!(
        recover(&stolen, 1, 4, &[1], 4, 2).err(),
        Some(Refused::BadSignature)
    );
    let recovered = recover(&stolen, 1, 2, &[1], 4, 2).unwrap().log;
    assert_eq!(recovered.state().recovery, recovery(2).public());
    assert!(recovered.state().pending.is_empty());
}

#[test]
fn the_last_64_places_are_for_the_recovery_key() {
    let mut log = genesis();
    while log.entry_count() < 960 {
        log = by_device(&log, 1, Operation::Announce(Announced::Close))
            .unwrap()
            .log;
        let announce = log.head().hash;
        if log.entry_count() < 960 {
            log = by_device(&log, 1, Operation::Cancel { announce })
                .unwrap()
                .log;
        }
    }
    let announce = log.head().hash;
    assert_eq!(
        by_device(&log, 1, Operation::Cancel { announce }).err(),
        Some(Refused::Reserved)
    );
    log = by_recovery(&log, 1, Operation::Cancel { announce })
        .unwrap()
        .log;
    while log.entry_count() < 1024 {
        log = by_recovery(
            &log,
            1,
            Operation::RotateRecovery {
                recovery: recovery(1).public(),
            },
        )
        .unwrap()
        .log;
    }
    assert_eq!(
        by_recovery(&log, 1, Operation::Close).err(),
        Some(Refused::Full)
    );
}

#[test]
fn heads_tell_who_is_behind() {
    let log = with_devices(4);
    let claim = |sequence| log.head_at(sequence).unwrap();
    assert_eq!(log.freshness(&log.head()), Freshness::Same);
    assert_eq!(log.freshness(&claim(1)), Freshness::Behind(2));
    assert_eq!(
        log.entries_for(&claim(1)),
        log.entries_from(2).collect::<Vec<_>>()
    );
    assert_eq!(
        log.freshness(&LogHead {
            sequence: 4,
            ..claim(3)
        }),
        Freshness::ClaimAhead
    );
    assert_eq!(
        log.freshness(&LogHead {
            hash: [0; 32],
            ..claim(2)
        }),
        Freshness::ClaimForks
    );
    assert_eq!(
        log.freshness(&LogHead { era: 1, ..claim(3) }),
        Freshness::ClaimForks
    );
    assert!(
        log.entries_for(&LogHead {
            hash: [0; 32],
            ..claim(2)
        })
        .is_empty()
    );
    let mut long = with_devices(2);
    for _ in 0..10 {
        long = by_device(&long, 1, Operation::Announce(Announced::Close))
            .unwrap()
            .log;
        let announce = long.head().hash;
        long = by_device(&long, 1, Operation::Cancel { announce })
            .unwrap()
            .log;
    }
    assert!(long.entries_for(&long.head_at(0).unwrap()).is_empty());
    assert_eq!(long.entries_for(&long.head_at(5).unwrap()).len(), 16);
    assert!(long.entries_from(u64::MAX).next().is_none());
    assert_eq!(long.head_at(u64::MAX), None);
}

#[test]
fn relay_and_client_agree_on_ids_and_codes() {
    assert_eq!(device(1).record().id(&PRIMITIVES), device(1).id());
    assert_ne!(device(1).id(), DeviceId([0; 16]));
    assert_eq!(
        Refused::VoidsFinalEntry.to_string(),
        "account log refused: voids_final_entry"
    );
}
