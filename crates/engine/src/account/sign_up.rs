//! Sign-up: keys, account log, first bundle, password record and session, sent as one request.
//!
//! The first OPAQUE message writes nothing at the relay, so everything up to its answer lives in memory only. From the
//! second message on the request stands in the store, and a crash sends the same bytes again.

use super::{clean_name, cut_name, kit, session};
use crate::api::{AccountState, Refusal, RefusalCode, Reply};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::{Method, Topic};
use crate::store::rows::int;
use crate::{identities, prekeys, vault};
use rusqlite::params;
use securechat_crypto::account_secret::AccountSecret;
use securechat_crypto::identity::DeviceKeys;
use securechat_crypto::opaque::{OpaqueError, Registration};
use securechat_crypto::recovery::RecoverySecret;
use securechat_proto::api::{RegistrationStart, RegistrationStarted, SessionTokens, SignUp};
use securechat_proto::{AccountId, Fingerprint, RequestId, handle, limits};
use std::sync::{Arc, Mutex};

const REGISTRATION: &str = "registration";
const SIGN_UP: &str = "sign-up";

/// A sign-up between the two OPAQUE messages.
pub(crate) struct Pending {
    account_id: AccountId,
    handle: String,
    display_name: String,
    device_name: String,
    /// Taken by the answer; holds the password.
    registration: Mutex<Option<Registration>>,
}

pub(crate) fn start(
    cx: &mut Cx<'_>,
    typed: &str,
    password: &str,
    display_name: &str,
    device_name: &str,
) -> Outcome<Answer> {
    if let Some(me) = cx.me_if_any()? {
        // The same sign-up, still on its way: whoever asks again waits for it too.
        let same = me.state == AccountState::SigningUp
            && handle::parse(typed).is_some_and(|handle| handle == me.handle);
        if !same {
            return Err(Fault::refused(RefusalCode::AccountExists));
        }
        let open = cx.db.one(
            "SELECT request_id FROM requests_open WHERE key = ?1",
            [SIGN_UP],
            |row| Ok(RequestId(row.get(0)?)),
        )?;
        requests::hurry(cx)?;
        return match open {
            Some(id) => Ok(cx.wait_for(id)),
            None => Err(Fault::refused(RefusalCode::AccountExists)),
        };
    }
    let handle = handle::parse(typed).ok_or(Fault::refused(RefusalCode::HandleInvalid))?;
    let display_name = clean_name(display_name, limits::DISPLAY_NAME_CHARS_MAX)?;
    if password.chars().count() < limits::PASSWORD_CHARS_MIN {
        return Err(Fault::refused(RefusalCode::PasswordTooShort));
    }
    let registration = Registration::start(password).map_err(|error| refused(&error))?;
    let account_id = AccountId(cx.ids.bytes());
    let body = RegistrationStart {
        account_id,
        handle: handle.clone(),
        request: registration.request.to_vec().into(),
    };
    requests::withdraw(cx, REGISTRATION)?;
    let request = Request::with_body(
        Method::Post,
        REGISTRATION,
        Purpose::RegistrationStart,
        "/v1/accounts/registration",
        &body,
    )?;
    let id = requests::send(cx, request.without_session().transient())?;
    cx.live.sign_up = Some(Arc::new(Pending {
        account_id,
        handle,
        display_name,
        device_name: cut_name(device_name, limits::DISPLAY_NAME_CHARS_MAX),
        registration: Mutex::new(Some(registration)),
    }));
    Ok(cx.wait_for(id))
}

pub(super) fn refused(error: &OpaqueError) -> Fault {
    Fault::refused(match error {
        OpaqueError::PasswordLength => RefusalCode::PasswordTooShort,
        OpaqueError::WrongCredentials => RefusalCode::WrongCredentials,
        OpaqueError::Stretching | OpaqueError::Malformed => RefusalCode::ServerFailed,
        OpaqueError::Internal => RefusalCode::Internal,
    })
}

