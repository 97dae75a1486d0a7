//! The simulator: many engines, the relay's rooms, a bad network and disk, one seed.
//!
//! Development only; may use every crate.

pub mod dice;
pub mod fuzz;
