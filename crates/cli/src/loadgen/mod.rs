//! Load generator of the benchmarks (`docs/benchmarks.md`): many users over real sockets, figures as JSON lines.
//!
//! Users stand in pairs `i` and `i ^ 1` and write to each other. CPU and memory are those of the process trees
//! named by `--pids`, database included.

mod account;
mod chat;
mod connection;
mod frame;
mod phases;
mod process;
mod user;

use account::Account;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use connection::{Codec, Partner, System};
use futures_util::StreamExt;
use phases::Load;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use user::{Stay, Tally, User};

#[derive(Subcommand)]
pub enum Loadgen {
    /// Send -> durable -> delivered -> acknowledged: saturated, at a fixed rate, and through an offline phase.
    Relay(Relay),
    /// Real engines that chat while the server is killed: acknowledged = delivered exactly once.
    Chat(chat::Chat),
    /// Many idle connections, then a fixed rate among them.
    Idle(Idle),
}

#[derive(Args)]
pub struct Common {
    /// Name printed as `system`.
    #[arg(long)]
    name: String,
    #[arg(long, value_enum, default_value = "securechat")]
    system: System,
    /// `host:port` of the socket; by default that of --server.
    #[arg(long)]
    address: Option<String>,
    /// Processes whose trees are measured.
    #[arg(long, value_delimiter = ',')]
    pids: Vec<u32>,
    /// Body of one message, bytes.
    #[arg(long, default_value_t = 1024)]
    body_bytes: usize,
}

#[derive(Args)]
pub struct Relay {
    #[command(flatten)]
    common: Common,
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Messages in flight in the closed loop.
    #[arg(long, default_value_t = 256)]
    in_flight: usize,
    /// Seconds of each measured phase.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Messages a second in the fixed phase.
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// Messages for each user that is offline; 0 leaves the phase out.
    #[arg(long, default_value_t = 100)]
    offline: usize,
    /// Folder on the measured disk, for the fdatasync probe.
    #[arg(long)]
    disk: Option<PathBuf>,
}

#[derive(Args)]
pub struct Idle {
    #[command(flatten)]
    common: Common,
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Seconds to hold the idle connections.
    #[arg(long, default_value_t = 60.0)]
    hold: f64,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
}

/// Runs one load; `server` is the base address for sign-up.
pub async fn run(task: Loadgen, server: &str) -> Result<()> {
    match task {
        Loadgen::Relay(options) => relay(options, server).await,
        Loadgen::Chat(options) => chat::run(&options, server).await,
        Loadgen::Idle(options) => idle(options, server).await,
    }
}

async fn relay(options: Relay, server: &str) -> Result<()> {
    let mut crowd = Crowd::gather(options.common, server, options.users, "relay").await?;
    let before = crowd.usage();
    crowd.connect_all(Stay::Short).await?;
    crowd.load().settle().await;
    let after = crowd.usage();
    crowd.print(
        "rss_kb_per_conn",
        (after.pss_kib - before.pss_kib) / options.users as f64,
        "KiB",
    );

    crowd
        .load()
        .saturate(options.in_flight, Duration::from_secs_f64(options.seconds))
        .await?;
    if let Some(disk) = &options.disk {
        crowd.print("fdatasync_p99_ms", phases::fdatasync_p99_ms(disk)?, "ms");
    }
    crowd
        .load()
        .fixed_rate(options.rate, Duration::from_secs_f64(options.seconds))
        .await?;
    if options.offline > 0 {
        crowd.offline(options.offline).await?;
    }
    crowd.tally.check()
}

async fn idle(options: Idle, server: &str) -> Result<()> {
    let mut crowd = Crowd::gather(options.common, server, options.users, "idle").await?;
    let before = crowd.usage();
    crowd.connect_all(Stay::Long).await?;
    // Nobody comes back: what the engines hold is not needed any more.
    crowd.accounts.clear();
    eprintln!(
        "{} sockets open, held for {} s",
        options.users, options.hold
    );
    tokio::time::sleep(Duration::from_secs_f64(options.hold)).await;
    crowd.tally.check()?;
    let after = crowd.usage();
    crowd.print("connections", options.users as f64, "count");
    crowd.print(
        "rss_kb_per_conn",
        (after.pss_kib - before.pss_kib) / options.users as f64,
        "KiB",
    );
    crowd
        .load()
        .fixed_rate(options.rate, Duration::from_secs_f64(options.seconds))
        .await?;
    crowd.tally.check()
}

/// All users of a run.
struct Crowd {
    bench: &'static str,
    common: Common,
    address: String,
    accounts: Vec<Option<Account>>,
    partners: Vec<Partner>,
    users: Vec<Option<User>>,
    tally: Arc<Tally>,
}

/// Sign-ups and connections under way at once.
const AT_ONCE: usize = 16;

