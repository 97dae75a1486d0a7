//! What an account log says: a pure function of its entries. Signatures are checked in `log`, authority here.

use super::entry::{Announced, DeviceRecord, Entry, Operation, Recover, RecoveryRecord, Signer};
use super::head::LogHead;
use super::refused::Refused;
use crate::ids::{DeviceId, Fingerprint};
use crate::limits::{DAY_MS, DEVICES_PER_ACCOUNT_MAX, LOG_ENTRIES_MAX, LOG_ENTRIES_RESERVED};
use crate::signing::Primitives;
use std::collections::{BTreeMap, BTreeSet};

/// Between Announce and Confirm of RotateRecovery and Close.
pub const WAIT_MS: u64 = 7 * DAY_MS;
/// Between Announce and Confirm of RemoveDevice, and before a new device may remove an older one.
pub const WAIT_REMOVAL_MS: u64 = DAY_MS;

/// A live device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub keys: DeviceRecord,
    /// Sequence of the entry that brought it in; the smaller, the older.
    pub added_at: u64,
}

/// An Announce that waits for its Confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub announcer: DeviceId,
    pub operation: Announced,
    /// Of the Announce entry.
    pub sequence: u64,
}

/// A time that must have passed since an earlier entry was seen, judged by whoever asks:
/// the relay by its append times, a client by its own elapsed time, never by the relay's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Sequence of the entry it runs from.
    pub since: u64,
    /// Hash of that entry.
    pub since_hash: [u8; 32],
    pub length_ms: u64,
}

impl Term {
    pub fn has_passed(&self, elapsed_ms: u64) -> bool {
        elapsed_ms >= self.length_ms
    }
}

/// The account as its log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub account: Fingerprint,
    pub head: LogHead,
    pub devices: BTreeMap<DeviceId, Device>,
    pub recovery: RecoveryRecord,
    /// Sequence of the entry that put the recovery keys in force.
    pub recovery_since: u64,
    /// By hash of the Announce entry.
    pub pending: BTreeMap<[u8; 32], Announcement>,
    pub closed: bool,
    /// Sequence of the last entry that no Recover may void.
    pub final_through: u64,
    /// Every DSK and IK that ever stood in the log, also in voided entries: none may come back.
    used_keys: BTreeSet<[u8; 32]>,
}

impl State {
    /// The state after a Genesis. The caller has checked its signature.
    pub(super) fn genesis(
        entry: &Entry,
        hash: [u8; 32],
        primitives: &impl Primitives,
    ) -> Result<Self, Refused> {
        let Operation::Genesis { device, recovery } = &entry.body.operation else {
            return Err(Refused::NotGenesis);
        };
        let id = device.id(primitives);
        if entry.body.signer != Signer::Device(id) {
            return Err(Refused::WrongSigner);
        }
        let mut state = Self {
            account: Fingerprint(hash),
            head: LogHead {
                era: 0,
                sequence: 0,
                hash,
            },
            devices: BTreeMap::new(),
            recovery: recovery.clone(),
            recovery_since: 0,
            pending: BTreeMap::new(),
            closed: false,
            final_through: 0,
            used_keys: BTreeSet::new(),
        };
        state.take_in(id, device, 0);
        Ok(state)
    }

    /// The device, if it is active.
    pub fn device(&self, id: &DeviceId) -> Option<&Device> {
        self.devices.get(id)
    }

    /// Place in the chain, room and life: what every next entry must satisfy.
    pub(super) fn check_place(&self, entry: &Entry) -> Result<(), Refused> {
        let body = &entry.body;
        if body.account != self.account {
            return Err(Refused::OtherAccount);
        }
        if body.sequence != self.head.sequence + 1 {
            return Err(Refused::WrongSequence);
        }
        if body.previous != self.head.hash {
            return Err(Refused::WrongPrevious);
        }
        if self.closed {
            return Err(Refused::Closed);
        }
        if body.sequence >= LOG_ENTRIES_MAX {
            return Err(Refused::Full);
        }
        let reserved = body.sequence >= LOG_ENTRIES_MAX - LOG_ENTRIES_RESERVED;
        if reserved && body.signer != Signer::Recovery {
            return Err(Refused::Reserved);
        }
        Ok(())
    }

