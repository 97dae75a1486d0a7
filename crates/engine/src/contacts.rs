//! People this account knows: found, asked, accepted, blocked, verified; the delivery rights between two accounts.
//!
//! Knows: fingerprints, names, the tokens both ways. Must never know: keys of a session, what was written.
//! The relay learns of a contact only the hash of a token it may count (docs/protocol/socket.md).

pub(crate) mod finding;
pub(crate) mod identity_change;
pub(crate) mod link;
pub(crate) mod requests;
pub(crate) mod views;

pub(crate) use identity_change::{
    accept_new_identity, on_devices_changed, on_frozen, on_new_identity, on_old_keys, on_thawed,
};
pub(crate) use views::open_requests;

use crate::account::{clean_name, cut_name};
use crate::api::{ContactId, RefusalCode, Reply, SystemEvent};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::outbox::{self, NewContent};
use crate::purpose::Purpose;
use crate::requests::{self as rest, Request};
use crate::shell::{Method, Topic};
use crate::store::rows::{Db, int, uint};
use crate::{conversations, messages, vault};
use rusqlite::{Row, params};
use securechat_crypto::primitives::sha256;
use securechat_proto::api::{TokenKind, TokenRegistration};
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Profile, TokenGrant};
use securechat_proto::{AccountId, ConversationId, Fingerprint, Timestamp, TokenHash, limits};

/// Where two accounts stand with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Found, nothing written.
    Unsent,
    /// We wrote first.
    Outgoing,
    /// They wrote first.
    Incoming,
    Accepted,
}

impl Standing {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsent => "unsent",
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
            Self::Accepted => "accepted",
        }
    }

    pub fn from(name: &str) -> Option<Self> {
        [Self::Unsent, Self::Outgoing, Self::Incoming, Self::Accepted]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// One row of the contact list.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub id: ContactId,
    pub account_id: AccountId,
    pub fingerprint: Fingerprint,
    pub handle: String,
    pub display_name: String,
    pub nickname: String,
    pub favourite: bool,
    pub listed: bool,
    pub blocked: bool,
    pub standing: Standing,
    /// The right to deliver to them.
    pub their_token: Option<[u8; 16]>,
    /// The right we gave them.
    pub my_token: Option<[u8; 16]>,
    pub token_granted_at: Timestamp,
    pub verified_at: Option<Timestamp>,
    pub new_fingerprint: Option<Fingerprint>,
    pub new_identity_at: Option<Timestamp>,
    pub was_verified: bool,
    pub added_at: Timestamp,
}

impl Contact {
    /// Nickname, else display name, else handle, else the start of the identity.
    pub fn title(&self) -> String {
        let names = [&self.nickname, &self.display_name, &self.handle];
        names
            .into_iter()
            .find(|name| !name.is_empty())
            .cloned()
            .unwrap_or_else(|| self.identity_short())
    }

    /// The identity a comparison is about: new keys that wait for consent, else the ones in force.
    pub fn compared(&self) -> Fingerprint {
        self.new_fingerprint.unwrap_or(self.fingerprint)
    }

    pub fn identity_short(&self) -> String {
        self.fingerprint.to_string().chars().take(8).collect()
    }

    /// Stable for the life of an identity.
    pub fn colour_seed(&self) -> u32 {
        let [a, b, c, d, ..] = self.fingerprint.0;
        u32::from_be_bytes([a, b, c, d])
    }

    pub fn is_accepted(&self) -> bool {
        self.standing == Standing::Accepted
    }
}

pub(crate) const COLUMNS: &str = "contact_id, account_id, fingerprint, handle, display_name, nickname, favourite, listed,
    blocked, request, their_token, my_token, token_granted_at, verified_at, new_fingerprint, new_identity_at,
    was_verified, added_at";

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Contact> {
    let time = |value: Option<i64>| value.map(|at| Timestamp(uint(at)));
    Ok(Contact {
        id: ContactId(ConversationId(row.get(0)?)),
        account_id: AccountId(row.get(1)?),
        fingerprint: Fingerprint(row.get(2)?),
        handle: row.get(3)?,
        display_name: row.get(4)?,
        nickname: row.get(5)?,
        favourite: row.get(6)?,
        listed: row.get(7)?,
        blocked: row.get(8)?,
        standing: Standing::from(&row.get::<_, String>(9)?).unwrap_or(Standing::Unsent),
        their_token: row.get(10)?,
        my_token: row.get(11)?,
        token_granted_at: Timestamp(uint(row.get(12)?)),
        verified_at: time(row.get(13)?),
        new_fingerprint: row.get::<_, Option<[u8; 32]>>(14)?.map(Fingerprint),
        new_identity_at: time(row.get(15)?),
        was_verified: row.get(16)?,
        added_at: Timestamp(uint(row.get(17)?)),
    })
}

