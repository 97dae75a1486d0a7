//! What is measured, the same for both systems.

use crate::device::{Device, Native, PAGE};
use crate::figures::{Times, print};
use crate::stage::{Stage, Who};
use crate::{devices, words};
use anyhow::{Context, Result, bail, ensure};
use securechat_engine::api::{ChatFilter, Query, View};
use securechat_proto::wire::Message;
use securechat_proto::wire::socket::{ClientFrame, client_frame};
use securechat_proto::{ConversationId, Timestamp, limits};
use securechat_sim::dice::Dice;
use std::path::Path;

/// How much is done; every figure is the median of it.
pub struct Amounts {
    pub messages: usize,
    pub backlog: usize,
    pub sessions: usize,
    pub pages: usize,
}

/// Bytes of a measured message.
const TEXT_BYTES: usize = 200;
/// Messages written at once while a mailbox fills.
const STEP: usize = 32;

/// Sign-up, first messages, sending, receiving, catching up: a new device on the disk that is measured.
pub fn writing(
    system: &str,
    folder: &Path,
    device: Box<dyn Device>,
    amounts: &Amounts,
) -> Result<()> {
    let mut stage = Stage::new(folder)?;
    let mut dice = Dice::new(2);
    let us = stage.enter(device)?;
    stage.take_spent(us);
    stage.sign_up(us, "measured")?;
    print(system, "sign_up_ms", stage.take_spent(us), "ms");

    let friends = first_messages(system, &mut stage, us, amounts)?;
    let (friend, conversation_id) = *friends.first().context("a friend")?;
    send(
        system,
        "send_1_ms",
        &mut stage,
        us,
        conversation_id,
        1,
        amounts,
    )?;
    receive(system, &mut stage, us, friend, conversation_id, amounts)?;

    let store = folder.join("many-devices.db");
    let many = stage.enter(Box::new(Native::plain(store.clone())))?;
    stage.sign_up(many, "many.devices")?;
    let to_many = stage.acquaint(us, many, "many.devices")?;
    stage.close(many)?;
    devices::link(&mut stage, &store)?;
    // The relay tells of the new devices when the next message leaves.
    stage.say(us, to_many, "hello to all of you".into())?;
    stage.pass(10_000)?;
    send(
        system,
        "send_ms",
        &mut stage,
        us,
        to_many,
        1 + devices::MORE,
        amounts,
    )?;

    let mut floor = stage.device(us).flush(amounts.messages)?;
    floor.retain(|ms| ms.is_finite());
    print(system, "flush_floor_ms", Times::of(floor).median(), "ms");

    let all = unread(&mut stage, us, conversation_id)? as usize + amounts.backlog;
    stage.close(us)?;
    let mut left = amounts.backlog;
    while left > 0 {
        let step = STEP.min(left);
        let texts = (0..step)
            .map(|_| words::text(&mut dice, TEXT_BYTES))
            .collect();
        stage.say_all(friend, conversation_id, texts)?;
        left -= step;
    }
    stage.take_spent(us);
    stage.open(us)?;
    stage.settle_until(|stage| Ok(unread(stage, us, conversation_id)? as usize == all))?;
    let spent = stage.take_spent(us);
    let name = format!("backlog_{}_ms", amounts.backlog);
    print(system, &name, spent, "ms");
    stage.leave(us)?.end()
}

/// The first message to people one never wrote to: bundle, one-time prekey, PQXDH, ratchet, seal, commit.
fn first_messages(
    system: &str,
    stage: &mut Stage,
    us: Who,
    amounts: &Amounts,
) -> Result<Vec<(Who, ConversationId)>> {
    let mut times = Vec::new();
    let mut friends = Vec::new();
    for number in 0..amounts.sessions {
        let handle = format!("friend{number}");
        let friend = stage.enter(Box::new(Native::in_memory()))?;
        stage.sign_up(friend, &handle)?;
        let conversation_id = stage.add(us, &handle)?;
        stage.take_spent(us);
        stage.say(us, conversation_id, "hello".into())?;
        times.push(stage.take_spent(us));
        stage.accept(us, friend, conversation_id)?;
        friends.push((friend, conversation_id));
    }
    print(system, "session_start_ms", Times::of(times).median(), "ms");
    Ok(friends)
}

