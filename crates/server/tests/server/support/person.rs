//! A person with one device, built from the published formats alone: no client code of ours takes part.

use super::{World, call};
use ed25519_dalek::{Signer as _, SigningKey};
use opaque_ke::ksf::Identity;
use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialResponse, RegistrationResponse, Ristretto255,
    TripleDh,
};
use rand08::rngs::OsRng;
use securechat_proto::account_log::{
    Announced, Body, DeviceRecord, Entry, LogHead, Operation, Recover, RecoveryRecord, Signer,
};
use securechat_proto::api::{
    BundleUpload, DeviceLogin, LoginFinish, LoginStart, LoginStarted, NewSession, Refresh,
    RegistrationStart, RegistrationStarted, SessionTokens, SignUp, Stretching,
};
use securechat_proto::b64::Bytes;
use securechat_proto::bundle::{Bundle, MerkleTree, SignedBundle};
use securechat_proto::public_key::XWING_BYTES;
use securechat_proto::signing::{self, NO_FINGERPRINT, Purpose};
use securechat_proto::{AccountId, DeviceId, Fingerprint, SessionId, Timestamp};
use securechat_server::app::App;
use securechat_server::platform::primitives::{Primitives, sha256};

/// The relay never stretches, so tests skip it.
struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_10::Sha512>;
    type Ksf = Identity;
}

pub struct Device {
    pub dsk: SigningKey,
    pub record: DeviceRecord,
    pub id: DeviceId,
}

pub struct Person {
    pub account_id: AccountId,
    pub handle: String,
    pub password: String,
    pub device: Device,
    pub recovery: SigningKey,
    pub log: Vec<Vec<u8>>,
    pub fingerprint: Fingerprint,
    pub session_id: SessionId,
    pub refresh_token: [u8; 32],
    pub access_token: String,
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

fn xwing() -> Box<[u8; XWING_BYTES]> {
    Box::new(random())
}

impl Device {
    pub fn new() -> Self {
        let dsk = SigningKey::from_bytes(&random());
        let record = DeviceRecord {
            dsk: dsk.verifying_key().to_bytes(),
            ik: random(),
            archive: xwing(),
        };
        let id = record.id(&Primitives);
        Self { dsk, record, id }
    }

    pub fn sign(&self, purpose: Purpose, account: &Fingerprint, fields: &[&[u8]]) -> Vec<u8> {
        let message = signing::message(purpose, account, &self.id, fields);
        self.dsk.sign(&message).to_bytes().to_vec()
    }

    /// A signed bundle with `count` fresh one-time prekeys.
    pub fn bundle(
        &self,
        account: Fingerprint,
        number: u64,
        sealing_number: u32,
        count: usize,
    ) -> BundleUpload {
        let keys: Vec<Box<[u8; XWING_BYTES]>> = (0..count).map(|_| xwing()).collect();
        self.bundle_of(account, number, sealing_number, &keys)
    }

