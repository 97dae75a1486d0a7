//! Upkeep of what this device publishes: signed prekey, last-resort key, one-time prekeys, sealing key, the bundle.
//!
//! Knows: the private halves and how long each must be kept. Must never know: who uses them.
//! Rules: docs/protocol/keys.md. "Kept N days" counts from the relay's confirmation of the successor, and a key is
//! never erased before the mailbox has been drained after that term.

use crate::context::Cx;
use crate::error::{Fault, Outcome};
use crate::identities;
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::Method;
use crate::store::rows::{Db, int, uint};
use rusqlite::params;
use securechat_crypto::bundle::OwnBundle;
use securechat_crypto::identity::DeviceKeys;
use securechat_crypto::keys::{Secret, X25519Public, X25519Secret, XWingPublic, XWingSecret};
use securechat_crypto::pqxdh::{HandshakeHash, KemKeyId, KemKind};
use securechat_crypto::primitives::sha256;
use securechat_crypto::seal::{ConsumedPrekey, PrekeyStore};
use securechat_proto::account_log::LogHead;
use securechat_proto::api::{BundleState, BundleUpload, Code};
use securechat_proto::bundle::{Bundle, SignedBundle};
use securechat_proto::{Fingerprint, Timestamp, limits};
use zeroize::Zeroizing;

/// Signed prekey and last-resort key: a new one every 7 days, the old ones kept 35 days after the successor counts.
const SIGNED_PREKEY_MS: u64 = 7 * limits::DAY_MS;
const SIGNED_PREKEY_KEPT_MS: u64 = 35 * limits::DAY_MS;
/// Sealing key: a new one every 24 hours while online, old ones kept 31 days.
const SEALING_MS: u64 = limits::DAY_MS;
const SEALING_KEPT_MS: u64 = 31 * limits::DAY_MS;
/// One-time keys that the relay has handed out by now and nobody used; longer than any envelope waits at the relay.
const ONE_TIME_KEPT_MS: u64 = 35 * limits::DAY_MS;
/// And of so many newest bundles they are kept whatever their age: a device that is seldom online fills the relay's stock
/// slowly, and what is in stock (16 bundles) is handed out, the oldest first.
const ONE_TIME_BUNDLES_KEPT: u32 = 17;
/// The relay's stock is looked at when a socket opens, and not more often than this.
const CHECK_APART_MS: u64 = limits::HOUR_MS;
const UPLOAD: &str = "bundle";

const SIGNED: &str = "signed";
const LAST_RESORT: &str = "last_resort";
const ONE_TIME: &str = "one_time";
const SEALING: &str = "sealing";

/// The first bundle, for sign-up: made before the account row exists.
pub(crate) fn first(
    cx: &mut Cx<'_>,
    keys: &DeviceKeys,
    account: Fingerprint,
    head: LogHead,
) -> Outcome<BundleUpload> {
    build(cx, keys, account, head, Fresh::ALL)
}

/// Which keys of the next bundle are new; the others stay as they are.
#[derive(Clone, Copy)]
struct Fresh {
    /// Signed prekey and last-resort key.
    signed: bool,
    sealing: bool,
    one_time: bool,
}

impl Fresh {
    const ALL: Self = Self {
        signed: true,
        sealing: true,
        one_time: true,
    };
    const STOCK: Self = Self {
        signed: false,
        sealing: false,
        one_time: true,
    };
}

struct Held {
    number: u64,
    signed_made_at: Timestamp,
    sealing_made_at: Timestamp,
    sealing_number: u32,
    bundle_hash: [u8; 32],
    confirmed: bool,
}

fn held(db: Db<'_>) -> Outcome<Option<Held>> {
    db.one(
        "SELECT number, spk_made_at, sealing_made_at, sealing_number, bundle_hash, confirmed FROM prekeys_bundle",
        [],
        |row| {
            Ok(Held {
                number: uint(row.get(0)?),
                signed_made_at: Timestamp(uint(row.get(1)?)),
                sealing_made_at: Timestamp(uint(row.get(2)?)),
                sealing_number: row.get(3)?,
                bundle_hash: row.get(4)?,
                confirmed: row.get(5)?,
            })
        },
    )
}

