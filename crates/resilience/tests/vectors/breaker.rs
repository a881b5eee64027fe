//! `circuitbreaker`

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_resilience::circuit_breaker::{CircuitBreakerConfig, Event, Outcome, State};
use wellspring_resilience::{CircuitBreaker, Interval, Nanos, Verdict};

use crate::Subject;
use crate::outcome::{kinds, settings, strings};
use crate::retries::interval;

pub(crate) struct Breaker {
    breaker: CircuitBreaker,
    now: Nanos,
    config: Value,
    events: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn event(event: &Event<'_>) -> String {
    match event {
        Event::Success { .. } => "SUCCESS".into(),
        Event::Error { kind, .. } => format!("ERROR:{kind}"),
        Event::IgnoredError { kind, .. } => format!("IGNORED_ERROR:{kind}"),
        Event::NotPermitted => "NOT_PERMITTED".into(),
        Event::FailureRateExceeded { rate } => format!("FAILURE_RATE_EXCEEDED:{rate:?}"),
        Event::SlowCallRateExceeded { rate } => format!("SLOW_CALL_RATE_EXCEEDED:{rate:?}"),
        Event::StateTransition { from, to } => format!("STATE_TRANSITION:{from}_TO_{to}"),
        Event::Reset => "RESET".into(),
    }
}

pub(crate) fn state(name: &str) -> State {
    serde_json::from_value(json!(name)).unwrap()
}

pub(crate) fn breaker(name: &str, config: &Value, now: Nanos) -> CircuitBreaker {
    let settings: CircuitBreakerConfig = serde_json::from_value(settings(config)).unwrap();
    let wait: Interval = match config.get("waitIntervalFunctionInOpenState") {
        Some(function) => interval(function),
        None => settings.interval(),
    };
    CircuitBreaker::with_interval(name, settings, wait, now).unwrap()
}

pub(crate) fn metrics(breaker: &CircuitBreaker, now: Nanos) -> Value {
    let m = breaker.metrics_at(now);
    json!({
        "failureRate": m.failure_rate, "slowCallRate": m.slow_call_rate, "buffered": m.buffered,
        "successful": m.successful(), "failed": m.failed, "slow": m.slow, "slowSuccessful": m.slow_successful(),
        "slowFailed": m.slow_failed, "notPermitted": m.not_permitted,
    })
}

impl Breaker {
    pub(crate) fn new(config: &Value, sequence: &Value) -> Self {
        let start = sequence["clockStartMs"].as_u64().unwrap_or(1_700_000_000_000);
        let now = Nanos(start * 1_000_000);
        let breaker = breaker("cb", config, now);
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        breaker.on_event(move |e| sink.lock().push(event(e)));
        Self { breaker, now, config: config.clone(), events }
    }

    fn advance(&mut self, by: Duration) {
        let until = self.now.plus(by);
        while let Some(due) = self.breaker.deadline().filter(|due| *due <= until) {
            self.breaker.tick(due);
        }
        self.now = until;
    }

    fn duration(step: &Value) -> Duration {
        Duration::from_millis(step["durationMs"].as_u64().unwrap_or(0))
            + Duration::from_nanos(step["durationNs"].as_u64().unwrap_or(0))
    }

    fn report(&mut self, step: &Value) {
        let duration = Self::duration(step);
        let result = step.get("result").and_then(Value::as_str);
        let error = step.get("error").and_then(Value::as_str);
        let outcome = if let Some(error) = error {
            match self.verdict(error) {
                Verdict::Ignored => Outcome::Ignored(error),
                Verdict::Failure => Outcome::Failure(error),
                Verdict::Success => Outcome::Success,
            }
        } else if result
            .is_some_and(|result| strings(&self.config["recordResultPredicate"]).contains(&result.into()))
        {
            Outcome::Failure("result-recorded-as-failure")
        } else {
            Outcome::Success
        };
        self.breaker.record_at(outcome, duration, self.now);
        let key =
            error.map_or_else(|| result.unwrap_or_default().to_owned(), |error| format!("error:{error}"));
        let opens = &self.config["transitionOnResult"][&key];
        if self.breaker.state_at(self.now) == State::Closed && !opens.is_null() {
            let until = match opens["waitMs"].as_u64() {
                Some(wait) => self.now.plus(Duration::from_millis(wait)),
                None => Nanos(opens["waitUntilMs"].as_u64().unwrap() * 1_000_000),
            };
            self.breaker.open_until(until, self.now).unwrap();
        }
    }

    /// Lists match a kind and what is below it, predicates the kind alone; the two are joined by "or".
    fn verdict(&self, error: &str) -> Verdict {
        let list = |key: &str| strings(&self.config[key]);
        let mut errors = self.breaker.config().errors();
        let exact = |key: &str| list(key).iter().any(|name| name == error);
        if exact("ignoreExceptionPredicate") {
            return Verdict::Ignored;
        }
        if errors.record.is_empty() && !list("recordExceptionPredicate").is_empty() {
            errors.record.push("none of these".into());
        }
        match errors.verdict(&kinds(error)) {
            Verdict::Success if exact("recordExceptionPredicate") => Verdict::Failure,
            verdict => verdict,
        }
    }

    fn once(&mut self, step: &Value) -> (Option<bool>, Option<&'static str>) {
        let mut error = None;
        let permitted = match step["op"].as_str().unwrap() {
            "call" => {
                let permitted = self.breaker.acquire_at(self.now).is_ok();
                if permitted {
                    self.advance(Self::duration(step));
                    self.report(step);
                }
                Some(permitted)
            }
            "acquire" => Some(self.breaker.acquire_at(self.now).is_ok()),
            "report" => {
                self.report(step);
                None
            }
            "release" => {
                self.breaker.release_at(self.now);
                None
            }
            "advance" => {
                let by =
                    step["ms"].as_u64().map_or(0, |ms| ms * 1_000_000) + step["ns"].as_u64().unwrap_or(0);
                self.advance(Duration::from_nanos(by));
                None
            }
            "reset" => {
                self.breaker.reset_at(self.now);
                None
            }
            "transition" => {
                let to = state(step["to"].as_str().unwrap());
                if self.breaker.transition_at(to, self.now).is_err() {
                    error = Some("illegal-state-transition");
                }
                None
            }
            "openFor" => {
                let until = self.now.plus(Duration::from_millis(step["ms"].as_u64().unwrap()));
                if self.breaker.open_until(until, self.now).is_err() {
                    error = Some("illegal-state-transition");
                }
                None
            }
            op => panic!("unknown step {op}"),
        };
        (permitted, error)
    }
}

impl Subject for Breaker {
    fn step(&mut self, step: &Value) -> Value {
        let mut permitted = Vec::new();
        let mut error = None;
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            let (one, failed) = self.once(step);
            permitted.extend(one);
            error = error.or(failed);
        }
        let mut answer = json!({
            "state": self.breaker.state_at(self.now).as_str(),
            "metrics": metrics(&self.breaker, self.now),
            "permitted": permitted.first(),
            "permittedEach": permitted,
            "events": std::mem::take(&mut *self.events.lock()),
        });
        if let Some(error) = error {
            answer["error"] = json!(error);
        }
        answer
    }
}
