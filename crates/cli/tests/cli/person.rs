//! A person at the terminal: one store, one password, `--json` unless they look themselves.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Person {
    store: PathBuf,
    server: String,
    password: String,
}

impl Person {
    pub fn new(store: PathBuf, server: &str, password: &str) -> Self {
        Self {
            store,
            server: server.to_owned(),
            password: password.to_owned(),
        }
    }

    pub fn store(&self) -> &Path {
        &self.store
    }

    /// The same person, looking for another server.
    pub fn at(&self, server: &str) -> Self {
        Self::new(self.store.clone(), server, &self.password)
    }

    fn command(&self, json: bool, task: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_securechat-cli"));
        command
            .args(["--server", &self.server, "--store"])
            .arg(&self.store);
        if json {
            command.arg("--json");
        }
        for name in [
            "SECURECHAT_SERVER",
            "SECURECHAT_STORE",
            "SECURECHAT_STORE_KEY",
            "API_URL",
            "WS_URL",
        ] {
            command.env_remove(name);
        }
        command
            .args(task)
            .env("SECURECHAT_PASSWORD", &self.password);
        command
    }

    fn run(&self, json: bool, task: &[&str]) -> Output {
        self.command(json, task).output().expect("the program")
    }

    /// The lines of a task that works.
    #[track_caller]
    pub fn done(&self, task: &[&str]) -> Vec<Value> {
        let (code, lines) = self.failed_or_done(task);
        assert_eq!(code, 0, "{task:?}: {lines:?}");
        lines
    }

    /// Exit code and lines.
    pub fn failed_or_done(&self, task: &[&str]) -> (i32, Vec<Value>) {
        let output = self.run(true, task);
        (output.status.code().unwrap_or(-1), lines(&output.stdout))
    }

    /// Exit code and the error's code of a task that does not work.
    #[track_caller]
    pub fn refused(&self, task: &[&str]) -> (i32, String) {
        let (code, lines) = self.failed_or_done(task);
        assert_ne!(code, 0, "{task:?}: {lines:?}");
        let error = &lines.last().expect("an error")["error"];
        (code, error["code"].as_str().unwrap_or_default().to_owned())
    }

    pub fn exit(&self, task: &[&str]) -> i32 {
        self.run(true, task).status.code().unwrap_or(-1)
    }

    /// What a person sees.
    pub fn text(&self, task: &[&str]) -> String {
        String::from_utf8(self.run(false, task).stdout).expect("text")
    }

    /// Repeats a task until one of its lines holds `value` at `pointer`.
    #[track_caller]
    pub fn eventually(&self, task: &[&str], pointer: &str, value: &str) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.done(task);
            let holds = |line: &Value| line.pointer(pointer).and_then(Value::as_str) == Some(value);
            if lines.iter().any(holds) {
                return lines;
            }
            assert!(
                Instant::now() < end,
                "{task:?} never says {value}: {lines:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A task that goes on by itself.
    pub fn start(&self, task: &[&str]) -> Running {
        let child = self.command(true, task).stdout(Stdio::piped()).spawn();
        Running(child.expect("the program"))
    }
}

pub struct Running(Child);

impl Running {
    /// What it has printed when it ends.
    pub fn lines(self) -> Vec<Value> {
        let output = self.0.wait_with_output().expect("an end");
        assert!(output.status.success());
        lines(&output.stdout)
    }
}

fn lines(output: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(output);
    let read = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"));
    read.collect()
}
