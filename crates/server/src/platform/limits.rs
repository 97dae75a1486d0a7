//! Rate limits per network and per account, in memory of this node. Over the limit: 429 with `Retry-After`.

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use securechat_proto::AccountId;
use std::num::NonZeroU32;
use std::time::Duration;

use super::http::Network;
use super::{ApiError, ApiResult, Clock};

/// Requests allowed: a burst, refilled over a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub period_s: u32,
}

/// The rates of one server; configuration, so that tests and large installations can differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Any request, by network.
    pub requests_per_network: Rate,
    /// Any authenticated request, by account.
    pub requests_per_account: Rate,
    /// Log-in, challenge and refresh, by network.
    pub logins_per_network: Rate,
    /// Sign-ups, by network.
    pub sign_ups_per_network: Rate,
    /// Handle look-ups, by account: they tell who exists.
    pub lookups_per_account: Rate,
    /// New sockets, by network.
    pub sockets_per_network: Rate,
    /// Submits on sockets, by account; none for what `mailbox` says.
    pub submits_per_account: Option<Rate>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            requests_per_network: Rate {
                burst: 600,
                period_s: 60,
            },
            requests_per_account: Rate {
                burst: 600,
                period_s: 60,
            },
            logins_per_network: Rate {
                burst: 60,
                period_s: 300,
            },
            sign_ups_per_network: Rate {
                burst: 40,
                period_s: 3600,
            },
            lookups_per_account: Rate {
                burst: 60,
                period_s: 600,
            },
            sockets_per_network: Rate {
                burst: 300,
                period_s: 60,
            },
            submits_per_account: None,
        }
    }
}

impl Rates {
    /// Rates that no test or load run meets.
    pub fn unlimited() -> Self {
        let open = Rate {
            burst: u32::MAX / 2,
            period_s: 1,
        };
        Self {
            requests_per_network: open,
            requests_per_account: open,
            logins_per_network: open,
            sign_ups_per_network: open,
            lookups_per_account: open,
            sockets_per_network: open,
            submits_per_account: Some(open),
        }
    }
}

/// A rate limiter whose keys are `K`, counting on the server's clock.
pub struct Limiter<K: Clone + std::hash::Hash + Eq> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, Clock, NoOpMiddleware<Nanos>>,
    clock: Clock,
}

impl<K: Clone + std::hash::Hash + Eq> Limiter<K> {
    pub fn new(rate: Rate, clock: Clock) -> Self {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let refill = Duration::from_secs(u64::from(rate.period_s.max(1))) / burst.get();
        let quota = Quota::with_period(refill.max(Duration::from_nanos(1)))
            .expect("the period is not zero")
            .allow_burst(burst);
        Self {
            limiter: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            clock,
        }
    }

    /// Counts one request of `key`.
    pub fn check(&self, key: &K) -> ApiResult<()> {
        self.limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(governor::clock::Clock::now(&self.clock));
            ApiError::rate_limited(wait.as_secs().saturating_add(1))
        })
    }

    /// Forgets keys that are back at a full burst.
    pub fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// Every limiter of this node.
pub struct Limits {
    pub requests_by_network: Limiter<Network>,
    pub requests_by_account: Limiter<AccountId>,
    pub logins: Limiter<Network>,
    pub sign_ups: Limiter<Network>,
    pub lookups: Limiter<AccountId>,
    pub sockets: Limiter<Network>,
}

impl Limits {
    pub fn new(rates: &Rates, clock: Clock) -> Self {
        Self {
            requests_by_network: Limiter::new(rates.requests_per_network, clock.clone()),
            requests_by_account: Limiter::new(rates.requests_per_account, clock.clone()),
            logins: Limiter::new(rates.logins_per_network, clock.clone()),
            sign_ups: Limiter::new(rates.sign_ups_per_network, clock.clone()),
            lookups: Limiter::new(rates.lookups_per_account, clock.clone()),
            sockets: Limiter::new(rates.sockets_per_network, clock),
        }
    }

    /// Bounds the memory: forgets idle keys. Called about once a minute.
    pub fn sweep(&self) {
        self.requests_by_network.sweep();
        self.requests_by_account.sweep();
        self.logins.sweep();
        self.sign_ups.sweep();
        self.lookups.sweep();
        self.sockets.sweep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use securechat_proto::Timestamp;

    #[test]
    fn a_burst_passes_then_the_wait_is_told_and_time_refills() {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let limiter = Limiter::new(
            Rate {
                burst: 3,
                period_s: 30,
            },
            clock.clone(),
        );
        let refusal = (0..4)
            .filter_map(|_| limiter.check(&1).err())
            .collect::<Vec<_>>();
        assert_eq!(refusal.len(), 1);
        assert!((1..=11).contains(&refusal[0].retry_after_s.unwrap_or(0)));
        assert!(limiter.check(&2).is_ok(), "another key has its own burst");
        clock.advance_ms(11_000);
        assert!(limiter.check(&1).is_ok());
    }
}
