//! One case per check on an envelope: changed where a relay, a stranger or a dishonest contact could change it.

use super::world::*;
use crate::keys::Secret;
use crate::pqxdh::KemKind;
use crate::recovery::RecoverySecret;
use crate::seal::{ExpiryClass, OpenError, Rejection, open, unseal};
use securechat_proto::account_log::Operation;
use securechat_proto::{DeviceId, EnvelopeId, Timestamp};

/// Offsets in a sealed body (docs/protocol/envelope.md).
const FINGERPRINT: usize = 2;
const DEVICE: usize = 34;
const SID: usize = 50;
const TAG: usize = 66;
const LENGTH: usize = 82;
const HANDSHAKE: usize = 86;
const COMPACT_BYTES: usize = 1245;

fn is_broken(result: Result<Vec<u8>, Rejection>) -> bool {
    matches!(result, Err(Rejection::Broken(_)))
}

#[test]
fn seal_is_bound_to_recipient_and_header() {
    let (mut alice, mut bob) = pair();
    let mail = alice.send(&mut bob, b"hello", 0);
    let changed: [(&str, fn(&mut Mail)); 6] = [
        ("envelope id", |mail| {
            mail.header.envelope = EnvelopeId([9; 16])
        }),
        ("expiry class", |mail| {
            mail.header.expiry = ExpiryClass::Ephemeral
        }),
        ("encapsulation", |mail| mail.ciphertext[0] ^= 1),
        ("x25519 part", |mail| mail.ciphertext[1119] ^= 1),
        ("body", |mail| mail.ciphertext[1120] ^= 1),
        ("tag", |mail| *mail.ciphertext.last_mut().unwrap() ^= 1),
    ];
    for (name, change) in changed {
        let mut other = mail.clone();
        change(&mut other);
        assert_eq!(
            bob.receive(&alice, &other, 0),
            Err(Rejection::Unopenable),
            "{name}"
        );
    }
    let mut other = mail.clone();
    other.header.sealing_key_number = 7;
    assert_eq!(
        bob.receive(&alice, &other, 0),
        Err(Rejection::UnknownSealingKey)
    );
    // The right key under another number, or for another device, does not open either.
    let key = bob.sealing.get(&1);
    assert_eq!(
        unseal(&bob.address(), key, &other.header, &mail.ciphertext).err(),
        Some(Rejection::Unopenable)
    );
    let mut elsewhere = bob.address();
    elsewhere.device = DeviceId([9; 16]);
    assert_eq!(
        unseal(&elsewhere, key, &mail.header, &mail.ciphertext).err(),
        Some(Rejection::Unopenable)
    );
    elsewhere = bob.address();
    elsewhere.fingerprint.0[0] ^= 1;
    assert_eq!(
        unseal(&elsewhere, key, &mail.header, &mail.ciphertext).err(),
        Some(Rejection::Unopenable)
    );
    for length in [0, 1119, 1120, mail.ciphertext.len() - 1] {
        let mut cut = mail.clone();
        cut.ciphertext.truncate(length);
        assert_eq!(
            bob.receive(&alice, &cut, 0),
            Err(Rejection::Malformed),
            "{length}"
        );
    }
    assert_eq!(bob.receive(&alice, &mail, 0).unwrap(), b"hello");
}

