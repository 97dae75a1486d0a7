//! A person at the terminal: one store, one password, `--json` unless they look themselves.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
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

    /// Exit code of a task whose output has no room, and what it says on standard error.
    pub fn onto_a_full_disk(&self, json: bool, task: &[&str]) -> (Option<i32>, String) {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        self.printing_to(full.expect("a device").into(), json, task)
    }

    /// The same of a task whose reader has gone away.
    pub fn to_nobody(&self, json: bool, task: &[&str]) -> (Option<i32>, String) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.printing_to(writer.into(), json, task)
    }

    #[track_caller]
    fn printing_to(&self, output: Stdio, json: bool, task: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(json, task);
        command.stdin(Stdio::null()).stdout(output);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program");
        let code = end_of(&mut child, task);
        let mut told = String::new();
        let mut said = child.stderr.take().expect("its words");
        said.read_to_string(&mut told).expect("text");
        (code, told)
    }

    /// A task where no file may grow beyond so many bytes, as on a full disk. With `fails` the write fails, else it ends
    /// the process like a loss of power.
    pub fn where_files_end_at(&self, bytes: u32, fails: bool, task: &[&str]) -> Output {
        let meant = self.command(true, task);
        let first = if fails { "trap '' XFSZ" } else { "ulimit -c 0" };
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                &format!("{first}; exec prlimit --fsize={bytes} \"$0\" \"$@\""),
            ])
            .arg(meant.get_program())
            .args(meant.get_args());
        for (name, value) in meant.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // A program measured for coverage writes its counts at its end: that write would meet the limit.
        command.env("LLVM_PROFILE_FILE", "/dev/null");
        command.output().expect("the program")
    }

    /// Starts a task and goes away after its first line; then what `happens` has time to happen.
    #[track_caller]
    pub fn reads_one_line_of(&self, task: &[&str], happens: impl FnOnce()) -> Option<i32> {
        let mut command = self.command(true, task);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().expect("the program");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        output.read_line(&mut line).expect("a line");
        drop(output);
        happens();
        end_of(&mut child, task)
    }

    /// What a person sees.
    pub fn text(&self, task: &[&str]) -> String {
        String::from_utf8(self.run(false, task).stdout).expect("text")
    }

    /// What a person is told when it does not work.
    pub fn said(&self, task: &[&str]) -> String {
        String::from_utf8(self.run(false, task).stderr).expect("text")
    }

    /// Exit code and lines of a task that is given `text` on standard input, and no password otherwise.
    pub fn typed(&self, task: &[&str], text: &str) -> (i32, Vec<Value>) {
        let mut command = self.command(true, task);
        command.env_remove("SECURECHAT_PASSWORD");
        let mut running = Running::new(command);
        running.send(text.as_bytes());
        running.wait()
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

    /// Receives until the store knows `value` at `pointer` of the first contact.
    #[track_caller]
    pub fn learns(&self, pointer: &str, value: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let contacts = self.done(&["contact", "list"]);
            let known = contacts.first().and_then(|first| first.pointer(pointer));
            if known.and_then(Value::as_str) == Some(value) {
                return;
            }
            assert!(Instant::now() < end, "never {value}: {contacts:?}");
            self.done(&["receive"]);
        }
    }

    /// The texts of a conversation, oldest first.
    #[track_caller]
    pub fn texts(&self, who: &str) -> Vec<String> {
        let lines = self.done(&["history", who]);
        let texts = lines
            .iter()
            .filter_map(|line| line["message"]["body"]["text"].as_str());
        texts.map(str::to_owned).collect()
    }

    /// A task that goes on by itself.
    pub fn start(&self, task: &[&str]) -> Running {
        Running::new(self.command(true, task))
    }

    /// A Python program that finds `securechat-cli` and is this person.
    pub fn python(&self, code: &str) -> Running {
        let program = Path::new(env!("CARGO_BIN_EXE_securechat-cli"));
        let folder = program.parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("python3");
        command
            .args(["-c", code])
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("SECURECHAT_SERVER", &self.server)
            .env("SECURECHAT_STORE", &self.store)
            .env("SECURECHAT_PASSWORD", &self.password);
        Running::new(command)
    }
}

/// A program that runs, with its standard input and one JSON object a line of output; killed when it is dropped.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Value>,
}

impl Running {
    fn new(mut command: Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("the program");
        let (sender, output) = channel();
        let printed = BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || {
            for line in printed.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).expect("one JSON object a line");
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            output,
        }
    }

    /// Its next line.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        self.output.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// Its next line with this key; what comes before it is skipped.
    #[track_caller]
    pub fn line(&mut self, key: &str) -> Value {
        loop {
            let line = self.next();
            assert!(line.get("error").is_none(), "{line}");
            if line.get(key).is_some() {
                return line;
            }
        }
    }

    pub fn order(&mut self, order: &Value) {
        self.write(order.to_string().as_bytes());
    }

    /// One line of input.
    pub fn write(&mut self, line: &[u8]) {
        self.send(&[line, b"\n"].concat());
    }

    fn send(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("an open input");
        input.write_all(bytes).expect("somebody reads");
    }

    /// Ends its input; what it still prints, when it ends well.
    #[track_caller]
    pub fn end(self) -> Vec<Value> {
        let (code, lines) = self.wait();
        assert_eq!(code, 0, "{lines:?}");
        lines
    }

    /// What it has printed when it ends by itself.
    #[track_caller]
    pub fn lines(self) -> Vec<Value> {
        self.end()
    }

    fn wait(mut self) -> (i32, Vec<Value>) {
        drop(self.input.take());
        self.ended()
    }

    /// Exit code and what it still prints, when it ends although nobody ends its input.
    #[track_caller]
    pub fn ended(mut self) -> (i32, Vec<Value>) {
        let mut lines = Vec::new();
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {lines:?}"),
            }
        }
        let status = self.child.wait().expect("an end");
        (status.code().unwrap_or(-1), lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code of a task that ends by itself.
#[track_caller]
fn end_of(child: &mut Child, task: &[&str]) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("the program") {
            return status.code();
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{task:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn lines(output: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(output);
    let read = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"));
    read.collect()
}