    pub fn bundle_of(
        &self,
        account: Fingerprint,
        number: u64,
        sealing_number: u32,
        keys: &[Box<[u8; XWING_BYTES]>],
    ) -> BundleUpload {
        let tree = MerkleTree::build(&Primitives, keys.iter().map(|key| &**key)).expect("a tree");
        let bundle = Bundle {
            account,
            device: self.id,
            number,
            created: Timestamp(0),
            log_head: LogHead {
                era: 0,
                sequence: 0,
                hash: account.0,
            },
            signed_prekey: random(),
            last_resort: xwing(),
            sealing_number,
            sealing_key: xwing(),
            one_time_count: tree.count(),
            one_time_root: tree.root(),
        };
        let signature = self.sign(Purpose::Bundle, &account, &[&bundle.encode()]);
        let signed = SignedBundle::new(bundle, signature.try_into().expect("64 bytes"));
        BundleUpload {
            bundle: Bytes(signed.encode()),
            one_time_prekeys: keys.iter().map(|key| Bytes(key.to_vec())).collect(),
        }
    }
}

pub fn new_session(device_id: DeviceId, refresh_token: &[u8; 32]) -> NewSession {
    NewSession {
        session_id: SessionId(random()),
        device_id,
        sealed_name: Bytes(b"sealed name".to_vec()),
        refresh_hash: Bytes(sha256(refresh_token).to_vec()),
    }
}

impl Person {
    /// A person who has not signed up yet.
    pub fn new(handle: &str) -> Self {
        let device = Device::new();
        let recovery = SigningKey::from_bytes(&random());
        let recovery_record = RecoveryRecord {
            authority: recovery.verifying_key().to_bytes(),
            archive: xwing(),
        };
        let body = Body {
            account: NO_FINGERPRINT,
            sequence: 0,
            previous: [0; 32],
            time: Timestamp(0),
            signer: Signer::Device(device.id),
            operation: Operation::Genesis {
                device: device.record.clone(),
                recovery: recovery_record,
            },
        };
        let bytes = body.encode();
        let signature = device.sign(Purpose::LogEntry, &NO_FINGERPRINT, &[&bytes]);
        let entry = Entry::new(body, signature.try_into().expect("64 bytes"), None);
        let fingerprint = Fingerprint(entry.hash(&Primitives));
        Self {
            account_id: AccountId(random()),
            handle: handle.into(),
            password: "correct horse".into(),
            device,
            recovery,
            log: vec![entry.encode()],
            fingerprint,
            session_id: SessionId([0; 16]),
            refresh_token: random(),
            access_token: String::new(),
        }
    }

    /// Signs up; the person can use the relay from then on.
    pub async fn signed_up(world: &World, handle: &str) -> Self {
        let mut person = Self::new(handle);
        let request = person.sign_up_request(&world.app).await;
        let tokens: SessionTokens = world.put(&person.account_path(), None, &request).await.ok();
        person.take(&tokens);
        person
    }

    pub fn take(&mut self, tokens: &SessionTokens) {
        self.session_id = tokens.session_id;
        self.access_token.clone_from(&tokens.access_token);
    }

    pub fn account_path(&self) -> String {
        format!("/v1/accounts/{}", self.account_id)
    }

    pub fn token(&self) -> Option<&str> {
        Some(&self.access_token)
    }

    pub async fn sign_up_request(&self, app: &App) -> SignUp {
        let (record, stretching) = self.register(app).await;
        SignUp {
            handle: self.handle.clone(),
            record: Bytes(record),
            stretching,
            genesis: Bytes(self.log[0].clone()),
            bundle: self.device.bundle(self.fingerprint, 1, 1, 50),
            session: new_session(self.device.id, &self.refresh_token),
        }
    }

    async fn register(&self, app: &App) -> (Vec<u8>, Stretching) {
        let start = ClientRegistration::<Suite>::start(&mut OsRng, self.password.as_bytes())
            .expect("a start");
        let request = RegistrationStart {
            account_id: self.account_id,
            handle: self.handle.clone(),
            request: Bytes(start.message.serialize().to_vec()),
        };
        let answer = call(
            app,
            "POST",
            "/v1/accounts/registration",
            None,
            Some(super::json(&request)),
        )
        .await;
        let started: RegistrationStarted = answer.ok();
        let response = RegistrationResponse::deserialize(&started.response.0).expect("a response");
        let finish = start
            .state
            .finish(
                &mut OsRng,
                self.password.as_bytes(),
                response,
                ClientRegistrationFinishParameters::default(),
            )
            .expect("a finish");
        (finish.message.serialize().to_vec(), started.stretching)
    }

