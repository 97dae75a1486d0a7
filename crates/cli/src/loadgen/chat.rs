//! Pairs of real engines that chat while somebody kills the server: acknowledged must be delivered, exactly once.
//!
//! Both sides lose the network again and again, each while the other has it: what is only in the mailbox when the server dies
//! is what a live delivery would hide.
//! Prints `ready` when everyone is connected (killing may begin) and ends with 0 only when both sides of every pair
//! hold the same messages, each once, and every sender knows that its own arrived.

use crate::driver::{Driver, now};
use anyhow::{Context, Result, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use securechat_engine::api::{
    ChatFilter, Command, ContactAddress, ItemBody, Query, Reply, SendState, TimelineItem, View,
};
use securechat_engine::{Engine, Key, Store};
use securechat_proto::{ContentId, ConversationId, limits};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Barrier;

#[derive(Args)]
pub struct Chat {
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Messages each side sends.
    #[arg(long, default_value_t = 100)]
    messages: usize,
    /// Milliseconds between two messages of one side.
    #[arg(long, default_value_t = 50)]
    pause_ms: u64,
    /// Folder for the stores.
    #[arg(long)]
    folder: PathBuf,
    /// Seconds after the last message within which everything must have arrived.
    #[arg(long, default_value_t = 120)]
    settle: u64,
}

/// Messages from one loss of the network to the next, and how many of them it lasts. The two sides take turns.
const AWAY_EVERY: usize = 24;
const AWAY: usize = 10;
/// Longest wait for one step of the set-up.
const STEP: Duration = Duration::from_secs(30);

pub async fn run(options: &Chat, server: &str) -> Result<()> {
    let everyone_ready = Barrier::new(options.pairs + 1);
    let pairs =
        try_join_all((0..options.pairs).map(|index| pair(options, server, index, &everyone_ready)));
    let announce = async {
        everyone_ready.wait().await;
        println!("ready");
        Ok(())
    };
    tokio::try_join!(pairs, announce)?;
    let total = options.pairs * options.messages * 2;
    println!("{total} messages, each delivered exactly once");
    Ok(())
}

/// One side of a pair.
struct Side {
    driver: Driver,
    conversation_id: ConversationId,
    name: &'static str,
    sent: Vec<ContentId>,
}

async fn pair(options: &Chat, server: &str, index: usize, everyone_ready: &Barrier) -> Result<()> {
    let run = now().0 % 1_000_000_000;
    let handles = [
        format!("kill{run}.{index}.a"),
        format!("kill{run}.{index}.b"),
    ];
    let mut a = sign_up(&options.folder, server, &handles[0]).await?;
    let mut b = sign_up(&options.folder, server, &handles[1]).await?;
    let by = ContactAddress::Handle {
        handle: handles[1].clone(),
    };
    let Reply::Conversation {
        conversation_id, ..
    } = a.command(Command::AddContact { by }, STEP).await?
    else {
        anyhow::bail!("no conversation");
    };
    let hello = Command::SendText {
        conversation_id,
        text: "hello".into(),
        reply_to: None,
    };
    a.command(hello, STEP).await?;
    a.start()?;
    b.start()?;
    let arrived = async { b.until(STEP, |driver| !requests(driver).is_empty()).await };
    let (_, arrived) = tokio::try_join!(a.until(Duration::from_secs(2), |_| false), arrived)?;
    ensure!(arrived, "the message request did not arrive");
    b.command(Command::AcceptRequest { conversation_id }, STEP)
        .await?;
    everyone_ready.wait().await;

    let mut sides = [
        Side {
            driver: a,
            conversation_id,
            name: "a",
            sent: Vec::new(),
        },
        Side {
            driver: b,
            conversation_id,
            name: "b",
            sent: Vec::new(),
        },
    ];
    try_join_all(sides.iter_mut().map(|side| side.talk(options))).await?;
    let end = Duration::from_secs(options.settle);
    // Both sides stay connected until both are done: a receipt needs its receiver.
    let step = Duration::from_millis(500);
    let mut waited = Duration::ZERO;
    while !sides.iter().all(Side::knows_all_arrived) {
        ensure!(
            waited < end,
            "pair {index}: not everything arrived: {:?}, connections {:?}, received {:?}",
            sides.each_ref().map(Side::open),
            sides.each_ref().map(Side::connection),
            sides.each_ref().map(Side::received)
        );
        try_join_all(
            sides
                .iter_mut()
                .map(|side| side.driver.until(step, |_| false)),
        )
        .await?;
        waited += step;
    }
    compare(&sides, options.messages).with_context(|| format!("pair {index}"))
}

async fn sign_up(folder: &Path, server: &str, handle: &str) -> Result<Driver> {
    std::fs::create_dir_all(folder)?;
    let mut random = [0; 64];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("randomness: {error}"))?;
    let (key, seed) = random.split_at(32);
    let path = folder
        .join(format!("{handle}.db"))
        .to_string_lossy()
        .into_owned();
    let store = Store::File {
        path,
        key: Some(Key::new(key.try_into()?)),
    };
    let mut driver = Driver::new(Engine::open(store, seed.try_into()?, now())?, server)?;
    let command = Command::SignUp {
        handle: handle.to_owned(),
        password: "a long enough password".into(),
        display_name: handle.to_owned(),
        device_name: None,
    };
    driver.command(command, STEP).await?;
    Ok(driver)
}

