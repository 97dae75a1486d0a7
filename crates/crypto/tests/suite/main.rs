//! Identity, seen from outside the crate: account logs, bundles, safety numbers, known answers.

mod account_log;
mod bundle;
mod codes;
mod fork;
mod histories;
mod safety_number;
mod signatures;
mod terms;
mod vectors;
mod wire;
mod world;