/// The relay's OPAQUE answer: makes the account and asks for its creation.
pub(crate) fn on_registration(cx: &mut Cx<'_>, id: &RequestId, body: &[u8]) -> Outcome<()> {
    let pending = cx.live.sign_up.take();
    let registration = pending.as_ref().and_then(|pending| {
        pending
            .registration
            .lock()
            .ok()
            .and_then(|mut held| held.take())
    });
    let (Some(pending), Some(registration)) = (pending, registration) else {
        return Ok(());
    };
    let Some(started) = requests::read::<RegistrationStarted>(body) else {
        cx.answer(
            id,
            Err(Refusal {
                code: RefusalCode::ServerFailed,
                retry_after_s: None,
            }),
        );
        return Ok(());
    };
    let registered = match registration.finish(&started.response.0, &started.stretching) {
        Ok(registered) => registered,
        Err(error) => {
            if let Fault::Refused(refusal) = refused(&error) {
                cx.answer(id, Err(refusal));
            }
            return Ok(());
        }
    };
    let body = make(cx, &pending, registered.record.to_vec(), started.stretching)?;
    let path = format!("/v1/accounts/{}", pending.account_id);
    let request =
        Request::with_body(Method::Put, SIGN_UP, Purpose::SignUp, path, &body)?.without_session();
    let sign_up = requests::send(cx, request)?;
    cx.hand_over(id, sign_up);
    cx.changed(Topic::Account);
    Ok(())
}

/// Makes every key of the account and stores it; nothing has left yet.
fn make(
    cx: &mut Cx<'_>,
    pending: &Pending,
    record: Vec<u8>,
    stretching: securechat_proto::api::Stretching,
) -> Outcome<SignUp> {
    let keys = DeviceKeys::generate()?;
    let recovery = RecoverySecret::generate()?;
    let secret = AccountSecret::generate()?;
    let genesis = keys
        .sign_genesis(recovery.public(), cx.now)
        .map_err(|_| Fault::Bug("the own Genesis is refused"))?;
    let fingerprint: Fingerprint = genesis.log.fingerprint();
    let head = genesis.log.head();
    let positions = kit::draw_positions(cx);
    cx.db.run(
        "INSERT INTO account_self (id, state, account_id, fingerprint, device_id, handle, display_name, device_name,
                                   device_keys, account_secret, recovery_seed, kit_positions, created_at)
         VALUES (1, 'signing_up', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            pending.account_id.as_bytes(),
            fingerprint.as_bytes(),
            keys.id().as_bytes(),
            pending.handle,
            pending.display_name,
            pending.device_name,
            keys.to_stored().as_slice(),
            secret.to_stored().as_slice(),
            recovery.to_stored().as_slice(),
            positions,
            int(cx.now.0)
        ],
    )?;
    let bundle = prekeys::first(cx, &keys, fingerprint, head)?;
    identities::store(cx, pending.account_id, genesis.log)?;
    cx.live.me = None;
    let me = cx.me()?;
    let session = session::begin(cx, &me)?;
    Ok(SignUp {
        handle: pending.handle.clone(),
        record: record.into(),
        stretching,
        genesis: genesis.bytes.into(),
        bundle,
        session,
    })
}

pub(crate) fn on_signed_up(cx: &mut Cx<'_>, id: &RequestId, body: &[u8]) -> Outcome<()> {
    super::set_state(cx, AccountState::Ready)?;
    if let Some(tokens) = requests::read::<SessionTokens>(body) {
        session::on_tokens(cx, &tokens)?;
    }
    prekeys::on_uploaded(cx, 1)?;
    for record in [vault::SETTINGS, vault::PROFILE, vault::CONTACTS] {
        vault::touch(cx, record)?;
    }
    cx.answer(id, Ok(Reply::Done));
    Ok(())
}

/// The relay will not have this account: everything made for it goes, and the store is empty again.
pub(crate) fn on_refused(cx: &mut Cx<'_>, id: &RequestId, refusal: Refusal) -> Outcome<()> {
    for table in [
        "account_self",
        "account_session",
        "prekeys_secrets",
        "prekeys_bundle",
        "identities_logs",
        "identities_entries",
        "identities_devices",
    ] {
        cx.db.run(&format!("DELETE FROM {table}"), [])?;
    }
    cx.live.me = None;
    cx.live.logs.clear();
    cx.deleted = true;
    cx.changed(Topic::Account);
    cx.answer(id, Err(refusal));
    Ok(())
}
