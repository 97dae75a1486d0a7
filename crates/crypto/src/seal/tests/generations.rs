//! Which session is sent on, when a fresh one starts, how long an old one receives.

use super::world::*;
use crate::pqxdh::SessionName;
use crate::ratchet::PeerSessions;
use crate::seal::{Rejection, SealError};
use securechat_proto::Timestamp;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Two devices with an answered session of generation 1.
fn answered() -> (Device, Device) {
    let (mut alice, mut bob) = pair();
    deliver(&mut alice, &mut bob, 0);
    deliver(&mut bob, &mut alice, 0);
    (alice, bob)
}

/// The next message of `from` starts a session.
fn want_fresh(from: &mut Device, to: &Device) {
    let sessions = from.sessions.get_mut(&to.address()).unwrap();
    sessions.want_fresh(0);
}

/// Sends and opens one message, and tells the session it went through.
fn deliver(from: &mut Device, to: &mut Device, now: u64) -> SessionName {
    let mail = from.send(to, b"text", now);
    assert_eq!(to.receive(from, &mail, now).unwrap(), b"text");
    to.session_of(&mail)
}

/// Sends with prekeys at hand, as an engine does that was told a fresh session is due.
fn deliver_with_prekeys(from: &mut Device, to: &mut Device, now: u64) -> (SessionName, bool) {
    let (_, prekeys) = to.publish();
    let (mail, sealed) = from.try_send(to, Some(&prekeys), b"text", now).unwrap();
    assert_eq!(to.receive(from, &mail, now).unwrap(), b"text");
    (to.session_of(&mail), sealed.prekeys_used)
}

#[test]
fn simultaneous_starts_end_on_the_session_with_the_lower_base_key() {
    for _ in 0..8 {
        let (mut alice, mut bob) = pair();
        let from_alice = alice.send(&mut bob, b"a", 0);
        let from_bob = bob.send(&mut alice, b"b", 0);
        assert_eq!(bob.receive(&alice, &from_alice, 1).unwrap(), b"a");
        assert_eq!(alice.receive(&bob, &from_bob, 1).unwrap(), b"b");
        let base_key = |body: Vec<u8>| body[86 + 76..86 + 108].to_vec();
        let alices_is_lower =
            base_key(bob.body_of(&from_alice)) < base_key(alice.body_of(&from_bob));
        let winner = if alices_is_lower {
            bob.session_of(&from_alice)
        } else {
            alice.session_of(&from_bob)
        };
        assert_eq!(deliver(&mut alice, &mut bob, 2), winner);
        assert_eq!(deliver(&mut bob, &mut alice, 3), winner);
        // What was still under way on the other one opens.
        let late = alice.send(&mut bob, b"late", 4);
        assert_eq!(deliver(&mut bob, &mut alice, 4), winner);
        assert_eq!(bob.receive(&alice, &late, 5).unwrap(), b"late");
    }
}

#[test]
fn a_fresh_session_is_due_after_seven_days_only_if_the_present_one_was_answered() {
    let (mut alice, mut bob) = answered();
    let old = deliver(&mut alice, &mut bob, 7 * DAY - 1);
    let (mail, sealed) = alice.try_send(&bob, None, b"due", 7 * DAY).unwrap();
    assert!(
        sealed.fresh_session_due,
        "the message does not wait for prekeys"
    );
    assert_eq!(bob.receive(&alice, &mail, 7 * DAY).unwrap(), b"due");
    let (fresh, used) = deliver_with_prekeys(&mut alice, &mut bob, 7 * DAY);
    assert!(used && fresh != old);
    assert_eq!(deliver(&mut bob, &mut alice, 7 * DAY), fresh);

    let (mut alice, mut bob) = pair();
    let first = deliver(&mut alice, &mut bob, 0);
    let (second, used) = deliver_with_prekeys(&mut alice, &mut bob, 30 * DAY);
    assert!(!used && second == first, "not answered: kept");
}

