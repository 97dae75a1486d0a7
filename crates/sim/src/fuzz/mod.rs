//! One plain function for every decoder of bytes that come from outside. It must hold for all bytes: no panic, bounded
//! time and memory, and what decodes stays the same when it is encoded and decoded again; otherwise it panics.
//!
//! `fuzz/corpus/TARGET/` holds samples that decode. `tests/fuzz.rs` replays and mutates them; `fuzz/` runs libFuzzer.

mod device;
mod harness;
mod mutate;
mod recorded;
mod relay;
mod samples;
mod secrets;
mod words;

pub use harness::{corpus_folder, read_corpus};
pub use mutate::Mutator;
pub use samples::{Sample, samples};

/// A decoder under test.
pub struct Target {
    /// Folder of its corpus, and its name for libFuzzer.
    pub name: &'static str,
    /// Whether the input was accepted: every sample must be, or it tests only the first check of its decoder.
    pub run: fn(&[u8]) -> bool,
    /// Mutations of each sample in the tests: fewer for those that compute a lot.
    pub mutations: u32,
}

const fn target(name: &'static str, run: fn(&[u8]) -> bool, mutations: u32) -> Target {
    Target {
        name,
        run,
        mutations,
    }
}

/// Every decoder. A new one gets a row here, samples in `samples.rs` and a file in `fuzz/fuzz_targets/`.
pub const TARGETS: &[Target] = &[
    target("client_frame", words::client_frame, 2000),
    target("server_frame", words::server_frame, 2000),
    target("content", words::content, 2000),
    target("log_entry", words::log_entry, 1000),
    target("log_chain", words::log_chain, 300),
    target("fork_proof", words::fork_proof, 500),
    target("signed_bundle", words::signed_bundle, 500),
    target("rest_body", words::rest_body, 500),
    target("text", words::text, 2000),
    target("envelope", secrets::envelope, 200),
    target("sealed_body", secrets::sealed_body, 300),
    target("peer_sessions", secrets::peer_sessions, 500),
    target("peer_bundle", secrets::peer_bundle, 300),
    target("stored_keys", secrets::stored_keys, 1000),
    target("recovery_text", secrets::recovery_text, 2000),
    target("safety_qr", secrets::safety_qr, 1000),
    target("vault_key", secrets::vault_key, 1000),
    target("account_record", secrets::account_record, 1000),
    target("counter", secrets::counter, 1000),
    target("opaque_answer", secrets::opaque_answer, 20),
    target("connection", relay::connection, 1500),
    target("device", device::device, 60),
];

/// Runs one input against the target of that name.
///
/// # Panics
/// The decoder does not hold, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").run)(bytes)
}
