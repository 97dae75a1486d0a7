//! An honest relay in memory, as small as the engine's tests allow: it stores, orders and hands out, and can be told
//! to be full, to forget or to lie. The real proof is the simulator with the real server's rooms.

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
    /// Message requests taken before all further ones are refused.
    pub requests_left: u32,
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
            requests_left: 100,
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

    fn sign_up(&mut self, id: AccountId, body: &[u8]) -> Answer {
        let request: SignUp = read(body);
        if let Some(account) = self.accounts.get(&id) {
            assert_eq!(
                account.sign_up, body,
                "a repeated sign-up is the same bytes"
            );
            return ok(&self.tokens(request.session.session_id));
        }
        if self.account_of(&request.handle).is_some() {
            return problem(409, Code::HandleTaken);
        }
        let upload = RegistrationUpload::<Suite>::deserialize(&request.record.0).unwrap();
        let account = Account {
            handle: request.handle,
            record: ServerRegistration::<Suite>::finish(upload)
                .serialize()
                .to_vec(),
            log: vec![request.genesis.0],
            sign_up: body.to_vec(),
            vault: BTreeMap::new(),
        };
        assert!(
            account
                .log()
                .state()
                .device(&request.session.device_id)
                .is_some()
        );
        self.accounts.insert(id, account);
        self.upload(request.session.device_id, &request.bundle);
        self.open_session(id, &request.session);
        ok(&self.tokens(request.session.session_id))
    }

    fn login(&mut self, start: &LoginStart) -> Answer {
        let known = self.account_of(&start.handle);
        let record = known.map(|id| {
            ServerRegistration::<Suite>::deserialize(&self.accounts[&id].record).unwrap()
        });
        let request = CredentialRequest::<Suite>::deserialize(&start.request.0).unwrap();
        let parameters = ServerLoginParameters::default();
        let started = ServerLogin::start(
            &mut OsRng,
            &self.setup,
            record,
            request,
            start.handle.as_bytes(),
            parameters,
        )
        .unwrap();
        let state = sha256(&[&start.request.0]).to_vec();
        self.logins.insert(state.clone(), (known, started.state));
        ok(&LoginStarted {
            response: started.message.serialize().to_vec().into(),
            login_state: state.into(),
            stretching: STRETCHING,
        })
    }

    fn finish_login(&mut self, finish: LoginFinish) -> Answer {
        let (account, login) = self.logins.remove(&finish.login_state.0).unwrap();
        let message = CredentialFinalization::<Suite>::deserialize(&finish.finish.0).unwrap();
        if login
            .finish(message, ServerLoginParameters::default())
            .is_err()
        {
            return problem(401, Code::WrongCredentials);
        }
        let account = account.unwrap();
        let tokens = finish.device.map(|device| {
            self.check_device(account, &device, &finish.login_state.0);
            self.signed_out.remove(&device.session.device_id);
            self.open_session(account, &device.session);
            self.tokens(device.session.session_id)
        });
        ok(&LoginFinished {
            account_id: account,
            fingerprint: self.accounts[&account].log().fingerprint(),
            tokens,
        })
    }

    fn check_device(&self, account: AccountId, device: &DeviceLogin, proof: &[u8]) {
        let fields: [&[u8]; 3] = [
            b"login",
            device.session.session_id.as_bytes(),
            &sha256(&[proof]),
        ];
        self.check_signature(
            account,
            &device.session.device_id,
            &fields,
            &device.signature.0,
        );
    }

    fn check_signature(
        &self,
        account: AccountId,
        device: &DeviceId,
        fields: &[&[u8]],
        signature: &[u8],
    ) {
        let log = self.accounts[&account].log();
        let key = log.state().device(device).unwrap().keys.dsk;
        let message = signing::message(Purpose::Auth, &log.fingerprint(), device, fields);
        assert!(
            Library.verify_ed25519(&key, &message, signature.try_into().unwrap()),
            "the device signs"
        );
    }

    fn device_session(&mut self, request: DeviceSession) -> Answer {
        self.check_device(request.account_id, &request.device, &request.challenge.0);
        if self.signed_out.contains(&request.device.session.device_id) {
            return problem(403, Code::PasswordNeeded);
        }
        self.open_session(request.account_id, &request.device.session);
        ok(&self.tokens(request.device.session.session_id))
    }

    fn refresh(&mut self, request: &Refresh) -> Answer {
        let body = serde_json::to_vec(request).unwrap();
        let Some(session) = self.sessions.get(&request.session_id) else {
            return problem(401, Code::SessionRevoked);
        };
        if session.last == body {
            return ok(&self.tokens(request.session_id));
        }
        if sha256(&[&request.refresh_token.0]).as_slice() != session.refresh_hash {
            panic!("a refresh token was used twice");
        }
        let fields: [&[u8]; 4] = [
            b"refresh",
            request.session_id.as_bytes(),
            &sha256(&[&request.refresh_token.0]),
            &request.next_refresh_hash.0,
        ];
        self.check_signature(
            session.account,
            &session.device,
            &fields,
            &request.signature.0,
        );
        let session = self.sessions.get_mut(&request.session_id).unwrap();
        session.refresh_hash = request.next_refresh_hash.0.clone();
        session.last = body;
        ok(&self.tokens(request.session_id))
    }

    fn upload(&mut self, device: DeviceId, upload: &BundleUpload) -> Answer {
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
        let tree = MerkleTree::build(&Library, keys.iter()).unwrap();
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

    // ---- socket ----------------------------------------------------------------------------------

    pub fn hello(&self, nonce: [u8; 32]) -> Vec<u8> {
        frame(server_frame::Frame::Hello(socket::Hello {
            protocol: 1,
            nonce: nonce.to_vec(),
            server_time_ms: self.now.0,
        }))
    }

    /// One frame from a client; answers frames for it, and says which device it proved to be.
    pub fn frame(
        &mut self,
        nonce: &[u8; 32],
        device: &mut Option<DeviceId>,
        bytes: &[u8],
    ) -> Result<Vec<Vec<u8>>, u16> {
        self.seen.extend_from_slice(bytes);
        let received = socket::ClientFrame::decode(bytes).unwrap().frame.unwrap();
        match received {
            client_frame::Frame::Auth(auth) => {
                let Some((session_id, account, proved)) = self.authenticate(Some(&auth.jwt)) else {
                    return Err(4001);
                };
                let fields: [&[u8]; 2] = [nonce, session_id.as_bytes()];
                self.check_signature(account, &proved, &fields, &auth.signature);
                let first = device.is_none();
                *device = Some(proved);
                let (last_counter, last_counter_signature) =
                    self.counters.get(&proved).cloned().unwrap_or_default();
                let expires_at_ms = auth.jwt.split_once('.').unwrap().1.parse().unwrap();
                let ready = socket::Ready {
                    expires_at_ms,
                    last_counter,
                    last_counter_signature,
                    server_time_ms: self.now.0,
                };
                let mut answers = vec![frame(server_frame::Frame::Ready(ready))];
                if first {
                    let mailbox = self.mailboxes.entry(proved).or_default();
                    mailbox.connected = true;
                    mailbox.sent_up_to = 0;
                    answers.extend(self.deliveries(&proved));
                    answers.push(frame(server_frame::Frame::Drained(socket::Drained {})));
                }
                Ok(answers)
            }
            client_frame::Frame::Submit(submit) => {
                let submitter = device.expect("authenticated before it submits");
                Ok(self.submit(submitter, &submit).into_iter().collect())
            }
            client_frame::Frame::Ack(ack) => {
                let cursor = u64::from_be_bytes(ack.cursor.try_into().unwrap());
                let mailbox = self.mailboxes.get_mut(&device.unwrap()).unwrap();
                mailbox.rows.retain(|row| row.sequence > cursor);
                Ok(vec![])
            }
            client_frame::Frame::Ping(ping) => {
                Ok(vec![frame(server_frame::Frame::Pong(socket::Pong {
                    id: ping.id,
                    server_time_ms: self.now.0,
                }))])
            }
        }
    }

    pub fn deliveries(&mut self, device: &DeviceId) -> Vec<Vec<u8>> {
        let Some(mailbox) = self
            .mailboxes
            .get_mut(device)
            .filter(|mailbox| mailbox.connected)
        else {
            return vec![];
        };
        let rows: Vec<Row> = mailbox
            .rows
            .iter()
            .filter(|row| row.sequence > mailbox.sent_up_to)
            .cloned()
            .collect();
        mailbox.sent_up_to = rows.last().map_or(mailbox.sent_up_to, |row| row.sequence);
        mailbox.rows.retain(|row| row.durable);
        rows.into_iter()
            .map(|row| frame(server_frame::Frame::Delivery(row.delivery)))
            .collect()
    }

    fn submit(&mut self, submitter: DeviceId, submit: &socket::Submit) -> Option<Vec<u8>> {
        let id = SubmitId::from_slice(&submit.submit_id).unwrap();
        if let Some(accepted) = self.accepted.get(&id) {
            return Some(frame(server_frame::Frame::Accepted(accepted.clone())));
        }
        let ephemeral = submit.expiry_class == 1;
        self.last_accepted_at = self.now.0.max(self.last_accepted_at + 1);
        let results = submit
            .destinations
            .iter()
            .map(|destination| self.deposit(destination, ephemeral))
            .collect();
        let accepted = socket::Accepted {
            submit_id: submit.submit_id.clone(),
            accepted_at_ms: self.last_accepted_at,
            expires_at_ms: self.last_accepted_at + limits::RETENTION_MS,
            results,
        };
        if !ephemeral {
            self.counters.insert(
                submitter,
                (submit.counter.clone(), submit.counter_signature.clone()),
            );
            if self.refuse_submits.is_none() {
                self.stored += 1;
                self.accepted.insert(id, accepted.clone());
            }
        }
        Some(frame(server_frame::Frame::Accepted(accepted)))
    }

    fn deposit(
        &mut self,
        destination: &socket::Destination,
        ephemeral: bool,
    ) -> socket::DestinationResult {
        let answer = |outcome: socket::Outcome| socket::DestinationResult {
            outcome: outcome as i32,
            missing_devices: vec![],
            stale_devices: vec![],
        };
        if let Some(outcome) = self.refuse_submits {
            return answer(outcome);
        }
        let account = AccountId::from_slice(&destination.account_id).unwrap();
        if !destination.token.is_empty() {
            let digest = sha256(&[&destination.token]);
            let hash = TokenHash(digest[..16].try_into().unwrap());
            if self
                .tokens
                .get(&hash)
                .is_none_or(|(owner, _)| *owner != account)
            {
                return answer(socket::Outcome::Refused);
            }
        } else if let Some(left) = self.requests_left.checked_sub(1) {
            self.requests_left = left;
        } else {
            return answer(socket::Outcome::Refused);
        }
        let Some(held) = self.accounts.get(&account) else {
            return answer(socket::Outcome::Refused);
        };
        let live: BTreeSet<DeviceId> = held.log().state().devices.keys().copied().collect();
        let mut result = answer(socket::Outcome::Stored);
        let named: BTreeSet<DeviceId> = destination
            .envelopes
            .iter()
            .map(|envelope| DeviceId::from_slice(&envelope.device_id).unwrap())
            .collect();
        result.missing_devices = live
            .difference(&named)
            .map(|device| device.to_vec())
            .collect();
        for envelope in &destination.envelopes {
            let device = DeviceId::from_slice(&envelope.device_id).unwrap();
            if !live.contains(&device) {
                result.stale_devices.push(device.to_vec());
                continue;
            }
            let mailbox = self.mailboxes.entry(device).or_default();
            if ephemeral && !mailbox.connected {
                continue;
            }
            mailbox.next += 1;
            let delivery = socket::Delivery {
                cursor: if ephemeral {
                    vec![]
                } else {
                    mailbox.next.to_be_bytes().to_vec()
                },
                accepted_at_ms: self.last_accepted_at,
                envelope_id: envelope.envelope_id.clone(),
                sealing_key_number: envelope.sealing_key_number,
                expiry_class: u32::from(ephemeral),
                ciphertext: envelope.ciphertext.clone(),
            };
            mailbox.rows.push(Row {
                sequence: mailbox.next,
                delivery,
                durable: !ephemeral,
            });
        }
        result
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

pub fn frame(frame: server_frame::Frame) -> Vec<u8> {
    socket::ServerFrame { frame: Some(frame) }.encode_to_vec()
}