/// Makes the next bundle and stores every private half with it. The stock of one-time keys stays with the relay as long
/// as it lasts: a key that is replaced while the relay still hands it out would have to be kept for ever.
fn build(
    cx: &mut Cx<'_>,
    keys: &DeviceKeys,
    account: Fingerprint,
    log_head: LogHead,
    fresh: Fresh,
) -> Outcome<BundleUpload> {
    let before = held(cx.db)?;
    let stock = if fresh.one_time {
        None
    } else {
        newest_bundle(cx.db)?
    };
    let number = before.as_ref().map_or(1, |held| held.number + 1);
    let signed = if fresh.signed {
        None
    } else {
        newest_x25519(cx.db)?
    };
    let signed_is_new = signed.is_none();
    let signed = signed.map_or_else(X25519Secret::generate, Ok)?;
    let last_resort = if signed_is_new {
        None
    } else {
        newest_xwing(cx.db, LAST_RESORT)?
    };
    let last_resort = last_resort.map_or_else(XWingSecret::generate, Ok)?;
    let sealing = if fresh.sealing {
        None
    } else {
        newest_xwing(cx.db, SEALING)?
    };
    let sealing_is_new = sealing.is_none();
    let sealing = sealing.map_or_else(XWingSecret::generate, Ok)?;
    let sealing_number =
        before.as_ref().map_or(0, |held| held.sealing_number) + u32::from(sealing_is_new);

    let made = if stock.is_some() {
        0
    } else {
        limits::ONE_TIME_PREKEYS
    };
    let one_time: Vec<XWingSecret> = (0..made)
        .map(|_| XWingSecret::generate())
        .collect::<Result<_, _>>()?;
    let one_time_public: Vec<XWingPublic> = one_time.iter().map(XWingSecret::public).collect();
    let (last_resort_public, sealing_public) = (last_resort.public(), sealing.public());
    let next = OwnBundle {
        account,
        number,
        created: cx.now,
        log_head,
        signed_prekey: signed.public(),
        last_resort: &last_resort_public,
        sealing_number,
        sealing_key: &sealing_public,
        one_time: &one_time_public,
    };
    let published = match &stock {
        Some(last) => next.sign_keeping(keys, last.one_time_count, last.one_time_root),
        None => {
            next.sign(keys)
                .ok_or(Fault::Bug("more one-time prekeys than a bundle holds"))?
                .signed
        }
    };

    keep(
        cx,
        SIGNED,
        number,
        number,
        &signed_id(&signed.public()),
        signed.stored(),
    )?;
    keep(
        cx,
        LAST_RESORT,
        number,
        number,
        &KemKeyId::of(&last_resort_public).0,
        last_resort.stored(),
    )?;
    let sealing_id = KemKeyId::of(&sealing_public).0;
    keep(
        cx,
        SEALING,
        sealing_number.into(),
        number,
        &sealing_id,
        sealing.stored(),
    )?;
    for (secret, public) in one_time.iter().zip(&one_time_public) {
        keep(
            cx,
            ONE_TIME,
            number,
            number,
            &KemKeyId::of(public).0,
            secret.stored(),
        )?;
    }
    if let Some(last) = &stock {
        cx.db.run(
            "UPDATE prekeys_secrets SET bundle_number = ?3 WHERE kind = ?1 AND bundle_number = ?2",
            params![ONE_TIME, int(last.number), int(number)],
        )?;
    }
    let upload = BundleUpload {
        bundle: published.encode().into(),
        one_time_prekeys: one_time_public
            .iter()
            .map(|key| key.0.to_vec().into())
            .collect(),
    };
    let text = serde_json::to_vec(&upload).map_err(|_| Fault::Bug("bundle does not serialise"))?;
    let signed_made_at = if signed_is_new {
        cx.now
    } else {
        before.as_ref().map_or(cx.now, |held| held.signed_made_at)
    };
    let sealing_made_at = if sealing_is_new {
        cx.now
    } else {
        before.as_ref().map_or(cx.now, |held| held.sealing_made_at)
    };
    cx.db.run(
        "INSERT OR REPLACE INTO prekeys_bundle
           (id, number, upload, bundle_hash, spk_made_at, sealing_made_at, sealing_number, confirmed, checked_at)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)",
        params![
            int(number),
            text,
            sha256(&[&upload.bundle.0]).as_slice(),
            int(signed_made_at.0),
            int(sealing_made_at.0),
            sealing_number,
            int(cx.now.0)
        ],
    )?;
    Ok(upload)
}

