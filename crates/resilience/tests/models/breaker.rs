//! The circuit breaker: every recorded call of the present state is kept, every rate is counted from the list.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wellspring_resilience::circuit_breaker::{
    CircuitBreakerConfig, Outcome, State, WaitedHalfOpen, WindowType,
};
use wellspring_resilience::{CircuitBreaker, Nanos};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND + 123_456_789;

#[derive(Debug, Clone, Copy)]
enum Step {
    Acquire,
    Call {
        failed: bool,
        millis: u64,
    },
    /// The end of a call that was permitted in some state before.
    Late {
        failed: bool,
        millis: u64,
    },
    Ignored,
    Release,
    Wait {
        millis: u64,
    },
    Transition(State),
    OpenFor {
        millis: u64,
    },
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let state = prop_oneof![
        Just(State::Closed),
        Just(State::Open),
        Just(State::HalfOpen),
        Just(State::ForcedOpen),
        Just(State::Disabled),
        Just(State::MetricsOnly)
    ];
    prop_oneof![
        2 => Just(Step::Acquire),
        12 => (any::<bool>(), 0_u64..40).prop_map(|(failed, millis)| Step::Call { failed, millis }),
        2 => (any::<bool>(), 0_u64..40).prop_map(|(failed, millis)| Step::Late { failed, millis }),
        1 => Just(Step::Ignored),
        1 => Just(Step::Release),
        4 => (1_u64..4_000).prop_map(|millis| Step::Wait { millis }),
        1 => state.prop_map(Step::Transition),
        1 => (1_u64..3_000).prop_map(|millis| Step::OpenFor { millis }),
        1 => Just(Step::Reset),
    ]
}

fn config() -> impl Strategy<Value = CircuitBreakerConfig> {
    let windows = (any::<bool>(), 1_u32..8, 1_u32..8, 1_u32..5);
    let rates = (1_u8..=10, 1_u8..=10);
    let waits = (1_u64..3_000, any::<bool>(), prop_oneof![Just(0_u64), 1_u64..2_000], any::<bool>());
    (windows, rates, waits).prop_map(
        |((time, size, minimum, trials), (failing, slow), (wait, automatic, half, closes))| {
            CircuitBreakerConfig {
                sliding_window_type: if time { WindowType::TimeBased } else { WindowType::CountBased },
                sliding_window_size: size,
                minimum_number_of_calls: minimum,
                permitted_number_of_calls_in_half_open_state: trials,
                failure_rate_threshold: f32::from(failing) * 10.0,
                slow_call_rate_threshold: f32::from(slow) * 10.0,
                slow_call_duration_threshold: Duration::from_millis(20),
                wait_duration_in_open_state: Duration::from_millis(wait),
                automatic_transition_from_open_to_half_open_enabled: automatic,
                max_wait_duration_in_half_open_state: Duration::from_millis(half),
                transition_to_state_after_wait_duration: if closes {
                    WaitedHalfOpen::Closed
                } else {
                    WaitedHalfOpen::Open
                },
                ..CircuitBreakerConfig::default()
            }
        },
    )
}

#[derive(Debug, Clone, Copy)]
struct Call {
    at: u64,
    failed: bool,
    slow: bool,
}

/// What an open breaker shows: the window of the state that it came from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    Nothing,
    Count(usize),
    Seconds(u64),
}

struct Model {
    config: CircuitBreakerConfig,
    state: State,
    calls: Vec<Call>,
    kept: Kept,
    minimum: usize,
    refused: u64,
    permitted_in_half_open: u32,
    open_until: u64,
    ends: Option<u64>,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

impl Model {
    fn new(config: &CircuitBreakerConfig, now: u64) -> Self {
        let mut model = Self {
            config: config.clone(),
            state: State::Closed,
            calls: Vec::new(),
            kept: Kept::Nothing,
            minimum: 0,
            refused: 0,
            permitted_in_half_open: 0,
            open_until: 0,
            ends: None,
        };
        model.enter(State::Closed, now);
        model
    }

