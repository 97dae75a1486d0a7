//! Gives an account three more devices, which nobody runs: what is sealed for them waits at the relay.

use crate::stage::Stage;
use anyhow::{Context, Result, anyhow, ensure};
use rusqlite::Connection;
use securechat_crypto::bundle::OwnBundle;
use securechat_crypto::error::NoRandomness;
use securechat_crypto::identity::DeviceKeys;
use securechat_crypto::keys::{X25519Secret, XWingSecret};
use securechat_crypto::primitives::{Library, random, sha256};
use securechat_engine::shell::Method;
use securechat_proto::account_log::{Log, Operation, Verified, verify_chain};
use securechat_proto::api::{
    BundleUpload, Challenge, DeviceLogin, DeviceSession, LogAppend, NewSession, SessionTokens,
};
use securechat_proto::{AccountId, SessionId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

pub const MORE: usize = 3;

/// `store`: the unencrypted, closed store of the account's first device.
pub fn link(stage: &mut Stage, store: &Path) -> Result<()> {
    let first = First::read(store)?;
    let mut log = verify_chain(&first.entries, &Library).map_err(|_| anyhow!("no log"))?;
    let mut linked = Vec::new();
    for _ in 0..MORE {
        let keys = DeviceKeys::generate().map_err(no_randomness)?;
        let device = keys.record();
        let add = Operation::AddDevice { device };
        let signed = first
            .keys
            .sign_entry(&log, add, Some(&keys), stage.now())
            .map_err(|refused| anyhow!("refused: {refused:?}"))?;
        log = signed.log;
        let path = format!("/v1/log/{}", log.head().sequence);
        let entry = signed.bytes.into();
        put(stage, &path, &first.access_token, &LogAppend { entry })?;
        linked.push(keys);
    }
    linked
        .iter()
        .try_for_each(|keys| publish(stage, first.account_id, &log, keys))
}

/// Opens a session for a linked device and publishes its first bundle.
fn publish(
    stage: &mut Stage,
    account_id: AccountId,
    log: &Verified<Log>,
    keys: &DeviceKeys,
) -> Result<()> {
    let fingerprint = log.fingerprint();
    let challenge: Challenge = post(stage, "/v1/sessions/challenge", &())?;
    let session_id = SessionId(random().map_err(no_randomness)?);
    let body = DeviceSession {
        account_id,
        device: DeviceLogin {
            signature: keys
                .sign_login(&fingerprint, &session_id, &challenge.challenge.0)
                .to_vec()
                .into(),
            session: NewSession {
                session_id,
                device_id: keys.id(),
                sealed_name: vec![0; 32].into(),
                refresh_hash: sha256(&[b"never refreshed"]).to_vec().into(),
            },
        },
        challenge: challenge.challenge,
    };
    let tokens: SessionTokens = post(stage, "/v1/sessions/device", &body)?;

    let secret = || XWingSecret::generate().map_err(no_randomness);
    let (last_resort, sealing, one_time) = (secret()?, secret()?, [secret()?.public()]);
    let published = OwnBundle {
        account: fingerprint,
        number: 1,
        created: stage.now(),
        log_head: log.head(),
        signed_prekey: X25519Secret::generate().map_err(no_randomness)?.public(),
        last_resort: &last_resort.public(),
        sealing_number: 1,
        sealing_key: &sealing.public(),
        one_time: &one_time,
    }
    .sign(keys)
    .context("a bundle")?;
    let upload = BundleUpload {
        bundle: published.signed.encode().into(),
        one_time_prekeys: one_time.iter().map(|key| key.0.to_vec().into()).collect(),
    };
    put(stage, "/v1/bundle", &tokens.access_token, &upload)
}

fn put(stage: &mut Stage, path: &str, bearer: &str, body: &impl Serialize) -> Result<()> {
    let body = serde_json::to_vec(body)?;
    let (status, answer) = stage.request(Method::Put, path, Some(bearer), &body)?;
    let answer = String::from_utf8_lossy(&answer);
    ensure!(status == 204, "{path}: {status} {answer}");
    Ok(())
}

fn post<T: DeserializeOwned>(stage: &mut Stage, path: &str, body: &impl Serialize) -> Result<T> {
    let body = serde_json::to_vec(body)?;
    let (status, answer) = stage.request(Method::Post, path, None, &body)?;
    let text = String::from_utf8_lossy(&answer);
    ensure!(status == 200, "{path}: {status} {text}");
    Ok(serde_json::from_slice(&answer)?)
}

fn no_randomness(_: NoRandomness) -> anyhow::Error {
    anyhow!("no randomness")
}

/// What the first device's store holds of its account.
struct First {
    account_id: AccountId,
    keys: DeviceKeys,
    entries: Vec<Vec<u8>>,
    access_token: String,
}

impl First {
    fn read(store: &Path) -> Result<Self> {
        let db = Connection::open(store)?;
        let (account_id, fingerprint, keys) = db.query_row(
            "SELECT account_id, fingerprint, device_keys FROM account_self",
            [],
            |row| {
                Ok((
                    AccountId(row.get(0)?),
                    row.get::<_, Vec<u8>>(1)?,
                    row.get::<_, Vec<u8>>(2)?,
                ))
            },
        )?;
        let entries = db
            .prepare(
                "SELECT entry FROM identities_entries WHERE fingerprint = ?1 ORDER BY sequence",
            )?
            .query_map([&fingerprint], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let access_token = db.query_row("SELECT access_token FROM account_session", [], |row| {
            row.get(0)
        })?;
        Ok(Self {
            account_id,
            keys: DeviceKeys::from_stored(&keys).context("device keys")?,
            entries,
            access_token,
        })
    }
}
