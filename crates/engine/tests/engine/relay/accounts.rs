//! The relay's half of accounts: sign-up, OPAQUE log-in, sessions that a device signs for.

use super::*;

impl Relay {
    pub(super) fn sign_up(&mut self, id: AccountId, body: &[u8]) -> Answer {
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

    pub(super) fn login(&mut self, start: &LoginStart) -> Answer {
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

    pub(super) fn finish_login(&mut self, finish: LoginFinish) -> Answer {
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

    pub(super) fn check_device(&self, account: AccountId, device: &DeviceLogin, proof: &[u8]) {
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

    pub(super) fn check_signature(
        &self,
        account: AccountId,
        device: &DeviceId,
        fields: &[&[u8]],
        signature: &[u8],
    ) {
        let log = self.accounts[&account].log();
        // A relay that goes on serving a device removed from the log asks for no proof; the engine must stop by itself.
        let Some(key) = log.state().device(device).map(|device| device.keys.dsk) else {
            return;
        };
        let message = signing::message(Purpose::Auth, &log.fingerprint(), device, fields);
        assert!(
            Library.verify_ed25519(&key, &message, signature.try_into().unwrap()),
            "the device signs"
        );
    }

    pub(super) fn device_session(&mut self, request: DeviceSession) -> Answer {
        self.check_device(request.account_id, &request.device, &request.challenge.0);
        if self.signed_out.contains(&request.device.session.device_id) {
            return problem(403, Code::PasswordNeeded);
        }
        self.open_session(request.account_id, &request.device.session);
        ok(&self.tokens(request.device.session.session_id))
    }

    pub(super) fn refresh(&mut self, request: &Refresh) -> Answer {
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
}
