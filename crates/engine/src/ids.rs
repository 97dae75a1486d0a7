//! The engine's own generator: every id, token and random delay comes from here, so that a seed replays a run.
//!
//! HKDF in counter mode over a seed that lives in the store; the state is saved in the transaction that used it,
//! and a fresh seed is mixed in at every open, so that a copied store draws other ids than its original.

use securechat_crypto::primitives::{hkdf_sha256, sha256};

#[derive(Clone)]
pub(crate) struct Ids {
    seed: [u8; 32],
    counter: u64,
}

impl Ids {
    /// Mixes what the store held with the shell's fresh randomness.
    pub fn open(stored: Option<[u8; 32]>, fresh: &[u8; 32]) -> Self {
        let seed = sha256(&[b"SC1/ids", &stored.unwrap_or_default(), fresh]);
        Self { seed, counter: 0 }
    }

    /// What the store keeps: a seed that yields nothing drawn so far.
    pub fn to_stored(&self) -> [u8; 32] {
        sha256(&[b"SC1/ids next", &self.seed, &self.counter.to_be_bytes()])
    }

    /// How many draws were made; the caller saves the state when it grew.
    pub fn drawn(&self) -> u64 {
        self.counter
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.counter += 1;
        *hkdf_sha256::<N>(&self.seed, &self.counter.to_be_bytes(), &[b"SC1/ids"]).expose()
    }

    /// A number in `low..high`, for delays; the bias is far below what a delay could show.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).max(1);
        low + u64::from_be_bytes(self.bytes()) % span
    }
}
