//! Retry over instances as `spring.cloud.loadbalancer.retry.*` has it: the same instance up to its limit, then the next.
//!
//! Without I/O: it is told how an attempt failed and says what to do. Statuses are retried when listed; the last
//! answer is then returned as it is.

use std::time::Duration;

use http::Method;

/// When and how often a call is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Off: never.
    pub enabled: bool,
    /// Further attempts on an instance before the next is taken.
    pub max_retries_on_same_service_instance: u32,
    /// Further instances.
    pub max_retries_on_next_service_instance: u32,
    /// Off: GET only.
    pub retry_on_all_operations: bool,
    /// Off: only errors of the connection and time-outs.
    pub retry_on_all_exceptions: bool,
    /// Statuses that are tried again.
    pub retryable_status_codes: Vec<u16>,
    /// Waits between attempts; `None`: none.
    pub backoff: Option<Backoff>,
    /// A retry leaves out the instance that failed.
    pub avoid_previous_instance: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            max_retries_on_same_service_instance: 0,
            max_retries_on_next_service_instance: 1,
            retry_on_all_operations: false,
            retry_on_all_exceptions: false,
            retryable_status_codes: Vec::new(),
            backoff: None,
            avoid_previous_instance: true,
        }
    }
}

/// Waits double from `min` up to `max`, spread by `jitter` (0..=1) of their length.
#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    /// The first wait.
    pub min: Duration,
    /// No wait is longer.
    pub max: Duration,
    /// Share of a wait that is random.
    pub jitter: f64,
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Refused, broken off or timed out.
    Connection,
    /// Anything else that is not an answer.
    Other,
    /// An answer with this status.
    Status(u16),
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Once more on this instance.
    Same,
    /// Once more on another.
    Other,
    /// Give what there is to the caller.
    Stop,
}

/// The attempts of one call.
#[derive(Debug)]
pub struct Attempts<'a> {
    policy: &'a RetryPolicy,
    allowed: bool,
    same: u32,
    next: u32,
}

impl<'a> Attempts<'a> {
    /// For a call with this method.
    pub fn new(policy: &'a RetryPolicy, method: &Method) -> Self {
        let allowed = policy.enabled && (policy.retry_on_all_operations || method == Method::GET);
        Self { policy, allowed, same: 0, next: 0 }
    }

    /// Whether any failure of this kind would be tried again now.
    pub fn would_retry(&self, failure: Failure) -> bool {
        let retryable = match failure {
            Failure::Connection => true,
            Failure::Other => self.policy.retry_on_all_exceptions,
            Failure::Status(status) => self.policy.retryable_status_codes.contains(&status),
        };
        let left = self.same < self.policy.max_retries_on_same_service_instance
            || self.next < self.policy.max_retries_on_next_service_instance;
        self.allowed && retryable && left
    }

    /// Counts a failed attempt.
    pub fn failed(&mut self, failure: Failure) -> Next {
        if !self.would_retry(failure) {
            return Next::Stop;
        }
        if self.same < self.policy.max_retries_on_same_service_instance {
            self.same += 1;
            Next::Same
        } else {
            self.same = 0;
            self.next += 1;
            Next::Other
        }
    }

    /// How long to wait before the attempt that `failed` just allowed.
    pub fn wait(&self) -> Duration {
        let Some(backoff) = &self.policy.backoff else { return Duration::ZERO };
        let number = self.same + self.next * (self.policy.max_retries_on_same_service_instance + 1);
        let doubled = backoff.min.saturating_mul(2u32.saturating_pow(number.saturating_sub(1)));
        let spread = 1.0 - backoff.jitter.clamp(0.0, 1.0) * fastrand::f64();
        doubled.min(backoff.max).mul_f64(spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit() {
        let backoff = Backoff { min: Duration::from_millis(5), max: Duration::from_millis(12), jitter: 0.0 };
        let policy = RetryPolicy {
            max_retries_on_next_service_instance: 3,
            backoff: Some(backoff),
            ..RetryPolicy::default()
        };
        let mut attempts = Attempts::new(&policy, &Method::GET);
        let waits: Vec<u128> = (0..3)
            .map(|_| {
                assert_eq!(attempts.failed(Failure::Connection), Next::Other);
                attempts.wait().as_millis()
            })
            .collect();
        assert_eq!(waits, [5, 10, 12]);
        assert_eq!(attempts.failed(Failure::Connection), Next::Stop);
    }
}
