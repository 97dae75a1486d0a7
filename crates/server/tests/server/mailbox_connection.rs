//! The socket's state machine without transport: order, windows, renewals, and frames from an enemy.

use super::mailbox_world::*;
use proptest::prelude::*;
use prost::Message as _;
use securechat_proto::limits::{DELIVERY_WINDOW, PROTOCOL_VERSION, SUBMITS_IN_FLIGHT_MAX};
use securechat_proto::wire::socket as wire;
use securechat_proto::wire::socket::{Accepted, Ack, Auth, ClientFrame, Ping, client_frame};
use securechat_proto::{EnvelopeId, SessionId, SubmitId, Timestamp, close_code};
use securechat_server::mailbox::connection::{Connection, ServerFrame, Step, Verified};
use securechat_server::mailbox::hub::Event;
use securechat_server::mailbox::store::{Answer, Opened, Page, StoreError};
use securechat_server::mailbox::submit::{Cursor, Delivery};
use securechat_server::platform::Access;

const FIVE_MINUTES: u64 = 300_000;

pub fn frame(frame: client_frame::Frame) -> Vec<u8> {
    ClientFrame { frame: Some(frame) }.encode_to_vec()
}

fn auth() -> Vec<u8> {
    frame(client_frame::Frame::Auth(Auth {
        protocol: PROTOCOL_VERSION,
        jwt: "token".into(),
        signature: vec![1; 64],
        cursor: vec![],
    }))
}

fn verified(expires_at: Timestamp) -> Verified {
    let access = Access {
        account_id: account(1),
        device_id: device(1),
        session_id: SessionId([3; 16]),
        expires_at,
    };
    Verified {
        access,
        opened: Opened::default(),
    }
}

fn delivery(seq: u64) -> Delivery {
    let envelope_id = EnvelopeId(fresh_id());
    Delivery {
        cursor: Some(Cursor::new(seq, envelope_id)),
        accepted_at: START,
        envelope_id,
        sealing_key_number: 1,
        ciphertext: vec![5; 100].into(),
    }
}

/// A connection and what it asked for.
pub struct Bench {
    pub connection: Connection,
    pub steps: Vec<Step>,
}

impl Bench {
    fn greeted() -> Self {
        let mut steps = Vec::new();
        let connection = Connection::new([8; 32], START, &mut steps);
        Self { connection, steps }
    }

    /// Authenticated, with an empty mailbox.
    pub fn ready() -> Self {
        let mut bench = Self::greeted();
        bench.frame(&auth());
        bench.connection.on_verified(
            Ok(verified(Timestamp(START.0 + FIVE_MINUTES))),
            START,
            &mut bench.steps,
        );
        bench.page(vec![], true);
        bench.steps.clear();
        bench
    }

    pub fn frame(&mut self, bytes: &[u8]) {
        self.connection.on_frame(bytes, START, &mut self.steps);
    }

    fn page(&mut self, deliveries: Vec<Delivery>, is_last: bool) {
        self.connection.on_page(
            Ok(Page {
                deliveries,
                is_last,
            }),
            &mut self.steps,
        );
    }

    fn event(&mut self, event: Event) {
        self.connection.on_event(event, START, &mut self.steps);
    }

    pub fn closed_with(&self) -> Option<u16> {
        self.steps.iter().find_map(|step| match step {
            Step::Close(code) => Some(*code),
            _ => None,
        })
    }

    fn sent(&self) -> Vec<u64> {
        let seq = |bytes: &[u8]| Cursor::from_slice(bytes).map_or(0, |cursor| cursor.seq);
        self.steps
            .iter()
            .filter_map(|step| match step {
                Step::Send(ServerFrame::Delivery(delivery)) => Some(seq(&delivery.cursor)),
                _ => None,
            })
            .collect()
    }

    fn pages(&self) -> Vec<u64> {
        self.steps
            .iter()
            .filter_map(|step| match step {
                Step::Page { after, .. } => Some(*after),
                _ => None,
            })
            .collect()
    }
}