/// The bundle published last, as it was signed.
fn newest_bundle(db: Db<'_>) -> Outcome<Option<Bundle>> {
    Ok(stored_upload(db)?
        .and_then(|upload| SignedBundle::decode(&upload.bundle.0).ok())
        .map(|signed| signed.bundle))
}

fn stored_upload(db: Db<'_>) -> Outcome<Option<BundleUpload>> {
    let bytes = db.one("SELECT upload FROM prekeys_bundle", [], |row| {
        row.get::<_, Vec<u8>>(0)
    })?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// A signed prekey is found by bundle number, so that a key which several bundles name has a row for each of them.
fn keep(
    cx: &mut Cx<'_>,
    kind: &str,
    number: u64,
    bundle_number: u64,
    id: &[u8],
    secret: &Secret<32>,
) -> Outcome<()> {
    let mut id = id.to_vec();
    if kind == SIGNED {
        id.extend_from_slice(&bundle_number.to_be_bytes());
    }
    cx.db.run(
        "INSERT INTO prekeys_secrets (kind, number, bundle_number, public_hash, secret) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (kind, public_hash) DO UPDATE SET bundle_number = ?3",
        params![kind, int(number), int(bundle_number), id, secret.expose().as_slice()],
    )?;
    Ok(())
}

fn signed_id(public: &X25519Public) -> [u8; 16] {
    let digest = sha256(&[&public.0]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

fn newest(db: Db<'_>, kind: &str) -> Outcome<Option<Secret<32>>> {
    let secret = db.one(
        "SELECT secret FROM prekeys_secrets WHERE kind = ?1 AND retired_at IS NULL ORDER BY bundle_number DESC, id DESC LIMIT 1",
        [kind],
        |row| Ok(Zeroizing::new(row.get::<_, Vec<u8>>(0)?)),
    )?;
    Ok(secret.and_then(|secret| Secret::from_slice(&secret)))
}

fn newest_xwing(db: Db<'_>, kind: &str) -> Outcome<Option<XWingSecret>> {
    Ok(newest(db, kind)?.map(XWingSecret::from_seed))
}

fn newest_x25519(db: Db<'_>) -> Outcome<Option<X25519Secret>> {
    Ok(newest(db, SIGNED)?.map(X25519Secret::from_secret))
}

/// Rotates what is due and erases what may go. Called at the end of every input.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    if !cx.live.link.is_ready() {
        return Ok(());
    }
    let Some(held) = held(cx.db)? else {
        return Ok(());
    };
    if !held.confirmed {
        return upload(cx, held.number);
    }
    let fresh = Fresh {
        signed: cx.now.since(held.signed_made_at) >= SIGNED_PREKEY_MS,
        sealing: cx.now.since(held.sealing_made_at) >= SEALING_MS,
        one_time: false,
    };
    if fresh.signed || fresh.sealing {
        renew(cx, fresh)
    } else {
        Ok(())
    }
}

pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    if !cx.live.link.is_ready() {
        return Ok(None);
    }
    Ok(held(cx.db)?.filter(|held| held.confirmed).map(|held| {
        let signed = held.signed_made_at.saturating_add_ms(SIGNED_PREKEY_MS);
        signed.min(held.sealing_made_at.saturating_add_ms(SEALING_MS))
    }))
}

fn renew(cx: &mut Cx<'_>, fresh: Fresh) -> Outcome<()> {
    let me = cx.me()?;
    let Some(head) = identities::head(cx.db, &me.fingerprint)? else {
        return Ok(());
    };
    build(cx, &me.keys, me.fingerprint, head, fresh)?;
    upload_newest(cx)
}

fn upload_newest(cx: &mut Cx<'_>) -> Outcome<()> {
    match held(cx.db)? {
        Some(held) => upload(cx, held.number),
        None => Ok(()),
    }
}

/// Sends the stored upload; the same bytes until the relay has confirmed them.
fn upload(cx: &mut Cx<'_>, number: u64) -> Outcome<()> {
    if requests::is_open(cx, UPLOAD)? {
        return Ok(());
    }
    let body = cx
        .db
        .one("SELECT upload FROM prekeys_bundle", [], |row| row.get(0))?
        .unwrap_or_default();
    let request = Request {
        method: Method::Put,
        body,
        ..Request::get(UPLOAD, Purpose::UploadBundle { number }, "/v1/bundle")
    };
    requests::send(cx, request)?;
    Ok(())
}

