//! What sealing needs of the other side: signed bundles and prekeys, fetched, verified and kept.

use crate::context::Cx;
use crate::error::Outcome;
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::Method;
use crate::store::rows::{int, uint};
use crate::{identities, inbox, outbox};
use rusqlite::params;
use securechat_crypto::bundle::{self, BundleRefused, HandshakeKeys, PeerBundle};
use securechat_crypto::pqxdh::Address;
use securechat_crypto::ratchet::PeerSessions;
use securechat_proto::api::{OneTimePrekey, PrekeyBundle, PrekeyBundles, PrekeyClaim};
use securechat_proto::{AccountId, DeviceId, Fingerprint, Timestamp, limits};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Verified bundles kept in memory.
const CACHED_MAX: usize = 512;
/// Claimed prekeys are used within this time or not at all: their owner may replace them at once, keeps them for 35 days
/// then, and an envelope may wait at the relay for 30 of those.
const PREKEYS_HELD_MS: u64 = 5 * limits::DAY_MS;
/// A device without a bundle is asked for again after this.
const UNPUBLISHED_MS: u64 = 4 * limits::MINUTE_MS;

/// The newest verified bundle of a device that is active, unless it is known to be stale.
pub(super) fn bundle(cx: &mut Cx<'_>, address: &Address) -> Outcome<Option<Arc<PeerBundle>>> {
    let row = cx.db.one(
        "SELECT bundle FROM identities_bundles WHERE device_id = ?1 AND stale = 0",
        [address.device.as_bytes()],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    let Some(bytes) = row else {
        return Ok(None);
    };
    if let Some(held) = cx.live.bundles.get(&address.device) {
        return Ok(Some(held.clone()));
    }
    let Some(log) = identities::log(cx, &address.fingerprint)? else {
        return Ok(None);
    };
    let state = identities::acting(cx, &log)?;
    let Ok(verified) = bundle::verify(&bytes, &address.device, &log, &state, None) else {
        return Ok(None);
    };
    if cx.live.bundles.len() >= CACHED_MAX {
        cx.live.bundles.pop_first();
    }
    let verified = Arc::new(verified);
    cx.live.bundles.insert(address.device, verified.clone());
    Ok(Some(verified))
}

/// Prekeys claimed for this device and not used yet: a proved one-time key, or the last-resort key.
pub(super) fn prekeys(
    cx: &mut Cx<'_>,
    address: &Address,
    bundle: &PeerBundle,
) -> Outcome<Option<HandshakeKeys>> {
    let row = cx.db.one(
        "SELECT one_time, fetched_at FROM identities_bundles WHERE device_id = ?1 AND one_time IS NOT NULL",
        [address.device.as_bytes()],
        |row| Ok((row.get::<_, Vec<u8>>(0)?, Timestamp(uint(row.get(1)?)))),
    )?;
    let Some((stored, fetched)) = row else {
        return Ok(None);
    };
    if cx.now.since(fetched) > PREKEYS_HELD_MS {
        return Ok(None);
    }
    let Some(one_time) = serde_json::from_slice::<Option<OneTimePrekey>>(&stored)
        .ok()
        .flatten()
    else {
        return Ok(Some(bundle.last_resort()));
    };
    let Some(log) = identities::log(cx, &address.fingerprint)? else {
        return Ok(None);
    };
    let state = identities::acting(cx, &log)?;
    let path: Option<Vec<[u8; 32]>> = one_time
        .path
        .iter()
        .map(|hash| hash.0.as_slice().try_into().ok())
        .collect();
    let proved_by = one_time.proved_by.as_ref().map(|bytes| bytes.0.as_slice());
    let keys = path.ok_or(BundleRefused::Malformed).and_then(|path| {
        bundle.one_time(
            one_time.index,
            &one_time.public_key.0,
            &path,
            proved_by,
            &log,
            &state,
        )
    });
    Ok(Some(match keys {
        Ok(keys) => keys,
        Err(_) => {
            inbox::count(cx, "prekey_refused")?;
            bundle.last_resort()
        }
    }))
}

pub(super) fn prekeys_used(cx: &mut Cx<'_>, device: &DeviceId) -> Outcome<()> {
    cx.db.run(
        "UPDATE identities_bundles SET one_time = NULL WHERE device_id = ?1",
        [device.as_bytes()],
    )?;
    Ok(())
}

/// The relay says that this device's sealing key is too old: its bundle must be fetched before the next sealing.
pub(super) fn on_stale(cx: &mut Cx<'_>, device: &DeviceId) -> Outcome<()> {
    cx.db.run(
        "UPDATE identities_bundles SET stale = 1 WHERE device_id = ?1",
        [device.as_bytes()],
    )?;
    cx.live.bundles.remove(device);
    Ok(())
}

/// Takes bundle and prekey of these devices, once at a time and account.
pub(super) fn claim(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    fingerprint: Fingerprint,
    devices: Vec<DeviceId>,
) -> Outcome<()> {
    let request = Request::with_body(
        Method::Post,
        format!("prekeys:{account_id}"),
        Purpose::ClaimPrekeys {
            account_id,
            fingerprint,
            devices: devices.clone(),
        },
        format!("/v1/accounts/{account_id}/prekeys"),
        &PrekeyClaim { devices },
    )?;
    requests::send(cx, request)?;
    Ok(())
}

/// The relay's answer to [`claim`]. A device without a usable bundle is left aside for a while: it neither keeps the
/// others waiting nor makes us ask without end.
pub(crate) fn on_claimed(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    fingerprint: Fingerprint,
    mut asked: Vec<DeviceId>,
    body: &[u8],
) -> Outcome<()> {
    let answer = match requests::read::<PrekeyBundles>(body) {
        Some(answer) => answer,
        None => {
            inbox::count(cx, "bundle_refused")?;
            PrekeyBundles { bundles: vec![] }
        }
    };
    let mut log_is_behind = false;
    if answer.bundles.is_empty() {
        // The relay knows none of the devices that were asked for; the account's log tells why.
        identities::fetch(cx, account_id, fingerprint)?;
    }
    for claimed in answer
        .bundles
        .into_iter()
        .take(limits::DEVICES_PER_ACCOUNT_MAX)
    {
        match take_in(cx, &fingerprint, &claimed)? {
            Ok(()) => {
                asked.retain(|device| *device != claimed.device_id);
                cx.live.unpublished.remove(&claimed.device_id);
            }
            Err(BundleRefused::LogBehind | BundleRefused::DeviceNotActive) => log_is_behind = true,
            Err(_) => inbox::count(cx, "bundle_refused")?,
        }
    }
    if log_is_behind {
        identities::fetch(cx, account_id, fingerprint)?;
    }
    for device in asked {
        set_aside(cx, device);
    }
    outbox::on_log_held(cx, &fingerprint)
}

/// This device has no keys to seal with, for now.
pub(super) fn set_aside(cx: &mut Cx<'_>, device: DeviceId) {
    if cx.live.unpublished.len() >= CACHED_MAX {
        cx.live.unpublished.pop_first();
    }
    cx.live.unpublished.insert(device, cx.now);
}

/// Whether the relay was asked for this device's bundle a moment ago and had none to use.
pub(super) fn is_unpublished(cx: &Cx<'_>, device: &DeviceId) -> bool {
    let asked = cx.live.unpublished.get(device);
    asked.is_some_and(|at| cx.now.since(*at) < UNPUBLISHED_MS)
}

fn take_in(
    cx: &mut Cx<'_>,
    fingerprint: &Fingerprint,
    claimed: &PrekeyBundle,
) -> Outcome<Result<(), BundleRefused>> {
    let Some(log) = identities::log(cx, fingerprint)? else {
        return Ok(Err(BundleRefused::LogBehind));
    };
    let state = identities::acting(cx, &log)?;
    let seen = cx.db.one(
        "SELECT number, bundle FROM identities_bundles WHERE device_id = ?1",
        [claimed.device_id.as_bytes()],
        |row| {
            Ok((
                crate::store::rows::uint(row.get(0)?),
                row.get::<_, Vec<u8>>(1)?,
            ))
        },
    )?;
    let seen = seen
        .as_ref()
        .map(|(number, bytes)| (*number, bytes.as_slice()));
    let verified = match bundle::verify(&claimed.bundle.0, &claimed.device_id, &log, &state, seen) {
        Ok(verified) => verified,
        Err(refused) => return Ok(Err(refused)),
    };
    let one_time = serde_json::to_vec(&claimed.one_time).unwrap_or_default();
    cx.db.run(
        "INSERT INTO identities_bundles (device_id, number, bundle, one_time, stale, fetched_at) VALUES (?1, ?2, ?3, ?4, 0, ?5)
         ON CONFLICT (device_id) DO UPDATE SET number = ?2, bundle = ?3, one_time = ?4, stale = 0, fetched_at = ?5",
        params![claimed.device_id.as_bytes(), int(verified.number()), claimed.bundle.0, one_time, int(cx.now.0)],
    )?;
    cx.live
        .bundles
        .insert(claimed.device_id, Arc::new(verified));
    Ok(Ok(()))
}

// ---- ratchet states ------------------------------------------------------------------------------

/// All sessions with a device. A state that does not read back counts as none: the next message starts afresh.
pub(crate) fn sessions(cx: &Cx<'_>, device: &DeviceId) -> Outcome<PeerSessions> {
    let row = cx.db.one(
        "SELECT state FROM identities_sessions WHERE device_id = ?1",
        [device.as_bytes()],
        |row| Ok(Zeroizing::new(row.get::<_, Vec<u8>>(0)?)),
    )?;
    Ok(row
        .and_then(|bytes| PeerSessions::from_bytes(&bytes).ok())
        .unwrap_or_default())
}

pub(crate) fn store_sessions(
    cx: &mut Cx<'_>,
    device: &DeviceId,
    sessions: &PeerSessions,
) -> Outcome<()> {
    cx.db.run(
        "INSERT INTO identities_sessions (device_id, state) VALUES (?1, ?2)
         ON CONFLICT (device_id) DO UPDATE SET state = ?2",
        params![device.as_bytes(), sessions.to_bytes().as_slice()],
    )?;
    Ok(())
}