#[test]
fn a_fresh_session_is_due_after_a_thousand_messages_in_both_directions() {
    let (mut alice, mut bob) = answered();
    let mut session = None;
    for count in 2..1000 {
        let (from, to) = if count % 2 == 0 {
            (&mut alice, &mut bob)
        } else {
            (&mut bob, &mut alice)
        };
        let (mail, sealed) = from.try_send(to, None, b"", HOUR).unwrap();
        assert!(!sealed.fresh_session_due, "{count}");
        to.receive(from, &mail, HOUR).unwrap();
        session = Some(to.session_of(&mail));
    }
    let (fresh, used) = deliver_with_prekeys(&mut alice, &mut bob, HOUR);
    assert!(used);
    assert_ne!(Some(fresh), session);
}

#[test]
fn sessions_start_at_most_once_a_minute() {
    let (mut alice, mut bob) = answered();
    want_fresh(&mut alice, &bob);
    let until = Timestamp(MINUTE);
    assert_eq!(
        alice.try_send(&bob, None, b"x", MINUTE - 1).err(),
        Some(SealError::TooSoon { until })
    );
    assert!(!alice.sessions[&bob.address()].needs_prekeys(Timestamp(MINUTE - 1)));
    assert!(alice.sessions[&bob.address()].needs_prekeys(Timestamp(MINUTE)));
    assert_eq!(
        alice.try_send(&bob, None, b"x", MINUTE).err(),
        Some(SealError::NeedsPrekeys)
    );
    deliver(&mut alice, &mut bob, MINUTE);
    // The session just started and not answered is as fresh as another break can ask for.
    want_fresh(&mut alice, &bob);
    deliver(&mut alice, &mut bob, MINUTE + 1);
    assert!(alice.try_send(&bob, None, b"x", 3 * MINUTE).is_ok());
}

#[test]
fn a_clock_that_was_set_back_delays_no_session() {
    let (mut alice, mut bob) = pair();
    deliver(&mut alice, &mut bob, 10_000 * DAY);
    deliver(&mut bob, &mut alice, 10_000 * DAY);
    want_fresh(&mut alice, &bob);
    deliver(&mut alice, &mut bob, DAY);
}

#[test]
fn a_replaced_session_receives_for_48_hours() {
    for (late, opens) in [(48 * HOUR - 1, true), (48 * HOUR, false)] {
        let (mut alice, mut bob) = answered();
        let slow = alice.send(&mut bob, b"slow", 7 * DAY);
        deliver_with_prekeys(&mut alice, &mut bob, 7 * DAY);
        let result = bob.receive(&alice, &slow, 7 * DAY + late);
        match opens {
            true => assert_eq!(result.unwrap(), b"slow"),
            false => assert!(matches!(result, Err(Rejection::Broken(_)))),
        }
    }
}

#[test]
fn the_starter_of_a_fresh_session_keeps_the_old_one_for_48_hours_after_the_answer() {
    for (late, opens) in [(48 * HOUR - 1, true), (48 * HOUR, false)] {
        let (mut alice, mut bob) = answered();
        let slow = bob.send(&mut alice, b"slow", 7 * DAY);
        let (fresh, _) = deliver_with_prekeys(&mut alice, &mut bob, 7 * DAY);
        let answered = 14 * DAY;
        assert_eq!(deliver(&mut bob, &mut alice, answered), fresh);
        let result = alice.receive(&bob, &slow, answered + late);
        match opens {
            true => assert_eq!(result.unwrap(), b"slow"),
            false => assert!(matches!(result, Err(Rejection::Broken(_)))),
        }
    }
}

#[test]
fn at_most_three_sessions_are_kept_and_the_newest_stays() {
    let (mut alice, mut bob) = answered();
    let mut last = None;
    let mut mails = vec![alice.send(&mut bob, b"old", 0)];
    for round in 1..=4 {
        want_fresh(&mut alice, &bob);
        let now = round * MINUTE;
        last = Some(deliver(&mut alice, &mut bob, now));
        assert_eq!(deliver(&mut bob, &mut alice, now), last.unwrap());
        mails.push(alice.send(&mut bob, b"old", now));
    }
    let opened: Vec<bool> = mails
        .iter()
        .map(|mail| bob.receive(&alice, mail, HOUR).is_ok())
        .collect();
    assert_eq!(opened, [false, false, true, true, true]);
    assert_eq!(Some(deliver(&mut alice, &mut bob, HOUR)), last);
}

