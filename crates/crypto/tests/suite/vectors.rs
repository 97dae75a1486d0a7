//! Known answers in `docs/protocol/vectors/`. `UPDATE_VECTORS=1` writes them anew; a change of any byte is a new
//! version of the protocol and has to be meant.

#![allow(clippy::disallowed_methods)] // Known answers are files.

use crate::bundle::{one_time, publish};
use crate::world::*;
use securechat_crypto::account_secret::{AccountSecret, Record};
use securechat_crypto::identity::SignedEntry;
use securechat_crypto::keys::Secret;
use securechat_crypto::primitives::{hkdf_sha256, sha256, sha512};
use securechat_crypto::safety_number::{QrPayload, SafetyNumber, Side};
use securechat_proto::Fingerprint;
use securechat_proto::account_log::{Announced, Operation, verify_chain};
use securechat_proto::bundle::leaf_hash;
use securechat_proto::signing::{self, NO_FINGERPRINT, Purpose};
use serde_json::{Value, json};
use std::path::PathBuf;

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/protocol/vectors")
        .join(name)
}

fn updating() -> bool {
    std::env::var_os("UPDATE_VECTORS").is_some()
}

fn frozen(name: &str) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path(name)).ok()?).ok()
}

fn check(name: &str, made: &Value) -> Value {
    if updating() {
        std::fs::write(
            path(name),
            serde_json::to_string_pretty(made).unwrap() + "\n",
        )
        .unwrap();
    }
    let file = frozen(name).unwrap();
    assert!(file == *made, "{name} differs from what the code makes");
    file
}

fn device_keys(number: u8) -> Value {
    let keys = device(number);
    let public = keys.public();
    json!({
        "dsk_seed": hex(keys.dsk.stored().expose()),
        "ik_secret": hex(keys.ik.stored().expose()),
        "archive_seed": hex(keys.archive.stored().expose()),
        "dsk": hex(public.dsk.0),
        "ik": hex(public.ik.0),
        "archive": hex(*public.archive.0),
        "device_id_input": hex([b"SC1/device".as_slice(), &public.dsk.0, &[1], &public.ik.0].concat()),
        "device_id": hex(keys.id().as_bytes()),
    })
}

fn recovery_keys(number: u8) -> Value {
    let secret = recovery(number);
    json!({
        "seed": hex(&*secret.to_stored()),
        "printable": secret.printable().to_string(),
        "authority_seed": hex(secret.authority().stored().expose()),
        "authority": hex(secret.public().authority),
        "archive_seed": hex(secret.archive().stored().expose()),
        "archive": hex(*secret.public().archive),
    })
}

