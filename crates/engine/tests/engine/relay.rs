//! An honest relay in memory, as small as the engine's tests allow: it stores, orders and hands out, and can be told
//! to be full, to forget or to lie. The real proof is the simulator with the real server's rooms.

mod accounts;
mod frames;

use opaque_ke::{
    CipherSuite, CredentialFinalization, CredentialRequest, RegistrationRequest,
    RegistrationUpload, Ristretto255, ServerLogin, ServerLoginParameters, ServerRegistration,
    ServerSetup, TripleDh, ksf::Identity,
};
use rand08::rngs::OsRng;
use securechat_crypto::primitives::{Library, sha256};
use securechat_engine::shell::Method;
use securechat_proto::account_log::{Log, Verified, verify_chain};
use securechat_proto::api::*;
use securechat_proto::b64::{self, Bytes};
use securechat_proto::bundle::{MerkleTree, SignedBundle};
use securechat_proto::limits;
use securechat_proto::signing::{self, Primitives, Purpose};
use securechat_proto::wire::Message;
use securechat_proto::wire::socket::{self, client_frame, server_frame};
use securechat_proto::{
    AccountId, DeviceId, Fingerprint, SessionId, SubmitId, Timestamp, TokenHash,
};
use std::collections::{BTreeMap, BTreeSet};

pub struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_10::Sha512>;
    type Ksf = Identity;
}

/// Cheap stretching: the tests are about the engine.
const STRETCHING: Stretching = Stretching {
    version: 1,
    memory_kib: 8 * 1024,
    iterations: 1,
    parallelism: 1,
};

pub struct Account {
    pub handle: String,
    pub record: Vec<u8>,
    pub log: Vec<Vec<u8>>,
    sign_up: Vec<u8>,
    pub vault: BTreeMap<String, (u64, Vec<u8>)>,
}

impl Account {
    pub fn log(&self) -> Verified<Log> {
        verify_chain(&self.log, &Library).unwrap()
    }
}

#[derive(Default)]
pub struct Bundles {
    pub current: Vec<u8>,
    pub number: u64,
    pub stock: Vec<(u64, u32, Vec<u8>)>,
    pub trees: BTreeMap<u64, (Vec<u8>, MerkleTree)>,
}

pub struct Session {
    pub account: AccountId,
    pub device: DeviceId,
    pub refresh_hash: Vec<u8>,
    pub last: Vec<u8>,
    pub sealed_name: Bytes,
    pub created: Timestamp,
}

#[derive(Clone)]
pub struct Row {
    pub sequence: u64,
    pub delivery: socket::Delivery,
    pub durable: bool,
}

#[derive(Default)]
pub struct Mailbox {
    pub next: u64,
    pub rows: Vec<Row>,
    pub sent_up_to: u64,
    pub connected: bool,
}

pub struct Relay {
    pub now: Timestamp,
    setup: ServerSetup<Suite>,
    pub accounts: BTreeMap<AccountId, Account>,
    pub sessions: BTreeMap<SessionId, Session>,
    pub bundles: BTreeMap<DeviceId, Bundles>,
    pub tokens: BTreeMap<TokenHash, (AccountId, TokenRegistration)>,
    pub mailboxes: BTreeMap<DeviceId, Mailbox>,
    pub accepted: BTreeMap<SubmitId, socket::Accepted>,
    pub counters: BTreeMap<DeviceId, (Vec<u8>, Vec<u8>)>,
    pub signed_out: BTreeSet<DeviceId>,
    /// Every byte that came in, for the canary.
    pub seen: Vec<u8>,
    /// Answer submits with this instead of storing.
    pub refuse_submits: Option<socket::Outcome>,
    /// Registrations of delivery rights fail for now, with this status and code.
    pub tokens_fail: Option<(u16, Code)>,
    /// The lowest sealing key of a device that it still opens.
    pub sealing_floors: BTreeMap<DeviceId, u32>,
    /// Message requests taken before all further ones are refused.
    pub requests_left: u32,
    /// The next submit is put off this many times, while others are taken.
    pub put_off: u32,
    pub(crate) put_off_id: Option<SubmitId>,
    /// Submits carried out, duplicates not counted.
    pub stored: u64,
    logins: BTreeMap<Vec<u8>, (Option<AccountId>, ServerLogin<Suite>)>,
    pub last_accepted_at: u64,
}

