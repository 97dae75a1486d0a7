//! What every room stands on: configuration, clock, randomness, keys of the server, the directory database,
//! rate limits, errors, and the proof of who is asking.
//!
//! Knows: how to reach storage and time. Must never know: what any room keeps, or anything a person wrote.

pub mod auth;
pub mod clock;
pub mod config;
pub mod db;
pub mod error;
pub mod http;
pub mod limits;
pub mod primitives;
pub mod rng;
pub mod secrets;

pub use auth::{Access, Auth, RevokedSessions};
pub use clock::Clock;
pub use config::Config;
pub use error::{ApiError, ApiResult};
pub use limits::Limits;
pub use rng::Rng;
pub use secrets::Secrets;

use std::sync::Arc;

/// The ground a room stands on; cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

pub struct Inner {
    pub config: Config,
    pub clock: Clock,
    pub rng: Rng,
    pub secrets: Secrets,
    pub directory: db::Directory,
    pub auth: Auth,
    pub limits: Limits,
}

impl Platform {
    /// Puts the parts together; access tokens are minted and checked with a key derived from `secrets`.
    pub fn new(
        config: Config,
        clock: Clock,
        rng: Rng,
        secrets: Secrets,
        directory: db::Directory,
    ) -> Self {
        let auth = Auth::new(&secrets, clock.clone());
        let limits = Limits::new(&config.rates, clock.clone());
        Self(Arc::new(Inner {
            config,
            clock,
            rng,
            secrets,
            directory,
            auth,
            limits,
        }))
    }
}

impl std::ops::Deref for Platform {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
