//! One function a task: commands and queries to the engine, lines to the terminal.

mod bot;
mod chats;
mod contacts;

use crate::arguments::{Contact, LogIn, SignUp, Task, Verify};
use crate::driver::Driver;
use crate::failure::{Failure, explain};
use crate::password;
use crate::people;
use crate::print::Printer;
use anyhow::{Result, bail};
use securechat_engine::api::{
    AccountState, Command, Connection, ContactId, Query, RefusalCode, Reply, SafetyNumberView, View,
};
use std::time::Duration;

/// Nothing arrived for this long: what waited is here.
const QUIET: Duration = Duration::from_millis(250);
/// How long receipts and acknowledgements may take to leave.
const LEAVE: Duration = Duration::from_secs(4);

/// A driver with the terminal's habits.
pub struct Session {
    pub driver: Driver,
    pub server: String,
    pub printer: Printer,
    pub patience: Duration,
}

/// What a task cannot do without.
enum Needs {
    Nothing,
    /// An account in this store; signed out, too.
    Account,
    /// A device that may speak for its account.
    Device,
}

impl Session {
    /// Carries out one task.
    pub async fn run(&mut self, task: Task) -> Result<()> {
        match needs(&task) {
            Needs::Nothing => {}
            Needs::Account => has_account(&self.driver)?,
            Needs::Device => may_speak(&self.driver)?,
        }
        match task {
            Task::Signup(arguments) => self.sign_up(arguments).await,
            Task::Login(arguments) => self.log_in(arguments).await,
            Task::Logout { erase } => self.log_out(erase).await,
            Task::Status => {
                let reached = self.connect().await;
                self.status()?;
                reached
            }
            Task::Contact(task) => self.contact(task).await,
            Task::Send(arguments) => self.send(arguments).await,
            Task::Receive(arguments) => self.receive(arguments).await,
            Task::Bot => self.bot().await,
            Task::History { who, limit } => self.history(&who, limit),
            Task::Search { text } => self.search(text),
            Task::Verify(arguments) => self.verify(arguments).await,
            Task::Kit { check } => self.kit(check).await,
            Task::Loadgen(_) => bail!("loadgen has no store"),
        }
    }

    async fn command(&mut self, command: Command) -> Result<Reply> {
        self.driver.command(command, self.patience).await
    }

    async fn sign_up(&mut self, arguments: SignUp) -> Result<()> {
        let password = password::read()?;
        let display_name = arguments.name.unwrap_or_else(|| arguments.handle.clone());
        self.command(Command::SignUp {
            handle: arguments.handle,
            password,
            display_name,
            device_name: Some(arguments.device.name()),
        })
        .await?;
        self.connect().await?;
        self.status()
    }

    async fn log_in(&mut self, arguments: LogIn) -> Result<()> {
        let password = password::read()?;
        self.command(Command::LogIn {
            handle: arguments.handle,
            password,
            device_name: Some(arguments.device.name()),
        })
        .await?;
        self.status()
    }

    async fn log_out(&mut self, erase: bool) -> Result<()> {
        self.command(Command::LogOut { erase }).await?;
        // The session's end leaves as one request, which nobody repeats.
        self.driver.until_quiet(QUIET, self.patience).await?;
        Ok(self.printer.done()?)
    }

    fn status(&self) -> Result<()> {
        if let Some(account) = self.driver.account() {
            self.printer.account(&account)?;
        }
        Ok(())
    }

    /// Until everything that waited has arrived.
    async fn connect(&mut self) -> Result<()> {
        self.driver.start()?;
        let settled =
            |driver: &Driver| is_online(driver) || may_speak(driver).is_err() || is_full(driver);
        let in_time = self.driver.until(self.patience, settled).await?;
        may_speak(&self.driver)?;
        if is_full(&self.driver) {
            return Err(Failure::refused(RefusalCode::StorageFull).into());
        }
        if !in_time {
            return Err(Failure::TimedOut.into());
        }
        // A message of somebody new opens only when their account log has come, which is one more request.
        self.driver.until_quiet(QUIET, self.patience).await
    }

    /// Gives receipts and acknowledgements of what was just done a moment to leave.
    async fn flush(&mut self) -> Result<()> {
        self.driver.start()?;
        self.driver.until(LEAVE, Driver::idle).await.map(drop)
    }