    /// The key that must have signed, given that the entry stands in this state.
    pub(super) fn signing_key(&self, signer: &Signer) -> Result<[u8; 32], Refused> {
        match signer {
            Signer::Device(id) => self
                .devices
                .get(id)
                .map(|device| device.keys.dsk)
                .ok_or(Refused::UnknownSigner),
            Signer::Recovery => Ok(self.recovery.authority),
        }
    }

    /// Whether the signer may do this, and after which term. Recover is judged by [`Self::recovered`].
    pub(super) fn check_authority(
        &self,
        entry: &Entry,
        primitives: &impl Primitives,
    ) -> Result<Option<Wait>, Refused> {
        let signer = entry.body.signer;
        match &entry.body.operation {
            Operation::Genesis { .. } => Err(Refused::SecondGenesis),
            Operation::AddDevice { device } => {
                self.acting_device(signer)?;
                self.check_incoming(device, self.devices.len(), primitives)?;
                Ok(None)
            }
            Operation::RemoveDevice { devices } => {
                self.check_removal(devices)?;
                let Signer::Device(id) = signer else {
                    return Ok(None);
                };
                let age = self.acting_device(Signer::Device(id))?.added_at;
                let older = devices
                    .iter()
                    .any(|target| self.devices.get(target).is_some_and(|d| d.added_at < age));
                Ok(older.then_some(Wait {
                    since: age,
                    length_ms: WAIT_REMOVAL_MS,
                }))
            }
            Operation::RotateRecovery { .. } | Operation::Close => match signer {
                Signer::Recovery => Ok(None),
                Signer::Device(_) => Err(Refused::NeedsAnnounce),
            },
            Operation::Announce(announced) => {
                self.acting_device(signer)?;
                let id = signer.device_id();
                if self.pending.values().any(|pending| pending.announcer == id) {
                    return Err(Refused::AlreadyAnnounced);
                }
                if let Announced::RemoveDevice { devices } = announced {
                    self.check_removal(devices)?;
                    if devices.contains(&id) {
                        return Err(Refused::RemovesItself);
                    }
                }
                Ok(None)
            }
            Operation::Confirm { announce } => {
                self.acting_device(signer)?;
                let pending = self
                    .pending
                    .get(announce)
                    .ok_or(Refused::NothingAnnounced)?;
                if pending.announcer != signer.device_id() {
                    return Err(Refused::WrongSigner);
                }
                let length_ms = match &pending.operation {
                    Announced::RemoveDevice { .. } => WAIT_REMOVAL_MS,
                    Announced::RotateRecovery { .. } | Announced::Close => WAIT_MS,
                };
                Ok(Some(Wait {
                    since: pending.sequence,
                    length_ms,
                }))
            }
            Operation::Cancel { announce } => {
                let pending = self
                    .pending
                    .get(announce)
                    .ok_or(Refused::NothingAnnounced)?;
                self.check_cancel(signer, pending)?;
                Ok(None)
            }
            Operation::Recover(_) => Err(Refused::WrongSigner),
        }
    }

    /// Applies an entry whose place, signature and authority were checked; Recover goes through [`Self::recovered`].
    /// With `deferred` its effect waits: only the head moves, and an announcement stays announced.
    pub(super) fn apply(
        &mut self,
        entry: &Entry,
        hash: [u8; 32],
        deferred: bool,
        primitives: &impl Primitives,
    ) {
        let sequence = entry.body.sequence;
        self.head.sequence = sequence;
        self.head.hash = hash;
        if deferred {
            return;
        }
        match &entry.body.operation {
            Operation::Genesis { .. } | Operation::Recover(_) => {}
            Operation::AddDevice { device } => {
                self.take_in(device.id(primitives), device, sequence)
            }
            Operation::Announce(operation) => {
                let announcer = entry.body.signer.device_id();
                self.pending.insert(
                    hash,
                    Announcement {
                        announcer,
                        operation: operation.clone(),
                        sequence,
                    },
                );
            }
            Operation::Confirm { announce } => {
                if let Some(pending) = self.pending.remove(announce) {
                    self.carry_out(&pending.operation.operation(), sequence);
                }
            }
            Operation::Cancel { announce } => {
                self.pending.remove(announce);
            }
            direct => self.carry_out(direct, sequence),
        }
        if entry.body.signer == Signer::Recovery {
            self.final_through = sequence;
        }
        let devices = &self.devices;
        self.pending
            .retain(|_, pending| devices.contains_key(&pending.announcer));
    }

