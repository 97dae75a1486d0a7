//! Decoders of `crypto`: envelopes, sessions, bundles of peers, codes that people type or scan, stored secrets.

use super::harness::split;
use super::recorded::{Pair, STRANGER, header, secret, unhex, vectors};
use securechat_crypto::account_secret::{AccountSecret, Record};
use securechat_crypto::bundle;
use securechat_crypto::identity::{CounterRecord, DeviceKeys};
use securechat_crypto::keys::Secret;
use securechat_crypto::opaque::{Login, OpaqueError};
use securechat_crypto::primitives::Library;
use securechat_crypto::ratchet::PeerSessions;
use securechat_crypto::recovery::RecoverySecret;
use securechat_crypto::safety_number::{QrMismatch, QrPayload};
use securechat_crypto::seal::{EnvelopeHeader, ExpiryClass, open, unseal};
use securechat_crypto::vault_key::{EnvelopeKind, EnvelopeList, StoreName};
use securechat_proto::account_log::{Log, Verified, verify_chain};
use securechat_proto::api::Stretching;
use securechat_proto::codec::Reader;
use securechat_proto::{DeviceId, EnvelopeId, Fingerprint, Timestamp};
use std::sync::LazyLock;

static PAIR: LazyLock<Pair> = LazyLock::new(Pair::load);

/// An envelope off the wire, as anybody can send one: id[16] || ciphertext.
pub(super) fn envelope(bytes: &[u8]) -> bool {
    let Some((id, ciphertext)) = bytes.split_first_chunk() else {
        return false;
    };
    let bob = &PAIR.bob_before;
    let header = EnvelopeHeader {
        envelope: EnvelopeId(*id),
        sealing_key_number: bob.sealing.0,
        expiry: ExpiryClass::Durable,
    };
    unseal(&bob.address(), None, &header, ciphertext).ok();
    unseal(&bob.address(), Some(&bob.sealing.1), &header, ciphertext).is_ok()
}

/// What a contact who lies puts inside a good seal under a good repair tag. Nothing opens twice.
pub(super) fn sealed_body(bytes: &[u8]) -> bool {
    let pair = &*PAIR;
    let header = EnvelopeHeader {
        envelope: EnvelopeId([7; 16]),
        sealing_key_number: pair.bob_before.sealing.0,
        expiry: ExpiryClass::Durable,
    };
    let ciphertext = pair.seal(bytes, &header);
    let mut is_accepted = false;
    for bob in [&pair.bob_before, &pair.bob_after] {
        let Ok(unsealed) = unseal(&bob.address(), Some(&bob.sealing.1), &header, &ciphertext)
        else {
            return false;
        };
        let mut sessions = bob
            .sessions
            .as_ref()
            .map_or_else(PeerSessions::new, |stored| {
                PeerSessions::from_bytes(stored).expect("recorded sessions")
            });
        let log = Some(pair.alice.log.state());
        for attempt in 0..2 {
            let before = sessions.to_bytes();
            let ours = bob.ours();
            let opened = open(&ours, &unsealed, log, &mut sessions, bob, Timestamp(10));
            match opened {
                Ok(_) => {
                    assert_eq!(attempt, 0, "an envelope opened twice");
                    is_accepted = true;
                }
                Err(_) => assert_eq!(*before, *sessions.to_bytes(), "a failure changed sessions"),
            }
        }
    }
    is_accepted
}

/// Sessions out of the store, and their ratchets on use.
pub(super) fn peer_sessions(bytes: &[u8]) -> bool {
    let Ok(mut sessions) = PeerSessions::from_bytes(bytes) else {
        return false;
    };
    let stored = sessions.to_bytes();
    let again = PeerSessions::from_bytes(&stored).expect("what was stored is read");
    assert_eq!(*stored, *again.to_bytes(), "storing changed sessions");
    let (pair, mail) = (&*PAIR, &*LATER);
    let bob = &pair.bob_after;
    let unsealed = unseal(&bob.address(), Some(&bob.sealing.1), &mail.0, &mail.1)
        .expect("a recorded envelope");
    let log = Some(pair.alice.log.state());
    open(
        &bob.ours(),
        &unsealed,
        log,
        &mut sessions,
        bob,
        Timestamp(10),
    )
    .ok();
    sessions.needs_prekeys(Timestamp(u64::MAX));
    true
}

/// The recorded envelope that Bob opens with his stored sessions.
static LATER: LazyLock<(EnvelopeHeader, Vec<u8>)> = LazyLock::new(|| {
    let recorded = &vectors("wire-samples.json")["to_bob_later"][0];
    (header(recorded), unhex(&recorded["ciphertext"]))
});

struct Published {
    log: Verified<Log>,
    device: DeviceId,
}

static PUBLISHED: LazyLock<Published> = LazyLock::new(|| {
    let recorded = vectors("bundle.json");
    let log: Vec<Vec<u8>> = recorded["log"]
        .as_array()
        .expect("a log")
        .iter()
        .map(unhex)
        .collect();
    let device = DeviceId::from_slice(&unhex(&recorded["device"]["device_id"]));
    Published {
        log: verify_chain(&log, &Library).expect("a log"),
        device: device.expect("a device id"),
    }
});