pub(crate) fn by_id(db: Db<'_>, id: &ContactId) -> Outcome<Option<Contact>> {
    db.one(
        &format!("SELECT {COLUMNS} FROM contacts_list WHERE contact_id = ?1"),
        [id.0.as_bytes()],
        read,
    )
}

pub(crate) fn by_fingerprint(db: Db<'_>, fingerprint: &Fingerprint) -> Outcome<Option<Contact>> {
    db.one(
        &format!("SELECT {COLUMNS} FROM contacts_list WHERE fingerprint = ?1"),
        [fingerprint.as_bytes()],
        read,
    )
}

pub(crate) fn by_account(db: Db<'_>, account_id: &AccountId) -> Outcome<Option<Contact>> {
    db.one(
        &format!("SELECT {COLUMNS} FROM contacts_list WHERE account_id = ?1"),
        [account_id.as_bytes()],
        read,
    )
}

pub(crate) fn of_conversation(
    db: Db<'_>,
    conversation_id: &ConversationId,
) -> Outcome<Option<Contact>> {
    db.one(
        &format!(
            "SELECT {COLUMNS} FROM contacts_list WHERE contact_id =
               (SELECT contact_id FROM conversations_list WHERE conversation_id = ?1)"
        ),
        [conversation_id.as_bytes()],
        read,
    )
}

/// The contact a command names.
pub(crate) fn named(cx: &Cx<'_>, id: &ContactId) -> Outcome<Contact> {
    by_id(cx.db, id)?.ok_or(Fault::refused(RefusalCode::NotFound))
}

/// The contact of the conversation a command names.
pub(crate) fn named_by(cx: &Cx<'_>, conversation_id: &ConversationId) -> Outcome<Contact> {
    of_conversation(cx.db, conversation_id)?.ok_or(Fault::refused(RefusalCode::NotFound))
}

/// What is known of somebody who becomes a contact.
pub(crate) struct NewContact<'a> {
    pub account_id: AccountId,
    pub fingerprint: Fingerprint,
    pub handle: &'a str,
    pub display_name: &'a str,
    pub standing: Standing,
    pub their_token: Option<[u8; 16]>,
}

/// Adds a contact and its conversation.
pub(crate) fn add(cx: &mut Cx<'_>, new: &NewContact<'_>) -> Outcome<Contact> {
    let id = ContactId(ConversationId(cx.ids.bytes()));
    // Whoever writes first says their own handle: it counts when the directory agrees.
    let handle = if new.standing == Standing::Incoming {
        finding::check_handle(cx, &new.fingerprint, new.handle)?;
        ""
    } else {
        new.handle
    };
    cx.db.run(
        "INSERT INTO contacts_list (contact_id, account_id, fingerprint, handle, display_name, request, their_token, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            id.0.as_bytes(),
            new.account_id.as_bytes(),
            new.fingerprint.as_bytes(),
            handle,
            cut_name(new.display_name, limits::DISPLAY_NAME_CHARS_MAX),
            new.standing.name(),
            new.their_token.as_ref().map(<[u8; 16]>::as_slice),
            int(cx.now.0)
        ],
    )?;
    conversations::open(cx, &id, &new.fingerprint)?;
    vault::touch(cx, vault::CONTACTS)?;
    cx.changed(Topic::Chats);
    named(cx, &id)
}

pub(crate) fn set_standing(cx: &mut Cx<'_>, contact: &Contact, standing: Standing) -> Outcome<()> {
    cx.db.run(
        "UPDATE contacts_list SET request = ?2 WHERE contact_id = ?1",
        params![contact.id.0.as_bytes(), standing.name()],
    )?;
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)
}

