//! One person with one device: an engine over a file, a clock that may be wrong, and what they mean to say.

use crate::dice::Dice;
use anyhow::{Context, Result};
use securechat_engine::api::{
    AccountState, AccountView, ChatFilter, ChatItem, Command, ContactItem, Query, Reply, View,
};
use securechat_engine::shell::{CommandResult, Input, Output};
use securechat_engine::{Engine, Store};
use securechat_proto::{ContentId, ConversationId, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every text of the simulation contains; found at the relay, it is a leak.
pub const CANARY: &str = "kanarienvogel";

/// A message somebody wrote and the engine took.
#[derive(Clone, Debug)]
pub struct Written {
    pub id: ContentId,
    pub conversation_id: ConversationId,
    pub text: String,
    /// Every text it ever had.
    pub versions: Vec<String>,
    pub deleted: bool,
    /// Changes whose answer was lost in a crash: they may have been made.
    pub perhaps_texts: Vec<String>,
    pub perhaps_deleted: bool,
    /// Its place among what this person wrote; a message tried again stands behind what was written since. None: it
    /// was tried again in a process that died, so nobody knows.
    pub turn: Option<u64>,
    /// It was tried again.
    pub moved: bool,
}

/// What somebody began to write.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub text: String,
    /// Others it may have become in a process that died.
    pub perhaps: Vec<String>,
}

/// A command under way, and what to remember when it is answered.
pub enum Asked {
    SignUp,
    Send {
        conversation_id: ConversationId,
        text: String,
    },
    Edit {
        id: ContentId,
        text: String,
    },
    Delete {
        id: ContentId,
    },
    Retry {
        id: ContentId,
    },
    Draft {
        conversation_id: ConversationId,
        text: String,
    },
    Link,
    Other,
}

pub struct Person {
    pub name: String,
    folder: PathBuf,
    /// Counts identities: after 0 everything was lost and begun anew.
    pub identity: u32,
    /// None while crashed.
    pub engine: Option<Engine>,
    /// Counts restarts: answers to an earlier life are dropped.
    pub life: u32,
    /// Does not come back by itself.
    pub is_away: bool,
    /// Runs over an old copy of the store.
    pub is_copy: bool,
    /// The socket the engine uses, if one is open or opening.
    pub socket: Option<u64>,
    pub skew_ms: i64,
    /// The access token last put on a request.
    pub bearer: Option<String>,
    /// The invite link last made.
    pub link: Option<String>,
    pub written: Vec<Written>,
    pub drafts: BTreeMap<ConversationId, Draft>,
    asked: BTreeMap<u32, Asked>,
    next_command: u32,
    next_turn: u64,
    dice: Dice,
}

impl Person {
    pub fn new(name: String, folder: &Path, skew_ms: i64, dice: Dice) -> Self {
        Self {
            name,
            folder: folder.to_owned(),
            identity: 0,
            engine: None,
            life: 0,
            is_away: false,
            is_copy: false,
            socket: None,
            skew_ms,
            bearer: None,
            link: None,
            written: Vec::new(),
            drafts: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_command: 1,
            next_turn: 0,
            dice,
        }
    }

    /// The file of the store.
    pub fn store(&self) -> PathBuf {
        self.folder
            .join(format!("{}.{}.db", self.name, self.identity))
    }

    /// Account, device and the names of the one-time prekeys it can still use, from the store of an engine that has ended.
    pub fn one_time_prekeys(&self) -> Result<(Vec<u8>, Vec<u8>, Vec<Vec<u8>>)> {
        let store = rusqlite::Connection::open(self.store())?;
        let sql = "SELECT account_id, device_id FROM account_self";
        let (account, device) = store.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut alive =
            store.prepare("SELECT public_hash FROM prekeys_secrets WHERE kind = 'one_time'")?;
        let alive = alive.query_map([], |row| row.get(0))?;
        Ok((account, device, alive.collect::<Result<_, _>>()?))
    }