/// The relay holds bundle `number`: what it replaces has a successor from here on. One-time keys are handed out oldest
/// first and the stock is filled up when it is low, so those of the last but one filling have all been handed out.
pub(crate) fn on_uploaded(cx: &mut Cx<'_>, number: u64) -> Outcome<()> {
    cx.db.run(
        "UPDATE prekeys_bundle SET confirmed = 1 WHERE number = ?1",
        [int(number)],
    )?;
    cx.db.run(
        "UPDATE prekeys_secrets SET retired_at = ?2 WHERE bundle_number < ?1 AND retired_at IS NULL AND kind <> ?3",
        params![int(number), int(cx.now.0), ONE_TIME],
    )?;
    cx.db.run(
        "UPDATE prekeys_secrets SET retired_at = ?1 WHERE kind = ?2 AND retired_at IS NULL AND number <
           (SELECT min(number) FROM (SELECT DISTINCT number FROM prekeys_secrets WHERE kind = ?2 ORDER BY number DESC LIMIT 2))",
        params![int(cx.now.0), ONE_TIME],
    )?;
    erase_expired(cx)
}

/// Conflict: the relay holds a higher number than ours, or other bytes under the same number: the next one goes above
/// it. Invalid: it lost the stock that this bundle builds on (restored from backup): a new one. What it refuses all the
/// same is not offered again before the next rotation.
pub(crate) fn on_upload_refused(cx: &mut Cx<'_>, number: u64, code: Code) -> Outcome<()> {
    if !matches!(code, Code::Conflict | Code::Invalid) {
        return Ok(());
    }
    let keeps_stock =
        stored_upload(cx.db)?.is_some_and(|upload| upload.one_time_prekeys.is_empty());
    cx.db.run(
        "UPDATE prekeys_bundle SET confirmed = 1 WHERE number = ?1",
        [int(number)],
    )?;
    if code == Code::Conflict {
        ask_state(cx)
    } else if keeps_stock {
        renew(cx, Fresh::ALL)
    } else {
        Ok(())
    }
}

/// A socket opened: compare what the relay holds with what we published.
pub(crate) fn on_connected(cx: &mut Cx<'_>) -> Outcome<()> {
    let checked = cx.db.number("SELECT checked_at FROM prekeys_bundle", [])?;
    if cx.now.since(Timestamp(uint(checked))) < CHECK_APART_MS
        && held(cx.db)?.is_some_and(|held| held.confirmed)
    {
        return Ok(());
    }
    ask_state(cx)
}

/// A first message used a one-time key up: look whether the stock runs low.
fn ask_state(cx: &mut Cx<'_>) -> Outcome<()> {
    requests::send(
        cx,
        Request::get("bundle-state", Purpose::BundleState, "/v1/bundle"),
    )?;
    Ok(())
}

pub(crate) fn on_state(cx: &mut Cx<'_>, body: &[u8]) -> Outcome<()> {
    let (Some(state), Some(held)) = (requests::read::<BundleState>(body), held(cx.db)?) else {
        return Ok(());
    };
    cx.db
        .run("UPDATE prekeys_bundle SET checked_at = ?1", [int(cx.now.0)])?;
    let ahead = state
        .number
        .is_some_and(|number| number > held.number && number < held.number + 1_000_000);
    let same = state.number == Some(held.number)
        && state
            .bundle_hash
            .as_ref()
            .is_some_and(|hash| hash.0 == held.bundle_hash);
    if ahead {
        // This store is older than what the relay has seen: go above it, so that senders accept the new bundle.
        cx.db.run(
            "UPDATE prekeys_bundle SET number = ?1",
            [int(state.number.unwrap_or(held.number))],
        )?;
        return renew(cx, Fresh::ALL);
    }
    if !same {
        // The relay lost it (restored from backup): the same bytes again.
        cx.db.run("UPDATE prekeys_bundle SET confirmed = 0", [])?;
        return upload(cx, held.number);
    }
    on_uploaded(cx, held.number)?;
    if (state.one_time_left as usize) < limits::ONE_TIME_PREKEYS_LOW {
        renew(cx, Fresh::STOCK)
    } else {
        Ok(())
    }
}

