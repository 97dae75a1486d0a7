//! This account and this device: keys, names, sign-up, sessions with the relay, the recovery kit.
//!
//! Knows: the device's secret keys, the refresh token, the recovery secret until the kit is taken.
//! Must never know: other people's keys, contents; the password only between the two messages of an exchange.

pub(crate) mod kit;
pub(crate) mod log_in;
pub(crate) mod session;
pub(crate) mod sessions_list;
pub(crate) mod sign_up;

use crate::api::{AccountState, AccountView, RefusalCode, Reply};
use crate::context::{Answer, Cx, Live};
use crate::error::{Fault, Outcome};
use crate::shell::Topic;
use crate::store::rows::{Db, uint};
use crate::{contacts, outbox, vault};
use securechat_crypto::account_secret::AccountSecret;
use securechat_crypto::identity::DeviceKeys;
use securechat_crypto::seal::OurDevice;
use securechat_proto::{AccountId, DeviceId, Fingerprint, Timestamp, limits};

/// A clock difference worth telling the person.
const CLOCK_TOLD_MS: i64 = 60_000;

/// This device's account, as the store holds it.
pub(crate) struct Me {
    pub state: AccountState,
    pub account_id: AccountId,
    pub fingerprint: Fingerprint,
    pub device_id: DeviceId,
    pub handle: String,
    pub display_name: String,
    pub device_name: String,
    pub keys: DeviceKeys,
    /// Encrypts the account's own records at the relay.
    pub secret: AccountSecret,
    pub kit_taken: bool,
}

impl Me {
    pub fn device(&self) -> OurDevice<'_> {
        OurDevice {
            fingerprint: self.fingerprint,
            keys: &self.keys,
        }
    }
}

pub(crate) fn load(db: Db<'_>) -> Outcome<Option<Me>> {
    let row = db.one(
        "SELECT state, account_id, fingerprint, device_id, handle, display_name, device_name, device_keys,
                account_secret, recovery_seed IS NULL FROM account_self",
        [],
        |row| {
            Ok((
                row.get::<_, String>(0)?,
                (AccountId(row.get(1)?), Fingerprint(row.get(2)?), DeviceId(row.get(3)?)),
                (row.get::<_, String>(4)?, row.get::<_, String>(5)?, row.get::<_, String>(6)?),
                zeroize::Zeroizing::new(row.get::<_, Vec<u8>>(7)?),
                zeroize::Zeroizing::new(row.get::<_, Vec<u8>>(8)?),
                row.get::<_, bool>(9)?,
            ))
        },
    )?;
    let Some((state, (account_id, fingerprint, device_id), names, keys, secret, kit_taken)) = row
    else {
        return Ok(None);
    };
    let (handle, display_name, device_name) = names;
    Ok(Some(Me {
        state: state_from(&state).ok_or(Fault::Bug("unknown account state"))?,
        account_id,
        fingerprint,
        device_id,
        handle,
        display_name,
        device_name,
        keys: DeviceKeys::from_stored(&keys).ok_or(Fault::Bug("device keys do not read back"))?,
        secret: AccountSecret::from_stored(&secret)
            .ok_or(Fault::Bug("account secret does not read back"))?,
        kit_taken,
    }))
}

pub(crate) fn set_state(cx: &mut Cx<'_>, state: AccountState) -> Outcome<()> {
    cx.db
        .run("UPDATE account_self SET state = ?1", [state_name(state)])?;
    cx.live.me = None;
    cx.changed(Topic::Account);
    Ok(())
}

/// Nothing this device writes will ever leave: the log no longer names it, or another copy of its store went on.
pub(crate) fn has_ended(db: Db<'_>) -> Outcome<bool> {
    db.exists(
        "SELECT 1 FROM account_self WHERE state IN ('removed', 'stale_copy')",
        [],
    )
}

fn state_name(state: AccountState) -> &'static str {
    match state {
        AccountState::None => "none",
        AccountState::SigningUp => "signing_up",
        AccountState::Ready => "ready",
        AccountState::SignedOut => "signed_out",
        AccountState::Removed => "removed",
        AccountState::StaleCopy => "stale_copy",
    }
}

