//! One person with one device: an engine over a file, a clock that may be wrong, and what they mean to say.

use crate::dice::Dice;
use anyhow::{Context, Result};
use securechat_engine::api::{ChatFilter, ChatItem, Command, Query, View};
use securechat_engine::shell::{CommandResult, Input, Output};
use securechat_engine::{Engine, Store};
use securechat_proto::{ContentId, ConversationId, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What every text of the simulation contains; found at the relay, it is a leak.
pub const CANARY: &str = "kanarienvogel";

/// A message somebody wrote and the engine took.
#[derive(Clone, Debug)]
pub struct Written {
    pub id: ContentId,
    pub conversation_id: ConversationId,
    pub text: String,
    pub deleted: bool,
    /// Changes whose answer was lost in a crash: they may have been made.
    pub perhaps_texts: Vec<String>,
    pub perhaps_deleted: bool,
}

/// A command under way, and what to remember when it is answered.
pub enum Asked {
    SignUp,
    AddContact,
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
    Other,
}

pub struct Person {
    pub name: String,
    path: PathBuf,
    /// None while crashed.
    pub engine: Option<Engine>,
    /// Counts restarts: answers to an earlier life are dropped.
    pub life: u32,
    /// The socket the engine uses, if one is open or opening.
    pub socket: Option<u64>,
    pub skew_ms: i64,
    pub signed_up: bool,
    pub written: Vec<Written>,
    asked: BTreeMap<u32, Asked>,
    next_command: u32,
    dice: Dice,
}

impl Person {
    pub fn new(name: String, path: PathBuf, skew_ms: i64, dice: Dice) -> Self {
        Self {
            name,
            path,
            engine: None,
            life: 0,
            socket: None,
            skew_ms,
            signed_up: false,
            written: Vec::new(),
            asked: BTreeMap::new(),
            next_command: 1,
            dice,
        }
    }

    /// This device's clock.
    pub fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.skew_ms))
    }

    /// Opens the store again, as after a crash.
    pub fn start(&mut self, now: Timestamp) -> Result<()> {
        let store = Store::File {
            path: self.path.to_string_lossy().into_owned(),
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
                        written.perhaps_texts.push(text);
                    }
                }
                Asked::Delete { id } => {
                    if let Some(written) = self.of(&id) {
                        written.perhaps_deleted = true;
                    }
                }
                _ => {}
            }
        }
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

    /// Remembers what the engine took.
    pub fn answered(&mut self, command_id: u32, result: CommandResult) {
        use securechat_engine::api::Reply;
        let (Some(asked), CommandResult::Ok { reply }) = (self.asked.remove(&command_id), result)
        else {
            return;
        };
        match (asked, reply) {
            (Asked::SignUp, _) => self.signed_up = true,
            (
                Asked::Send {
                    conversation_id,
                    text,
                },
                Reply::Message { message_id },
            ) => {
                self.written.push(Written {
                    id: message_id,
                    conversation_id,
                    text,
                    deleted: false,
                    perhaps_texts: Vec::new(),
                    perhaps_deleted: false,
                });
            }
            (Asked::Edit { id, text }, _) => {
                if let Some(written) = self.of(&id) {
                    written.text = text;
                    written.perhaps_texts.clear();
                }
            }
            (Asked::Delete { id }, _) => {
                if let Some(written) = self.of(&id) {
                    written.deleted = true;
                }
            }
            _ => {}
        }
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

    pub fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let local = self.engine.as_ref()?.next_deadline()?;
        let world = Timestamp(local.0.saturating_add_signed(-self.skew_ms));
        Some(world.max(now))
    }
}