    /// Whether a Recover may stand here; `parent` is the state at its parent entry.
    pub(super) fn check_recover(
        &self,
        parent: &Self,
        recover: &Recover,
        primitives: &impl Primitives,
    ) -> Result<(), Refused> {
        if recover.parent_sequence < self.final_through {
            return Err(Refused::VoidsFinalEntry);
        }
        if !recover
            .kept
            .iter()
            .all(|id| parent.devices.contains_key(id))
        {
            return Err(Refused::UnknownDevice);
        }
        self.check_incoming(&recover.device, recover.kept.len(), primitives)
    }

    /// The state after a Recover that was checked: `self` is the state before it, `parent` the one at its parent.
    pub(super) fn recovered(
        &self,
        mut parent: Self,
        recover: &Recover,
        hash: [u8; 32],
        primitives: &impl Primitives,
    ) -> Self {
        let sequence = self.head.sequence + 1;
        parent.devices.retain(|id, _| recover.kept.contains(id));
        parent.used_keys = self.used_keys.clone();
        parent.take_in(recover.device.id(primitives), &recover.device, sequence);
        parent.recovery = recover.recovery.clone();
        parent.recovery_since = sequence;
        parent.pending.clear();
        parent.closed = false;
        parent.final_through = sequence;
        parent.head = LogHead {
            era: self.head.era + 1,
            sequence,
            hash,
        };
        parent
    }

    fn carry_out(&mut self, operation: &Operation, sequence: u64) {
        match operation {
            Operation::RemoveDevice { devices } => {
                for id in devices {
                    // The last device stays: an account without devices is closed or recovered, never emptied.
                    if self.devices.len() > 1 {
                        self.devices.remove(id);
                    }
                }
            }
            Operation::RotateRecovery { recovery } => {
                self.recovery = recovery.clone();
                self.recovery_since = sequence;
            }
            Operation::Close => self.closed = true,
            Operation::Genesis { .. }
            | Operation::AddDevice { .. }
            | Operation::Recover(_)
            | Operation::Announce(_)
            | Operation::Confirm { .. }
            | Operation::Cancel { .. } => {}
        }
    }

    fn take_in(&mut self, id: DeviceId, keys: &DeviceRecord, added_at: u64) {
        self.used_keys.insert(keys.dsk);
        self.used_keys.insert(keys.ik);
        self.devices.insert(
            id,
            Device {
                keys: keys.clone(),
                added_at,
            },
        );
    }

    fn acting_device(&self, signer: Signer) -> Result<&Device, Refused> {
        match signer {
            Signer::Device(id) => self.devices.get(&id).ok_or(Refused::UnknownSigner),
            Signer::Recovery => Err(Refused::WrongSigner),
        }
    }

    fn check_incoming(
        &self,
        device: &DeviceRecord,
        live: usize,
        primitives: &impl Primitives,
    ) -> Result<(), Refused> {
        if live >= DEVICES_PER_ACCOUNT_MAX {
            return Err(Refused::TooManyDevices);
        }
        let used = self.used_keys.contains(&device.dsk) || self.used_keys.contains(&device.ik);
        if used || self.devices.contains_key(&device.id(primitives)) {
            return Err(Refused::KeyUsedBefore);
        }
        Ok(())
    }

    fn check_removal(&self, targets: &[DeviceId]) -> Result<(), Refused> {
        if !targets.iter().all(|id| self.devices.contains_key(id)) {
            return Err(Refused::UnknownDevice);
        }
        if targets.len() >= self.devices.len() {
            return Err(Refused::LastDevice);
        }
        Ok(())
    }

    fn check_cancel(&self, signer: Signer, pending: &Announcement) -> Result<(), Refused> {
        let Signer::Device(id) = signer else {
            return Ok(());
        };
        let canceller = self.acting_device(signer)?.added_at;
        let announcer = self
            .devices
            .get(&pending.announcer)
            .map_or(u64::MAX, |device| device.added_at);
        let target = matches!(&pending.operation, Announced::RemoveDevice { devices } if devices.contains(&id));
        if target || canceller > announcer {
            Err(Refused::MayNotCancel)
        } else {
            Ok(())
        }
    }
}

/// A term before the hash of its entry is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub since: u64,
    pub length_ms: u64,
}
