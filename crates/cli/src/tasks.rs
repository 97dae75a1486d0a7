//! One function a task: commands and queries to the engine, lines to the terminal.

use crate::arguments::{Contact, Receive, Send, SignUp, Task, Verify};
use crate::driver::{Driver, Failure};
use crate::people;
use crate::print::Printer;
use anyhow::{Result, bail};
use securechat_engine::api::{
    ChatFilter, ChatItem, Command, Connection, ContactAddress, ContactItem, ConversationView,
    ItemBody, Query, Refusal, RefusalCode, Reply, RequestState, SendState, TimelineItem, View,
};
use securechat_proto::{ContentId, ConversationId};
use std::io::{BufRead, IsTerminal};
use std::time::Duration;

/// Nothing arrived for this long: what waited is here.
const QUIET: Duration = Duration::from_millis(250);

/// How many rows a terminal page holds.
const PAGE: u32 = 200;

/// A driver with the terminal's habits.
pub struct Session {
    pub driver: Driver,
    pub server: String,
    pub printer: Printer,
    pub patience: Duration,
}

impl Session {
    /// Carries out one task.
    pub async fn run(&mut self, task: Task) -> Result<()> {
        match task {
            Task::Signup(arguments) => self.sign_up(arguments).await,
            Task::Login { handle } => {
                let password = read_password()?;
                self.command(Command::LogIn { handle, password }).await?;
                self.status()
            }
            Task::Logout { erase } => {
                self.command(Command::LogOut { erase }).await?;
                // The session's end leaves as one request, which nobody repeats.
                self.driver.until_quiet(QUIET, self.patience).await?;
                self.printer.done();
                Ok(())
            }
            Task::Status => {
                let reached = self.connect().await;
                self.status()?;
                reached
            }
            Task::Contact(task) => self.contact(task).await,
            Task::Send(arguments) => self.send(arguments).await,
            Task::Receive(arguments) => self.receive(arguments).await,
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
        let password = read_password()?;
        let display_name = arguments.name.unwrap_or_else(|| arguments.handle.clone());
        self.command(Command::SignUp {
            handle: arguments.handle,
            password,
            display_name,
            device_name: Some(format!("Terminal on {}", std::env::consts::OS)),
        })
        .await?;
        self.connect().await?;
        self.status()
    }

    fn status(&self) -> Result<()> {
        if let View::Account(account) = self.driver.query(Query::Account) {
            self.printer.account(&account);
        }
        Ok(())
    }

    /// Until everything that waited has arrived.
    async fn connect(&mut self) -> Result<()> {
        self.driver.start()?;
        let reached = self.driver.until(self.patience, is_online).await?;
        if !reached {
            return Err(Failure::TimedOut.into());
        }
        // A message of somebody new opens only when their account log has come, which is one more request.
        self.driver.until_quiet(QUIET, self.patience).await
    }

    async fn contact(&mut self, task: Contact) -> Result<()> {
        match task {
            Contact::Add { handle, link } => {
                let by = match (handle, link) {
                    (_, Some(payload)) => ContactAddress::Link {
                        payload: after_fragment(&payload),
                    },
                    (Some(handle), None) => ContactAddress::Handle { handle },
                    (None, None) => bail!("give a handle or --link"),
                };
                if let Reply::Conversation { contact_id, .. } =
                    self.command(Command::AddContact { by }).await?
                    && let View::Contact(view) = self.driver.query(Query::Contact { contact_id })
                {
                    self.printer.contact(&view.item);
                }
                self.flush().await
            }
            Contact::List => self.list_contacts(),
            Contact::Requests => {
                self.connect().await?;
                for (chat, contact) in people::requests(&self.driver) {
                    self.printer.request(&chat, &contact.item.handle);
                }
                Ok(())
            }
            Contact::Accept { who } => {
                self.connect().await?;
                let conversation_id = self.request(&who)?;
                self.command(Command::AcceptRequest { conversation_id })
                    .await?;
                self.finish().await
            }
            Contact::Decline { who } => {
                self.connect().await?;
                let conversation_id = self.request(&who)?;
                self.command(Command::DeclineRequest { conversation_id })
                    .await?;
                self.finish().await
            }
            Contact::Block { who } => {
                let contact_id = people::find(&self.driver, &who)?.contact_id;
                self.command(Command::Block { contact_id }).await?;
                self.finish().await
            }
            Contact::Unblock { who } => {
                let contact_id = people::find(&self.driver, &who)?.contact_id;
                self.command(Command::Unblock { contact_id }).await?;
                self.finish().await
            }
            Contact::Link => {
                if let Reply::InviteLink { link } = self.command(Command::CreateInviteLink).await? {
                    // It works once the server knows it.
                    self.flush().await?;
                    self.printer.link(&link, &self.server);
                }
                Ok(())
            }
        }
    }

    /// The conversation of an open request.
    fn request(&self, who: &str) -> Result<ConversationId> {
        people::find_request(&self.driver, who)?
            .conversation_id
            .ok_or_else(not_found)
    }

    async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        self.printer.done();
        Ok(())
    }

