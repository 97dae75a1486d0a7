//! The large store: built once by really sending, sealing, opening and storing every message, then kept.

use crate::chromium::Chromium;
use crate::device::{Device, Native};
use crate::stage::Stage;
use crate::words;
use anyhow::{Result, ensure};
use securechat_engine::api::{Command, Query, View};
use securechat_sim::dice::Dice;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

/// Messages on the way at once: as many as a device takes without acknowledging.
const STEP: usize = 200;
/// Of so many messages, one is the device's own.
const OWN: usize = 10;

/// Name of the store in a folder of a native fixture.
pub const STORE: &str = "store.db";
/// Name of the browser's profile in a folder of a Chromium fixture.
pub const PROFILE: &str = "profile";

/// A store of `messages` messages for the native engine; its folder.
pub fn native(fixtures: &Path, messages: usize) -> Result<PathBuf> {
    kept(fixtures, &format!("native-{messages}"), |folder| {
        build(
            folder,
            Box::new(Native::encrypted(folder.join(STORE))),
            messages,
        )
    })
}

/// A browser profile with such a store.
pub fn chromium(fixtures: &Path, module: &Path, messages: usize) -> Result<PathBuf> {
    kept(fixtures, &format!("chromium-{messages}"), |folder| {
        let browser = Chromium::start(module, &folder.join(PROFILE))?;
        build(folder, Box::new(browser), messages)
    })
}

/// Where disks are slow to flush, a fixture is made in memory and then copied.
fn kept(fixtures: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = fixtures.join(name);
    let complete = folder.join("complete");
    if complete.exists() {
        return Ok(folder);
    }
    eprintln!("engine: making the store {name}, once");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let workshop = tempfile::Builder::new()
            .prefix("securechat-bench-")
            .tempdir_in(memory)?;
        make(workshop.path())?;
        let source = format!("{}/.", workshop.path().display());
        let copied = Process::new("cp")
            .arg("-a")
            .arg(source)
            .arg(&folder)
            .status()?;
        ensure!(copied.success(), "the fixture was not copied");
    } else {
        make(&folder)?;
    }
    std::fs::write(complete, "")?;
    Ok(folder)
}

/// Two people talk until `messages` are in the store of the one whose device this is, all read.
fn build(folder: &Path, device: Box<dyn Device>, messages: usize) -> Result<()> {
    let mut stage = Stage::new(folder)?;
    let mut dice = Dice::new(1);
    let other = stage.enter(Box::new(Native::in_memory()))?;
    let keeper = stage.enter(device)?;
    stage.sign_up(other, "other")?;
    stage.sign_up(keeper, "keeper")?;
    let conversation_id = stage.acquaint(other, keeper, "keeper")?;
    let mut written = 2;
    while written < messages {
        let step = STEP.min(messages - written);
        let (own, others) = (step / OWN, step - step / OWN);
        for (who, count) in [(other, others), (keeper, own)] {
            let texts = (0..count).map(|_| words::message(&mut dice)).collect();
            stage.say_all(who, conversation_id, texts)?;
        }
        written += step;
        stage.pass(2_000)?;
    }
    stage.pass(60_000)?;
    let View::Timeline(page) = stage.query(
        keeper,
        &Query::Timeline {
            conversation_id,
            before: None,
            after: None,
            around: None,
            limit: 1,
        },
    )?
    else {
        anyhow::bail!("no page");
    };
    let up_to = page.items[0].message_id;
    stage.command(
        keeper,
        Command::MarkRead {
            conversation_id,
            up_to,
        },
    )?;
    stage.pass(60_000)?;
    let View::Storage(stored) = stage.query(keeper, &Query::Storage)? else {
        anyhow::bail!("no numbers");
    };
    ensure!(
        stored.messages >= messages as u64,
        "{} of {messages} messages are there",
        stored.messages
    );
    stage.leave(keeper)?.end()?;
    let _ = std::fs::remove_dir_all(folder.join("relay"));
    Ok(())
}
