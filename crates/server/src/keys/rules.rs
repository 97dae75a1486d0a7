//! Decisions of keys that need no storage.

use crate::platform::primitives::Primitives;
use crate::platform::{ApiError, ApiResult};
use securechat_proto::account_log::{
    AppendedAt, Entry, Log, Operation, Verified, verify_chain, within_daily_rate,
};
use securechat_proto::api::{BundleUpload, Code};
use securechat_proto::bundle::{MerkleTree, SignedBundle};
use securechat_proto::limits::{DAY_MS, LOG_ENTRY_BYTES_MAX, ONE_TIME_PREKEYS, SECOND_MS};
use securechat_proto::public_key::XWING_BYTES;
use securechat_proto::signing::{self, Purpose};
use securechat_proto::{DeviceId, Fingerprint, Timestamp};

/// A sealing key stays good this long after its successor was published (protocol.md section 3).
pub const SEALING_KEPT_MS: u64 = 31 * DAY_MS;
/// Hashes of handed-out prekeys are remembered this long, so that none is handed out twice even if uploaded again.
pub const CLAIMED_KEPT_MS: u64 = 90 * DAY_MS;
/// Bundles of one device whose prekeys are still in stock; the oldest leaves with its prekeys.
pub const BUNDLES_IN_STOCK_MAX: usize = 16;

/// Reads a Genesis: a whole log of one entry.
pub fn check_genesis(entry: &[u8]) -> ApiResult<Verified<Log>> {
    if entry.len() > LOG_ENTRY_BYTES_MAX {
        return Err(Code::Invalid.into());
    }
    verify_chain(&[entry], &Primitives).map_err(|_| Code::Invalid.into())
}

/// An entry as the relay holds it.
pub struct HeldEntry {
    pub entry: Vec<u8>,
    pub appended_at: Timestamp,
}

/// The log after one more entry, judged by the relay's own append times.
///
/// # Errors
/// `invalid` when the entry breaks a rule of the log, `forbidden` with the time left when it comes before its term,
/// `rate_limited` above 20 entries a day, `internal` when what is held does not verify.
pub fn check_append(held: &[HeldEntry], entry: &[u8], now: Timestamp) -> ApiResult<Verified<Log>> {
    if entry.len() > LOG_ENTRY_BYTES_MAX {
        return Err(Code::Invalid.into());
    }
    let bytes: Vec<&[u8]> = held.iter().map(|held| held.entry.as_slice()).collect();
    let log = verify_chain(&bytes, &Primitives).map_err(|refused| {
        tracing::error!(
            code = refused.code(),
            "a stored account log does not verify"
        );
        Code::Internal
    })?;
    let earlier: Vec<AppendedAt> = held
        .iter()
        .zip(0..)
        .filter_map(|(held, sequence)| {
            let signer = log.entry(sequence)?.body.signer;
            Some(AppendedAt {
                at: held.appended_at,
                signer,
            })
        })
        .collect();
    let appended = log.append(entry, &Primitives).map_err(|_| Code::Invalid)?;
    if let Some(term) = appended.term {
        let since = held
            .get(usize::try_from(term.since).unwrap_or(usize::MAX))
            .ok_or(Code::Internal)?;
        let elapsed = now.since(since.appended_at);
        if !term.has_passed(elapsed) {
            let left_s = (term.length_ms - elapsed).div_ceil(SECOND_MS);
            return Err(ApiError {
                code: Code::Forbidden,
                retry_after_s: Some(left_s),
            });
        }
    }
    let signer = appended
        .log
        .entry(appended.log.head().sequence)
        .ok_or(Code::Internal)?
        .body
        .signer;
    if !within_daily_rate(&earlier, signer, now) {
        return Err(ApiError::rate_limited(DAY_MS / SECOND_MS));
    }
    Ok(appended.log)
}

/// The device an entry brings in, whatever became of it later.
pub fn devices_named(entry: &[u8]) -> Option<DeviceId> {
    let entry = Entry::decode(entry).ok()?;
    let device = match &entry.body.operation {
        Operation::Genesis { device, .. } => device,
        operation => operation.incoming()?,
    };
    Some(device.id(&Primitives))
}

