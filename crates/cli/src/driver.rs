//! The loop around one engine: feeds inputs, carries out outputs, keeps its deadlines.

use crate::failure::Failure;
use crate::transport::Transport;
use anyhow::{Context, Result};
use securechat_engine::Engine;
use securechat_engine::api::{AccountView, Command, Query, Reply, View};
use securechat_engine::shell::{CommandResult, Input, Output};
use securechat_proto::Timestamp;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// One engine with its relay.
pub struct Driver {
    engine: Engine,
    transport: Transport,
    inputs: mpsc::UnboundedReceiver<Input>,
    next_command: u32,
    replies: BTreeMap<u32, CommandResult>,
    erase: bool,
    inputs_seen: u64,
    /// Requests without an answer yet.
    requests_open: usize,
}

impl Driver {
    /// Wraps an open engine; nothing is sent before the first [`Driver::start`], [`Driver::command`] or [`Driver::until`].
    pub fn new(engine: Engine, server: &str) -> Result<Self> {
        let (transport, inputs) = Transport::new(server)?;
        Ok(Self {
            engine,
            transport,
            inputs,
            next_command: 1,
            replies: BTreeMap::new(),
            erase: false,
            inputs_seen: 0,
            requests_open: 0,
        })
    }

    /// Lets the engine do what is open: connect, resend, refresh.
    pub fn start(&mut self) -> Result<()> {
        self.feed(Input::Tick)
    }

    /// The relay cannot be reached from here until [`Driver::mend`]; what is written waits in the store.
    pub fn cut(&mut self) {
        self.transport.cut();
    }

    /// The network is back, and the system says so.
    pub fn mend(&mut self) -> Result<()> {
        self.transport.mend();
        self.feed(Input::Online)
    }

    pub fn query(&self, query: Query) -> View {
        self.engine.query(query)
    }

    /// None: the store cannot be read.
    pub fn account(&self) -> Option<AccountView> {
        match self.query(Query::Account) {
            View::Account(account) => Some(account),
            _ => None,
        }
    }

    /// Nothing waits to be handed to the relay.
    pub fn idle(&self) -> bool {
        self.account().is_some_and(|account| account.pending == 0)
    }

    /// Something was asked and is not answered yet.
    pub fn is_asking(&self) -> bool {
        self.requests_open > 0
    }

    /// The engine asked that its store be deleted.
    pub fn erase_asked(&self) -> bool {
        self.erase
    }

    /// Carries out one command and waits for its answer.
    pub async fn command(&mut self, command: Command, patience: Duration) -> Result<Reply> {
        let command_id = self.next_command;
        self.next_command += 1;
        self.feed(Input::Command {
            command_id,
            command,
        })?;
        self.until(patience, |driver| driver.replies.contains_key(&command_id))
            .await?;
        match self.replies.remove(&command_id) {
            Some(CommandResult::Ok { reply }) => Ok(reply),
            Some(CommandResult::Err { refusal }) => Err(Failure::Refused(refusal).into()),
            None => Err(Failure::TimedOut.into()),
        }
    }

    /// Runs until `done` holds or `patience` is over; true when it held. May be dropped while it waits: what came in
    /// has been carried out.
    pub async fn until(
        &mut self,
        patience: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<bool> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            if done(self) {
                return Ok(true);
            }
            if !self.step(end).await? {
                return Ok(false);
            }
        }
    }

    /// Runs until nothing came from the relay for `quiet` and no answer is missing, at most `patience`.
    pub async fn until_quiet(&mut self, quiet: Duration, patience: Duration) -> Result<()> {
        let end = tokio::time::Instant::now() + patience;
        let mut seen = self.inputs_seen;
        loop {
            let pause = end.min(tokio::time::Instant::now() + quiet);
            while self.step(pause).await? {}
            let quiet_now = self.inputs_seen == seen && self.requests_open == 0;
            if quiet_now || tokio::time::Instant::now() >= end {
                return Ok(());
            }
            seen = self.inputs_seen;
        }
    }

    /// Waits for the next input or deadline; false when `end` came first.
    async fn step(&mut self, end: tokio::time::Instant) -> Result<bool> {
        let deadline = self
            .engine
            .next_deadline()
            .map(|at| tokio::time::Instant::now() + Duration::from_millis(at.since(now())));
        let wake = deadline.map_or(end, |at| at.min(end));
        tokio::select! {
            biased;
            input = self.inputs.recv() => {
                let input = input.context("transport stopped")?;
                self.inputs_seen += 1;
                if matches!(input, Input::Response { .. } | Input::RequestFailed { .. }) {
                    self.requests_open = self.requests_open.saturating_sub(1);
                }
                self.feed(input)?;
                Ok(true)
            }
            () = tokio::time::sleep_until(wake) => {
                if deadline.is_some_and(|at| at <= wake) {
                    self.feed(Input::Tick)?;
                }
                Ok(tokio::time::Instant::now() < end)
            }
        }
    }

    /// One input, one transaction, then its outputs in order.
    fn feed(&mut self, input: Input) -> Result<()> {
        let outputs = self
            .engine
            .handle(input, now())
            .context("the local store failed")?;
        for output in outputs {
            match output {
                Output::Reply { command_id, result } => {
                    self.replies.insert(command_id, result);
                }
                Output::Request {
                    request_id,
                    method,
                    path,
                    bearer,
                    body,
                } => {
                    self.requests_open += 1;
                    self.transport
                        .request(request_id, method, &path, bearer, body);
                }
                Output::Connect => self.transport.connect(),
                Output::Disconnect => self.transport.disconnect(),
                Output::Frame { bytes } => self.transport.frame(bytes.0),
                // A terminal shows what `receive` reads; there is nothing to redraw and no desktop to notify.
                Output::Changed { .. } | Output::Notify { .. } => {}
                Output::Erase => self.erase = true,
            }
        }
        Ok(())
    }
}

/// Wall clock in milliseconds since 1970 UTC: the shell's clock is the engine's.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
