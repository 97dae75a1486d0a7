//! Decoders against bytes nobody should send.

use crate::world::*;
use proptest::prelude::*;
use securechat_proto::account_log::{Announced, Entry, LogHead, Operation, verify_chain};
use securechat_proto::bundle::SignedBundle;
use std::sync::LazyLock;

static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(make_samples);

/// One entry of every operation.
fn samples() -> Vec<Vec<u8>> {
    SAMPLES.clone()
}

fn make_samples() -> Vec<Vec<u8>> {
    let log = with_devices(3);
    let rotate = Announced::RotateRecovery {
        recovery: recovery(2).public(),
    };
    let removal = Announced::RemoveDevice { devices: ids(&[1]) };
    let log = by_device(&log, 1, remove(&[2])).unwrap().log;
    let log = by_device(&log, 3, Operation::Announce(removal))
        .unwrap()
        .log;
    let announce = log.head().hash;
    let log = by_device(&log, 3, Operation::Cancel { announce })
        .unwrap()
        .log;
    let log = by_device(&log, 3, Operation::Announce(rotate)).unwrap().log;
    let announce = log.head().hash;
    let log = by_device(&log, 3, Operation::Confirm { announce })
        .unwrap()
        .log;
    let log = by_device(&log, 1, Operation::Announce(Announced::Close))
        .unwrap()
        .log;
    let log = by_recovery(
        &log,
        2,
        Operation::RotateRecovery {
            recovery: recovery(3).public(),
        },
    )
    .unwrap()
    .log;
    let log = recover(&log, 3, log.head().sequence, &[1, 3], 4, 4)
        .unwrap()
        .log;
    let log = by_recovery(&log, 4, Operation::Close).unwrap().log;
    log.entries_from(0).collect()
}

#[test]
fn entries_decode_to_what_was_encoded() {
    for bytes in samples() {
        let entry = Entry::decode(&bytes).unwrap();
        assert_eq!(entry.encode(), bytes);
        assert_eq!(entry.body.encode(), entry.body_bytes());
    }
}

#[test]
fn cut_longer_and_renamed_entries_are_malformed() {
    for bytes in samples() {
        for length in (0..bytes.len()).step_by(13) {
            assert!(Entry::decode(&bytes[..length]).is_err());
        }
        assert!(Entry::decode(&[&bytes[..], &[0]].concat()).is_err());
        for (at, value) in [(0, 2), (81, 3), (98, 0), (98, 10), (99, 1), (102, 0xff)] {
            let mut wrong = bytes.clone();
            wrong[at] = value;
            assert!(Entry::decode(&wrong).is_err(), "byte {at}");
        }
    }
    assert!(Entry::decode(&vec![1; 50_000]).is_err());
}

#[test]
fn lists_have_one_form() {
    let log = with_devices(4);
    let honest = ids(&[2, 3]);
    let entry = |devices: Vec<_>| {
        let signer = securechat_proto::account_log::Signer::Device(device(1).id());
        forge(
            next_body(&log, signer, Operation::RemoveDevice { devices }),
            &device(1).dsk,
            None,
        )
    };
    assert!(Entry::decode(&entry(honest.clone())).is_ok());
    for bad in [
        vec![],
        vec![honest[1], honest[0]],
        vec![honest[0], honest[0]],
        (0..17)
            .map(|number| securechat_proto::DeviceId([number; 16]))
            .collect(),
    ] {
        assert!(Entry::decode(&entry(bad)).is_err());
    }
}

#[test]
fn heads_have_44_bytes() {
    let head = genesis().head();
    assert_eq!(LogHead::decode(&head.encode()), Ok(head));
    assert!(LogHead::decode(&head.encode()[1..]).is_err());
    assert!(LogHead::decode(&[0; 45]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_neither_panic_nor_pass(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        prop_assert!(verify_chain(std::slice::from_ref(&bytes), &PRIMITIVES).is_err());
        prop_assert!(SignedBundle::decode(&bytes).is_err());
    }

    #[test]
    fn a_changed_entry_never_verifies(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let mut entries = samples();
        let which = which.index(entries.len());
        let at = at.index(entries[which].len());
        entries[which][at] ^= 1_u8 << bit;
        prop_assert!(verify_chain(&entries, &PRIMITIVES).is_err());
    }
}
