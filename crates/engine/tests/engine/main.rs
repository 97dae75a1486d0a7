//! The engine as its shells see it: two and more people, an honest relay in memory, a clock that tests move.

mod relay;
mod talking;
mod trouble;
mod world;
