//! Keys of the server: everything is derived from SECRET_KEY by HKDF-SHA-256 with a label.
//!
//! `SECRET_KEY_OLD` keeps what was sealed or signed under the former key readable while it is replaced.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Rng;

/// 32 secret bytes from which all keys of this server come.
#[derive(Clone)]
pub struct Secrets {
    current: Zeroizing<[u8; 32]>,
    old: Option<Zeroizing<[u8; 32]>>,
}

/// A sealed box did not open: wrong key, wrong context, or changed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed value does not open")]
pub struct DoesNotOpen;

impl Secrets {
    pub fn new(current: [u8; 32], old: Option<[u8; 32]>) -> Self {
        Self {
            current: Zeroizing::new(current),
            old: old.map(Zeroizing::new),
        }
    }

    /// The key for `label`, derived from the present SECRET_KEY.
    pub fn key(&self, label: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.current, label)
    }

    /// The keys for `label`, the present one first, then the former one if there is one.
    pub fn keys(&self, label: &str) -> Vec<Zeroizing<[u8; 32]>> {
        let mut keys = vec![derive(&self.current, label)];
        keys.extend(self.old.as_ref().map(|old| derive(old, label)));
        keys
    }

    /// Nonce[12] || AES-256-GCM of `plain` under the key for `label`, bound to `context`.
    pub fn seal(&self, label: &str, context: &[u8], plain: &[u8], rng: &Rng) -> Vec<u8> {
        let nonce: [u8; 12] = rng.bytes();
        let cipher = Aes256Gcm::new(&(*self.key(label)).into());
        let sealed = cipher
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: context,
                },
            )
            .expect("AES-GCM seals any value of this size");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what [`Self::seal`] made under the present or the former SECRET_KEY.
    pub fn open(
        &self,
        label: &str,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let (nonce, body) = sealed.split_first_chunk::<12>().ok_or(DoesNotOpen)?;
        self.keys(label)
            .into_iter()
            .find_map(|key| {
                Aes256Gcm::new(&(*key).into())
                    .decrypt(
                        &Nonce::from(*nonce),
                        Payload {
                            msg: body,
                            aad: context,
                        },
                    )
                    .ok()
            })
            .map(Zeroizing::new)
            .ok_or(DoesNotOpen)
    }

    /// Whether the present SECRET_KEY alone opens it. What is kept for long is sealed anew when it does not.
    pub fn is_current(&self, label: &str, context: &[u8], sealed: &[u8]) -> bool {
        let alone = Self {
            current: self.current.clone(),
            old: None,
        };
        alone.open(label, context, sealed).is_ok()
    }

    /// HMAC-SHA-256 over the concatenated parts, for pseudonyms that only this server can make.
    pub fn pseudonym(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let key = self.key(label);
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&*key).expect("HMAC takes any key length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn derive(secret: &[u8; 32], label: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let info = format!("SC1/server/{label}");
    Hkdf::<Sha256>::new(None, secret)
        .expand(info.as_bytes(), &mut *key)
        .expect("HKDF-SHA-256 gives 32 bytes");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_key_still_opens_and_a_foreign_one_does_not() {
        let rng = Rng::seeded(1);
        let former = Secrets::new([1; 32], None);
        let sealed = former.seal("test", b"context", b"value", &rng);
        let rotated = Secrets::new([2; 32], Some([1; 32]));
        assert_eq!(
            rotated
                .open("test", b"context", &sealed)
                .as_deref()
                .map(Vec::as_slice),
            Ok(&b"value"[..])
        );
        assert_eq!(
            Secrets::new([2; 32], None).open("test", b"context", &sealed),
            Err(DoesNotOpen)
        );
        assert_eq!(former.open("test", b"other", &sealed), Err(DoesNotOpen));
        assert_eq!(former.open("other", b"context", &sealed), Err(DoesNotOpen));
    }
}
