//! No signature on a log entry stands for anything but what it was made for.

use crate::world::*;
use securechat_proto::Fingerprint;
use securechat_proto::account_log::{Entry, Operation, Refused, Signer};
use securechat_proto::signing::{NO_DEVICE, Purpose};

#[test]
fn no_signature_stands_for_another_key_purpose_account_or_body() {
    let log = with_devices(3);
    let (signer, other) = (device(1), device(2));
    let body = next_body(&log, Signer::Device(signer.id()), remove(&[3]));
    let bytes = body.encode();
    let (account, id) = (log.fingerprint(), signer.id());
    let mut signatures = vec![
        other.dsk.sign(Purpose::LogEntry, &account, &id, &[&bytes]),
        authority(1).sign(Purpose::LogEntry, &account, &id, &[&bytes]),
        signer
            .dsk
            .sign(Purpose::LogEntry, &Fingerprint([0; 32]), &id, &[&bytes]),
        signer
            .dsk
            .sign(Purpose::LogEntry, &account, &other.id(), &[&bytes]),
        signer
            .dsk
            .sign(Purpose::LogEntry, &account, &NO_DEVICE, &[&bytes]),
        signer
            .dsk
            .sign(Purpose::LogEntry, &account, &id, &[&bytes[1..]]),
        [0; 64],
    ];
    for purpose in [
        Purpose::LogCountersign,
        Purpose::Bundle,
        Purpose::ArchiveKey,
        Purpose::Auth,
        Purpose::Counter,
    ] {
        signatures.push(signer.dsk.sign(purpose, &account, &id, &[&bytes]));
    }
    for signature in signatures {
        let entry = Entry::new(body.clone(), signature, None).encode();
        assert_eq!(refused(&log, &entry), Some(Refused::BadSignature));
    }
    assert_eq!(refused(&log, &forge(body, &signer.dsk, None)), None);
}

#[test]
fn an_incoming_device_must_agree() {
    let log = genesis();
    let (signer, incoming, other) = (device(1), device(2), device(3));
    let added = next_body(
        &log,
        Signer::Device(signer.id()),
        Operation::AddDevice {
            device: incoming.record(),
        },
    );
    let recovered = next_body(
        &log,
        Signer::Recovery,
        recover_operation(&log, 0, &[1], &incoming, 2),
    );
    for (body, key) in [(added, &signer.dsk), (recovered, &authority(1))] {
        assert_eq!(
            refused(&log, &forge(body.clone(), key, Some(&incoming))),
            None
        );
        assert_eq!(
            refused(&log, &forge(body.clone(), key, Some(&other))),
            Some(Refused::BadCountersignature)
        );
        assert_eq!(
            refused(&log, &forge(body.clone(), key, None)),
            Some(Refused::Malformed)
        );
        let bytes = body.encode();
        let signature = key.sign(
            Purpose::LogEntry,
            &body.account,
            &body.signer.device_id(),
            &[&bytes],
        );
        for wrong in [
            incoming
                .dsk
                .sign(Purpose::LogEntry, &body.account, &incoming.id(), &[&bytes]),
            incoming.dsk.sign(
                Purpose::LogCountersign,
                &Fingerprint([9; 32]),
                &incoming.id(),
                &[&bytes],
            ),
            incoming.dsk.sign(
                Purpose::LogCountersign,
                &body.account,
                &signer.id(),
                &[&bytes],
            ),
        ] {
            let entry = Entry::new(body.clone(), signature, Some(wrong)).encode();
            assert_eq!(refused(&log, &entry), Some(Refused::BadCountersignature));
        }
    }
}
