//! `composite`: several patterns around one call

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_resilience::bulkhead::Slot;
use wellspring_resilience::circuit_breaker::Outcome;
use wellspring_resilience::retry::Next;
use wellspring_resilience::{Bulkhead, CircuitBreaker, Nanos, RateLimiter, Retry};

use crate::Subject;
use crate::outcome::{Failed, kinds, outcome, settings, static_kinds, strings, written};
use crate::{breaker, limits, retries};

pub(crate) struct Stack {
    order: Vec<String>,
    retry: Option<Retry>,
    breaker: Option<CircuitBreaker>,
    limiter: Option<RateLimiter>,
    bulkhead: Option<Bulkhead>,
    fallback: Value,
    held: Vec<Slot>,
    now: Nanos,
    outcomes: Vec<String>,
    invocations: usize,
    waits: Vec<u64>,
    events: Arc<Mutex<Vec<String>>>,
}

impl Stack {
    pub(crate) fn new(config: &Value) -> Self {
        let now = Nanos(1_700_000_000_000 * 1_000_000);
        let events: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = |pattern: &'static str| {
            let events = Arc::clone(&events);
            move |event: String| {
                let kind = event.split(':').next().unwrap_or_default().to_owned();
                events.lock().push(format!("{pattern}:{kind}"));
            }
        };
        let retry = config.get("retry").map(|c| retries::retry("retry", c));
        let breaker = config.get("circuitbreaker").map(|c| breaker::breaker("cb", c, now));
        let limiter = config.get("ratelimiter").map(|c| {
            RateLimiter::created_at("rl", serde_json::from_value(settings(c)).unwrap(), now).unwrap()
        });
        let bulkhead =
            config.get("bulkhead").map(|c| Bulkhead::new("bh", serde_json::from_value(settings(c)).unwrap()));
        if let Some(retry) = &retry {
            let sink = sink("retry");
            retry.on_event(move |e| sink(retries::event(e)));
        }
        if let Some(breaker) = &breaker {
            let sink = sink("circuitbreaker");
            breaker.on_event(move |e| sink(breaker::event(e)));
        }
        if let Some(limiter) = &limiter {
            let sink = sink("ratelimiter");
            limiter.on_event(move |e| sink(limits::limiter_event(e)));
        }
        if let Some(bulkhead) = &bulkhead {
            let sink = sink("bulkhead");
            bulkhead.on_event(move |e| sink(limits::bulkhead_event(e).to_owned()));
        }
        Self {
            order: strings(&config["orderOutermostFirst"]),
            retry,
            breaker,
            limiter,
            bulkhead,
            fallback: config["fallback"].clone(),
            held: Vec::new(),
            now,
            outcomes: Vec::new(),
            invocations: 0,
            waits: Vec::new(),
            events,
        }
    }

    fn call(&mut self, depth: usize) -> Result<String, Failed> {
        let Some(pattern) = self.order.get(depth).cloned() else {
            let text = self.outcomes.get(self.invocations).or_else(|| self.outcomes.last()).unwrap();
            self.invocations += 1;
            return outcome(text);
        };
        match pattern.as_str() {
            "retry" => self.retried(depth),
            "circuitbreaker" => {
                let breaker = self.breaker.clone().unwrap();
                breaker.acquire_at(self.now)?;
                let begun = self.now;
                let result = self.call(depth + 1);
                let outcome = match &result {
                    Ok(_) => Outcome::Success,
                    Err(Failed(kind)) => Outcome::Failure(static_kinds(kind)[0]),
                };
                breaker.record_at(outcome, self.now.since(begun), self.now);
                result
            }
            "ratelimiter" => {
                self.limiter.as_ref().unwrap().reserve_at(1, self.now)?;
                self.call(depth + 1)
            }
            "bulkhead" => {
                let slot = self.bulkhead.as_ref().unwrap().try_acquire_owned()?;
                let result = self.call(depth + 1);
                drop(slot);
                result
            }
            "fallback" => {
                let on = strings(&self.fallback["on"]);
                self.call(depth + 1).or_else(|Failed(kind)| {
                    let listed = kinds(&kind).iter().any(|kind| on.iter().any(|on| on == kind));
                    if listed {
                        Ok(self.fallback["value"].as_str().unwrap().to_owned())
                    } else {
                        Err(Failed(kind))
                    }
                })
            }
            other => panic!("unknown pattern {other}"),
        }
    }

    fn retried(&mut self, depth: usize) -> Result<String, Failed> {
        let retry = self.retry.clone().unwrap();
        let mut attempts = retry.begin();
        loop {
            let result = self.call(depth + 1);
            let Err(Failed(kind)) = &result else {
                attempts.success();
                return result;
            };
            match attempts.error(&kinds(kind), 0.0) {
                Next::After(wait) => {
                    self.waits.push(u64::try_from(wait.as_millis()).unwrap());
                    self.now = self.now.plus(wait);
                }
                Next::Stop => return result,
                Next::Exceeded(rejection) => return Err(rejection.into()),
            }
        }
    }
}

impl Subject for Stack {
    fn step(&mut self, step: &Value) -> Value {
        let mut answer = json!({});
        match step["op"].as_str().unwrap() {
            "call" => {
                self.outcomes = strings(&step["outcomes"]);
                (self.invocations, self.waits) = (0, Vec::new());
                let result = self.call(0);
                answer = json!({
                    "final": written(&result), "invocations": self.invocations, "waitsMs": self.waits,
                });
            }
            "advance" => self.now = self.now.plus(Duration::from_millis(step["ms"].as_u64().unwrap())),
            "occupy" => {
                for _ in 0..step["slots"].as_u64().unwrap() {
                    self.held.push(self.bulkhead.as_ref().unwrap().try_acquire_owned().unwrap());
                }
            }
            "vacate" => {
                for _ in 0..step["slots"].as_u64().unwrap() {
                    drop(self.held.pop().unwrap());
                }
            }
            op => panic!("unknown step {op}"),
        }
        if let Some(breaker) = &self.breaker {
            let state = breaker.state_at(self.now).as_str();
            answer["circuitbreaker"] =
                json!({ "state": state, "metrics": breaker::metrics(breaker, self.now) });
        }
        if let Some(retry) = &self.retry {
            answer["retry"] = json!({ "metrics": retries::metrics(retry) });
        }
        if let Some(limiter) = &self.limiter {
            answer["ratelimiter"] = json!({ "availablePermissions": limiter.available_at(self.now) });
        }
        if let Some(bulkhead) = &self.bulkhead {
            answer["bulkhead"] = json!({ "available": bulkhead.available() });
        }
        answer["events"] = json!(std::mem::take(&mut *self.events.lock()));
        answer
    }
}