    fn enter(&mut self, state: State, now: u64) {
        let config = &self.config;
        let (size, minimum) = (config.sliding_window_size, config.minimum_number_of_calls);
        let trials = config.permitted_number_of_calls_in_half_open_state;
        self.ends = None;
        if state != State::Open {
            self.calls.clear();
            self.refused = 0;
        }
        match state {
            State::Closed | State::MetricsOnly => {
                (self.kept, self.minimum) = match config.sliding_window_type {
                    WindowType::CountBased => (Kept::Count(size as usize), minimum.min(size) as usize),
                    WindowType::TimeBased => (Kept::Seconds(u64::from(size)), minimum as usize),
                };
            }
            State::HalfOpen => {
                (self.kept, self.minimum) = (Kept::Count(trials as usize), minimum.min(trials) as usize);
                self.permitted_in_half_open = trials;
                let longest = nanos(config.max_wait_duration_in_half_open_state);
                self.ends = (longest > 0).then_some(now + longest);
            }
            State::Open => {
                self.open_until = now + nanos(config.wait_duration_in_open_state);
                let automatic = config.automatic_transition_from_open_to_half_open_enabled;
                self.ends = automatic.then_some(self.open_until);
            }
            State::ForcedOpen | State::Disabled => self.kept = Kept::Nothing,
        }
        self.state = state;
    }

    /// What ends by itself up to `now`, each at its moment.
    fn pass(&mut self, now: u64) {
        while let Some(due) = self.ends.filter(|due| *due <= now) {
            let closes = self.config.transition_to_state_after_wait_duration == WaitedHalfOpen::Closed;
            match self.state {
                State::HalfOpen if closes => self.enter(State::Closed, due),
                State::HalfOpen => self.enter(State::Open, due),
                _ => self.enter(State::HalfOpen, due),
            }
        }
    }

    fn acquire(&mut self, now: u64) -> bool {
        if self.state == State::Open && now > self.open_until {
            self.enter(State::HalfOpen, now);
        }
        let permitted = match self.state {
            State::Closed | State::Disabled | State::MetricsOnly => true,
            State::Open | State::ForcedOpen => false,
            State::HalfOpen => self.permitted_in_half_open > 0,
        };
        if self.state == State::HalfOpen && permitted {
            self.permitted_in_half_open -= 1;
        }
        self.refused += u64::from(!permitted);
        permitted
    }

    fn give_back(&mut self) {
        if self.state == State::HalfOpen {
            self.permitted_in_half_open += 1;
        }
    }

    fn record(&mut self, failed: bool, millis: u64, now: u64) {
        if self.kept == Kept::Nothing {
            return;
        }
        self.calls.push(Call { at: now, failed, slow: millis > 20 });
        let (failing, slow) = (self.rate(now, |call| call.failed), self.rate(now, |call| call.slow));
        let over =
            failing >= self.config.failure_rate_threshold || slow >= self.config.slow_call_rate_threshold;
        match self.state {
            State::Closed if over => self.enter(State::Open, now),
            State::HalfOpen if over => self.enter(State::Open, now),
            State::HalfOpen if failing >= 0.0 => self.enter(State::Closed, now),
            _ => {}
        }
    }

    fn window(&self, now: u64) -> Vec<Call> {
        match self.kept {
            Kept::Nothing => Vec::new(),
            Kept::Count(size) => self.calls[self.calls.len().saturating_sub(size)..].to_vec(),
            Kept::Seconds(size) => {
                let first = (now / SECOND + 1).saturating_sub(size);
                self.calls.iter().filter(|call| call.at / SECOND >= first).copied().collect()
            }
        }
    }

    fn rate(&self, now: u64, of: impl Fn(&Call) -> bool) -> f32 {
        let window = self.window(now);
        if window.is_empty() || window.len() < self.minimum {
            return -1.0;
        }
        let part = u16::try_from(window.iter().filter(|call| of(call)).count()).unwrap();
        f32::from(part) * 100.0 / f32::from(u16::try_from(window.len()).unwrap())
    }