#[test]
fn a_repair_starts_above_every_generation_seen() {
    let (mut alice, mut bob) = answered();
    // Alice starts generation 2, and Bob loses the key for it before it arrives.
    want_fresh(&mut alice, &bob);
    let lost = alice.send(&mut bob, b"lost", MINUTE);
    bob.prekeys.kems.clear();
    let rejection = bob.receive(&alice, &lost, MINUTE).unwrap_err();
    assert!(matches!(rejection, Rejection::Broken(broken) if broken.seen_generation == 2));
    bob.note_broken(rejection);
    // Bob's repair is generation 3, so it wins whatever the base keys are.
    let repaired = deliver(&mut bob, &mut alice, MINUTE);
    assert_eq!(deliver(&mut alice, &mut bob, MINUTE), repaired);
}

#[test]
fn a_device_that_lost_its_sessions_is_heard_again_in_one_round() {
    let (mut alice, mut bob) = answered();
    for round in 1..=5 {
        want_fresh(&mut alice, &bob);
        deliver(&mut alice, &mut bob, round * MINUTE);
        deliver(&mut bob, &mut alice, round * MINUTE);
    }
    bob.sessions.clear();
    let lost = alice.send(&mut bob, b"lost", HOUR);
    let rejection = bob.receive(&alice, &lost, HOUR).unwrap_err();
    bob.note_broken(rejection);
    // Bob starts with generation 1 again, far below the session Alice has. That he had to tells her that it is gone.
    deliver(&mut bob, &mut alice, HOUR);
    let fresh = deliver(&mut alice, &mut bob, HOUR);
    assert_eq!(deliver(&mut bob, &mut alice, HOUR), fresh);
    assert_eq!(deliver(&mut alice, &mut bob, HOUR), fresh);
}

#[test]
fn a_session_below_an_answered_one_receives_for_48_hours() {
    for (late, opens) in [(48 * HOUR - 1, true), (48 * HOUR, false)] {
        let (mut alice, mut bob) = answered();
        want_fresh(&mut alice, &bob);
        deliver(&mut alice, &mut bob, MINUTE);
        deliver(&mut bob, &mut alice, MINUTE);
        bob.sessions.clear();
        deliver(&mut bob, &mut alice, HOUR);
        let slow = bob.send(&mut alice, b"slow", HOUR);
        let result = alice.receive(&bob, &slow, HOUR + late);
        assert_eq!(result.is_ok(), opens, "{late}");
    }
}

#[test]
fn the_stored_form_round_trips_and_refuses_changed_lengths() {
    let (mut alice, mut bob) = answered();
    want_fresh(&mut alice, &bob);
    deliver(&mut alice, &mut bob, MINUTE);
    for sessions in [
        &alice.sessions[&bob.address()],
        &bob.sessions[&alice.address()],
        &PeerSessions::new(),
    ] {
        let stored = sessions.to_bytes();
        assert_eq!(
            *PeerSessions::from_bytes(&stored).ok().unwrap().to_bytes(),
            *stored
        );
        for length in 0..stored.len() {
            assert!(
                PeerSessions::from_bytes(&stored[..length]).is_err(),
                "cut to {length}"
            );
        }
        let mut longer = stored.to_vec();
        longer.push(0);
        assert!(PeerSessions::from_bytes(&longer).is_err());
        longer[0] = 2;
        assert!(PeerSessions::from_bytes(&longer[..stored.len()]).is_err());
    }
    let size = bob.sessions[&alice.address()].to_bytes().len();
    assert!(size < 4096, "{size} bytes for two sessions");
}

#[test]
fn a_corrupt_stored_session_is_reported_and_not_used() {
    let (mut alice, mut bob) = answered();
    let mut stored = alice.sessions[&bob.address()].to_bytes();
    let end = stored.len();
    stored[end - 400..].fill(0xc1);
    alice.sessions.insert(
        bob.address(),
        PeerSessions::from_bytes(&stored).ok().unwrap(),
    );
    assert_eq!(
        alice.try_send(&bob, None, b"x", 1).err(),
        Some(SealError::Corrupt)
    );
    let mail = bob.send(&mut alice, b"x", 1);
    assert_eq!(alice.receive(&bob, &mail, 1), Err(Rejection::Corrupt));
}
