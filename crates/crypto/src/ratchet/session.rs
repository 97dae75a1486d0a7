//! vodozemac's Double Ratchet (session v2, full 32-byte MAC) in two types: one that may encrypt and one that may not yet.

use crate::error::NoRandomness;
use crate::keys::{Secret, X25519Public, X25519Secret};
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{Message, OlmMessage, Session, SessionConfig, SessionKeys, SessionPickle};
use zeroize::Zeroizing;

/// First byte of a ratchet message with the full MAC; others are refused before the library sees them.
const MESSAGE_VERSION: u8 = 4;
/// 5 receiving chains with 40 skipped keys each, named fields: below 24 KiB.
const STORED_BYTES_MAX: usize = 24 * 1024;

/// Why a ratchet message did not open or a stored session did not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RatchetError {
    #[error("not a ratchet message")]
    Malformed,
    #[error("the message does not open in this session")]
    Undecryptable,
    #[error("the session can not encrypt")]
    CanNotEncrypt,
    #[error("the stored session can not be read")]
    Corrupt,
}

/// A session that may encrypt and decrypt.
pub(crate) struct Ratchet(Session);

/// A responder's session before its first message has opened. Encrypting now would use a chain key the other
/// side can not derive (the library allows it), so this type has no such verb.
pub(crate) struct AwaitingFirst(Session);

impl AwaitingFirst {
    /// Root = SK, chain = unused random bytes, ratchet key = the signed prekey: the first `decrypt` makes the
    /// DH step that the initiator made when it started.
    pub fn responder(
        names: [X25519Public; 3],
        root: &Secret<32>,
        signed_prekey: &X25519Secret,
    ) -> Result<Self, NoRandomness> {
        let unused = Secret::<32>::random()?;
        Ok(Self(session(
            names,
            root.expose(),
            unused.expose(),
            signed_prekey,
        )))
    }

    /// Opens the first message; only then does the session become one that may encrypt.
    pub fn first_decrypt(mut self, message: &[u8]) -> Result<(Ratchet, Vec<u8>), RatchetError> {
        let plaintext = decrypt(&mut self.0, message)?;
        Ok((Ratchet(self.0), plaintext))
    }
}

impl Ratchet {
    /// `first` = root || chain after the first DH step with `ratchet_key` (a0).
    pub fn initiator(
        names: [X25519Public; 3],
        first: &Secret<64>,
        ratchet_key: &X25519Secret,
    ) -> Self {
        let (mut root, mut chain) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        root.copy_from_slice(&first.expose()[..32]);
        chain.copy_from_slice(&first.expose()[32..]);
        Self(session(names, &root, &chain, ratchet_key))
    }

