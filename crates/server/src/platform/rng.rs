//! Random bytes of the server: the machine's, or a stream from a seed for the simulator.

use rand08::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

/// A source of random bytes; clones draw from the same stream.
#[derive(Clone)]
pub struct Rng(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<Stream>>),
}

/// SHA-256(seed || counter), block after block: the same seed gives the same bytes. Simulator only.
struct Stream {
    seed: [u8; 32],
    counter: u64,
}

impl Rng {
    /// The operating system's generator.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A reproducible stream; never for a server that people use.
    pub fn seeded(seed: u64) -> Self {
        let seed = Sha256::digest(seed.to_le_bytes()).into();
        Self(Source::Seeded(Arc::new(Mutex::new(Stream {
            seed,
            counter: 0,
        }))))
    }

    pub fn fill(&self, out: &mut [u8]) {
        match &self.0 {
            Source::System => {
                getrandom::fill(out).expect("the operating system gives random bytes")
            }
            Source::Seeded(stream) => stream
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill(out),
        }
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }
}

impl Stream {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.seed)
                .chain_update(self.counter.to_le_bytes())
                .finalize();
            self.counter += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

impl RngCore for Rng {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand08::Error> {
        self.fill(out);
        Ok(())
    }
}

impl CryptoRng for Rng {}
