//! The relay's machine: it loses power, and its disk fails or is full. What was acknowledged is there afterwards.

use super::Relay;
use super::socket::submit_in;
use crate::dice::Dice;
use crate::disk::Planned;
use anyhow::{Context, Result, ensure};
use rusqlite::types::Value;
use securechat_engine::shell::Method;
use securechat_proto::{AccountId, DeviceId};
use securechat_server::mailbox::submit::Address;
use std::collections::BTreeSet;

/// How an operation on a failing disk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Struck {
    /// Nothing went wrong.
    No,
    /// Something did, and the relay goes on.
    Yes,
    /// The machine lost power, and the relay with it; nobody hears of what it said last.
    PowerLost,
}

/// Rows of the relay's files, each with its table.
type Rows = BTreeSet<(String, Vec<String>)>;

/// Envelopes that wait, of which a device may be sure once their sender is.
const ENVELOPES: &[&str] = &["mailbox_envelope", "mailbox_held"];

impl Relay {
    /// Loses power between two operations. Everything that it had committed must be there when the power comes back.
    pub fn lose_power(&mut self, dice: &mut Dice) -> Result<()> {
        if self.running.is_none() {
            return Ok(());
        }
        self.settle()?;
        let before = self.rows()?;
        // First the power: a process that ends closes its files in good order.
        self.disk.cut_power();
        self.crash();
        self.disk.power_up(dice)?;
        let after = self.rows()?;
        ensure!(
            before == after,
            "a loss of power changed {:?}",
            tables_of(before.symmetric_difference(&after))
        );
        Ok(())
    }

    /// One frame of a client while the disk fails.
    pub fn frame_on_failing_disk(
        &mut self,
        number: u64,
        bytes: Vec<u8>,
        planned: Planned,
        dice: &mut Dice,
    ) -> Result<Struck> {
        // An acknowledgement under way may have been carried out; so may the cursor in a proof.
        let keeps = submit_in(&bytes).is_some();
        let (struck, ()) =
            self.on_failing_disk(planned, dice, keeps, |relay| relay.frame(number, bytes))?;
        Ok(struck)
    }

    /// One request while the disk fails. What could not be done is refused as such.
    pub fn request_on_failing_disk(
        &mut self,
        (method, path, bearer, body): (Method, &str, Option<&str>, &[u8]),
        planned: Planned,
        dice: &mut Dice,
    ) -> Result<(Struck, Option<(u16, Vec<u8>)>)> {
        let (struck, answer) = self.on_failing_disk(planned, dice, true, |relay| {
            relay.request(method, path, bearer, body)
        })?;
        if let Some((status, _)) = &answer {
            ensure!(
                *status < 500 || *status == 503,
                "{path} answers {status} on a disk that fails"
            );
        }
        Ok((struck, answer))
    }

    /// The housekeeping of every minute while the disk fails; it empties the log into the database.
    pub fn sweep_on_failing_disk(&mut self, planned: Planned, dice: &mut Dice) -> Result<Struck> {
        let (struck, _) = self.on_failing_disk(planned, dice, false, |relay| {
            // Refused is refused: the next one does it.
            Ok(relay.sweep().is_ok())
        })?;
        Ok(struck)
    }

    /// `keeps`: no envelope may be gone afterwards.
    fn on_failing_disk<R>(
        &mut self,
        planned: Planned,
        dice: &mut Dice,
        keeps: bool,
        operation: impl FnOnce(&mut Self) -> Result<R>,
    ) -> Result<(Struck, R)> {
        self.settle()?;
        let before = self.rows()?;
        self.disk.plan(planned);
        let done = operation(self);
        // Acknowledgements meet the same disk. Without power there is nobody to wait for.
        let _ = self.settle();
        let is_off = self.disk.is_off();
        let struck = self.disk.heal();
        let done = done.with_context(|| format!("{planned:?}"))?;
        if !is_off {
            let struck = if struck > 0 { Struck::Yes } else { Struck::No };
            return Ok((struck, done));
        }
        self.crash();
        self.disk.power_up(dice)?;
        let after = self.rows()?;
        // What was under way is there or not; what was there before is not gone.
        let lost: Vec<_> = before
            .iter()
            .filter(|row| keeps && ENVELOPES.contains(&row.0.as_str()) && !after.contains(*row))
            .collect();
        ensure!(
            lost.is_empty(),
            "{planned:?} took {} envelopes away",
            lost.len()
        );
        Ok((Struck::PowerLost, done))
    }

    /// Until acknowledgements that were on their way are carried out: their thread is not waited for otherwise.
    fn settle(&mut self) -> Result<()> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        // Changes nothing, after everything that came before it.
        let nobody = Address {
            account_id: AccountId([0; 16]),
            device_id: DeviceId([0; 16]),
        };
        running.runtime.block_on(async {
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
            running.app.mailbox.set_sealing_floor(nobody, 0).await
        })?;
        Ok(())
    }

    /// Everything in both files.
    fn rows(&self) -> Result<Rows> {
        let mut rows = Rows::new();
        for file in ["directory.db", "mailbox.db"] {
            let database = self.database(file)?;
            let tables: Vec<String> = database
                .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for table in tables {
                let mut statement = database.prepare(&format!("SELECT * FROM {table}"))?;
                let columns = statement.column_count();
                let mut found = statement.query([])?;
                while let Some(row) = found.next()? {
                    let values = (0..columns)
                        .map(|at| Ok(format!("{:?}", row.get::<_, Value>(at)?)))
                        .collect::<Result<_>>()?;
                    rows.insert((table.clone(), values));
                }
            }
        }
        Ok(rows)
    }
}

fn tables_of<'a>(rows: impl Iterator<Item = &'a (String, Vec<String>)>) -> BTreeSet<&'a str> {
    rows.map(|(table, _)| table.as_str()).collect()
}
