//! The stored form of a peer's sessions (docs/protocol/pqxdh.md, "Stored form"). It holds ratchet keys: encrypted store only.

use super::peer::{Entry, PeerSessions, SESSIONS_MAX};
use crate::keys::{StoredSecret, X25519Public};
use crate::pqxdh::{CompactHandshake, SessionName};
use securechat_proto::Timestamp;
use securechat_proto::codec::{Malformed, Reader};
use zeroize::Zeroizing;

const STORED_VERSION: u8 = 1;
const FRESH_WANTED: u8 = 1;
const HAS_STARTED: u8 = 2;
const UNANSWERED: u8 = 1;
const SUPERSEDED: u8 = 2;
const ENTRY_FIXED_BYTES: usize = 16 + 4 + 32 + 8 + 4 + 1 + 8 + 4;

impl PeerSessions {
    /// The stored form, for the engine's encrypted store only.
    pub fn to_bytes(&self) -> StoredSecret {
        let size = 32
            + self
                .entries
                .iter()
                .map(|e| ENTRY_FIXED_BYTES + CompactHandshake::BYTES + e.ratchet.len())
                .sum::<usize>();
        // One allocation of full size: a growing vector would leave unwiped copies behind.
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        out.push(STORED_VERSION);
        out.extend_from_slice(&self.highest_generation.to_be_bytes());
        let wanted = if self.fresh_wanted { FRESH_WANTED } else { 0 };
        let started = if self.last_started.is_some() {
            HAS_STARTED
        } else {
            0
        };
        out.push(wanted | started);
        out.extend_from_slice(&self.last_started.unwrap_or_default().0.to_be_bytes());
        out.push(self.entries.len().min(SESSIONS_MAX) as u8);
        for entry in self.entries.iter().take(SESSIONS_MAX) {
            write_entry(&mut out, entry);
        }
        out
    }

    /// Reads [`Self::to_bytes`]. Ratchet states are read when they are used.
    ///
    /// # Errors
    /// [`Malformed`]: another version, a cut or lengthened form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.expect(STORED_VERSION)?;
        let highest_generation = reader.u32()?;
        let flags = reader.u8()?;
        let started = Timestamp(reader.u64()?);
        let count = usize::from(reader.u8()?);
        if count > SESSIONS_MAX {
            return Err(Malformed);
        }
        let entries = (0..count)
            .map(|_| read_entry(&mut reader))
            .collect::<Result<Vec<_>, _>>()?;
        reader.finish()?;
        Ok(Self {
            highest_generation,
            last_started: (flags & HAS_STARTED != 0).then_some(started),
            fresh_wanted: flags & FRESH_WANTED != 0,
            entries,
        })
    }
}

fn write_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.extend_from_slice(&entry.sid.0);
    out.extend_from_slice(&entry.generation.to_be_bytes());
    out.extend_from_slice(&entry.base_key.0);
    out.extend_from_slice(&entry.created.0.to_be_bytes());
    out.extend_from_slice(&entry.used.to_be_bytes());
    let unanswered = if entry.unanswered.is_some() {
        UNANSWERED
    } else {
        0
    };
    let superseded = if entry.superseded.is_some() {
        SUPERSEDED
    } else {
        0
    };
    out.push(unanswered | superseded);
    out.extend_from_slice(&entry.superseded.unwrap_or_default().0.to_be_bytes());
    if let Some(handshake) = &entry.unanswered {
        out.extend_from_slice(&handshake.to_bytes());
    }
    out.extend_from_slice(&(entry.ratchet.len() as u32).to_be_bytes());
    out.extend_from_slice(&entry.ratchet);
}

fn read_entry(reader: &mut Reader<'_>) -> Result<Entry, Malformed> {
    let sid = SessionName(reader.array()?);
    let generation = reader.u32()?;
    let base_key = X25519Public(reader.array()?);
    let created = Timestamp(reader.u64()?);
    let used = reader.u32()?;
    let flags = reader.u8()?;
    let superseded = Timestamp(reader.u64()?);
    let unanswered = if flags & UNANSWERED != 0 {
        Some(CompactHandshake::read(reader)?)
    } else {
        None
    };
    let length = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
    let ratchet = Zeroizing::new(reader.take(length)?.to_vec());
    let superseded = (flags & SUPERSEDED != 0).then_some(superseded);
    Ok(Entry {
        sid,
        generation,
        base_key,
        created,
        used,
        unanswered,
        superseded,
        ratchet,
    })
}
