//! What can be typed. Exit codes stand in `exit.rs` and in `docs/cli.md`. Names and texts of people may start with a dash.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// SecureChat on the command line: chat, scripts and bots over the same engine as the browser.
#[derive(Parser)]
#[command(version, about)]
pub struct Arguments {
    /// Address of the server; without it API_URL counts, else http://localhost:8000.
    #[arg(long, env = "SECURECHAT_SERVER", global = true)]
    pub server: Option<String>,
    /// Folder of the encrypted store.
    #[arg(long, env = "SECURECHAT_STORE", global = true)]
    pub store: Option<PathBuf>,
    /// One JSON object a line instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Seconds to wait for the server, at most a day.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400), global = true)]
    pub patience: u64,
    #[command(subcommand)]
    pub task: Task,
}

#[derive(Subcommand)]
pub enum Task {
    /// Makes keys and an account. The password comes from SECURECHAT_PASSWORD or standard input.
    Signup(SignUp),
    /// Opens a session again for the account of this store.
    Login(LogIn),
    /// Ends the session.
    Logout {
        /// Also deletes the store: history and keys are gone.
        #[arg(long)]
        erase: bool,
    },
    /// Who I am and whether the server is reached.
    Status,
    /// Contacts, requests and invite links.
    #[command(subcommand)]
    Contact(Contact),
    /// Sends a message and waits until the server has stored it.
    Send(Send),
    /// Prints what has arrived and marks it read.
    Receive(Receive),
    /// Prints what arrives and carries out orders from standard input, one JSON object a line both ways.
    Bot,
    /// Prints a conversation, oldest first.
    History {
        #[arg(allow_hyphen_values = true)]
        who: String,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Searches messages and contacts.
    Search {
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Shows the safety number; compares or confirms it; accepts new keys.
    Verify(Verify),
    /// Shows the recovery kit, once; with --check erases it from this store after you have put it away.
    Kit {
        /// The characters asked for, retyped from the paper.
        #[arg(long)]
        check: Option<String>,
    },
    /// Load generator for the benchmarks.
    #[command(subcommand, hide = true)]
    Loadgen(crate::loadgen::Loadgen),
}

impl Task {
    /// It changes nothing, here or elsewhere, and nothing counts as shown because of it.
    pub fn shows_only(&self) -> bool {
        match self {
            Self::Status
            | Self::History { .. }
            | Self::Search { .. }
            | Self::Contact(Contact::List | Contact::Requests) => true,
            Self::Signup(_)
            | Self::Login(_)
            | Self::Logout { .. }
            | Self::Contact(_)
            | Self::Send(_)
            | Self::Receive(_)
            | Self::Bot
            | Self::Verify(_)
            | Self::Kit { .. }
            | Self::Loadgen(_) => false,
        }
    }
}

#[derive(Args)]
pub struct SignUp {
    pub handle: String,
    /// Name shown to contacts; the handle by default.
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub device: Device,
}

#[derive(Args)]
pub struct LogIn {
    pub handle: String,
    #[command(flatten)]
    pub device: Device,
}

#[derive(Args)]
pub struct Device {
    /// What this device is called in the list of sessions, which you alone see; the name of the machine by default.
    #[arg(long)]
    pub device_name: Option<String>,
}

impl Device {
    pub fn name(self) -> String {
        self.device_name.unwrap_or_else(|| {
            let asked = std::process::Command::new("uname").arg("-n").output();
            let host =
                asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
            let host = host.ok().filter(|host| !host.is_empty());
            format!(
                "Terminal on {}",
                host.as_deref().unwrap_or(std::env::consts::OS)
            )
        })
    }
}

#[derive(Subcommand)]
pub enum Contact {
    /// By handle, or by the text of an invite link.
    Add {
        #[arg(required_unless_present = "link")]
        handle: Option<String>,
        #[arg(long, conflicts_with = "handle")]
        link: Option<String>,
    },
    List,
    /// Open message requests.
    Requests,
    Accept {
        #[arg(allow_hyphen_values = true)]
        who: String,
    },
    Decline {
        #[arg(allow_hyphen_values = true)]
        who: String,
    },
    Block {
        #[arg(allow_hyphen_values = true)]
        who: String,
    },
    Unblock {
        #[arg(allow_hyphen_values = true)]
        who: String,
    },
    /// Makes a new invite link; the former one stops working.
    Link,
}

#[derive(Args)]
pub struct Send {
    #[arg(allow_hyphen_values = true)]
    pub who: String,
    #[arg(allow_hyphen_values = true)]
    pub text: String,
    /// Also waits until the other side has it.
    #[arg(long)]
    pub delivered: bool,
}

#[derive(Args)]
pub struct Receive {
    /// Stays and prints what comes.
    #[arg(long)]
    pub follow: bool,
    /// Prints at most so many messages; with --follow it then ends.
    #[arg(long)]
    pub count: Option<usize>,
}

#[derive(Args)]
pub struct Verify {
    #[arg(allow_hyphen_values = true)]
    pub who: String,
    /// "The numbers are the same."
    #[arg(long, conflicts_with_all = ["differs", "qr"])]
    pub same: bool,
    /// "They differ", or: take it back.
    #[arg(long, conflicts_with = "qr")]
    pub differs: bool,
    /// The text of the other side's safety QR.
    #[arg(long)]
    pub qr: Option<String>,
    /// "I know that these are new keys": what waited is sent under them. Shows the new safety number, to be compared.
    /// With --qr only when the code is theirs, and they count as compared then.
    #[arg(long, conflicts_with_all = ["same", "differs"])]
    pub accept_new_keys: bool,
    /// Also when safety numbers had been compared with the old keys.
    #[arg(long, requires = "accept_new_keys")]
    pub sure: bool,
    /// The 60 digits that were compared: --same and --accept-new-keys are refused when they are others by now.
    #[arg(long, conflicts_with_all = ["differs", "qr"])]
    pub number: Option<String>,
}
