//! A position in an account log that others can compare with theirs.

use crate::codec::{Malformed, Reader};

/// The newest entry of a log: era (number of Recover entries), sequence and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogHead {
    pub era: u32,
    pub sequence: u64,
    pub hash: [u8; 32],
}

impl LogHead {
    pub const BYTES: usize = 44;

    /// era u32 || sequence u64 || hash[32].
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.era.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[12..].copy_from_slice(&self.hash);
        bytes
    }

    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            era: reader.u32()?,
            sequence: reader.u64()?,
            hash: reader.array()?,
        })
    }

    /// Reads exactly the 44 bytes of [`Self::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let head = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(head)
    }
}
