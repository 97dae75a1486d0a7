//! The recovery kit: shown, printed, checked by retyping, then erased from this device.

use crate::api::{RecoveryKitView, RefusalCode, Reply};
use crate::context::{Answer, Cx};
use crate::error::{Fault, Outcome};
use crate::shell::Topic;
use crate::store::rows::Db;
use rusqlite::params;
use securechat_crypto::primitives::equal;
use securechat_crypto::recovery::RecoverySecret;
use zeroize::Zeroizing;

/// How many characters must be retyped: enough that a person has the kit in front of them.
const CHECKED: usize = 4;
/// Characters of the kit without hyphens.
const CHARACTERS: u64 = 4 * securechat_crypto::recovery::GROUPS as u64;

/// Positions to ask for, drawn once at sign-up, ascending and different.
pub(crate) fn draw_positions(cx: &mut Cx<'_>) -> String {
    let mut positions = std::collections::BTreeSet::new();
    // Twice the expected number of draws and more; the rest is filled from the front.
    for _ in 0..64 {
        if positions.len() < CHECKED {
            positions.insert(cx.ids.between(0, CHARACTERS));
        }
    }
    let mut next = 0;
    while positions.len() < CHECKED {
        positions.insert(next);
        next += 1;
    }
    positions
        .iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

struct Kit {
    groups: Vec<String>,
    positions: Vec<u32>,
}

fn held(db: Db<'_>) -> Outcome<Option<Kit>> {
    let row = db.one(
        "SELECT recovery_seed, kit_positions FROM account_self",
        [],
        |row| {
            Ok((
                row.get::<_, Option<Vec<u8>>>(0)?.map(Zeroizing::new),
                row.get::<_, String>(1)?,
            ))
        },
    )?;
    let Some((Some(seed), positions)) = row else {
        return Ok(None);
    };
    let secret =
        RecoverySecret::from_stored(&seed).ok_or(Fault::Bug("recovery seed does not read back"))?;
    Ok(Some(Kit {
        groups: secret.printable().split('-').map(str::to_owned).collect(),
        positions: positions
            .split(',')
            .filter_map(|position| position.parse().ok())
            .collect(),
    }))
}

pub(crate) fn view(db: Db<'_>) -> Outcome<RecoveryKitView> {
    let signed_up = db.exists("SELECT 1 FROM account_self", [])?;
    Ok(match held(db)? {
        Some(kit) => RecoveryKitView {
            taken: false,
            groups: kit.groups,
            check_positions: kit.positions,
        },
        None => RecoveryKitView {
            taken: signed_up,
            groups: Vec::new(),
            check_positions: Vec::new(),
        },
    })
}

/// Compares the retyped characters; when they are right the secret leaves this device for good.
pub(crate) fn confirm(cx: &mut Cx<'_>, typed: &str) -> Outcome<Answer> {
    cx.me()?;
    let kit = held(cx.db)?.ok_or(Fault::refused(RefusalCode::NotFound))?;
    let all: Vec<u8> = kit.groups.concat().into_bytes();
    let asked: Vec<u8> = kit
        .positions
        .iter()
        .filter_map(|position| all.get(*position as usize).copied())
        .collect();
    let typed: Vec<u8> = typed
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_uppercase())
        .collect();
    if asked.is_empty() || !equal(&asked, &typed) {
        return Err(Fault::refused(RefusalCode::Invalid));
    }
    cx.db
        .run("UPDATE account_self SET recovery_seed = NULL", params![])?;
    cx.deleted = true;
    cx.live.me = None;
    cx.changed(Topic::Account);
    Ok(Answer::Now(Reply::Done))
}