/// From the command to the committed, sealed message, which leaves in the same step.
fn send(
    system: &str,
    metric: &str,
    stage: &mut Stage,
    us: Who,
    conversation_id: ConversationId,
    devices: usize,
    amounts: &Amounts,
) -> Result<()> {
    let mut dice = Dice::new(3);
    let mut times = Vec::new();
    for _ in 0..amounts.messages {
        let text = words::text(&mut dice, TEXT_BYTES);
        times.push(stage.say(us, conversation_id, text)?.0);
        stage.pass(100)?;
    }
    let sealed = envelopes(stage.frames(us).first().context("a frame")?)?;
    ensure!(sealed == devices, "{sealed} envelopes instead of {devices}");
    let times = Times::of(times);
    print(system, metric, times.median(), "ms");
    if metric == "send_ms" {
        print(system, "send_p95_ms", times.share(95), "ms");
    }
    Ok(())
}

fn envelopes(frame: &[u8]) -> Result<usize> {
    let Some(client_frame::Frame::Submit(submit)) = ClientFrame::decode(frame)?.frame else {
        bail!("the first frame was no message");
    };
    Ok(submit
        .destinations
        .iter()
        .map(|destination| destination.envelopes.len())
        .sum())
}

/// One message that arrives while the device is online: opened, stored, searchable, acknowledged.
fn receive(
    system: &str,
    stage: &mut Stage,
    us: Who,
    from: Who,
    conversation_id: ConversationId,
    amounts: &Amounts,
) -> Result<()> {
    let mut dice = Dice::new(4);
    let mut times = Vec::new();
    for _ in 0..amounts.messages {
        let text = words::text(&mut dice, TEXT_BYTES);
        stage.pass(100)?;
        stage.take_spent(us);
        stage.say(from, conversation_id, text)?;
        times.push(stage.take_spent(us));
    }
    print(system, "receive_ms", Times::of(times).median(), "ms");
    // Receipts leave before anything else is measured.
    stage.pass(60_000)
}

fn unread(stage: &mut Stage, us: Who, conversation_id: ConversationId) -> Result<u32> {
    let before = stage.query(us, &Query::Conversation { conversation_id })?;
    let View::Conversation(view) = before else {
        bail!("no conversation");
    };
    Ok(view.unread)
}

/// Opening, paging and searching the large store.
pub fn reading(
    system: &str,
    thousands: usize,
    device: &mut dyn Device,
    amounts: &Amounts,
) -> Result<()> {
    // Later than anything in the store, so that nothing in it is due.
    let now = Timestamp(1_767_225_600_000 + 20 * limits::DAY_MS);
    let first = device.first_page(now)?;
    ensure!(first.items == PAGE as usize, "a short first page");
    let name = format!("open_{thousands}k_ms");
    print(system, &name, first.total_ms, "ms");
    let name = format!("open_{thousands}k_store_ms");
    print(system, &name, first.store_ms, "ms");

    let filter = ChatFilter::All;
    let (_, View::Chats(chats)) = device.query(&Query::Chats { filter })? else {
        bail!("no chat list");
    };
    let chat = chats.items.first().context("no conversation")?;
    let conversation_id = chat.conversation_id;
    let (mut pages, mut before) = (Vec::new(), None);
    for _ in 0..amounts.pages {
        let query = Query::Timeline {
            conversation_id,
            before,
            after: None,
            around: None,
            limit: PAGE,
        };
        let (ms, View::Timeline(page)) = device.query(&query)? else {
            bail!("no page");
        };
        pages.push(ms);
        before = page.items.first().map(|item| item.message_id);
        if !page.has_older {
            break;
        }
    }
    print(system, "page_ms", Times::of(pages).median(), "ms");
    search(system, device)
}

/// Words by their rank: in one message of five, of a hundred, of thousands; a beginning of two letters; two words.
fn search(system: &str, device: &mut dyn Device) -> Result<()> {
    let word = words::word;
    let mut all = Vec::new();
    for (name, text) in [
        ("search_common_ms", word(2)),
        ("search_usual_ms", word(100)),
        ("search_rare_ms", word(3000)),
        ("search_letters_ms", word(40).chars().take(2).collect()),
        ("search_words_ms", format!("{} {}", word(1), word(20))),
    ] {
        let query = Query::Search {
            text,
            conversation_id: None,
            limit: 50,
        };
        let mut times = Vec::new();
        for _ in 0..7 {
            let (ms, View::Search(found)) = device.query(&query)? else {
                bail!("no search");
            };
            ensure!(!found.hits.is_empty(), "nothing was found");
            times.push(ms);
        }
        print(system, name, Times::of(times.clone()).median(), "ms");
        all.extend(times);
    }
    print(system, "search_ms", Times::of(all).median(), "ms");
    Ok(())
}
