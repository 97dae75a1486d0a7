//! The invite link: a delivery right of its own, with a number of uses and an end.
//!
//! Payload, base64url: version 1 || account id[16] || fingerprint[32] || token[16]. It never reaches a server.

use super::{drop_token, register_token, token_hash};
use crate::api::{InviteLink, InviteLinkView, Reply};
use crate::context::{Answer, Cx};
use crate::error::Outcome;
use crate::shell::Topic;
use crate::store::rows::{Db, int, uint};
use rusqlite::params;
use securechat_crypto::keys::Secret;
use securechat_proto::api::{TokenKind, TokenRegistration};
use securechat_proto::{AccountId, Fingerprint, Timestamp, TokenHash, b64, limits};

const VERSION: u8 = 1;
/// A link is for people one talks to these days, not for a web page.
const LIVES_MS: u64 = 30 * limits::DAY_MS;
const USES_MAX: u32 = 100;

/// What an invite link says.
pub(crate) struct LinkPayload {
    pub account_id: AccountId,
    pub fingerprint: Fingerprint,
    pub token: [u8; 16],
}

impl LinkPayload {
    pub fn to_text(&self) -> String {
        b64::encode(
            &[
                &[VERSION],
                self.account_id.as_bytes(),
                self.fingerprint.as_bytes(),
                &self.token,
            ]
            .concat(),
        )
    }

    /// Reads a payload; a whole link is fine too, the part before `#` is cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = b64::decode_array::<65>(text.rsplit('#').next().unwrap_or(text))?;
        let mut reader = securechat_proto::codec::Reader::new(&bytes);
        reader.expect(VERSION).ok()?;
        Some(Self {
            account_id: AccountId(reader.array().ok()?),
            fingerprint: Fingerprint(reader.array().ok()?),
            token: reader.array().ok()?,
        })
    }
}

pub(crate) fn create(cx: &mut Cx<'_>) -> Outcome<Answer> {
    let me = cx.me()?;
    take_back(cx)?;
    let token = *Secret::<16>::random()?.expose();
    let expires_at = cx.now.saturating_add_ms(LIVES_MS);
    cx.db.run(
        "INSERT OR REPLACE INTO contacts_link (id, token, created_at, expires_at, uses_max) VALUES (1, ?1, ?2, ?3, ?4)",
        params![token.as_slice(), int(cx.now.0), int(expires_at.0), USES_MAX],
    )?;
    let registration = TokenRegistration {
        kind: TokenKind::Link,
        uses_max: Some(USES_MAX),
        expires_at_ms: Some(expires_at),
    };
    register_token(cx, &token, &registration)?;
    cx.changed(Topic::InviteLink);
    let payload = LinkPayload {
        account_id: me.account_id,
        fingerprint: me.fingerprint,
        token,
    }
    .to_text();
    let link = InviteLink {
        payload,
        created_at_ms: cx.now,
        expires_at_ms: expires_at,
        uses_max: USES_MAX,
        active: false,
    };
    Ok(Answer::Now(Reply::InviteLink { link }))
}

pub(crate) fn revoke(cx: &mut Cx<'_>) -> Outcome<Answer> {
    cx.me()?;
    take_back(cx)?;
    Ok(Answer::Now(Reply::Done))
}

fn take_back(cx: &mut Cx<'_>) -> Outcome<()> {
    let token = cx.db.one("SELECT token FROM contacts_link", [], |row| {
        row.get::<_, [u8; 16]>(0)
    })?;
    if let Some(token) = token {
        drop_token(cx, &token)?;
        cx.db.run("DELETE FROM contacts_link", [])?;
        cx.changed(Topic::InviteLink);
    }
    Ok(())
}

/// The relay holds the token: what gives it away may leave, and a link works.
pub(crate) fn on_registered(cx: &mut Cx<'_>, hash: &TokenHash) -> Outcome<()> {
    crate::outbox::wake(cx)?;
    let token = cx.db.one("SELECT token FROM contacts_link", [], |row| {
        row.get::<_, [u8; 16]>(0)
    })?;
    if token.is_some_and(|token| token_hash(&token) == *hash) {
        cx.db.run("UPDATE contacts_link SET active = 1", [])?;
        cx.changed(Topic::InviteLink);
    }
    Ok(())
}

pub(crate) fn view(db: Db<'_>, now: Timestamp) -> Outcome<InviteLinkView> {
    let Some(me) = crate::account::load(db)? else {
        return Ok(InviteLinkView { link: None });
    };
    let link = db.one(
        "SELECT token, created_at, expires_at, uses_max, active FROM contacts_link",
        [],
        |row| {
            let token = row.get(0)?;
            Ok(InviteLink {
                payload: LinkPayload {
                    account_id: me.account_id,
                    fingerprint: me.fingerprint,
                    token,
                }
                .to_text(),
                created_at_ms: Timestamp(uint(row.get(1)?)),
                expires_at_ms: Timestamp(uint(row.get(2)?)),
                uses_max: row.get(3)?,
                active: row.get(4)?,
            })
        },
    )?;
    Ok(InviteLinkView {
        link: link.filter(|link| link.expires_at_ms > now),
    })
}