fn a_submit() -> Vec<u8> {
    let envelope = wire::Envelope {
        envelope_id: fresh_id().to_vec(),
        device_id: device(2).to_vec(),
        sealing_key_number: 1,
        ciphertext: vec![7; 32],
    };
    frame(client_frame::Frame::Submit(wire::Submit {
        submit_id: fresh_id().to_vec(),
        destinations: vec![wire::Destination {
            account_id: account(2).to_vec(),
            token: vec![4; 16],
            envelopes: vec![envelope],
        }],
        ..wire::Submit::default()
    }))
}

#[test]
fn hello_comes_first_and_nothing_but_auth_may_follow() {
    let bench = Bench::greeted();
    match &bench.steps[..] {
        [Step::Send(ServerFrame::Hello(hello))] => {
            assert_eq!((hello.nonce.len(), hello.server_time_ms), (32, START.0));
        }
        other => panic!("{other:?}"),
    }
    for early in [a_submit(), frame(client_frame::Frame::Ping(Ping { id: 1 }))] {
        let mut bench = Bench::greeted();
        bench.frame(&early);
        assert_eq!(bench.closed_with(), Some(close_code::PROTOCOL));
        assert!(
            !bench
                .steps
                .iter()
                .any(|step| matches!(step, Step::Submit(_)))
        );
    }
}

#[test]
fn an_auth_that_is_wrong_in_form_closes_with_its_code() {
    let cases = [
        (
            Auth {
                protocol: 99,
                signature: vec![1; 64],
                ..Auth::default()
            },
            close_code::UNSUPPORTED_VERSION,
        ),
        (
            Auth {
                protocol: 1,
                signature: vec![1; 63],
                ..Auth::default()
            },
            close_code::UNAUTHENTICATED,
        ),
        (
            Auth {
                protocol: 1,
                signature: vec![1; 64],
                jwt: "x".repeat(2000),
                ..Auth::default()
            },
            close_code::UNAUTHENTICATED,
        ),
    ];
    for (wrong, code) in cases {
        let mut bench = Bench::greeted();
        bench.frame(&frame(client_frame::Frame::Auth(wrong)));
        assert_eq!(bench.closed_with(), Some(code));
    }
    let mut bench = Bench::greeted();
    bench.frame(&auth());
    bench
        .connection
        .on_verified(Err(close_code::REVOKED), START, &mut bench.steps);
    assert_eq!(bench.closed_with(), Some(close_code::REVOKED));
}

#[test]
fn silence_before_auth_and_an_expired_token_close() {
    let mut bench = Bench::greeted();
    let deadline = bench.connection.deadline().expect("there is one");
    bench
        .connection
        .on_tick(Timestamp(deadline.0 - 1), &mut bench.steps);
    assert_eq!(bench.closed_with(), None);
    bench.connection.on_tick(deadline, &mut bench.steps);
    assert_eq!(bench.closed_with(), Some(close_code::UNAUTHENTICATED));

    let mut bench = Bench::ready();
    assert_eq!(
        bench.connection.deadline(),
        Some(Timestamp(START.0 + FIVE_MINUTES))
    );
    bench.connection.on_frame(
        &a_submit(),
        Timestamp(START.0 + FIVE_MINUTES),
        &mut bench.steps,
    );
    assert_eq!(bench.closed_with(), Some(close_code::TOKEN_EXPIRED));
    assert!(
        !bench
            .steps
            .iter()
            .any(|step| matches!(step, Step::Submit(_)))
    );
}

#[test]
fn renewal_in_band_moves_the_expiry_and_another_device_cannot_take_the_socket() {
    let mut bench = Bench::ready();
    bench.frame(&auth());
    assert!(!bench.connection.wants_frames());
    let later = Timestamp(START.0 + 2 * FIVE_MINUTES);
    bench
        .connection
        .on_verified(Ok(verified(later)), START, &mut bench.steps);
    assert_eq!(bench.connection.deadline(), Some(later));
    assert!(bench.connection.wants_frames());

    bench.frame(&auth());
    let mut other = verified(later);
    other.access.device_id = device(2);
    bench
        .connection
        .on_verified(Ok(other), START, &mut bench.steps);
    assert_eq!(bench.closed_with(), Some(close_code::UNAUTHENTICATED));
}

