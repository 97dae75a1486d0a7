//! Devices with a store in memory: they seal for each other and open in any order the test likes.

use crate::bundle::{self, HandshakeKeys, OwnBundle, PeerBundle};
use crate::identity::DeviceKeys;
use crate::keys::{Secret, X25519Secret, XWingPublic, XWingSecret};
use crate::pqxdh::{Address, HandshakeHash, KemKeyId, KemKind, Party, SessionName};
use crate::ratchet::PeerSessions;
use crate::recovery::RecoverySecret;
use crate::repair::RepairKey;
use crate::seal::outer;
use crate::seal::{
    ConsumedPrekey, EnvelopeHeader, ExpiryClass, OpenError, Opened, OurDevice, Position,
    PrekeyStore, Recipient, Rejection, SealError, Sealed, open, seal, unseal,
};
use securechat_proto::account_log::{Log, Operation, Verified};
use securechat_proto::{EnvelopeId, Fingerprint, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

pub fn seed(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32])
}

/// An envelope between devices.
#[derive(Clone)]
pub struct Mail {
    pub header: EnvelopeHeader,
    pub ciphertext: Vec<u8>,
}

#[derive(Default)]
pub struct Prekeys {
    pub signed: BTreeMap<u64, X25519Secret>,
    pub kems: BTreeMap<(u8, KemKeyId), XWingSecret>,
    pub answered: BTreeSet<HandshakeHash>,
}

impl PrekeyStore for Prekeys {
    type Error = Infallible;

    fn signed_prekey(&self, bundle_number: u64) -> Result<Option<X25519Secret>, Infallible> {
        Ok(self
            .signed
            .get(&bundle_number)
            .map(|key| X25519Secret::from_secret(key.stored().duplicate())))
    }

    fn kem(&self, kind: KemKind, key: &KemKeyId) -> Result<Option<XWingSecret>, Infallible> {
        Ok(self
            .kems
            .get(&(kind as u8, *key))
            .map(|key| XWingSecret::from_seed(key.stored().duplicate())))
    }

    fn was_answered(&self, handshake: &HandshakeHash) -> Result<bool, Infallible> {
        Ok(self.answered.contains(handshake))
    }
}

pub struct Device {
    pub fingerprint: Fingerprint,
    pub keys: DeviceKeys,
    pub log: Verified<Log>,
    pub bundle_number: u64,
    pub last_resort: XWingPublic,
    pub sealing: BTreeMap<u32, XWingSecret>,
    pub sealing_public: (u32, XWingPublic),
    pub prekeys: Prekeys,
    pub sessions: BTreeMap<Address, PeerSessions>,
    envelopes: u64,
}

impl Device {
    pub fn new(byte: u8) -> Self {
        let keys = DeviceKeys::from_seeds(&seed(byte), seed(byte ^ 0x40), seed(byte ^ 0x20));
        let recovery = RecoverySecret::from_seed(Secret::take(&mut [byte; 16])).public();
        let log = keys.sign_genesis(recovery, Timestamp(0)).unwrap().log;
        Self::with(keys, log)
    }

    /// A second device of the same account; both know the new log.
    pub fn link(&mut self, byte: u8) -> Self {
        let keys = DeviceKeys::from_seeds(&seed(byte), seed(byte ^ 0x40), seed(byte ^ 0x20));
        let add = Operation::AddDevice {
            device: keys.record(),
        };
        self.log = self
            .keys
            .sign_entry(&self.log, add, Some(&keys), Timestamp(0))
            .unwrap()
            .log;
        Self::with(keys, self.log.clone())
    }

    pub fn with(keys: DeviceKeys, log: Verified<Log>) -> Self {
        let last_resort = XWingSecret::generate().unwrap();
        let mut device = Self {
            fingerprint: log.fingerprint(),
            keys,
            log,
            bundle_number: 0,
            last_resort: last_resort.public(),
            sealing: BTreeMap::new(),
            sealing_public: (0, last_resort.public()),
            prekeys: Prekeys::default(),
            sessions: BTreeMap::new(),
            envelopes: 0,
        };
        let id = KemKeyId::of(&device.last_resort);
        device
            .prekeys
            .kems
            .insert((KemKind::LastResort as u8, id), last_resort);
        device.rotate_sealing_key();
        device.rotate_bundle();
        device
    }