    /// Both log-in messages up to the last; none when the password does not open the answer.
    pub async fn login(
        &self,
        world: &World,
        password: &str,
        with_device: bool,
    ) -> Option<LoginFinish> {
        let start = ClientLogin::<Suite>::start(&mut OsRng, password.as_bytes()).expect("a start");
        let request = LoginStart {
            handle: self.handle.clone(),
            request: Bytes(start.message.serialize().to_vec()),
        };
        let started: LoginStarted = world.post("/v1/sessions/login", None, &request).await.ok();
        let response = CredentialResponse::deserialize(&started.response.0).expect("a response");
        let finish = start
            .state
            .finish(
                &mut OsRng,
                password.as_bytes(),
                response,
                ClientLoginFinishParameters::default(),
            )
            .ok()?;
        let device = with_device.then(|| self.device_login(&started.login_state.0));
        Some(LoginFinish {
            login_state: started.login_state,
            finish: Bytes(finish.message.serialize().to_vec()),
            device,
        })
    }

    /// The device's proof for a fresh session.
    pub fn device_login(&self, challenge: &[u8]) -> DeviceLogin {
        let session = new_session(self.device.id, &self.refresh_token);
        let signature = self.device.sign(
            Purpose::Auth,
            &self.fingerprint,
            &[b"login", session.session_id.as_bytes(), &sha256(challenge)],
        );
        DeviceLogin {
            session,
            signature: Bytes(signature),
        }
    }

    /// A refresh from the present token to `next`.
    pub fn refresh_request(&self, next: &[u8; 32]) -> Refresh {
        let (used, next_hash) = (sha256(&self.refresh_token), sha256(next));
        let fields: [&[u8]; 4] = [b"refresh", self.session_id.as_bytes(), &used, &next_hash];
        Refresh {
            session_id: self.session_id,
            refresh_token: Bytes(self.refresh_token.to_vec()),
            next_refresh_hash: Bytes(next_hash.to_vec()),
            signature: Bytes(self.device.sign(Purpose::Auth, &self.fingerprint, &fields)),
        }
    }

    /// The next entry of the own log, signed by this person's device; not appended anywhere.
    pub fn next_entry(&self, operation: Operation, countersigner: Option<&Device>) -> Vec<u8> {
        self.entry_at(
            self.log.len() as u64,
            Signer::Device(self.device.id),
            operation,
            countersigner,
        )
    }

    pub fn entry_at(
        &self,
        sequence: u64,
        signer: Signer,
        operation: Operation,
        countersigner: Option<&Device>,
    ) -> Vec<u8> {
        let previous = Entry::decode(self.log.last().expect("a genesis"))
            .expect("an entry")
            .hash(&Primitives);
        let body = Body {
            account: self.fingerprint,
            sequence,
            previous,
            time: Timestamp(0),
            signer,
            operation,
        };
        let bytes = body.encode();
        let message = signing::message(
            Purpose::LogEntry,
            &self.fingerprint,
            &signer.device_id(),
            &[&bytes],
        );
        let signature = match signer {
            Signer::Device(_) => self.device.dsk.sign(&message),
            Signer::Recovery => self.recovery.sign(&message),
        };
        let countersignature = countersigner.map(|device| {
            let signature = device.sign(Purpose::LogCountersign, &self.fingerprint, &[&bytes]);
            signature.try_into().expect("64 bytes")
        });
        Entry::new(body, signature.to_bytes(), countersignature).encode()
    }

    pub fn add_device(&self, device: &Device) -> Vec<u8> {
        self.next_entry(
            Operation::AddDevice {
                device: device.record.clone(),
            },
            Some(device),
        )
    }

    pub fn announce_close(&self) -> Vec<u8> {
        self.next_entry(Operation::Announce(Announced::Close), None)
    }

    pub fn recover(&self, device: &Device) -> Vec<u8> {
        let recover = Recover {
            parent_sequence: self.log.len() as u64 - 1,
            parent_hash: Entry::decode(self.log.last().expect("a genesis"))
                .expect("an entry")
                .hash(&Primitives),
            kept: vec![],
            device: device.record.clone(),
            recovery: RecoveryRecord {
                authority: random(),
                archive: xwing(),
            },
        };
        self.entry_at(
            self.log.len() as u64,
            Signer::Recovery,
            Operation::Recover(Box::new(recover)),
            Some(device),
        )
    }
}
