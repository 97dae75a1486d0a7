//! Hashes, key derivation, signatures and randomness: thin names over the libraries, the same everywhere in this crate.

use crate::error::NoRandomness;
use crate::keys::{Secret, SigningPublic};
use hmac::{KeyInit, Mac};
use securechat_proto::signing::Primitives;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroize;

/// SHA-256 of the concatenation of `parts`.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// SHA-512 of the concatenation of `parts`.
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// HKDF-SHA-256 (RFC 5869): `N` bytes from `ikm` under `salt`, bound to the concatenation of `info`.
/// `N` is at most 8160.
pub fn hkdf_sha256<const N: usize>(salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32) };
    let mut out = [0; N];
    // The length is checked at compile time, the only error this call knows.
    let filled = hkdf::Hkdf::<Sha256>::new(Some(salt), ikm).expand_multi_info(info, &mut out);
    debug_assert!(filled.is_ok());
    Secret::take(&mut out)
}

/// HMAC-SHA-256 of the concatenation of `parts`.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length: longer than a block is hashed first (RFC 2104), so no error is possible.
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&sha256(&[key]));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = hmac::Hmac::<Sha256>::new((&block).into());
    block.zeroize();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares without telling by time where the difference is. Different lengths are different at once.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}

/// `N` fresh random bytes that are not secret (ids, nonces, salts).
///
/// # Errors
/// [`NoRandomness`]
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom04::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// The client's implementation of the trait through which log and bundle rules hash and verify.
#[derive(Clone, Copy, Debug, Default)]
pub struct Library;

impl Primitives for Library {
    fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        sha256(&[bytes])
    }

    fn verify_ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        SigningPublic(*key).verify_bytes(message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn hkdf_matches_rfc_5869_case_1() {
        let out: Secret<42> = hkdf_sha256(
            &hex("000102030405060708090a0b0c"),
            &[0x0b; 22],
            &[&hex("f0f1f2f3f4"), &hex("f5f6f7f8f9")],
        );
        let expected =
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(out.expose().as_slice(), hex(expected));
    }

    #[test]
    fn hmac_matches_rfc_4231_cases_1_2_and_6() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, expected) in cases {
            let (head, tail) = data.split_at(3);
            assert_eq!(hmac_sha256(key, &[head, tail]).as_slice(), hex(expected));
        }
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random::<32>().unwrap(), random::<32>().unwrap());
    }
}
