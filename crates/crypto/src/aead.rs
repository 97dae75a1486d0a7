//! AES-256-GCM for small secrets at rest: nonce[12] || ciphertext || tag[16], nonce random.
//!
//! Each key here seals far below 2^32 messages, so random 96-bit nonces do not repeat.

use crate::error::NoRandomness;
use crate::keys::{Secret, StoredSecret};
use crate::primitives::random;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

pub(crate) const OVERHEAD: usize = NONCE + 16;
const NONCE: usize = 12;

/// Seals with a fresh nonce.
pub(crate) fn seal(key: &Secret<32>, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
    Ok(seal_with_nonce(key, &random()?, aad, plain))
}

/// Seals with a nonce the caller vouches for: known-answer files.
pub(crate) fn seal_with_nonce(
    key: &Secret<32>,
    nonce: &[u8; NONCE],
    aad: &[u8],
    plain: &[u8],
) -> Vec<u8> {
    let cipher = Aes256Gcm::new(key.expose().into());
    // The only error is a message of 64 GiB and more.
    let sealed = cipher
        .encrypt(&Nonce::from(*nonce), Payload { msg: plain, aad })
        .unwrap_or_default();
    [nonce.as_slice(), &sealed].concat()
}

/// Opens; `None` when key, associated data or bytes are not the sealed ones.
pub(crate) fn open(key: &Secret<32>, aad: &[u8], sealed: &[u8]) -> Option<StoredSecret> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
    let cipher = Aes256Gcm::new(key.expose().into());
    cipher
        .decrypt(
            &Nonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad,
            },
        )
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_bit_is_refused() {
        let key = Secret::take(&mut [1; 32]);
        let sealed = seal(&key, b"aad", b"plain").unwrap();
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_eq!(open(&key, b"aad", &sealed).unwrap().as_slice(), b"plain");
        assert!(open(&key, b"axd", &sealed).is_none());
        assert!(open(&Secret::take(&mut [2; 32]), b"aad", &sealed).is_none());
        assert!(open(&key, b"aad", &sealed[..11]).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut wrong = sealed.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, b"aad", &wrong).is_none(), "{bit}");
        }
    }
}
