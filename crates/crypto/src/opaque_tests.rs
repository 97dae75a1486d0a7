//! The client's half against the library's server half with the suite written out again, as the relay does.

#![allow(clippy::disallowed_methods)] // Known answers are files.

use super::*;
use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload,
    ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup, ksf,
};

struct RelaySuite;

impl CipherSuite for RelaySuite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_10::Sha512>;
    type Ksf = ksf::Identity;
}

const CHEAP: Stretching = Stretching {
    version: 1,
    memory_kib: 8 * 1024,
    iterations: 1,
    parallelism: 1,
};
const NAME: &[u8] = b"alice";

fn register(setup: &ServerSetup<RelaySuite>, password: &str) -> Registered {
    let registration = Registration::start(password).unwrap();
    let request = RegistrationRequest::deserialize(&registration.request).unwrap();
    let response = ServerRegistration::<RelaySuite>::start(setup, request, NAME)
        .unwrap()
        .message
        .serialize();
    registration.finish(&response, &CHEAP).ok().unwrap()
}

struct Attempt {
    login: Login,
    response: Vec<u8>,
    relay: ServerLogin<RelaySuite>,
}

fn attempt(setup: &ServerSetup<RelaySuite>, record: Option<&[u8]>, password: &str) -> Attempt {
    let login = Login::start(password).unwrap();
    let request = CredentialRequest::deserialize(&login.request).unwrap();
    let record = record.map(|record| {
        ServerRegistration::finish(RegistrationUpload::<RelaySuite>::deserialize(record).unwrap())
    });
    let started = ServerLogin::start(
        &mut OsRng,
        setup,
        record,
        request,
        NAME,
        ServerLoginParameters::default(),
    )
    .unwrap();
    Attempt {
        login,
        response: started.message.serialize().to_vec(),
        relay: started.state,
    }
}

#[test]
fn the_right_password_logs_in_and_gives_the_same_export_key() {
    let setup = ServerSetup::<RelaySuite>::new(&mut OsRng);
    let registered = register(&setup, "correct horse");
    let Attempt {
        login,
        response,
        relay,
    } = attempt(&setup, Some(&registered.record), "correct horse");
    let logged_in = login.finish(&response, &CHEAP).ok().unwrap();
    let finish = CredentialFinalization::deserialize(&logged_in.finish).unwrap();
    let session_key = relay
        .finish(finish, ServerLoginParameters::default())
        .unwrap()
        .session_key;
    assert_eq!(session_key.as_slice(), logged_in.session_key.expose());
    assert!(logged_in.export_key == registered.export_key);
}

#[test]
fn wrong_password_unknown_handle_other_relay_and_other_parameters_look_the_same() {
    let setup = ServerSetup::<RelaySuite>::new(&mut OsRng);
    let other_setup = ServerSetup::<RelaySuite>::new(&mut OsRng);
    let registered = register(&setup, "correct horse");
    let record = Some(registered.record.as_slice());
    let costlier = Stretching {
        iterations: 2,
        ..CHEAP
    };
    for (setup, record, password, stretching) in [
        (&setup, record, "correct hors", CHEAP),
        (&setup, None, "correct horse", CHEAP),
        (&other_setup, record, "correct horse", CHEAP),
        (&setup, record, "correct horse", costlier),
    ] {
        let Attempt {
            login, response, ..
        } = attempt(setup, record, password);
        assert_eq!(
            login.finish(&response, &stretching).err(),
            Some(OpaqueError::WrongCredentials)
        );
    }
}

#[test]
fn weak_parameters_and_malformed_answers_are_refused_before_any_work() {
    let setup = ServerSetup::<RelaySuite>::new(&mut OsRng);
    let registered = register(&setup, "correct horse");
    let Attempt {
        login, response, ..
    } = attempt(&setup, Some(&registered.record), "correct horse");
    let weak = Stretching {
        memory_kib: 4 * 1024,
        ..CHEAP
    };
    assert_eq!(
        login.finish(&response, &weak).err(),
        Some(OpaqueError::Stretching)
    );
    let registration = Registration::start("correct horse").unwrap();
    assert_eq!(
        registration.finish(&[0; 64], &weak).err(),
        Some(OpaqueError::Stretching)
    );
    for bad in [&[][..], &[0; 64], &[0xff; 64], &[1; 63]] {
        let registration = Registration::start("correct horse").unwrap();
        assert_eq!(
            registration.finish(bad, &CHEAP).err(),
            Some(OpaqueError::Malformed),
            "{bad:?}"
        );
        let login = Login::start("correct horse").unwrap();
        assert_eq!(
            login.finish(bad, &CHEAP).err(),
            Some(OpaqueError::Malformed),
            "{bad:?}"
        );
    }
}