    fn list_contacts(&self) -> Result<()> {
        if let View::Contacts(view) = self.driver.query(Query::Contacts {
            text: String::new(),
        }) {
            for contact in view.contacts {
                self.printer.contact(&contact);
            }
        }
        Ok(())
    }

    async fn send(&mut self, arguments: Send) -> Result<()> {
        let conversation_id = match people::find(&self.driver, &arguments.who) {
            Ok(ContactItem {
                conversation_id: Some(id),
                ..
            }) => id,
            Err(error) if matches!(error.downcast_ref(), Some(Failure::Ambiguous)) => {
                return Err(error);
            }
            _ => {
                let by = ContactAddress::Handle {
                    handle: arguments.who,
                };
                match self.command(Command::AddContact { by }).await? {
                    Reply::Conversation {
                        conversation_id, ..
                    } => conversation_id,
                    _ => return Err(not_found()),
                }
            }
        };
        self.driver.start()?;
        let send = Command::SendText {
            conversation_id,
            text: arguments.text,
            reply_to: None,
        };
        let Reply::Message { message_id } = self.command(send).await? else {
            bail!("unexpected answer")
        };
        let wanted = |driver: &Driver| {
            let state = state_of(driver, message_id);
            match state {
                Some(SendState::Sent | SendState::Waiting) => !arguments.delivered,
                Some(SendState::Queued) | None => false,
                Some(_) => true,
            }
        };
        let reached = self.driver.until(self.patience, wanted).await?;
        let state = state_of(&self.driver, message_id);
        self.printer.sent(message_id, state.as_ref());
        match state {
            Some(SendState::Failed { code }) => Err(Failure::Refused(Refusal {
                code,
                retry_after_s: None,
            })
            .into()),
            _ if reached => Ok(()),
            _ => Err(Failure::TimedOut.into()),
        }
    }

    async fn receive(&mut self, arguments: Receive) -> Result<()> {
        self.connect().await?;
        let mut left = arguments.count.unwrap_or(usize::MAX);
        left -= self.print_unread(left).await?;
        while arguments.follow && left > 0 {
            self.driver
                .until(Duration::from_secs(3600), |driver| {
                    !unread(driver).is_empty()
                })
                .await?;
            left -= self.print_unread(left).await?;
        }
        self.flush().await
    }

    /// Prints at most `most` unread messages of accepted conversations, oldest first, and marks them read.
    async fn print_unread(&mut self, most: usize) -> Result<usize> {
        let mut printed = 0;
        for chat in unread(&self.driver) {
            let conversation = self.conversation(chat.conversation_id)?;
            while printed < most
                && let Some(mut items) = self.next_unread(chat.conversation_id)
            {
                items.truncate(most - printed);
                for item in &items {
                    self.printer.message(&chat.title, &conversation, item);
                }
                let Some(last) = items.last() else { break };
                let (conversation_id, up_to) = (chat.conversation_id, last.message_id);
                self.command(Command::MarkRead {
                    conversation_id,
                    up_to,
                })
                .await?;
                printed += items.len();
            }
        }
        Ok(printed)
    }

    /// The next unread messages: all of them where they stand together. What came late stands among messages that were
    /// printed before; then it is one message at a time.
    fn next_unread(&self, conversation_id: ConversationId) -> Option<Vec<TimelineItem>> {
        let window = |around, after, limit| match self.driver.query(Query::Timeline {
            conversation_id,
            before: None,
            after,
            around,
            limit,
        }) {
            View::Timeline(view) => Some(view),
            _ => None,
        };
        let newest = window(None, None, 1)?;
        let first = newest.first_unread?;
        let mut items = window(Some(first), None, 1)?.items;
        while let Some(last) = items.last().map(|item| item.message_id) {
            let mut page = window(None, Some(last), PAGE)?;
            items.append(&mut page.items);
            if !page.has_newer {
                break;
            }
        }
        items.retain(is_words);
        if items.len() != newest.unread as usize {
            items.truncate(1);
        }
        (!items.is_empty()).then_some(items)
    }

    /// Gives receipts and acknowledgements of what was just done a moment to leave.
    async fn flush(&mut self) -> Result<()> {
        self.driver.start()?;
        self.driver
            .until(Duration::from_millis(4000), |driver| driver.idle())
            .await
            .map(drop)
    }

    fn history(&self, who: &str, limit: u32) -> Result<()> {
        let conversation_id = people::find(&self.driver, who)?
            .conversation_id
            .ok_or_else(not_found)?;
        let conversation = self.conversation(conversation_id)?;
        for item in self.timeline(conversation_id, limit) {
            self.printer.message(who, &conversation, &item);
        }
        Ok(())
    }

