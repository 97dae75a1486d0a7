//! One device under measurement: the engine in this process, or the shipped module in a browser.

use anyhow::{Context, Result};
use securechat_engine::api::{ChatFilter, Query, View};
use securechat_engine::shell::{Input, Output};
use securechat_engine::{Engine, Key, Store};
use securechat_proto::Timestamp;
use std::path::PathBuf;
use std::time::Instant;

/// The key of every store of the benchmarks: what is measured does not depend on it.
pub const KEY: [u8; 32] = [9; 32];
/// Messages of a page.
pub const PAGE: u32 = 50;

/// One input, carried out and committed.
pub struct Step {
    /// What the caller of `handle` waited. In the browser this holds the JSON of both directions.
    pub ms: f64,
    pub outputs: Vec<Output>,
}

/// From a closed store to the newest page of the newest conversation.
pub struct FirstPage {
    /// Everything; in the browser from `new Worker` on.
    pub total_ms: f64,
    /// The store alone: opening it, chat list, page.
    pub store_ms: f64,
    pub items: usize,
}

pub trait Device {
    fn open(&mut self, now: Timestamp) -> Result<f64>;
    /// Everything that is not in the store is gone.
    fn close(&mut self) -> Result<()>;
    fn first_page(&mut self, now: Timestamp) -> Result<FirstPage>;
    /// Carries out every input in turn.
    fn run(&mut self, inputs: Vec<Input>, now: Timestamp) -> Result<Vec<Step>>;
    fn query(&mut self, query: &Query) -> Result<(f64, View)>;
    fn deadline(&self) -> Option<Timestamp>;
    /// A page of 4 KiB written and flushed, `rounds` times: what no commit can undercut.
    fn flush(&mut self, rounds: usize) -> Result<Vec<f64>>;
    /// Ends for good, with everything on disk.
    fn end(self: Box<Self>) -> Result<()>;
}

/// The engine in this process, on an encrypted file, on a plain one, or in memory.
pub struct Native {
    path: Option<PathBuf>,
    key: Option<[u8; 32]>,
    engine: Option<Engine>,
    /// Two runs of one store must not draw the same ids.
    opened: u8,
}

impl Native {
    pub fn encrypted(path: PathBuf) -> Self {
        Self::at(Some(path), Some(KEY))
    }

    pub fn plain(path: PathBuf) -> Self {
        Self::at(Some(path), None)
    }

    pub fn in_memory() -> Self {
        Self::at(None, None)
    }

    fn at(path: Option<PathBuf>, key: Option<[u8; 32]>) -> Self {
        Self {
            path,
            key,
            engine: None,
            opened: 0,
        }
    }

    fn engine(&mut self) -> Result<&mut Engine> {
        self.engine.as_mut().context("the store is closed")
    }
}

impl Device for Native {
    fn open(&mut self, now: Timestamp) -> Result<f64> {
        self.opened += 1;
        let mut seed = [self.opened; 32];
        getrandom::fill(&mut seed).ok();
        let start = Instant::now();
        let store = match &self.path {
            Some(path) => Store::File {
                path: path.to_string_lossy().into_owned(),
                key: self.key.map(Key::new),
            },
            None => Store::Memory,
        };
        self.engine = Some(Engine::open(store, seed, now)?);
        Ok(ms(start))
    }

    fn close(&mut self) -> Result<()> {
        self.engine = None;
        Ok(())
    }

    fn first_page(&mut self, now: Timestamp) -> Result<FirstPage> {
        let start = Instant::now();
        self.open(now)?;
        let engine = self.engine()?;
        let View::Chats(chats) = engine.query(Query::Chats {
            filter: ChatFilter::All,
        }) else {
            anyhow::bail!("no chat list");
        };
        let chat = chats.items.first().context("no conversation")?;
        let View::Timeline(page) = engine.query(Query::Timeline {
            conversation_id: chat.conversation_id,
            before: None,
            after: None,
            around: None,
            limit: PAGE,
        }) else {
            anyhow::bail!("no page");
        };
        let total_ms = ms(start);
        Ok(FirstPage {
            total_ms,
            store_ms: total_ms,
            items: page.items.len(),
        })
    }

    fn run(&mut self, inputs: Vec<Input>, now: Timestamp) -> Result<Vec<Step>> {
        let engine = self.engine()?;
        inputs
            .into_iter()
            .map(|input| {
                let start = Instant::now();
                let outputs = engine.handle(input, now)?;
                Ok(Step {
                    ms: ms(start),
                    outputs: outputs.0,
                })
            })
            .collect()
    }

    fn query(&mut self, query: &Query) -> Result<(f64, View)> {
        let engine = self.engine()?;
        let query = query.clone();
        let start = Instant::now();
        let view = engine.query(query);
        Ok((ms(start), view))
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.engine.as_ref()?.next_deadline()
    }

    fn flush(&mut self, rounds: usize) -> Result<Vec<f64>> {
        use std::os::unix::fs::FileExt;
        let path = self.path.as_ref().context("a store in memory")?;
        let file = std::fs::File::create(path.with_extension("floor"))?;
        (0..rounds)
            .map(|round| {
                let start = Instant::now();
                file.write_all_at(&[1; 4096], 4096 * round as u64)?;
                file.sync_data()?;
                Ok(ms(start))
            })
            .collect()
    }

    fn end(mut self: Box<Self>) -> Result<()> {
        self.close()
    }
}

pub fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}