/// How the other side calls itself. A handle by which they were found stays; one they claim is checked first.
pub(crate) fn set_names(
    cx: &mut Cx<'_>,
    contact: &Contact,
    display_name: &str,
    handle: &str,
) -> Outcome<()> {
    if contact.handle.is_empty() {
        finding::check_handle(cx, &contact.fingerprint, handle)?;
    }
    cx.db.run(
        "UPDATE contacts_list SET display_name = ?2 WHERE contact_id = ?1",
        params![
            contact.id.0.as_bytes(),
            cut_name(display_name, limits::DISPLAY_NAME_CHARS_MAX)
        ],
    )?;
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)
}

pub(crate) fn set_their_token(cx: &mut Cx<'_>, contact: &Contact, token: &[u8]) -> Outcome<()> {
    cx.db.run(
        "UPDATE contacts_list SET their_token = ?2 WHERE contact_id = ?1",
        params![contact.id.0.as_bytes(), token],
    )?;
    // What waited for the right may leave.
    outbox::wake_contact(cx, &contact.id)?;
    vault::touch(cx, vault::CONTACTS)
}

/// The relay no longer takes the right they gave us.
pub(crate) fn forget_their_token(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    cx.db.run(
        "UPDATE contacts_list SET their_token = NULL WHERE contact_id = ?1",
        [contact.id.0.as_bytes()],
    )?;
    vault::touch(cx, vault::CONTACTS)
}

/// The right we give to a contact; made once, registered at the relay by its hash.
pub(crate) fn my_token(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<[u8; 16]> {
    let held = cx.db.one(
        "SELECT my_token FROM contacts_list WHERE contact_id = ?1",
        [contact.id.0.as_bytes()],
        |row| row.get::<_, Option<[u8; 16]>>(0),
    )?;
    if let Some(token) = held.flatten() {
        return Ok(token);
    }
    let token: [u8; 16] = *securechat_crypto::keys::Secret::<16>::random()?.expose();
    cx.db.run(
        "UPDATE contacts_list SET my_token = ?2 WHERE contact_id = ?1",
        params![contact.id.0.as_bytes(), token.as_slice()],
    )?;
    register_contact_token(cx, &token)?;
    vault::touch(cx, vault::CONTACTS)?;
    Ok(token)
}

/// Tells the relay of a right of a contact; telling it again changes nothing.
pub(crate) fn register_contact_token(cx: &mut Cx<'_>, token: &[u8; 16]) -> Outcome<()> {
    register_token(
        cx,
        token,
        &TokenRegistration {
            kind: TokenKind::Contact,
            uses_max: None,
            expires_at_ms: None,
        },
    )
}

/// First 16 bytes of SHA-256: all the relay stores of a token.
pub(crate) fn token_hash(token: &[u8; 16]) -> TokenHash {
    let digest = sha256(&[token]);
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    TokenHash(hash)
}

pub(crate) fn token_key(hash: &TokenHash) -> String {
    format!("token:{hash}")
}

pub(crate) fn register_token(
    cx: &mut Cx<'_>,
    token: &[u8; 16],
    registration: &TokenRegistration,
) -> Outcome<()> {
    let hash = token_hash(token);
    let request = Request::with_body(
        Method::Put,
        token_key(&hash),
        Purpose::RegisterToken { hash },
        format!("/v1/delivery-tokens/{hash}"),
        registration,
    )?;
    rest::send(cx, request)?;
    Ok(())
}

/// Whether the relay has answered to the registration of the right we give this contact.
pub(crate) fn is_token_registered(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<bool> {
    let token = my_token(cx, contact)?;
    Ok(!rest::is_open(cx, &token_key(&token_hash(&token)))?)
}

pub(crate) fn drop_token(cx: &mut Cx<'_>, token: &[u8; 16]) -> Outcome<()> {
    let hash = token_hash(token);
    rest::withdraw(cx, &token_key(&hash))?;
    let path = format!("/v1/delivery-tokens/{hash}");
    rest::send(
        cx,
        Request::delete(format!("drop:{hash}"), Purpose::DropToken { hash }, path),
    )?;
    Ok(())
}

/// Everything that shows this account reads again.
pub(crate) fn changed(cx: &mut Cx<'_>, fingerprint: &Fingerprint) -> Outcome<()> {
    cx.changed(Topic::Chats);
    if let Some(conversation_id) = conversations::of_fingerprint(cx.db, fingerprint)? {
        cx.changed_conversation(conversation_id);
    }
    Ok(())
}

// ---- commands ------------------------------------------------------------------------------------

/// Takes the delivery right away; what they send is dropped here, and they cannot tell.
pub(crate) fn block(cx: &mut Cx<'_>, id: &ContactId) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    if let Some(token) = contact.my_token {
        drop_token(cx, &token)?;
    }
    cx.db.run(
        "UPDATE contacts_list SET blocked = 1, my_token = NULL WHERE contact_id = ?1",
        [contact.id.0.as_bytes()],
    )?;
    if !contact.blocked {
        line(cx, &contact.fingerprint, SystemEvent::Blocked)?;
    }
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)?;
    Ok(Answer::Now(Reply::Done))
}

