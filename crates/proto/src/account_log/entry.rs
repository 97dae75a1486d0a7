//! One entry of an account log: body, signature and, where a device comes in, that device's countersignature.
//!
//! Body = version u8 || fingerprint[32] || sequence u64 || previous hash[32] || time u64 || signer kind u8 ||
//! signer device id[16] || operation u8 || length u32 || operation bytes. Entry = body || signature[64] ||
//! countersignature[64] (AddDevice and Recover only). The hash of an entry is SHA-256 of its body.

use crate::codec::{Malformed, Reader};
use crate::ids::{DeviceId, Fingerprint, Timestamp};
use crate::limits::{DEVICES_PER_ACCOUNT_MAX, LOG_ENTRY_BYTES_MAX};
use crate::public_key::{self, KeyType, XWING_BYTES};
use crate::signing::{NO_DEVICE, Primitives};

pub const VERSION: u8 = 1;
const SIGNER_DEVICE: u8 = 1;
const SIGNER_RECOVERY: u8 = 2;

/// Public keys of a device: DSK[32] || 1, IK[32] || 8, archive key[1216].
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Ed25519.
    pub dsk: [u8; 32],
    /// X25519.
    pub ik: [u8; 32],
    /// X-Wing.
    pub archive: Box<[u8; XWING_BYTES]>,
}

/// Public recovery keys: Ed25519 authority[32] || 8, archive key[1216].
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryRecord {
    pub authority: [u8; 32],
    pub archive: Box<[u8; XWING_BYTES]>,
}

/// Who signed an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    Device(DeviceId),
    /// The recovery key in force (for Recover: in force at its parent).
    Recovery,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The first entry; its hash is the account's fingerprint. Signed by the first device.
    Genesis {
        device: DeviceRecord,
        recovery: RecoveryRecord,
    },
    /// Signed by an active device, countersigned by the new one.
    AddDevice {
        device: DeviceRecord,
    },
    /// Device ids in ascending order.
    RemoveDevice {
        devices: Vec<DeviceId>,
    },
    RotateRecovery {
        recovery: RecoveryRecord,
    },
    /// Goes back to the parent entry, keeps some of its devices, brings in a new one and new recovery keys.
    Recover(Box<Recover>),
    /// The account ends. Nothing may follow.
    Close,
    /// Says what a Confirm of the same device will do once the term has passed.
    Announce(Announced),
    /// Hash of the Announce entry.
    Confirm {
        announce: [u8; 32],
    },
    Cancel {
        announce: [u8; 32],
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover {
    pub parent_sequence: u64,
    pub parent_hash: [u8; 32],
    /// Device ids in ascending order; may be empty.
    pub kept: Vec<DeviceId>,
    /// Countersigns the entry.
    pub device: DeviceRecord,
    pub recovery: RecoveryRecord,
}

/// Operations that may wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announced {
    RemoveDevice { devices: Vec<DeviceId> },
    RotateRecovery { recovery: RecoveryRecord },
    Close,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Zeros in a Genesis.
    pub account: Fingerprint,
    pub sequence: u64,
    /// Zeros in a Genesis.
    pub previous: [u8; 32],
    /// For display only; no rule depends on it.
    pub time: Timestamp,
    pub signer: Signer,
    pub operation: Operation,
}

/// An entry as sent: read, with the signed bytes; nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub body: Body,
    bytes: Vec<u8>,
    pub signature: [u8; 64],
    pub countersignature: Option<[u8; 64]>,
}

impl DeviceRecord {
    pub fn id(&self, primitives: &impl Primitives) -> DeviceId {
        public_key::device_id(primitives, &self.dsk, &self.ik)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.dsk);
        out.push(KeyType::Identity.byte());
        out.extend_from_slice(&self.ik);
        out.push(KeyType::Archive.byte());
        out.extend_from_slice(self.archive.as_slice());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let dsk = reader.array()?;
        reader.expect(KeyType::Identity.byte())?;
        let ik = reader.array()?;
        reader.expect(KeyType::Archive.byte())?;
        Ok(Self {
            dsk,
            ik,
            archive: Box::new(reader.array()?),
        })
    }
}

