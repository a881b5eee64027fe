//! The bulkhead that counts: waiting callers are served in order of their arrival.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::config::BulkheadConfig;
use crate::listeners::Listeners;
use crate::places::Places;
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

type Listener = dyn Fn(&Event) + Send + Sync;

struct Shared {
    name: Arc<str>,
    config: BulkheadConfig,
    permits: Permits,
    listeners: Listeners<Listener>,
}

enum Permits {
    /// Nobody waits: a count will do.
    Counted(Places),
    Queued(Queue),
}

/// Permits that are waited for.
struct Queue {
    permits: Semaphore,
    max: AtomicU32,
    /// Permits to withdraw as calls end, after the limit was lowered below what is in use.
    owed: Mutex<u32>,
}

impl Queue {
    fn change_max(&self, max: u32) {
        let mut owed = self.owed.lock();
        let before = self.max.swap(max, Ordering::Relaxed);
        if max >= before {
            let more = max - before;
            let forgiven = more.min(*owed);
            *owed -= forgiven;
            self.permits.add_permits((more - forgiven) as usize);
        } else {
            let fewer = (before - max) as usize;
            let withdrawn = self.permits.forget_permits(fewer);
            *owed += u32::try_from(fewer - withdrawn).unwrap_or(u32::MAX);
        }
    }

    fn give_back(&self) {
        let mut owed = self.owed.lock();
        if *owed > 0 {
            *owed -= 1;
        } else {
            self.permits.add_permits(1);
        }
    }
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
        let max = config.max_concurrent_calls;
        let permits = if config.max_wait_duration.is_zero() {
            Permits::Counted(Places::new(max))
        } else {
            Permits::Queued(Queue {
                permits: Semaphore::new(max as usize),
                max: AtomicU32::new(max),
                owed: Mutex::new(0),
            })
        };
        Self {
            shared: Arc::new(Shared { name: Arc::from(name), permits, config, listeners: Listeners::new() }),
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
    pub fn try_acquire(&self) -> Result<Slot<&Self>, Rejection> {
        self.take()?;
        Ok(Slot { bulkhead: self, silent: false })
    }

    /// The same for a call that outlives this handle.
    ///
    /// # Errors
    /// [`Rejection::BulkheadFull`].
    pub fn try_acquire_owned(&self) -> Result<Slot<Self>, Rejection> {
        self.take()?;
        Ok(Slot { bulkhead: self.clone(), silent: false })
    }

    fn take(&self) -> Result<(), Rejection> {
        self.answer(match &self.shared.permits {
            Permits::Counted(places) => places.take().is_some(),
            Permits::Queued(queue) => queue.permits.try_acquire().map(SemaphorePermit::forget).is_ok(),
        })
    }

    /// A place for one call, waited for at most as long as configured.
    ///
    /// # Errors
    /// [`Rejection::BulkheadFull`] when none came free in time.
    pub async fn acquire(&self) -> Result<Slot<&Self>, Rejection> {
        self.wait().await?;
        Ok(Slot { bulkhead: self, silent: false })
    }

    /// The same for a call that outlives this handle.
    ///
    /// # Errors
    /// [`Rejection::BulkheadFull`] when none came free in time.
    pub async fn acquire_owned(&self) -> Result<Slot<Self>, Rejection> {
        self.wait().await?;
        Ok(Slot { bulkhead: self.clone(), silent: false })
    }

    async fn wait(&self) -> Result<(), Rejection> {
        let Permits::Queued(queue) = &self.shared.permits else { return self.take() };
        let wait = self.shared.config.max_wait_duration;
        let permit = tokio::time::timeout(wait, queue.permits.acquire()).await;
        self.answer(permit.is_ok_and(|permit| permit.map(SemaphorePermit::forget).is_ok()))
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
        match &self.shared.permits {
            Permits::Counted(places) => places.limit().saturating_sub(places.taken()) as usize,
            Permits::Queued(queue) => queue.permits.available_permits(),
        }
    }

    /// Calls at a time.
    #[must_use]
    pub fn max(&self) -> u32 {
        match &self.shared.permits {
            Permits::Counted(places) => places.limit(),
            Permits::Queued(queue) => queue.max.load(Ordering::Relaxed),
        }
    }

    /// Changes the number of calls at a time: more at once, fewer as calls end.
    pub fn change_max_concurrent_calls(&self, max: u32) {
        match &self.shared.permits {
            Permits::Counted(places) => places.set_limit(max),
            Permits::Queued(queue) => queue.change_max(max),
        }
    }

    /// Calls `listener` with every event from now on, in the thread in which it happens.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.shared.listeners.add(Arc::new(listener));
    }

    fn answer(&self, taken: bool) -> Result<(), Rejection> {
        self.publish(if taken { Event::CallPermitted } else { Event::CallRejected });
        if taken { Ok(()) } else { Err(Rejection::BulkheadFull { name: Arc::clone(&self.shared.name) }) }
    }

    fn give_back(&self) {
        match &self.shared.permits {
            Permits::Counted(places) => places.give_back(),
            Permits::Queued(queue) => queue.give_back(),
        }
    }

    fn publish(&self, event: Event) {
        self.shared.listeners.each(|listener| listener(&event));
    }
}

/// A place for one call; free again when dropped.
#[derive(Debug)]
#[must_use = "a place that is dropped is free again"]
pub struct Slot<B: Borrow<Bulkhead> = Bulkhead> {
    bulkhead: B,
    silent: bool,
}

impl<B: Borrow<Bulkhead>> Slot<B> {
    /// Gives the place back without a call having been made: no event.
    pub fn release(mut self) {
        self.silent = true;
    }
}

impl<B: Borrow<Bulkhead>> Drop for Slot<B> {
    fn drop(&mut self) {
        let bulkhead = self.bulkhead.borrow();
        bulkhead.give_back();
        if !self.silent {
            bulkhead.publish(Event::CallFinished);
        }
    }
}
