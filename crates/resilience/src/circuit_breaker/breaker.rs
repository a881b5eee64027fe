//! The breaker that is shared: a state machine behind a short lock, its listeners and its numbers.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::config::CircuitBreakerConfig;
use super::event::{Event, Events};
use super::state::{IllegalTransition, Machine, Outcome, State};
use crate::clock::{Clock, Nanos, nanos};
use crate::interval::Interval;
use crate::listeners::Listeners;
use crate::rejection::{Invalid, Rejection};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What a breaker's window holds; rates are percent, -1 while there are too few calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// Percent of failures.
    pub failure_rate: f32,
    /// Percent of slow calls.
    pub slow_call_rate: f32,
    /// Calls in the window.
    pub buffered: u32,
    /// Of these, the failed ones.
    pub failed: u32,
    /// Of these, the slow ones.
    pub slow: u32,
    /// Of the slow ones, the failed ones.
    pub slow_failed: u32,
    /// Calls refused since the state was entered.
    pub not_permitted: u64,
}

impl Metrics {
    /// Calls in the window that did not fail.
    #[must_use]
    pub const fn successful(&self) -> u32 {
        self.buffered - self.failed
    }

    /// Slow calls that did not fail.
    #[must_use]
    pub const fn slow_successful(&self) -> u32 {
        self.slow - self.slow_failed
    }
}

/// States that are gone through in one look, each at its own moment.
const MOST_OVERDUE: usize = 1_000;

