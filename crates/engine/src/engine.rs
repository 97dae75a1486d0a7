//! The loop: one input, one transaction; what leaves, leaves after the commit.

use crate::api::{Query, Refusal, RefusalCode, View};
use crate::context::{Answer, Cx, Live};
use crate::error::{Fatal, Fault, OpenError, Outcome};
use crate::ids::Ids;
use crate::shell::{CommandResult, Input, Output, Topic};
use crate::store::rows::{Db, uint};
use crate::store::{self, Store};
use crate::{
    commands, connection, healing, inbox, outbox, prekeys, receipts, requests, server_info, typing,
    vault, views,
};
use rusqlite::{Connection, TransactionBehavior, params};
use securechat_proto::{Timestamp, limits};

/// After local storage was full, this long passes before the next attempt to write without being asked.
const FULL_PAUSE_MS: u64 = limits::MINUTE_MS;

/// The client of one account on one device. Synchronous; does no IO but its store.
pub struct Engine {
    db: Connection,
    ids: Ids,
    live: Live,
    /// Nothing was written since the store was opened.
    is_fresh: bool,
    /// Earliest thing to do, relay time.
    due_at: Option<Timestamp>,
    /// The last time a shell told, relay time: what queries go by.
    now: Timestamp,
}

/// What a shell must carry out, in order. Dropping it loses nothing, but delays it to the next start.
#[must_use = "outputs are carried out by the shell"]
#[derive(Debug, Default)]
pub struct Outputs(pub Vec<Output>);

impl IntoIterator for Outputs {
    type Item = Output;
    type IntoIter = std::vec::IntoIter<Output>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Engine {
    /// Opens the store, creates it or brings it up to date; writes nothing to one that is. `seed`: 32 fresh random bytes. `now`: the shell's clock.
    /// What was open when the store was last used is emitted by the next [`Engine::handle`] (feed a `Tick`).
    ///
    /// # Errors
    /// [`OpenError`]; the file is left as it was.
    pub fn open(store: Store, seed: [u8; 32], now: Timestamp) -> Result<Self, OpenError> {
        let db = store::open(store)?;
        let (ids, ahead) = load(&db, &seed).map_err(|fault| match fault {
            Fault::Store(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) =>
            {
                OpenError::Full
            }
            _ => OpenError::Corrupt,
        })?;
        let live = Live {
            clock_ahead_ms: ahead,
            ..Live::default()
        };
        let now = corrected(now, ahead);
        Ok(Self {
            db,
            ids,
            live,
            is_fresh: true,
            due_at: Some(now),
            now,
        })
    }

    /// Carries out one input in one transaction and tells what the shell does next. `now`: the shell's clock.
    ///
    /// # Errors
    /// [`Fatal`]: nothing of the input was kept. A full disk is not fatal: commands are refused with `storage_full`,
    /// deliveries are not acknowledged and come again.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Result<Outputs, Fatal> {
        let before = (self.live.clone(), self.ids.clone());
        let command_id = match &input {
            Input::Command { command_id, .. } => Some(*command_id),
            _ => None,
        };
        self.now = corrected(now, self.live.clock_ahead_ms);
        let is_response = matches!(input, Input::Response { .. });
        match self.transact(input, command_id, now) {
            Ok(outputs) => {
                if self.live.read_only {
                    self.live.read_only = false;
                }
                Ok(Outputs(outputs))
            }
            Err(fault) => {
                (self.live, self.ids) = before;
                self.on_fault(&fault, command_id, is_response)
            }
        }
    }

