//! The limiter that is shared: a balance behind a short lock, its listeners.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::config::RateLimiterConfig;
use super::state::{Balance, Rule};
use crate::clock::{Clock, Nanos, nanos};
use crate::listeners::Listeners;
use crate::rejection::{Invalid, Rejection};

/// Something that happened in a rate limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Permissions were given, or booked.
    SuccessfulAcquire {
        /// How many.
        permits: i32,
    },
    /// There were not enough within the time-out.
    FailedAcquire {
        /// How many were asked for.
        permits: i32,
    },
    /// What was left was thrown away.
    Drained {
        /// As the original counts: the debt there was, never above zero.
        permits: i32,
    },
}

type Listener = dyn Fn(&Event) + Send + Sync;

#[derive(Debug)]
struct Inner {
    balance: Balance,
    rule: Rule,
    timeout: u64,
}

struct Shared {
    name: Arc<str>,
    config: RateLimiterConfig,
    clock: Clock,
    created: Nanos,
    inner: Mutex<Inner>,
    listeners: Listeners<Listener>,
    waiting: AtomicU32,
}

/// A rate limiter; clones share their permissions.
#[derive(Clone)]
pub struct RateLimiter {
    shared: Arc<Shared>,
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl RateLimiter {
    /// A limiter with these settings.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn new(name: &str, config: RateLimiterConfig) -> Result<Self, Invalid> {
        let clock = Clock::new();
        Self::build(name, config, clock, clock.now())
    }

    /// A limiter made at `created` on a time line of the caller's.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn created_at(name: &str, config: RateLimiterConfig, created: Nanos) -> Result<Self, Invalid> {
        Self::build(name, config, Clock::new(), created)
    }

    fn build(name: &str, config: RateLimiterConfig, clock: Clock, created: Nanos) -> Result<Self, Invalid> {
        config.validate()?;
        let rule = Rule { limit: config.limit_for_period, period: nanos(config.limit_refresh_period) };
        Ok(Self {
            shared: Arc::new(Shared {
                name: Arc::from(name),
                clock,
                created,
                inner: Mutex::new(Inner {
                    balance: Balance::new(rule),
                    rule,
                    timeout: nanos(config.timeout_duration),
                }),
                config,
                listeners: Listeners::new(),
                waiting: AtomicU32::new(0),
            }),
        })
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &RateLimiterConfig {
        &self.shared.config
    }

    /// Books `permits` and says how long to wait before using them.
    ///
    /// # Errors
    /// [`Rejection::RequestNotPermitted`], and nothing booked, when the wait would be longer than the time-out.
    pub fn reserve_at(&self, permits: i32, now: Nanos) -> Result<Duration, Rejection> {
        let now = self.since_creation(now);
        let wait = {
            let mut inner = self.shared.inner.lock();
            let mut balance = inner.balance.at(now, inner.rule);
            let wait = balance.wait(permits, now, inner.rule);
            let within = wait <= inner.timeout;
            if within {
                balance.permissions = balance.permissions.wrapping_sub(permits);
            }
            inner.balance = balance;
            within.then_some(wait)
        };
        match wait {
            Some(wait) => {
                self.publish(Event::SuccessfulAcquire { permits });
                Ok(Duration::from_nanos(wait))
            }
            None => {
                self.publish(Event::FailedAcquire { permits });
                Err(Rejection::RequestNotPermitted { name: Arc::clone(&self.shared.name) })
            }
        }
    }

    /// Waits for a permission, at most as long as the time-out.
    ///
    /// # Errors
    /// At once, when the wait would be longer than that.
    pub async fn acquire(&self) -> Result<(), Rejection> {
        self.acquire_at(self.shared.clock.now()).await
    }

    /// The same at `now`, which somebody has read just before.
    ///
    /// # Errors
    /// At once, when the wait would be longer than the time-out.
    pub async fn acquire_at(&self, now: Nanos) -> Result<(), Rejection> {
        let wait = self.reserve_at(1, now)?;
        if !wait.is_zero() {
            let _waiting = Waiting::begin(&self.shared.waiting);
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Calls that wait for their permission.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Makes the call once there is a permission.
    ///
    /// # Errors
    /// The call's own, or the limiter's refusal.
    pub async fn call<T, E, F>(&self, call: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        self.acquire().await?;
        call().await
    }

    /// Throws away what is left of this period. A debt is forgiven, as the original does.
    pub fn drain_at(&self, now: Nanos) {
        let now = self.since_creation(now);
        let before = {
            let mut inner = self.shared.inner.lock();
            let before = inner.balance.permissions;
            let mut balance = inner.balance.at(now, inner.rule);
            balance.permissions = balance.permissions.wrapping_sub(before);
            inner.balance = balance;
            before
        };
        self.publish(Event::Drained { permits: before.min(0) });
    }

    /// Permissions at `now`; below zero when some are booked ahead.
    #[must_use]
    pub fn available_at(&self, now: Nanos) -> i32 {
        let inner = self.shared.inner.lock();
        inner.balance.at(self.since_creation(now), inner.rule).permissions
    }

    /// Permissions now; below zero when some are booked ahead.
    #[must_use]
    pub fn available(&self) -> i32 {
        self.available_at(self.shared.clock.now())
    }

    /// How long a caller at `now` would wait for one permission, whatever the time-out.
    #[must_use]
    pub fn wait_for_one_at(&self, now: Nanos) -> Duration {
        let now = self.since_creation(now);
        let inner = self.shared.inner.lock();
        Duration::from_nanos(inner.balance.at(now, inner.rule).wait(1, now, inner.rule))
    }

    /// The number of the period at `now`, counted from the limiter's creation.
    #[must_use]
    pub fn cycle_at(&self, now: Nanos) -> u64 {
        let inner = self.shared.inner.lock();
        inner.balance.at(self.since_creation(now), inner.rule).cycle
    }

    /// From the next period on there are `limit` permissions; what is there now stays.
    ///
    /// # Errors
    /// When `limit` is below one.
    pub fn change_limit_for_period(&self, limit: i32) -> Result<(), Invalid> {
        Invalid::unless(limit >= 1, "limitForPeriod", "at least 1")?;
        self.shared.inner.lock().rule.limit = limit;
        Ok(())
    }

    /// From now on callers wait at most this long.
    pub fn change_timeout_duration(&self, timeout: Duration) {
        self.shared.inner.lock().timeout = nanos(timeout);
    }

    /// Calls `listener` with every event from now on, in the thread in which it happens.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.shared.listeners.add(Arc::new(listener));
    }

    fn since_creation(&self, now: Nanos) -> u64 {
        now.0.saturating_sub(self.shared.created.0)
    }

    fn publish(&self, event: Event) {
        self.shared.listeners.each(|listener| listener(&event));
    }
}

/// Counts a caller while it waits, given up or not.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
