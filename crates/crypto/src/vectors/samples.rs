//! Frozen wire samples: envelopes recorded once. Whatever changes, they keep opening, and so do stored sessions.

use super::{hex, path, read, unhex, write};
use crate::identity::DeviceKeys;
use crate::keys::{Secret, X25519Secret, XWingSecret};
use crate::pqxdh::{KemKeyId, KemKind};
use crate::primitives::Library;
use crate::ratchet::PeerSessions;
use crate::seal::world::{Device, Mail, Prekeys, seed};
use crate::seal::{EnvelopeHeader, ExpiryClass};
use securechat_proto::EnvelopeId;
use securechat_proto::account_log::verify_chain;
use serde_json::{Value, json};

const FILE: &str = "wire-samples.json";

fn mail(content: &[u8], mail: &Mail) -> Value {
    json!({
        "content": hex(content), "envelope_id": hex(mail.header.envelope.0),
        "sealing_key_number": mail.header.sealing_key_number, "expiry_class": mail.header.expiry.to_wire(),
        "ciphertext": hex(&mail.ciphertext),
    })
}

/// Secrets and genesis of a device, and its sessions with `peer` at this moment.
fn device(device: &Device, byte: u8, peer: &Device) -> Value {
    let kems: Vec<Value> = device
        .prekeys
        .kems
        .iter()
        .map(|((kind, _), key)| json!({ "kind": kind, "secret": hex(key.stored().expose()) }))
        .collect();
    json!({
        "seed_byte": byte,
        "genesis": hex(device.log.entries_from(0).next().unwrap()),
        "signed_prekeys": device.prekeys.signed.iter()
            .map(|(number, key)| json!({ "bundle": number, "secret": hex(key.stored().expose()) })).collect::<Vec<_>>(),
        "kems": kems,
        "sealing_keys": device.sealing.iter()
            .map(|(number, key)| json!({ "number": number, "secret": hex(key.stored().expose()) })).collect::<Vec<_>>(),
        "sessions": device.sessions.get(&peer.address()).map_or(Value::Null, |sessions| hex(&*sessions.to_bytes())),
    })
}

/// Run once by hand: `cargo test -p securechat-crypto record_wire_samples -- --ignored`. Refuses to overwrite.
#[test]
#[ignore = "records the frozen samples; they exist"]
fn record_wire_samples() {
    assert!(!path(FILE).exists(), "the samples are frozen");
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    let first = alice.send(&mut bob, b"first", 0);
    let second = alice.send(&mut bob, b"second", 1);
    let bob_before = device(&bob, 2, &alice);
    bob.receive(&alice, &first, 2).unwrap();
    let answer = bob.send(&mut alice, b"answer", 3);
    let bob_after = device(&bob, 2, &alice);
    let alice_before = device(&alice, 1, &bob);
    alice.receive(&bob, &answer, 4).unwrap();
    let third = alice.send(&mut bob, b"third", 5);
    let recorded = json!({
        "about": "Recorded once, never written again. Bob opens `to_bob_first` from `bob_before`, Alice opens \
                  `to_alice` from `alice_before`, Bob opens `to_bob_later` in that order from `bob_after`.",
        "alice_before": alice_before, "bob_before": bob_before, "bob_after": bob_after,
        "to_bob_first": [mail(b"first", &first), mail(b"second", &second)],
        "to_alice": [mail(b"answer", &answer)],
        "to_bob_later": [mail(b"third", &third), mail(b"second", &second)],
    });
    write(FILE, &recorded);
}

fn restore(recorded: &Value, peer: &Value) -> Device {
    let secret = |value: &Value| -> Secret<32> { Secret::from_slice(&unhex(value)).unwrap() };
    let log = |recorded: &Value| verify_chain(&[unhex(&recorded["genesis"])], &Library).unwrap();
    let byte = u8::try_from(recorded["seed_byte"].as_u64().unwrap()).unwrap();
    let keys = DeviceKeys::from_seeds(&seed(byte), seed(byte ^ 0x40), seed(byte ^ 0x20));
    let mut device = Device::with(keys, log(recorded));
    device.prekeys = Prekeys::default();
    for key in recorded["signed_prekeys"].as_array().unwrap() {
        let prekey = X25519Secret::from_secret(secret(&key["secret"]));
        device
            .prekeys
            .signed
            .insert(key["bundle"].as_u64().unwrap(), prekey);
    }
    for key in recorded["kems"].as_array().unwrap() {
        let kind = if key["kind"] == 4 {
            KemKind::OneTime
        } else {
            KemKind::LastResort
        };
        let kem = XWingSecret::from_seed(secret(&key["secret"]));
        device
            .prekeys
            .kems
            .insert((kind as u8, KemKeyId::of(&kem.public())), kem);
    }
    device.sealing.clear();
    for key in recorded["sealing_keys"].as_array().unwrap() {
        let number = u32::try_from(key["number"].as_u64().unwrap()).unwrap();
        let sealing = XWingSecret::from_seed(secret(&key["secret"]));
        device.sealing_public = (number, sealing.public());
        device.sealing.insert(number, sealing);
    }
    if !recorded["sessions"].is_null() {
        let peer_log = log(peer);
        let id = *peer_log.state().devices.keys().next().unwrap();
        let address = crate::pqxdh::Address {
            fingerprint: peer_log.fingerprint(),
            device: id,
        };
        let sessions = PeerSessions::from_bytes(&unhex(&recorded["sessions"]))
            .ok()
            .unwrap();
        device.sessions.insert(address, sessions);
    }
    device
}

fn open_all(to: &mut Device, from: &Device, mails: &Value) {
    for recorded in mails.as_array().unwrap() {
        let mail = Mail {
            header: EnvelopeHeader {
                envelope: EnvelopeId::from_slice(&unhex(&recorded["envelope_id"])).unwrap(),
                sealing_key_number: u32::try_from(recorded["sealing_key_number"].as_u64().unwrap())
                    .unwrap(),
                expiry: ExpiryClass::from_wire(
                    u32::try_from(recorded["expiry_class"].as_u64().unwrap()).unwrap(),
                )
                .unwrap(),
            },
            ciphertext: unhex(&recorded["ciphertext"]),
        };
        assert_eq!(
            to.receive(from, &mail, 1000).unwrap(),
            unhex(&recorded["content"])
        );
    }
}

#[test]
fn frozen_envelopes_and_stored_sessions_keep_opening() {
    let recorded = read(FILE);
    let mut alice = restore(&recorded["alice_before"], &recorded["bob_before"]);
    let mut bob = restore(&recorded["bob_before"], &recorded["alice_before"]);
    open_all(&mut bob, &alice, &recorded["to_bob_first"]);
    open_all(&mut alice, &bob, &recorded["to_alice"]);
    let mut bob = restore(&recorded["bob_after"], &recorded["alice_before"]);
    open_all(&mut bob, &alice, &recorded["to_bob_later"]);
    // And the restored sessions go on. Bob is restored again: the third message is of an Alice who answered otherwise.
    let mut bob = restore(&recorded["bob_after"], &recorded["alice_before"]);
    let mail = bob.send(&mut alice, b"on", 2000);
    assert_eq!(alice.receive(&bob, &mail, 2000).unwrap(), b"on");
}
