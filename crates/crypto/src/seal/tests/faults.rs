//! Loss, reorder, duplicates, replays and rotations, at the library's limits and at random.

use super::world::*;
use crate::pqxdh::KemKind;
use crate::seal::Rejection;
use proptest::prelude::*;
use std::collections::BTreeSet;

const MINUTE: u64 = 60_000;

fn answered() -> (Device, Device) {
    let (mut alice, mut bob) = pair();
    let mail = alice.send(&mut bob, b"", 0);
    bob.receive(&alice, &mail, 0).unwrap();
    let mail = bob.send(&mut alice, b"", 0);
    alice.receive(&bob, &mail, 0).unwrap();
    (alice, bob)
}

#[test]
fn forty_skipped_messages_open_late_and_the_forty_first_is_broken() {
    let (mut alice, mut bob) = answered();
    let skipped: Vec<Mail> = (0..41_u8).map(|n| alice.send(&mut bob, &[n], 1)).collect();
    let newest = alice.send(&mut bob, b"newest", 1);
    assert_eq!(bob.receive(&alice, &newest, 1).unwrap(), b"newest");
    assert!(matches!(
        bob.receive(&alice, &skipped[0], 1),
        Err(Rejection::Broken(_))
    ));
    for (n, mail) in skipped.iter().enumerate().skip(1) {
        assert_eq!(bob.receive(&alice, mail, 1).unwrap(), [n as u8]);
    }
    // The broken one heals by a resend on a fresh session; the session itself goes on meanwhile.
    let rejection = bob.receive(&alice, &skipped[0], 1).unwrap_err();
    bob.note_broken(rejection);
    let repair = bob.send(&mut alice, b"repair", 2 * MINUTE);
    assert_eq!(alice.receive(&bob, &repair, 2 * MINUTE).unwrap(), b"repair");
    let resend = alice.send(&mut bob, &[0], 2 * MINUTE);
    assert_eq!(bob.receive(&alice, &resend, 2 * MINUTE).unwrap(), [0]);
}

#[test]
fn a_gap_of_2000_messages_opens_and_a_larger_one_heals() {
    for (lost, opens) in [(2000, true), (2001, false)] {
        let (mut alice, mut bob) = answered();
        let sessions = alice.sessions.get_mut(&bob.address()).unwrap();
        for _ in 0..lost {
            // Only the ratchet moves: the lost envelopes need no seal.
            let next = sessions.encrypt(0, b"lost").unwrap().next;
            sessions.commit_sent(0, next, securechat_proto::Timestamp(1));
        }
        let mail = alice.send(&mut bob, b"after", 1);
        match bob.receive(&alice, &mail, 1) {
            Ok(content) => assert!(opens && content == b"after"),
            Err(rejection) => {
                assert!(!opens);
                bob.note_broken(rejection);
                let repair = bob.send(&mut alice, b"repair", 2 * MINUTE);
                assert_eq!(alice.receive(&bob, &repair, 2 * MINUTE).unwrap(), b"repair");
                let resend = alice.send(&mut bob, b"after", 2 * MINUTE);
                assert_eq!(bob.receive(&alice, &resend, 2 * MINUTE).unwrap(), b"after");
            }
        }
    }
}

#[test]
fn an_old_signed_prekey_answers_while_it_is_kept() {
    let (mut alice, mut bob) = pair();
    let mut carol = Device::new(3);
    let (_, prekeys) = bob.publish();
    let (_, late_prekeys) = bob.publish();
    let early = alice.try_send(&bob, Some(&prekeys), b"early", 0).unwrap().0;
    let late = carol
        .try_send(&bob, Some(&late_prekeys), b"late", 0)
        .unwrap()
        .0;
    bob.rotate_bundle();
    assert_eq!(bob.receive(&alice, &early, 1).unwrap(), b"early");
    bob.prekeys.signed.remove(&1);
    let rejection = bob.receive(&carol, &late, 2).unwrap_err();
    assert!(matches!(rejection, Rejection::Broken(_)));
    bob.note_broken(rejection);
    let repair = bob.send(&mut carol, b"repair", 3);
    assert_eq!(carol.receive(&bob, &repair, 3).unwrap(), b"repair");
    // Alice's session outlives the prekey it started from.
    let mail = alice.send(&mut bob, b"on", 4);
    assert_eq!(bob.receive(&alice, &mail, 4).unwrap(), b"on");
}