    fn conversation(&self, conversation_id: ConversationId) -> Result<ConversationView> {
        match self.driver.query(Query::Conversation { conversation_id }) {
            View::Conversation(view) => Ok(view),
            _ => Err(not_found()),
        }
    }

    fn search(&self, text: String) -> Result<()> {
        let query = Query::Search {
            text,
            conversation_id: None,
            limit: 50,
        };
        if let View::Search(view) = self.driver.query(query) {
            for hit in view.hits {
                self.printer.hit(&hit);
            }
            for contact in view.contacts {
                self.printer.contact(&contact);
            }
        }
        Ok(())
    }

    async fn verify(&mut self, arguments: Verify) -> Result<()> {
        let contact_id = people::find(&self.driver, &arguments.who)?.contact_id;
        if let Some(payload) = arguments.qr {
            match self
                .command(Command::CheckSafetyQr {
                    contact_id,
                    payload,
                })
                .await?
            {
                Reply::QrChecked { matches: true } => {}
                _ => {
                    let refusal = Refusal {
                        code: RefusalCode::NewIdentity,
                        retry_after_s: None,
                    };
                    return Err(Failure::Refused(refusal).into());
                }
            }
        } else if arguments.same || arguments.differs {
            self.command(Command::SetVerified {
                contact_id,
                verified: arguments.same,
            })
            .await?;
        }
        if let View::SafetyNumber(view) = self.driver.query(Query::SafetyNumber { contact_id }) {
            self.printer.safety_number(&view);
        }
        Ok(())
    }

    async fn kit(&mut self, check: Option<String>) -> Result<()> {
        if let Some(characters) = check {
            self.command(Command::ConfirmRecoveryKit { characters })
                .await?;
        }
        if let View::RecoveryKit(kit) = self.driver.query(Query::RecoveryKit) {
            self.printer.kit(&kit);
        }
        Ok(())
    }

    /// The newest `limit` rows, oldest first, page by page.
    fn timeline(&self, conversation_id: ConversationId, limit: u32) -> Vec<TimelineItem> {
        let mut items: Vec<TimelineItem> = Vec::new();
        while (items.len() as u64) < u64::from(limit) {
            let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(limit));
            let query = Query::Timeline {
                conversation_id,
                before: items.first().map(|item| item.message_id),
                after: None,
                around: None,
                limit: left.min(PAGE),
            };
            let View::Timeline(mut view) = self.driver.query(query) else {
                break;
            };
            let has_older = view.has_older;
            view.items.append(&mut items);
            items = view.items;
            if !has_older {
                break;
            }
        }
        items
    }
}

/// What the other side said; lines of the app itself are no messages.
fn is_words(item: &TimelineItem) -> bool {
    !item.from_me && !matches!(item.body, ItemBody::System { .. })
}

fn is_online(driver: &Driver) -> bool {
    matches!(driver.query(Query::Account), View::Account(account) if account.connection == Connection::Online)
}

/// Accepted conversations with something unread.
fn unread(driver: &Driver) -> Vec<ChatItem> {
    match driver.query(Query::Chats {
        filter: ChatFilter::Unread,
    }) {
        View::Chats(view) => view
            .items
            .into_iter()
            .filter(|chat| chat.request != RequestState::Incoming && !chat.blocked)
            .collect(),
        _ => Vec::new(),
    }
}

fn state_of(driver: &Driver, message_id: ContentId) -> Option<SendState> {
    match driver.query(Query::MessageDetails { message_id }) {
        View::MessageDetails(details) => details.item.state,
        _ => None,
    }
}

fn not_found() -> anyhow::Error {
    Failure::Refused(Refusal {
        code: RefusalCode::NotFound,
        retry_after_s: None,
    })
    .into()
}

/// The payload of an invite link, whether the whole link or only its fragment was given.
fn after_fragment(link: &str) -> String {
    link.split_once('#')
        .map_or(link, |(_, payload)| payload)
        .to_owned()
}

/// From SECURECHAT_PASSWORD, else one line of standard input: never from the command line, which others can read. A
/// terminal does not show it.
fn read_password() -> Result<String> {
    if let Ok(password) = std::env::var("SECURECHAT_PASSWORD") {
        return Ok(password);
    }
    eprint!("password: ");
    let is_hidden = std::io::stdin().is_terminal() && echo("-echo");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if is_hidden {
        echo("echo");
    }
    eprintln!();
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Switches the terminal's echo; false where there is no `stty`.
fn echo(setting: &str) -> bool {
    let status = std::process::Command::new("stty").arg(setting).status();
    status.is_ok_and(|status| status.success())
}
