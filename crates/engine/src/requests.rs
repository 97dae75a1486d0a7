//! REST requests that are open: kept as rows, emitted until answered, answered once.
//!
//! Knows: which request is open, for what, and when it is due again. Must never know: what a room does with the answer.

use crate::account::session;
use crate::api::{Refusal, RefusalCode};
use crate::context::Cx;
use crate::error::{Fault, Outcome};
use crate::purpose::Purpose;
use crate::shell::{Method, Output};
use crate::store::rows::int;
use rusqlite::params;
use securechat_proto::api::{Code, Problem};
use securechat_proto::{RequestId, Timestamp, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Requests on their way at the same time: a browser opens six connections to one host.
const IN_FLIGHT_MAX: usize = 6;
/// First and longest pause after a failure.
const BACK_OFF_FIRST_MS: u64 = limits::SECOND_MS;
const BACK_OFF_LONGEST_MS: u64 = 5 * limits::MINUTE_MS;

/// A request to make.
pub(crate) struct Request {
    /// One open request per key; asking again while it is open changes nothing.
    pub key: String,
    pub purpose: Purpose,
    pub method: Method,
    pub path: String,
    pub needs_session: bool,
    pub body: Vec<u8>,
    /// Belongs to a person who waits: given up on a network failure and at a restart, instead of tried again.
    pub transient: bool,
}

impl Request {
    pub fn get(key: impl Into<String>, purpose: Purpose, path: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            purpose,
            method: Method::Get,
            path: path.into(),
            needs_session: true,
            body: Vec::new(),
            transient: false,
        }
    }

    pub fn with_body<B: Serialize>(
        method: Method,
        key: impl Into<String>,
        purpose: Purpose,
        path: impl Into<String>,
        body: &B,
    ) -> Outcome<Self> {
        let body =
            serde_json::to_vec(body).map_err(|_| Fault::Bug("request body does not serialise"))?;
        Ok(Self {
            method,
            body,
            ..Self::get(key, purpose, path)
        })
    }

    pub fn delete(key: impl Into<String>, purpose: Purpose, path: impl Into<String>) -> Self {
        Self {
            method: Method::Delete,
            ..Self::get(key, purpose, path)
        }
    }

    pub fn without_session(self) -> Self {
        Self {
            needs_session: false,
            ..self
        }
    }

    pub fn transient(self) -> Self {
        Self {
            transient: true,
            ..self
        }
    }
}

/// Stores the request; it leaves with the commit of this input, or as soon as there is a session.
pub(crate) fn send(cx: &mut Cx<'_>, request: Request) -> Outcome<RequestId> {
    let open = cx.db.one(
        "SELECT request_id FROM requests_open WHERE key = ?1",
        [&request.key],
        |row| row.get(0),
    )?;
    if let Some(id) = open {
        return Ok(RequestId(id));
    }
    let id = RequestId(cx.ids.bytes());
    let purpose = serde_json::to_string(&request.purpose)
        .map_err(|_| Fault::Bug("purpose does not serialise"))?;
    cx.db.run(
        "INSERT INTO requests_open (request_id, key, purpose, method, path, needs_session, body, transient, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id.as_bytes(),
            request.key,
            purpose,
            method_name(request.method),
            request.path,
            request.needs_session,
            request.body,
            request.transient,
            int(cx.now.0)
        ],
    )?;
    Ok(id)
}

/// Takes an open request back, for example because its sign-up was given up.
pub(crate) fn withdraw(cx: &mut Cx<'_>, key: &str) -> Outcome<()> {
    cx.db
        .run("DELETE FROM requests_open WHERE key = ?1", [key])?;
    Ok(())
}

/// Nobody waits any more for what the last process asked in passing.
pub(crate) fn forget_transient(cx: &Cx<'_>) -> Outcome<()> {
    cx.db
        .run("DELETE FROM requests_open WHERE transient = 1", [])?;
    Ok(())
}

pub(crate) fn is_open(cx: &Cx<'_>, key: &str) -> Outcome<bool> {
    cx.db
        .exists("SELECT 1 FROM requests_open WHERE key = ?1", [key])
}

