//! The time limiter: waits for a call's answer so long and no longer.
//!
//! Dropping a future is how Rust cancels it. Where the settings say that a late call may run on, it is made a task first.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

use crate::listeners::Listeners;
use crate::rejection::Rejection;

/// The settings of a time limiter; keys and defaults are those of Resilience4j.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct TimeLimiterConfig {
    /// How long an answer is waited for.
    #[serde(with = "crate::duration")]
    pub timeout_duration: Duration,
    /// Whether a late call is stopped.
    pub cancel_running_future: bool,
    /// How many events the actuator keeps.
    pub event_consumer_buffer_size: usize,
}

impl Default for TimeLimiterConfig {
    fn default() -> Self {
        Self {
            timeout_duration: Duration::from_secs(1),
            cancel_running_future: true,
            event_consumer_buffer_size: 100,
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// In time, well.
    Success,
    /// In time, with an error.
    Error,
    /// Not in time.
    Timeout,
}

type Listener = dyn Fn(&Event) + Send + Sync;

struct Shared {
    name: Arc<str>,
    config: TimeLimiterConfig,
    listeners: Listeners<Listener>,
}

/// A time limiter; clones share their listeners.
#[derive(Clone)]
pub struct TimeLimiter {
    shared: Arc<Shared>,
}

impl fmt::Debug for TimeLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeLimiter").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl TimeLimiter {
    /// A time limiter with these settings; none is refused.
    #[must_use]
    pub fn new(name: &str, config: TimeLimiterConfig) -> Self {
        Self { shared: Arc::new(Shared { name: Arc::from(name), config, listeners: Listeners::new() }) }
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The settings it works with.
    #[must_use]
    pub fn config(&self) -> &TimeLimiterConfig {
        &self.shared.config
    }

    /// Waits for the answer as long as configured. A late call runs on only if the settings say so.
    ///
    /// # Errors
    /// The call's own, or [`Rejection::TimedOut`].
    pub async fn call<T, E, F>(&self, call: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Rejection> + Send + 'static,
    {
        if self.shared.config.cancel_running_future {
            return self.call_here(call).await;
        }
        let task = tokio::spawn(call);
        self.call_here(async move {
            match task.await {
                Ok(result) => result,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is going down and took the task with it: nobody waits for an answer any more.
                    Err(_) => std::future::pending().await,
                },
            }
        })
        .await
    }

    /// The same without a task: the call ends with the wait.
    ///
    /// # Errors
    /// The call's own, or [`Rejection::TimedOut`].
    pub async fn call_here<T, E, F>(&self, call: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        match tokio::time::timeout(self.shared.config.timeout_duration, call).await {
            Ok(result) => {
                self.publish(if result.is_ok() { Event::Success } else { Event::Error });
                result
            }
            Err(_) => {
                self.publish(Event::Timeout);
                Err(Rejection::TimedOut { name: Arc::clone(&self.shared.name) }.into())
            }
        }
    }

    /// Calls `listener` with every event from now on, in the thread in which it happens.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.shared.listeners.add(Arc::new(listener));
    }

    fn publish(&self, event: Event) {
        self.shared.listeners.each(|listener| listener(&event));
    }
}

/// Limits the time of a service's calls.
#[derive(Debug, Clone)]
pub struct TimeLimiterLayer {
    limiter: TimeLimiter,
}

impl TimeLimiterLayer {
    /// With this limiter.
    #[must_use]
    pub const fn new(limiter: TimeLimiter) -> Self {
        Self { limiter }
    }
}

impl<S> Layer<S> for TimeLimiterLayer {
    type Service = TimeLimiterService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeLimiterService { inner, limiter: self.limiter.clone() }
    }
}

/// A service whose calls take so long and no longer.
#[derive(Debug, Clone)]
pub struct TimeLimiterService<S> {
    inner: S,
    limiter: TimeLimiter,
}

impl<S, R> Service<R> for TimeLimiterService<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: From<Rejection> + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (call, limiter) = (self.inner.call(request), self.limiter.clone());
        Box::pin(async move { limiter.call(call).await })
    }
}