#[test]
fn an_envelope_for_an_erased_sealing_key_is_sealed_again_by_its_sender() {
    let (mut alice, mut bob) = answered();
    let stale = alice.send(&mut bob, b"text", 1);
    bob.rotate_sealing_key();
    let fresh = alice.send(&mut bob, b"next", 2);
    assert_eq!(
        (
            stale.header.sealing_key_number,
            fresh.header.sealing_key_number
        ),
        (1, 2)
    );
    bob.sealing.remove(&1);
    assert_eq!(
        bob.receive(&alice, &stale, 3),
        Err(Rejection::UnknownSealingKey)
    );
    assert_eq!(bob.receive(&alice, &fresh, 3).unwrap(), b"next");
    let again = alice.send(&mut bob, b"text", 4);
    assert_eq!(bob.receive(&alice, &again, 4).unwrap(), b"text");
}

#[test]
fn a_later_message_of_a_lost_last_resort_session_heals() {
    let (mut alice, mut bob) = pair();
    let prekeys = bob.bundle().last_resort();
    let first = alice.try_send(&bob, Some(&prekeys), b"first", 0).unwrap().0;
    let second = alice.send(&mut bob, b"second", 1);
    assert_eq!(bob.receive(&alice, &first, 2).unwrap(), b"first");
    bob.sessions.clear();
    let rejection = bob.receive(&alice, &second, 3).unwrap_err();
    bob.note_broken(rejection);
    let repair = bob.send(&mut alice, b"repair", 2 * MINUTE);
    assert_eq!(alice.receive(&bob, &repair, 2 * MINUTE).unwrap(), b"repair");
    let resend = alice.send(&mut bob, b"second", 2 * MINUTE);
    assert_eq!(bob.receive(&alice, &resend, 2 * MINUTE).unwrap(), b"second");
}

/// What happens between two devices and the relay.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send {
        from_first: bool,
    },
    /// Delivers the mail at this place of the queue; it may stay there to come again.
    Deliver {
        to_first: bool,
        place: usize,
        keep: bool,
    },
    Lose {
        to_first: bool,
        place: usize,
    },
    RotateBundle {
        first: bool,
    },
    RotateSealing {
        first: bool,
    },
    LoseSessions {
        first: bool,
    },
    UseLastResort {
        first: bool,
    },
    Pass {
        minutes: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<bool>().prop_map(|from_first| Step::Send { from_first }),
        8 => (any::<bool>(), 0..4_usize, prop::bool::weighted(0.2))
            .prop_map(|(to_first, place, keep)| Step::Deliver { to_first, place, keep }),
        1 => (any::<bool>(), 0..4_usize).prop_map(|(to_first, place)| Step::Lose { to_first, place }),
        1 => any::<bool>().prop_map(|first| Step::RotateBundle { first }),
        1 => any::<bool>().prop_map(|first| Step::RotateSealing { first }),
        1 => any::<bool>().prop_map(|first| Step::UseLastResort { first }),
        1 => any::<bool>().prop_map(|first| Step::LoseSessions { first }),
        1 => prop_oneof![0..5_u64, Just(49 * 60), Just(8 * 24 * 60)].prop_map(|minutes| Step::Pass { minutes }),
    ];
    prop::collection::vec(step, 1..60)
}

/// One device with the mail that waits for it and what it has opened.
struct End {
    device: Device,
    waiting: Vec<(u32, Mail)>,
    opened: BTreeSet<u32>,
    last_resort_only: bool,
}

