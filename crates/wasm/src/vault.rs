//! The database key under a passphrase; the record it is kept in is the shell's.

use crate::{bug, code, take};
use securechat_engine::Secret;
use securechat_engine::vault_key::{Cost, EnvelopeKind, EnvelopeList, StoreName, VaultKeyError};
use securechat_proto::{DeviceId, Fingerprint};
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

/// Wraps `key` (32 bytes) under `passphrase` for the vault named `vault_id` (48 random bytes); wipes key and passphrase.
/// Takes about a second: Argon2id, 64 MiB.
///
/// # Errors
/// A code of `VaultKeyError`.
#[wasm_bindgen]
pub fn seal_key(
    key: &mut [u8],
    passphrase: &mut [u8],
    vault_id: &[u8],
) -> Result<Vec<u8>, JsValue> {
    let key = Secret::take(&mut take::<32>(key)?);
    let passphrase = text(passphrase)?;
    let mut list = EnvelopeList::default();
    list.wrap_with_passphrase(&name(vault_id)?, &passphrase, Cost::STANDARD, &key)
        .map_err(thrown)?;
    Ok(list.encode())
}

/// Opens what [`seal_key`] made; nothing when the passphrase is another. Wipes the passphrase.
///
/// # Errors
/// A code of `VaultKeyError`, when `sealed` is none of ours.
#[wasm_bindgen]
pub fn open_key(
    sealed: &[u8],
    passphrase: &mut [u8],
    vault_id: &[u8],
) -> Result<Option<Vec<u8>>, JsValue> {
    let passphrase = text(passphrase)?;
    let list = EnvelopeList::decode(sealed).map_err(thrown)?;
    if !list.has(EnvelopeKind::Passphrase) {
        return Ok(None);
    }
    match list.open_with_passphrase(&name(vault_id)?, &passphrase) {
        Ok(key) => Ok(Some(key.expose().to_vec())),
        Err(VaultKeyError::DoesNotOpen | VaultKeyError::PassphraseLength) => Ok(None),
        Err(error) => Err(thrown(error)),
    }
}

/// A vault is older than its account and must open before the account can be read, so a random name stands for both
/// (docs/decisions/0040).
fn name(vault_id: &[u8]) -> Result<StoreName, JsValue> {
    let (account, device) = vault_id.split_at_checked(32).ok_or_else(bug)?;
    Ok(StoreName {
        account: Fingerprint(account.try_into().map_err(|_| bug())?),
        device: DeviceId(device.try_into().map_err(|_| bug())?),
    })
}

fn text(lent: &mut [u8]) -> Result<Zeroizing<String>, JsValue> {
    let text = str::from_utf8(lent)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| bug());
    lent.fill(0);
    text
}

fn thrown(error: VaultKeyError) -> JsValue {
    code(error.code())
}
