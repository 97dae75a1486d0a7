//! The library below: plain vodozemac, one Olm session a device, nothing stored. What is left of a message without
//! post-quantum seal, repair tag, padding, outbox, history and disk.

use crate::device::ms;
use crate::figures::{Times, print};
use anyhow::{Context, Result};
use std::time::Instant;
use vodozemac::olm::{Account, OlmMessage, Session, SessionConfig};

const SYSTEM: &str = "vodozemac";
const ROUNDS: usize = 500;
/// Devices one message is encrypted for.
const DEVICES: usize = 4;

pub fn measure() -> Result<()> {
    let started: Vec<(f64, Pair)> = (0..32).map(|_| Pair::start()).collect::<Result<_>>()?;
    let (starts, mut pairs): (Vec<f64>, Vec<Pair>) = started.into_iter().unzip();
    print(SYSTEM, "session_start_ms", Times::of(starts).median(), "ms");
    pairs.truncate(DEVICES);
    let text = [b'a'; 200];
    let (mut sends, mut receives) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let messages: Vec<OlmMessage> = pairs
            .iter_mut()
            .map(|pair| pair.ours.encrypt(text))
            .collect::<Result<_, _>>()?;
        sends.push(ms(start));
        for (pair, message) in pairs.iter_mut().zip(&messages) {
            let start = Instant::now();
            pair.theirs.decrypt(message)?;
            receives.push(ms(start));
        }
    }
    print(SYSTEM, "send_ms", Times::of(sends).median(), "ms");
    print(SYSTEM, "receive_ms", Times::of(receives).median(), "ms");
    Ok(())
}

/// The two ends of a session in which both have written.
struct Pair {
    ours: Session,
    theirs: Session,
}

impl Pair {
    /// Also what starting it took on the side that writes first, first message included.
    fn start() -> Result<(f64, Self)> {
        let (us, mut them) = (Account::new(), Account::new());
        them.generate_one_time_keys(1);
        let one_time = *them.one_time_keys().values().next().context("a key")?;
        let identity = them.curve25519_key();
        let start = Instant::now();
        let mut ours = us.create_outbound_session(config(), identity, one_time)?;
        let first = ours.encrypt([b'a'; 200])?;
        let spent = ms(start);
        let OlmMessage::PreKey(first) = first else {
            anyhow::bail!("not a first message");
        };
        let mut theirs = them
            .create_inbound_session(config(), us.curve25519_key(), &first)?
            .session;
        ours.decrypt(&theirs.encrypt([b'a'; 200])?)?;
        Ok((spent, Self { ours, theirs }))
    }
}

fn config() -> SessionConfig {
    SessionConfig::version_2()
}