/// Emits what is due. Requests that need a session wait for a fresh access token, which is asked for here.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    let due = cx.db.all(
        "SELECT request_id, method, path, needs_session, body FROM requests_open WHERE due_at <= ?1
         ORDER BY transient DESC, due_at, request_id LIMIT 64",
        [int(cx.now.0)],
        |row| {
            Ok((
                RequestId(row.get(0)?),
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, bool>(3)?,
                row.get::<_, Vec<u8>>(4)?,
            ))
        },
    )?;
    let mut wants_session = false;
    for (request_id, method, path, needs_session, body) in due {
        if cx.live.in_flight.contains(&request_id) || cx.live.in_flight.len() >= IN_FLIGHT_MAX {
            continue;
        }
        let mut bearer = None;
        if needs_session {
            bearer = session::fresh_access_token(cx)?;
            if bearer.is_none() {
                wants_session = true;
                continue;
            }
        }
        cx.live.in_flight.insert(request_id);
        let method = method_from(&method).ok_or(Fault::Bug("unknown method in a request row"))?;
        cx.emit(Output::Request {
            request_id,
            method,
            path,
            bearer,
            body: body.into(),
        });
    }
    if wants_session {
        session::want_access_token(cx)?;
    }
    Ok(())
}

/// When the next request is due that is not on its way.
pub(crate) fn next_due(cx: &Cx<'_>) -> Outcome<Option<Timestamp>> {
    let rows = cx.db.all(
        "SELECT request_id, due_at FROM requests_open WHERE due_at > ?1 ORDER BY due_at LIMIT 16",
        [int(cx.now.0)],
        |row| Ok((RequestId(row.get(0)?), row.get::<_, i64>(1)?)),
    )?;
    let next = rows
        .into_iter()
        .find(|(id, _)| !cx.live.in_flight.contains(id));
    Ok(next.map(|(_, at)| Timestamp(crate::store::rows::uint(at))))
}

/// The network is back: nothing waits for its pause any longer. What the relay itself put off for longer stays.
pub(crate) fn hurry(cx: &mut Cx<'_>) -> Outcome<()> {
    cx.db.run(
        "UPDATE requests_open SET due_at = ?1 WHERE due_at > ?1 AND due_at <= ?2",
        params![
            int(cx.now.0),
            int(cx.now.saturating_add_ms(BACK_OFF_LONGEST_MS).0)
        ],
    )?;
    Ok(())
}

struct Open {
    purpose: Purpose,
    needs_session: bool,
    transient: bool,
    attempts: u32,
}

