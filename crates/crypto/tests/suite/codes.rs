//! Error codes are names that screens and logs rely on: each stays, and no two errors share one.

use securechat_crypto::account_secret::RecordError;
use securechat_crypto::bundle::BundleRefused;
use securechat_crypto::error::{ErrorKind, NoRandomness};
use securechat_crypto::opaque::OpaqueError;
use securechat_crypto::recovery::KitError;
use securechat_crypto::safety_number::QrMismatch;
use securechat_crypto::vault_key::VaultKeyError;
use securechat_proto::account_log::Refused;
use std::collections::BTreeSet;

fn check(codes: &[&str], expected: &str) {
    assert_eq!(codes.join(" "), expected);
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
}

#[test]
fn log_codes() {
    use Refused::*;
    let all = [
        Malformed,
        Empty,
        NotGenesis,
        SecondGenesis,
        OtherAccount,
        WrongSequence,
        WrongPrevious,
        Closed,
        Full,
        Reserved,
        UnknownSigner,
        WrongSigner,
        BadSignature,
        BadCountersignature,
        NeedsAnnounce,
        AlreadyAnnounced,
        NothingAnnounced,
        MayNotCancel,
        RemovesItself,
        UnknownDevice,
        LastDevice,
        TooManyDevices,
        KeyUsedBefore,
        UnknownParent,
        VoidsFinalEntry,
        Gap,
    ];
    check(
        &all.map(Refused::code),
        "malformed empty not_genesis second_genesis other_account wrong_sequence wrong_previous closed full \
         reserved unknown_signer wrong_signer bad_signature bad_countersignature needs_announce already_announced \
         nothing_announced may_not_cancel removes_itself unknown_device last_device too_many_devices \
         key_used_before unknown_parent voids_final_entry gap",
    );
}

#[test]
fn bundle_codes() {
    use BundleRefused::*;
    let all = [
        Malformed,
        OtherAccount,
        OtherDevice,
        DeviceNotActive,
        BadSignature,
        WentBack,
        InvalidKey,
        NotProved,
        LogBehind,
        LogForks,
    ];
    check(
        &all.map(BundleRefused::code),
        "malformed other_account other_device device_not_active bad_signature went_back invalid_key not_proved \
         log_behind log_forks",
    );
    for error in all {
        let expected = if error == LogBehind {
            ErrorKind::Resync
        } else {
            ErrorKind::Misbehaved
        };
        assert_eq!(error.kind(), expected);
        assert_eq!(
            error.to_string(),
            format!("bundle refused: {}", error.code())
        );
    }
}

#[test]
fn other_codes() {
    use OpaqueError::{Internal, Malformed, PasswordLength, Stretching, WrongCredentials};
    let opaque = [
        PasswordLength,
        Stretching,
        Malformed,
        WrongCredentials,
        Internal,
    ];
    check(
        &opaque.map(OpaqueError::code),
        "password_length stretching_refused opaque_malformed wrong_credentials opaque_internal",
    );
    let kinds = opaque.map(OpaqueError::kind);
    let (again, theirs) = (ErrorKind::Transient, ErrorKind::Misbehaved);
    assert_eq!(kinds, [again, theirs, theirs, again, ErrorKind::Bug]);
    check(
        &[
            VaultKeyError::Malformed,
            VaultKeyError::NoEnvelope,
            VaultKeyError::DoesNotOpen,
            VaultKeyError::PassphraseLength,
            VaultKeyError::Cost,
            VaultKeyError::Full,
            VaultKeyError::from(NoRandomness),
        ]
        .map(VaultKeyError::code),
        "vault_key_malformed vault_key_no_envelope vault_key_does_not_open vault_key_passphrase_length \
         vault_key_cost vault_key_full no_randomness",
    );
    check(
        &[
            RecordError::Malformed,
            RecordError::OtherKey,
            RecordError::NotAuthentic,
        ]
        .map(RecordError::code),
        "record_malformed record_other_key record_not_authentic",
    );
    check(
        &[KitError::NotKit, KitError::Checksum].map(KitError::code),
        "kit_malformed kit_checksum",
    );
    check(
        &[
            QrMismatch::Malformed,
            QrMismatch::OtherAccount,
            QrMismatch::NotUs,
        ]
        .map(QrMismatch::code),
        "qr_malformed qr_other_account qr_not_us",
    );
    assert_eq!(
        (NoRandomness.code(), NoRandomness.kind()),
        ("no_randomness", ErrorKind::Transient)
    );
}