#[test]
fn malformed_bodies_are_refused_before_anything_else() {
    let (mut alice, mut bob) = pair();
    let mail = alice.send(&mut bob, b"hello", 0);
    let body = bob.body_of(&mail);
    let length = u32::from_be_bytes(body[LENGTH..HANDSHAKE].try_into().unwrap());
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let set_length = |value: u32| -> Change {
        Box::new(move |b| b[LENGTH..HANDSHAKE].copy_from_slice(&value.to_be_bytes()))
    };
    let cases: Vec<(&str, Change)> = vec![
        ("version", Box::new(|b| b[0] = 2)),
        ("kind 0", Box::new(|b| b[1] = 0)),
        ("kind 3", Box::new(|b| b[1] = 3)),
        ("length beyond the bucket", set_length(2048)),
        ("length of all", set_length(u32::MAX)),
        ("length cuts the message", set_length(length - 40)),
        ("length cuts the handshake", set_length(1000)),
        ("no message", set_length(COMPACT_BYTES as u32)),
        ("padding", Box::new(|b| *b.last_mut().unwrap() = 1)),
        (
            "generation 0",
            Box::new(|b| b[HANDSHAKE..HANDSHAKE + 4].fill(0)),
        ),
        ("key kind", Box::new(|b| b[HANDSHAKE + 108] = 6)),
    ];
    for (name, change) in cases {
        let mut changed = body.clone();
        change(&mut changed);
        alice.retag(&bob, &mail, &mut changed);
        let resealed = bob.reseal(&mail, &changed);
        let result = bob.receive(&alice, &resealed, 0);
        assert_eq!(result, Err(Rejection::Malformed), "{name}");
    }
    let mut own = body.clone();
    own[FINGERPRINT..DEVICE].copy_from_slice(&bob.fingerprint.0);
    own[DEVICE..SID].copy_from_slice(bob.keys.id().as_bytes());
    assert_eq!(
        bob.receive(&alice, &bob.reseal(&mail, &own), 0),
        Err(Rejection::OwnAddress)
    );
}

#[test]
fn a_changed_body_without_the_senders_tag_is_forged() {
    let (mut alice, mut bob) = pair();
    let mail = alice.send(&mut bob, b"hello", 0);
    let body = bob.body_of(&mail);
    for at in [
        SID,
        TAG,
        TAG + 15,
        HANDSHAKE,
        HANDSHAKE + 4,
        HANDSHAKE + 12,
        HANDSHAKE + 44,
        HANDSHAKE + 76,
        1400,
    ] {
        let mut changed = body.clone();
        changed[at] ^= 1;
        assert_eq!(
            bob.receive(&alice, &bob.reseal(&mail, &changed), 0),
            Err(Rejection::Forged),
            "byte {at}"
        );
    }
    // The same body in another envelope: the tag covers the envelope id.
    let mut moved = mail.clone();
    moved.header.envelope = EnvelopeId([9; 16]);
    assert_eq!(
        bob.receive(&alice, &bob.reseal(&moved, &body), 0),
        Err(Rejection::Forged)
    );
    // A third account can not speak for Alice.
    let mallory = Device::new(66);
    let mut stolen = body.clone();
    mallory.retag(&bob, &mail, &mut stolen);
    assert_eq!(
        bob.receive(&alice, &bob.reseal(&mail, &stolen), 0),
        Err(Rejection::Forged)
    );
    // Nothing was used up.
    assert_eq!(bob.receive(&alice, &mail, 0).unwrap(), b"hello");
}

/// What a contact could do with its own tag: nothing opens, nothing is erased, the right error comes back.
#[test]
fn a_contact_can_not_bend_its_own_handshake() {
    let (mut alice, mut bob) = pair();
    let mail = alice.send(&mut bob, b"hello", 0);
    let body = bob.body_of(&mail);
    let at = |offset: usize| HANDSHAKE + offset;
    // Generation, bundle number, DSK, IK, EK, kind, key id, ciphertext, ratchet message.
    let cases = [
        ("sid", SID, Err(())),
        ("generation", at(3), Err(())),
        ("bundle number", at(11), Err(())),
        ("DSK", at(12), Ok(Rejection::IdentityMismatch)),
        ("IK", at(44), Ok(Rejection::IdentityMismatch)),
        ("EK", at(76), Err(())),
        ("key kind", at(108), Err(())),
        ("key id", at(109), Err(())),
        ("ciphertext", at(125), Err(())),
        ("ciphertext end", at(1244), Err(())),
        ("ratchet version", at(COMPACT_BYTES), Err(())),
        ("ratchet key", at(COMPACT_BYTES + 4), Err(())),
        ("message", at(COMPACT_BYTES + 60), Err(())),
    ];
    for (name, at, expected) in cases {
        let mut changed = body.clone();
        changed[at] ^= if name == "generation" { 2 } else { 1 };
        alice.retag(&bob, &mail, &mut changed);
        let result = bob.receive(&alice, &bob.reseal(&mail, &changed), 0);
        match expected {
            Ok(rejection) => assert_eq!(result, Err(rejection), "{name}"),
            Err(()) => assert!(is_broken(result), "{name}"),
        }
    }
    assert_eq!(bob.one_time_prekeys(), 1);
    assert_eq!(bob.receive(&alice, &mail, 0).unwrap(), b"hello");
}

