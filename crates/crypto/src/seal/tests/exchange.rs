use super::world::*;
use crate::ratchet::PeerSessions;
use crate::seal::{CONTENT_BYTES_MAX, Rejection, SealError};

#[test]
fn first_message_starts_a_session_and_the_answer_ends_the_handshake() {
    let (mut alice, mut bob) = pair();
    assert_eq!(
        alice.try_send(&bob, None, b"hello", 0).err(),
        Some(SealError::NeedsPrekeys)
    );
    let first = alice.send(&mut bob, b"hello", 0);
    let second = alice.send(&mut bob, b"again", 1);
    assert_eq!(first.ciphertext.len(), 1120 + 2048 + 16);
    assert_eq!(
        second.ciphertext.len(),
        1120 + 2048 + 16,
        "the handshake goes along until the first answer"
    );

    assert_eq!(bob.receive(&alice, &second, 2).unwrap(), b"again");
    assert_eq!(bob.receive(&alice, &first, 3).unwrap(), b"hello");
    let answer = bob.send(&mut alice, b"hi", 4);
    assert_eq!(answer.ciphertext.len(), 1120 + 512 + 16);
    assert_eq!(alice.receive(&bob, &answer, 5).unwrap(), b"hi");

    for turn in 0..40_u64 {
        let text = turn.to_be_bytes();
        let mail = alice.send(&mut bob, &text, 6 + turn);
        assert_eq!(mail.ciphertext.len(), 1120 + 512 + 16);
        assert_eq!(bob.receive(&alice, &mail, 6 + turn).unwrap(), text);
        let mail = bob.send(&mut alice, &text, 6 + turn);
        assert_eq!(alice.receive(&bob, &mail, 6 + turn).unwrap(), text);
    }
}

/// What the simulator watches: a state that was not saved shows as a position used twice.
#[test]
fn a_position_names_one_message_until_a_session_is_rolled_back() {
    let (mut alice, mut bob) = pair();
    let first = alice.send(&mut bob, b"one", 0);
    let saved = alice.sessions[&bob.address()].to_bytes();
    let second = alice.send(&mut bob, b"two", 0);
    assert_ne!(bob.position_of(&first), bob.position_of(&second));
    assert_eq!(
        bob.position_of(&first).session,
        bob.position_of(&second).session
    );
    let rolled_back = PeerSessions::from_bytes(&saved).unwrap();
    alice.sessions.insert(bob.address(), rolled_back);
    let again = alice.send(&mut bob, b"two again", 0);
    assert_eq!(bob.position_of(&second), bob.position_of(&again));
}

#[test]
fn contents_fill_buckets_as_documented() {
    let (mut alice, mut bob) = pair();
    let mail = alice.send(&mut bob, b"hello", 0);
    bob.receive(&alice, &mail, 0).unwrap();
    let mail = bob.send(&mut alice, b"hi", 0);
    alice.receive(&bob, &mail, 0).unwrap();
    for (length, bucket) in [
        (0, 512),
        (351, 512),
        (352, 2048),
        (CONTENT_BYTES_MAX, 65_536),
    ] {
        let content = vec![7; length];
        let mail = alice.send(&mut bob, &content, 0);
        assert_eq!(mail.ciphertext.len(), 1120 + bucket + 16, "{length}");
        assert_eq!(bob.receive(&alice, &mail, 0).unwrap(), content);
    }
    let content = vec![7; CONTENT_BYTES_MAX + 1];
    assert_eq!(
        alice.try_send(&bob, None, &content, 0).err(),
        Some(SealError::TooLarge)
    );
    let (mut alice, mut bob) = pair();
    let mail = alice.send(&mut bob, &content[1..], 0);
    assert_eq!(bob.receive(&alice, &mail, 0).unwrap(), content[1..]);
}

#[test]
fn one_time_prekey_is_erased_only_by_the_message_that_opens() {
    let (mut alice, mut bob) = pair();
    let good = alice.send(&mut bob, b"hello", 0);
    let mut broken = good.clone();
    let last = broken.ciphertext.len() - 1;
    broken.ciphertext[last] ^= 1;
    assert_eq!(bob.receive(&alice, &broken, 0), Err(Rejection::Unopenable));
    assert_eq!(bob.one_time_prekeys(), 1);
    assert_eq!(bob.receive(&alice, &good, 0).unwrap(), b"hello");
    assert_eq!(bob.one_time_prekeys(), 0);
}

#[test]
fn replayed_handshake_on_the_last_resort_key_is_answered_once() {
    let (mut alice, mut bob) = pair();
    let prekeys = bob.bundle().last_resort();
    let (mail, sealed) = alice.try_send(&bob, Some(&prekeys), b"hello", 0).unwrap();
    assert!(sealed.prekeys_used);
    assert_eq!(bob.receive(&alice, &mail, 0).unwrap(), b"hello");
    // While the session lives the replay fails in it; when it is gone the remembered hash refuses it.
    assert!(matches!(
        bob.receive(&alice, &mail, 1),
        Err(Rejection::Broken(_))
    ));
    bob.sessions.clear();
    assert!(matches!(
        bob.receive(&alice, &mail, 2),
        Err(Rejection::Broken(_))
    ));
    assert_eq!(bob.prekeys.kems.len(), 1, "the last-resort key stays");
    // The key still serves others.
    let mut carol = Device::new(3);
    let (mail, _) = carol.try_send(&bob, Some(&prekeys), b"hey", 3).unwrap();
    assert_eq!(bob.receive(&carol, &mail, 3).unwrap(), b"hey");
}
