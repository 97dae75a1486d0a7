//! Accounts with fixed keys, and entries that no honest device would make.

use securechat_crypto::identity::{DeviceKeys, SignedEntry};
use securechat_crypto::keys::{Secret, SigningSecret};
use securechat_crypto::primitives::Library;
use securechat_crypto::recovery::RecoverySecret;
use securechat_proto::account_log::{
    Body, Entry, Log, Operation, Recover, Refused, Signer, Verified,
};
use securechat_proto::signing::Purpose;
use securechat_proto::{DeviceId, Timestamp};

pub const TIME: Timestamp = Timestamp(1_700_000_000_000);
pub const PRIMITIVES: Library = Library;

pub fn seed(kind: u8, number: u8) -> Secret<32> {
    let mut bytes = [kind; 32];
    bytes[31] = number;
    Secret::take(&mut bytes)
}

/// Device `number`, always with the same keys.
pub fn device(number: u8) -> DeviceKeys {
    DeviceKeys::from_seeds(&seed(0xd5, number), seed(0x1c, number), seed(0xac, number))
}

/// Recovery secret `number`.
pub fn recovery(number: u8) -> RecoverySecret {
    RecoverySecret::from_seed(Secret::take(&mut [number; 16]))
}

pub fn authority(number: u8) -> SigningSecret {
    recovery(number).authority()
}

/// The account of device 1 and recovery secret 1.
pub fn genesis() -> Verified<Log> {
    device(1)
        .sign_genesis(recovery(1).public(), TIME)
        .unwrap()
        .log
}

/// Appends by a device that holds the right keys.
pub fn by_device(
    log: &Verified<Log>,
    signer: u8,
    operation: Operation,
) -> Result<SignedEntry, Refused> {
    device(signer).sign_entry(log, operation, None, TIME)
}

pub fn add(log: &Verified<Log>, signer: u8, incoming: u8) -> Result<SignedEntry, Refused> {
    let incoming = device(incoming);
    device(signer).sign_entry(
        log,
        Operation::AddDevice {
            device: incoming.record(),
        },
        Some(&incoming),
        TIME,
    )
}

pub fn by_recovery(
    log: &Verified<Log>,
    key: u8,
    operation: Operation,
) -> Result<SignedEntry, Refused> {
    recovery(key).sign_entry(log, operation, None, TIME)
}

/// Recovers to `parent` with `kept` devices, `incoming` as the new one and recovery secret `next`.
pub fn recover(
    log: &Verified<Log>,
    key: u8,
    parent: u64,
    kept: &[u8],
    incoming: u8,
    next: u8,
) -> Result<SignedEntry, Refused> {
    let incoming = device(incoming);
    let operation = recover_operation(log, parent, kept, &incoming, next);
    recovery(key).sign_entry(log, operation, Some(&incoming), TIME)
}

pub fn recover_operation(
    log: &Log,
    parent: u64,
    kept: &[u8],
    incoming: &DeviceKeys,
    next: u8,
) -> Operation {
    Operation::Recover(Box::new(Recover {
        parent_sequence: parent,
        parent_hash: log.entry_hash(parent).unwrap_or([0xee; 32]),
        kept: ids(kept),
        device: incoming.record(),
        recovery: recovery(next).public(),
    }))
}

pub fn remove(numbers: &[u8]) -> Operation {
    Operation::RemoveDevice {
        devices: ids(numbers),
    }
}

/// Ids in ascending order.
pub fn ids(numbers: &[u8]) -> Vec<DeviceId> {
    let mut ids: Vec<DeviceId> = numbers.iter().map(|number| device(*number).id()).collect();
    ids.sort();
    ids
}

/// Genesis, then devices 2 to `last`, each added by device 1.
pub fn with_devices(last: u8) -> Verified<Log> {
    (2..=last).fold(genesis(), |log, number| add(&log, 1, number).unwrap().log)
}

/// The body the next honest entry would have.
pub fn next_body(log: &Log, signer: Signer, operation: Operation) -> Body {
    let head = log.head();
    Body {
        account: log.fingerprint(),
        sequence: head.sequence + 1,
        previous: head.hash,
        time: TIME,
        signer,
        operation,
    }
}

/// Signs any body with any key: what somebody without the right to could send.
pub fn forge(body: Body, key: &SigningSecret, incoming: Option<&DeviceKeys>) -> Vec<u8> {
    let device = body.signer.device_id();
    let signature = key.sign(Purpose::LogEntry, &body.account, &device, &[&body.encode()]);
    let countersignature = incoming.map(|incoming| incoming.countersign(&body.account, &body));
    Entry::new(body, signature, countersignature).encode()
}

pub fn refused(log: &Verified<Log>, entry: &[u8]) -> Option<Refused> {
    log.append(entry, &PRIMITIVES).err()
}
