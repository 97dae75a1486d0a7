//! The real server on a free port, with a data folder of its own.

use crate::person::Person;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Server {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With further settings.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(binary())
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--metrics-listen",
                "127.0.0.1:0",
                "--ready-fd",
                "1",
                "--data",
            ])
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .env("OPAQUE_MEMORY_KIB", "8192")
            .env_remove("DATABASE_URL")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("one JSON line");
        let address = ready["http"].as_str().expect("an address").to_owned();
        Self {
            child,
            address,
            folder,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Somebody with a store of their own, empty so far.
    pub fn person(&self, name: &str) -> Person {
        Person::new(
            self.folder.path().join(name),
            &self.address,
            "correct horse battery",
        )
    }

    /// The same store, with another password at hand.
    pub fn with_password(&self, person: &Person, password: &str) -> Person {
        Person::new(person.store().to_owned(), &self.address, password)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `securechat` beside `securechat-cli`, built when nobody has built it yet: cargo builds no program of another package
/// for a test.
fn binary() -> PathBuf {
    let ours = PathBuf::from(env!("CARGO_BIN_EXE_securechat-cli"));
    let server = ours.with_file_name("securechat");
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        if !server.exists() {
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--package", "securechat-server"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(built.expect("cargo").success(), "the server does not build");
        }
    });
    server
}
