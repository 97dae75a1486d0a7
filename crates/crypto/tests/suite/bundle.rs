//! Bundles: accepted only from an active device of the right account, never an older one, prekeys only when proved.

use crate::world::*;
use proptest::prelude::*;
use securechat_crypto::bundle::{
    AGE_WARNING_MS, BundleRefused, OwnBundle, PublishedBundle, verify,
};
use securechat_crypto::identity::DeviceKeys;
use securechat_crypto::keys::{X25519Secret, XWingPublic, XWingSecret};
use securechat_proto::account_log::{Log, LogHead, Verified};
use securechat_proto::bundle::{Bundle, MerkleTree, SIGNED_BYTES, SignedBundle, verify_path};
use securechat_proto::public_key::KeyType;
use securechat_proto::signing::Purpose;
use securechat_proto::{DeviceId, Fingerprint, Timestamp};

pub fn one_time(count: u8) -> Vec<XWingPublic> {
    (0..count)
        .map(|number| XWingSecret::from_seed(seed(4, number)).public())
        .collect()
}

pub fn publish(
    log: &Log,
    keys: &DeviceKeys,
    number: u64,
    one_time: &[XWingPublic],
) -> PublishedBundle {
    OwnBundle {
        account: log.fingerprint(),
        number,
        created: TIME,
        log_head: log.head(),
        signed_prekey: X25519Secret::from_secret(seed(2, 1)).public(),
        last_resort: &XWingSecret::from_seed(seed(5, 1)).public(),
        sealing_number: 7,
        sealing_key: &XWingSecret::from_seed(seed(6, 1)).public(),
        one_time,
    }
    .sign(keys)
    .unwrap()
}

fn check(
    log: &Verified<Log>,
    bytes: &[u8],
    seen: Option<(u64, &[u8])>,
) -> Result<(), BundleRefused> {
    verify(bytes, &device(2).id(), log, log.state(), seen).map(|_| ())
}

#[test]
fn a_good_bundle_gives_its_keys() {
    let log = with_devices(2);
    let published = publish(&log, &device(2), 3, &one_time(5));
    let bytes = published.signed.encode();
    assert_eq!(bytes.len(), SIGNED_BYTES);
    let peer = verify(&bytes, &device(2).id(), &log, log.state(), None).unwrap();
    assert_eq!(peer.device(), device(2).public());
    assert_eq!(
        (peer.account(), peer.device_id()),
        (log.fingerprint(), device(2).id())
    );
    assert_eq!(
        (peer.number(), peer.sealing_number(), peer.log_head()),
        (3, 7, log.head())
    );
    assert_eq!(
        peer.sealing_key(),
        XWingSecret::from_seed(seed(6, 1)).public()
    );
    assert_eq!(peer.last_resort().kem_type, KeyType::LastResort);
    assert!(!peer.is_old(Timestamp(TIME.0 + AGE_WARNING_MS)));
    assert!(peer.is_old(Timestamp(TIME.0 + AGE_WARNING_MS + 1)));
    for (index, key) in (0..).zip(one_time(5)) {
        let path = published.tree.path(index).unwrap();
        let keys = peer
            .one_time(index, &key.0[..], &path, None, &log, log.state())
            .unwrap();
        assert_eq!(
            (keys.kem_type, keys.kem_key, keys.bundle_number),
            (KeyType::OneTime, key, 3)
        );
    }
}

#[test]
fn a_bundle_never_goes_back() {
    let log = with_devices(2);
    let bytes = |number| publish(&log, &device(2), number, &[]).signed.encode();
    let (old, new) = (bytes(3), bytes(4));
    assert_eq!(check(&log, &new, Some((3, &old))), Ok(()));
    assert_eq!(check(&log, &new, Some((4, &new))), Ok(()));
    assert_eq!(
        check(&log, &old, Some((4, &new))),
        Err(BundleRefused::WentBack)
    );
    let same_number = publish(&log, &device(2), 4, &one_time(1)).signed.encode();
    assert_eq!(
        check(&log, &same_number, Some((4, &new))),
        Err(BundleRefused::WentBack)
    );
}

/// Signs a changed bundle with any key.
fn forged(log: &Log, change: impl Fn(&mut Bundle), key: &DeviceKeys, purpose: Purpose) -> Vec<u8> {
    let mut bundle = publish(log, &device(2), 3, &one_time(2)).signed.bundle;
    change(&mut bundle);
    let signature = key.dsk.sign(
        purpose,
        &bundle.account,
        &bundle.device,
        &[&bundle.encode()],
    );
    SignedBundle::new(bundle, signature).encode()
}