    async fn verify(&mut self, arguments: Verify) -> Result<()> {
        let contact_id = people::find(&self.driver, &arguments.who)?.contact_id;
        let is_scanned = arguments.qr.is_some();
        // Read before the code is checked: what is accepted after it is what was checked, or nothing.
        let number = match arguments.number {
            None if is_scanned => self
                .safety_number(contact_id)
                .map(|view| view.groups.concat()),
            number => number,
        };
        if let Some(payload) = arguments.qr {
            let check = Command::CheckSafetyQr {
                contact_id,
                payload,
            };
            let checked = self.command(check).await.map_err(|error| {
                explain(
                    error,
                    RefusalCode::Invalid,
                    "this is no safety code of SecureChat",
                )
            })?;
            if checked != (Reply::QrChecked { matches: true }) {
                return Err(Failure::explained(
                    RefusalCode::NewIdentity,
                    "the code shows another identity than the one known here",
                )
                .into());
            }
        }
        if arguments.accept_new_keys {
            let sure = arguments.sure || is_scanned;
            self.accept_new_keys(contact_id, sure, number.clone())
                .await?;
            self.flush().await?;
        }
        if arguments.same || arguments.differs || (is_scanned && arguments.accept_new_keys) {
            self.command(Command::SetVerified {
                contact_id,
                verified: !arguments.differs,
                number,
            })
            .await?;
        }
        if let Some(view) = self.safety_number(contact_id) {
            self.printer.safety_number(&view)?;
        }
        Ok(())
    }

    fn safety_number(&self, contact_id: ContactId) -> Option<SafetyNumberView> {
        match self.driver.query(Query::SafetyNumber { contact_id }) {
            View::SafetyNumber(view) => Some(view),
            _ => None,
        }
    }

    async fn kit(&mut self, check: Option<String>) -> Result<()> {
        if let Some(characters) = check {
            let confirm = Command::ConfirmRecoveryKit { characters };
            self.command(confirm).await.map_err(|error| {
                explain(
                    error,
                    RefusalCode::Invalid,
                    "these are not the characters asked for",
                )
            })?;
        }
        if let View::RecoveryKit(kit) = self.driver.query(Query::RecoveryKit) {
            self.printer.kit(&kit)?;
        }
        Ok(())
    }
}

fn needs(task: &Task) -> Needs {
    match task {
        Task::Signup(_) | Task::Login(_) | Task::Loadgen(_) => Needs::Nothing,
        Task::Verify(arguments) if arguments.accept_new_keys => Needs::Device,
        // `status` tells on its own what is wrong, after it has told who this is.
        Task::Status
        | Task::Logout { .. }
        | Task::Contact(Contact::List)
        | Task::History { .. }
        | Task::Search { .. }
        | Task::Verify(_)
        | Task::Kit { .. } => Needs::Account,
        Task::Contact(_) | Task::Send(_) | Task::Receive(_) | Task::Bot => Needs::Device,
    }
}

fn state(driver: &Driver) -> AccountState {
    driver
        .account()
        .map_or(AccountState::None, |account| account.state)
}

fn has_account(driver: &Driver) -> Result<()> {
    match state(driver) {
        AccountState::None => Err(Failure::refused(RefusalCode::NoAccount).into()),
        _ => Ok(()),
    }
}

/// Whether a connection can be had at all, without the person.
fn may_speak(driver: &Driver) -> Result<()> {
    let code = match state(driver) {
        AccountState::Ready | AccountState::SigningUp => return Ok(()),
        AccountState::StaleCopy => return Err(Failure::StaleCopy.into()),
        AccountState::None => RefusalCode::NoAccount,
        AccountState::SignedOut => RefusalCode::PasswordNeeded,
        AccountState::Removed => RefusalCode::DeviceNotLinked,
    };
    Err(Failure::refused(code).into())
}

/// The disk has no room, and what arrives could not be kept.
fn is_full(driver: &Driver) -> bool {
    matches!(driver.query(Query::Storage), View::Storage(storage) if storage.read_only)
}

fn is_online(driver: &Driver) -> bool {
    let connection = driver.account().map(|account| account.connection);
    connection == Some(Connection::Online)
}
