//! Makes and signs account-log entries. Every entry is checked by the same rules as anybody else's before it leaves.

use super::DeviceKeys;
use crate::primitives::Library;
use crate::recovery::RecoverySecret;
use securechat_proto::account_log::{
    Appended, Body, DeviceRecord, Entry, Log, Operation, RecoveryRecord, Refused, Signer, Term,
    Verified, verify_chain,
};
use securechat_proto::signing::{NO_FINGERPRINT, Purpose};
use securechat_proto::{Fingerprint, Timestamp};

/// An entry to send, and the log once it is in it.
#[derive(Clone, Debug)]
pub struct SignedEntry {
    /// As sent.
    pub bytes: Vec<u8>,
    pub log: Verified<Log>,
    /// The relay and peers do not act on it before this has passed.
    pub term: Option<Term>,
}

impl DeviceKeys {
    /// The public keys as the log writes them.
    pub fn record(&self) -> DeviceRecord {
        let public = self.public();
        DeviceRecord {
            dsk: public.dsk.0,
            ik: public.ik.0,
            archive: public.archive.0.clone(),
        }
    }

    /// Opens an account: this device is its first. `time` is shown to people, no rule depends on it.
    ///
    /// # Errors
    /// [`Refused`] only when `recovery` or the keys are unusable.
    pub fn sign_genesis(
        &self,
        recovery: RecoveryRecord,
        time: Timestamp,
    ) -> Result<SignedEntry, Refused> {
        let body = Body {
            account: NO_FINGERPRINT,
            sequence: 0,
            previous: [0; 32],
            time,
            signer: Signer::Device(self.id()),
            operation: Operation::Genesis {
                device: self.record(),
                recovery,
            },
        };
        let signature = self.dsk.sign(
            Purpose::LogEntry,
            &NO_FINGERPRINT,
            &self.id(),
            &[&body.encode()],
        );
        let bytes = Entry::new(body, signature, None).encode();
        let log = verify_chain(&[&bytes], &Library)?;
        Ok(SignedEntry {
            bytes,
            log,
            term: None,
        })
    }

    /// Signs the next entry of `log` as this device: AddDevice (with the `incoming` device's keys when they are at
    /// hand), RemoveDevice, Announce, Confirm, Cancel.
    ///
    /// # Errors
    /// [`Refused`]: the rules do not let this device do that.
    pub fn sign_entry(
        &self,
        log: &Verified<Log>,
        operation: Operation,
        incoming: Option<&DeviceKeys>,
        time: Timestamp,
    ) -> Result<SignedEntry, Refused> {
        let body = next_body(log, Signer::Device(self.id()), operation, time);
        let signature = self.dsk.sign(
            Purpose::LogEntry,
            &log.fingerprint(),
            &self.id(),
            &[&body.encode()],
        );
        append(log, body, signature, incoming)
    }

    /// Signs, as the device that comes in, an entry made elsewhere.
    pub fn countersign(&self, account: &Fingerprint, body: &Body) -> [u8; 64] {
        self.dsk.sign(
            Purpose::LogCountersign,
            account,
            &self.id(),
            &[&body.encode()],
        )
    }
}

impl RecoverySecret {
    /// Signs the next entry of `log` by the recovery key: Recover (with the `incoming` device), RotateRecovery,
    /// RemoveDevice, Close, Cancel. Such entries are final and wait for nothing.
    ///
    /// # Errors
    /// [`Refused`]: the rules do not allow it, or this is not the recovery key in force.
    pub fn sign_entry(
        &self,
        log: &Verified<Log>,
        operation: Operation,
        incoming: Option<&DeviceKeys>,
        time: Timestamp,
    ) -> Result<SignedEntry, Refused> {
        let body = next_body(log, Signer::Recovery, operation, time);
        let device = body.signer.device_id();
        let signature = self.authority().sign(
            Purpose::LogEntry,
            &log.fingerprint(),
            &device,
            &[&body.encode()],
        );
        append(log, body, signature, incoming)
    }
}

fn next_body(log: &Log, signer: Signer, operation: Operation, time: Timestamp) -> Body {
    let head = log.head();
    Body {
        account: log.fingerprint(),
        sequence: head.sequence + 1,
        previous: head.hash,
        time,
        signer,
        operation,
    }
}

fn append(
    log: &Verified<Log>,
    body: Body,
    signature: [u8; 64],
    incoming: Option<&DeviceKeys>,
) -> Result<SignedEntry, Refused> {
    let countersignature = incoming.map(|device| device.countersign(&log.fingerprint(), &body));
    let bytes = Entry::new(body, signature, countersignature).encode();
    let Appended { log, term } = log.append(&bytes, &Library)?;
    Ok(SignedEntry { bytes, log, term })
}