#[test]
fn foreign_and_broken_bundles_are_refused() {
    let log = with_devices(3);
    let (two, three) = (device(2), device(3));
    let forge = |change: &dyn Fn(&mut Bundle)| forged(&log, change, &two, Purpose::Bundle);
    let ahead = LogHead {
        sequence: 9,
        ..log.head()
    };
    let fork = LogHead {
        hash: [1; 32],
        ..log.head()
    };
    for (bytes, expected) in [
        (
            forge(&|bundle| bundle.account = Fingerprint([1; 32])),
            BundleRefused::OtherAccount,
        ),
        (
            forge(&|bundle| bundle.device = DeviceId([1; 16])),
            BundleRefused::OtherDevice,
        ),
        (
            publish(&log, &three, 1, &[]).signed.encode(),
            BundleRefused::OtherDevice,
        ),
        (
            forged(&log, |_| (), &three, Purpose::Bundle),
            BundleRefused::BadSignature,
        ),
        (
            forged(&log, |_| (), &two, Purpose::LogEntry),
            BundleRefused::BadSignature,
        ),
        (
            forge(&|bundle| bundle.log_head = ahead),
            BundleRefused::LogBehind,
        ),
        (
            forge(&|bundle| bundle.log_head = fork),
            BundleRefused::LogForks,
        ),
        (
            forge(&|bundle| bundle.sealing_key.fill(0xff)),
            BundleRefused::InvalidKey,
        ),
        (
            forge(&|bundle| bundle.last_resort.fill(0xff)),
            BundleRefused::InvalidKey,
        ),
        (forge(&|bundle| bundle.number = 0), BundleRefused::Malformed),
        (
            forge(&|bundle| bundle.one_time_count = 257),
            BundleRefused::Malformed,
        ),
        (vec![0; SIGNED_BYTES], BundleRefused::Malformed),
    ] {
        assert_eq!(check(&log, &bytes, None), Err(expected));
    }
    let removed = by_device(&log, 1, remove(&[2])).unwrap().log;
    let bytes = forge(&|_| ());
    assert_eq!(check(&log, &bytes, None), Ok(()));
    assert_eq!(
        check(&removed, &bytes, None),
        Err(BundleRefused::DeviceNotActive)
    );
    for bad in [
        &bytes[1..],
        &bytes[..SIGNED_BYTES - 1],
        &[&bytes[..], &[0]].concat(),
    ] {
        assert_eq!(check(&log, bad, None), Err(BundleRefused::Malformed));
    }
}

#[test]
fn every_changed_byte_of_a_bundle_is_refused() {
    let log = with_devices(2);
    let bytes = publish(&log, &device(2), 3, &one_time(2)).signed.encode();
    // Every byte of the short fields, and one in 97 of the long keys.
    for at in (0..bytes.len()).filter(|at| *at < 160 || *at > bytes.len() - 110 || at % 97 == 0) {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0x10;
        assert!(check(&log, &wrong, None).is_err(), "byte {at}");
    }
}