    pub fn party(&self) -> Party {
        Party::new(self.fingerprint, self.keys.public())
    }

    pub fn address(&self) -> Address {
        self.party().address()
    }

    pub fn ours(&self) -> OurDevice<'_> {
        OurDevice {
            fingerprint: self.fingerprint,
            keys: &self.keys,
        }
    }

    pub fn rotate_sealing_key(&mut self) {
        let number = self.sealing_public.0 + 1;
        let secret = XWingSecret::generate().unwrap();
        self.sealing_public = (number, secret.public());
        self.sealing.insert(number, secret);
    }

    /// A new signed prekey under a new bundle number; the old one is kept.
    pub fn rotate_bundle(&mut self) {
        self.bundle_number += 1;
        self.prekeys
            .signed
            .insert(self.bundle_number, X25519Secret::generate().unwrap());
    }

    /// The bundle as a peer verifies it, and the keys of a fresh one-time prekey in it.
    pub fn publish(&mut self) -> (PeerBundle, HandshakeKeys) {
        let secret = XWingSecret::generate().unwrap();
        let one_time = [secret.public()];
        let published = self.own_bundle(&one_time).sign(&self.keys).unwrap();
        let path = published.tree.path(0).unwrap();
        let state = self.log.state();
        let bundle = bundle::verify(
            &published.signed.encode(),
            &self.keys.id(),
            &self.log,
            state,
            None,
        )
        .unwrap();
        let keys = bundle
            .one_time(0, one_time[0].0.as_slice(), &path, None, &self.log, state)
            .unwrap();
        self.prekeys
            .kems
            .insert((KemKind::OneTime as u8, KemKeyId::of(&one_time[0])), secret);
        (bundle, keys)
    }

    /// The bundle alone; it changes nothing.
    pub fn bundle(&self) -> PeerBundle {
        let signed = self.own_bundle(&[]).sign(&self.keys).unwrap().signed;
        bundle::verify(
            &signed.encode(),
            &self.keys.id(),
            &self.log,
            self.log.state(),
            None,
        )
        .unwrap()
    }

    fn own_bundle<'a>(&'a self, one_time: &'a [XWingPublic]) -> OwnBundle<'a> {
        OwnBundle {
            account: self.fingerprint,
            number: self.bundle_number,
            created: Timestamp(0),
            log_head: self.log.head(),
            signed_prekey: self.prekeys.signed[&self.bundle_number].public(),
            last_resort: &self.last_resort,
            sealing_number: self.sealing_public.0,
            sealing_key: &self.sealing_public.1,
            one_time,
        }
    }

    /// One-time prekeys not used up yet.
    pub fn one_time_prekeys(&self) -> usize {
        self.prekeys
            .kems
            .keys()
            .filter(|(kind, _)| *kind == KemKind::OneTime as u8)
            .count()
    }

    /// Seals, claiming prekeys from `to` when asked to, as the engine does.
    pub fn send(&mut self, to: &mut Device, content: &[u8], now: u64) -> Mail {
        match self.try_send(to, None, content, now) {
            Ok((mail, _)) => mail,
            Err(SealError::NeedsPrekeys) => {
                let (_, prekeys) = to.publish();
                self.try_send(to, Some(&prekeys), content, now).unwrap().0
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub fn try_send(
        &mut self,
        to: &Device,
        prekeys: Option<&HandshakeKeys>,
        content: &[u8],
        now: u64,
    ) -> Result<(Mail, Sealed), SealError> {
        self.envelopes += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.envelopes.to_be_bytes());
        id[8..].copy_from_slice(&self.fingerprint.0[..8]);
        let envelope = EnvelopeId(id);
        let bundle = to.bundle();
        let recipient = Recipient {
            bundle: &bundle,
            prekeys,
        };
        let ours = OurDevice {
            fingerprint: self.fingerprint,
            keys: &self.keys,
        };
        let sessions = self.sessions.entry(to.address()).or_default();
        let sealed = seal(
            &ours,
            sessions,
            &recipient,
            content,
            envelope,
            ExpiryClass::Durable,
            Timestamp(now),
        )?;
        let header = EnvelopeHeader {
            envelope,
            sealing_key_number: sealed.sealing_key_number,
            expiry: ExpiryClass::Durable,
        };
        Ok((
            Mail {
                header,
                ciphertext: sealed.ciphertext.clone(),
            },
            sealed,
        ))
    }

    /// Opens and does what the engine does in its transaction: store sessions, erase or remember prekeys.
    /// The sessions go through their stored form each time.
    pub fn receive(&mut self, from: &Device, mail: &Mail, now: u64) -> Result<Vec<u8>, Rejection> {
        let opened = self.receive_unsaved(from, mail, now)?;
        match opened.consumed {
            Some(ConsumedPrekey::OneTime(key)) => {
                assert!(
                    self.prekeys
                        .kems
                        .remove(&(KemKind::OneTime as u8, key))
                        .is_some()
                );
            }
            Some(ConsumedPrekey::LastResort(_, hash)) => {
                assert!(self.prekeys.answered.insert(hash))
            }
            None => {}
        }
        Ok(opened.content)
    }

    /// Opens and keeps the sessions, but erases and remembers nothing.
    pub fn receive_unsaved(
        &mut self,
        from: &Device,
        mail: &Mail,
        now: u64,
    ) -> Result<Opened, Rejection> {
        let key = self.sealing.get(&mail.header.sealing_key_number);
        let unsealed = unseal(&self.address(), key, &mail.header, &mail.ciphertext)?;
        assert_eq!(unsealed.sender(), from.address());
        let before = self.sessions.entry(from.address()).or_default().to_bytes();
        let mut sessions = PeerSessions::from_bytes(&before).unwrap();
        let result = open(
            &self.ours(),
            &unsealed,
            Some(from.log.state()),
            &mut sessions,
            &self.prekeys,
            Timestamp(now),
        );
        let after = sessions.to_bytes();
        match result {
            Ok(opened) => {
                self.sessions.insert(from.address(), sessions);
                Ok(opened)
            }
            Err(OpenError::Rejected(rejection)) => {
                assert_eq!(*before, *after, "a failed call changed the sessions");
                Err(rejection)
            }
            Err(OpenError::Store(never)) => match never {},
        }
    }

    /// The opened body of a mail to this device, tag included.
    pub fn body_of(&self, mail: &Mail) -> Vec<u8> {
        let key = self.sealing.get(&mail.header.sealing_key_number);
        unseal(&self.address(), key, &mail.header, &mail.ciphertext)
            .unwrap()
            .bytes
    }

    /// The message key a mail to this device was made with.
    pub fn position_of(&self, mail: &Mail) -> Position {
        let key = self.sealing.get(&mail.header.sealing_key_number);
        unseal(&self.address(), key, &mail.header, &mail.ciphertext)
            .unwrap()
            .position()
            .unwrap()
    }

    /// The session a mail to this device names.
    pub fn session_of(&self, mail: &Mail) -> SessionName {
        let key = self.sealing.get(&mail.header.sealing_key_number);
        unseal(&self.address(), key, &mail.header, &mail.ciphertext)
            .unwrap()
            .body
            .sid
    }

    /// Seals a body to this device under the header of `mail`, as anybody could.
    pub fn reseal(&self, mail: &Mail, body: &[u8]) -> Mail {
        let seed = outer::draw_seed().unwrap();
        let ciphertext = outer::seal(
            &self.sealing_public.1,
            &self.address(),
            &mail.header,
            body,
            seed,
        )
        .unwrap();
        Mail {
            header: mail.header,
            ciphertext,
        }
    }

    /// Sets the right repair tag of this device for `to`, as only this device (or `to`) could.
    pub fn retag(&self, to: &Device, mail: &Mail, body: &mut [u8]) {
        let key = RepairKey::derive(&self.address(), &self.keys.ik, &to.party()).unwrap();
        let tag = key.tag(&mail.header.envelope, body);
        crate::body::set_tag(body, &tag);
    }

    /// What the engine does with a broken envelope.
    pub fn note_broken(&mut self, rejection: Rejection) {
        let Rejection::Broken(broken) = rejection else {
            panic!("not broken: {rejection}")
        };
        self.sessions
            .entry(broken.sender)
            .or_default()
            .want_fresh(broken.seen_generation);
    }
}

/// Two devices of two accounts.
pub fn pair() -> (Device, Device) {
    (Device::new(1), Device::new(2))
}
