//! The bulkhead that counts: waiting callers are served in order of their arrival.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::Semaphore;

use super::config::BulkheadConfig;
use crate::rejection::Rejection;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};

/// Something that happened in a bulkhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A call was let in.
    CallPermitted,
    /// A call was refused.
    CallRejected,
    /// A call ended.
    CallFinished,
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

struct Shared {
    name: Arc<str>,
    config: BulkheadConfig,
    permits: Semaphore,
    max: AtomicU32,
    /// Permits to withdraw as calls end, after the limit was lowered below what is in use.
    owed: Mutex<u32>,
    listeners: RwLock<Vec<Listener>>,
}

/// A bulkhead; clones share their permits.
#[derive(Clone)]
pub struct Bulkhead {
    shared: Arc<Shared>,
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl Bulkhead {
    /// A bulkhead with these settings; none is refused.
    #[must_use]
    pub fn new(name: &str, config: BulkheadConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: Arc::from(name),
                permits: Semaphore::new(config.max_concurrent_calls as usize),
                max: AtomicU32::new(config.max_concurrent_calls),
                owed: Mutex::new(0),
                config,
                listeners: RwLock::new(Vec::new()),
            }),
        }
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &BulkheadConfig {
        &self.shared.config
    }

    /// A place for one call, if there is one now.
    ///
    /// # Errors
    /// [`Rejection::BulkheadFull`].
    pub fn try_acquire(&self) -> Result<Slot, Rejection> {
        match self.shared.permits.try_acquire() {
            Ok(permit) => {
                permit.forget();
                Ok(self.permitted())
            }
            Err(_) => Err(self.rejected()),
        }
    }

    /// A place for one call, waited for at most as long as configured.
    ///
    /// # Errors
    /// [`Rejection::BulkheadFull`] when none came free in time.
    pub async fn acquire(&self) -> Result<Slot, Rejection> {
        if self.shared.config.max_wait_duration.is_zero() {
            return self.try_acquire();
        }
        match tokio::time::timeout(self.shared.config.max_wait_duration, self.shared.permits.acquire()).await
        {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(self.permitted())
            }
            _ => Err(self.rejected()),
        }
    }

    /// Makes the call when there is a place for it.
    ///
    /// # Errors
    /// The call's own, or the bulkhead's refusal.
    pub async fn call<T, E, F>(&self, call: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        let slot = self.acquire().await?;
        let result = call().await;
        drop(slot);
        result
    }

    /// Places that are free.
    #[must_use]
    pub fn available(&self) -> usize {
        self.shared.permits.available_permits()
    }

    /// Calls at a time.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.shared.max.load(Ordering::Relaxed)
    }

    /// Changes the number of calls at a time: more at once, fewer as calls end.
    pub fn change_max_concurrent_calls(&self, max: u32) {
        let mut owed = self.shared.owed.lock();
        let before = self.shared.max.swap(max, Ordering::Relaxed);
        if max >= before {
            let more = max - before;
            let forgiven = more.min(*owed);
            *owed -= forgiven;
            self.shared.permits.add_permits((more - forgiven) as usize);
        } else {
            let fewer = (before - max) as usize;
            let withdrawn = self.shared.permits.forget_permits(fewer);
            *owed += u32::try_from(fewer - withdrawn).unwrap_or(u32::MAX);
        }
    }

    /// Calls `listener` with every event from now on, in the thread in which it happens.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.shared.listeners.write().push(Arc::new(listener));
    }

    fn permitted(&self) -> Slot {
        self.publish(Event::CallPermitted);
        Slot { bulkhead: self.clone(), silent: false }
    }

    fn rejected(&self) -> Rejection {
        self.publish(Event::CallRejected);
        Rejection::BulkheadFull { name: Arc::clone(&self.shared.name) }
    }

    fn give_back(&self) {
        let mut owed = self.shared.owed.lock();
        if *owed > 0 {
            *owed -= 1;
        } else {
            self.shared.permits.add_permits(1);
        }
    }

    fn publish(&self, event: Event) {
        for listener in self.shared.listeners.read().iter() {
            listener(&event);
        }
    }
}

/// A place for one call; free again when dropped.
#[derive(Debug)]
#[must_use = "a place that is dropped is free again"]
pub struct Slot {
    bulkhead: Bulkhead,
    silent: bool,
}

impl Slot {
    /// Gives the place back without a call having been made: no event.
    pub fn release(mut self) {
        self.silent = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.bulkhead.give_back();
        if !self.silent {
            self.bulkhead.publish(Event::CallFinished);
        }
    }
}
