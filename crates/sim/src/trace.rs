//! A hash over logical events: the same seed must give the same one.

use securechat_proto::Timestamp;
use sha2::{Digest, Sha256};

#[derive(Default)]
pub struct Trace {
    hash: Sha256,
    pub events: u64,
    /// Print what is told.
    pub told: bool,
}

impl Trace {
    /// Adds one event. `detail` must not hold ciphertext: libraries draw randomness of their own.
    pub fn event(&mut self, at: Timestamp, person: usize, what: &str, detail: &[u8]) {
        self.events += 1;
        self.hash.update(at.0.to_be_bytes());
        self.hash.update((person as u64).to_be_bytes());
        self.hash.update((what.len() as u64).to_be_bytes());
        self.hash.update(what);
        self.hash.update((detail.len() as u64).to_be_bytes());
        self.hash.update(detail);
    }

    /// One line for whoever looks for the cause of a failure; costs nothing otherwise, and is no part of the hash.
    pub fn tell(&self, at: Timestamp, what: impl FnOnce() -> String) {
        if self.told {
            println!("{} {}", at.0, what());
        }
    }

    /// First 8 bytes, hex.
    pub fn digest(&self) -> String {
        self.hash
            .clone()
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