impl RecoveryRecord {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.authority);
        out.push(KeyType::Archive.byte());
        out.extend_from_slice(self.archive.as_slice());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let authority = reader.array()?;
        reader.expect(KeyType::Archive.byte())?;
        Ok(Self {
            authority,
            archive: Box::new(reader.array()?),
        })
    }
}

impl std::fmt::Debug for DeviceRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceRecord")
    }
}

impl std::fmt::Debug for RecoveryRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryRecord")
    }
}

impl Signer {
    /// The device id in the signed message.
    pub fn device_id(&self) -> DeviceId {
        match self {
            Self::Device(id) => *id,
            Self::Recovery => NO_DEVICE,
        }
    }
}

impl Operation {
    /// The byte that names the operation.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Genesis { .. } => 1,
            Self::AddDevice { .. } => 2,
            Self::RemoveDevice { .. } => 3,
            Self::RotateRecovery { .. } => 4,
            Self::Recover(_) => 5,
            Self::Close => 6,
            Self::Announce(_) => 7,
            Self::Confirm { .. } => 8,
            Self::Cancel { .. } => 9,
        }
    }

    /// The device that has to countersign.
    pub fn incoming(&self) -> Option<&DeviceRecord> {
        match self {
            Self::AddDevice { device } => Some(device),
            Self::Recover(recover) => Some(&recover.device),
            _ => None,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Genesis { device, recovery } => {
                device.write(out);
                recovery.write(out);
            }
            Self::AddDevice { device } => device.write(out),
            Self::RemoveDevice { devices } => write_ids(devices, out),
            Self::RotateRecovery { recovery } => recovery.write(out),
            Self::Recover(recover) => {
                out.extend_from_slice(&recover.parent_sequence.to_be_bytes());
                out.extend_from_slice(&recover.parent_hash);
                write_ids(&recover.kept, out);
                recover.device.write(out);
                recover.recovery.write(out);
            }
            Self::Close => {}
            Self::Announce(announced) => {
                let operation = announced.operation();
                out.push(operation.kind());
                operation.write(out);
            }
            Self::Confirm { announce } | Self::Cancel { announce } => {
                out.extend_from_slice(announce)
            }
        }
    }

    fn read(kind: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match kind {
            1 => Self::Genesis {
                device: DeviceRecord::read(reader)?,
                recovery: RecoveryRecord::read(reader)?,
            },
            2 => Self::AddDevice {
                device: DeviceRecord::read(reader)?,
            },
            3 => Self::RemoveDevice {
                devices: read_ids(reader, 1)?,
            },
            4 => Self::RotateRecovery {
                recovery: RecoveryRecord::read(reader)?,
            },
            5 => Self::Recover(Box::new(Recover {
                parent_sequence: reader.u64()?,
                parent_hash: reader.array()?,
                kept: read_ids(reader, 0)?,
                device: DeviceRecord::read(reader)?,
                recovery: RecoveryRecord::read(reader)?,
            })),
            6 => Self::Close,
            7 => Self::Announce(match reader.u8()? {
                3 => Announced::RemoveDevice {
                    devices: read_ids(reader, 1)?,
                },
                4 => Announced::RotateRecovery {
                    recovery: RecoveryRecord::read(reader)?,
                },
                6 => Announced::Close,
                _ => return Err(Malformed),
            }),
            8 => Self::Confirm {
                announce: reader.array()?,
            },
            9 => Self::Cancel {
                announce: reader.array()?,
            },
            _ => return Err(Malformed),
        })
    }
}

impl Announced {
    /// The operation as it would stand in an entry of its own.
    pub fn operation(&self) -> Operation {
        match self {
            Self::RemoveDevice { devices } => Operation::RemoveDevice {
                devices: devices.clone(),
            },
            Self::RotateRecovery { recovery } => Operation::RotateRecovery {
                recovery: recovery.clone(),
            },
            Self::Close => Operation::Close,
        }
    }
}

