//! Log-in back-off: each guess at a handle makes the next one wait longer. In memory of this node.
//!
//! The first OPAQUE message already is a guess (the guesser learns from the answer whether it was right), so every
//! start counts until a finish proves that it was good. Known and unknown handles are treated alike.

use crate::platform::Clock;
use securechat_proto::Timestamp;
use securechat_proto::limits::{HOUR_MS, SECOND_MS};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Keyed pseudonym of what is guarded.
pub type Key = [u8; 32];

/// How many guesses are free, and how long the longest wait is.
#[derive(Clone, Copy)]
pub struct Patience {
    pub free: u32,
    pub wait_s_max: u64,
}

/// One network guessing at one handle.
pub const ONE_NETWORK: Patience = Patience {
    free: 5,
    wait_s_max: 900,
};
/// Everybody guessing at one handle; milder, or strangers could lock a person out.
pub const ALL_NETWORKS: Patience = Patience {
    free: 50,
    wait_s_max: 60,
};

/// Beyond this many guarded keys the ones idle for longest are dropped.
const KEYS_MAX: usize = 100_000;

pub struct BackOff {
    guesses: Mutex<BTreeMap<Key, Guesses>>,
    clock: Clock,
}

struct Guesses {
    count: u32,
    last: Timestamp,
    blocked_until: Timestamp,
    /// A refusal was already given in the present wait.
    was_refused: bool,
}

/// The guess has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub seconds: u64,
    /// Whether this is the first refusal of the present wait.
    pub is_first: bool,
}

impl BackOff {
    pub fn new(clock: Clock) -> Self {
        Self {
            guesses: Mutex::default(),
            clock,
        }
    }

    /// Counts a guess, or says how long to wait. A refused guess is not counted.
    pub fn guess(&self, key: Key, patience: Patience) -> Result<(), Wait> {
        let now = self.clock.now();
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.len() >= KEYS_MAX && !guesses.contains_key(&key) {
            drop_idlest(&mut guesses);
        }
        let entry = guesses.entry(key).or_insert(Guesses {
            count: 0,
            last: now,
            blocked_until: Timestamp(0),
            was_refused: false,
        });
        if entry.blocked_until > now {
            let is_first = !std::mem::replace(&mut entry.was_refused, true);
            return Err(Wait {
                seconds: entry.blocked_until.since(now).div_ceil(SECOND_MS),
                is_first,
            });
        }
        if now.since(entry.last) > HOUR_MS {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        entry.was_refused = false;
        if let Some(over) = entry
            .count
            .checked_sub(patience.free)
            .filter(|over| *over > 0)
        {
            let wait_s = 1u64
                .checked_shl(over)
                .unwrap_or(u64::MAX)
                .min(patience.wait_s_max);
            entry.blocked_until = now.saturating_add_ms(wait_s * SECOND_MS);
        }
        Ok(())
    }

    /// The guess was right: it and those before it are forgotten.
    pub fn was_right(&self, key: Key) {
        self.guesses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key);
    }

    /// Forgets keys that nobody guessed at for an hour.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.guesses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, entry| now.since(entry.last) <= HOUR_MS);
    }
}

fn drop_idlest(guesses: &mut BTreeMap<Key, Guesses>) {
    if let Some(key) = guesses
        .iter()
        .min_by_key(|(_, entry)| entry.last)
        .map(|(key, _)| *key)
    {
        guesses.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_a_right_guess_ends_them() {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let backoff = BackOff::new(clock.clone());
        let key = [1; 32];
        let mut waits = Vec::new();
        for _ in 0..20 {
            if let Err(wait) = backoff.guess(key, ONE_NETWORK) {
                assert!(wait.is_first);
                assert!(
                    backoff
                        .guess(key, ONE_NETWORK)
                        .is_err_and(|again| !again.is_first)
                );
                waits.push(wait.seconds);
                clock.advance_ms(wait.seconds * SECOND_MS);
            }
        }
        assert_eq!(waits[..3], [2, 4, 8]);
        assert!(waits.iter().all(|seconds| *seconds <= 900));
        backoff.was_right(key);
        assert!((0..5).all(|_| backoff.guess(key, ONE_NETWORK).is_ok()));
    }

    #[test]
    fn an_idle_hour_is_forgiven() {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let backoff = BackOff::new(clock.clone());
        for _ in 0..6 {
            let _ = backoff.guess([1; 32], ONE_NETWORK);
        }
        clock.advance_ms(HOUR_MS + SECOND_MS);
        assert!((0..5).all(|_| backoff.guess([1; 32], ONE_NETWORK).is_ok()));
    }
}
