//! The archive epoch key AEK_n and the small account records sealed under it: vault records and session names.
//!
//! Knows: record names and versions, so that the relay cannot swap or roll back a record unseen. Must never know: what
//! a record means. Derivations: docs/protocol/keys.md.

use crate::aead;
use crate::error::NoRandomness;
use crate::keys::{Secret, StoredSecret};
use crate::primitives::hkdf_sha256;
use securechat_proto::Fingerprint;
use securechat_proto::codec::{Malformed, Reader};
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// What a record is, and so its key and its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// An account record in the vault, by its name there. Padded to 1 KiB.
    Vault(&'a str),
    /// The device name in the session list, by session id. Padded to 200 bytes, so that all look alike.
    SessionName(&'a [u8; 16]),
}

impl Record<'_> {
    fn label(&self) -> &'static [u8] {
        match self {
            Self::Vault(_) => b"SC1/vault-record",
            Self::SessionName(_) => b"SC1/session-name",
        }
    }

    fn name(&self) -> &[u8] {
        match self {
            Self::Vault(name) => name.as_bytes(),
            Self::SessionName(id) => id.as_slice(),
        }
    }

    fn block(&self) -> usize {
        match self {
            Self::Vault(_) => 1024,
            Self::SessionName(_) => 200,
        }
    }
}

/// Archive epoch key number `n`, known to the account's own devices only. Wiped when dropped.
pub struct AccountSecret {
    number: u32,
    key: Secret<32>,
}

/// A record that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("malformed record")]
    Malformed,
    /// Sealed under another archive epoch key.
    #[error("record of another epoch key")]
    OtherKey,
    /// Changed, swapped or rolled back: not what was sealed under this name and version.
    #[error("record is not what was sealed")]
    NotAuthentic,
}

impl RecordError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "record_malformed",
            Self::OtherKey => "record_other_key",
            Self::NotAuthentic => "record_not_authentic",
        }
    }
}