fn requests(driver: &Driver) -> Vec<ConversationId> {
    match driver.query(Query::Chats {
        filter: ChatFilter::Requests,
    }) {
        View::Chats(view) => view
            .items
            .into_iter()
            .map(|chat| chat.conversation_id)
            .collect(),
        _ => Vec::new(),
    }
}

impl Side {
    /// Sends everything, at its pace, whatever happens to the server.
    async fn talk(&mut self, options: &Chat) -> Result<()> {
        let turn = if self.name == "a" { 0 } else { AWAY_EVERY / 2 };
        for number in 0..options.messages {
            match (number + turn) % AWAY_EVERY {
                1 => self.driver.cut(),
                back if back == 1 + AWAY => self.driver.mend()?,
                _ => {}
            }
            let text = format!("{} {number}", self.name);
            let command = Command::SendText {
                conversation_id: self.conversation_id,
                text,
                reply_to: None,
            };
            let Reply::Message { message_id } = self.driver.command(command, STEP).await? else {
                anyhow::bail!("no message");
            };
            self.sent.push(message_id);
            self.driver
                .until(Duration::from_millis(options.pause_ms), |_| false)
                .await?;
        }
        self.driver.mend()
    }

    fn knows_all_arrived(&self) -> bool {
        self.open().0 == 0
    }

    /// Whether it is connected, and how much of its own waits to be handed to the relay.
    fn connection(&self) -> String {
        match self.driver.query(Query::Account) {
            View::Account(account) => format!("{:?}, {}", account.connection, account.pending),
            other => format!("{other:?}"),
        }
    }

    /// How many messages of the other side are shown here.
    fn received(&self) -> usize {
        let own = format!("{} ", self.name);
        let theirs = |text: &&String| !text.starts_with(&own);
        self.texts().iter().filter(theirs).count()
    }

    /// How many own messages have no delivery receipt, and the states they are in.
    fn open(&self) -> (usize, Vec<String>) {
        let states = self.sent.iter().filter_map(|id| {
            match self.driver.query(Query::MessageDetails { message_id: *id }) {
                View::MessageDetails(details) => match details.item.state {
                    Some(SendState::Delivered | SendState::Read) => None,
                    state => Some(format!("{state:?}")),
                },
                _ => Some("gone".to_owned()),
            }
        });
        let mut states: Vec<String> = states.collect();
        let count = states.len();
        states.dedup();
        (count, states)
    }

    /// All texts of the conversation, oldest first.
    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut after = None;
        loop {
            let (limit, first) = (limits::PAGE_ITEMS_MAX, after.is_none());
            let before = if first { None } else { after };
            let query = Query::Timeline {
                conversation_id: self.conversation_id,
                before,
                after: None,
                around: None,
                limit,
            };
            let View::Timeline(view) = self.driver.query(query) else {
                break;
            };
            let page: Vec<String> = view.items.iter().filter_map(text).collect();
            texts.splice(0..0, page);
            after = view.items.first().map(|item| item.message_id);
            if !view.has_older || after.is_none() {
                break;
            }
        }
        texts
    }
}

fn text(item: &TimelineItem) -> Option<String> {
    match &item.body {
        ItemBody::Text { text, .. } => Some(text.clone()),
        ItemBody::System { .. } => None,
        other => Some(format!("{other:?}")),
    }
}

fn compare(sides: &[Side; 2], messages: usize) -> Result<()> {
    let mut expected: Vec<String> = sides
        .iter()
        .flat_map(|side| (0..messages).map(move |number| format!("{} {number}", side.name)))
        .chain(["hello".to_owned()])
        .collect();
    expected.sort();
    for side in sides {
        let shown = side.texts();
        for name in ["a", "b"] {
            let prefix = format!("{name} ");
            let numbers: Vec<usize> = shown
                .iter()
                .filter_map(|text| text.strip_prefix(&prefix)?.parse().ok())
                .collect();
            let turned = numbers.windows(2).find(|two| two[0] > two[1]);
            ensure!(
                turned.is_none(),
                "messages of {name} are out of order at {}: {turned:?}",
                side.name
            );
        }
        let mut sorted = shown;
        sorted.sort();
        ensure!(
            sorted == expected,
            "{} shows {} messages of {}",
            side.name,
            sorted.len(),
            expected.len()
        );
    }
    Ok(())
}
