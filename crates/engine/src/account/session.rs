//! The session with the relay: a five-minute access token, and a refresh token that changes with every use.
//!
//! The successor of a refresh token is stored before the request leaves, so that a repeated request is the same bytes;
//! another successor for a used token would be taken for theft.

use super::{Me, set_state};
use crate::api::{AccountState, RefusalCode, Reply};
use crate::context::{Answer, Cx};
use crate::error::Outcome;
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::{Method, Output, Topic};
use crate::store::rows::int;
use crate::vault;
use rusqlite::params;
use securechat_crypto::keys::Secret;
use securechat_crypto::primitives::sha256;
use securechat_proto::api::{
    Challenge, Code, DeviceLogin, DeviceSession, NewSession, Refresh, SessionTokens,
};
use securechat_proto::{RequestId, SessionId, limits};

/// A token that runs out sooner is not put on a request any more.
const USABLE_MS: u64 = 20 * limits::SECOND_MS;
/// One request at a time may change the session.
const KEY: &str = "session";

pub(crate) fn id(cx: &Cx<'_>) -> Outcome<Option<SessionId>> {
    cx.db
        .one("SELECT session_id FROM account_session", [], |row| {
            Ok(SessionId(row.get(0)?))
        })
}

/// Whether there is an account to open a socket for. A session that is missing is opened on the way.
pub(crate) fn may_connect(cx: &mut Cx<'_>) -> Outcome<bool> {
    Ok(cx
        .me_if_any()?
        .is_some_and(|me| me.state == AccountState::Ready))
}

pub(crate) fn fresh_access_token(cx: &Cx<'_>) -> Outcome<Option<String>> {
    access_token_beyond(cx, USABLE_MS)
}

/// The access token, if it lives longer than `ms` from here.
pub(crate) fn access_token_beyond(cx: &Cx<'_>, ms: u64) -> Outcome<Option<String>> {
    cx.db.one(
        "SELECT access_token FROM account_session WHERE access_token <> '' AND access_expires_at > ?1",
        [int(cx.now.saturating_add_ms(ms).0)],
        |row| row.get(0),
    )
}

pub(crate) fn drop_access_token(cx: &mut Cx<'_>) -> Outcome<()> {
    cx.db.run(
        "UPDATE account_session SET access_token = '', access_expires_at = 0",
        [],
    )?;
    Ok(())
}

/// Asks for a new access token, once.
pub(crate) fn want_access_token(cx: &mut Cx<'_>) -> Outcome<()> {
    let Some(me) = cx.me_if_any()?.filter(|me| me.state == AccountState::Ready) else {
        return refuse_waiting(cx, RefusalCode::PasswordNeeded);
    };
    if requests::is_open(cx, KEY)? {
        return Ok(());
    }
    let row = cx.db.one(
        "SELECT session_id, refresh_token, next_refresh_token FROM account_session",
        [],
        |row| {
            Ok((
                SessionId(row.get(0)?),
                row.get::<_, [u8; 32]>(1)?,
                row.get::<_, Option<[u8; 32]>>(2)?,
            ))
        },
    )?;
    let Some((session_id, refresh_token, next)) = row else {
        return ask_challenge(cx);
    };
    let next = match next {
        Some(next) => next,
        None => {
            let next = *Secret::<32>::random()?.expose();
            cx.db.run(
                "UPDATE account_session SET next_refresh_token = ?1",
                params![next.as_slice()],
            )?;
            next
        }
    };
    let next_hash = sha256(&[&next]);
    let signature = me
        .keys
        .sign_refresh(&me.fingerprint, &session_id, &refresh_token, &next_hash);
    let body = Refresh {
        session_id,
        refresh_token: refresh_token.to_vec().into(),
        next_refresh_hash: next_hash.to_vec().into(),
        signature: signature.to_vec().into(),
    };
    send(cx, Purpose::Refresh, "/v1/sessions/refresh", &body)
}

fn send<B: serde::Serialize>(
    cx: &mut Cx<'_>,
    purpose: Purpose,
    path: &str,
    body: &B,
) -> Outcome<()> {
    let request = Request::with_body(Method::Post, KEY, purpose, path, body)?.without_session();
    requests::send(cx, request)?;
    requests::pump(cx)
}

pub(crate) fn on_refreshed(cx: &mut Cx<'_>, body: &[u8]) -> Outcome<()> {
    let Some(tokens) = requests::read::<SessionTokens>(body) else {
        return Ok(());
    };
    cx.db.run(
        "UPDATE account_session SET refresh_token = next_refresh_token, next_refresh_token = NULL
         WHERE next_refresh_token IS NOT NULL",
        [],
    )?;
    on_tokens(cx, &tokens)
}

/// A fresh access token: requests and socket that waited for it go on.
pub(crate) fn on_tokens(cx: &mut Cx<'_>, tokens: &SessionTokens) -> Outcome<()> {
    crate::connection::measure_clock(cx, tokens.server_time_ms)?;
    cx.db.run(
        "UPDATE account_session SET access_token = ?1, access_expires_at = ?2 WHERE session_id = ?3",
        params![tokens.access_token, int(tokens.access_expires_at_ms.0), tokens.session_id.as_bytes()],
    )?;
    Ok(())
}

/// The relay does not know this session any more: the device's key may open another one, without a password.
pub(crate) fn on_refresh_refused(cx: &mut Cx<'_>, code: Code) -> Outcome<()> {
    match code {
        Code::PasswordNeeded => sign_out(cx, AccountState::SignedOut, RefusalCode::PasswordNeeded),
        Code::DeviceNotLinked => sign_out(cx, AccountState::Removed, RefusalCode::DeviceNotLinked),
        _ => {
            cx.db.run("DELETE FROM account_session", [])?;
            ask_challenge(cx)
        }
    }
}

