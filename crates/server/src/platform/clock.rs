//! The one place that reads the machine's clock.

use securechat_proto::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Time as the server sees it: the machine's, or one that a simulator moves by hand. Clones share it.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start.0))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(system_ms()),
            Source::Manual(ms) => Timestamp(ms.load(Ordering::Acquire)),
        }
    }

    /// Sets a manual clock; the machine's clock does not move.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(ms) = &self.0 {
            ms.store(now.0, Ordering::Release);
        }
    }

    /// Moves a manual clock forward; the machine's clock does not move.
    pub fn advance_ms(&self, by: u64) {
        if let Source::Manual(ms) = &self.0 {
            ms.fetch_add(by, Ordering::AcqRel);
        }
    }
}

/// The machine's own time: how old a memory is, how long something took. Nobody can set it, so no rule of the product
/// may depend on it.
#[allow(clippy::disallowed_methods)]
pub fn instant() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)]
fn system_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        })
}

/// Rate limits count on the same clock, so that a simulated hour refills them.
impl governor::clock::Clock for Clock {
    type Instant = governor::nanos::Nanos;

    fn now(&self) -> Self::Instant {
        governor::nanos::Nanos::new(Clock::now(self).0.saturating_mul(1_000_000))
    }
}
