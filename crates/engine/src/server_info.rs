//! What the relay says about itself: name, version, what it stores.

use crate::api::ServerView;
use crate::context::Cx;
use crate::error::Outcome;
use crate::purpose::Purpose;
use crate::requests::{self, Request};
use crate::shell::Topic;
use crate::store::rows::{Db, int, uint};
use rusqlite::params;
use securechat_proto::api::ServerInfo;
use securechat_proto::{Timestamp, limits};

const NAME: &str = "server";
const FETCHED_APART_MS: u64 = limits::DAY_MS;

/// Asks once a day, and at the first start before there is an account.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    let fetched = cx.db.number(
        "SELECT fetched_at FROM account_views WHERE name = ?1",
        [NAME],
    )?;
    if fetched == 0 || cx.now.since(Timestamp(uint(fetched))) >= FETCHED_APART_MS {
        requests::send(
            cx,
            Request::get(NAME, Purpose::ServerInfo, "/v1/server").without_session(),
        )?;
    }
    Ok(())
}

pub(crate) fn on_info(cx: &mut Cx<'_>, body: &[u8]) -> Outcome<()> {
    let json = match requests::read::<ServerInfo>(body).map(|info| serde_json::to_string(&info)) {
        Some(Ok(json)) => json,
        // An answer that is none is asked for again tomorrow.
        _ => String::new(),
    };
    cx.db.run(
        "INSERT OR REPLACE INTO account_views (name, json, fetched_at) VALUES (?1, ?2, ?3)",
        params![NAME, json, int(cx.now.0)],
    )?;
    cx.changed(Topic::Server);
    Ok(())
}

pub(crate) fn view(db: Db<'_>) -> Outcome<ServerView> {
    let row = db.one(
        "SELECT json, fetched_at FROM account_views WHERE name = ?1",
        [NAME],
        |row| Ok((row.get::<_, String>(0)?, Timestamp(uint(row.get(1)?)))),
    )?;
    let info =
        row.and_then(|(json, at)| Some((serde_json::from_str::<ServerInfo>(&json).ok()?, at)));
    Ok(match info {
        Some((info, at)) => ServerView {
            name: info.name,
            version: info.version,
            retention_days: info.retention_days,
            knows: info.knows,
            fetched_at_ms: Some(at),
        },
        None => ServerView {
            name: String::new(),
            version: String::new(),
            retention_days: 0,
            knows: Vec::new(),
            fetched_at_ms: None,
        },
    })
}
