//! The limiter that is shared: who finds a permission in the present period takes it by one exchange; a new period and a wait that is
//! booked take a short lock.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::config::RateLimiterConfig;
use super::state::{Balance, Rule};
use crate::clock::{Clock, Nanos, nanos};
use crate::listeners::Listeners;
use crate::rejection::{Invalid, Rejection};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

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
    /// The period of `held`, whole.
    cycle: u64,
    rule: Rule,
    timeout: u64,
}

/// Permissions, and the end of the number of the period they are of: who takes one takes it of the period that was looked at, or
/// not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held(u64);

impl Held {
    fn new(cycle: u64, permissions: i32) -> Self {
        Self(cycle << 32 | u64::from(permissions.cast_unsigned()))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is the number")]
    const fn permissions(self) -> i32 {
        (self.0 as u32).cast_signed()
    }

    const fn of_cycle(self) -> u64 {
        self.0 >> 32
    }
}

struct Shared {
    name: Arc<str>,
    config: RateLimiterConfig,
    clock: Clock,
    created: Nanos,
    /// See [`Held`].
    held: AtomicU64,
    /// When the period of `held` is over, or an earlier one: it follows.
    ends: AtomicU64,
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
        let first = Balance::new(rule);
        Ok(Self {
            shared: Arc::new(Shared {
                name: Arc::from(name),
                clock,
                created,
                held: AtomicU64::new(Held::new(first.cycle, first.permissions).0),
                ends: AtomicU64::new(first.ends),
                inner: Mutex::new(Inner {
                    cycle: first.cycle,
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
        let wait = if self.takes_one_of_now(permits, now) {
            Some(0)
        } else {
            self.change(now, |inner, balance| {
                let wait = balance.wait(permits, now, inner.rule);
                let within = wait <= inner.timeout;
                if within {
                    balance.permissions = balance.permissions.wrapping_sub(permits);
                }
                within.then_some(wait)
            })
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
        let before = self.change_from(now, |_, before, balance| {
            balance.permissions = balance.permissions.wrapping_sub(before.permissions);
            before.permissions
        });
        self.publish(Event::Drained { permits: before.min(0) });
    }

    /// Permissions at `now`; below zero when some are booked ahead.
    #[must_use]
    pub fn available_at(&self, now: Nanos) -> i32 {
        self.balance(self.since_creation(now)).0.permissions
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
        let (balance, rule) = self.balance(now);
        Duration::from_nanos(balance.wait(1, now, rule))
    }

    /// The number of the period at `now`, counted from the limiter's creation.
    #[must_use]
    pub fn cycle_at(&self, now: Nanos) -> u64 {
        self.balance(self.since_creation(now)).0.cycle
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

    /// Takes the permissions when the present period has them, without a lock.
    #[inline]
    fn takes_one_of_now(&self, permits: i32, now: u64) -> bool {
        // In this order: of a newer `held` with an older end, nothing is taken too early.
        let held = Held(self.shared.held.load(Ordering::Acquire));
        if now >= self.shared.ends.load(Ordering::Acquire) || held.permissions() < permits {
            return false;
        }
        let left = Held::new(held.of_cycle(), held.permissions().wrapping_sub(permits));
        self.shared.held.compare_exchange(held.0, left.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The balance at `now`, and the rule for it.
    fn balance(&self, now: u64) -> (Balance, Rule) {
        let inner = self.shared.inner.lock();
        (self.read(&inner).at(now, inner.rule), inner.rule)
    }

    fn read(&self, inner: &Inner) -> Balance {
        let held = Held(self.shared.held.load(Ordering::Acquire));
        let ends = self.shared.ends.load(Ordering::Acquire);
        Balance { cycle: inner.cycle, ends, permissions: held.permissions() }
    }

    fn change<R>(&self, now: u64, change: impl Fn(&Inner, &mut Balance) -> R) -> R {
        self.change_from(now, |inner, _, balance| change(inner, balance))
    }

    /// Changes the balance at `now`; `change` also sees what it was before the time since was added, and may be asked again.
    fn change_from<R>(&self, now: u64, change: impl Fn(&Inner, Balance, &mut Balance) -> R) -> R {
        let mut inner = self.shared.inner.lock();
        loop {
            let before = self.read(&inner);
            let mut balance = before.at(now, inner.rule);
            let result = change(&inner, before, &mut balance);
            let old = Held::new(before.cycle, before.permissions).0;
            let new = Held::new(balance.cycle, balance.permissions).0;
            // Somebody may have taken a permission in between without the lock.
            if self.shared.held.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                inner.cycle = balance.cycle;
                self.shared.ends.store(balance.ends, Ordering::Release);
                return result;
            }
        }
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
