//! Making and signing the bundle of this device.

use crate::identity::DeviceKeys;
use crate::keys::{X25519Public, XWingPublic};
use crate::primitives::Library;
use securechat_proto::account_log::LogHead;
use securechat_proto::bundle::{Bundle, MerkleTree, SignedBundle};
use securechat_proto::signing::Purpose;
use securechat_proto::{Fingerprint, Timestamp};

/// What goes into the next bundle of this device.
pub struct OwnBundle<'a> {
    pub account: Fingerprint,
    /// One above the last bundle's.
    pub number: u64,
    pub created: Timestamp,
    /// The own log as this device knows it.
    pub log_head: LogHead,
    pub signed_prekey: X25519Public,
    pub last_resort: &'a XWingPublic,
    pub sealing_number: u32,
    pub sealing_key: &'a XWingPublic,
    /// In leaf order; at most 256, normally 50.
    pub one_time: &'a [XWingPublic],
}

/// A signed bundle and the tree that proves its one-time prekeys.
pub struct PublishedBundle {
    pub signed: SignedBundle,
    pub tree: MerkleTree,
}

impl OwnBundle<'_> {
    /// Signs the bundle. `None` when there are more one-time prekeys than a tree holds.
    pub fn sign(&self, keys: &DeviceKeys) -> Option<PublishedBundle> {
        let tree = MerkleTree::build(&Library, self.one_time.iter().map(|key| &*key.0))?;
        let signed = self.sign_keeping(keys, tree.count(), tree.root());
        Some(PublishedBundle { signed, tree })
    }

    /// Signs the bundle over the one-time prekeys of an earlier one, named by their count and root: the relay keeps
    /// those it has, and `one_time` is not looked at. For the daily change of the sealing key.
    pub fn sign_keeping(&self, keys: &DeviceKeys, count: u16, root: [u8; 32]) -> SignedBundle {
        let bundle = Bundle {
            account: self.account,
            device: keys.id(),
            number: self.number,
            created: self.created,
            log_head: self.log_head,
            signed_prekey: self.signed_prekey.0,
            last_resort: self.last_resort.0.clone(),
            sealing_number: self.sealing_number,
            sealing_key: self.sealing_key.0.clone(),
            one_time_count: count,
            one_time_root: root,
        };
        let signature = keys.dsk.sign(
            Purpose::Bundle,
            &self.account,
            &keys.id(),
            &[&bundle.encode()],
        );
        SignedBundle::new(bundle, signature)
    }
}
