//! The measured phases, and what they print.

use super::connection::clock;
use super::process;
use super::user::{Tally, User};
use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Longest wait for messages that are under way.
const PATIENCE: Duration = Duration::from_secs(20);

/// One crowd at work.
pub struct Load<'a> {
    pub users: &'a [Option<User>],
    pub tally: &'a Tally,
    pub pids: &'a [u32],
    pub print: Box<dyn Fn(&str, f64, &str) + 'a>,
}

impl Load<'_> {
    /// Lets the last deliveries of what went before arrive.
    pub async fn settle(&self) {
        let mut last = u64::MAX;
        while last != self.tally.received.load(Relaxed) {
            last = self.tally.received.load(Relaxed);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Closed loop: each message received is answered by a new one. Prints `msgs_per_s` and `cpu_us_per_msg`.
    pub async fn saturate(&self, in_flight: usize, time: Duration) -> Result<()> {
        self.tally.closed_loop.store(true, Relaxed);
        for user in self.users.iter().flatten().cycle().take(in_flight) {
            user.send(clock());
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let (cpu, received, start) = (
            self.cpu_s(),
            self.tally.received.load(Relaxed),
            Instant::now(),
        );
        tokio::time::sleep(time).await;
        let messages = (self.tally.received.load(Relaxed) - received) as f64;
        let (cpu, elapsed) = (self.cpu_s() - cpu, start.elapsed().as_secs_f64());
        self.tally.closed_loop.store(false, Relaxed);
        self.tally.check()?;
        ensure!(messages > 0.0, "nothing was delivered");
        (self.print)("msgs_per_s", messages / elapsed, "1/s");
        (self.print)("cpu_us_per_msg", cpu * 1e6 / messages, "us");
        self.settle().await;
        Ok(())
    }

    /// A fixed rate, spread over all users. Prints `p50_ms`, `p99_ms`; every message must arrive.
    pub async fn fixed_rate(&self, rate: f64, time: Duration) -> Result<()> {
        self.tally.take_latencies();
        self.tally.recording.store(true, Relaxed);
        let before = self.tally.received.load(Relaxed);
        let total = (rate * time.as_secs_f64()) as usize;
        let (start, mut sent) = (Instant::now(), 0);
        while sent < total {
            let due = ((start.elapsed().as_secs_f64() * rate) as usize).min(total);
            while sent < due {
                // A large odd stride visits users in an order without bursts on one pair.
                if let Some(Some(user)) = self.users.get(sent.wrapping_mul(7919) % self.users.len())
                {
                    user.send(clock());
                }
                sent += 1;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let arrived = self.wait_for(before + total as u64).await;
        self.tally.recording.store(false, Relaxed);
        self.tally.check()?;
        ensure!(arrived, "messages were lost at {rate}/s");
        let latencies = self.tally.take_latencies();
        (self.print)("p50_ms", percentile_ms(&latencies, 50), "ms");
        (self.print)("p99_ms", percentile_ms(&latencies, 99), "ms");
        Ok(())
    }

    /// Even users write `each` messages; returns stored messages a second.
    pub async fn store(&self, each: usize) -> Result<f64> {
        let before = self.tally.accepted.load(Relaxed);
        let start = Instant::now();
        let senders: Vec<&User> = self.users.iter().step_by(2).flatten().collect();
        for round in 0..each {
            for user in &senders {
                user.send(clock());
            }
            if round % 4 == 3 {
                tokio::task::yield_now().await;
            }
        }
        let total = (senders.len() * each) as u64;
        let end = Instant::now() + PATIENCE;
        while self.tally.accepted.load(Relaxed) - before < total {
            self.tally.check()?;
            ensure!(Instant::now() < end, "not everything was stored");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(total as f64 / start.elapsed().as_secs_f64())
    }

    async fn wait_for(&self, received: u64) -> bool {
        let end = Instant::now() + PATIENCE;
        while self.tally.received.load(Relaxed) < received {
            if Instant::now() > end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }

    fn cpu_s(&self) -> f64 {
        process::usage(self.pids).cpu_s
    }
}

/// What waited for users who were away: the time from the first reconnection to the last waiting message.
pub struct Drain {
    start: Instant,
    before: u64,
    expected: u64,
}

impl Drain {
    pub fn start(tally: &Tally, expected: u64) -> Self {
        Self {
            start: Instant::now(),
            before: tally.received.load(Relaxed),
            expected,
        }
    }

    /// Messages a second; fails when some do not come.
    pub async fn finish(&self, tally: &Tally) -> Result<f64> {
        let end = Instant::now() + PATIENCE;
        while tally.received.load(Relaxed) - self.before < self.expected {
            ensure!(
                Instant::now() < end,
                "not everything that waited was delivered"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(self.expected as f64 / self.start.elapsed().as_secs_f64())
    }

    /// A message that came twice would have made the drain look faster than it was.
    pub fn ensure_each_once(&self, tally: &Tally) -> Result<()> {
        let came = tally.received.load(Relaxed) - self.before;
        ensure!(
            came == self.expected,
            "{came} deliveries of {} messages",
            self.expected
        );
        Ok(())
    }
}

/// Appends 1 KiB and syncs, one by one: the floor under every durable message on this disk.
pub fn fdatasync_p99_ms(folder: &Path) -> Result<f64> {
    let path = folder.join("fdatasync.probe");
    let mut file = std::fs::File::create(&path).context("probe file")?;
    let mut times = Vec::new();
    for _ in 0..1000 {
        let start = Instant::now();
        file.write_all(&[0; 1024])?;
        file.sync_data()?;
        times.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    std::fs::remove_file(path)?;
    times.sort_unstable();
    Ok(percentile_ms(&times, 99))
}

/// Sorted microseconds to milliseconds.
fn percentile_ms(sorted_us: &[u32], percent: usize) -> f64 {
    let index = (sorted_us.len() * percent / 100).min(sorted_us.len().saturating_sub(1));
    sorted_us
        .get(index)
        .map_or(0.0, |us| f64::from(*us) / 1000.0)
}

/// Ids must differ between users and between connections of one user.
pub fn seed(index: usize) -> u64 {
    (clock() << 16) ^ index as u64
}