#[test]
fn a_relay_that_sends_the_request_back_is_refused() {
    let setup = ServerSetup::<RelaySuite>::new(&mut OsRng);
    let registered = register(&setup, "correct horse");
    let Attempt {
        login,
        mut response,
        ..
    } = attempt(&setup, Some(&registered.record), "correct horse");
    response[..32].copy_from_slice(&login.request[..32]);
    assert_eq!(
        login.finish(&response, &CHEAP).err(),
        Some(OpaqueError::Malformed)
    );
}

#[test]
fn passwords_outside_the_limits_are_refused() {
    let long = "x".repeat(257);
    for bad in ["", "seven77", "ÄÖÜäöü7", long.as_str()] {
        assert_eq!(Login::start(bad).err(), Some(OpaqueError::PasswordLength));
        assert_eq!(
            Registration::start(bad).err(),
            Some(OpaqueError::PasswordLength)
        );
    }
}

/// Randomness for known answers: SHA-256 of the draw number, one stream per party.
struct Counted(u8, u64);

impl RngCore for Counted {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_be_bytes(bytes)
    }
    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_be_bytes(bytes)
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        for chunk in dest.chunks_mut(32) {
            let block = crate::primitives::sha256(&[&[self.0], &self.1.to_be_bytes()]);
            self.1 += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand08::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Counted {}

/// docs/protocol/vectors/opaque.json: one registration and one log-in. Randomness of each party is the stream
/// SHA-256(party byte || draw u64), 1 the client, 2 the relay; the relay's part of it is its setup.
#[test]
fn known_answers() {
    let (mut client, mut relay) = (Counted(1, 0), Counted(2, 0));
    let password = "correct horse battery staple";
    let setup = ServerSetup::<RelaySuite>::new(&mut relay);
    let registration = Registration::start_with(password, &mut client).unwrap();
    let registration_request = registration.request;
    let request = RegistrationRequest::deserialize(&registration_request).unwrap();
    let answer = ServerRegistration::<RelaySuite>::start(&setup, request, NAME)
        .unwrap()
        .message
        .serialize();
    let registered = registration
        .finish_with(&answer, &CHEAP, &mut client)
        .ok()
        .unwrap();
    let login = Login::start_with(password, &mut client).unwrap();
    let ke1 = login.request;
    let record = RegistrationUpload::<RelaySuite>::deserialize(&registered.record).unwrap();
    let started = ServerLogin::start(
        &mut relay,
        &setup,
        Some(ServerRegistration::finish(record)),
        CredentialRequest::deserialize(&ke1).unwrap(),
        NAME,
        ServerLoginParameters::default(),
    )
    .unwrap();
    let ke2 = started.message.serialize();
    let logged_in = login.finish(&ke2, &CHEAP).ok().unwrap();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let made = serde_json::json!({
        "about": "OPAQUE with ristretto255, 3DH, SHA-512, Argon2id; no identifiers, no context. Bytes are hex; docs/protocol/opaque.md.",
        "password": password,
        "credential_identifier": "alice",
        "stretching": {"version": 1, "memory_kib": CHEAP.memory_kib, "iterations": CHEAP.iterations, "parallelism": CHEAP.parallelism},
        "server_setup": hex(&setup.serialize()),
        "registration_request": hex(&registration_request),
        "registration_response": hex(&answer),
        "registration_upload": hex(&registered.record),
        "ke1": hex(&ke1),
        "ke2": hex(&ke2),
        "server_login_state": hex(&started.state.serialize()),
        "ke3": hex(&logged_in.finish),
        "session_key": hex(logged_in.session_key.expose()),
        "export_key": hex(registered.export_key.expose()),
    });
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/protocol/vectors/opaque.json"
    );
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(file == made, "opaque.json differs from what the code makes");
}
