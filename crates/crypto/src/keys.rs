//! Key types: secrets that are wiped when dropped and cannot be printed, copied or serialised by accident.
//!
//! `stored()` forms exist for the engine's encrypted store only; nothing else may hold them.

use crate::error::NoRandomness;
use ed25519_dalek::{Signer, VerifyingKey};
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use securechat_proto::public_key::{KeyType, XWING_BYTES};
use securechat_proto::signing::{self, Purpose};
use securechat_proto::{DeviceId, Fingerprint};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `N` secret bytes. No Debug, Display, Clone or serde; wiped when dropped; compared in constant time.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Moves the bytes in and wipes where they came from.
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let mut secret = Self(Box::new([0; N]));
        secret.0.copy_from_slice(bytes);
        bytes.zeroize();
        secret
    }

    /// Copies a slice of exactly `N` bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self(Box::new([0; N]));
        if bytes.len() != N {
            return None;
        }
        secret.0.copy_from_slice(bytes);
        Some(secret)
    }

    /// Fresh random bytes.
    ///
    /// # Errors
    /// [`NoRandomness`]
    pub fn random() -> Result<Self, NoRandomness> {
        let mut secret = Self(Box::new([0; N]));
        getrandom04::fill(secret.0.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(secret)
    }

    /// The bytes, for the one computation that needs them.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second holder of the same secret, made on purpose.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        crate::primitives::equal(self.0.as_slice(), other.0.as_slice())
    }
}

impl<const N: usize> Eq for Secret<N> {}

// ---- Ed25519 ------------------------------------------------------------------------------------

/// Ed25519 signing key, 32-byte seed (RFC 8032).
pub struct SigningSecret(ed25519_dalek::SigningKey);

impl SigningSecret {
    /// # Errors
    /// [`NoRandomness`]
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self::from_seed(&Secret::random()?))
    }

    pub fn from_seed(seed: &Secret<32>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    pub fn public(&self) -> SigningPublic {
        SigningPublic(self.0.verifying_key().to_bytes())
    }

    /// Signs `fields` for one purpose, account and device (docs/protocol/keys.md).
    pub fn sign(
        &self,
        purpose: Purpose,
        account: &Fingerprint,
        device: &DeviceId,
        fields: &[&[u8]],
    ) -> [u8; 64] {
        self.0
            .sign(&signing::message(purpose, account, device, fields))
            .to_bytes()
    }

    /// The seed, for the encrypted store.
    pub fn stored(&self) -> Secret<32> {
        let mut seed = self.0.to_bytes();
        Secret::take(&mut seed)
    }
}

/// Ed25519 verifying key. Any 32 bytes may be carried; verification refuses what is no valid key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SigningPublic(pub [u8; 32]);

impl SigningPublic {
    /// Strict verification of what [`SigningSecret::sign`] signs.
    pub fn verify(
        &self,
        purpose: Purpose,
        account: &Fingerprint,
        device: &DeviceId,
        fields: &[&[u8]],
        signature: &[u8; 64],
    ) -> bool {
        self.verify_bytes(
            &signing::message(purpose, account, device, fields),
            signature,
        )
    }

    pub(crate) fn verify_bytes(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else {
            return false;
        };
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
            .is_ok()
    }
}

// ---- X25519 -------------------------------------------------------------------------------------

/// X25519 secret key (RFC 7748); the identity key, signed prekeys, ephemeral keys.
pub struct X25519Secret(Secret<32>);

impl X25519Secret {
    /// # Errors
    /// [`NoRandomness`]
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(Secret::random()?))
    }

    pub fn from_secret(secret: Secret<32>) -> Self {
        Self(secret)
    }

    pub fn public(&self) -> X25519Public {
        X25519Public(x25519_dalek::PublicKey::from(&self.library_key()).to_bytes())
    }

    /// Diffie-Hellman. `None` when the other key contributes nothing (low order, all-zero result).
    pub fn diffie_hellman(&self, theirs: &X25519Public) -> Option<Secret<32>> {
        let shared = self
            .library_key()
            .diffie_hellman(&x25519_dalek::PublicKey::from(theirs.0));
        shared
            .was_contributory()
            .then(|| Secret::take(&mut shared.to_bytes()))
    }

    /// The 32 bytes, for the encrypted store and for the ratchet library.
    pub fn stored(&self) -> &Secret<32> {
        &self.0
    }

    fn library_key(&self) -> x25519_dalek::StaticSecret {
        x25519_dalek::StaticSecret::from(*self.0.expose())
    }
}

/// X25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct X25519Public(pub [u8; 32]);

impl X25519Public {
    /// Type byte || key, as it stands in everything hashed or signed.
    pub fn typed(&self, key_type: KeyType) -> [u8; 33] {
        let mut typed = [0; 33];
        typed[0] = key_type.byte();
        typed[1..].copy_from_slice(&self.0);
        typed
    }
}

// ---- X-Wing -------------------------------------------------------------------------------------

/// X-Wing secret key: the 32-byte seed (draft-connolly-cfrg-xwing-kem).
pub struct XWingSecret(Secret<32>);