/// A bundle as the relay hands it out, with a one-time prekey and its path: bundle || key || path.
pub(super) fn peer_bundle(bytes: &[u8]) -> bool {
    let Published { log, device } = &*PUBLISHED;
    let parts = split(bytes);
    let Some((signed, rest)) = parts.split_first() else {
        return false;
    };
    let Ok(bundle) = bundle::verify(signed, device, log, log.state(), None) else {
        return false;
    };
    let mut is_accepted = rest.is_empty();
    if let Some((key, path)) = rest.split_first() {
        let path: Vec<[u8; 32]> = path
            .iter()
            .filter_map(|hash| (*hash).try_into().ok())
            .collect();
        for index in [0, 1, u32::MAX] {
            for proved_by in [None, Some(*signed)] {
                let keys = bundle.one_time(index, key, &path, proved_by, log, log.state());
                is_accepted |= keys.is_ok();
            }
        }
    }
    is_accepted
}

/// Secrets read back out of a store.
pub(super) fn stored_keys(bytes: &[u8]) -> bool {
    let mut is_accepted = false;
    if let Some(keys) = DeviceKeys::from_stored(bytes) {
        assert_eq!(*keys.to_stored(), bytes);
        is_accepted = true;
    }
    if let Some(recovery) = RecoverySecret::from_stored(bytes) {
        assert_eq!(*recovery.to_stored(), bytes);
        is_accepted = true;
    }
    if let Some(archive) = AccountSecret::from_stored(bytes) {
        assert_eq!(*archive.to_stored(), bytes);
        is_accepted = true;
    }
    is_accepted
}

/// A recovery kit as a person types it.
pub(super) fn recovery_text(bytes: &[u8]) -> bool {
    let typed = String::from_utf8_lossy(bytes);
    let read = RecoverySecret::parse(&typed);
    if let Ok(read) = &read {
        let again = RecoverySecret::parse(&read.printable()).expect("a printed kit is read");
        assert_eq!(*read.to_stored(), *again.to_stored());
    }
    let other = RecoverySecret::from_seed(Secret::take(&mut [1; 16]));
    for index in [0, 1, 6, 7, usize::MAX] {
        other.matches_group(index, &typed);
    }
    read.is_ok()
}

/// A scanned safety code.
pub(super) fn safety_qr(bytes: &[u8]) -> bool {
    let payload = QrPayload::decode(bytes);
    if let Ok(payload) = &payload {
        assert_eq!(payload.encode(), bytes, "a code has a second form");
    }
    let (alice, bob) = (&PAIR.alice.log, &PAIR.bob_before.log);
    let checked = QrPayload::check(&String::from_utf8_lossy(bytes), alice, bob);
    payload.is_ok() || checked != Err(QrMismatch::Malformed)
}

/// The list of envelopes around a database key. Stretching is left out: it is meant to be slow.
pub(super) fn vault_key(bytes: &[u8]) -> bool {
    let Ok(list) = EnvelopeList::decode(bytes) else {
        return false;
    };
    assert_eq!(list.encode(), bytes, "an envelope list has a second form");
    let store = StoreName {
        account: STRANGER,
        device: DeviceId([1; 16]),
    };
    let key = Secret::take(&mut [9; 32]);
    for kind in [
        EnvelopeKind::Passphrase,
        EnvelopeKind::Remember,
        EnvelopeKind::Prf,
    ] {
        list.has(kind);
        list.open_with_key(&store, kind, &key).ok();
    }
    true
}

static ARCHIVE: LazyLock<(AccountSecret, Fingerprint)> = LazyLock::new(|| {
    let recorded = vectors("derived-keys.json");
    let account = Fingerprint::from_slice(&unhex(&recorded["account"])).expect("a fingerprint");
    (
        AccountSecret::from_key(1, secret(&recorded["aek"]["key"])),
        account,
    )
});

/// Records that the relay keeps for an account.
pub(super) fn account_record(bytes: &[u8]) -> bool {
    let mut is_accepted = false;
    let (archive, account) = &*ARCHIVE;
    for record in [Record::Vault("contacts"), Record::SessionName(&[3; 16])] {
        for version in [1, 2] {
            is_accepted |= archive.open(account, record, version, bytes).is_ok();
        }
    }
    is_accepted
}

/// The counter record that the relay gives back.
pub(super) fn counter(bytes: &[u8]) -> bool {
    let record = CounterRecord::decode(bytes);
    if let Ok(record) = &record {
        assert_eq!(record.encode(), bytes, "a counter has a second form");
    }
    let alice = &PAIR.alice;
    alice
        .keys
        .read_counter(&alice.log.fingerprint(), bytes, &[0; 64]);
    record.is_ok()
}

/// The relay's OPAQUE answer at log-in: version u32 || memory u32 || iterations u32 || parallelism u32 || KE2.
/// Costs above the least are refused before they are paid, or brought down to it here.
pub(super) fn opaque_answer(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let mut number = || reader.u32().unwrap_or(u32::MAX);
    let mut stretching = Stretching {
        version: number(),
        memory_kib: number(),
        iterations: number(),
        parallelism: number(),
    };
    if securechat_proto::opaque::is_acceptable(&stretching) {
        stretching.memory_kib = securechat_proto::opaque::MEMORY_KIB_MIN;
        stretching.iterations = 1;
    }
    let answer = bytes.get(16..).unwrap_or_default();
    let login = Login::start("correct horse battery staple").expect("a password");
    match login.finish(answer, &stretching) {
        Ok(_) => panic!("an answer to another start was taken"),
        Err(error) => error == OpaqueError::WrongCredentials,
    }
}
