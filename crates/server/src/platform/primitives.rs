//! SHA-256 and strict Ed25519 verification: all the cryptography the relay needs to check who signed what.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// `verify_strict`: small-order keys and non-canonical encodings are refused.
pub fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    })
}

/// The two operations that the rules of account logs and bundles ask for.
#[derive(Clone, Copy, Debug)]
pub struct Primitives;

impl securechat_proto::signing::Primitives for Primitives {
    fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        sha256(bytes)
    }

    fn verify_ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        verify_ed25519(key, message, signature)
    }
}
