//! Message requests: the first contact between two accounts, and its acceptance.
//!
//! A request carries a fresh right for the answer; the answer carries one back. Until then nobody gets a receipt.

use super::{
    Contact, NewContact, Standing, add, by_fingerprint, line, my_token, named_by,
    register_contact_token, set_names, set_standing, set_their_token,
};
use crate::api::{RefusalCode, Reply, SystemEvent};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::outbox::{self, NewContent};
use crate::store::rows::int;
use crate::{conversations, messages, vault};
use rusqlite::params;
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Acceptance, Introduction, Text};
use securechat_proto::{AccountId, ConversationId, Fingerprint, limits};

/// A lost right is answered with a new one, not more often than this.
const GRANT_APART_MS: u64 = limits::DAY_MS;

/// A first text makes a request of it.
pub(crate) fn on_first_text(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    set_standing(cx, contact, Standing::Outgoing)?;
    line(cx, &contact.fingerprint, SystemEvent::RequestSent)
}

/// A text was taken back before it left. If it was the whole request, nothing was asked for.
pub(crate) fn on_taken_back(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    if contact.standing != Standing::Outgoing || outbox::holds_any(cx, &contact.id)? {
        return Ok(());
    }
    set_standing(cx, contact, Standing::Unsent)?;
    match conversations::of_fingerprint(cx.db, &contact.fingerprint)? {
        Some(id) => messages::forget_system_line(cx, &id, &SystemEvent::RequestSent),
        None => Ok(()),
    }
}

/// The form in which a text leaves before the other side has accepted: every one carries the right to answer, so
/// that none depends on another.
pub(crate) fn introduce(cx: &mut Cx<'_>, contact: &Contact, text: Text) -> Outcome<Body> {
    let me = cx.me()?;
    Ok(Body::Introduction(Introduction {
        display_name: me.display_name.clone(),
        handle: me.handle.clone(),
        answer_token: my_token(cx, contact)?.to_vec(),
        first_message: Some(text),
    }))
}

/// Without a right to deliver, an introduction alone asks for a new one; as rarely as it is answered.
pub(crate) fn ask_for_right(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    let asked = cx.db.exists(
        "SELECT 1 FROM outbox_contents WHERE contact_id = ?1 AND kind = 'introduction' AND created_at > ?2",
        params![
            contact.id.0.as_bytes(),
            int(cx.now.0.saturating_sub(GRANT_APART_MS))
        ],
    )?;
    if asked {
        return Ok(());
    }
    let me = cx.me()?;
    let introduction = Introduction {
        display_name: me.display_name.clone(),
        handle: me.handle.clone(),
        answer_token: my_token(cx, contact)?.to_vec(),
        first_message: None,
    };
    outbox::enqueue(
        cx,
        &NewContent::to(contact.id),
        Body::Introduction(introduction),
    )
}

pub(crate) fn accept(cx: &mut Cx<'_>, conversation_id: &ConversationId) -> Outcome<Answer> {
    let contact = named_by(cx, conversation_id)?;
    if contact.standing != Standing::Incoming {
        return Err(Fault::refused(RefusalCode::NotFound));
    }
    accept_contact(cx, &contact)?;
    Ok(Answer::Now(Reply::Done))
}

/// The first reply accepts too, so this stands before it.
pub(crate) fn accept_contact(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    let me = cx.me()?;
    set_standing(cx, contact, Standing::Accepted)?;
    let acceptance = Acceptance {
        display_name: me.display_name.clone(),
        handle: me.handle.clone(),
        delivery_token: my_token(cx, contact)?.to_vec(),
    };
    outbox::enqueue(
        cx,
        &NewContent::to(contact.id),
        Body::Acceptance(acceptance),
    )?;
    line(cx, &contact.fingerprint, SystemEvent::RequestAccepted)?;
    messages::owe_receipts_for_request(cx, contact)
}