/// Gives a new right, and says where the numbering goes on, so that nothing sent meanwhile counts as missing.
pub(crate) fn unblock(cx: &mut Cx<'_>, id: &ContactId) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    if !contact.blocked {
        return Ok(Answer::Now(Reply::Done));
    }
    cx.db.run(
        "UPDATE contacts_list SET blocked = 0 WHERE contact_id = ?1",
        [contact.id.0.as_bytes()],
    )?;
    conversations::forget_gaps(cx, &contact.fingerprint)?;
    if contact.is_accepted() {
        grant_token(cx, &contact)?;
    }
    outbox::wake_contact(cx, id)?;
    line(cx, &contact.fingerprint, SystemEvent::Unblocked)?;
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)?;
    Ok(Answer::Now(Reply::Done))
}

/// A new delivery right, sealed to the contact.
pub(crate) fn grant_token(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    let token = my_token(cx, contact)?;
    let next = conversations::next_sequence(cx.db, &contact.id)?;
    let body = Body::TokenGrant(TokenGrant {
        delivery_token: token.to_vec(),
        sequence_restarts_at: next,
    });
    outbox::enqueue(cx, &NewContent::to(contact.id), body)?;
    cx.db.run(
        "UPDATE contacts_list SET token_granted_at = ?2 WHERE contact_id = ?1",
        params![contact.id.0.as_bytes(), int(cx.now.0)],
    )?;
    Ok(())
}

pub(crate) fn remove(cx: &mut Cx<'_>, id: &ContactId) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    cx.db.run(
        "UPDATE contacts_list SET listed = 0, favourite = 0 WHERE contact_id = ?1",
        [contact.id.0.as_bytes()],
    )?;
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)?;
    Ok(Answer::Now(Reply::Done))
}

pub(crate) fn set_nickname(cx: &mut Cx<'_>, id: &ContactId, nickname: &str) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    let nickname = clean_name(nickname, limits::NICKNAME_CHARS_MAX)?;
    cx.db.run(
        "UPDATE contacts_list SET nickname = ?2 WHERE contact_id = ?1",
        params![id.0.as_bytes(), nickname],
    )?;
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)?;
    Ok(Answer::Now(Reply::Done))
}

pub(crate) fn set_favourite(cx: &mut Cx<'_>, id: &ContactId, favourite: bool) -> Outcome<Answer> {
    let contact = named(cx, id)?;
    cx.db.run(
        "UPDATE contacts_list SET favourite = ?2 WHERE contact_id = ?1",
        params![id.0.as_bytes(), favourite],
    )?;
    vault::touch(cx, vault::CONTACTS)?;
    changed(cx, &contact.fingerprint)?;
    Ok(Answer::Now(Reply::Done))
}

/// Every accepted contact learns the new name.
pub(crate) fn tell_profile(cx: &mut Cx<'_>, display_name: &str) -> Outcome<()> {
    let accepted = cx.db.all(
        &format!("SELECT {COLUMNS} FROM contacts_list WHERE request = 'accepted' AND blocked = 0 ORDER BY contact_id"),
        [],
        read,
    )?;
    for contact in accepted {
        let body = Body::Profile(Profile {
            display_name: display_name.to_owned(),
        });
        outbox::enqueue(cx, &NewContent::to(contact.id), body)?;
    }
    Ok(())
}

/// A line of the product's own in the conversation with this account.
pub(crate) fn line(cx: &mut Cx<'_>, fingerprint: &Fingerprint, event: SystemEvent) -> Outcome<()> {
    match conversations::of_fingerprint(cx.db, fingerprint)? {
        Some(conversation_id) => messages::system_line(cx, &conversation_id, event),
        None => Ok(()),
    }
}
