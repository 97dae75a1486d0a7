use super::{check, hex, unhex};
use crate::body;
use crate::identity::DeviceKeys;
use crate::keys::{Secret, X25519Public, XWingSecret};
use crate::pqxdh::{
    Address, CompactHandshake, EncapsulationSeed, KemKeyId, KemKind, Party, SessionName,
};
use crate::repair::RepairKey;
use crate::seal::{EnvelopeHeader, ExpiryClass, outer};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Payload};
use hmac::{KeyInit, Mac};
use hpke::kem::XWing;
use hpke::{Deserializable, Kem};
use securechat_proto::{EnvelopeId, Fingerprint};
use serde_json::{Value, json};

const TAG: [u8; 16] = [0xcc; 16];

fn secret(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32])
}

fn alice() -> (DeviceKeys, Party) {
    let keys = DeviceKeys::from_seeds(&secret(0x01), secret(0x11), secret(0x02));
    let party = Party::new(Fingerprint([0xaa; 32]), keys.public());
    (keys, party)
}

fn bob() -> (DeviceKeys, Party) {
    let keys = DeviceKeys::from_seeds(&secret(0x03), secret(0x22), secret(0x04));
    let party = Party::new(Fingerprint([0xbb; 32]), keys.public());
    (keys, party)
}

fn address(address: &Address) -> Value {
    json!({ "fingerprint": hex(address.fingerprint.0), "device_id": hex(address.device.0) })
}

/// A body of a plain message, tag set.
fn plain_body(tag: &[u8; 16]) -> Vec<u8> {
    let mut body = body::encode(
        &alice().1.address(),
        &SessionName([0x5d; 16]),
        None,
        &[0x04; 99],
    )
    .unwrap();
    body::set_tag(&mut body, tag);
    body
}

#[test]
fn sealed_bodies_match_the_known_answers() {
    let (_, sender) = alice();
    let compact = CompactHandshake {
        generation: 3,
        bundle_number: 9,
        sender_dsk: sender.dsk,
        sender_ik: sender.ik,
        ephemeral: X25519Public([0x55; 32]),
        kem_kind: KemKind::OneTime,
        kem_key: KemKeyId([0x1d; 16]),
        kem_ciphertext: Box::new([0x66; 1120]),
    };
    let case = |name: &str, handshake: Option<&CompactHandshake>, message: Vec<u8>| {
        let sid = SessionName([0x5d; 16]);
        let mut bytes = body::encode(&sender.address(), &sid, handshake, &message).unwrap();
        body::set_tag(&mut bytes, &TAG);
        let read = body::decode(&bytes).unwrap();
        assert!(
            read.sender == sender.address()
                && read.sid == sid
                && read.tag == TAG
                && read.message == message
        );
        assert!(read.handshake.as_ref() == handshake);
        json!({
            "name": name, "valid": true, "sender": address(&sender.address()), "sid": hex(sid.0), "tag": hex(TAG),
            "handshake": handshake.map_or(Value::Null, |handshake| hex(handshake.to_bytes())),
            "message": hex(&message), "body": hex(bytes),
        })
    };
    let refused = |name: &str, change: fn(&mut Vec<u8>)| {
        let mut bytes = plain_body(&TAG);
        change(&mut bytes);
        assert!(body::decode(&bytes).is_err(), "{name}");
        json!({ "name": name, "valid": false, "body": hex(bytes) })
    };
    let cases = json!({
        "about": "docs/protocol/envelope.md, sealed body. A body with \"valid\": false is refused.",
        "cases": [
            case("message", None, vec![0x04; 99]),
            case("longest message of the first bucket", None, vec![0x04; 426]),
            case("shortest message of the second bucket", None, vec![0x04; 427]),
            case("handshake", Some(&compact), vec![0x04; 99]),
            refused("other version", |body| body[0] = 2),
            refused("other kind", |body| body[1] = 3),
            refused("no message", |body| body[82..86].fill(0)),
            refused("length beyond the body", |body| body[82..86].copy_from_slice(&427_u32.to_be_bytes())),
            refused("padding that is not zero", |body| body[511] = 1),
            refused("no bucket", |body| body.push(0)),
        ],
    });
    check("sealed-body.json", &cases);
}

/// RFC 9180 section 5.1, base mode, step by step: X-Wing's shared secret, then key and nonce of the one message.
struct Schedule {
    shared: [u8; 32],
    key: [u8; 32],
    nonce: [u8; 12],
}

/// X-Wing, HKDF-SHA256, AES-256-GCM.
const SUITE: [u8; 10] = *b"HPKE\x64\x7a\x00\x01\x00\x02";

impl Schedule {
    fn of(key: &XWingSecret, encapsulated: &[u8], info: &[u8]) -> Self {
        let encapped = <XWing as Kem>::EncappedKey::from_bytes(encapsulated).unwrap();
        let private = key.library_key().unwrap();
        let shared = XWing::decap(&private, None, &encapped).unwrap();
        let shared: [u8; 32] = shared.0.as_slice().try_into().unwrap();
        let extract = |salt: &[u8], label: &[u8], ikm: &[u8]| {
            let labelled = [b"HPKE-v1", &SUITE[..], label, ikm].concat();
            hkdf::Hkdf::<sha2::Sha256>::extract(Some(salt), &labelled)
        };
        let (psk_id_hash, _) = extract(b"", b"psk_id_hash", b"");
        let (info_hash, _) = extract(b"", b"info_hash", info);
        let context = [&[0], &psk_id_hash[..], &info_hash[..]].concat();
        let (_, secret) = extract(&shared, b"secret", b"");
        let expand = |label: &[u8], out: &mut [u8]| {
            let length = (out.len() as u16).to_be_bytes();
            let labelled = [&length, &b"HPKE-v1"[..], &SUITE, label, &context].concat();
            secret.expand(&labelled, out).unwrap();
        };
        let (mut key, mut nonce) = ([0; 32], [0; 12]);
        expand(b"key", &mut key);
        expand(b"base_nonce", &mut nonce);
        Self { shared, key, nonce }
    }
}