#[test]
fn an_unknown_removed_or_other_sender_is_refused() {
    let (mut alice, mut bob) = pair();
    let mut tablet = alice.link(3);
    let mail = tablet.send(&mut bob, b"hello", 0);
    let unsealed = unseal(
        &bob.address(),
        bob.sealing.get(&1),
        &mail.header,
        &mail.ciphertext,
    )
    .unwrap();
    let sender = unsealed.sender();
    let judge = |log| {
        let mut sessions = Default::default();
        open(
            &bob.ours(),
            &unsealed,
            log,
            &mut sessions,
            &bob.prekeys,
            Timestamp(0),
        )
        .map(|opened| opened.content)
    };
    let rejected = |rejection| Err(OpenError::Rejected(rejection));
    assert_eq!(
        judge(None),
        rejected(Rejection::SenderLogUnknown { sender })
    );
    assert_eq!(
        judge(Some(bob.log.state())),
        rejected(Rejection::WrongSender)
    );
    assert_eq!(judge(Some(alice.log.state())), Ok(b"hello".to_vec()));
    // The tablet is removed: its envelopes in flight are dropped.
    let remove = Operation::RemoveDevice {
        devices: vec![tablet.keys.id()],
    };
    let without = alice
        .keys
        .sign_entry(&alice.log, remove, None, Timestamp(1))
        .unwrap()
        .log;
    assert_eq!(
        judge(Some(without.state())),
        rejected(Rejection::SenderInactive { sender })
    );
    // The account is closed by its recovery key.
    let recovery = RecoverySecret::from_seed(Secret::take(&mut [1; 16]));
    let closed = recovery
        .sign_entry(&alice.log, Operation::Close, None, Timestamp(1))
        .unwrap()
        .log;
    assert_eq!(
        judge(Some(closed.state())),
        rejected(Rejection::SenderInactive { sender })
    );
}

#[test]
fn a_device_does_not_seal_for_itself_and_own_devices_can_talk() {
    let mut phone = Device::new(1);
    let mut laptop = phone.link(2);
    let bundle = phone.bundle();
    let recipient = crate::seal::Recipient {
        bundle: &bundle,
        prekeys: None,
    };
    let result = crate::seal::seal(
        &phone.ours(),
        &mut Default::default(),
        &recipient,
        b"me",
        EnvelopeId([1; 16]),
        ExpiryClass::Durable,
        Timestamp(0),
    );
    assert_eq!(result.err(), Some(crate::seal::SealError::OwnAddress));
    let mail = phone.send(&mut laptop, b"sync", 0);
    assert_eq!(laptop.receive(&phone, &mail, 0).unwrap(), b"sync");
}

#[test]
fn a_one_time_key_answers_one_handshake_and_no_other_kind() {
    let (mut alice, mut bob) = pair();
    let mut carol = Device::new(3);
    let (_, prekeys) = bob.publish();
    let first = alice.try_send(&bob, Some(&prekeys), b"hello", 0).unwrap().0;
    let second = carol.try_send(&bob, Some(&prekeys), b"hey", 0).unwrap().0;
    assert_eq!(bob.receive(&alice, &first, 0).unwrap(), b"hello");
    assert!(
        is_broken(bob.receive(&carol, &second, 0)),
        "the key is erased"
    );
    // Naming a one-time key as last resort does not make it one.
    let (_, mut prekeys) = bob.publish();
    prekeys.kem_type = KemKind::LastResort.key_type();
    let third = carol
        .try_send(&bob, Some(&prekeys), b"hey", 120_000)
        .map(|(mail, _)| mail);
    // Carol's first session is not answered, so she keeps it; a fresh one has to be asked for.
    assert!(is_broken(bob.receive(&carol, &third.unwrap(), 0)));
    let mut dave = Device::new(4);
    let fourth = dave.try_send(&bob, Some(&prekeys), b"hey", 0).unwrap().0;
    assert!(is_broken(bob.receive(&dave, &fourth, 0)));
}
