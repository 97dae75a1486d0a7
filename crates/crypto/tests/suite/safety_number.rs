//! Verification by number and by QR code, against real logs.

use crate::world::*;
use securechat_crypto::safety_number::{QrMismatch, QrPayload, SafetyNumber, Scanned, Side};
use securechat_proto::account_log::{Freshness, Log, Verified};

fn other_account() -> Verified<Log> {
    device(50)
        .sign_genesis(recovery(50).public(), TIME)
        .unwrap()
        .log
}

fn side(log: &Log) -> Side {
    Side {
        account: log.fingerprint(),
        head: log.head(),
    }
}

#[test]
fn linking_and_recovering_do_not_change_the_number() {
    let (ours, theirs) = (genesis(), other_account());
    let number = SafetyNumber::of(&ours.fingerprint(), &theirs.fingerprint());
    let later = recover(&with_devices(3), 1, 2, &[1], 4, 2).unwrap().log;
    assert_eq!(
        number,
        SafetyNumber::of(&theirs.fingerprint(), &later.fingerprint())
    );
}

#[test]
fn a_scan_of_the_right_person_compares_both_logs() {
    let (ours, theirs) = (with_devices(3), other_account());
    let theirs_newer = device(50)
        .sign_entry(
            &theirs,
            securechat_proto::account_log::Operation::AddDevice {
                device: device(51).record(),
            },
            Some(&device(51)),
            TIME,
        )
        .unwrap()
        .log;
    let shown = |by: &Log, to: Side| {
        QrPayload {
            shown_by: side(by),
            shown_to: to,
        }
        .to_text()
    };
    let same = Scanned {
        their_log: Freshness::Same,
        our_log: Freshness::Same,
    };
    assert_eq!(
        QrPayload::check(&shown(&theirs, side(&ours)), &ours, &theirs),
        Ok(same)
    );
    let ahead = QrPayload::check(&shown(&theirs_newer, side(&genesis())), &ours, &theirs).unwrap();
    assert_eq!(
        ahead,
        Scanned {
            their_log: Freshness::ClaimAhead,
            our_log: Freshness::Behind(2)
        }
    );
    // The relay gave them another log of ours.
    let split = add(&genesis(), 1, 9).unwrap().log;
    let split = QrPayload::check(&shown(&theirs, side(&split)), &ours, &theirs).unwrap();
    assert_eq!(split.our_log, Freshness::ClaimForks);
}

#[test]
fn a_scan_of_anything_else_verifies_nobody() {
    let (ours, theirs, third) = (genesis(), other_account(), device(60));
    let third = third.sign_genesis(recovery(60).public(), TIME).unwrap().log;
    let text = |by: &Log, to: &Log| {
        QrPayload {
            shown_by: side(by),
            shown_to: side(to),
        }
        .to_text()
    };
    for (scanned, expected) in [
        (text(&third, &ours), QrMismatch::OtherAccount),
        (text(&ours, &theirs), QrMismatch::OtherAccount),
        (text(&theirs, &third), QrMismatch::NotUs),
        (String::new(), QrMismatch::Malformed),
        ("https://example.org/".to_owned(), QrMismatch::Malformed),
        (text(&theirs, &ours)[2..].to_owned(), QrMismatch::Malformed),
    ] {
        assert_eq!(
            QrPayload::check(&scanned, &ours, &theirs),
            Err(expected),
            "{scanned}"
        );
    }
}
