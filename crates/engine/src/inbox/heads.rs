//! Log heads that travel in contents: each side learns how far the other's copy of its log goes, and repairs it.
//!
//! A claim proves nothing: it makes us ask, at the relay and at the one who claims; only signed entries change anything.

use crate::account::Me;
use crate::contacts::Contact;
use crate::context::Cx;
use crate::error::Outcome;
use crate::identities;
use crate::outbox::{self, NewContent};
use crate::store::rows::int;
use rusqlite::params;
use securechat_crypto::pqxdh::Address;
use securechat_proto::account_log::Freshness;
use securechat_proto::limits;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Content, LogNotice};

/// Compares the heads in a content with what we hold; entries that travel along are taken in.
pub(super) fn compare(
    cx: &mut Cx<'_>,
    me: &Me,
    sender: &Address,
    contact: Option<&Contact>,
    content: &Content,
) -> Outcome<()> {
    let fingerprint = sender.fingerprint;
    if !content.log_entries.is_empty() {
        identities::take_in(cx, &fingerprint, &content.log_entries)?;
    }
    let claimed = content
        .own_head
        .as_ref()
        .and_then(identities::head_from_wire);
    if let (Some(claimed), Some(log)) = (claimed, identities::log(cx, &fingerprint)?) {
        match log.freshness(&claimed) {
            Freshness::Same | Freshness::Behind(_) => {}
            // Unproved: the relay is asked for the entries, and only entries change anything.
            Freshness::ClaimAhead | Freshness::ClaimForks => {
                if let Some(account_id) = identities::account_of(cx.db, &fingerprint)? {
                    identities::fetch_if_old(cx, account_id, fingerprint)?;
                }
                if let Some(contact) = contact {
                    notice(cx, contact, sender, true)?;
                }
            }
        }
    }
    let known = content
        .peer_head
        .as_ref()
        .and_then(identities::head_from_wire);
    if let (Some(known), Some(contact), Some(own)) =
        (known, contact, identities::log(cx, &me.fingerprint)?)
    {
        // What they know of our log: behind, and the next content carries the entries; ahead, and another device of
        // this account wrote it.
        let stored = match own.freshness(&known) {
            Freshness::Same | Freshness::Behind(_) => true,
            Freshness::ClaimAhead | Freshness::ClaimForks => {
                identities::fetch_if_old(cx, me.account_id, me.fingerprint)?;
                false
            }
        };
        cx.db.run(
            "UPDATE contacts_list SET known_head = ?2 WHERE contact_id = ?1",
            params![
                contact.id.0.as_bytes(),
                stored.then(|| known.encode().to_vec())
            ],
        )?;
    }
    if let (true, Some(contact)) = (content.wants_log_entries, contact) {
        notice(cx, contact, sender, false)?;
    }
    Ok(())
}

/// A content that carries nothing but heads, and the entries the other side was seen to lack. `wants`: it asks for
/// theirs, because the relay may be keeping them from us. At most one an hour and direction, whatever is claimed.
fn notice(cx: &mut Cx<'_>, contact: &Contact, to: &Address, wants: bool) -> Outcome<()> {
    if !contact.is_accepted() || contact.blocked {
        return Ok(());
    }
    let sent = cx.db.all(
        "SELECT content FROM outbox_contents WHERE contact_id = ?1 AND kind = 'log_notice' AND created_at > ?2",
        params![
            contact.id.0.as_bytes(),
            int(cx.now.0.saturating_sub(limits::HOUR_MS))
        ],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    let same = |bytes: &Vec<u8>| {
        Content::decode(bytes.as_slice()).is_ok_and(|sent| sent.wants_log_entries == wants)
    };
    if sent.iter().any(same) {
        return Ok(());
    }
    let new = NewContent {
        only_device: Some(to.device),
        wants_log_entries: wants,
        ..NewContent::to(contact.id)
    };
    outbox::enqueue(cx, &new, Body::LogNotice(LogNotice {}))
}
