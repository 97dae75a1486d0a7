//! One function a task: commands and queries to the engine, lines to the terminal.

use crate::arguments::{Contact, Receive, Send, SignUp, Task, Verify};
use crate::driver::{Driver, Failure};
use crate::print::Printer;
use anyhow::{Result, bail};
use securechat_engine::api::{
    ChatFilter, ChatItem, Command, Connection, ContactAddress, ContactItem, ItemBody, Query,
    Refusal, RefusalCode, Reply, RequestState, SendState, TimelineItem, View,
};
use securechat_proto::{ContentId, ConversationId};
use std::io::BufRead;
use std::time::Duration;

/// Nothing arrived for this long: what waited is here.
const QUIET: Duration = Duration::from_millis(250);

/// How many rows a terminal page holds.
const PAGE: u32 = 200;

/// A driver with the terminal's habits.
pub struct Session {
    pub driver: Driver,
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
            Task::Logout { erase } => self.command(Command::LogOut { erase }).await.map(drop),
            Task::Status => {
                self.connect().await?;
                self.status()
            }
            Task::Contact(task) => self.contact(task).await,
            Task::Send(arguments) => self.send(arguments).await,
            Task::Receive(arguments) => self.receive(arguments).await,
            Task::History { who, limit } => self.history(&who, limit),
            Task::Search { text } => self.search(text),
            Task::Verify(arguments) => self.verify(arguments).await,
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
                self.command(Command::AddContact { by }).await?;
                self.list_contacts()
            }
            Contact::List => self.list_contacts(),
            Contact::Requests => {
                self.connect().await?;
                for chat in self.chats(ChatFilter::Requests) {
                    self.printer.request(&chat);
                }
                Ok(())
            }
            Contact::Accept { who } => {
                self.connect().await?;
                let conversation_id = self.conversation(&who, ChatFilter::Requests)?;
                self.command(Command::AcceptRequest { conversation_id })
                    .await?;
                self.flush().await
            }
            Contact::Decline { who } => {
                let conversation_id = self.conversation(&who, ChatFilter::Requests)?;
                self.command(Command::DeclineRequest { conversation_id })
                    .await
                    .map(drop)
            }
            Contact::Block { who } => {
                let contact_id = self.find(&who)?.contact_id;
                self.command(Command::Block { contact_id }).await?;
                self.flush().await
            }
            Contact::Unblock { who } => {
                let contact_id = self.find(&who)?.contact_id;
                self.command(Command::Unblock { contact_id }).await?;
                self.flush().await
            }
            Contact::Link => {
                if let Reply::InviteLink { link } = self.command(Command::CreateInviteLink).await? {
                    self.printer.link(&link);
                }
                Ok(())
            }
        }
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
        let conversation_id = match self.find(&arguments.who) {
            Ok(ContactItem {
                conversation_id: Some(id),
                ..
            }) => id,
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
        let mut printed = self.print_unread().await?;
        while arguments.follow && arguments.count.is_none_or(|count| printed < count) {
            self.driver
                .until(Duration::from_secs(3600), |driver| {
                    !unread(driver).is_empty()
                })
                .await?;
            printed += self.print_unread().await?;
        }
        self.flush().await
    }

    /// Prints unread messages of accepted conversations, oldest first, and marks them read.
    async fn print_unread(&mut self) -> Result<usize> {
        let mut printed = 0;
        for chat in unread(&self.driver) {
            let items = self.unread_items(chat.conversation_id);
            let written = |item: &&TimelineItem| {
                !item.from_me && !matches!(item.body, ItemBody::System { .. })
            };
            for item in items.iter().filter(written) {
                self.printer.message(&chat.title, item);
                printed += 1;
            }
            if let Some(last) = items.last() {
                let up_to = last.message_id;
                self.command(Command::MarkRead {
                    conversation_id: chat.conversation_id,
                    up_to,
                })
                .await?;
            }
        }
        Ok(printed)
    }

    /// From the first unread message on, at most a page: a line of the conversation itself may stand behind it.
    fn unread_items(&self, conversation_id: ConversationId) -> Vec<TimelineItem> {
        let page = |around| {
            let query = Query::Timeline {
                conversation_id,
                before: None,
                after: None,
                around,
                limit: PAGE,
            };
            match self.driver.query(query) {
                View::Timeline(view) => Some(view),
                _ => None,
            }
        };
        let Some(newest) = page(None) else {
            return Vec::new();
        };
        let Some(first) = newest.first_unread else {
            return Vec::new();
        };
        let from = |items: Vec<TimelineItem>| {
            let at = items.iter().position(|item| item.message_id == first);
            at.map(|at| items[at..].to_vec())
        };
        from(newest.items)
            .or_else(|| from(page(Some(first))?.items))
            .unwrap_or_default()
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
        let conversation_id = self.conversation(who, ChatFilter::All)?;
        for item in self.timeline(conversation_id, limit) {
            self.printer.message(who, &item);
        }
        Ok(())
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
        let contact_id = self.find(&arguments.who)?.contact_id;
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

    fn chats(&self, filter: ChatFilter) -> Vec<ChatItem> {
        match self.driver.query(Query::Chats { filter }) {
            View::Chats(view) => view.items,
            _ => Vec::new(),
        }
    }

    fn timeline(&self, conversation_id: ConversationId, limit: u32) -> Vec<TimelineItem> {
        let query = Query::Timeline {
            conversation_id,
            before: None,
            after: None,
            around: None,
            limit,
        };
        match self.driver.query(query) {
            View::Timeline(view) => view.items,
            _ => Vec::new(),
        }
    }

    /// A contact by handle or shown name.
    fn find(&self, who: &str) -> Result<ContactItem> {
        let View::Contacts(view) = self.driver.query(Query::Contacts {
            text: String::new(),
        }) else {
            return Err(not_found());
        };
        view.contacts
            .into_iter()
            .find(|contact| contact.handle == who || contact.name == who)
            .ok_or_else(not_found)
    }

    fn conversation(&self, who: &str, filter: ChatFilter) -> Result<ConversationId> {
        let contact = self
            .find(who)
            .ok()
            .and_then(|contact| contact.conversation_id);
        let chats = self.chats(filter);
        chats
            .iter()
            .map(|chat| chat.conversation_id)
            .find(|id| Some(*id) == contact)
            .or_else(|| {
                chats
                    .iter()
                    .find(|chat| chat.title == who)
                    .map(|chat| chat.conversation_id)
            })
            .ok_or_else(not_found)
    }
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

/// From SECURECHAT_PASSWORD, else one line of standard input: never from the command line, which others can read.
fn read_password() -> Result<String> {
    if let Ok(password) = std::env::var("SECURECHAT_PASSWORD") {
        return Ok(password);
    }
    eprintln!("password:");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