    /// When [`Engine::handle`] wants to be called with a `Tick`, by the shell's clock.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.due_at
            .map(|at| shell_time(at, self.live.clock_ahead_ms))
    }

    /// Answers from the store, at once. A store that cannot be read answers `NotFound`; the next input tells why.
    pub fn query(&self, query: Query) -> View {
        views::answer(Db(&self.db), &self.live, self.now, query).unwrap_or(View::NotFound)
    }

    fn transact(
        &mut self,
        input: Input,
        command_id: Option<u32>,
        local: Timestamp,
    ) -> Outcome<Vec<Output>> {
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let drawn = self.ids.drawn();
        let mut cx = Cx::new(
            Db(&transaction),
            self.now,
            local,
            &mut self.live,
            &mut self.ids,
        );
        cx.command_id = command_id;
        if self.is_fresh {
            requests::forget_transient(&cx)?;
        }
        take(&mut cx, input)?;
        pump(&mut cx)?;
        let due_at = next_due(&mut cx)?;
        let now = cx.now;
        let (outputs, deleted) = cx.finish();
        if self.ids.drawn() != drawn {
            transaction.execute(
                "UPDATE store_state SET ids_seed = ?1",
                params![self.ids.to_stored().as_slice()],
            )?;
        }
        transaction.commit()?;
        (self.due_at, self.now, self.is_fresh) = (due_at, now, false);
        if deleted {
            // The rows are gone either way; a checkpoint that fails is made up for by the next one.
            let _ = store::checkpoint(&self.db);
        }
        Ok(outputs)
    }

    /// Nothing of the input was kept. A refusal answers its command; a full disk makes the store read-only.
    fn on_fault(
        &mut self,
        fault: &Fault,
        command_id: Option<u32>,
        is_response: bool,
    ) -> Result<Outputs, Fatal> {
        let refusal = match fault {
            Fault::Refused(refusal) if command_id.is_some() => refusal.clone(),
            fault if fault.is_full() => {
                self.live.read_only = true;
                self.due_at = Some(self.now.saturating_add_ms(FULL_PAUSE_MS));
                if is_response {
                    // Its answer is lost with the transaction; the row is still there and is asked again.
                    self.live.in_flight.clear();
                }
                Refusal {
                    code: RefusalCode::StorageFull,
                    retry_after_s: None,
                }
            }
            fault => return Err(fault.to_fatal()),
        };
        let mut outputs = Vec::new();
        if fault.is_full() {
            outputs.push(Output::Changed {
                topic: Topic::Account,
            });
        }
        if let Some(command_id) = command_id {
            outputs.push(Output::Reply {
                command_id,
                result: CommandResult::Err { refusal },
            });
        }
        Ok(Outputs(outputs))
    }
}

/// Generator and clock offset from the store; only the first open writes, so that a store on a full disk can be read.
fn load(db: &Connection, seed: &[u8; 32]) -> Outcome<(Ids, i64)> {
    let rows = Db(db);
    let state = rows.one(
        "SELECT ids_seed, clock_ahead_ms FROM store_state",
        [],
        |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let ids = Ids::open(state.map(|(stored, _)| stored), seed);
    if state.is_none() {
        rows.run(
            "INSERT INTO store_state (id, ids_seed) VALUES (1, ?1)",
            params![ids.to_stored().as_slice()],
        )?;
    }
    Ok((ids, state.map_or(0, |(_, ahead)| ahead)))
}

fn corrected(local: Timestamp, ahead_ms: i64) -> Timestamp {
    Timestamp(uint(
        i64::try_from(local.0)
            .unwrap_or(i64::MAX)
            .saturating_sub(ahead_ms),
    ))
}

fn shell_time(relay: Timestamp, ahead_ms: i64) -> Timestamp {
    Timestamp(uint(
        i64::try_from(relay.0)
            .unwrap_or(i64::MAX)
            .saturating_add(ahead_ms),
    ))
}

fn take(cx: &mut Cx<'_>, input: Input) -> Outcome<()> {
    match input {
        Input::Command {
            command_id,
            command,
        } => {
            if let Answer::Now(reply) = commands::carry_out(cx, &command)? {
                cx.reply(command_id, Ok(reply));
            }
            Ok(())
        }
        Input::Connected => connection::on_connected(cx),
        Input::Disconnected { code } => connection::on_disconnected(cx, code),
        Input::Frame { bytes } => connection::on_frames(cx, &[bytes]),
        Input::Frames { frames } => connection::on_frames(cx, &frames),
        Input::Response {
            request_id,
            status,
            body,
        } => requests::on_response(cx, request_id, status, &body.0),
        Input::RequestFailed { request_id } => requests::on_failed(cx, request_id),
        Input::Tick => Ok(()),
        Input::Online => connection::on_online(cx),
        Input::Focus { conversation_id } => {
            cx.live.focus = conversation_id;
            Ok(())
        }
    }
}

/// After every input: whatever is due, in the order in which one thing leads to the next.
fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    server_info::pump(cx)?;
    prekeys::pump(cx)?;
    typing::pump(cx);
    inbox::pump(cx)?;
    healing::pump(cx)?;
    receipts::pump(cx)?;
    vault::pump(cx)?;
    outbox::pump(cx)?;
    connection::pump(cx)?;
    requests::pump(cx)
}

fn next_due(cx: &mut Cx<'_>) -> Outcome<Option<Timestamp>> {
    let due = [
        connection::next_due(cx)?,
        requests::next_due(cx)?,
        prekeys::next_due(cx)?,
        typing::next_due(cx),
        inbox::next_due(cx)?,
        healing::next_due(cx)?,
        receipts::next_due(cx)?,
        vault::next_due(cx)?,
        outbox::next_due(cx)?,
    ];
    Ok(due.into_iter().flatten().min())
}

#[cfg(test)]
mod tests;