#[test]
fn what_waited_comes_first_then_drained_then_live_ones() {
    let mut bench = Bench::greeted();
    bench.frame(&auth());
    bench.connection.on_verified(
        Ok(verified(Timestamp(START.0 + FIVE_MINUTES))),
        START,
        &mut bench.steps,
    );
    assert_eq!(bench.pages(), [0]);
    // Committed while the first page is read: not sent twice, not before its turn.
    bench.event(Event::Delivery(Box::new(delivery(3))));
    assert!(bench.sent().is_empty());
    bench.page(vec![delivery(1), delivery(2)], true);
    assert_eq!(bench.sent(), [1, 2]);
    let drained = |bench: &Bench| {
        bench
            .steps
            .iter()
            .filter(|s| matches!(s, Step::Send(ServerFrame::Drained(_))))
            .count()
    };
    assert_eq!((drained(&bench), bench.pages()), (1, vec![0, 2]));
    bench.page(vec![delivery(3)], true);
    bench.event(Event::Delivery(Box::new(delivery(4))));
    bench.event(Event::Delivery(Box::new(delivery(4))));
    assert_eq!((bench.sent(), drained(&bench)), (vec![1, 2, 3, 4], 1));
    // One is missing: the mailbox has it.
    bench.event(Event::Delivery(Box::new(delivery(6))));
    assert_eq!(bench.pages(), [0, 2, 4]);
    bench.page(vec![delivery(5), delivery(6)], true);
    assert_eq!(bench.sent(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn deliveries_stop_at_the_window_and_go_on_with_an_ack() {
    let mut bench = Bench::ready();
    let all: Vec<_> = (1..=DELIVERY_WINDOW as u64 + 2).map(delivery).collect();
    for one in &all {
        bench.event(Event::Delivery(Box::new(one.clone())));
    }
    assert_eq!(bench.sent().len(), DELIVERY_WINDOW);
    assert!(bench.pages().is_empty());
    let cursor = all[9].cursor.expect("durable");
    bench.frame(&frame(client_frame::Frame::Ack(Ack {
        cursor: cursor.to_vec(),
    })));
    assert!(
        bench
            .steps
            .iter()
            .any(|step| matches!(step, Step::Ack(to, 10) if *to == address(1)))
    );
    assert_eq!(bench.pages(), [DELIVERY_WINDOW as u64]);
}

#[test]
fn an_ack_of_what_was_never_sent_changes_nothing() {
    let mut bench = Bench::ready();
    let one = delivery(1);
    bench.event(Event::Delivery(Box::new(one)));
    bench.steps.clear();
    let foreign = Cursor {
        seq: 1,
        tag: [0xEE; 8],
    };
    for cursor in [foreign, Cursor { seq: 50, ..foreign }] {
        bench.frame(&frame(client_frame::Frame::Ack(Ack {
            cursor: cursor.to_vec(),
        })));
    }
    assert!(bench.steps.is_empty(), "{:?}", bench.steps);
    bench.frame(&frame(client_frame::Frame::Ack(Ack {
        cursor: vec![1, 2, 3],
    })));
    assert_eq!(bench.closed_with(), Some(close_code::PROTOCOL));
}

#[test]
fn a_client_with_too_many_open_submits_is_read_no_further() {
    let mut bench = Bench::ready();
    for _ in 0..SUBMITS_IN_FLIGHT_MAX {
        assert!(bench.connection.wants_frames());
        bench.frame(&a_submit());
    }
    assert!(!bench.connection.wants_frames());
    let submit_id = SubmitId([1; 16]);
    bench.event(Event::Answer(Box::new(Answer {
        submit_id,
        result: Ok(Accepted::default()),
    })));
    assert!(bench.connection.wants_frames());
    bench.event(Event::Answer(Box::new(Answer {
        submit_id,
        result: Err(StoreError::Unavailable),
    })));
    assert_eq!(bench.closed_with(), Some(close_code::UNAVAILABLE));
}

#[test]
fn a_client_that_never_slows_down_is_closed() {
    let mut bench = Bench::ready();
    let later = wire::DestinationResult {
        outcome: wire::Outcome::TryLater.into(),
        ..Default::default()
    };
    let accepted = Accepted {
        results: vec![later],
        ..Accepted::default()
    };
    for _ in 0..=500 {
        assert_eq!(bench.closed_with(), None);
        let result = Ok(accepted.clone());
        bench.event(Event::Answer(Box::new(Answer {
            submit_id: SubmitId([1; 16]),
            result,
        })));
    }
    assert_eq!(bench.closed_with(), Some(close_code::RATE_LIMITED));
}

#[test]
fn submit_numbers_grow_within_one_millisecond() {
    let mut bench = Bench::ready();
    for _ in 0..3 {
        bench.frame(&a_submit());
    }
    let numbers: Vec<u64> = bench
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Submit(submit) => Some(submit.number),
            _ => None,
        })
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.len() == 3);
}

