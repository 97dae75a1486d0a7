//! Two devices talk through every fault a relay can cause.

mod exchange;
mod world;