impl AccountSecret {
    /// AEK_1, made at sign-up.
    ///
    /// # Errors
    /// [`NoRandomness`]
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self {
            number: 1,
            key: Secret::random()?,
        })
    }

    pub fn from_key(number: u32, key: Secret<32>) -> Self {
        Self { number, key }
    }

    /// n of AEK_n.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// n u32 || key[32], for the encrypted store and for sealing to own devices.
    pub fn to_stored(&self) -> StoredSecret {
        let mut stored = Zeroizing::new(Vec::with_capacity(36));
        stored.extend_from_slice(&self.number.to_be_bytes());
        stored.extend_from_slice(self.key.expose());
        stored
    }

    pub fn from_stored(stored: &[u8]) -> Option<Self> {
        let (number, key) = stored.split_first_chunk::<4>()?;
        Some(Self {
            number: u32::from_be_bytes(*number),
            key: Secret::from_slice(key)?,
        })
    }

    /// Seals `plain` as version `version` of `record`: version || n u32 || nonce[12] || ciphertext || tag[16].
    ///
    /// # Errors
    /// [`NoRandomness`]
    pub fn seal(
        &self,
        account: &Fingerprint,
        record: Record<'_>,
        version: u64,
        plain: &[u8],
    ) -> Result<Vec<u8>, NoRandomness> {
        let sealed = aead::seal(
            &self.record_key(record),
            &self.aad(account, record, version),
            &pad(plain, record.block()),
        )?;
        Ok([&[VERSION], self.number.to_be_bytes().as_slice(), &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for the same record and version.
    ///
    /// # Errors
    /// [`RecordError`]
    pub fn open(
        &self,
        account: &Fingerprint,
        record: Record<'_>,
        version: u64,
        sealed: &[u8],
    ) -> Result<StoredSecret, RecordError> {
        let (number, sealed) = split(sealed).map_err(|_| RecordError::Malformed)?;
        if number != self.number {
            return Err(RecordError::OtherKey);
        }
        let padded = aead::open(
            &self.record_key(record),
            &self.aad(account, record, version),
            sealed,
        )
        .ok_or(RecordError::NotAuthentic)?;
        unpad(&padded).ok_or(RecordError::Malformed)
    }

    fn record_key(&self, record: Record<'_>) -> Secret<32> {
        hkdf_sha256(
            b"",
            self.key.expose(),
            &[record.label(), &[0], record.name()],
        )
    }

    /// label || 0x00 || version || fp[32] || n u32 || record version u64 || record name
    fn aad(&self, account: &Fingerprint, record: Record<'_>, version: u64) -> Vec<u8> {
        let mut aad = [record.label(), &[0, VERSION], account.as_bytes()].concat();
        aad.extend_from_slice(&self.number.to_be_bytes());
        aad.extend_from_slice(&version.to_be_bytes());
        aad.extend_from_slice(record.name());
        aad
    }
}

fn split(sealed: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let mut reader = Reader::new(sealed);
    reader.expect(VERSION)?;
    let number = reader.u32()?;
    let left = reader.left();
    Ok((number, reader.take(left)?))
}

/// length u32 || plain || zeros up to a multiple of `block`.
fn pad(plain: &[u8], block: usize) -> StoredSecret {
    let length = (4 + plain.len()).next_multiple_of(block);
    let mut padded = Zeroizing::new(Vec::with_capacity(length));
    padded.extend_from_slice(&(plain.len() as u32).to_be_bytes());
    padded.extend_from_slice(plain);
    padded.resize(length, 0);
    padded
}

fn unpad(padded: &[u8]) -> Option<StoredSecret> {
    let (length, rest) = padded.split_first_chunk::<4>()?;
    let plain = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some(Zeroizing::new(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Fingerprint = Fingerprint([7; 32]);

    #[test]
    fn a_record_opens_only_under_its_own_name_version_account_and_key() {
        let secret = AccountSecret::generate().unwrap();
        let record = Record::Vault("contacts");
        let sealed = secret.seal(&ACCOUNT, record, 3, b"plain").unwrap();
        assert_eq!(
            secret
                .open(&ACCOUNT, record, 3, &sealed)
                .unwrap()
                .as_slice(),
            b"plain"
        );
        let stored = AccountSecret::from_stored(&secret.to_stored()).unwrap();
        assert_eq!(
            stored
                .open(&ACCOUNT, record, 3, &sealed)
                .unwrap()
                .as_slice(),
            b"plain"
        );
        let wrong = Err(RecordError::NotAuthentic);
        assert_eq!(secret.open(&ACCOUNT, record, 2, &sealed), wrong);
        assert_eq!(
            secret.open(&ACCOUNT, Record::Vault("settings"), 3, &sealed),
            wrong
        );
        assert_eq!(
            secret.open(&ACCOUNT, Record::SessionName(&[0; 16]), 3, &sealed),
            wrong
        );
        assert_eq!(
            secret.open(&Fingerprint([8; 32]), record, 3, &sealed),
            wrong
        );
        let next = AccountSecret::from_key(2, Secret::random().unwrap());
        assert_eq!(
            next.open(&ACCOUNT, record, 3, &sealed),
            Err(RecordError::OtherKey)
        );
        assert_eq!(
            AccountSecret::generate()
                .unwrap()
                .open(&ACCOUNT, record, 3, &sealed),
            wrong
        );
        assert_eq!(
            secret.open(&ACCOUNT, record, 3, &sealed[..4]),
            Err(RecordError::Malformed)
        );
        assert_eq!(
            secret.open(&ACCOUNT, record, 3, &[&[2], &sealed[1..]].concat()),
            Err(RecordError::Malformed)
        );
    }

    #[test]
    fn sizes_tell_little() {
        let secret = AccountSecret::generate().unwrap();
        let name = |text: &str| {
            secret
                .seal(&ACCOUNT, Record::SessionName(&[1; 16]), 1, text.as_bytes())
                .unwrap()
                .len()
        };
        assert_eq!((name(""), name(&"x".repeat(192))), (233, 233));
        let vault = |size: usize| {
            secret
                .seal(&ACCOUNT, Record::Vault("contacts"), 1, &vec![1; size])
                .unwrap()
                .len()
        };
        assert_eq!((vault(0), vault(1020), vault(1021)), (1057, 1057, 2081));
    }

    #[test]
    fn stored_forms_of_wrong_length_are_refused() {
        assert!(AccountSecret::from_stored(&[0; 35]).is_none());
        assert!(AccountSecret::from_stored(&[0; 3]).is_none());
    }
}
