//! Two devices talk through every fault a relay can cause.

mod exchange;
mod faults;
mod generations;
mod refusals;
pub(crate) mod world;