#[test]
fn account_log() {
    let mut log = genesis();
    let mut entries = vec![
        json!({"operation": "Genesis by device 1", "entry": hex(log.entry(0).unwrap().encode())}),
    ];
    let mut push = |what: &str, signed: SignedEntry| {
        entries.push(json!({"operation": what, "entry": hex(&signed.bytes)}));
        signed.log
    };
    log = push("AddDevice 2 by device 1", add(&log, 1, 2).unwrap());
    log = push("AddDevice 3 by device 2", add(&log, 2, 3).unwrap());
    log = push(
        "RemoveDevice 3 by device 1",
        by_device(&log, 1, remove(&[3])).unwrap(),
    );
    let rotate = Announced::RotateRecovery {
        recovery: recovery(2).public(),
    };
    log = push(
        "Announce RotateRecovery 2 by device 1",
        by_device(&log, 1, Operation::Announce(rotate)).unwrap(),
    );
    let announce = log.head().hash;
    log = push(
        "Confirm by device 1",
        by_device(&log, 1, Operation::Confirm { announce }).unwrap(),
    );
    let close = Operation::Announce(Announced::Close);
    log = push(
        "Announce Close by device 2",
        by_device(&log, 2, close).unwrap(),
    );
    let announce = log.head().hash;
    log = push(
        "Cancel by device 1",
        by_device(&log, 1, Operation::Cancel { announce }).unwrap(),
    );
    let rotate = Operation::RotateRecovery {
        recovery: recovery(3).public(),
    };
    log = push(
        "RotateRecovery 3 by recovery key 2",
        by_recovery(&log, 2, rotate).unwrap(),
    );
    let removal = Operation::Announce(Announced::RemoveDevice { devices: ids(&[1]) });
    log = push(
        "Announce RemoveDevice 1 by device 2",
        by_device(&log, 2, removal).unwrap(),
    );
    let recovered = recover(&log, 3, 8, &[1], 4, 4).unwrap();
    log = push(
        "Recover to entry 8, keep device 1, new device 4, by recovery key 3",
        recovered,
    );
    push(
        "Close by recovery key 4",
        by_recovery(&log, 4, Operation::Close).unwrap(),
    );
    for (sequence, entry) in (0..).zip(entries.iter_mut()) {
        let Some(read) = log.entry(sequence) else {
            continue;
        };
        let account = if sequence == 0 {
            NO_FINGERPRINT
        } else {
            log.fingerprint()
        };
        let message = signing::message(
            Purpose::LogEntry,
            &account,
            &read.body.signer.device_id(),
            &[read.body_bytes()],
        );
        let head = log.head_at(sequence).unwrap();
        entry["body"] = json!(hex(read.body_bytes()));
        entry["hash"] = json!(hex(head.hash));
        entry["era"] = json!(head.era);
        entry["signed_message_sha256"] = json!(hex(sha256(&[&message])));
        entry["signature"] = json!(hex(read.signature));
    }
    let made = json!({
        "about": "One account through every operation. Bytes are hex; docs/protocol/account-log.md.",
        "devices": [device_keys(1), device_keys(2), device_keys(3), device_keys(4)],
        "recovery": [recovery_keys(1), recovery_keys(2), recovery_keys(3), recovery_keys(4)],
        "fingerprint": hex(log.fingerprint().as_bytes()),
        "entries": entries,
    });
    let file = check("account-log.json", &made);
    let frozen: Vec<Vec<u8>> = file["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| unhex(&entry["entry"]))
        .collect();
    let verified = verify_chain(&frozen, &PRIMITIVES).unwrap();
    assert!(verified.state().closed);
    assert_eq!(
        hex(verified.fingerprint().as_bytes()),
        file["fingerprint"].as_str().unwrap()
    );
}

#[test]
fn bundle() {
    let log = with_devices(2);
    let keys = one_time(5);
    let published = publish(&log, &device(2), 3, &keys);
    let bundle = &published.signed.bundle;
    let prekeys: Vec<Value> = (0..)
        .zip(&keys)
        .map(|(index, key)| {
            json!({
                "index": index,
                "seed": hex(seed(4, index as u8).expose()),
                "public_key": hex(*key.0),
                "leaf": hex(leaf_hash(&PRIMITIVES, index, &key.0)),
                "path": published.tree.path(index).unwrap().iter().map(hex).collect::<Vec<_>>(),
            })
        })
        .collect();
    let message = signing::message(
        Purpose::Bundle,
        &bundle.account,
        &bundle.device,
        &[published.signed.body()],
    );
    check(
        "bundle.json",
        &json!({
            "about": "A signed bundle with five one-time prekeys. Bytes are hex; docs/protocol/bundle.md.",
            "log": log.entries_from(0).map(hex).collect::<Vec<_>>(),
            "device": device_keys(2),
            "number": bundle.number,
            "created_ms": bundle.created.0,
            "log_head": hex(bundle.log_head.encode()),
            "signed_prekey": {"secret": hex(seed(2, 1).expose()), "public_key": hex(bundle.signed_prekey)},
            "last_resort": {"seed": hex(seed(5, 1).expose()), "public_key": hex(*bundle.last_resort)},
            "sealing": {"number": bundle.sealing_number, "seed": hex(seed(6, 1).expose()), "public_key": hex(*bundle.sealing_key)},
            "one_time_prekeys": prekeys,
            "one_time_root": hex(bundle.one_time_root),
            "body": hex(published.signed.body()),
            "signed_message_sha256": hex(sha256(&[&message])),
            "signature": hex(published.signed.signature),
            "bundle": hex(published.signed.encode()),
        }),
    );
}

#[test]
fn safety_number() {
    let (one, other) = (
        genesis(),
        device(50)
            .sign_genesis(recovery(50).public(), TIME)
            .unwrap()
            .log,
    );
    let (fp_one, fp_other) = (one.fingerprint(), other.fingerprint());
    let first_round = |fp: &Fingerprint| hex(sha512(&[&[1], fp.as_bytes()]));
    let last_round = |fp: &Fingerprint| {
        let mut hash = sha512(&[&[1], fp.as_bytes()]);
        for _ in 1..5200 {
            hash = sha512(&[&hash, fp.as_bytes()]);
        }
        hex(hash)
    };
    let number = SafetyNumber::of(&fp_one, &fp_other);
    let payload = QrPayload {
        shown_by: Side {
            account: fp_one,
            head: one.head(),
        },
        shown_to: Side {
            account: fp_other,
            head: other.head(),
        },
    };
    check(
        "safety-number.json",
        &json!({
            "about": "Safety number and QR code of two accounts. Bytes are hex; docs/protocol/safety-number.md.",
            "version": 1,
            "rounds": 5200,
            "fingerprints": [hex(fp_one.as_bytes()), hex(fp_other.as_bytes())],
            "first_round": [first_round(&fp_one), first_round(&fp_other)],
            "last_round": [last_round(&fp_one), last_round(&fp_other)],
            "safety_number": number.digits(),
            "heads": [hex(one.head().encode()), hex(other.head().encode())],
            "qr_payload": hex(payload.encode()),
            "qr_text": payload.to_text(),
        }),
    );
}

#[test]
fn derived_keys() {
    let secret = AccountSecret::from_key(1, seed(0xae, 1));
    let account = genesis().fingerprint();
    let session = [3; 16];
    let record_key = |label: &[u8], name: &[u8]| {
        let key: Secret<32> = hkdf_sha256(b"", seed(0xae, 1).expose(), &[label, &[0], name]);
        hex(key.expose())
    };
    let samples = [
        (
            "vault_record",
            Record::Vault("contacts"),
            record_key(b"SC1/vault-record", b"contacts"),
        ),
        (
            "session_name",
            Record::SessionName(&session),
            record_key(b"SC1/session-name", &session),
        ),
    ];
    let mut made = json!({
        "about": "Keys derived from the archive epoch key and the recovery seed. Bytes are hex; docs/protocol/keys.md.",
        "recovery": recovery_keys(1),
        "account": hex(account.as_bytes()),
        "aek": {"number": 1, "key": hex(seed(0xae, 1).expose())},
    });
    for (name, record, key) in &samples {
        // The nonce is random, so the sealed sample is kept from the file and opened below.
        let sealed = match frozen("derived-keys.json") {
            Some(file) if !updating() => file[name]["sealed"].clone(),
            _ => json!(hex(secret.seal(&account, *record, 1, b"plain").unwrap())),
        };
        let text = if *name == "vault_record" {
            "contacts".to_owned()
        } else {
            hex(session)
        };
        made[name] = json!({"name": text, "version": 1, "key": key, "plain": hex(b"plain"), "sealed": sealed});
    }
    let file = check("derived-keys.json", &made);
    for (name, record, _) in samples {
        let opened = secret
            .open(&account, record, 1, &unhex(&file[name]["sealed"]))
            .unwrap();
        assert_eq!(opened.as_slice(), b"plain", "{name}");
    }
}

/// The relay's suite has to open the same bytes: its test reads the same file.
#[test]
fn opaque_file_has_the_sizes_of_the_protocol() {
    use securechat_proto::opaque::*;
    let file = frozen("opaque.json").unwrap();
    for (name, bytes) in [
        ("registration_request", REGISTRATION_REQUEST_BYTES),
        ("registration_response", REGISTRATION_RESPONSE_BYTES),
        ("registration_upload", REGISTRATION_UPLOAD_BYTES),
        ("ke1", CREDENTIAL_REQUEST_BYTES),
        ("ke2", CREDENTIAL_RESPONSE_BYTES),
        ("ke3", CREDENTIAL_FINALIZATION_BYTES),
    ] {
        assert_eq!(unhex(&file[name]).len(), bytes, "{name}");
    }
}
