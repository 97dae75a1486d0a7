//! The list of open sessions and the security trail, as the relay tells them.

use super::load;
use crate::api::{RefusalCode, Reply, SecurityEventItem, SessionItem, SessionsView};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::Topic;
use crate::store::rows::{Db, int, uint};
use crate::vault;
use rusqlite::params;
use securechat_proto::api::{SecurityEvents, SessionList};
use securechat_proto::{RequestId, SessionId, Timestamp};

const SESSIONS: &str = "sessions";
const EVENTS: &str = "security_events";
/// Rows shown of each list.
const SHOWN_MAX: usize = 200;

pub(crate) fn refresh(cx: &mut Cx<'_>) -> Outcome<Answer> {
    cx.me()?;
    requests::send(
        cx,
        Request::get(EVENTS, Purpose::SecurityEvents, "/v1/security-events").transient(),
    )?;
    let id = requests::send(
        cx,
        Request::get(SESSIONS, Purpose::Sessions, "/v1/sessions").transient(),
    )?;
    Ok(cx.wait_for(id))
}

pub(crate) fn revoke(cx: &mut Cx<'_>, session_id: &SessionId) -> Outcome<Answer> {
    cx.me()?;
    if super::session::id(cx)? == Some(*session_id) {
        // That is logging out, which asks what becomes of the data here.
        return Err(Fault::refused(RefusalCode::Invalid));
    }
    let path = format!("/v1/sessions/{session_id}");
    let request = Request::delete(
        format!("revoke:{session_id}"),
        Purpose::RevokeSession {
            session_id: *session_id,
        },
        path,
    );
    let id = requests::send(cx, request.transient())?;
    Ok(cx.wait_for(id))
}

pub(crate) fn on_list(cx: &mut Cx<'_>, id: &RequestId, name: &str, body: &[u8]) -> Outcome<()> {
    let readable = match name {
        EVENTS => requests::read::<SecurityEvents>(body).is_some(),
        _ => requests::read::<SessionList>(body).is_some(),
    };
    if readable {
        cx.db.run(
            "INSERT OR REPLACE INTO account_views (name, json, fetched_at) VALUES (?1, ?2, ?3)",
            params![name, String::from_utf8_lossy(body), int(cx.now.0)],
        )?;
        cx.changed(Topic::Sessions);
    }
    cx.answer(id, Ok(Reply::Done));
    Ok(())
}

pub(crate) fn on_sessions(cx: &mut Cx<'_>, id: &RequestId, body: &[u8]) -> Outcome<()> {
    on_list(cx, id, SESSIONS, body)
}

pub(crate) fn on_events(cx: &mut Cx<'_>, id: &RequestId, body: &[u8]) -> Outcome<()> {
    on_list(cx, id, EVENTS, body)
}

pub(crate) fn on_revoked(cx: &mut Cx<'_>, id: &RequestId) -> Outcome<()> {
    cx.answer(id, Ok(Reply::Done));
    requests::send(
        cx,
        Request::get(SESSIONS, Purpose::Sessions, "/v1/sessions").transient(),
    )?;
    Ok(())
}

pub(crate) fn view(db: Db<'_>) -> Outcome<SessionsView> {
    let read = |name: &str| {
        db.one(
            "SELECT json, fetched_at FROM account_views WHERE name = ?1",
            [name],
            |row| Ok((row.get::<_, String>(0)?, Timestamp(uint(row.get(1)?)))),
        )
    };
    let (Some(me), Some((json, fetched_at))) = (load(db)?, read(SESSIONS)?) else {
        return Ok(SessionsView {
            sessions: Vec::new(),
            events: Vec::new(),
            fetched_at_ms: None,
        });
    };
    let list = requests::read::<SessionList>(json.as_bytes())
        .map(|list| list.sessions)
        .unwrap_or_default();
    let sessions = list
        .into_iter()
        .take(SHOWN_MAX)
        .map(|session| SessionItem {
            session_id: session.session_id,
            device_id: session.device_id,
            name: vault::open_name(&me, &session.session_id, &session.sealed_name.0),
            created_at_ms: session.created_at_ms,
            last_used_at_ms: session.last_used_at_ms,
            current: session.current,
        })
        .collect();
    let events =
        read(EVENTS)?.and_then(|(json, _)| requests::read::<SecurityEvents>(json.as_bytes()));
    let events = events.map(|events| events.events).unwrap_or_default();
    let events = events
        .into_iter()
        .take(SHOWN_MAX)
        .map(|event| SecurityEventItem {
            kind: event.kind,
            at_ms: event.at_ms,
            origin: event.origin,
        })
        .collect();
    Ok(SessionsView {
        sessions,
        events,
        fetched_at_ms: Some(fetched_at),
    })
}
