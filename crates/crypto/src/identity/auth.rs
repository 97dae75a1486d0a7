//! What the DSK signs for the relay: log-ins, refreshes, sockets, and the counter that gives a copied store away.
//!
//! The fields are those of `proto::api` and `socket.proto`; the relay builds the same message and verifies.

use super::DeviceKeys;
use crate::primitives::sha256;
use securechat_proto::codec::{Malformed, Reader};
use securechat_proto::signing::Purpose;
use securechat_proto::{Fingerprint, SessionId};

impl DeviceKeys {
    /// Opens a session: `login` || session id || SHA-256(`challenge`), the challenge being the login state after a
    /// password or the relay's challenge without one.
    pub fn sign_login(
        &self,
        account: &Fingerprint,
        session: &SessionId,
        challenge: &[u8],
    ) -> [u8; 64] {
        let hash = sha256(&[challenge]);
        self.sign_auth(account, &[b"login", session.as_bytes(), &hash])
    }

    /// Rotates a refresh token: `refresh` || session id || SHA-256(token) || hash of the next one.
    pub fn sign_refresh(
        &self,
        account: &Fingerprint,
        session: &SessionId,
        token: &[u8; 32],
        next_hash: &[u8; 32],
    ) -> [u8; 64] {
        let hash = sha256(&[token]);
        self.sign_auth(account, &[b"refresh", session.as_bytes(), &hash, next_hash])
    }

    /// Opens a socket: nonce[32] of the relay's Hello || session id.
    pub fn sign_socket(
        &self,
        account: &Fingerprint,
        nonce: &[u8; 32],
        session: &SessionId,
    ) -> [u8; 64] {
        self.sign_auth(account, &[nonce, session.as_bytes()])
    }

    fn sign_auth(&self, account: &Fingerprint, fields: &[&[u8]]) -> [u8; 64] {
        self.dsk.sign(Purpose::Auth, account, &self.id(), fields)
    }

    /// Signs the store counter for one request (submit, append, upload).
    pub fn sign_counter(
        &self,
        account: &Fingerprint,
        counter: u64,
        request: &[u8],
    ) -> (CounterRecord, [u8; 64]) {
        let record = CounterRecord {
            counter,
            request_hash: sha256(&[request]),
        };
        let signature = self
            .dsk
            .sign(Purpose::Counter, account, &self.id(), &[&record.encode()]);
        (record, signature)
    }

    /// Reads the record the relay gives back at connect: only one this very device signed counts. A counter above the
    /// store's own means that this store is a copy.
    pub fn read_counter(
        &self,
        account: &Fingerprint,
        record: &[u8],
        signature: &[u8; 64],
    ) -> Option<CounterRecord> {
        let read = CounterRecord::decode(record).ok()?;
        let public = self.public().dsk;
        public
            .verify(Purpose::Counter, account, &self.id(), &[record], signature)
            .then_some(read)
    }
}

/// The store counter and the request it was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterRecord {
    pub counter: u64,
    pub request_hash: [u8; 32],
}

impl CounterRecord {
    pub const BYTES: usize = 40;

    /// counter u64 || SHA-256 of the request[32]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.counter.to_be_bytes());
        bytes[8..].copy_from_slice(&self.request_hash);
        bytes
    }

    /// # Errors
    /// [`Malformed`]
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let record = Self {
            counter: reader.u64()?,
            request_hash: reader.array()?,
        };
        reader.finish()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Fingerprint = Fingerprint([1; 32]);
    const SESSION: SessionId = SessionId([2; 16]);

    #[test]
    fn the_relay_can_verify_each_signature_and_none_stands_for_another() {
        let keys = DeviceKeys::generate().unwrap();
        let (token, next, nonce) = ([3; 32], [4; 32], [5; 32]);
        let login: [&[u8]; 3] = [b"login", SESSION.as_bytes(), &sha256(&[b"state"])];
        let refresh: [&[u8]; 4] = [b"refresh", SESSION.as_bytes(), &sha256(&[&token]), &next];
        let socket: [&[u8]; 2] = [&nonce, SESSION.as_bytes()];
        let signed = [
            keys.sign_login(&ACCOUNT, &SESSION, b"state"),
            keys.sign_refresh(&ACCOUNT, &SESSION, &token, &next),
            keys.sign_socket(&ACCOUNT, &nonce, &SESSION),
        ];
        for (fields, is_for) in [(&login[..], 0), (&refresh[..], 1), (&socket[..], 2)] {
            for (index, signature) in signed.iter().enumerate() {
                let public = keys.public().dsk;
                let verifies =
                    public.verify(Purpose::Auth, &ACCOUNT, &keys.id(), fields, signature);
                assert_eq!(verifies, index == is_for);
            }
        }
    }

    #[test]
    fn only_a_counter_this_device_signed_counts() {
        let keys = DeviceKeys::generate().unwrap();
        let (record, signature) = keys.sign_counter(&ACCOUNT, 7, b"request");
        let bytes = record.encode();
        assert_eq!(
            keys.read_counter(&ACCOUNT, &bytes, &signature),
            Some(record)
        );
        let mut higher = bytes;
        higher[0] = 1;
        assert_eq!(keys.read_counter(&ACCOUNT, &higher, &signature), None);
        assert_eq!(keys.read_counter(&ACCOUNT, &bytes[1..], &signature), None);
        assert_eq!(
            keys.read_counter(&Fingerprint([9; 32]), &bytes, &signature),
            None
        );
        let other = DeviceKeys::generate().unwrap();
        assert_eq!(other.read_counter(&ACCOUNT, &bytes, &signature), None);
    }
}
