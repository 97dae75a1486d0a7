//! Decoders of `proto`: frames, contents, log entries, bundles, REST bodies, texts.

use super::harness::split;
use securechat_crypto::channel::{Relation, admit};
use securechat_crypto::primitives::Library;
use securechat_crypto::seal::ExpiryClass;
use securechat_proto::account_log::{Entry, ForkProof, verify_chain};
use securechat_proto::bundle::SignedBundle;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::Content;
use securechat_proto::wire::socket::{ClientFrame, ServerFrame};
use securechat_proto::{AccountId, Fingerprint, api, b64, handle};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) fn client_frame(bytes: &[u8]) -> bool {
    protobuf::<ClientFrame>(bytes).is_some_and(|decoded| decoded.frame.is_some())
}

pub(super) fn server_frame(bytes: &[u8]) -> bool {
    protobuf::<ServerFrame>(bytes).is_some_and(|decoded| decoded.frame.is_some())
}

/// Whoever it comes from, the check of a content answers and does not fall over.
pub(super) fn content(bytes: &[u8]) -> bool {
    let Some(content) = protobuf::<Content>(bytes) else {
        return false;
    };
    let mut is_admitted = false;
    for from in [Relation::OwnDevice, Relation::Contact, Relation::Stranger] {
        for expiry in [ExpiryClass::Durable, ExpiryClass::Ephemeral] {
            is_admitted |= admit(&content, from, expiry).is_ok();
        }
    }
    is_admitted
}

fn protobuf<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<M> {
    let decoded = M::decode(bytes).ok()?;
    let again = M::decode(decoded.encode_to_vec().as_slice()).expect("what was encoded decodes");
    assert_eq!(decoded, again, "encoding changed a message");
    Some(decoded)
}

/// A fixed layout has one form: what decodes is what is encoded.
pub(super) fn log_entry(bytes: &[u8]) -> bool {
    let Ok(entry) = Entry::decode(bytes) else {
        return false;
    };
    assert_eq!(entry.encode(), bytes, "an entry has a second form");
    true
}

/// A whole log, and each of its entries once more on top of it.
pub(super) fn log_chain(bytes: &[u8]) -> bool {
    let entries = split(bytes);
    let Ok(log) = verify_chain(&entries, &Library) else {
        return false;
    };
    assert!(log.entries_from(0).eq(entries.iter().copied()));
    for elapsed in [0, u64::MAX] {
        log.acting_state(&|_| elapsed, &Library);
    }
    for entry in &entries {
        log.append(entry, &Library).ok();
        log.advance(&[entry], &|_| 0, &Library).ok();
    }
    let claim = log.head();
    log.freshness(&claim);
    log.entries_for(&claim);
    true
}

pub(super) fn fork_proof(bytes: &[u8]) -> bool {
    let Ok(proof) = ForkProof::decode(bytes) else {
        return false;
    };
    assert_eq!(proof.encode(), bytes, "a fork proof has a second form");
    let none: [&[u8]; 0] = [];
    proof.check(&none, &Library).ok();
    true
}

pub(super) fn signed_bundle(bytes: &[u8]) -> bool {
    let Ok(bundle) = SignedBundle::decode(bytes) else {
        return false;
    };
    assert_eq!(bundle.encode(), bytes, "a bundle has a second form");
    assert_eq!(bundle.bundle.encode(), bundle.body());
    true
}

/// Every body of the REST API reads the same bytes.
pub(super) fn rest_body(bytes: &[u8]) -> bool {
    macro_rules! bodies {
        ($($name:ident)*) => { [$( json::<api::$name>(bytes) ),*] };
    }
    let accepted = bodies! {
        Problem ServerInfo KnownFact RegistrationStart RegistrationStarted Stretching SignUp NewSession SessionTokens
        LoginStart LoginStarted LoginFinish DeviceLogin LoginFinished Challenge DeviceSession Refresh SessionList
        SessionInfo SecurityEvents SecurityEvent HandleInfo LogEntries LogAppend BundleUpload BundleState PrekeyClaim
        PrekeyBundles PrekeyBundle OneTimePrekey TokenRegistration TokenList TokenInfo VaultList VaultInfo VaultRecord
        VaultWrite
    };
    accepted.contains(&true)
}

fn json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> bool {
    let Ok(decoded) = serde_json::from_slice::<T>(bytes) else {
        return false;
    };
    let encoded = serde_json::to_vec(&decoded).expect("what was decoded encodes");
    let again: T = serde_json::from_slice(&encoded).expect("what was encoded decodes");
    assert_eq!(decoded, again, "encoding changed a body");
    true
}

/// Ids, base64url and handles.
pub(super) fn text(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut is_accepted = false;
    if let Some(decoded) = b64::decode(text) {
        assert_eq!(b64::encode(&decoded), text, "base64url has a second form");
        is_accepted = true;
    }
    if let Some(id) = AccountId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Some(fingerprint) = Fingerprint::parse(text) {
        assert_eq!(fingerprint.to_string(), text);
    }
    if let Some(parsed) = handle::parse(text) {
        assert!(handle::is_valid(&parsed));
        assert_eq!(handle::parse(&parsed).as_ref(), Some(&parsed));
        is_accepted = true;
    }
    is_accepted
}
