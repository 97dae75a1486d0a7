//! What devices put on the wire, watched: a retry is the same bytes, and no message key is used twice.
//!
//! Whether a process died in between makes no difference here: a ratchet state that was not saved, or came back, shows
//! as two different envelopes made with one message key.

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use securechat_crypto::keys::{Secret, XWingSecret};
use securechat_crypto::pqxdh::Address;
use securechat_crypto::primitives::sha256;
use securechat_crypto::seal::{EnvelopeHeader, ExpiryClass, Position, unseal};
use securechat_proto::wire::Message;
use securechat_proto::wire::socket::{ClientFrame, Submit, client_frame};
use securechat_proto::{DeviceId, EnvelopeId, Fingerprint};
use std::collections::BTreeMap;
use std::path::Path;

/// HPKE's encapsulated key at the start of an envelope: drawn anew for each.
const ENCAPSULATED_BYTES: usize = 1120;

/// An envelope as it left, once.
struct Envelope {
    to: DeviceId,
    header: EnvelopeHeader,
    ciphertext: Vec<u8>,
}

#[derive(Default)]
pub struct Wire {
    /// Submit id to the hash of its frame.
    submits: BTreeMap<Vec<u8>, [u8; 32]>,
    envelopes: BTreeMap<EnvelopeId, Envelope>,
    /// Sealing secrets of all devices, by device and number; they are erased in the stores after a month.
    keys: BTreeMap<(DeviceId, u32), (Fingerprint, [u8; 32])>,
}

impl Wire {
    /// A frame leaves a device. Tells whether it is a submit.
    ///
    /// # Errors
    /// A retry or an envelope with other bytes than before.
    pub fn watch(&mut self, frame: &[u8]) -> Result<bool> {
        let decoded = ClientFrame::decode(frame).context("a device sends what is no frame")?;
        let Some(client_frame::Frame::Submit(submit)) = decoded.frame else {
            return Ok(false);
        };
        let hash = sha256(&[frame]);
        let before = self.submits.insert(submit.submit_id.clone(), hash);
        if before == Some(hash) {
            return Ok(true);
        }
        ensure!(
            before.is_none(),
            "a submit was repeated with other bytes than before"
        );
        self.keep(submit)?;
        Ok(true)
    }

    fn keep(&mut self, submit: Submit) -> Result<()> {
        let expiry = ExpiryClass::from_wire(submit.expiry_class).context("expiry class")?;
        for envelope in submit.destinations.into_iter().flat_map(|to| to.envelopes) {
            let id = EnvelopeId::from_slice(&envelope.envelope_id).context("envelope id")?;
            let to = DeviceId::from_slice(&envelope.device_id).context("device id")?;
            let header = EnvelopeHeader {
                envelope: id,
                sealing_key_number: envelope.sealing_key_number,
                expiry,
            };
            let kept = Envelope {
                to,
                header,
                ciphertext: envelope.ciphertext,
            };
            ensure!(
                self.envelopes.insert(id, kept).is_none(),
                "an envelope id was used twice"
            );
        }
        Ok(())
    }

    /// Reads the sealing secrets of a store that nobody has open.
    pub fn learn(&mut self, store: &Path) -> Result<()> {
        let db = open(store)?;
        let address = db.query_row(
            "SELECT fingerprint, device_id FROM account_self",
            [],
            |row| Ok((Fingerprint(row.get(0)?), DeviceId(row.get(1)?))),
        );
        let (fingerprint, device) = match address {
            Ok(address) => address,
            Err(rusqlite::Error::QueryReturnedNoRows) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut query =
            db.prepare("SELECT number, secret FROM prekeys_secrets WHERE kind = 'sealing'")?;
        let rows = query.query_map([], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, [u8; 32]>(1)?))
        })?;
        for row in rows {
            let (number, secret) = row?;
            self.keys.insert((device, number), (fingerprint, secret));
        }
        Ok(())
    }

    /// Looks into every envelope that left any device; how many these were.
    ///
    /// # Errors
    /// Two envelopes made with the same message key, or sealed with the same encapsulation.
    pub fn check(&self) -> Result<usize> {
        let mut positions: BTreeMap<(Address, Position), EnvelopeId> = BTreeMap::new();
        let mut encapsulations = BTreeMap::new();
        for (id, envelope) in &self.envelopes {
            let number = envelope.header.sealing_key_number;
            let Some((fingerprint, secret)) = self.keys.get(&(envelope.to, number)) else {
                bail!("no sealing key {number} of device {:?}", envelope.to)
            };
            let to = Address {
                fingerprint: *fingerprint,
                device: envelope.to,
            };
            let key = XWingSecret::from_seed(Secret::take(&mut secret.clone()));
            let unsealed = unseal(&to, Some(&key), &envelope.header, &envelope.ciphertext)
                .context("an envelope does not open for the device it names")?;
            let position = unsealed.position().context("no ratchet message inside")?;
            if let Some(other) = positions.insert((unsealed.sender(), position), *id) {
                bail!("envelopes {other:?} and {id:?} were made with the same message key")
            }
            let seal = envelope.ciphertext.get(..ENCAPSULATED_BYTES);
            if encapsulations.insert(seal, id).is_some() {
                bail!("two envelopes were sealed with the same encapsulation")
            }
        }
        Ok(self.envelopes.len())
    }
}

/// Opens a store that no engine has open.
pub fn open(store: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(store, flags).with_context(|| store.display().to_string())
}

/// What a device counted and dropped, by name.
pub fn counts(store: &Path) -> Result<BTreeMap<String, i64>> {
    let db = open(store)?;
    let mut query = db.prepare("SELECT name, count FROM inbox_counts")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
