//! One retry: its settings, its numbers, and the count of attempts of each call.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::RetryConfig;
use crate::interval::Interval;
use crate::listeners::Listeners;
use crate::rejection::{Invalid, Rejection};
use crate::verdict::{ErrorLists, Verdict};

/// Something that happened in a retry. `attempts` counts the attempts that ended; `last` names the last error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The call is made again.
    Retry {
        /// Attempts that ended.
        attempts: u32,
        /// The last error, if the last attempt ended with one.
        last: Option<&'a str>,
        /// How long it waits.
        wait: Duration,
    },
    /// A call went well, but not at once.
    Success {
        /// Attempts before the good one.
        attempts: u32,
        /// The last error, if there was one.
        last: Option<&'a str>,
    },
    /// A call failed for good.
    Error {
        /// Attempts made.
        attempts: u32,
        /// The last error, or `max-retries-exceeded` when there only were unwanted results.
        last: &'a str,
    },
    /// A call failed with an error that is not retried.
    IgnoredError {
        /// The error.
        last: &'a str,
    },
}

/// Calls by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Well, at once.
    pub successful_without_retry: u64,
    /// Badly, with an error that is not retried.
    pub failed_without_retry: u64,
    /// Well, after retries.
    pub successful_with_retry: u64,
    /// Badly, with all attempts used up.
    pub failed_with_retry: u64,
    /// Attempts and completions as the original adds them up.
    pub total: u64,
}

#[derive(Default)]
struct Counters {
    successful_without_retry: AtomicU64,
    failed_without_retry: AtomicU64,
    successful_with_retry: AtomicU64,
    failed_with_retry: AtomicU64,
    /// Attempts that are counted by themselves, apart from the end of their call.
    apart: AtomicU64,
}

type Listener = dyn Fn(&Event<'_>) + Send + Sync;

struct Shared {
    name: Arc<str>,
    config: RetryConfig,
    errors: ErrorLists,
    interval: Interval,
    counters: Counters,
    listeners: Listeners<Listener>,
}

/// A retry; clones share their numbers.
#[derive(Clone)]
pub struct Retry {
    shared: Arc<Shared>,
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// The name under which a call ends that only had unwanted results.
const MAX_RETRIES_EXCEEDED: &str = "max-retries-exceeded";

impl Retry {
    /// A retry with these settings.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn new(name: &str, config: RetryConfig) -> Result<Self, Invalid> {
        let interval = config.interval();
        Self::with_interval(name, config, interval)
    }

    /// A retry that waits as `interval` says, whatever the settings say of waits.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn with_interval(name: &str, config: RetryConfig, interval: Interval) -> Result<Self, Invalid> {
        config.validate()?;
        Ok(Self {
            shared: Arc::new(Shared {
                name: Arc::from(name),
                errors: config.errors(),
                interval,
                config,
                counters: Counters::default(),
                listeners: Listeners::new(),
            }),
        })
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The settings it works with.
    #[must_use]
    pub fn config(&self) -> &RetryConfig {
        &self.shared.config
    }

    /// Begins to count the attempts of one call.
    #[must_use]
    pub fn begin(&self) -> Attempts<'_> {
        Attempts { retry: self, ended: 0, last: None }
    }

    /// Calls by how they ended.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut metrics = Metrics {
            successful_without_retry: read(&counters.successful_without_retry),
            failed_without_retry: read(&counters.failed_without_retry),
            successful_with_retry: read(&counters.successful_with_retry),
            failed_with_retry: read(&counters.failed_with_retry),
            total: read(&counters.apart),
        };
        metrics.total += metrics.successful_without_retry + metrics.failed_without_retry;
        metrics.total += metrics.successful_with_retry + metrics.failed_with_retry;
        metrics
    }

    /// Calls `listener` with every event from now on, in the thread in which it happens.
    pub fn on_event(&self, listener: impl Fn(&Event<'_>) + Send + Sync + 'static) {
        self.shared.listeners.add(Arc::new(listener));
    }

    /// Makes the call until it goes well or the attempts are used up, waiting in between.
    ///
    /// `kinds` names an error, its own name first, then what it is a case of; `unwanted` says which results to retry.
    ///
    /// # Errors
    /// The last error; [`Rejection::MaxRetriesExceeded`] where the settings make unwanted results an error.
    pub async fn call<T, E, F>(
        &self,
        mut call: impl FnMut(u32) -> F,
        kinds: impl Fn(&E) -> &'static [&'static str],
        unwanted: impl Fn(&T) -> bool,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        let mut attempts = self.begin();
        loop {
            let result = call(attempts.ended()).await;
            let next = match &result {
                Ok(value) if unwanted(value) => attempts.unwanted_result(fastrand::f64()),
                Ok(_) => {
                    attempts.success();
                    return result;
                }
                Err(error) => attempts.error(kinds(error), fastrand::f64()),
            };
            match next {
                Next::After(wait) => tokio::time::sleep(wait).await,
                Next::Stop => return result,
                Next::Exceeded(rejection) => return Err(rejection.into()),
            }
        }
    }

    fn count(&self, counter: impl Fn(&Counters) -> &AtomicU64) {
        counter(&self.shared.counters).fetch_add(1, Ordering::Relaxed);
    }

    fn publish(&self, event: &Event<'_>) {
        self.shared.listeners.each(|listener| listener(event));
    }
}