/// The request goes; its sender learns nothing.
pub(crate) fn decline(cx: &mut Cx<'_>, conversation_id: &ConversationId) -> Outcome<Answer> {
    let contact = named_by(cx, conversation_id)?;
    if contact.standing != Standing::Incoming {
        return Err(Fault::refused(RefusalCode::NotFound));
    }
    forget(cx, &contact)?;
    vault::touch(cx, vault::CONTACTS)?;
    Ok(Answer::Now(Reply::Done))
}

/// Nothing stays of somebody whose request was declined.
pub(crate) fn forget(cx: &mut Cx<'_>, contact: &Contact) -> Outcome<()> {
    if let Some(conversation_id) = conversations::of_fingerprint(cx.db, &contact.fingerprint)? {
        conversations::delete_rows(cx, &conversation_id)?;
        cx.db.run(
            "DELETE FROM conversations_list WHERE conversation_id = ?1",
            [conversation_id.as_bytes()],
        )?;
        cx.changed_conversation(conversation_id);
    }
    cx.db.run(
        "DELETE FROM contacts_list WHERE contact_id = ?1",
        [contact.id.0.as_bytes()],
    )?;
    cx.changed(crate::shell::Topic::Account);
    Ok(())
}

/// Somebody introduced themselves. Tells the contact, new or known, to whose conversation the first message goes.
pub(crate) fn on_introduction(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    fingerprint: &Fingerprint,
    introduction: &Introduction,
) -> Outcome<Option<Contact>> {
    let Some(contact) = by_fingerprint(cx.db, fingerprint)? else {
        let contact = add(
            cx,
            &NewContact {
                account_id,
                fingerprint: *fingerprint,
                handle: &introduction.handle,
                display_name: &introduction.display_name,
                standing: Standing::Incoming,
                their_token: introduction.answer_token.as_slice().try_into().ok(),
            },
        )?;
        cx.changed(crate::shell::Topic::Account);
        return Ok(Some(contact));
    };
    if contact.blocked {
        return Ok(None);
    }
    set_names(
        cx,
        &contact,
        &introduction.display_name,
        &introduction.handle,
    )?;
    set_their_token(cx, &contact, &introduction.answer_token)?;
    match contact.standing {
        // Both wrote first: that is agreement on both sides.
        Standing::Outgoing => accept_contact(cx, &contact)?,
        Standing::Unsent => set_standing(cx, &contact, Standing::Incoming)?,
        Standing::Incoming => {}
        // They lost their right to deliver: a new one, once a day, and never a second request.
        Standing::Accepted => {
            if cx.now.since(contact.token_granted_at) >= GRANT_APART_MS {
                // The relay may have lost it too (restored from a backup).
                if let Some(token) = contact.my_token {
                    register_contact_token(cx, &token)?;
                }
                super::grant_token(cx, &contact)?;
            }
        }
    }
    conversations::show(cx, &contact.id)?;
    by_fingerprint(cx.db, fingerprint)
}

pub(crate) fn on_acceptance(
    cx: &mut Cx<'_>,
    contact: &Contact,
    acceptance: &Acceptance,
) -> Outcome<()> {
    set_names(cx, contact, &acceptance.display_name, &acceptance.handle)?;
    on_right_given(cx, contact, &acceptance.delivery_token)
}

/// A new right. It accepts too: an acceptance that came while they were blocked here is gone for good.
pub(crate) fn on_token_grant(cx: &mut Cx<'_>, contact: &Contact, token: &[u8]) -> Outcome<()> {
    on_right_given(cx, contact, token)
}

fn on_right_given(cx: &mut Cx<'_>, contact: &Contact, token: &[u8]) -> Outcome<()> {
    set_their_token(cx, contact, token)?;
    if contact.standing == Standing::Outgoing {
        set_standing(cx, contact, Standing::Accepted)?;
        line(cx, &contact.fingerprint, SystemEvent::RequestAccepted)?;
        messages::owe_receipts_for_request(cx, contact)?;
    }
    Ok(())
}