fn state_from(name: &str) -> Option<AccountState> {
    use AccountState::{None as Empty, Ready, Removed, SignedOut, SigningUp, StaleCopy};
    [Empty, SigningUp, Ready, SignedOut, Removed, StaleCopy]
        .into_iter()
        .find(|state| state_name(*state) == name)
}

/// Changes the name that contacts see; accepted contacts are told.
pub(crate) fn set_profile(cx: &mut Cx<'_>, display_name: &str) -> Outcome<Answer> {
    cx.me()?;
    let display_name = clean_name(display_name, limits::DISPLAY_NAME_CHARS_MAX)?;
    store_name(cx, &display_name)?;
    contacts::tell_profile(cx, &display_name)?;
    vault::touch(cx, vault::PROFILE)?;
    Ok(Answer::Now(Reply::Done))
}

/// Another device of this account changed the name and told the contacts.
pub(crate) fn take_profile(cx: &mut Cx<'_>, display_name: &str) -> Outcome<()> {
    store_name(cx, &cut_name(display_name, limits::DISPLAY_NAME_CHARS_MAX))
}

fn store_name(cx: &mut Cx<'_>, display_name: &str) -> Outcome<()> {
    cx.db
        .run("UPDATE account_self SET display_name = ?1", [display_name])?;
    cx.live.me = None;
    cx.changed(Topic::Account);
    Ok(())
}

/// A name as people type it: trimmed, without control characters, bounded.
pub(crate) fn clean_name(text: &str, chars_max: usize) -> Outcome<String> {
    let text: String = text.trim().chars().filter(|at| shows(*at)).collect();
    if text.chars().count() > chars_max {
        return Err(Fault::refused(RefusalCode::TooLong));
    }
    Ok(text)
}

/// The same for a name that came from outside: cut instead of refused.
pub(crate) fn cut_name(text: &str, chars_max: usize) -> String {
    let shown = text.trim().chars().filter(|at| shows(*at));
    shown.take(chars_max).collect()
}

/// Neither a control character nor one that turns the direction of what stands around a name (UAX #9, 2.1 to 2.4):
/// with those a name could rewrite the sentence in which it is shown. Marks for one word's own direction stay.
fn shows(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

pub(crate) fn view(db: Db<'_>, live: &Live, now: Timestamp) -> Outcome<AccountView> {
    let me = load(db)?;
    let measured = db.number("SELECT clock_measured FROM store_state", [])? == 1;
    let unread = db.number(
        "SELECT count(*) FROM messages_rows m JOIN conversations_list c ON c.conversation_id = m.conversation_id
         WHERE m.unread = 1 AND c.muted = 0 AND c.shown = 1",
        [],
    )?;
    let empty = String::new;
    Ok(AccountView {
        state: me.as_ref().map_or(AccountState::None, |me| me.state),
        handle: me.as_ref().map_or_else(empty, |me| me.handle.clone()),
        display_name: me.as_ref().map_or_else(empty, |me| me.display_name.clone()),
        account_id: me.as_ref().map(|me| me.account_id),
        device_id: me.as_ref().map(|me| me.device_id),
        device_name: me.as_ref().map_or_else(empty, |me| me.device_name.clone()),
        connection: live.link.view(now),
        kit_taken: me.as_ref().is_some_and(|me| me.kit_taken),
        unread: u32::try_from(unread).unwrap_or(u32::MAX),
        requests: contacts::open_requests(db)?,
        clock_ahead_ms: (measured && live.clock_ahead_ms.abs() >= CLOCK_TOLD_MS)
            .then_some(live.clock_ahead_ms),
        pending: u32::try_from(uint(outbox::pending(db)?)).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_turns_nothing_round_but_itself() {
        let turned = " Ada\u{202E}\u{2066} \u{7}Lovelace\u{2069}\n";
        assert_eq!(cut_name(turned, 64), "Ada Lovelace");
        assert_eq!(cut_name(turned, 3), "Ada");
        assert_eq!(clean_name(turned, 12).unwrap(), "Ada Lovelace");
        assert!(clean_name(turned, 11).is_err());
        let persian = "\u{645}\u{6CC}\u{200C}\u{62E}";
        assert_eq!(cut_name(persian, 64), persian);
    }
}