type Answer = (u16, Vec<u8>);

fn ok<T: serde::Serialize>(body: &T) -> Answer {
    (200, serde_json::to_vec(body).unwrap())
}

fn problem(status: u16, code: Code) -> Answer {
    let problem = Problem {
        kind: "about:blank".into(),
        title: String::new(),
        status,
        code,
        retry_after_s: None,
    };
    (status, serde_json::to_vec(&problem).unwrap())
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> T {
    serde_json::from_slice(body).expect("the engine sends bodies that decode")
}

impl Relay {
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            setup: ServerSetup::new(&mut OsRng),
            accounts: BTreeMap::new(),
            sessions: BTreeMap::new(),
            bundles: BTreeMap::new(),
            tokens: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            accepted: BTreeMap::new(),
            counters: BTreeMap::new(),
            signed_out: BTreeSet::new(),
            seen: Vec::new(),
            refuse_submits: None,
            tokens_fail: None,
            sealing_floors: BTreeMap::new(),
            requests_left: 100,
            put_off: 0,
            put_off_id: None,
            stored: 0,
            logins: BTreeMap::new(),
            last_accepted_at: 0,
        }
    }

    pub fn account_of(&self, handle: &str) -> Option<AccountId> {
        self.accounts
            .iter()
            .find(|(_, account)| account.handle == handle)
            .map(|(id, _)| *id)
    }

    pub fn http(
        &mut self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: &[u8],
    ) -> Answer {
        self.seen.extend_from_slice(path.as_bytes());
        self.seen.extend_from_slice(body);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let open = match (method, parts.as_slice()) {
            (Method::Get, ["server"]) => Some(ok(&ServerInfo {
                name: "Test".into(),
                version: "0".into(),
                protocol_min: 1,
                protocol_max: 1,
                sign_up_open: true,
                retention_days: 30,
                knows: vec![],
            })),
            (Method::Post, ["accounts", "registration"]) => {
                let start: RegistrationStart = read(body);
                let request = RegistrationRequest::<Suite>::deserialize(&start.request.0).unwrap();
                let answer = ServerRegistration::<Suite>::start(
                    &self.setup,
                    request,
                    start.handle.as_bytes(),
                )
                .unwrap();
                Some(ok(&RegistrationStarted {
                    response: answer.message.serialize().to_vec().into(),
                    stretching: STRETCHING,
                }))
            }
            (Method::Put, ["accounts", id]) => {
                Some(self.sign_up(AccountId::parse(id).unwrap(), body))
            }
            (Method::Post, ["sessions", "login"]) => Some(self.login(&read(body))),
            (Method::Post, ["sessions"]) => Some(self.finish_login(read(body))),
            (Method::Post, ["sessions", "challenge"]) => Some(ok(&Challenge {
                challenge: vec![7; 32].into(),
            })),
            (Method::Post, ["sessions", "device"]) => Some(self.device_session(read(body))),
            (Method::Post, ["sessions", "refresh"]) => Some(self.refresh(&read(body))),
            _ => None,
        };
        if let Some(answer) = open {
            return answer;
        }
        let Some((session_id, account, device)) = self.authenticate(bearer) else {
            return problem(401, Code::Unauthenticated);
        };
        match (method, parts.as_slice()) {
            (Method::Get, ["sessions"]) => ok(&SessionList {
                sessions: self
                    .sessions
                    .iter()
                    .filter(|(_, session)| session.account == account)
                    .map(|(id, session)| SessionInfo {
                        session_id: *id,
                        device_id: session.device,
                        sealed_name: session.sealed_name.clone(),
                        created_at_ms: session.created,
                        last_used_at_ms: session.created,
                        current: *id == session_id,
                    })
                    .collect(),
            }),
            (Method::Delete, ["sessions", id]) => {
                if let Some(session) = self.sessions.remove(&SessionId::parse(id).unwrap()) {
                    self.signed_out.insert(session.device);
                }
                (204, vec![])
            }
            (Method::Get, ["security-events"]) => ok(&SecurityEvents { events: vec![] }),
            (Method::Get, ["handles", handle]) => match self.account_of(handle) {
                Some(id) => ok(&HandleInfo {
                    account_id: id,
                    fingerprint: self.accounts[&id].log().fingerprint(),
                }),
                None => problem(404, Code::NotFound),
            },
            (Method::Get, ["identities", fingerprint]) => {
                let wanted = Fingerprint::parse(fingerprint).unwrap();
                match self
                    .accounts
                    .iter()
                    .find(|(_, account)| account.log().fingerprint() == wanted)
                {
                    Some((id, _)) => ok(&HandleInfo {
                        account_id: *id,
                        fingerprint: wanted,
                    }),
                    None => problem(404, Code::NotFound),
                }
            }
            (Method::Get, ["accounts", id, "log"]) => {
                let from: usize = query.trim_start_matches("from=").parse().unwrap();
                let log = &self.accounts[&AccountId::parse(id).unwrap()].log;
                ok(&LogEntries {
                    entries: log
                        .iter()
                        .skip(from)
                        .map(|entry| entry.clone().into())
                        .collect(),
                    head_sequence: log.len() as u64 - 1,
                })
            }
            (Method::Post, ["accounts", id, "prekeys"]) => {
                self.claim(AccountId::parse(id).unwrap(), &read(body))
            }
            (Method::Put, ["bundle"]) => self.upload(device, &read(body)),
            (Method::Get, ["bundle"]) => {
                let held = self.bundles.get(&device);
                ok(&BundleState {
                    number: held.map(|held| held.number),
                    bundle_hash: held.map(|held| sha256(&[&held.current]).to_vec().into()),
                    one_time_left: held.map_or(0, |held| held.stock.len() as u32),
                })
            }
            (Method::Put, ["delivery-tokens", hash]) => {
                if let Some((status, code)) = self.tokens_fail {
                    return problem(status, code);
                }
                self.tokens
                    .insert(TokenHash::parse(hash).unwrap(), (account, read(body)));
                (204, vec![])
            }
            (Method::Delete, ["delivery-tokens", hash]) => {
                self.tokens.remove(&TokenHash::parse(hash).unwrap());
                (204, vec![])
            }
            (Method::Put, ["vault", name]) => {
                let write: VaultWrite = read(body);
                let vault = &mut self.accounts.get_mut(&account).unwrap().vault;
                let held = vault.get(*name).map_or(0, |(version, _)| *version);
                if write.version == held + 1
                    || vault.get(*name) == Some(&(write.version, write.body.0.clone()))
                {
                    vault.insert((*name).to_owned(), (write.version, write.body.0));
                    (204, vec![])
                } else {
                    problem(409, Code::Conflict)
                }
            }
            (Method::Get, ["vault"]) => ok(&VaultList {
                records: self.accounts[&account]
                    .vault
                    .iter()
                    .map(|(name, (version, body))| VaultInfo {
                        name: name.clone(),
                        version: *version,
                        size_bytes: body.len() as u64,
                    })
                    .collect(),
            }),
            (Method::Get, ["vault", name]) => match self.accounts[&account].vault.get(*name) {
                Some((version, body)) => ok(&VaultRecord {
                    version: *version,
                    body: body.clone().into(),
                }),
                None => problem(404, Code::NotFound),
            },
            other => panic!("the engine asked for {other:?}"),
        }
    }

    fn authenticate(&self, bearer: Option<&str>) -> Option<(SessionId, AccountId, DeviceId)> {
        let (session, until) = bearer?.split_once('.')?;
        let id = SessionId::parse(session)?;
        let session = self.sessions.get(&id)?;
        (until.parse::<u64>().ok()? > self.now.0).then_some((id, session.account, session.device))
    }

    fn tokens(&self, session_id: SessionId) -> SessionTokens {
        let until = Timestamp(self.now.0 + limits::ACCESS_TOKEN_TTL_S * 1000);
        SessionTokens {
            account_id: self.sessions[&session_id].account,
            session_id,
            access_token: format!("{session_id}.{}", until.0),
            access_expires_at_ms: until,
            server_time_ms: self.now,
        }
    }

    fn open_session(&mut self, account: AccountId, new: &NewSession) {
        let session = Session {
            account,
            device: new.device_id,
            refresh_hash: new.refresh_hash.0.clone(),
            last: vec![],
            sealed_name: new.sealed_name.clone(),
            created: self.now,
        };
        self.sessions.insert(new.session_id, session);
    }

    pub fn upload(&mut self, device: DeviceId, upload: &BundleUpload) -> Answer {
        let signed = SignedBundle::decode(&upload.bundle.0).unwrap();
        let held = self.bundles.entry(device).or_default();
        if held.current == upload.bundle.0 {
            return (204, vec![]);
        }
        if signed.bundle.number <= held.number {
            return problem(409, Code::Conflict);
        }
        let keys: Vec<[u8; 1216]> = upload
            .one_time_prekeys
            .iter()
            .map(|key| key.0.as_slice().try_into().unwrap())
            .collect();
        let tree = if keys.is_empty() && signed.bundle.one_time_count > 0 {
            // The stock of the bundle before stays, proved by this one.
            let (_, tree) = held.trees.remove(&held.number).unwrap();
            for prekey in held
                .stock
                .iter_mut()
                .filter(|prekey| prekey.0 == held.number)
            {
                prekey.0 = signed.bundle.number;
            }
            tree
        } else {
            MerkleTree::build(&Library, keys.iter()).unwrap()
        };
        assert_eq!(tree.root(), signed.bundle.one_time_root);
        held.number = signed.bundle.number;
        held.current = upload.bundle.0.clone();
        held.trees
            .insert(held.number, (upload.bundle.0.clone(), tree));
        for (index, key) in (0..).zip(&upload.one_time_prekeys) {
            held.stock.push((held.number, index, key.0.clone()));
        }
        (204, vec![])
    }

    fn claim(&mut self, account: AccountId, claim: &PrekeyClaim) -> Answer {
        let live: Vec<DeviceId> = self.accounts[&account]
            .log()
            .state()
            .devices
            .keys()
            .copied()
            .collect();
        let bundles = live
            .into_iter()
            .filter(|device| claim.devices.is_empty() || claim.devices.contains(device))
            .filter_map(|device_id| {
                let held = self.bundles.get_mut(&device_id)?;
                let one_time = (!held.stock.is_empty()).then(|| held.stock.remove(0)).map(
                    |(number, index, key)| {
                        let (proved_by, tree) = &held.trees[&number];
                        OneTimePrekey {
                            index,
                            public_key: key.into(),
                            bundle_number: number,
                            proved_by: (number != held.number).then(|| proved_by.clone().into()),
                            path: tree
                                .path(index)
                                .unwrap()
                                .into_iter()
                                .map(|hash| hash.to_vec().into())
                                .collect(),
                        }
                    },
                );
                Some(PrekeyBundle {
                    device_id,
                    bundle: held.current.clone().into(),
                    one_time,
                })
            })
            .collect();
        ok(&PrekeyBundles { bundles })
    }

    pub fn contains(&self, canary: &[u8]) -> bool {
        let plain = self
            .seen
            .windows(canary.len())
            .any(|window| window == canary);
        let encoded = b64::encode(canary);
        let core = &encoded.as_bytes()[..encoded.len() - 2];
        plain || self.seen.windows(core.len()).any(|window| window == core)
    }
}