impl Crowd {
    async fn gather(
        common: Common,
        server: &str,
        users: usize,
        bench: &'static str,
    ) -> Result<Self> {
        let address = match &common.address {
            Some(address) => address.clone(),
            None => server
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned(),
        };
        let mut crowd = Self {
            bench,
            address,
            accounts: (0..users).map(|_| None).collect(),
            partners: (0..users)
                .map(|index| Partner {
                    index,
                    ..Partner::default()
                })
                .collect(),
            users: (0..users).map(|_| None).collect(),
            tally: Arc::default(),
            common,
        };
        if crowd.common.system == System::Securechat {
            crowd.sign_up_all(server).await?;
        }
        Ok(crowd)
    }

    async fn sign_up_all(&mut self, server: &str) -> Result<()> {
        let http = crate::transport::client()?;
        let run = crate::driver::now().0 % 10_000_000;
        let base = server.trim_end_matches('/');
        // Tasks of their own: stretching a password takes a whole core for a moment.
        let mut made = futures_util::stream::iter(0..self.accounts.len())
            .map(|index| {
                let (base, http) = (base.to_owned(), http.clone());
                tokio::spawn(async move { Account::sign_up(&base, http, index, run).await })
            })
            .buffered(AT_ONCE);
        let mut index = 0;
        while let Some(account) = made.next().await {
            let account = account?.with_context(|| format!("sign-up of user {index}"))?;
            if let Some(place) = self.accounts.get_mut(index) {
                *place = Some(account);
            }
            index += 1;
            if index % 1000 == 0 {
                eprintln!("{index} users signed up");
            }
        }
        Ok(())
    }

    /// Connects everyone; the partner's address is known afterwards, so the codecs are made last.
    async fn connect_all(&mut self, stay: Stay) -> Result<()> {
        let everyone: Vec<usize> = (0..self.users.len()).collect();
        self.prepare(&everyone).await?;
        self.connect(&everyone, stay).await
    }

    /// Makes engines ready to connect, so that the time of connecting is the relay's and not theirs.
    async fn prepare(&mut self, indexes: &[usize]) -> Result<()> {
        for &index in indexes {
            if let Some(Some(account)) = self.accounts.get_mut(index) {
                account
                    .prepare()
                    .await
                    .with_context(|| format!("preparing user {index}"))?;
            }
        }
        Ok(())
    }

    async fn connect(&mut self, indexes: &[usize], stay: Stay) -> Result<()> {
        let system = self.common.system;
        let mut sockets = Vec::with_capacity(indexes.len());
        for some in indexes.chunks(AT_ONCE) {
            let mut taken: Vec<(usize, Option<Account>)> = some
                .iter()
                .map(|&index| (index, self.accounts.get_mut(index).and_then(Option::take)))
                .collect();
            let opened = taken.iter_mut().map(|(index, account)| {
                let address = &self.address;
                async move {
                    let socket =
                        user::connect(system, address, *index, account.as_mut(), stay).await?;
                    if let Some(account) = account
                        && account.address.token.is_empty()
                    {
                        account.register_token().await?;
                    }
                    anyhow::Ok(socket)
                }
            });
            let opened = futures_util::future::join_all(opened).await;
            for ((index, account), socket) in taken.into_iter().zip(opened) {
                sockets.push((
                    index,
                    socket.with_context(|| format!("connection of user {index}"))?,
                ));
                if let (Some(account), Some(partner)) = (&account, self.partners.get_mut(index)) {
                    *partner = account.address.clone();
                }
                if let Some(place) = self.accounts.get_mut(index) {
                    *place = account;
                }
            }
        }
        for (index, socket) in sockets {
            let partner = self.partners.get(index ^ 1).cloned().unwrap_or_default();
            let codec = Codec::new(system, partner, self.common.body_bytes, phases::seed(index));
            if let Some(place) = self.users.get_mut(index) {
                *place = Some(socket.spawn(codec, self.tally.clone()));
            }
        }
        Ok(())
    }

    /// Odd users leave, even users write to them, then they come back and drain.
    async fn offline(&mut self, each: usize) -> Result<()> {
        let odd: Vec<usize> = (1..self.users.len()).step_by(2).collect();
        for &index in &odd {
            if let Some(place) = self.users.get_mut(index) {
                *place = None;
            }
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        self.tally.since.store(connection::clock(), Relaxed);
        let stored = self.load().store(each).await?;
        self.print("store_per_s", stored, "1/s");
        let expected = (odd.len() * each) as u64;
        self.prepare(&odd).await?;
        let drain = phases::Drain::start(&self.tally, expected);
        self.connect(&odd, Stay::Short).await?;
        let drained = drain.finish(&self.tally).await?;
        self.load().settle().await;
        drain.ensure_each_once(&self.tally)?;
        self.print("drain_per_s", drained, "1/s");
        Ok(())
    }

    fn load(&self) -> Load<'_> {
        Load {
            users: &self.users,
            tally: &self.tally,
            pids: &self.common.pids,
            print: Box::new(|metric, value, unit| self.print(metric, value, unit)),
        }
    }

    fn usage(&self) -> process::Usage {
        process::usage(&self.common.pids)
    }

    fn print(&self, metric: &str, value: f64, unit: &str) {
        let rounded = (value * 1000.0).round() / 1000.0;
        let line = serde_json::json!({
            "bench": self.bench, "system": self.common.name, "metric": metric, "value": rounded, "unit": unit,
        });
        println!("{line}");
    }
}
