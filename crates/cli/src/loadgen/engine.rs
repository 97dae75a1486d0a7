//! `engine`: what one device costs, natively: two real engines on encrypted files, over the real relay.
//!
//! The store of the fixture is built once by really sending its messages, and kept in its folder.

use super::Figures;
use super::chat::acquaint;
use crate::driver::Driver;
use crate::store;
use anyhow::{Context, Result, ensure};
use clap::Args;
use securechat_engine::api::{ChatFilter, ChatItem, Command, Query, TimelineView, View};
use securechat_proto::{ContentId, ConversationId, limits};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct Engine {
    /// Folder for the stores of this run, on the disk that is measured.
    #[arg(long)]
    folder: PathBuf,
    /// Folder of the large store; made when missing.
    #[arg(long)]
    fixture: PathBuf,
    /// Messages in the large store, thousands.
    #[arg(long, default_value_t = 100)]
    thousands: usize,
    /// Messages that wait for the device that comes back.
    #[arg(long, default_value_t = 1000)]
    backlog: usize,
}

const PATIENCE: Duration = Duration::from_secs(120);
/// Messages whose sending is timed.
const SENDS: usize = 200;
/// Messages on the way at once while the fixture is built.
const STEP: usize = 100;
const PAGE: u32 = 50;
/// A word in every thousandth message.
const RARE: &str = "nightjar";
const WORDS: [&str; 16] = [
    "harbour", "evening", "train", "coffee", "tomorrow", "garden", "ticket", "window", "river",
    "music", "letter", "market", "bridge", "winter", "lamp", "paper",
];

pub async fn run(options: &Engine, server: &str) -> Result<()> {
    let figures = Figures {
        bench: "engine",
        system: "native",
    };
    let mut pair = Pair::make(&options.folder, server).await?;
    figures.print("send_ms", pair.send().await?, "ms");
    let name = format!("backlog_{}_ms", options.backlog);
    let backlog = pair
        .backlog(options.backlog, &options.folder, server)
        .await?;
    figures.print(&name, backlog, "ms");
    drop(pair);

    let done = options.fixture.join("complete");
    if !done.exists() {
        let _ = std::fs::remove_dir_all(&options.fixture);
        let mut pair = Pair::make(&options.fixture, server).await?;
        pair.talk(options.thousands * 1000).await?;
        drop(pair);
        std::fs::write(done, "")?;
    }
    read(&options.fixture.join("b"), options.thousands, &figures)
}

/// Two people who know each other.
struct Pair {
    a: Driver,
    b: Driver,
    conversation_id: ConversationId,
    written: usize,
}

impl Pair {
    async fn make(folder: &Path, server: &str) -> Result<Self> {
        let mut a = Driver::new(store::open(&folder.join("a"))?, server)?;
        let mut b = Driver::new(store::open(&folder.join("b"))?, server)?;
        let run = crate::driver::now().0 % 1_000_000_000;
        let handles = [format!("bench{run}.a"), format!("bench{run}.b")];
        for (driver, handle) in [(&mut a, &handles[0]), (&mut b, &handles[1])] {
            let command = Command::SignUp {
                handle: handle.clone(),
                password: "a long enough password".into(),
                display_name: handle.clone(),
            };
            driver.command(command, PATIENCE).await?;
        }
        let conversation_id = acquaint(&mut a, &mut b, &handles[1]).await?;
        let mut pair = Self {
            a,
            b,
            conversation_id,
            written: 0,
        };
        // Both ways once, so that what is timed afterwards is the ordinary case, not the first message.
        pair.talk(STEP).await?;
        Ok(pair)
    }