fn write_ids(ids: &[DeviceId], out: &mut Vec<u8>) {
    // A longer list does not fit its count byte and is refused by every reader.
    out.push(u8::try_from(ids.len()).unwrap_or(u8::MAX));
    for id in ids {
        out.extend_from_slice(id.as_bytes());
    }
}

/// Reads `least` to 16 ids in strictly ascending order, so that one list has one form.
fn read_ids(reader: &mut Reader<'_>, least: usize) -> Result<Vec<DeviceId>, Malformed> {
    let count = usize::from(reader.u8()?);
    if count < least || count > DEVICES_PER_ACCOUNT_MAX {
        return Err(Malformed);
    }
    let mut ids: Vec<DeviceId> = Vec::with_capacity(count);
    for _ in 0..count {
        let id = DeviceId(reader.array()?);
        if ids.last().is_some_and(|last| *last >= id) {
            return Err(Malformed);
        }
        ids.push(id);
    }
    Ok(ids)
}

impl Body {
    /// The bytes that are hashed and signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut operation = Vec::new();
        self.operation.write(&mut operation);
        let mut bytes = Vec::with_capacity(102 + operation.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(self.account.as_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(&self.time.0.to_be_bytes());
        bytes.push(match self.signer {
            Signer::Device(_) => SIGNER_DEVICE,
            Signer::Recovery => SIGNER_RECOVERY,
        });
        bytes.extend_from_slice(self.signer.device_id().as_bytes());
        bytes.push(self.operation.kind());
        bytes.extend_from_slice(&(operation.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&operation);
        bytes
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.expect(VERSION)?;
        let account = Fingerprint(reader.array()?);
        let sequence = reader.u64()?;
        let previous = reader.array()?;
        let time = Timestamp(reader.u64()?);
        let signer = match (reader.u8()?, DeviceId(reader.array()?)) {
            (SIGNER_DEVICE, id) if id != NO_DEVICE => Signer::Device(id),
            (SIGNER_RECOVERY, NO_DEVICE) => Signer::Recovery,
            _ => return Err(Malformed),
        };
        let kind = reader.u8()?;
        let length = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
        let mut inner = Reader::new(reader.take(length)?);
        let operation = Operation::read(kind, &mut inner)?;
        inner.finish()?;
        Ok(Self {
            account,
            sequence,
            previous,
            time,
            signer,
            operation,
        })
    }
}

impl Entry {
    /// Joins a body and its signatures.
    pub fn new(body: Body, signature: [u8; 64], countersignature: Option<[u8; 64]>) -> Self {
        let bytes = body.encode();
        Self {
            body,
            bytes,
            signature,
            countersignature,
        }
    }

    /// Reads one entry of at most [`LOG_ENTRY_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`Malformed`]: another version, an unknown operation, a list out of order, bytes left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > LOG_ENTRY_BYTES_MAX {
            return Err(Malformed);
        }
        let mut reader = Reader::new(bytes);
        let body = Body::read(&mut reader)?;
        let signed = bytes.len() - reader.left();
        let signature = reader.array()?;
        let countersignature = body
            .operation
            .incoming()
            .map(|_| reader.array())
            .transpose()?;
        reader.finish()?;
        Ok(Self {
            body,
            bytes: bytes[..signed].to_vec(),
            signature,
            countersignature,
        })
    }

    /// body || signature || countersignature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.extend_from_slice(&self.signature);
        if let Some(countersignature) = &self.countersignature {
            bytes.extend_from_slice(countersignature);
        }
        bytes
    }

    /// The signed bytes.
    pub fn body_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the body. Signatures are not part of it, so signing again makes no second entry.
    pub fn hash(&self, primitives: &impl Primitives) -> [u8; 32] {
        primitives.sha256(&self.bytes)
    }
}
