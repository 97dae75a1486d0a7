//! Child processes that end with their owner, and scratch folders that vanish with theirs.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest start of a server.
const START: Duration = Duration::from_secs(30);

/// A temporary folder, removed on drop.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Result<Self> {
        let path =
            std::env::temp_dir().join(format!("securechat-bench-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// On the disk of the target folder: the folder of temporary files may be memory.
    pub fn on_disk(name: &str) -> Result<Self> {
        let path = crate::target().join(format!("bench-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server, ended on drop: asked by the end of its input when it was started so, else killed.
pub struct Server {
    child: Child,
    asked_by_input: bool,
    /// The line it printed when it was ready.
    pub ready: serde_json::Value,
}

impl Server {
    /// Starts `command` and waits for one JSON line in `ready_file`.
    pub fn start(mut command: Command, ready_file: &Path) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::wait(command, ready_file, false)
    }

    /// The same for a command that ends when its standard input does, and then tidies up.
    pub fn start_until_input_ends(mut command: Command, ready_file: &Path) -> Result<Self> {
        command.stdin(Stdio::piped());
        Self::wait(command, ready_file, true)
    }

    fn wait(mut command: Command, ready_file: &Path, asked_by_input: bool) -> Result<Self> {
        let child = command.spawn().context("server does not start")?;
        let mut server = Self {
            child,
            asked_by_input,
            ready: serde_json::Value::Null,
        };
        let end = Instant::now() + START;
        while Instant::now() < end {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended at its start: {status}");
            }
            let line = fs::read_to_string(ready_file).unwrap_or_default();
            if line.ends_with('\n') {
                server.ready = serde_json::from_str(line.lines().next().unwrap_or_default())?;
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server was not ready in time")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.asked_by_input {
            drop(self.child.stdin.take());
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Runs a command to its end; an exit code other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