/// A bundle that its device signed, with the one-time prekeys it proves.
pub struct CheckedBundle {
    pub signed: SignedBundle,
    pub bytes: Vec<u8>,
    pub prekeys: Vec<CheckedPrekey>,
}

pub struct CheckedPrekey {
    pub index: u32,
    pub public_key: Vec<u8>,
    /// Sibling hashes from leaf to root, joined.
    pub path: Vec<u8>,
}

impl CheckedBundle {
    /// A bundle that names prekeys but brings none: they must be those of the bundle before.
    pub fn keeps_prekeys(&self) -> bool {
        self.prekeys.is_empty() && self.signed.bundle.one_time_count > 0
    }
}

/// Checks account, device, signature, and that the prekeys are those under the signed root.
pub fn check_bundle(
    upload: &BundleUpload,
    account: Fingerprint,
    device_id: DeviceId,
    dsk: &[u8; 32],
) -> ApiResult<CheckedBundle> {
    let signed = SignedBundle::decode(&upload.bundle.0).map_err(|_| Code::Invalid)?;
    if signed.bundle.account != account || signed.bundle.device != device_id {
        return Err(Code::Invalid.into());
    }
    let message = signing::message(Purpose::Bundle, &account, &device_id, &[signed.body()]);
    if !crate::platform::primitives::verify_ed25519(dsk, &message, &signed.signature) {
        return Err(Code::Invalid.into());
    }
    let prekeys = check_prekeys(upload, &signed)?;
    Ok(CheckedBundle {
        bytes: upload.bundle.0.clone(),
        signed,
        prekeys,
    })
}

fn check_prekeys(upload: &BundleUpload, signed: &SignedBundle) -> ApiResult<Vec<CheckedPrekey>> {
    if upload.one_time_prekeys.is_empty() {
        return Ok(Vec::new());
    }
    if upload.one_time_prekeys.len() > ONE_TIME_PREKEYS {
        return Err(Code::Invalid.into());
    }
    let keys: Vec<&[u8; XWING_BYTES]> = upload
        .one_time_prekeys
        .iter()
        .map(|key| key.0.as_slice().try_into().map_err(|_| Code::Invalid))
        .collect::<Result<_, _>>()?;
    let tree = MerkleTree::build(&Primitives, keys.iter().copied()).ok_or(Code::Invalid)?;
    if tree.root() != signed.bundle.one_time_root || tree.count() != signed.bundle.one_time_count {
        return Err(Code::Invalid.into());
    }
    keys.iter()
        .zip(0..)
        .map(|(key, index)| {
            let path = tree.path(index).ok_or(Code::Internal)?;
            Ok(CheckedPrekey {
                index,
                public_key: key.to_vec(),
                path: path.concat(),
            })
        })
        .collect()
}

/// The lowest sealing-key number that still opens: the newest one published more than 31 days ago, because only
/// what it replaced can have been erased.
pub fn sealing_floor(published: &[(u32, Timestamp)], now: Timestamp) -> u32 {
    published
        .iter()
        .filter(|(_, at)| now.since(*at) >= SEALING_KEPT_MS)
        .map(|(number, _)| *number)
        .max()
        .or_else(|| published.iter().map(|(number, _)| *number).min())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealing_key_is_good_for_31_days_after_it_was_replaced() {
        let start = 1_800_000_000_000;
        let published = [
            (1, Timestamp(start)),
            (2, Timestamp(start + DAY_MS)),
            (3, Timestamp(start + 2 * DAY_MS)),
        ];
        let floor = |days: u64| sealing_floor(&published, Timestamp(start + days * DAY_MS));
        assert_eq!(
            (floor(0), floor(31), floor(32), floor(33), floor(400)),
            (1, 1, 2, 3, 3)
        );
        assert_eq!(sealing_floor(&[], Timestamp(start)), 0);
    }
}
