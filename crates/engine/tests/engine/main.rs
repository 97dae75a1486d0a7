//! The engine as its shells see it: two and more people, an honest relay in memory, a clock that tests move.

mod accounts;
mod contacts;
mod identity;
mod keys;
mod missing;
mod relay;
mod synced;
mod talking;
mod trouble;
mod world;
