//! Replays every sample of the corpora, and seeded mutations of each, against every decoder.
//!
//! `SECURECHAT_WRITE_CORPUS=1 cargo test -p securechat-sim --test fuzz committed` records the corpora again.
//! `FUZZ_ROUNDS` multiplies the mutations, `FUZZ_SEED` gives others; `scripts/soak/fuzz` sets both.

// A counting allocator cannot be said in safe Rust; this file never ships.
#![allow(unsafe_code)]

use securechat_sim::fuzz::{Mutator, TARGETS, Target, corpus_folder, read_corpus, samples};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// No input may take longer; wall time on a loaded machine, so far above what any does.
const TIME_MAX: Duration = Duration::from_secs(10);
/// No input may hold more at a time: what OPAQUE's stretching is allowed here, and room for everything else.
const ALLOCATED_MAX: usize = 24 * 1024 * 1024;

struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn count(grown: usize, shrunk: usize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get().wrapping_add(grown).wrapping_sub(shrunk));
        // Freeing what an earlier input allocated would go below zero.
        if held.get() > usize::MAX / 2 {
            held.set(0);
        }
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs one input: whether it was accepted, or what was wrong.
fn run(target: &Target, input: &[u8]) -> Result<bool, String> {
    HELD.set(0);
    PEAK.set(0);
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let (peak, time) = (PEAK.get(), start.elapsed());
    let is_accepted = outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        format!("panic: {}", text.unwrap_or("without text"))
    })?;
    if peak > ALLOCATED_MAX {
        return Err(format!("held {peak} bytes"));
    }
    if time > TIME_MAX {
        return Err(format!("took {time:?}"));
    }
    Ok(is_accepted)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_decoder_holds_on_its_corpus_and_on_mutations_of_it() {
    let (rounds, seed) = (number("FUZZ_ROUNDS", 1), number("FUZZ_SEED", 1));
    let only = std::env::var("FUZZ_TARGET").ok();
    let (mut inputs, mut accepted, mut faults) = (0_u64, 0_u64, Vec::new());
    for target in TARGETS {
        if only.as_deref().is_some_and(|only| only != target.name) {
            continue;
        }
        let corpus = read_corpus(target.name).expect("the corpus is there");
        assert!(!corpus.is_empty(), "{}: no samples", target.name);
        let mut mutator = Mutator::new(&corpus, seed);
        let mut check = |name: &str, input: &[u8]| {
            inputs += 1;
            let outcome = run(target, input);
            accepted += u64::from(outcome == Ok(true));
            if let Err(fault) = &outcome {
                faults.push(format!(
                    "{} {name}: {fault}\n  input: {}",
                    target.name,
                    hex(input)
                ));
            }
            outcome
        };
        check("empty", &[]).ok();
        for (name, sample) in &corpus {
            let is_accepted = check(name, sample);
            assert!(
                is_accepted != Ok(false),
                "{} {name}: a sample is refused",
                target.name
            );
            for number in 0..u64::from(target.mutations) * rounds {
                check(
                    &format!("{name}, mutation {number} of seed {seed}"),
                    &mutator.mutate(sample),
                )
                .ok();
            }
        }
    }
    println!(
        "closing: {inputs} inputs to {} decoders, {accepted} accepted",
        TARGETS.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_committed_corpora_are_what_the_recorder_makes() {
    let write = std::env::var_os("SECURECHAT_WRITE_CORPUS").is_some();
    for sample in samples() {
        let path = corpus_folder(sample.target).join(&sample.name);
        if write {
            std::fs::create_dir_all(corpus_folder(sample.target)).expect("the folder can be made");
            std::fs::write(&path, &sample.bytes).expect("the sample can be written");
        }
        let stored = std::fs::read(&path).expect("the sample is committed");
        assert!(
            stored == sample.bytes,
            "{}: not what is recorded now",
            path.display()
        );
    }
    for target in TARGETS {
        let driver = corpus_folder("..")
            .join("fuzz_targets")
            .join(format!("{}.rs", target.name));
        assert!(driver.is_file(), "{} has no libFuzzer target", target.name);
    }
}