#[test]
fn the_seal_matches_the_known_answers() {
    let recipient = bob().1.address();
    let key = XWingSecret::from_seed(secret(0x88));
    let case = |name: &str, number: u32, expiry: ExpiryClass| {
        let header = EnvelopeHeader {
            envelope: EnvelopeId([0xee; 16]),
            sealing_key_number: number,
            expiry,
        };
        let bytes = plain_body(&TAG);
        let seed = EncapsulationSeed::fixed([0x99; 64]);
        let sealed = outer::seal(&key.public(), &recipient, &header, &bytes, seed).unwrap();
        assert_eq!(sealed.len(), 1120 + 512 + 16);
        assert_eq!(
            outer::open(&key, &recipient, &header, &sealed).unwrap(),
            bytes
        );
        let (encapsulated, rest) = sealed.split_at(1120);
        let aad = outer::additional_data(&recipient, &header);
        let schedule = Schedule::of(&key, encapsulated, b"SC1/seal");
        let payload = Payload {
            msg: rest,
            aad: &aad,
        };
        let cipher = Aes256Gcm::new(&schedule.key.into());
        assert_eq!(
            cipher.decrypt(&schedule.nonce.into(), payload).unwrap(),
            bytes
        );
        json!({
            "kem_shared": hex(schedule.shared), "key": hex(schedule.key), "nonce": hex(schedule.nonce),
            "name": name, "recipient": address(&recipient), "sealing_key_number": number,
            "envelope_id": hex([0xee; 16]), "expiry_class": expiry.to_wire(),
            "sealing_secret": hex([0x88; 32]), "sealing_public": hex(key.public().0.as_slice()),
            "encapsulation_randomness": hex([0x99; 64]), "info": hex(b"SC1/seal"),
            "aad": hex(&aad), "body": hex(bytes), "ciphertext": hex(sealed),
        })
    };
    let cases = json!({
        "about": "docs/protocol/envelope.md, outer seal: HPKE base mode, X-Wing (0x647a), HKDF-SHA256, AES-256-GCM.",
        "cases": [
            case("durable", 1, ExpiryClass::Durable),
            case("ephemeral, other key number", 0x0102_0304, ExpiryClass::Ephemeral),
        ],
    });
    check("seal.json", &cases);
    let aad = unhex(&cases["cases"][1]["aad"]);
    let expected = [
        &[1],
        &recipient.fingerprint.0[..],
        &recipient.device.0,
        &[1, 2, 3, 4],
        &[0xee; 16],
        &[1],
    ]
    .concat();
    assert_eq!(aad, expected);
}

#[test]
fn repair_tags_match_the_known_answers_on_both_sides() {
    let ((alice_keys, alice), (bob_keys, bob)) = (alice(), bob());
    let envelope = EnvelopeId([0xee; 16]);
    let untagged = plain_body(&[0; 16]);

    // Step by step from the formula.
    let dh = x25519_dalek::StaticSecret::from([0x11; 32])
        .diffie_hellman(&bob.ik.0.into())
        .to_bytes();
    let (low, high) = (alice.address(), bob.address());
    assert!(low < high);
    let info = [
        b"SC1/repair",
        &low.fingerprint.0[..],
        &low.device.0,
        &high.fingerprint.0,
        &high.device.0,
    ]
    .concat();
    let mut key = [0; 32];
    hkdf::Hkdf::<sha2::Sha256>::new(Some(&[]), &dh)
        .expand(&info, &mut key)
        .unwrap();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(&envelope.0);
    mac.update(&untagged);
    let tag: [u8; 16] = mac.finalize().into_bytes()[..16].try_into().unwrap();

    // Through the room, both sides.
    let senders = RepairKey::derive(&alice.address(), &alice_keys.ik, &bob).unwrap();
    let recipients = RepairKey::derive(&bob.address(), &bob_keys.ik, &alice).unwrap();
    assert!(senders.expose() == &key && recipients.expose() == &key);
    let mut tagged = untagged.clone();
    body::set_tag(&mut tagged, &tag);
    assert_eq!(
        senders.tag(&envelope, &tagged),
        tag,
        "the tag field does not count"
    );
    assert!(recipients.verify(&envelope, &tagged, &tag));
    let mut wrong = tag;
    wrong[15] ^= 1;
    assert!(!recipients.verify(&envelope, &tagged, &wrong));
    let cases = json!({
        "about": "docs/protocol/repair.md. The body is shown with a zero tag field, as the tag covers it.",
        "cases": [{
            "name": "tag",
            "sender": address(&alice.address()), "sender_ik_secret": hex([0x11; 32]), "sender_ik": hex(alice.ik.0),
            "recipient": address(&bob.address()), "recipient_ik_secret": hex([0x22; 32]), "recipient_ik": hex(bob.ik.0),
            "dh": hex(dh), "info": hex(&info), "key": hex(key),
            "envelope_id": hex(envelope.0), "body": hex(&untagged), "tag": hex(tag),
        }],
    });
    check("repair.json", &cases);
}