    /// This device's clock.
    pub fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.skew_ms))
    }

    /// Opens the store again, as after a crash.
    pub fn start(&mut self, now: Timestamp) -> Result<()> {
        let store = Store::File {
            path: self.store().to_string_lossy().into_owned(),
            key: None,
        };
        let at = self.clock(now);
        let engine = Engine::open(store, self.dice.bytes(), at)
            .with_context(|| format!("store of {}", self.name))?;
        self.engine = Some(engine);
        Ok(())
    }

    /// The process dies: nothing that was not on disk survives.
    pub fn crash(&mut self) {
        self.engine = None;
        self.life += 1;
        self.socket = None;
        // Their answers were lost with the process; what was committed shows in the tables.
        for asked in std::mem::take(&mut self.asked).into_values() {
            match asked {
                Asked::Edit { id, text } => {
                    if let Some(written) = self.of(&id) {
                        written.versions.push(text.clone());
                        written.perhaps_texts.push(text);
                    }
                }
                Asked::Delete { id } => {
                    if let Some(written) = self.of(&id) {
                        written.perhaps_deleted = true;
                    }
                }
                Asked::Retry { id } => {
                    if let Some(written) = self.of(&id) {
                        written.turn = None;
                    }
                }
                Asked::Draft {
                    conversation_id,
                    text,
                } => self.draft(conversation_id).perhaps.push(text),
                // What is sent is no draft any more.
                Asked::Send {
                    conversation_id, ..
                } => self.draft(conversation_id).perhaps.push(String::new()),
                Asked::SignUp | Asked::Link | Asked::Other => {}
            }
        }
    }

    /// Everything is lost: the next start makes a new store, and nothing is remembered.
    pub fn lose_everything(&mut self) {
        self.crash();
        self.identity += 1;
        self.written.clear();
        self.drafts.clear();
        self.bearer = None;
        self.link = None;
    }

    /// Feeds one input; the outputs are to be carried out by the world.
    pub fn feed(&mut self, input: Input, now: Timestamp) -> Result<Vec<Output>> {
        let at = self.clock(now);
        let Some(engine) = &mut self.engine else {
            return Ok(Vec::new());
        };
        let outputs = engine
            .handle(input, at)
            .with_context(|| format!("engine of {}", self.name))?;
        Ok(outputs.into_iter().collect())
    }

    /// Wraps a command; its answer comes back to [`Person::answered`].
    pub fn ask(&mut self, command: Command, asked: Asked) -> Input {
        let command_id = self.next_command;
        self.next_command += 1;
        self.asked.insert(command_id, asked);
        Input::Command {
            command_id,
            command,
        }
    }

    /// Remembers what the engine took. False: a sign-up was refused.
    pub fn answered(&mut self, command_id: u32, result: CommandResult) -> bool {
        let Some(asked) = self.asked.remove(&command_id) else {
            return true;
        };
        let CommandResult::Ok { reply } = result else {
            return !matches!(asked, Asked::SignUp);
        };
        match (asked, reply) {
            (
                Asked::Send {
                    conversation_id,
                    text,
                },
                Reply::Message { message_id },
            ) => {
                self.drafts.remove(&conversation_id);
                let turn = self.turn();
                self.written.push(Written {
                    id: message_id,
                    conversation_id,
                    versions: vec![text.clone()],
                    text,
                    deleted: false,
                    perhaps_texts: Vec::new(),
                    perhaps_deleted: false,
                    turn: Some(turn),
                    moved: false,
                });
            }
            (Asked::Edit { id, text }, _) => {
                if let Some(written) = self.of(&id) {
                    written.versions.push(text.clone());
                    written.text = text;
                    written.perhaps_texts.clear();
                }
            }
            (Asked::Delete { id }, _) => {
                if let Some(written) = self.of(&id) {
                    written.deleted = true;
                }
            }
            (Asked::Retry { id }, _) => {
                let turn = self.turn();
                if let Some(written) = self.of(&id) {
                    written.turn = Some(turn);
                    written.moved = true;
                }
            }
            (
                Asked::Draft {
                    conversation_id,
                    text,
                },
                _,
            ) => {
                let draft = self.draft(conversation_id);
                draft.text = text;
                draft.perhaps.clear();
            }
            (Asked::Link, Reply::InviteLink { link }) => self.link = Some(link.payload),
            _ => {}
        }
        true
    }

    fn turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn
    }

    fn draft(&mut self, conversation_id: ConversationId) -> &mut Draft {
        self.drafts.entry(conversation_id).or_default()
    }

    fn of(&mut self, id: &ContentId) -> Option<&mut Written> {
        self.written.iter_mut().find(|written| written.id == *id)
    }

    pub fn chats(&self, filter: ChatFilter) -> Vec<ChatItem> {
        match self
            .engine
            .as_ref()
            .map(|engine| engine.query(Query::Chats { filter }))
        {
            Some(View::Chats(view)) => view.items,
            _ => Vec::new(),
        }
    }

    pub fn blocked(&self) -> Vec<ContactItem> {
        match self
            .engine
            .as_ref()
            .map(|engine| engine.query(Query::Blocked))
        {
            Some(View::Blocked(view)) => view.contacts,
            _ => Vec::new(),
        }
    }

    pub fn account(&self) -> Option<AccountView> {
        match self.engine.as_ref()?.query(Query::Account) {
            View::Account(view) => Some(view),
            _ => None,
        }
    }

    pub fn state(&self) -> Option<AccountState> {
        self.account().map(|account| account.state)
    }

    pub fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let local = self.engine.as_ref()?.next_deadline()?;
        let world = Timestamp(local.0.saturating_add_signed(-self.skew_ms));
        Some(world.max(now))
    }
}
