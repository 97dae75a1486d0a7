//! Submits that break a limit: each closes the socket and changes nothing.

use super::mailbox_connection::{Bench, frame};
use securechat_proto::close_code;
use securechat_proto::wire::socket as wire;
use securechat_proto::wire::socket::client_frame;

/// One submit per way of breaking a limit.
fn broken_submits() -> Vec<(&'static str, wire::Submit)> {
    let envelope = wire::Envelope {
        envelope_id: vec![1; 16],
        device_id: vec![2; 16],
        sealing_key_number: 1,
        ciphertext: vec![0; 10],
    };
    let to = |envelopes: Vec<wire::Envelope>| wire::Destination {
        account_id: vec![3; 16],
        token: vec![],
        envelopes,
    };
    let submit = |destinations: Vec<wire::Destination>| wire::Submit {
        submit_id: vec![9; 16],
        destinations,
        ..wire::Submit::default()
    };
    let good = submit(vec![to(vec![envelope.clone()])]);
    let with = |change: fn(&mut wire::Envelope)| {
        let mut changed = envelope.clone();
        change(&mut changed);
        submit(vec![to(vec![changed])])
    };
    let many = (0..33)
        .map(|n| wire::Envelope {
            envelope_id: vec![n; 16],
            ..envelope.clone()
        })
        .collect();
    vec![
        ("no destination", submit(vec![])),
        ("no envelope", submit(vec![to(vec![])])),
        (
            "short submit id",
            wire::Submit {
                submit_id: vec![1; 15],
                ..good.clone()
            },
        ),
        (
            "unknown class",
            wire::Submit {
                expiry_class: 2,
                ..good.clone()
            },
        ),
        (
            "large counter",
            wire::Submit {
                counter: vec![0; 129],
                ..good.clone()
            },
        ),
        (
            "large signature",
            wire::Submit {
                counter_signature: vec![0; 65],
                ..good.clone()
            },
        ),
        (
            "short token",
            submit(vec![wire::Destination {
                token: vec![1; 15],
                ..to(vec![envelope.clone()])
            }]),
        ),
        (
            "short account",
            submit(vec![wire::Destination {
                account_id: vec![1],
                ..to(vec![envelope.clone()])
            }]),
        ),
        (
            "account twice",
            submit(vec![to(vec![envelope.clone()]), to(vec![envelope.clone()])]),
        ),
        (
            "envelope twice",
            submit(vec![to(vec![envelope.clone(), envelope.clone()])]),
        ),
        ("too many", submit(vec![to(many)])),
        ("short envelope id", with(|e| e.envelope_id.truncate(3))),
        ("long device id", with(|e| e.device_id.push(1))),
        ("empty ciphertext", with(|e| e.ciphertext.clear())),
        (
            "large ciphertext",
            with(|e| e.ciphertext = vec![0; 96 * 1024 + 1]),
        ),
    ]
}

#[test]
fn every_broken_limit_closes_and_changes_nothing() {
    for (name, submit) in broken_submits() {
        let mut bench = Bench::ready();
        bench.frame(&frame(client_frame::Frame::Submit(submit)));
        assert_eq!(bench.closed_with(), Some(close_code::PROTOCOL), "{name}");
        assert_eq!(bench.steps.len(), 1, "{name}: {:?}", bench.steps);
    }
    let mut bench = Bench::ready();
    bench.frame(&vec![0; 128 * 1024 + 1]);
    assert_eq!(bench.closed_with(), Some(close_code::PROTOCOL));
}