impl End {
    fn new(byte: u8) -> Self {
        Self {
            device: Device::new(byte),
            waiting: Vec::new(),
            opened: BTreeSet::new(),
            last_resort_only: false,
        }
    }

    /// Seals with whatever prekeys the relay has, when they are needed or merely due.
    fn send(&mut self, to: &mut Self, number: u32, now: u64) {
        let content = number.to_be_bytes();
        let attempt = self.device.try_send(&to.device, None, &content, now);
        let mail = match attempt {
            Ok((mail, _)) => mail,
            Err(crate::seal::SealError::TooSoon { .. }) => return,
            Err(crate::seal::SealError::NeedsPrekeys) => {
                let prekeys = match to.last_resort_only {
                    true => to.device.bundle().last_resort(),
                    false => to.device.publish().1,
                };
                self.device
                    .try_send(&to.device, Some(&prekeys), &content, now)
                    .unwrap()
                    .0
            }
            Err(error) => panic!("{error}"),
        };
        to.waiting.push((number, mail));
    }

    /// Opens the mail at `place`. What opens is what was sent, and opens once.
    fn deliver(&mut self, from: &Self, place: usize, keep: bool, now: u64) {
        if self.waiting.is_empty() {
            return;
        }
        let place = place % self.waiting.len();
        let (number, mail) = if keep {
            self.waiting[place].clone()
        } else {
            self.waiting.remove(place)
        };
        match self.device.receive(&from.device, &mail, now) {
            Ok(content) => {
                assert_eq!(content, number.to_be_bytes());
                assert!(self.opened.insert(number), "opened twice");
            }
            // The engine drops known envelope ids before it opens; the room refuses them by itself as well.
            Err(rejection @ Rejection::Broken(_)) => {
                if !self.opened.contains(&number) {
                    self.device.note_broken(rejection);
                }
            }
            Err(rejection) => panic!("{rejection}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_opens_wrongly_or_twice_and_both_ways_work_again_afterwards(steps in steps()) {
        let (mut first, mut second) = (End::new(1), End::new(2));
        let (mut now, mut number) = (0, 0);
        for step in steps {
            match step {
                Step::Send { from_first } => {
                    number += 1;
                    let (from, to) = if from_first { (&mut first, &mut second) } else { (&mut second, &mut first) };
                    from.send(to, number, now);
                }
                Step::Deliver { to_first, place, keep } => {
                    let (to, from) = if to_first { (&mut first, &second) } else { (&mut second, &first) };
                    to.deliver(from, place, keep, now);
                }
                Step::Lose { to_first, place } => {
                    let to = if to_first { &mut first } else { &mut second };
                    if !to.waiting.is_empty() {
                        let place = place % to.waiting.len();
                        to.waiting.remove(place);
                    }
                }
                Step::RotateBundle { first: one } => (if one { &mut first } else { &mut second }).device.rotate_bundle(),
                Step::RotateSealing { first: one } => {
                    (if one { &mut first } else { &mut second }).device.rotate_sealing_key();
                }
                Step::UseLastResort { first: one } => {
                    (if one { &mut first } else { &mut second }).last_resort_only = true;
                }
                Step::LoseSessions { first: one } => {
                    (if one { &mut first } else { &mut second }).device.sessions.clear();
                }
                Step::Pass { minutes } => now += minutes * MINUTE,
            }
            now += 1;
        }
        // The relay behaves from here on: everything arrives in order, and a few rounds heal what is broken.
        for _ in 0..4 {
            now += 2 * MINUTE;
            number += 2;
            first.send(&mut second, number - 1, now);
            while !second.waiting.is_empty() {
                second.deliver(&first, 0, false, now);
            }
            second.send(&mut first, number, now);
            while !first.waiting.is_empty() {
                first.deliver(&second, 0, false, now);
            }
        }
        prop_assert!(second.opened.contains(&(number - 1)) && first.opened.contains(&number));
        let kept = first.device.prekeys.kems.keys().filter(|(kind, _)| *kind == KemKind::LastResort as u8).count();
        prop_assert_eq!(kept, 1);
    }
}
