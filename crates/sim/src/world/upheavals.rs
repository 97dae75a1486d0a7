//! What happens to a person once in years: a long absence, prekeys that ran out, everything lost, an old copy started.

use super::{Event, World};
use crate::wire;
use anyhow::{Context, Result, bail, ensure};
use securechat_engine::api::{AccountState, Connection};
use securechat_engine::shell::Method;
use securechat_proto::AccountId;
use std::path::{Path, PathBuf};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// More than a bundle has.
const CLAIMS: usize = 60;
/// An old copy that reaches the relay has noticed after this.
const NOTICED_MS: u64 = 10 * 60 * 1000;
/// A registration is through after this; people may let a day or two pass in between.
const REGISTERED_MS: u64 = 30 * DAY_MS;

impl World {
    /// Somebody's device is off for 31 to 50 days, while the others go on.
    pub(super) fn absence(&mut self) -> Result<()> {
        let absent = self.dice.below(self.people.len() as u64) as usize;
        for other in (0..self.people.len()).filter(|other| *other != absent) {
            self.bonds.between(absent, other).apart = true;
        }
        self.person(absent).is_away = true;
        self.end(absent)?;
        let mut days = self.dice.between(31, 50);
        while days > 0 {
            let step = self.dice.between(1, 9).min(days);
            days -= step;
            self.jump(step * DAY_MS)?;
            // The others' devices are switched on again.
            for person in (0..self.people.len()).filter(|person| *person != absent) {
                self.end(person)?;
                self.restart(person)?;
            }
            let minutes = self.dice.between(1, 4);
            self.wait(minutes * 60_000)?;
            // What they do in these weeks comes on top.
            self.actions_left += 6;
        }
        self.person(absent).is_away = false;
        self.restart(absent)
    }

    /// Somebody is offline while all one-time prekeys are claimed: who writes now does it on the last-resort key.
    pub(super) fn drain(&mut self) -> Result<()> {
        let target = self.dice.below(self.people.len() as u64) as usize;
        let taker = (target + 1) % self.people.len();
        // Once everything of the sign-up has left.
        self.wait(20_000)?;
        let account = self.person(target).account().and_then(|a| a.account_id);
        let Some(account) = account else {
            return Ok(());
        };
        self.end(target)?;
        let away = self.dice.between(20_000, 90_000);
        self.after(away, Event::Restart { person: target });
        if !self.relay.is_running() {
            return Ok(());
        }
        let bearer = self.person(taker).bearer.clone();
        let path = format!("/v1/accounts/{account}/prekeys");
        for _ in 0..CLAIMS {
            let body = br#"{"devices":[]}"#;
            let answer = self
                .relay
                .request(Method::Post, &path, bearer.as_deref(), body)?;
            match answer {
                Some((200, _)) => {}
                other => bail!("prekeys: {:?}", other.map(|(status, _)| status)),
            }
        }
        Ok(())
    }

    /// Somebody loses the only device and everything on it. The operator clears the account, and they register again
    /// under the same name: another Genesis where their contacts know the old one.
    pub(super) fn rebirth(&mut self) -> Result<()> {
        let person = self.dice.below(self.people.len() as u64) as usize;
        let Some(account) = self.person(person).account().and_then(|a| a.account_id) else {
            return Ok(());
        };
        for other in (0..self.people.len()).filter(|other| *other != person) {
            self.bonds.between(person, other).reborn = true;
        }
        self.end(person)?;
        self.person(person).lose_everything();
        self.crash_relay();
        self.relay.forget(account)?;
        let now = self.now;
        self.person(person).start(now)?;
        self.sign_up(person)?;
        // The registration of a store chooses its account id; this one is given the old id before it leaves.
        let has_begun =
            |world: &Self| world.people[person].state() == Some(AccountState::SigningUp);
        self.run_until(has_begun, REGISTERED_MS)
            .context("a second registration does not begin")?;
        self.queue.retain(|_, event| match event {
            Event::Request { person: whose, .. } => *whose != person,
            _ => true,
        });
        self.end(person)?;
        take_account_id(&self.people[person].store(), account)?;
        self.restart(person)?;
        let is_ready = |world: &Self| world.people[person].state() == Some(AccountState::Ready);
        self.run_until(is_ready, REGISTERED_MS)
            .context("a second registration")
    }

    /// A store is copied, used on, and later the copy is started beside it: it must send nothing.
    pub(super) fn old_copy(&mut self) -> Result<()> {
        let person = self.dice.below(self.people.len() as u64) as usize;
        self.end(person)?;
        let store = self.person(person).store();
        let copy = store.with_extension("copy");
        checkpoint(&store)?;
        std::fs::copy(&store, &copy)?;
        self.restart(person)?;
        // Until something of it has reached the relay since.
        let before = counter(&copy)?;
        for _ in 0..40 {
            self.actions_left += 2;
            self.wait(30_000)?;
            if self
                .person(person)
                .account()
                .is_some_and(|a| a.pending == 0)
            {
                self.end(person)?;
                let is_newer = counter(&store)? > before;
                if is_newer {
                    return self.start_copy(person, &store, &copy);
                }
                self.restart(person)?;
            }
        }
        Ok(())
    }

    fn start_copy(&mut self, person: usize, store: &Path, copy: &Path) -> Result<()> {
        let aside = store.with_extension("aside");
        checkpoint(store)?;
        std::fs::rename(store, &aside)?;
        std::fs::rename(copy, store)?;
        let trouble = std::mem::replace(&mut self.calm, true);
        self.restart_relay()?;
        self.person(person).is_copy = true;
        self.restart(person)?;
        let noticed = |world: &Self| world.people[person].state() == Some(AccountState::StaleCopy);
        self.run_until(noticed, NOTICED_MS)
            .context("an old copy does not notice that it is one")?;
        self.wait(60_000)?;
        let connection = self.person(person).account().map(|a| a.connection);
        ensure!(
            connection != Some(Connection::Online),
            "an old copy stays connected"
        );
        self.end(person)?;
        self.person(person).is_copy = false;
        // The store that is up to date goes on.
        remove_with_log(store)?;
        std::fs::rename(&aside, store)?;
        self.calm = trouble;
        self.restart(person)
    }
}

/// Everything that is in a store's log goes into its file: a copy of the file alone is the store, whenever it was taken.
fn checkpoint(store: &Path) -> Result<()> {
    let db = wire::open(store)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// The number of the last submit of a store.
fn counter(store: &Path) -> Result<i64> {
    let db = wire::open(store)?;
    Ok(db.query_row("SELECT counter FROM store_state", [], |row| row.get(0))?)
}

/// Makes the registration that is under way in a store one of this account.
fn take_account_id(store: &Path, account: AccountId) -> Result<()> {
    let db = wire::open(store)?;
    let id = account.as_bytes();
    db.execute("UPDATE account_self SET account_id = ?1", [id])?;
    db.execute("UPDATE identities_logs SET account_id = ?1", [id])?;
    db.execute(
        "UPDATE requests_open SET path = ?1 WHERE key = 'sign-up'",
        [format!("/v1/accounts/{account}")],
    )?;
    Ok(())
}

fn remove_with_log(store: &Path) -> Result<()> {
    for ending in ["", "-wal", "-shm"] {
        let mut path = store.as_os_str().to_owned();
        path.push(ending);
        let path = PathBuf::from(path);
        if path.exists() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