#[test]
fn old_ephemeral_envelopes_are_dropped_and_fresh_ones_need_no_ack() {
    let mut bench = Bench::ready();
    let fresh = Delivery {
        cursor: None,
        ..delivery(1)
    };
    let old = Delivery {
        accepted_at: Timestamp(START.0 - 61_000),
        ..fresh.clone()
    };
    bench.event(Event::Delivery(Box::new(old)));
    assert!(bench.sent().is_empty());
    bench.event(Event::Delivery(Box::new(fresh)));
    assert_eq!(bench.sent(), [0]);
    bench.event(Event::Delivery(Box::new(delivery(1))));
    assert_eq!(bench.sent(), [0, 1]);
}

#[test]
fn frames_and_fields_of_a_later_version_are_ignored() {
    let mut bench = Bench::ready();
    // Field 15 of ClientFrame, length-delimited.
    bench.frame(&[0x7A, 0x03, 1, 2, 3]);
    assert!(bench.steps.is_empty());
    assert!(bench.connection.wants_frames());
}

proptest! {
    #[test]
    fn random_frames_never_panic_and_a_closed_connection_stays_silent(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..20)
    ) {
        let mut bench = Bench::ready();
        for frame in &frames {
            bench.frame(frame);
            if bench.connection.is_closed() {
                prop_assert_eq!(bench.closed_with(), Some(close_code::PROTOCOL));
                let said = bench.steps.len();
                bench.frame(&a_submit());
                bench.event(Event::Waiting);
                bench.page(vec![delivery(1)], true);
                prop_assert_eq!(bench.steps.len(), said);
                break;
            }
        }
    }

    #[test]
    fn damaged_submits_never_panic(at in 0_usize..120, byte in any::<u8>(), cut in 0_usize..120) {
        let mut bench = Bench::ready();
        let mut damaged = a_submit();
        let at = at % damaged.len();
        damaged[at] = byte;
        damaged.truncate(damaged.len() - cut % damaged.len());
        bench.frame(&damaged);
        prop_assert!(bench.steps.len() <= 1);
    }

    #[test]
    fn any_order_of_wakes_and_pages_delivers_all_once_in_order(choices in proptest::collection::vec(0_u8..5, 1..200)) {
        let mut bench = Bench::ready();
        let mut stored: Vec<Delivery> = Vec::new();
        let mut pages_answered = 0;
        for choice in choices {
            match choice {
                // A commit whose wake arrives, arrives late, or is dropped for "read your mailbox".
                0 | 1 => {
                    stored.push(delivery(stored.len() as u64 + 1));
                    bench.event(Event::Delivery(Box::new(stored[stored.len() - 1].clone())));
                }
                2 => stored.push(delivery(stored.len() as u64 + 1)),
                3 => bench.event(Event::Waiting),
                _ => answer_page(&mut bench, &stored, &mut pages_answered),
            }
        }
        bench.event(Event::Waiting);
        while bench.pages().len() > pages_answered {
            answer_page(&mut bench, &stored, &mut pages_answered);
        }
        prop_assert_eq!(bench.sent(), (1..=stored.len() as u64).collect::<Vec<_>>());
    }
}

/// Answers the oldest page asked for, three envelopes at most.
fn answer_page(bench: &mut Bench, stored: &[Delivery], answered: &mut usize) {
    let Some(after) = bench.pages().get(*answered).copied() else {
        return;
    };
    *answered += 1;
    let rest = &stored[after as usize..];
    let page = rest[..rest.len().min(3)].to_vec();
    let is_last = page.len() == rest.len();
    bench.page(page, is_last);
}
