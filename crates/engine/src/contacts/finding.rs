//! Finding someone by handle or by an invite link.

use super::link::LinkPayload;
use super::{NewContact, Standing, add, by_account, by_fingerprint};
use crate::api::{ContactAddress, RefusalCode, Reply};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::{conversations, identities};
use rusqlite::params;
use securechat_proto::api::HandleInfo;
use securechat_proto::{AccountId, Fingerprint, RequestId, handle};

pub(crate) fn add_contact(cx: &mut Cx<'_>, by: &ContactAddress) -> Outcome<Answer> {
    let me = cx.me()?;
    match by {
        ContactAddress::Handle { handle: typed } => {
            let handle = handle::parse(typed).ok_or(Fault::refused(RefusalCode::HandleInvalid))?;
            if handle == me.handle {
                return Err(Fault::refused(RefusalCode::OwnAccount));
            }
            let request = Request::get(
                format!("handle:{handle}"),
                Purpose::FindHandle {
                    handle: handle.clone(),
                },
                format!("/v1/handles/{handle}"),
            );
            let request_id = requests::send(cx, request.transient())?;
            Ok(cx.wait_for(request_id))
        }
        ContactAddress::Link { payload } => {
            let link = LinkPayload::parse(payload).ok_or(Fault::refused(RefusalCode::Invalid))?;
            let reply = found(cx, link.account_id, link.fingerprint, "", Some(link.token))?;
            Ok(Answer::Now(reply))
        }
    }
}

pub(crate) fn on_found(cx: &mut Cx<'_>, id: &RequestId, handle: &str, body: &[u8]) -> Outcome<()> {
    let result = match requests::read::<HandleInfo>(body) {
        Some(info) => found(cx, info.account_id, info.fingerprint, handle, None),
        None => Err(Fault::refused(RefusalCode::ServerFailed)),
    };
    match result {
        Ok(reply) => cx.answer(id, Ok(reply)),
        Err(Fault::Refused(refusal)) => cx.answer(id, Err(refusal)),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

/// Opens the conversation with a found account, once.
fn found(
    cx: &mut Cx<'_>,
    account_id: AccountId,
    fingerprint: Fingerprint,
    handle: &str,
    link_token: Option<[u8; 16]>,
) -> Outcome<Reply> {
    let me = cx.me()?;
    if account_id == me.account_id || fingerprint == me.fingerprint {
        return Err(Fault::refused(RefusalCode::OwnAccount));
    }
    let known = match by_fingerprint(cx.db, &fingerprint)? {
        Some(contact) => Some(contact),
        // The same registration with another identity: the log decides, and the person is asked.
        None => by_account(cx.db, &account_id)?,
    };
    let contact = match known {
        Some(contact) => {
            cx.db.run(
                "UPDATE contacts_list SET listed = 1, handle = CASE WHEN ?2 = '' THEN handle ELSE ?2 END,
                        their_token = coalesce(their_token, ?3) WHERE contact_id = ?1",
                params![contact.id.0.as_bytes(), handle, link_token.as_ref().map(<[u8; 16]>::as_slice)],
            )?;
            contact
        }
        None => add(
            cx,
            &NewContact {
                account_id,
                fingerprint,
                handle,
                display_name: "",
                standing: Standing::Unsent,
                their_token: link_token,
            },
        )?,
    };
    identities::fetch(cx, account_id, contact.fingerprint)?;
    let conversation_id = conversations::show(cx, &contact.id)?;
    super::changed(cx, &contact.fingerprint)?;
    Ok(Reply::Conversation {
        conversation_id,
        contact_id: contact.id,
    })
}

/// Asks the directory whose handle this is. What somebody says of themselves could be anybody's.
pub(super) fn check_handle(
    cx: &mut Cx<'_>,
    fingerprint: &Fingerprint,
    handle: &str,
) -> Outcome<()> {
    if !handle::is_valid(handle) {
        return Ok(());
    }
    let request = Request::get(
        format!("check-handle:{fingerprint}"),
        Purpose::CheckHandle {
            handle: handle.to_owned(),
            fingerprint: *fingerprint,
        },
        format!("/v1/handles/{handle}"),
    );
    requests::send(cx, request)?;
    Ok(())
}

/// The directory's answer: the handle is theirs, or it is not shown.
pub(crate) fn on_checked(
    cx: &mut Cx<'_>,
    handle: &str,
    fingerprint: &Fingerprint,
    body: &[u8],
) -> Outcome<()> {
    let is_theirs =
        requests::read::<HandleInfo>(body).is_some_and(|info| info.fingerprint == *fingerprint);
    if !is_theirs {
        return crate::inbox::count(cx, "handle_not_theirs");
    }
    cx.db.run(
        "UPDATE contacts_list SET handle = ?2 WHERE fingerprint = ?1 AND handle = ''",
        params![fingerprint.as_bytes(), handle],
    )?;
    crate::vault::touch(cx, crate::vault::CONTACTS)?;
    super::changed(cx, fingerprint)
}
