//! Merkle tree over one-time prekeys: one signature proves all of them, each with a path of at most 8 hashes.
//!
//! Leaf i = SHA-256(`SC1/prekey-leaf` || i u32 || 4 || public key[1216]); node = SHA-256(`SC1/prekey-node` || left ||
//! right); the leaf row is filled up to a power of two with 32 zero bytes. No leaves: the root is 32 zero bytes.

use crate::public_key::{KeyType, XWING_BYTES};
use crate::signing::Primitives;

/// Leaves in one tree; a device publishes 50.
pub const LEAVES_MAX: usize = 256;
const EMPTY: [u8; 32] = [0; 32];

/// The hash of one-time prekey `index`.
pub fn leaf_hash(primitives: &impl Primitives, index: u32, key: &[u8; XWING_BYTES]) -> [u8; 32] {
    let mut input = Vec::with_capacity(15 + 4 + 1 + XWING_BYTES);
    input.extend_from_slice(b"SC1/prekey-leaf");
    input.extend_from_slice(&index.to_be_bytes());
    input.push(KeyType::OneTime.byte());
    input.extend_from_slice(key);
    primitives.sha256(&input)
}

fn node_hash(primitives: &impl Primitives, left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut input = Vec::with_capacity(15 + 64);
    input.extend_from_slice(b"SC1/prekey-node");
    input.extend_from_slice(left);
    input.extend_from_slice(right);
    primitives.sha256(&input)
}

/// All rows of the tree, leaves first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleTree {
    leaves: usize,
    rows: Vec<Vec<[u8; 32]>>,
}

impl MerkleTree {
    /// Builds the tree; `None` above [`LEAVES_MAX`] keys.
    pub fn build<'a>(
        primitives: &impl Primitives,
        keys: impl IntoIterator<Item = &'a [u8; XWING_BYTES]>,
    ) -> Option<Self> {
        let mut row: Vec<[u8; 32]> = Vec::new();
        for (index, key) in (0..).zip(keys) {
            if row.len() == LEAVES_MAX {
                return None;
            }
            row.push(leaf_hash(primitives, index, key));
        }
        let leaves = row.len();
        row.resize(leaves.next_power_of_two(), EMPTY);
        let mut rows = vec![row];
        while let Some(below) = rows.last().filter(|row| row.len() > 1) {
            let above = below
                .chunks_exact(2)
                .map(|pair| node_hash(primitives, &pair[0], &pair[1]))
                .collect();
            rows.push(above);
        }
        Some(Self { leaves, rows })
    }

    pub fn root(&self) -> [u8; 32] {
        self.rows
            .last()
            .and_then(|row| row.first())
            .copied()
            .unwrap_or(EMPTY)
    }

    /// How many keys the tree proves.
    pub fn count(&self) -> u16 {
        // At most LEAVES_MAX, so it fits.
        self.leaves as u16
    }

    /// Sibling hashes of leaf `index`, from the leaf up; `None` when there is no such key.
    pub fn path(&self, index: u32) -> Option<Vec<[u8; 32]>> {
        let mut at = usize::try_from(index).ok().filter(|at| *at < self.leaves)?;
        let mut path = Vec::with_capacity(self.rows.len());
        for row in &self.rows[..self.rows.len() - 1] {
            path.push(*row.get(at ^ 1)?);
            at /= 2;
        }
        Some(path)
    }
}

/// Whether `path` proves that `key` is one-time prekey `index` of the `count` under `root`.
pub fn verify_path(
    primitives: &impl Primitives,
    root: &[u8; 32],
    count: u16,
    index: u32,
    key: &[u8; XWING_BYTES],
    path: &[[u8; 32]],
) -> bool {
    let depth = usize::from(count).next_power_of_two().trailing_zeros() as usize;
    if index >= u32::from(count) || usize::from(count) > LEAVES_MAX || path.len() != depth {
        return false;
    }
    let mut hash = leaf_hash(primitives, index, key);
    for (level, sibling) in path.iter().enumerate() {
        hash = match (index >> level) & 1 {
            0 => node_hash(primitives, &hash, sibling),
            _ => node_hash(primitives, sibling, &hash),
        };
    }
    hash == *root
}