fn take(cx: &mut Cx<'_>, id: &RequestId) -> Outcome<Option<Open>> {
    cx.live.in_flight.remove(id);
    let row = cx.db.one(
        "SELECT purpose, needs_session, transient, attempts FROM requests_open WHERE request_id = ?1",
        [id.as_bytes()],
        |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let Some((purpose, needs_session, transient, attempts)) = row else {
        return Ok(None);
    };
    let purpose =
        serde_json::from_str(&purpose).map_err(|_| Fault::Bug("purpose row does not read back"))?;
    Ok(Some(Open {
        purpose,
        needs_session,
        transient,
        attempts,
    }))
}

fn close(cx: &mut Cx<'_>, id: &RequestId) -> Outcome<()> {
    cx.db.run(
        "DELETE FROM requests_open WHERE request_id = ?1",
        [id.as_bytes()],
    )?;
    Ok(())
}

/// The relay answered. Unknown ids (answered before a restart) are ignored.
pub(crate) fn on_response(cx: &mut Cx<'_>, id: RequestId, status: u16, body: &[u8]) -> Outcome<()> {
    let Some(open) = take(cx, &id)? else {
        return Ok(());
    };
    if (200..300).contains(&status) && body.len() <= limits::REST_BODY_BYTES_MAX {
        close(cx, &id)?;
        return crate::purpose::on_success(cx, &id, open.purpose, body);
    }
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let code = problem
        .as_ref()
        .map_or(Code::Internal, |problem| problem.code);
    let retry_after_s = problem.and_then(|problem| problem.retry_after_s);
    let mut passing =
        matches!(code, Code::RateLimited | Code::Unavailable | Code::Internal) || status >= 500;
    if code == Code::Unauthenticated && open.needs_session {
        session::drop_access_token(cx)?;
        if open.attempts < 3 {
            return back_off(cx, &id, open.attempts, Some(0));
        }
        // Failures of the network count as attempts too, so a refused token never ends what must be done.
        passing = true;
    }
    if passing && !open.transient {
        return back_off(cx, &id, open.attempts, retry_after_s);
    }
    close(cx, &id)?;
    let refusal = Refusal {
        code: refusal_code(code),
        retry_after_s,
    };
    crate::purpose::on_failure(cx, &id, open.purpose, code, refusal)
}

/// The network failed.
pub(crate) fn on_failed(cx: &mut Cx<'_>, id: RequestId) -> Outcome<()> {
    let Some(open) = take(cx, &id)? else {
        return Ok(());
    };
    let refusal = Refusal {
        code: RefusalCode::Offline,
        retry_after_s: None,
    };
    if open.transient {
        close(cx, &id)?;
        return crate::purpose::on_failure(cx, &id, open.purpose, Code::Unavailable, refusal);
    }
    cx.answer(&id, Err(refusal));
    if matches!(
        open.purpose,
        Purpose::Refresh | Purpose::Challenge | Purpose::DeviceSession
    ) {
        // Whoever waits for a request that waits for this one has no network either.
        session::refuse_waiting(cx, RefusalCode::Offline)?;
    }
    back_off(cx, &id, open.attempts, None)
}

fn back_off(
    cx: &mut Cx<'_>,
    id: &RequestId,
    attempts: u32,
    at_least_s: Option<u64>,
) -> Outcome<()> {
    let pause = match at_least_s {
        Some(0) => 0,
        Some(seconds) => seconds.min(limits::DAY_MS / limits::SECOND_MS) * limits::SECOND_MS,
        None => pause_ms(cx, attempts),
    };
    cx.db.run(
        "UPDATE requests_open SET attempts = attempts + 1, due_at = ?2 WHERE request_id = ?1",
        params![id.as_bytes(), int(cx.now.saturating_add_ms(pause).0)],
    )?;
    Ok(())
}

/// Doubles from one second to five minutes, spread by half, so that many clients do not come back at once.
pub(crate) fn pause_ms(cx: &mut Cx<'_>, attempts: u32) -> u64 {
    pause_up_to(cx, attempts, BACK_OFF_LONGEST_MS)
}

/// The same with another longest pause.
pub(crate) fn pause_up_to(cx: &mut Cx<'_>, attempts: u32, longest_ms: u64) -> u64 {
    let full = BACK_OFF_FIRST_MS
        .saturating_mul(1 << attempts.min(16))
        .min(longest_ms);
    cx.ids.between(full / 2, full)
}

/// Reads a response body; the relay is not trusted to answer in shape.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn refusal_code(code: Code) -> RefusalCode {
    match code {
        Code::Invalid => RefusalCode::Invalid,
        Code::NotFound => RefusalCode::NotFound,
        Code::WrongCredentials => RefusalCode::WrongCredentials,
        Code::Unauthenticated | Code::SessionRevoked | Code::PasswordNeeded => {
            RefusalCode::PasswordNeeded
        }
        Code::DeviceNotLinked => RefusalCode::DeviceNotLinked,
        Code::HandleTaken => RefusalCode::HandleTaken,
        Code::SignUpClosed => RefusalCode::SignUpClosed,
        Code::RateLimited => RefusalCode::RateLimited,
        Code::TooLarge => RefusalCode::TooLong,
        Code::QuotaExceeded => RefusalCode::QuotaExceeded,
        Code::Forbidden
        | Code::Conflict
        | Code::MethodNotAllowed
        | Code::UnsupportedMediaType
        | Code::Unavailable
        | Code::Internal => RefusalCode::ServerFailed,
    }
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Put => "PUT",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    }
}

fn method_from(name: &str) -> Option<Method> {
    [Method::Get, Method::Put, Method::Post, Method::Delete]
        .into_iter()
        .find(|method| method_name(*method) == name)
}