    fn may_become(&self, to: State) -> bool {
        !matches!(
            (self.state, to),
            (State::Closed, State::HalfOpen) | (State::MetricsOnly, State::Open | State::HalfOpen)
        )
    }
}

fn compare(model: &Model, breaker: &CircuitBreaker, now: u64) -> Result<(), TestCaseError> {
    prop_assert_eq!(breaker.state_at(Nanos(now)), model.state);
    prop_assert_eq!(breaker.deadline().map(|end| end.0), model.ends);
    let (metrics, window) = (breaker.metrics_at(Nanos(now)), model.window(now));
    let count = |of: fn(&Call) -> bool| u32::try_from(window.iter().filter(|call| of(call)).count()).unwrap();
    prop_assert_eq!(metrics.buffered as usize, window.len());
    prop_assert_eq!(metrics.failed, count(|call| call.failed));
    prop_assert_eq!(metrics.slow, count(|call| call.slow));
    prop_assert_eq!(metrics.slow_failed, count(|call| call.slow && call.failed));
    prop_assert_eq!(metrics.not_permitted, model.refused);
    if model.kept != Kept::Nothing {
        prop_assert_eq!(metrics.failure_rate.to_bits(), model.rate(now, |call| call.failed).to_bits());
        prop_assert_eq!(metrics.slow_call_rate.to_bits(), model.rate(now, |call| call.slow).to_bits());
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::cases(400))]

    #[test]
    fn the_breaker_does_what_the_model_does(config in config(), steps in vec(step(), 1..60)) {
        let mut now = START;
        let breaker = CircuitBreaker::with_interval("b", config.clone(), config.interval(), Nanos(now)).unwrap();
        let mut model = Model::new(&config, now);
        for step in steps {
            let at = Nanos(now);
            match step {
                Step::Acquire => prop_assert_eq!(breaker.acquire_at(at).is_ok(), model.acquire(now)),
                Step::Call { failed, millis } => {
                    let permitted = model.acquire(now);
                    prop_assert_eq!(breaker.acquire_at(at).is_ok(), permitted);
                    if permitted {
                        now += millis * 1_000_000;
                        model.pass(now);
                        end(&breaker, failed, millis, now);
                        model.record(failed, millis, now);
                    }
                }
                Step::Late { failed, millis } => {
                    end(&breaker, failed, millis, now);
                    model.record(failed, millis, now);
                }
                Step::Ignored => {
                    breaker.record_at(Outcome::Ignored("e"), Duration::ZERO, at);
                    model.give_back();
                }
                Step::Release => {
                    breaker.release_at(at);
                    model.give_back();
                }
                Step::Wait { millis } => {
                    now += millis * 1_000_000;
                    model.pass(now);
                }
                Step::Transition(to) => {
                    let legal = model.may_become(to);
                    prop_assert_eq!(breaker.transition_at(to, at).is_ok(), legal);
                    if legal {
                        model.enter(to, now);
                    }
                }
                Step::OpenFor { millis } => {
                    let (until, legal) = (now + millis * 1_000_000, model.may_become(State::Open));
                    prop_assert_eq!(breaker.open_until(Nanos(until), at).is_ok(), legal);
                    if legal {
                        model.enter(State::Open, now);
                        model.open_until = until;
                        model.ends = model.ends.map(|_| until);
                    }
                }
                Step::Reset => {
                    breaker.reset_at(at);
                    model.enter(State::Closed, now);
                }
            }
            compare(&model, &breaker, now)?;
        }
    }
}

fn end(breaker: &CircuitBreaker, failed: bool, millis: u64, now: u64) {
    let outcome = if failed { Outcome::Failure("e") } else { Outcome::Success };
    breaker.record_at(outcome, Duration::from_millis(millis), Nanos(now));
}