    /// Version 4 || protobuf {ratchet key, chain index, AES-256-CBC ciphertext} || HMAC-SHA-256[32].
    pub fn encrypt(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, RatchetError> {
        let message = self
            .0
            .encrypt(plaintext)
            .map_err(|_| RatchetError::CanNotEncrypt)?;
        Ok(match message {
            OlmMessage::Normal(message) => message.to_bytes(),
            // The library's own prekey header is not used: the compact handshake stands in the sealed body.
            OlmMessage::PreKey(prekey) => prekey.message().to_bytes(),
        })
    }

    pub fn decrypt(&mut self, message: &[u8]) -> Result<Vec<u8>, RatchetError> {
        decrypt(&mut self.0, message)
    }

    /// MessagePack of the library's serde form. The form has internally tagged enums, so the codec must describe itself.
    pub fn to_stored(&self) -> Result<Zeroizing<Vec<u8>>, RatchetError> {
        // Room for the largest session, so that growing leaves no unwiped copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(STORED_BYTES_MAX));
        rmp_serde::encode::write_named(&mut *bytes, &self.0.pickle())
            .map_err(|_| RatchetError::Corrupt)?;
        Ok(Zeroizing::new(bytes.to_vec()))
    }

    pub fn from_stored(bytes: &[u8]) -> Result<Self, RatchetError> {
        let pickle: SessionPickle =
            rmp_serde::from_slice(bytes).map_err(|_| RatchetError::Corrupt)?;
        Ok(Self(Session::from_pickle(pickle)))
    }

    /// Root key, chain key and ratchet secret while the sending chain is active: what known-answer files pin.
    #[cfg(test)]
    pub fn sending_state(&self) -> Option<[[u8; 32]; 3]> {
        self.0
            .active_sending_state()
            .map(|state| [*state.root_key, *state.chain_key, *state.ratchet_key])
    }
}

fn session(
    names: [X25519Public; 3],
    root: &[u8; 32],
    chain: &[u8; 32],
    ratchet_key: &X25519Secret,
) -> Session {
    let [identity_key, base_key, one_time_key] =
        names.map(|key| Curve25519PublicKey::from_bytes(key.0));
    let keys = SessionKeys {
        identity_key,
        base_key,
        one_time_key,
    };
    Session::from_root_key_material(
        SessionConfig::version_2(),
        keys,
        *root,
        *chain,
        *ratchet_key.stored().expose(),
    )
}

/// Ratchet key and chain index of a ratchet message, which name its message key. They stand in the message readable for
/// whoever took the outer seal off. `None`: not a ratchet message.
pub(crate) fn position(message: &[u8]) -> Option<(X25519Public, u64)> {
    let message = Message::from_bytes(message).ok()?;
    Some((
        X25519Public(message.ratchet_key().to_bytes()),
        message.chain_index(),
    ))
}

fn decrypt(session: &mut Session, message: &[u8]) -> Result<Vec<u8>, RatchetError> {
    if message.first() != Some(&MESSAGE_VERSION) {
        return Err(RatchetError::Malformed);
    }
    let message = Message::from_bytes(message).map_err(|_| RatchetError::Malformed)?;
    session
        .decrypt(&OlmMessage::Normal(message))
        .map_err(|_| RatchetError::Undecryptable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Ratchet, AwaitingFirst) {
        let key = |byte| X25519Secret::from_secret(Secret::take(&mut [byte; 32]));
        let (ours, signed_prekey) = (key(1), key(2));
        let names = [ours.public(), ours.public(), signed_prekey.public()];
        let root = Secret::take(&mut [3; 32]);
        let shared = ours.diffie_hellman(&signed_prekey.public()).unwrap();
        let first =
            crate::primitives::hkdf_sha256(root.expose(), shared.expose(), &[b"OLM_RATCHET"]);
        let initiator = Ratchet::initiator(names, &first, &ours);
        (
            initiator,
            AwaitingFirst::responder(names, &root, &signed_prekey).unwrap(),
        )
    }

    #[test]
    fn the_largest_session_fits_the_buffer_it_is_written_to() {
        let (mut alice, bob) = pair();
        let mut bob = bob.first_decrypt(&alice.encrypt(b"").unwrap()).unwrap().0;
        for _ in 0..6 {
            alice.decrypt(&bob.encrypt(b"").unwrap()).unwrap();
            for _ in 0..41 {
                alice.encrypt(b"").unwrap();
            }
            bob.decrypt(&alice.encrypt(b"").unwrap()).unwrap();
        }
        let stored = bob.to_stored().unwrap();
        // 200 skipped keys; a byte above 127 takes two, so even keys of such bytes alone fit.
        let keys = 5 * 40 * 32;
        assert!(
            stored.len() > keys && stored.len() + keys < STORED_BYTES_MAX,
            "{}",
            stored.len()
        );
        let mut bob = Ratchet::from_stored(&stored).unwrap();
        alice.decrypt(&bob.encrypt(b"still here").unwrap()).unwrap();
    }

    #[test]
    fn only_messages_with_the_full_mac_are_read() {
        let (mut alice, bob) = pair();
        let message = alice.encrypt(b"x").unwrap();
        assert_eq!(message[0], MESSAGE_VERSION);
        let mut bob = bob.first_decrypt(&message).unwrap().0;
        let mut other = alice.encrypt(b"y").unwrap();
        other[0] = 3;
        for (bytes, expected) in [
            (other.clone(), RatchetError::Malformed),
            (Vec::new(), RatchetError::Malformed),
            (vec![MESSAGE_VERSION; 40], RatchetError::Malformed),
            (message, RatchetError::Undecryptable),
        ] {
            assert_eq!(bob.decrypt(&bytes), Err(expected));
        }
        other[0] = MESSAGE_VERSION;
        assert_eq!(bob.decrypt(&other).unwrap(), b"y");
    }

    #[test]
    fn a_damaged_stored_session_is_corrupt() {
        let stored = pair().0.to_stored().unwrap();
        for length in [0, 1, stored.len() / 2, stored.len() - 1] {
            assert_eq!(
                Ratchet::from_stored(&stored[..length]).err(),
                Some(RatchetError::Corrupt)
            );
        }
    }
}