/// The socket was closed because the session was revoked.
pub(crate) fn on_revoked(cx: &mut Cx<'_>) -> Outcome<()> {
    drop_access_token(cx)
}

fn ask_challenge(cx: &mut Cx<'_>) -> Outcome<()> {
    let request = Request {
        method: Method::Post,
        ..Request::get(KEY, Purpose::Challenge, "/v1/sessions/challenge")
    };
    requests::send(cx, request.without_session())?;
    requests::pump(cx)
}

pub(crate) fn on_challenge(cx: &mut Cx<'_>, body: &[u8]) -> Outcome<()> {
    let (Some(challenge), Some(me)) = (requests::read::<Challenge>(body), cx.me_if_any()?) else {
        return Ok(());
    };
    let session = begin(cx, &me)?;
    let device = DeviceLogin {
        signature: login_signature(&me, &session, &challenge.challenge.0),
        session,
    };
    let body = DeviceSession {
        account_id: me.account_id,
        challenge: challenge.challenge,
        device,
    };
    send(cx, Purpose::DeviceSession, "/v1/sessions/device", &body)
}

pub(crate) fn on_device_session(cx: &mut Cx<'_>, body: &[u8]) -> Outcome<()> {
    match requests::read::<SessionTokens>(body) {
        Some(tokens) => on_tokens(cx, &tokens),
        None => Ok(()),
    }
}

pub(crate) fn on_device_session_refused(cx: &mut Cx<'_>, code: Code) -> Outcome<()> {
    cx.db.run("DELETE FROM account_session", [])?;
    match code {
        Code::DeviceNotLinked => sign_out(cx, AccountState::Removed, RefusalCode::DeviceNotLinked),
        // The challenge ran out while this device slept: the next need asks again.
        Code::Unauthenticated | Code::Conflict => Ok(()),
        _ => sign_out(cx, AccountState::SignedOut, RefusalCode::PasswordNeeded),
    }
}

/// Makes a session of this device's choosing and stores it before anything is sent.
pub(crate) fn begin(cx: &mut Cx<'_>, me: &Me) -> Outcome<NewSession> {
    let session_id = SessionId(cx.ids.bytes());
    let refresh_token = Secret::<32>::random()?;
    cx.db.run(
        "INSERT OR REPLACE INTO account_session (id, session_id, refresh_token) VALUES (1, ?1, ?2)",
        params![session_id.as_bytes(), refresh_token.expose().as_slice()],
    )?;
    Ok(NewSession {
        session_id,
        device_id: me.device_id,
        sealed_name: vault::seal_name(me, &session_id)?.into(),
        refresh_hash: sha256(&[refresh_token.expose()]).to_vec().into(),
    })
}

/// `proof`: the login state after a password, or the relay's challenge without one.
pub(crate) fn login_signature(
    me: &Me,
    session: &NewSession,
    proof: &[u8],
) -> securechat_proto::b64::Bytes {
    me.keys
        .sign_login(&me.fingerprint, &session.session_id, proof)
        .to_vec()
        .into()
}

/// No session, and none to be had without the person.
fn sign_out(cx: &mut Cx<'_>, state: AccountState, code: RefusalCode) -> Outcome<()> {
    cx.db.run("DELETE FROM account_session", [])?;
    set_state(cx, state)?;
    refuse_waiting(cx, code)
}

/// People who wait for a request that needs a session are told at once.
pub(crate) fn refuse_waiting(cx: &mut Cx<'_>, code: RefusalCode) -> Outcome<()> {
    let waiting = cx.db.all(
        "SELECT request_id FROM requests_open WHERE transient = 1 AND needs_session = 1",
        [],
        |row| Ok(RequestId(row.get(0)?)),
    )?;
    for request_id in waiting {
        cx.db.run(
            "DELETE FROM requests_open WHERE request_id = ?1",
            [request_id.as_bytes()],
        )?;
        cx.live.in_flight.remove(&request_id);
        cx.answer(
            &request_id,
            Err(crate::api::Refusal {
                code,
                retry_after_s: None,
            }),
        );
    }
    Ok(())
}

/// Ends the session at the relay, and here at once; with `erase` the shell deletes the store.
pub(crate) fn log_out(cx: &mut Cx<'_>, erase: bool) -> Outcome<Answer> {
    let me = cx.me()?;
    if let (Some(session_id), Some(bearer)) = (id(cx)?, fresh_access_token(cx)?) {
        // Best effort by one request outside of the table: after "erase" there is no table to repeat it from,
        // and a session that stays behind can be revoked from any other device and dies with its refresh token.
        let request_id = RequestId(cx.ids.bytes());
        cx.emit(Output::Request {
            request_id,
            method: Method::Delete,
            path: format!("/v1/sessions/{session_id}"),
            bearer: Some(bearer),
            body: Vec::new().into(),
        });
    }
    cx.db.run("DELETE FROM account_session", [])?;
    cx.db
        .run("DELETE FROM requests_open WHERE key = ?1", [KEY])?;
    if me.state == AccountState::Ready {
        set_state(cx, AccountState::SignedOut)?;
    }
    cx.changed(Topic::Sessions);
    if erase {
        cx.emit(Output::Erase);
    }
    Ok(Answer::Now(Reply::Done))
}