/// What to do after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Make the call again after this time.
    After(Duration),
    /// Return what the attempt ended with.
    Stop,
    /// Return this error.
    Exceeded(Rejection),
}

/// The attempts of one call. Errors and unwanted results share one count.
#[derive(Debug)]
pub struct Attempts<'r> {
    retry: &'r Retry,
    ended: u32,
    last: Option<String>,
}

impl Attempts<'_> {
    /// Attempts that ended so far.
    #[must_use]
    pub const fn ended(&self) -> u32 {
        self.ended
    }

    /// An attempt ended with an error of these kinds.
    pub fn error(&mut self, kinds: &[&str], random: f64) -> Next {
        let name = kinds.first().copied().unwrap_or("error");
        if self.retry.shared.errors.verdict(kinds) != Verdict::Failure {
            self.retry.count(|counters| &counters.failed_without_retry);
            self.retry.publish(&Event::IgnoredError { last: name });
            return Next::Stop;
        }
        self.ended += 1;
        self.last = Some(name.to_owned());
        if self.ended >= self.retry.shared.config.max_attempts {
            self.retry.count(|counters| &counters.failed_with_retry);
            self.retry.publish(&Event::Error { attempts: self.ended, last: name });
            return Next::Stop;
        }
        self.again(random, Some(name))
    }

    /// An attempt ended with a result that is to be retried.
    pub fn unwanted_result(&mut self, random: f64) -> Next {
        self.ended += 1;
        if self.ended < self.retry.shared.config.max_attempts {
            return self.again(random, None);
        }
        // The original counts the attempt, then the end of the call.
        self.retry.count(|counters| &counters.apart);
        self.retry.count(|counters| &counters.failed_with_retry);
        let last = self.last.as_deref().unwrap_or(MAX_RETRIES_EXCEEDED);
        self.retry.publish(&Event::Error { attempts: self.ended, last });
        if !self.retry.shared.config.fail_after_max_attempts {
            return Next::Stop;
        }
        // ... and then the error it makes of that as another attempt.
        self.retry.count(|counters| &counters.failed_with_retry);
        self.retry.publish(&Event::Error { attempts: self.ended + 1, last: MAX_RETRIES_EXCEEDED });
        let name = Arc::clone(&self.retry.shared.name);
        Next::Exceeded(Rejection::MaxRetriesExceeded { name, attempts: self.ended })
    }

    /// The call went well.
    pub fn success(&mut self) {
        if self.ended == 0 {
            self.retry.count(|counters| &counters.successful_without_retry);
        } else {
            self.retry.count(|counters| &counters.successful_with_retry);
            self.retry.publish(&Event::Success { attempts: self.ended, last: self.last.as_deref() });
        }
    }

    fn again(&self, random: f64, last: Option<&str>) -> Next {
        let wait = self.retry.shared.interval.wait(self.ended, random);
        self.retry.count(|counters| &counters.apart);
        self.retry.publish(&Event::Retry { attempts: self.ended, last, wait });
        Next::After(wait)
    }
}
