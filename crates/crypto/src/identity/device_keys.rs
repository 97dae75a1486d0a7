//! The three keys a device keeps for its whole life.

use crate::error::NoRandomness;
use crate::keys::{
    Secret, SigningPublic, SigningSecret, StoredSecret, X25519Public, X25519Secret, XWingPublic,
    XWingSecret,
};
use crate::primitives::Library;
use securechat_proto::{DeviceId, public_key};

const STORED_VERSION: u8 = 1;
const STORED_BYTES: usize = 1 + 3 * 32;

/// Secret keys of this device: DSK (Ed25519), IK (X25519), archive key (X-Wing). They never leave the device.
pub struct DeviceKeys {
    pub dsk: SigningSecret,
    pub ik: X25519Secret,
    pub archive: XWingSecret,
    public: DevicePublic,
}

impl DeviceKeys {
    /// Fresh keys from the system's randomness.
    ///
    /// # Errors
    /// [`NoRandomness`]
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self::from_seeds(
            &Secret::random()?,
            Secret::random()?,
            Secret::random()?,
        ))
    }

    /// Keys from three 32-byte seeds: known-answer files and the stored form.
    pub fn from_seeds(dsk: &Secret<32>, ik: Secret<32>, archive: Secret<32>) -> Self {
        let dsk = SigningSecret::from_seed(dsk);
        let ik = X25519Secret::from_secret(ik);
        let archive = XWingSecret::from_seed(archive);
        let public = DevicePublic {
            dsk: dsk.public(),
            ik: ik.public(),
            archive: archive.public(),
        };
        Self {
            dsk,
            ik,
            archive,
            public,
        }
    }

    pub fn public(&self) -> &DevicePublic {
        &self.public
    }

    pub fn id(&self) -> DeviceId {
        self.public.id()
    }

    /// version 1 || DSK seed[32] || IK[32] || archive seed[32], for the engine's encrypted store only.
    pub fn to_stored(&self) -> StoredSecret {
        let mut stored = StoredSecret::new(Vec::with_capacity(STORED_BYTES));
        stored.push(STORED_VERSION);
        stored.extend_from_slice(self.dsk.stored().expose());
        stored.extend_from_slice(self.ik.stored().expose());
        stored.extend_from_slice(self.archive.stored().expose());
        stored
    }

    /// Reads [`Self::to_stored`]; `None` for another version or length.
    pub fn from_stored(stored: &[u8]) -> Option<Self> {
        if stored.len() != STORED_BYTES || stored[0] != STORED_VERSION {
            return None;
        }
        let seed = |at: usize| Secret::from_slice(&stored[at..at + 32]);
        Some(Self::from_seeds(&seed(1)?, seed(33)?, seed(65)?))
    }
}

/// Public keys of a device, as its account log names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePublic {
    pub dsk: SigningPublic,
    pub ik: X25519Public,
    pub archive: XWingPublic,
}

impl DevicePublic {
    pub fn id(&self) -> DeviceId {
        device_id(&self.dsk, &self.ik)
    }
}

/// Device id: first 16 bytes of SHA-256(`SC1/device` || DSK || 0x01 || IK).
pub fn device_id(dsk: &SigningPublic, ik: &X25519Public) -> DeviceId {
    public_key::device_id(&Library, &dsk.0, &ik.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form_round_trips_and_refuses_others() {
        let keys = DeviceKeys::generate().unwrap();
        let stored = keys.to_stored();
        assert_eq!(
            DeviceKeys::from_stored(&stored).unwrap().public(),
            keys.public()
        );
        assert!(DeviceKeys::from_stored(&stored[1..]).is_none());
        let mut other = stored.clone();
        other[0] = 2;
        assert!(DeviceKeys::from_stored(&other).is_none());
    }
}