    /// From the command to the committed, sealed message that leaves in the same step; median, milliseconds.
    async fn send(&mut self) -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..SENDS {
            let start = Instant::now();
            self.write().await?;
            times.push(start.elapsed());
            self.settle().await?;
        }
        Ok(median_ms(times))
    }

    /// A device that was away opens its store, connects, and shows everything; milliseconds.
    async fn backlog(&mut self, count: usize, folder: &Path, server: &str) -> Result<f64> {
        // The store has one owner at a time.
        self.b = Driver::new(store::open(&folder.join("away"))?, server)?;
        for number in 0..count {
            self.write().await?;
            if number % STEP == 0 {
                self.a.until(PATIENCE, Driver::idle).await?;
            }
        }
        ensure!(self.a.until(PATIENCE, Driver::idle).await?, "not stored");
        let start = Instant::now();
        self.b = Driver::new(store::open(&folder.join("b"))?, server)?;
        self.b.start()?;
        self.arrive().await?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }

    async fn talk(&mut self, messages: usize) -> Result<()> {
        let end = self.written + messages;
        while self.written < end {
            for _ in 0..STEP.min(end - self.written) {
                self.write().await?;
            }
            self.settle().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        let text = text(self.written);
        self.written += 1;
        let command = Command::SendText {
            conversation_id: self.conversation_id,
            text,
            reply_to: None,
        };
        self.a.command(command, PATIENCE).await?;
        Ok(())
    }

    /// Until the other side shows the last message and this side knows it.
    async fn settle(&mut self) -> Result<()> {
        let last = preview(self.written - 1);
        let (stored, shown) = tokio::try_join!(
            self.a.until(PATIENCE, Driver::idle),
            self.b.until(PATIENCE, |driver| shows(driver, &last)),
        )?;
        ensure!(stored && shown, "message {} did not arrive", self.written);
        Ok(())
    }

    async fn arrive(&mut self) -> Result<()> {
        let last = preview(self.written - 1);
        let shown = self
            .b
            .until(PATIENCE, |driver| shows(driver, &last))
            .await?;
        ensure!(shown, "the backlog did not arrive");
        Ok(())
    }
}

/// Opening, paging and searching the large store.
fn read(folder: &Path, thousands: usize, figures: &Figures<'_>) -> Result<()> {
    let mut opened = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let engine = store::open(folder)?;
        let chat = first_chat(engine.query(all())).context("no conversation")?;
        let page = page(|query| engine.query(query), chat.conversation_id, None)?;
        opened.push(start.elapsed());
        ensure!(page.items.len() == PAGE as usize, "a short first page");
    }
    figures.print(&format!("open_{thousands}k_ms"), median_ms(opened), "ms");

    let engine = store::open(folder)?;
    let chat = first_chat(engine.query(all())).context("no conversation")?;
    let (mut pages, mut before) = (Vec::new(), None);
    for _ in 0..100 {
        let start = Instant::now();
        let page = page(|query| engine.query(query), chat.conversation_id, before)?;
        pages.push(start.elapsed());
        before = page.items.first().map(|item| item.message_id);
        if !page.has_older {
            break;
        }
    }
    figures.print("page_ms", median_ms(pages), "ms");

    let mut searches = Vec::new();
    for words in [RARE, "harbour", "night", "river music", "letter tomorrow"].repeat(4) {
        let query = Query::Search {
            text: words.to_owned(),
            conversation_id: None,
            limit: limits::SEARCH_HITS_MAX,
        };
        let start = Instant::now();
        let View::Search(found) = engine.query(query) else {
            anyhow::bail!("no search")
        };
        searches.push(start.elapsed());
        ensure!(!found.hits.is_empty(), "nothing found for {words}");
    }
    figures.print("search_ms", median_ms(searches), "ms");
    Ok(())
}

fn page(
    query: impl Fn(Query) -> View,
    conversation_id: ConversationId,
    before: Option<ContentId>,
) -> Result<TimelineView> {
    match query(Query::Timeline {
        conversation_id,
        before,
        after: None,
        around: None,
        limit: PAGE,
    }) {
        View::Timeline(view) => Ok(view),
        _ => anyhow::bail!("no timeline"),
    }
}

fn all() -> Query {
    Query::Chats {
        filter: ChatFilter::All,
    }
}

fn first_chat(view: View) -> Option<ChatItem> {
    match view {
        View::Chats(view) => view.items.into_iter().next(),
        _ => None,
    }
}

fn shows(driver: &Driver, text: &str) -> bool {
    first_chat(driver.query(all()))
        .and_then(|chat| chat.preview)
        .is_some_and(|preview| preview.text.starts_with(text))
}

/// 200 bytes of ordinary words behind the message's number.
fn text(number: usize) -> String {
    let mut text = preview(number);
    if number.is_multiple_of(1000) {
        text.push_str(RARE);
        text.push(' ');
    }
    let mut state = number as u64;
    while text.len() < 200 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS
            .get((state >> 60) as usize)
            .copied()
            .unwrap_or_default();
        text.push_str(word);
        text.push(' ');
    }
    text.truncate(200);
    text
}

/// How the text of a message begins.
fn preview(number: usize) -> String {
    format!("{number}. ")
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