type Listener = dyn Fn(&Event<'_>, Nanos) + Send + Sync;

struct Shared {
    name: Arc<str>,
    clock: Clock,
    machine: Mutex<Machine>,
    /// A copy of the state for readers that need no lock.
    state: AtomicU8,
    /// Before this moment every call is refused, without a look at the machine; zero when one is needed.
    shut_until: AtomicU64,
    refused: AtomicU64,
    /// How many were refused before those that the present state shows.
    refused_before: AtomicU64,
    listeners: Listeners<Listener>,
}

/// A circuit breaker; clones share their state.
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl CircuitBreaker {
    /// A breaker with these settings.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn new(name: &str, config: CircuitBreakerConfig) -> Result<Self, Invalid> {
        let clock = Clock::new();
        config.validate()?;
        let interval = config.interval();
        Ok(Self::build(name, config, interval, clock, clock.now()))
    }

    /// A breaker on a given time line, with a wait of its own: what `new` does when nothing is given.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn with_interval(
        name: &str,
        config: CircuitBreakerConfig,
        interval: Interval,
        start: Nanos,
    ) -> Result<Self, Invalid> {
        config.validate()?;
        Ok(Self::build(name, config, interval, Clock::new(), start))
    }

    fn build(
        name: &str,
        config: CircuitBreakerConfig,
        interval: Interval,
        clock: Clock,
        start: Nanos,
    ) -> Self {
        let mut machine = Machine::new(config, interval, start, fastrand::f64);
        // Nobody was refused before the first state.
        machine.take_entry();
        Self {
            shared: Arc::new(Shared {
                name: Arc::from(name),
                clock,
                state: AtomicU8::new(machine.state() as u8),
                shut_until: AtomicU64::new(machine.shut_until().0),
                machine: Mutex::new(machine),
                refused: AtomicU64::new(0),
                refused_before: AtomicU64::new(0),
                listeners: Listeners::new(),
            }),
        }
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The settings it works with.
    #[must_use]
    pub fn config(&self) -> CircuitBreakerConfig {
        self.shared.machine.lock().config().clone()
    }

    /// The time on the breaker's own time line.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.shared.clock.now()
    }

    /// Asks for a permission. A refusal is counted and published.
    ///
    /// # Errors
    /// [`Rejection::CallNotPermitted`] when the breaker does not let the call pass.
    pub fn acquire_at(&self, now: Nanos) -> Result<(), Rejection> {
        self.ask(now).map_err(|state| self.refusal(state))
    }

    /// Asks for a permission; the state when there is none.
    #[inline]
    fn ask(&self, now: Nanos) -> Result<(), State> {
        // A closed breaker lets everything pass: nothing to write, so no lock.
        let state = self.shared.state.load(Ordering::Acquire);
        if state == State::Closed as u8 {
            return Ok(());
        }
        // Nor does an open one before its wait is over: it counts apart.
        if now.0 < self.shared.shut_until.load(Ordering::Acquire) {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            let forced = state == State::ForcedOpen as u8;
            if !forced && !self.shared.listeners.is_empty() {
                self.publish(std::iter::once(&Event::NotPermitted), now);
            }
            return Err(if forced { State::ForcedOpen } else { State::Open });
        }
        self.ask_machine(now)
    }

    fn ask_machine(&self, now: Nanos) -> Result<(), State> {
        let (permitted, state) = self.change(now, |machine, events| {
            let permitted = machine.acquire(now, fastrand::f64, events);
            if !permitted {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
            }
            (permitted, machine.state())
        });
        if permitted { Ok(()) } else { Err(state) }
    }

    /// Gives back a permission that was not used.
    pub fn release_at(&self, now: Nanos) {
        self.change(now, |machine, _| machine.release());
    }

    /// Takes in how a call ended that took `duration` and ends at `now`.
    pub fn record_at(&self, outcome: Outcome<'_>, duration: Duration, now: Nanos) {
        self.record(outcome, nanos(duration), now);
    }

    fn record(&self, outcome: Outcome<'_>, took: u64, now: Nanos) {
        if self.shared.listeners.is_empty() {
            let mut machine = self.shared.machine.lock();
            if machine.deadline().is_none_or(|end| end > now) {
                machine.record(outcome, took, now, fastrand::f64, &mut Events::of_interest(false));
                if machine.has_entered() {
                    self.copy(&mut machine);
                }
                return;
            }
        }
        self.change(now, |machine, events| machine.record(outcome, took, now, fastrand::f64, events));
    }

    /// Lets a state end that ends by itself; every other method does this too before it looks.
    pub fn tick(&self, now: Nanos) {
        self.change(now, |_, _| ());
    }

    /// When the present state ends by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Nanos> {
        self.shared.machine.lock().deadline()
    }

    /// When an open breaker lets calls through again to see whether they go well; `None` in other states.
    #[must_use]
    pub fn next_probe(&self) -> Option<Nanos> {
        self.shared.machine.lock().next_probe()
    }

    /// Asks for a permission that records the outcome, and is given back when it is dropped unused.
    ///
    /// # Errors
    /// When the breaker does not let the call pass; it becomes a [`Rejection`] where one is needed.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<&Self>, Refused<'_>> {
        let since = self.now();
        self.ask(since).map_err(|state| Refused { breaker: self, state })?;
        Ok(Permit { breaker: self, since, used: false })
    }

    /// The same for a call that outlives this handle.
    ///
    /// # Errors
    /// [`Rejection::CallNotPermitted`] when the breaker does not let the call pass.
    pub fn acquire_owned(&self) -> Result<Permit<Self>, Rejection> {
        let since = self.now();
        self.acquire_at(since)?;
        Ok(Permit { breaker: self.clone(), since, used: false })
    }

    /// Makes the call when the breaker permits it, and records how it ended: `failure` names an error that counts
    /// against the callee, or says `None`.
    ///
    /// A call whose future is dropped before it ends records nothing.
    ///
    /// # Errors
    /// The call's own, or the breaker's refusal.
    pub async fn call<T, E, F>(
        &self,
        call: impl FnOnce() -> F,
        failure: impl FnOnce(&Result<T, E>) -> Option<&'static str>,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        let permit = self.acquire().map_err(Rejection::from)?;
        let result = call().await;
        permit.end(failure(&result).map_or(Outcome::Success, Outcome::Failure));
        result
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        let now = self.now();
        self.state_at(now)
    }

    /// The state at `now`.
    #[must_use]
    pub fn state_at(&self, now: Nanos) -> State {
        self.change(now, |machine, _| machine.state())
    }

    /// What the window holds now.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics_at(self.now())
    }

    /// What the window holds at `now`; a time window is moved on.
    #[must_use]
    pub fn metrics_at(&self, now: Nanos) -> Metrics {
        self.change(now, |machine, _| {
            let (totals, minimum) = machine.totals(now);
            Metrics {
                failure_rate: totals.failure_rate(minimum),
                slow_call_rate: totals.slow_rate(minimum),
                buffered: totals.calls,
                failed: totals.failed,
                slow: totals.slow,
                slow_failed: totals.slow_failed,
                not_permitted: self.refused() - self.shared.refused_before.load(Ordering::Relaxed),
            }
        })
    }

    /// Calls refused since the breaker was made, over all its states.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Takes the breaker to a state by hand.
    ///
    /// # Errors
    /// When the original has no such transition.
    pub fn transition_at(&self, to: State, now: Nanos) -> Result<(), IllegalTransition> {
        self.change(now, |machine, events| machine.transition_by_hand(to, now, fastrand::f64, events))
            .map_err(|from| self.illegal(from, to))
    }

    /// Opens the breaker until `until`.
    ///
    /// # Errors
    /// When the breaker cannot be opened from where it is.
    pub fn open_until(&self, until: Nanos, now: Nanos) -> Result<(), IllegalTransition> {
        self.change(now, |machine, events| machine.open_until(until, now, events))
            .map_err(|from| self.illegal(from, State::Open))
    }

    /// Takes other settings without losing the state or what was counted.
    ///
    /// # Errors
    /// The first setting that it cannot work with; then nothing has changed.
    pub fn reconfigure(&self, config: CircuitBreakerConfig) -> Result<(), Invalid> {
        config.validate()?;
        let (interval, now) = (config.interval(), self.now());
        self.change(now, |machine, _| machine.reconfigure(config, interval, now));
        Ok(())
    }

    /// Begins anew: closed, nothing counted.
    pub fn reset_at(&self, now: Nanos) {
        self.change(now, |machine, events| machine.reset(now, fastrand::f64, events));
    }

    /// Calls `listener` with every event from now on, in the thread in which it happens.
    pub fn on_event(&self, listener: impl Fn(&Event<'_>) + Send + Sync + 'static) {
        self.on_event_at(move |event, _| listener(event));
    }

    /// The same with the time of the event, which the listener need not read again.
    pub fn on_event_at(&self, listener: impl Fn(&Event<'_>, Nanos) + Send + Sync + 'static) {
        self.shared.listeners.add(Arc::new(listener));
    }

    fn refusal(&self, state: State) -> Rejection {
        Rejection::CallNotPermitted { name: Arc::clone(&self.shared.name), state: state.as_str() }
    }

    fn illegal(&self, from: State, to: State) -> IllegalTransition {
        IllegalTransition { name: self.name().to_owned(), from, to }
    }

    /// One operation: what was due, then `operation`; listeners hear of it after the lock is gone.
    fn change<'a, R>(&self, now: Nanos, operation: impl FnOnce(&mut Machine, &mut Events<'a>) -> R) -> R {
        // Allocates nothing unless a state ended by itself.
        let mut due = Vec::new();
        let mut events = Events::of_interest(!self.shared.listeners.is_empty());
        let result = {
            let mut machine = self.shared.machine.lock();
            while let Some(end) = machine.deadline().filter(|end| *end <= now) {
                // When nobody looked for very long, the rest of the to and fro is left out.
                let at = if due.len() < MOST_OVERDUE { end } else { now };
                due.extend(machine.end_state(at, fastrand::f64));
            }
            if !due.is_empty() {
                self.copy(&mut machine);
            }
            let result = operation(&mut machine, &mut events);
            if machine.has_entered() {
                self.copy(&mut machine);
            }
            result
        };
        if !due.is_empty() || !events.is_empty() {
            self.publish(due.iter().chain(events.iter()), now);
        }
        result
    }

    /// Shows what readers without the lock go by. The state comes last: who sees it sees the rest.
    #[cold]
    fn copy(&self, machine: &mut Machine) {
        if machine.take_entry() {
            self.shared.refused_before.store(self.refused(), Ordering::Relaxed);
        }
        self.shared.shut_until.store(machine.shut_until().0, Ordering::Release);
        self.shared.state.store(machine.state() as u8, Ordering::Release);
    }

    fn publish<'e>(&self, events: impl Iterator<Item = &'e Event<'e>>, now: Nanos) {
        for event in events {
            self.shared.listeners.each(|listener| listener(event, now));
        }
    }
}

