//! The recorder of the corpora: real samples of every target, from the known answers and from our own encoders.

use super::harness::join;
use super::recorded::{Pair, header, unhex, vectors};
use securechat_proto::account_log::{Advance, verify_chain};
use securechat_proto::wire::Message;
use securechat_proto::wire::content::{self, Content, content::Body};
use securechat_proto::wire::socket::{self, ClientFrame, ServerFrame, client_frame, server_frame};
use securechat_proto::{AccountId, limits};
use serde_json::{Value, json};

/// One file of a corpus.
pub struct Sample {
    pub target: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Everything that belongs into `fuzz/corpus`. Sealing draws fresh randomness nowhere here, so a second run is the same.
pub fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |target, name: &str, bytes: Vec<u8>| {
        samples.push(Sample {
            target,
            name: name.to_owned(),
            bytes,
        });
    };
    frames(&mut add);
    contents(&mut add);
    logs(&mut add);
    bundles(&mut add);
    envelopes(&mut add);
    records(&mut add);
    texts(&mut add);
    rest_bodies(&mut add);
    scripts(&mut add);
    samples
}

type Add<'a> = &'a mut dyn FnMut(&'static str, &str, Vec<u8>);

fn frames(add: Add<'_>) {
    let client = |frame| ClientFrame { frame: Some(frame) }.encode_to_vec();
    let cursor = [&3_u64.to_be_bytes()[..], &[4; 8]].concat();
    let auth = client(client_frame::Frame::Auth(socket::Auth {
        protocol: limits::PROTOCOL_VERSION,
        jwt: "header.claims.signature".into(),
        signature: vec![1; 64],
        cursor: cursor.clone(),
    }));
    let envelope = |device| socket::Envelope {
        envelope_id: vec![6; 16],
        device_id: vec![device; 16],
        sealing_key_number: 1,
        ciphertext: vec![7; 64],
    };
    let destination = |account, token: Vec<u8>| socket::Destination {
        account_id: vec![account; 16],
        token,
        envelopes: vec![envelope(1), envelope(2)],
    };
    let submit = client(client_frame::Frame::Submit(socket::Submit {
        submit_id: vec![8; 16],
        destinations: vec![destination(1, vec![9; 16]), destination(2, vec![])],
        expiry_class: 0,
        counter: vec![1; 40],
        counter_signature: vec![2; 64],
    }));
    let ack = client(client_frame::Frame::Ack(socket::Ack {
        cursor: cursor.clone(),
    }));
    let ping = client(client_frame::Frame::Ping(socket::Ping { id: 7 }));
    let session = [&auth, &submit, &ack, &ping, &auth, &submit];
    add("connection", "whole-session", join(&session));
    add("client_frame", "auth", auth);
    add("client_frame", "submit", submit);
    add("client_frame", "ack", ack);
    add("client_frame", "ping", ping);

    use server_frame::Frame;
    for (name, frame) in [
        (
            "hello",
            Frame::Hello(socket::Hello {
                protocol: limits::PROTOCOL_VERSION,
                nonce: vec![1; 32],
                server_time_ms: 1_700_000_000_000,
            }),
        ),
        (
            "ready",
            Frame::Ready(socket::Ready {
                expires_at_ms: 1_700_000_300_000,
                last_counter: vec![1; 40],
                last_counter_signature: vec![2; 64],
                server_time_ms: 1_700_000_000_000,
            }),
        ),
        (
            "accepted",
            Frame::Accepted(socket::Accepted {
                submit_id: vec![8; 16],
                accepted_at_ms: 1_700_000_000_000,
                expires_at_ms: 1_702_592_000_000,
                results: vec![socket::DestinationResult {
                    outcome: socket::Outcome::Stored.into(),
                    missing_devices: vec![vec![1; 16]],
                    stale_devices: vec![vec![2; 16]],
                }],
            }),
        ),
        (
            "delivery",
            Frame::Delivery(socket::Delivery {
                cursor,
                accepted_at_ms: 1_700_000_000_000,
                envelope_id: vec![6; 16],
                sealing_key_number: 1,
                expiry_class: 0,
                ciphertext: vec![7; 64],
            }),
        ),
        (
            "pong",
            Frame::Pong(socket::Pong {
                id: 7,
                server_time_ms: 1_700_000_000_000,
            }),
        ),
        ("drained", Frame::Drained(socket::Drained {})),
    ] {
        add(
            "server_frame",
            name,
            ServerFrame { frame: Some(frame) }.encode_to_vec(),
        );
    }
}

fn contents(add: Add<'_>) {
    let text = content::Text {
        body: "hello".into(),
        reply_to: vec![1; 16],
    };
    let head = content::LogHead {
        era: 0,
        sequence: 3,
        hash: vec![3; 32],
    };
    let content = |sequence, body| Content {
        conversation_id: vec![1; 16],
        content_id: vec![2; 16],
        sequence,
        sent_at_ms: 1_700_000_000_000,
        own_head: Some(head.clone()),
        peer_head: Some(head.clone()),
        log_entries: vec![vec![5; 40]],
        wants_log_entries: true,
        body: Some(body),
    };
    let resent = content(4, Body::Text(text.clone())).encode_to_vec();
    let bodies = [
        ("text", 4, Body::Text(text.clone())),
        (
            "edit",
            5,
            Body::Edit(content::Edit {
                target: vec![2; 16],
                body: "hello again".into(),
            }),
        ),
        (
            "delete",
            6,
            Body::Delete(content::Delete {
                targets: vec![vec![2; 16]],
            }),
        ),
        (
            "reaction",
            7,
            Body::Reaction(content::Reaction {
                target: vec![2; 16],
                emoji: "👍".into(),
            }),
        ),
        (
            "receipt",
            8,
            Body::Receipt(content::Receipt {
                kind: 1,
                targets: vec![vec![2; 16], vec![3; 16]],
            }),
        ),
        ("typing", 0, Body::Typing(content::Typing { active: true })),
        (
            "introduction",
            1,
            Body::Introduction(content::Introduction {
                display_name: "Alice".into(),
                handle: "alice".into(),
                answer_token: vec![4; 16],
                first_message: Some(text),
            }),
        ),
        (
            "acceptance",
            1,
            Body::Acceptance(content::Acceptance {
                display_name: "Bob".into(),
                handle: "bob".into(),
                delivery_token: vec![4; 16],
            }),
        ),
        (
            "profile",
            9,
            Body::Profile(content::Profile {
                display_name: "Alice".into(),
            }),
        ),
        (
            "repair",
            0,
            Body::Repair(content::Repair {
                envelope_hashes: vec![vec![6; 32]],
            }),
        ),
        (
            "resend",
            0,
            Body::Resend(content::Resend {
                broken_envelope_hash: vec![6; 32],
                content: resent,
            }),
        ),
        (
            "gone",
            0,
            Body::Gone(content::Gone {
                broken_envelope_hash: vec![6; 32],
                sequence: 4,
            }),
        ),
        ("log-notice", 0, Body::LogNotice(content::LogNotice {})),
        (
            "token-grant",
            10,
            Body::TokenGrant(content::TokenGrant {
                delivery_token: vec![4; 16],
                sequence_restarts_at: 1,
            }),
        ),
    ];
    for (name, sequence, body) in bodies {
        add("content", name, content(sequence, body).encode_to_vec());
    }
}

fn logs(add: Add<'_>) {
    let recorded = vectors("account-log.json");
    let list = recorded["entries"].as_array().expect("entries");
    let entries: Vec<Vec<u8>> = list.iter().map(|entry| unhex(&entry["entry"])).collect();
    for (number, entry) in entries.iter().enumerate() {
        add("log_entry", &format!("{number:02}"), entry.clone());
    }
    add("log_chain", "genesis", join(&entries[..1]));
    add("log_chain", "every-operation", join(&entries));
    if let Some(proof) = fork(&entries) {
        add("fork_proof", "two-branches", proof);
    }
}

/// A second entry over the same Genesis makes a fork.
fn fork(entries: &[Vec<u8>]) -> Option<Vec<u8>> {
    use securechat_crypto::identity::DeviceKeys;
    use securechat_crypto::keys::Secret;
    use securechat_crypto::primitives::Library;
    use securechat_crypto::recovery::RecoverySecret;
    use securechat_proto::Timestamp;
    use securechat_proto::account_log::Operation;
    let seed = |byte: u8| Secret::take(&mut [byte; 32]);
    let keys = DeviceKeys::from_seeds(&seed(1), seed(2), seed(3));
    let recovery = RecoverySecret::from_seed(Secret::take(&mut [4; 16]));
    let genesis = keys.sign_genesis(recovery.public(), Timestamp(0)).ok()?;
    let branch = |byte: u8| {
        let added = DeviceKeys::from_seeds(&seed(byte), seed(byte + 1), seed(byte + 2));
        let add = Operation::AddDevice {
            device: added.record(),
        };
        keys.sign_entry(&genesis.log, add, Some(&added), Timestamp(1))
            .ok()
    };
    let (ours, theirs) = (branch(10)?, branch(20)?);
    debug_assert!(verify_chain(entries, &Library).is_ok());
    match ours.log.advance(&[theirs.bytes], &|_| 0, &Library).ok()? {
        Advance::Forked(proof) => Some(proof.encode()),
        _ => None,
    }
}

fn bundles(add: Add<'_>) {
    let recorded = vectors("bundle.json");
    let bundle = unhex(&recorded["bundle"]);
    let prekey = &recorded["one_time_prekeys"][0];
    let mut parts = vec![bundle.clone(), unhex(&prekey["public_key"])];
    parts.extend(prekey["path"].as_array().expect("a path").iter().map(unhex));
    add("peer_bundle", "with-one-time-prekey", join(&parts));
    add("peer_bundle", "alone", join(&parts[..1]));
    add("signed_bundle", "bundle", bundle);
}

fn envelopes(add: Add<'_>) {
    let pair = Pair::load();
    let recorded = vectors("wire-samples.json");
    for name in ["to_bob_first", "to_bob_later"] {
        for (index, mail) in recorded[name].as_array().into_iter().flatten().enumerate() {
            let name = format!("{}-{index}", name.replace('_', "-"));
            let ciphertext = unhex(&mail["ciphertext"]);
            add(
                "sealed_body",
                &name,
                trimmed(pair.body(&header(mail), &ciphertext)),
            );
            let id = header(mail).envelope;
            add("envelope", &name, [id.as_bytes(), &ciphertext].concat());
        }
    }
    for name in ["alice_before", "bob_after"] {
        let stored = unhex(&recorded[name]["sessions"]);
        add("peer_sessions", &name.replace('_', "-"), stored);
    }
}

/// Without its padding, so that mutations hit what is read.
fn trimmed(mut body: Vec<u8>) -> Vec<u8> {
    let length = body
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    body.truncate(length);
    body
}

/// Scripts of what a relay and a person do to an engine.
fn scripts(add: Add<'_>) {
    use super::device::{COMMAND, CONNECTED, FRAME, QUERY, REQUEST_FAILED, RESPONSE, TICK};
    let step = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    let frame = |frame| step(FRAME, &ServerFrame { frame: Some(frame) }.encode_to_vec());
    let json = |kind, value: Value| step(kind, value.to_string().as_bytes());
    let answer = |value: Value| [&[RESPONSE, 0, 200], value.to_string().as_bytes()].concat();
    let hello = frame(server_frame::Frame::Hello(socket::Hello {
        protocol: limits::PROTOCOL_VERSION,
        nonce: vec![1; 32],
        server_time_ms: 1_800_000_000_000,
    }));
    let ready = frame(server_frame::Frame::Ready(socket::Ready {
        expires_at_ms: 1_800_000_300_000,
        server_time_ms: 1_800_000_000_000,
        ..socket::Ready::default()
    }));
    let drained = frame(server_frame::Frame::Drained(socket::Drained {}));
    let recorded = &vectors("wire-samples.json")["to_bob_first"][0];
    let delivery = frame(server_frame::Frame::Delivery(socket::Delivery {
        cursor: vec![4; 16],
        accepted_at_ms: 1_800_000_000_000,
        envelope_id: unhex(&recorded["envelope_id"]),
        sealing_key_number: 1,
        expiry_class: 0,
        ciphertext: unhex(&recorded["ciphertext"]),
    }));
    let connected = step(CONNECTED, &[]);
    let later = step(TICK, &[0, 60]);
    let online = [connected, hello, ready, delivery, drained, later.clone()];
    add("device", "online", join(&online));
    let link = [&[1], &[2; 16][..], &[3; 32], &[4; 16]].concat();
    let link = securechat_proto::b64::encode(&link);
    let by = |by: Value| json(COMMAND, json!({ "type": "add_contact", "by": by }));
    let found = json!({ "account_id": "BwcHBwcHBwcHBwcHBwcHBw", "fingerprint": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc" });
    let entries: Vec<String> = vectors("account-log.json")["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .take(1)
        .map(|entry| securechat_proto::b64::encode(&unhex(&entry["entry"])))
        .collect();
    let steps = [
        by(json!({ "type": "link", "payload": link })),
        answer(json!({ "entries": entries, "head_sequence": 0 })),
        by(json!({ "type": "handle", "handle": "bob" })),
        answer(found),
        answer(json!({ "entries": entries, "head_sequence": 0 })),
        json(
            QUERY,
            json!({ "type": "search", "text": "\"a* OR", "conversation_id": null, "limit": 10 }),
        ),
        step(REQUEST_FAILED, &[]),
        later,
    ];
    add("device", "contacts", join(&steps));
}

fn records(add: Add<'_>) {
    use securechat_crypto::identity::DeviceKeys;
    use securechat_crypto::keys::Secret;
    let derived = vectors("derived-keys.json");
    for name in ["vault_record", "session_name"] {
        let sealed = unhex(&derived[name]["sealed"]);
        add("account_record", &name.replace('_', "-"), sealed);
    }
    let seed = |byte: u8| Secret::take(&mut [byte; 32]);
    let keys = DeviceKeys::from_seeds(&seed(1), seed(2), seed(3));
    add("stored_keys", "device", keys.to_stored().to_vec());
    add("stored_keys", "recovery", vec![1; 16]);
    add(
        "stored_keys",
        "archive",
        [&[0, 0, 0, 1][..], &[9; 32]].concat(),
    );
    let mut counter = 41_u64.to_be_bytes().to_vec();
    counter.extend_from_slice(&[2; 32]);
    add("counter", "record", counter);
    let passphrase = [
        &[1, 0, 88][..],
        &[0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1],
        &[3; 76],
    ]
    .concat();
    let remembered = [&[2, 0, 60][..], &[4; 60]].concat();
    add(
        "vault_key",
        "two-envelopes",
        [&[1, 2][..], &passphrase, &remembered].concat(),
    );
    let opaque = vectors("opaque.json");
    let mut answer = Vec::new();
    for name in ["version", "memory_kib", "iterations", "parallelism"] {
        let number = opaque["stretching"][name].as_u64().expect("a number");
        answer.extend_from_slice(&u32::try_from(number).expect("32 bits").to_be_bytes());
    }
    answer.extend_from_slice(&unhex(&opaque["ke2"]));
    add("opaque_answer", "of-another-login", answer);
}

fn texts(add: Add<'_>) {
    add("text", "id", AccountId([7; 16]).to_string().into_bytes());
    add("text", "handle", b" @Alice.B-1_2 ".to_vec());
    add("text", "base64url", b"AP__-w".to_vec());
    add(
        "recovery_text",
        "printed",
        b"040G-2081-040G-2081-040G-2081-04V1".to_vec(),
    );
    add(
        "recovery_text",
        "typed",
        b"o40g 2o81 04og 2081 040g2081 04vi".to_vec(),
    );
    let recorded = vectors("safety-number.json");
    add("safety_qr", "payload", unhex(&recorded["qr_payload"]));
    let text = recorded["qr_text"].as_str().expect("a text");
    add("safety_qr", "text", text.as_bytes().to_vec());
}

fn rest_bodies(add: Add<'_>) {
    let id = "BwcHBwcHBwcHBwcHBwcHBw";
    let fingerprint = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let session = json!({ "session_id": id, "device_id": id, "sealed_name": "AAEC", "refresh_hash": fingerprint });
    let stretching =
        json!({ "version": 1, "memory_kib": 65536, "iterations": 3, "parallelism": 1 });
    let device = json!({ "session": session, "signature": "AAEC" });
    let tokens = json!({
        "account_id": id, "session_id": id, "access_token": "header.claims.signature",
        "access_expires_at_ms": 1_700_000_300_000_u64, "server_time_ms": 1_700_000_000_000_u64,
    });
    let bundle = json!({ "bundle": "AAEC", "one_time_prekeys": ["AAEC", "AwQF"] });
    let bodies: &[(&str, Value)] = &[
        (
            "problem",
            json!({ "type": "about:blank", "title": "Conflict", "status": 409, "code": "conflict", "retry_after_s": 3 }),
        ),
        (
            "server-info",
            json!({
                "name": "here", "version": "0.1.0", "protocol_min": 1, "protocol_max": 1, "sign_up_open": true,
                "retention_days": 30, "knows": [{ "key": "mailbox.envelope", "columns": ["a.b"], "kept_days": null }],
            }),
        ),
        (
            "registration-start",
            json!({ "account_id": id, "handle": "alice", "request": "AAEC" }),
        ),
        (
            "registration-started",
            json!({ "response": "AAEC", "stretching": stretching }),
        ),
        (
            "sign-up",
            json!({
                "handle": "alice", "record": "AAEC", "stretching": stretching, "genesis": "AAEC", "bundle": bundle, "session": session,
            }),
        ),
        ("tokens", tokens.clone()),
        (
            "login-start",
            json!({ "handle": "alice", "request": "AAEC" }),
        ),
        (
            "login-started",
            json!({ "response": "AAEC", "login_state": "AAEC", "stretching": stretching }),
        ),
        (
            "login-finish",
            json!({ "login_state": "AAEC", "finish": "AAEC", "device": device }),
        ),
        (
            "login-finished",
            json!({ "account_id": id, "fingerprint": fingerprint, "tokens": tokens }),
        ),
        ("challenge", json!({ "challenge": "AAEC" })),
        (
            "device-session",
            json!({ "account_id": id, "challenge": "AAEC", "device": device }),
        ),
        (
            "refresh",
            json!({
                "session_id": id, "refresh_token": fingerprint, "next_refresh_hash": fingerprint, "signature": "AAEC",
            }),
        ),
        (
            "sessions",
            json!({ "sessions": [{
            "session_id": id, "device_id": id, "sealed_name": "AAEC", "created_at_ms": 1, "last_used_at_ms": 2, "current": true,
        }] }),
        ),
        (
            "security-events",
            json!({ "events": [{ "kind": "logged_in", "at_ms": 1, "origin": "a1b2" }] }),
        ),
        (
            "handle-info",
            json!({ "account_id": id, "fingerprint": fingerprint }),
        ),
        (
            "log-entries",
            json!({ "entries": ["AAEC", "AwQF"], "head_sequence": 1 }),
        ),
        ("log-append", json!({ "entry": "AAEC" })),
        ("bundle-upload", bundle),
        (
            "bundle-state",
            json!({ "number": 3, "bundle_hash": fingerprint, "one_time_left": 50 }),
        ),
        ("prekey-claim", json!({ "devices": [id] })),
        (
            "prekey-bundles",
            json!({ "bundles": [{
            "device_id": id, "bundle": "AAEC",
            "one_time": { "index": 1, "public_key": "AAEC", "bundle_number": 3, "proved_by": null, "path": [fingerprint] },
        }] }),
        ),
        (
            "token-registration",
            json!({ "kind": "link", "uses_max": 100, "expires_at_ms": 1_700_000_000_000_u64 }),
        ),
        (
            "tokens-registered",
            json!({ "tokens": [
            { "token_hash": id, "kind": "contact", "uses": 0, "uses_max": null, "expires_at_ms": null },
        ] }),
        ),
        (
            "vault-list",
            json!({ "records": [{ "name": "contacts", "version": 2, "size_bytes": 1024 }] }),
        ),
        ("vault-record", json!({ "version": 2, "body": "AAEC" })),
    ];
    for (name, body) in bodies {
        add("rest_body", name, body.to_string().into_bytes());
    }
}
