//! The state machine, without locks and without a clock of its own.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::{CircuitBreakerConfig, WaitedHalfOpen, WindowType};
use super::event::{Event, Events};
use super::window::{Recorded, Totals, Window};
use crate::clock::{Nanos, nanos};
use crate::interval::Interval;

/// The states, spelled as the original spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(u8)]
pub enum State {
    /// All calls pass and are counted.
    Closed,
    /// No call passes until the wait is over.
    Open,
    /// A few trial calls pass; they decide.
    HalfOpen,
    /// No call passes, by hand.
    ForcedOpen,
    /// All calls pass, nothing is counted, by hand.
    Disabled,
    /// All calls pass and are counted, nothing opens, by hand.
    MetricsOnly,
}

impl State {
    /// As the original writes it: `HALF_OPEN`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Open => "OPEN",
            Self::HalfOpen => "HALF_OPEN",
            Self::ForcedOpen => "FORCED_OPEN",
            Self::Disabled => "DISABLED",
            Self::MetricsOnly => "METRICS_ONLY",
        }
    }

    /// Whether the breaker may be taken from here to `to` by hand.
    const fn may_become(self, to: Self) -> bool {
        !matches!(
            (self, to),
            (Self::Closed, Self::HalfOpen) | (Self::MetricsOnly, Self::Open | Self::HalfOpen)
        )
    }

    /// The states that tell of single calls.
    const fn publishes_calls(self) -> bool {
        !matches!(self, Self::ForcedOpen | Self::Disabled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A transition that the original forbids too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CircuitBreaker '{name}' cannot go from {from} to {to}")]
pub struct IllegalTransition {
    /// Of the breaker.
    pub name: String,
    /// Where it is.
    pub from: State,
    /// Where it cannot go from there.
    pub to: State,
}

/// How a permitted call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Well, or with an error that is no failure.
    Success,
    /// With a failure; its name is for the listeners.
    Failure(&'a str),
    /// With an error that counts for nothing.
    Ignored(&'a str),
}

/// Draws a number from 0 to 1, for the one transition that needs it.
pub(crate) type Random = fn() -> f64;

#[derive(Debug)]
pub(crate) struct Machine {
    config: CircuitBreakerConfig,
    interval: Interval,
    state: State,
    window: Window,
    /// Calls before the rates of `window` are looked at.
    minimum: u32,
    /// A call that takes longer, in nanoseconds, is slow.
    slow_after: u64,
    /// A state was entered since the copies for other threads were made.
    entered: bool,
    /// The refusals so far belong to a state that was left.
    forgets: bool,
    /// Trial calls left; an ignored outcome gives one back, an ordinary end does not.
    trials: u32,
    /// When an open breaker lets the next call try.
    open_until: Nanos,
    /// Openings in a row, which lengthen the wait.
    openings: u32,
    /// When the state ends by itself.
    deadline: Option<Nanos>,
    told_failure_rate: bool,
    told_slow_rate: bool,
}

impl Machine {
    pub(crate) fn new(config: CircuitBreakerConfig, interval: Interval, now: Nanos, random: Random) -> Self {
        let initial = config.initial_state;
        let mut machine = Self {
            interval,
            state: State::Closed,
            window: Window::Empty,
            minimum: 0,
            slow_after: nanos(config.slow_call_duration_threshold),
            entered: false,
            forgets: false,
            trials: 0,
            open_until: now,
            openings: 0,
            deadline: None,
            told_failure_rate: false,
            told_slow_rate: false,
            config,
        };
        machine.enter(State::Closed, now, random);
        if initial != State::Closed {
            machine.enter(initial, now, random);
        }
        machine
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn config(&self) -> &CircuitBreakerConfig {
        &self.config
    }

    pub(crate) const fn deadline(&self) -> Option<Nanos> {
        self.deadline
    }

    /// Before this moment no call passes, whatever happens; zero when that takes a closer look.
    pub(crate) const fn shut_until(&self) -> Nanos {
        match self.state {
            State::Open => self.open_until,
            State::ForcedOpen => Nanos(u64::MAX),
            State::Closed | State::HalfOpen | State::Disabled | State::MetricsOnly => Nanos(0),
        }
    }

    /// Whether a state was entered that nobody has asked about with `take_entry`.
    pub(crate) const fn has_entered(&self) -> bool {
        self.entered
    }

    /// Whether the states entered since the last question forget the refusals before them.
    pub(crate) const fn take_entry(&mut self) -> bool {
        self.entered = false;
        std::mem::replace(&mut self.forgets, false)
    }

    /// Totals of the window that the state shows, and the calls its rates need.
    pub(crate) fn totals(&mut self, now: Nanos) -> (Totals, u32) {
        (self.window.totals(now), self.minimum)
    }

    /// Lets the state end that ends by itself, at the moment at which it does.
    pub(crate) fn end_state(&mut self, at: Nanos, random: Random) -> Option<Event<'static>> {
        let from = self.state;
        let to = match (from, self.config.transition_to_state_after_wait_duration) {
            (State::HalfOpen, WaitedHalfOpen::Open) => State::Open,
            (State::HalfOpen, WaitedHalfOpen::Closed) => State::Closed,
            _ => State::HalfOpen,
        };
        self.enter(to, at, random);
        (from != to).then_some(Event::StateTransition { from, to })
    }

    pub(crate) fn acquire(&mut self, now: Nanos, random: Random, events: &mut Events<'_>) -> bool {
        if self.state == State::Open && now > self.open_until {
            self.transition(State::HalfOpen, now, random, events);
        }
        let permitted = match self.state {
            State::Closed | State::Disabled | State::MetricsOnly => true,
            State::Open | State::ForcedOpen => false,
            State::HalfOpen if self.trials > 0 => {
                self.trials -= 1;
                true
            }
            State::HalfOpen => false,
        };
        if !permitted && self.state.publishes_calls() {
            events.push(Event::NotPermitted);
        }
        permitted
    }

    /// Gives a permission back that was not used.
    pub(crate) const fn release(&mut self) {
        if matches!(self.state, State::HalfOpen) {
            self.trials = self.trials.saturating_add(1);
        }
    }

    /// Takes in how a call ended that took so many nanoseconds. It counts in the state that is current now, wherever it began.
    pub(crate) fn record<'a>(
        &mut self,
        outcome: Outcome<'a>,
        took: u64,
        now: Nanos,
        random: Random,
        events: &mut Events<'a>,
    ) {
        let publishes = events.are_wanted() && self.state.publishes_calls();
        let failed = match outcome {
            Outcome::Ignored(kind) => {
                self.release();
                if publishes {
                    events.push(Event::IgnoredError { duration: Duration::from_nanos(took), kind });
                }
                return;
            }
            Outcome::Success => {
                if publishes {
                    events.push(Event::Success { duration: Duration::from_nanos(took) });
                }
                false
            }
            Outcome::Failure(kind) => {
                if publishes {
                    events.push(Event::Error { duration: Duration::from_nanos(took), kind });
                }
                true
            }
        };
        let slow = took > self.slow_after;
        let totals = self.window.record(Recorded { failed, slow }, now);
        self.decide(totals, now, random, events);
    }

    fn decide(&mut self, totals: Totals, now: Nanos, random: Random, events: &mut Events<'_>) {
        if totals.calls < self.minimum {
            return;
        }
        // Thresholds are above zero: while all goes well there is nothing to divide.
        if totals.failed == 0 && totals.slow == 0 && self.state != State::HalfOpen {
            return;
        }
        let failure_rate = totals.failure_rate(self.minimum);
        let slow_rate = totals.slow_rate(self.minimum);
        let failing = failure_rate >= self.config.failure_rate_threshold;
        let slow = slow_rate >= self.config.slow_call_rate_threshold;
        match self.state {
            State::Closed | State::MetricsOnly => {
                if failing && !self.told_failure_rate {
                    self.told_failure_rate = true;
                    events.push(Event::FailureRateExceeded { rate: failure_rate });
                }
                if slow && !self.told_slow_rate {
                    self.told_slow_rate = true;
                    events.push(Event::SlowCallRateExceeded { rate: slow_rate });
                }
                if self.state == State::Closed && (failing || slow) {
                    self.transition(State::Open, now, random, events);
                }
            }
            State::HalfOpen => {
                let next = if failing || slow { State::Open } else { State::Closed };
                self.transition(next, now, random, events);
            }
            State::Open | State::ForcedOpen | State::Disabled => {}
        }
    }

    /// Goes to `to` by hand. To the state it is in already: begins that state anew, silently.
    pub(crate) fn transition_by_hand(
        &mut self,
        to: State,
        now: Nanos,
        random: Random,
        events: &mut Events<'_>,
    ) -> Result<(), State> {
        if !self.state.may_become(to) {
            return Err(self.state);
        }
        self.transition(to, now, random, events);
        Ok(())
    }

    /// When an open breaker lets calls through again; `None` in other states.
    pub(crate) fn next_probe(&self) -> Option<Nanos> {
        (self.state == State::Open).then_some(self.open_until)
    }

    /// Opens for a given time, which does not count as one of the openings in a row.
    pub(crate) fn open_until(
        &mut self,
        until: Nanos,
        now: Nanos,
        events: &mut Events<'_>,
    ) -> Result<(), State> {
        if !self.state.may_become(State::Open) {
            return Err(self.state);
        }
        let openings = self.openings;
        self.transition(State::Open, now, || 0.0, events);
        self.openings = openings;
        self.open_until = until;
        self.arm_open();
        Ok(())
    }

    pub(crate) fn reset(&mut self, now: Nanos, random: Random, events: &mut Events<'_>) {
        self.transition(State::Closed, now, random, events);
        events.push(Event::Reset);
    }

    fn transition(&mut self, to: State, now: Nanos, random: Random, events: &mut Events<'_>) {
        let from = self.state;
        self.enter(to, now, random);
        if from != to {
            events.push(Event::StateTransition { from, to });
        }
    }

    /// Other settings from now on; the state and what it has counted stay. What the present state was entered with (how
    /// long it is open, how many trial calls it lets pass) holds until it is left.
    pub(crate) fn reconfigure(&mut self, config: CircuitBreakerConfig, interval: Interval, now: Nanos) {
        let (kind, size) = (config.sliding_window_type, config.sliding_window_size);
        let same = (self.config.sliding_window_type, self.config.sliding_window_size) == (kind, size);
        (self.config, self.interval) = (config, interval);
        self.slow_after = nanos(self.config.slow_call_duration_threshold);
        match self.state {
            State::Closed | State::MetricsOnly => {
                if !same {
                    self.window = self.window.resized(kind, size, now);
                }
                self.minimum = minimum_when_closed(&self.config);
            }
            State::Open => {
                self.deadline = None;
                self.arm_open();
            }
            State::HalfOpen | State::ForcedOpen | State::Disabled => {}
        }
    }

    /// Every entry makes the state anew.
    fn enter(&mut self, to: State, now: Nanos, random: Random) {
        let config = &self.config;
        // An open breaker goes on showing what opened it: the window and the refusals of the state before.
        if to != State::Open {
            self.forgets = true;
        }
        self.entered = true;
        self.deadline = None;
        (self.told_failure_rate, self.told_slow_rate) = (false, false);
        match to {
            State::Closed | State::MetricsOnly => {
                self.openings = 0;
                self.window = Window::new(config.sliding_window_type, config.sliding_window_size, now);
                self.minimum = minimum_when_closed(config);
            }
            State::HalfOpen => {
                let permitted = config.permitted_number_of_calls_in_half_open_state;
                self.window = Window::new(WindowType::CountBased, permitted, now);
                self.minimum = config.minimum_number_of_calls.min(permitted);
                self.trials = permitted;
                if !config.max_wait_duration_in_half_open_state.is_zero() {
                    self.deadline = Some(now.plus(config.max_wait_duration_in_half_open_state));
                }
            }
            State::Open => {
                self.openings = self.openings.saturating_add(1);
                self.open_until = now.plus(self.interval.wait(self.openings, random()));
            }
            State::ForcedOpen => {
                self.openings = self.openings.saturating_add(1);
                self.window = Window::Empty;
            }
            State::Disabled => {
                self.openings = 0;
                self.window = Window::Empty;
            }
        }
        self.state = to;
        self.arm_open();
    }

    fn arm_open(&mut self) {
        if self.state == State::Open && self.config.automatic_transition_from_open_to_half_open_enabled {
            self.deadline = Some(self.open_until);
        }
    }
}

/// A window of calls cannot wait for more calls than it holds.
const fn minimum_when_closed(config: &CircuitBreakerConfig) -> u32 {
    let (minimum, size) = (config.minimum_number_of_calls, config.sliding_window_size);
    match config.sliding_window_type {
        WindowType::CountBased if size < minimum => size,
        WindowType::CountBased | WindowType::TimeBased => minimum,
    }
}
