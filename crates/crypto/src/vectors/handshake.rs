use super::{check, hex};
use crate::bundle::HandshakeKeys;
use crate::identity::DeviceKeys;
use crate::keys::{Secret, X25519Secret, XWingSecret};
use crate::pqxdh::{
    CompactHandshake, EncapsulationSeed, Fresh, KemKeyId, KemKind, Party, initiate, respond,
};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use hpke::kem::XWing;
use hpke::{Kem, Serializable};
use securechat_proto::Fingerprint;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PLAINTEXT: &[u8] = b"first message";

fn secret(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32])
}

fn x25519(secret: u8, public: &[u8; 32]) -> [u8; 32] {
    x25519_dalek::StaticSecret::from([secret; 32])
        .diffie_hellman(&(*public).into())
        .to_bytes()
}

fn expand<const N: usize>(salt: &[u8], ikm: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::new(Some(salt), ikm)
        .expand(info, &mut out)
        .unwrap();
    out
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// Keys of one message of the ratchet: HMAC-SHA-256(chain key, 1), then HKDF(salt one zero byte, info `OLM_KEYS`, 80).
struct MessageKeys {
    message: [u8; 32],
    aes: [u8; 32],
    mac: [u8; 32],
    iv: [u8; 16],
}

impl MessageKeys {
    fn first(chain_key: &[u8]) -> Self {
        let message = hmac(chain_key, &[1]);
        let expanded: [u8; 80] = expand(&[0], &message, b"OLM_KEYS");
        Self {
            message,
            aes: expanded[..32].try_into().unwrap(),
            mac: expanded[32..64].try_into().unwrap(),
            iv: expanded[64..].try_into().unwrap(),
        }
    }
}

/// Secrets are repeated bytes, so a reader can type them: IKa 0x11, IKb 0x22, SPKb 0x33, KEM 0x44, EKa 0x55, a0 0x66,
/// encapsulation 0x77.
fn case(name: &str, kind: KemKind, bundle_number: u64, generation: u32) -> Value {
    let alice = DeviceKeys::from_seeds(&secret(0x01), secret(0x11), secret(0x02));
    let bob = DeviceKeys::from_seeds(&secret(0x03), secret(0x22), secret(0x04));
    let initiator = Party::new(Fingerprint([0xaa; 32]), alice.public());
    let responder = Party::new(Fingerprint([0xbb; 32]), bob.public());
    let (signed_prekey, kem) = (
        X25519Secret::from_secret(secret(0x33)),
        XWingSecret::from_seed(secret(0x44)),
    );
    let (spk, kem_public) = (signed_prekey.public(), kem.public());
    let ek = X25519Secret::from_secret(secret(0x55)).public();
    let a0 = X25519Secret::from_secret(secret(0x66)).public();

    // Step by step, straight from the formula, with the libraries and nothing of the room.
    let mut seed = EncapsulationSeed::fixed([0x77; 64]);
    let (shared, encapped) =
        XWing::encap_with_rng(&kem_public.library_key().unwrap(), None, &mut seed).unwrap();
    let ciphertext = encapped.to_bytes();
    let mut h = vec![1];
    for party in [&initiator, &responder] {
        h.extend_from_slice(&party.fingerprint.0);
        h.extend_from_slice(&party.device.0);
        h.extend_from_slice(&party.dsk.0);
        h.push(1);
        h.extend_from_slice(&party.ik.0);
    }
    h.extend_from_slice(&bundle_number.to_be_bytes());
    h.extend_from_slice(&generation.to_be_bytes());
    h.push(2);
    h.extend_from_slice(&spk.0);
    h.push(kind as u8);
    h.extend_from_slice(kem_public.0.as_slice());
    h.extend_from_slice(&ek.0);
    h.extend_from_slice(&ciphertext);
    let hash = Sha256::digest(&h);
    let (dh1, dh2, dh3) = (
        x25519(0x11, &spk.0),
        x25519(0x55, &responder.ik.0),
        x25519(0x55, &spk.0),
    );
    let ikm = [&[0xff; 32], &dh1[..], &dh2, &dh3, &shared.0].concat();
    let okm: [u8; 48] = expand(
        &[0; 32],
        &ikm,
        &[b"SC1/pqxdh X25519 X-Wing SHA-256", &hash[..]].concat(),
    );
    let first_dh = x25519(0x66, &spk.0);
    let step: [u8; 64] = expand(&okm[..32], &first_dh, b"OLM_RATCHET");

    // The same through the room, both sides.
    let keys = HandshakeKeys {
        bundle_number,
        signed_prekey: spk,
        kem_type: kind.key_type(),
        kem_key: kem_public.clone(),
    };
    let fresh = Fresh {
        ephemeral: X25519Secret::from_secret(secret(0x55)),
        ratchet: X25519Secret::from_secret(secret(0x66)),
        encapsulation: EncapsulationSeed::fixed([0x77; 64]),
    };
    let mut initiated =
        initiate(&initiator, &alice.ik, &responder, &keys, generation, fresh).unwrap();
    assert_eq!(initiated.sid.0, okm[32..]);
    let [root, chain, ratchet_secret] = initiated.ratchet.sending_state().unwrap();
    assert_eq!(
        (&root[..], &chain[..], ratchet_secret),
        (&step[..32], &step[32..], [0x66; 32])
    );
    let message = initiated.ratchet.encrypt(PLAINTEXT).unwrap();
    let keys = MessageKeys::first(&step[32..]);
    let (authenticated, mac) = message.split_at(message.len() - 32);
    assert_eq!(hmac(&keys.mac, authenticated)[..], *mac);
    let compact = initiated.compact.to_bytes();
    assert_eq!(compact.len(), CompactHandshake::BYTES);

    let responding = respond(
        &responder,
        &bob.ik,
        &initiator,
        &initiated.compact,
        &signed_prekey,
        &kem,
    )
    .unwrap();
    assert_eq!(
        (responding.sid, &responding.hash.0[..]),
        (initiated.sid, &hash[..])
    );
    // The library makes the responder's first step: this line fails when its info string is not `OLM_RATCHET`.
    let (mut ratchet, opened) = responding.awaiting.first_decrypt(&message).unwrap();
    assert_eq!(opened, PLAINTEXT);
    let answer = ratchet.encrypt(b"answer").unwrap();
    assert_eq!(initiated.ratchet.decrypt(&answer).unwrap(), b"answer");

    let party = |party: &Party, ik_secret: u8| {
        json!({
            "fingerprint": hex(party.fingerprint.0), "device_id": hex(party.device.0), "dsk": hex(party.dsk.0),
            "ik": hex(party.ik.0), "ik_secret": hex([ik_secret; 32]),
        })
    };
    json!({
        "name": name,
        "initiator": party(&initiator, 0x11),
        "responder": party(&responder, 0x22),
        "bundle_number": bundle_number,
        "generation": generation,
        "signed_prekey_secret": hex([0x33; 32]), "signed_prekey": hex(spk.0),
        "kem_kind": kind as u8,
        "kem_secret": hex([0x44; 32]), "kem_public": hex(kem_public.0.as_slice()),
        "kem_key_id": hex(KemKeyId::of(&kem_public).0),
        "ephemeral_secret": hex([0x55; 32]), "ephemeral": hex(ek.0),
        "ratchet_secret": hex([0x66; 32]), "ratchet": hex(a0.0),
        "encapsulation_randomness": hex([0x77; 64]),
        "kem_ciphertext": hex(ciphertext), "kem_shared": hex(shared.0),
        "transcript": hex(&h), "transcript_hash": hex(hash),
        "dh1": hex(dh1), "dh2": hex(dh2), "dh3": hex(dh3),
        "ikm": hex(&ikm), "sk": hex(&okm[..32]), "sid": hex(&okm[32..]),
        "first_step_dh": hex(first_dh), "root_key": hex(&step[..32]), "chain_key": hex(&step[32..]),
        "message_key": hex(keys.message), "aes_key": hex(keys.aes), "mac_key": hex(keys.mac), "iv": hex(keys.iv),
        "compact_handshake": hex(&compact),
        "plaintext": hex(PLAINTEXT), "ratchet_message": hex(&message),
    })
}

#[test]
fn pqxdh_matches_the_known_answers_on_both_sides() {
    let cases = json!({
        "about": "docs/protocol/pqxdh.md. Byte strings are lower-case hex. Secrets are repeated bytes.",
        "cases": [
            case("one-time prekey", KemKind::OneTime, 7, 1),
            case("last-resort prekey", KemKind::LastResort, u64::MAX, u32::MAX),
        ],
    });
    check("pqxdh.json", &cases);
}