#[test]
fn one_time_prekeys_need_their_own_path() {
    let log = with_devices(2);
    let keys = one_time(5);
    let published = publish(&log, &device(2), 3, &keys);
    let bytes = published.signed.encode();
    let peer = verify(&bytes, &device(2).id(), &log, log.state(), None).unwrap();
    let claim = |index: u32, key: &[u8], path: &[[u8; 32]], proved_by: Option<&[u8]>| {
        peer.one_time(index, key, path, proved_by, &log, log.state())
            .map(|_| ())
    };
    let path = published.tree.path(2).unwrap();
    let not_proved = Err(BundleRefused::NotProved);
    assert_eq!(claim(2, &keys[2].0[..], &path, None), Ok(()));
    assert_eq!(claim(2, &keys[3].0[..], &path, None), not_proved);
    assert_eq!(claim(3, &keys[2].0[..], &path, None), not_proved);
    assert_eq!(claim(2 + 8, &keys[2].0[..], &path, None), not_proved);
    assert_eq!(claim(2, &keys[2].0[..], &path[1..], None), not_proved);
    assert_eq!(
        claim(2, &keys[2].0[..1215], &path, None),
        Err(BundleRefused::Malformed)
    );
    // The last-resort key is no one-time prekey, although it is signed.
    let last_resort = peer.last_resort().kem_key;
    assert_eq!(claim(2, &last_resort.0[..], &path, None), not_proved);

    let older = publish(&log, &device(2), 2, &one_time(9));
    let older_path = older.tree.path(8).unwrap();
    let key = &one_time(9)[8];
    assert_eq!(
        claim(8, &key.0[..], &older_path, Some(&older.signed.encode())),
        Ok(())
    );
    assert_eq!(claim(8, &key.0[..], &older_path, None), not_proved);
    let newer = publish(&log, &device(2), 4, &one_time(9)).signed.encode();
    assert_eq!(
        claim(8, &key.0[..], &older_path, Some(&newer)),
        Err(BundleRefused::WentBack)
    );
    let foreign = publish(&log, &device(1), 2, &one_time(9)).signed.encode();
    assert_eq!(
        claim(8, &key.0[..], &older_path, Some(&foreign)),
        Err(BundleRefused::OtherDevice)
    );
    let invalid = publish(
        &log,
        &device(2),
        3,
        &[XWingPublic::from_slice(&[0xff; 1216]).unwrap()],
    );
    let peer = verify(
        &invalid.signed.encode(),
        &device(2).id(),
        &log,
        log.state(),
        None,
    )
    .unwrap();
    let claimed = peer.one_time(0, &[0xff; 1216], &[], None, &log, log.state());
    assert_eq!(claimed.err(), Some(BundleRefused::InvalidKey));
}

#[test]
fn a_new_bundle_may_keep_the_prekeys_of_the_last() {
    let log = with_devices(2);
    let keys = one_time(5);
    let tree = publish(&log, &device(2), 3, &keys).tree;
    let sealing_key = XWingSecret::from_seed(seed(6, 2)).public();
    let signed = OwnBundle {
        account: log.fingerprint(),
        number: 4,
        created: TIME,
        log_head: log.head(),
        signed_prekey: X25519Secret::from_secret(seed(2, 1)).public(),
        last_resort: &XWingSecret::from_seed(seed(5, 1)).public(),
        sealing_number: 8,
        sealing_key: &sealing_key,
        one_time: &[],
    }
    .sign_keeping(&device(2), tree.count(), tree.root());
    let peer = verify(&signed.encode(), &device(2).id(), &log, log.state(), None).unwrap();
    assert_eq!(
        (peer.sealing_number(), peer.sealing_key()),
        (8, sealing_key)
    );
    let path = tree.path(4).unwrap();
    assert!(
        peer.one_time(4, &keys[4].0[..], &path, None, &log, log.state())
            .is_ok()
    );
}

#[test]
fn trees_hold_at_most_256_keys_and_none_is_fine() {
    let key = [1; 1216];
    assert!(MerkleTree::build(&PRIMITIVES, std::iter::repeat_n(&key, 257)).is_none());
    assert_eq!(
        MerkleTree::build(&PRIMITIVES, std::iter::repeat_n(&key, 256))
            .unwrap()
            .count(),
        256
    );
    let empty = MerkleTree::build(&PRIMITIVES, []).unwrap();
    assert_eq!(
        (empty.root(), empty.count(), empty.path(0)),
        ([0; 32], 0, None)
    );
    assert!(!verify_path(&PRIMITIVES, &[0; 32], 0, 0, &key, &[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_leaf_is_proved_and_no_other(count in 1_usize..70, at in any::<proptest::sample::Index>(), flip in any::<u8>()) {
        let keys: Vec<[u8; 1216]> = (0..count).map(|number| [number as u8; 1216]).collect();
        let tree = MerkleTree::build(&PRIMITIVES, &keys).unwrap();
        let index = at.index(count);
        let mut path = tree.path(index as u32).unwrap();
        let holds = |index: usize, path: &[[u8; 32]]| {
            verify_path(&PRIMITIVES, &tree.root(), tree.count(), index as u32, &keys[index], path)
        };
        prop_assert!(holds(index, &path));
        let other = (index + 1) % count;
        prop_assert!(other == index || !holds(other, &path));
        if !path.is_empty() {
            let level = usize::from(flip) % path.len();
            path[level][usize::from(flip) % 32] ^= 1;
            prop_assert!(!holds(index, &path));
        }
    }
}