/// Erases private halves whose term has passed and after whose term the mailbox was drained.
fn erase_expired(cx: &mut Cx<'_>) -> Outcome<()> {
    let drained = if cx.live.link.is_drained() {
        // Whatever is accepted now comes over this socket at once.
        cx.now
    } else {
        Timestamp(uint(cx.db.number(
            "SELECT count FROM inbox_counts WHERE name = 'drained_at'",
            [],
        )?))
    };
    let kept = [
        (SIGNED, SIGNED_PREKEY_KEPT_MS),
        (LAST_RESORT, SIGNED_PREKEY_KEPT_MS),
        (SEALING, SEALING_KEPT_MS),
        (ONE_TIME, ONE_TIME_KEPT_MS),
    ];
    for (kind, kept_ms) in kept {
        let before = drained.0.min(cx.now.0).saturating_sub(kept_ms);
        let bundles_kept = if kind == ONE_TIME {
            ONE_TIME_BUNDLES_KEPT
        } else {
            0
        };
        let erased = cx.db.run(
            "DELETE FROM prekeys_secrets WHERE kind = ?1 AND retired_at IS NOT NULL AND retired_at < ?2
               AND bundle_number NOT IN (SELECT DISTINCT bundle_number FROM prekeys_secrets WHERE kind = ?1
                                         ORDER BY bundle_number DESC LIMIT ?3)",
            params![kind, int(before), bundles_kept],
        )?;
        cx.deleted |= erased > 0;
    }
    cx.db.run(
        "DELETE FROM prekeys_last_resort_used WHERE key_hash NOT IN (SELECT public_hash FROM prekeys_secrets)",
        [],
    )?;
    Ok(())
}

/// What a first message used up, erased or remembered in the transaction that opened it.
pub(crate) fn consume(cx: &mut Cx<'_>, consumed: &ConsumedPrekey) -> Outcome<()> {
    match consumed {
        ConsumedPrekey::OneTime(key) => {
            cx.db.run(
                "DELETE FROM prekeys_secrets WHERE kind = ?1 AND public_hash = ?2",
                params![ONE_TIME, key.0.as_slice()],
            )?;
        }
        ConsumedPrekey::LastResort(key, hash) => {
            cx.db.run(
                "INSERT OR IGNORE INTO prekeys_last_resort_used (transcript_hash, key_hash) VALUES (?1, ?2)",
                params![hash.0.as_slice(), key.0.as_slice()],
            )?;
        }
    }
    ask_state(cx)
}

/// The private sealing key of this number, while it is kept.
pub(crate) fn sealing_key(db: Db<'_>, number: u32) -> Outcome<Option<XWingSecret>> {
    let secret = db.one(
        "SELECT secret FROM prekeys_secrets WHERE kind = ?1 AND number = ?2",
        params![SEALING, number],
        |row| Ok(Zeroizing::new(row.get::<_, Vec<u8>>(0)?)),
    )?;
    Ok(secret
        .and_then(|secret| Secret::from_slice(&secret))
        .map(XWingSecret::from_seed))
}

/// The prekeys of this device, as opening asks for them.
pub(crate) struct Prekeys<'a>(pub Db<'a>);

impl PrekeyStore for Prekeys<'_> {
    type Error = Fault;

    fn signed_prekey(&self, bundle_number: u64) -> Outcome<Option<X25519Secret>> {
        let secret = self.0.one(
            "SELECT secret FROM prekeys_secrets WHERE kind = ?1 AND number = ?2",
            params![SIGNED, int(bundle_number)],
            |row| Ok(Zeroizing::new(row.get::<_, Vec<u8>>(0)?)),
        )?;
        Ok(secret
            .and_then(|secret| Secret::from_slice(&secret))
            .map(X25519Secret::from_secret))
    }

    fn kem(&self, kind: KemKind, key: &KemKeyId) -> Outcome<Option<XWingSecret>> {
        let kind = match kind {
            KemKind::OneTime => ONE_TIME,
            KemKind::LastResort => LAST_RESORT,
        };
        let secret = self.0.one(
            "SELECT secret FROM prekeys_secrets WHERE kind = ?1 AND public_hash = ?2",
            params![kind, key.0.as_slice()],
            |row| Ok(Zeroizing::new(row.get::<_, Vec<u8>>(0)?)),
        )?;
        Ok(secret
            .and_then(|secret| Secret::from_slice(&secret))
            .map(XWingSecret::from_seed))
    }

    fn was_answered(&self, handshake: &HandshakeHash) -> Outcome<bool> {
        self.0.exists(
            "SELECT 1 FROM prekeys_last_resort_used WHERE transcript_hash = ?1",
            [handshake.0.as_slice()],
        )
    }
}
