//! Log-in by password, for the account this store belongs to.
//!
//! An empty store learns only that the account exists and that linking or the recovery kit is needed: no dead end,
//! and no second Genesis by accident.

use super::sign_up::refused;
use super::{Me, cut_name, session};
use crate::api::{AccountState, Refusal, RefusalCode, Reply};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::{Method, Topic};
use rusqlite::params;
use securechat_crypto::opaque::{Login, OpaqueError};
use securechat_proto::api::{DeviceLogin, LoginFinish, LoginFinished, LoginStart, LoginStarted};
use securechat_proto::{RequestId, handle, limits};
use std::sync::{Arc, Mutex};

const LOGIN: &str = "login";

/// A log-in between its two messages; holds the password.
pub(crate) struct Pending {
    device_name: String,
    login: Mutex<Option<Login>>,
}

pub(crate) fn start(
    cx: &mut Cx<'_>,
    typed: &str,
    password: &str,
    device_name: &str,
) -> Outcome<Answer> {
    let handle = handle::parse(typed).ok_or(Fault::refused(RefusalCode::HandleInvalid))?;
    if cx
        .me_if_any()?
        .is_some_and(|me| me.handle != handle || me.state == AccountState::SigningUp)
    {
        return Err(Fault::refused(RefusalCode::AccountExists));
    }
    let login = Login::start(password).map_err(|error| match error {
        // No account has such a password.
        OpaqueError::PasswordLength => Fault::refused(RefusalCode::WrongCredentials),
        error => refused(&error),
    })?;
    requests::withdraw(cx, LOGIN)?;
    let body = LoginStart {
        handle,
        request: login.request.to_vec().into(),
    };
    let request = Request::with_body(
        Method::Post,
        LOGIN,
        Purpose::LoginStart,
        "/v1/sessions/login",
        &body,
    )?;
    let id = requests::send(cx, request.without_session().transient())?;
    cx.live.log_in = Some(Arc::new(Pending {
        device_name: cut_name(device_name, limits::DISPLAY_NAME_CHARS_MAX),
        login: Mutex::new(Some(login)),
    }));
    Ok(cx.wait_for(id))
}

pub(crate) fn on_started(cx: &mut Cx<'_>, id: &RequestId, body: &[u8]) -> Outcome<()> {
    let pending = cx.live.log_in.take();
    let login = pending
        .as_ref()
        .and_then(|pending| pending.login.lock().ok().and_then(|mut held| held.take()));
    let (Some(pending), Some(login), Some(started)) =
        (pending, login, requests::read::<LoginStarted>(body))
    else {
        cx.answer(
            id,
            Err(Refusal {
                code: RefusalCode::ServerFailed,
                retry_after_s: None,
            }),
        );
        return Ok(());
    };
    let logged_in = match login.finish(&started.response.0, &started.stretching) {
        Ok(logged_in) => logged_in,
        Err(error) => {
            if let Fault::Refused(refusal) = refused(&error) {
                cx.answer(id, Err(refusal));
            }
            return Ok(());
        }
    };
    let device = match cx.me_if_any()? {
        Some(me) => {
            let me = renamed(cx, me, &pending.device_name)?;
            let session = session::begin(cx, &me)?;
            Some(DeviceLogin {
                signature: session::login_signature(&me, &session, &started.login_state.0),
                session,
            })
        }
        None => None,
    };
    let body = LoginFinish {
        login_state: started.login_state,
        finish: logged_in.finish.to_vec().into(),
        device,
    };
    let request = Request::with_body(
        Method::Post,
        LOGIN,
        Purpose::LoginFinish,
        "/v1/sessions",
        &body,
    )?;
    let finish = requests::send(cx, request.without_session().transient())?;
    cx.hand_over(id, finish);
    Ok(())
}

/// This device under the name that its shell gives it at this log-in. Only the password's owner comes this far.
fn renamed(cx: &mut Cx<'_>, me: Arc<Me>, device_name: &str) -> Outcome<Arc<Me>> {
    if device_name.is_empty() || device_name == me.device_name {
        return Ok(me);
    }
    cx.db.run(
        "UPDATE account_self SET device_name = ?1",
        params![device_name],
    )?;
    cx.live.me = None;
    cx.changed(Topic::Account);
    cx.me()
}

pub(crate) fn on_finished(cx: &mut Cx<'_>, id: &RequestId, body: &[u8]) -> Outcome<()> {
    let refuse = |code| {
        Err(Refusal {
            code,
            retry_after_s: None,
        })
    };
    let result = match (requests::read::<LoginFinished>(body), cx.me_if_any()?) {
        (Some(finished), Some(me)) if finished.account_id == me.account_id => match finished.tokens
        {
            Some(tokens) => {
                super::set_state(cx, AccountState::Ready)?;
                session::on_tokens(cx, &tokens)?;
                Ok(Reply::Done)
            }
            None => refuse(RefusalCode::DeviceNotLinked),
        },
        (Some(_), _) => refuse(RefusalCode::DeviceNotLinked),
        (None, _) => refuse(RefusalCode::ServerFailed),
    };
    cx.answer(id, result);
    Ok(())
}
