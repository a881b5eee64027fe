//! The patterns around calls as the operator sees them: breakers, limiters, bulkheads, retries, and instances that are left
//! out. One source per application; the API puts them together.

use wellspring_wire::Millis;

use crate::denied::Denied;
use crate::schema::view;

/// The patterns of one application of this process.
pub trait Resilience: Send + Sync + 'static {
    /// Its name.
    fn daemon(&self) -> String;
    fn patterns(&self) -> Patterns;
    fn has_breaker(&self, name: &str) -> bool;
    /// Takes a breaker to a state by hand; answers what it was and what it is.
    fn change(&self, name: &str, change: &BreakerChange) -> Result<(Breaker, Breaker), Denied>;
}

view! {
    /// Everything that stands around calls.
    pub struct Patterns {
        /// Circuit breakers.
        breakers: Vec<Breaker>,
        /// Rate limiters of outgoing calls.
        limiters: Vec<Limiter>,
        /// Rate limiters of a gateway's routes.
        request_limiters: Vec<RequestLimiter>,
        /// Bounds of calls under way.
        bulkheads: Vec<BulkheadState>,
        /// Retries.
        retries: Vec<RetryState>,
        /// Instances that are not asked for a while.
        ejected: Vec<EjectedInstance>,
    }
}

view! {
    /// A circuit breaker.
    pub struct Breaker {
        /// The application.
        daemon: String,
        /// Its name.
        name: String,
        /// CLOSED, OPEN, HALF_OPEN, FORCED_OPEN, DISABLED, METRICS_ONLY.
        state: String,
        /// When it came to this state.
        since: Option<Millis>,
        /// When it goes back by itself after it was set by hand.
        until: Option<Millis>,
        /// Who set it.
        set_by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Percent of failed calls; absent while there are too few calls.
        failure_rate: Option<f64>,
        /// Percent of slow calls.
        slow_rate: Option<f64>,
        /// Percent of failed calls that open it.
        failure_threshold: f64,
        /// Percent of slow calls that open it.
        slow_threshold: f64,
        /// Calls in its window.
        buffered: u64,
        /// Of these, the failed ones.
        failed: u64,
        /// Of these, the slow ones.
        slow: u64,
        /// Calls refused since it came to this state.
        not_permitted: u64,
        /// When an open one lets calls through again to see.
        next_probe: Option<Millis>,
        /// Routes of the gateway that it guards.
        routes: Vec<String>,
    }
}

view! {
    /// A rate limiter.
    pub struct Limiter {
        /// The application.
        daemon: String,
        /// Its name.
        name: String,
        /// Calls that may be made now; negative: already promised.
        available: i64,
        /// Calls per period.
        limit: u64,
        /// The period, in milliseconds.
        period_ms: f64,
        /// Calls that wait.
        waiting: u64,
    }
}

view! {
    /// A RequestRateLimiter of a gateway's route. Whom it has counted is not told: keys of clients may be secrets.
    pub struct RequestLimiter {
        /// The gateway.
        daemon: String,
        /// Its route.
        route: String,
        /// Where its buckets are: local or redis.
        kept_in: String,
        /// What it counts by.
        key: String,
        /// Tokens per second.
        replenish: u64,
        /// Tokens that a bucket holds.
        burst: u64,
        /// Tokens that a request takes.
        requested: u64,
        /// Requests let through, since the start or since the limiter was changed.
        allowed: u64,
        /// Of the others, those refused because their bucket was empty.
        refused: u64,
        /// Those refused because they had no key.
        nameless: u64,
        /// Those let through because Redis could not be asked.
        unasked: u64,
        /// When one was last refused.
        last_refused: Option<Millis>,
    }
}

view! {
    /// A bulkhead.
    pub struct BulkheadState {
        /// The application.
        daemon: String,
        /// Its name.
        name: String,
        /// Calls that may begin now.
        available: u64,
        /// Calls at once.
        max: u64,
    }
}

view! {
    /// A retry.
    pub struct RetryState {
        /// The application.
        daemon: String,
        /// Its name.
        name: String,
        /// Attempts, the first one included.
        attempts: u64,
        /// Calls that went well at once.
        succeeded: u64,
        /// Calls that went well after a retry.
        succeeded_later: u64,
        /// Calls that failed and were not repeated.
        failed: u64,
        /// Calls that failed after all retries.
        failed_finally: u64,
    }
}

view! {
    /// An instance that is left out because calls to it failed.
    pub struct EjectedInstance {
        /// The application that leaves it out.
        daemon: String,
        /// Its service.
        service: String,
        /// Its id.
        instance: String,
        /// Host and port.
        address: String,
        /// Until then.
        until: Option<Millis>,
    }
}

/// A state that somebody wants a breaker to have.
#[derive(Debug, Clone)]
pub struct BreakerChange {
    /// FORCED_OPEN, CLOSED or DISABLED.
    pub state: String,
    /// After so many minutes it is closed again; 0: it stays.
    pub minutes: u64,
    pub actor: String,
    pub reason: Option<String>,
}

view! {
    /// The state a breaker is to have.
    pub struct BreakerOrder {
        /// FORCED_OPEN, CLOSED or DISABLED.
        state: String,
        /// After so many minutes it is closed again; without them it stays.
        minutes: Option<u64>,
    }
}

view! {
    /// A breaker that was set by hand.
    pub struct ChangedBreaker {
        /// As it is now.
        breaker: Breaker,
    }
}