/// A permission that was not given. To hand it on it becomes a [`Rejection`], which needs no breaker.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'b> {
    breaker: &'b CircuitBreaker,
    state: State,
}

impl Refused<'_> {
    /// The breaker's state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }
}

impl From<Refused<'_>> for Rejection {
    fn from(refused: Refused<'_>) -> Self {
        refused.breaker.refusal(refused.state)
    }
}

/// Leave to make one call. Dropped unused it goes back to the breaker.
#[derive(Debug)]
#[must_use = "a permission that is dropped goes back to the breaker"]
pub struct Permit<B: Borrow<CircuitBreaker> = CircuitBreaker> {
    breaker: B,
    since: Nanos,
    used: bool,
}

impl<B: Borrow<CircuitBreaker>> Permit<B> {
    /// When the permission was given: the time for what the call passes next, which then reads no clock of its own.
    pub const fn since(&self) -> Nanos {
        self.since
    }

    /// The call ended; it took the time since the permission was given.
    pub fn end(mut self, outcome: Outcome<'_>) {
        self.used = true;
        let breaker = self.breaker.borrow();
        let now = breaker.now();
        breaker.record(outcome, now.0.saturating_sub(self.since.0), now);
    }
}

impl<B: Borrow<CircuitBreaker>> Drop for Permit<B> {
    fn drop(&mut self) {
        if !self.used {
            let breaker = self.breaker.borrow();
            breaker.release_at(breaker.now());
        }
    }
}