impl XWingSecret {
    /// # Errors
    /// [`NoRandomness`]
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(Secret::random()?))
    }

    pub fn from_seed(seed: Secret<32>) -> Self {
        Self(seed)
    }

    /// Computes the public key; about 0.1 ms, so keep it beside the seed.
    pub fn public(&self) -> XWingPublic {
        let public = self
            .library_key()
            .map(|key| XWing::sk_to_pk(&key).to_bytes());
        let mut bytes = Box::new([0; XWING_BYTES]);
        if let Some(public) = public {
            bytes.copy_from_slice(&public);
        }
        XWingPublic(bytes)
    }

    /// The key for HPKE and decapsulation. A seed of 32 bytes always is one, so `None` does not occur.
    pub fn library_key(&self) -> Option<<XWing as Kem>::PrivateKey> {
        <XWing as Kem>::PrivateKey::from_bytes(self.0.expose()).ok()
    }

    /// The seed, for the encrypted store.
    pub fn stored(&self) -> &Secret<32> {
        &self.0
    }
}

/// X-Wing public key, 1216 bytes: ML-KEM-768 || X25519.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct XWingPublic(pub Box<[u8; XWING_BYTES]>);

impl XWingPublic {
    /// Takes exactly 1216 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Box::new([0; XWING_BYTES]);
        if bytes.len() != XWING_BYTES {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The key for HPKE and encapsulation; `None` for bytes that are no valid ML-KEM key (FIPS 203 7.2).
    pub fn library_key(&self) -> Option<<XWing as Kem>::PublicKey> {
        <XWing as Kem>::PublicKey::from_bytes(self.0.as_slice()).ok()
    }

    /// Type byte || key, as it stands in everything hashed or signed.
    pub fn typed(&self, key_type: KeyType) -> Vec<u8> {
        let mut typed = Vec::with_capacity(1 + XWING_BYTES);
        typed.push(key_type.byte());
        typed.extend_from_slice(self.0.as_slice());
        typed
    }
}

impl std::fmt::Debug for XWingPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, ..] = *self.0;
        write!(f, "XWingPublic({a:02x}{b:02x}{c:02x})")
    }
}

/// Bytes of a stored secret form: wiped when dropped. For the engine's encrypted store only.
pub type StoredSecret = Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_wing_seeds_make_keys_that_agree() {
        let secret = XWingSecret::from_seed(Secret::take(&mut [7; 32]));
        let (shared, encapped) =
            XWing::encap(&secret.public().library_key().unwrap(), None).unwrap();
        let opened = XWing::decap(&secret.library_key().unwrap(), None, &encapped).unwrap();
        assert_eq!(shared.0, opened.0);
    }

    #[test]
    fn low_order_x25519_keys_contribute_nothing() {
        let secret = X25519Secret::generate().unwrap();
        let mut one = [0; 32];
        one[0] = 1;
        let mut prime = [0xff; 32];
        (prime[0], prime[31]) = (0xed, 0x7f);
        for low_order in [[0; 32], one, prime] {
            assert!(secret.diffie_hellman(&X25519Public(low_order)).is_none());
        }
    }

    #[test]
    fn signatures_bind_purpose_account_device_and_fields() {
        let secret = SigningSecret::generate().unwrap();
        let (fp, device) = (Fingerprint([1; 32]), DeviceId([2; 16]));
        let signature = secret.sign(Purpose::Bundle, &fp, &device, &[b"field"]);
        let public = secret.public();
        assert!(public.verify(Purpose::Bundle, &fp, &device, &[b"fi", b"eld"], &signature));
        assert!(!public.verify(Purpose::Auth, &fp, &device, &[b"field"], &signature));
        assert!(!public.verify(
            Purpose::Bundle,
            &Fingerprint([3; 32]),
            &device,
            &[b"field"],
            &signature
        ));
        assert!(!public.verify(
            Purpose::Bundle,
            &fp,
            &DeviceId([3; 16]),
            &[b"field"],
            &signature
        ));
        assert!(!public.verify(Purpose::Bundle, &fp, &device, &[b"other"], &signature));
        assert!(!SigningPublic([0; 32]).verify(
            Purpose::Bundle,
            &fp,
            &device,
            &[b"field"],
            &signature
        ));
        let mut broken = signature;
        broken[63] ^= 0x80;
        assert!(!public.verify(Purpose::Bundle, &fp, &device, &[b"field"], &broken));
    }

    #[test]
    fn small_order_signing_keys_sign_nothing() {
        // With the neutral element as key and as R, and S = 0, plain verification accepts every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&neutral).unwrap();
        let plain = ed25519_dalek::Verifier::verify(
            &key,
            b"any message",
            &ed25519_dalek::Signature::from_bytes(&signature),
        );
        assert!(plain.is_ok(), "the trap this test is about is gone");
        assert!(!SigningPublic(neutral).verify_bytes(b"any message", &signature));
    }

    #[test]
    fn keys_of_wrong_length_or_form_are_refused() {
        assert!(XWingPublic::from_slice(&[0; 1215]).is_none());
        assert!(
            XWingPublic::from_slice(&[0xff; 1216])
                .unwrap()
                .library_key()
                .is_none()
        );
        assert!(Secret::<32>::from_slice(&[0; 31]).is_none());
    }
}
