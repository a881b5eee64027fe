//! `ratelimiter`, `bulkhead`, `threadpool-bulkhead`, `timelimiter`, `cache`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wellspring_resilience::bulkhead::{BulkheadConfig, Event as BulkheadEvent, Pool, Slot};
use wellspring_resilience::cache::{Cache, Event as CacheEvent};
use wellspring_resilience::rate_limiter::Event as LimiterEvent;
use wellspring_resilience::time_limiter::Event as TimeEvent;
use wellspring_resilience::{Bulkhead, Nanos, RateLimiter, TimeLimiter};

use crate::Subject;
use crate::outcome::{Failed, outcome, settings, strings, written};

type Events = Arc<Mutex<Vec<String>>>;

pub(crate) struct Limiter {
    limiter: RateLimiter,
    now: Nanos,
    drain_on: Vec<String>,
    events: Events,
}

pub(crate) fn limiter_event(event: &LimiterEvent) -> String {
    match event {
        LimiterEvent::SuccessfulAcquire { permits } => format!("SUCCESSFUL_ACQUIRE:{permits}"),
        LimiterEvent::FailedAcquire { permits } => format!("FAILED_ACQUIRE:{permits}"),
        LimiterEvent::Drained { permits } => format!("DRAINED:{permits}"),
    }
}

impl Limiter {
    pub(crate) fn new(config: &Value, sequence: &Value) -> Self {
        let now = Nanos(sequence["clockStartNs"].as_u64().unwrap_or(123_456_789));
        let settings = serde_json::from_value(settings(config)).unwrap();
        let limiter = RateLimiter::created_at("rl", settings, now).unwrap();
        let events = Events::default();
        let sink = Arc::clone(&events);
        limiter.on_event(move |e| sink.lock().push(limiter_event(e)));
        Self { limiter, now, drain_on: strings(&config["drainPermissionsOnResult"]), events }
    }

    fn drain_when_listed(&self, outcome: &str) {
        if self.drain_on.iter().any(|listed| listed == outcome) {
            self.limiter.drain_at(self.now);
        }
    }
}

impl Subject for Limiter {
    fn step(&mut self, step: &Value) -> Value {
        let permits = i32::try_from(step["permits"].as_i64().unwrap_or(1)).unwrap();
        let mut waits: Vec<i64> = Vec::new();
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            match step["op"].as_str().unwrap() {
                "reserve" | "acquire" => waits.push(
                    self.limiter
                        .reserve_at(permits, self.now)
                        .map_or(-1, |wait| i64::try_from(wait.as_nanos()).unwrap()),
                ),
                "advance" => {
                    let by =
                        step["ms"].as_u64().map_or(0, |ms| ms * 1_000_000) + step["ns"].as_u64().unwrap_or(0);
                    self.now = self.now.plus(Duration::from_nanos(by));
                }
                "drain" => self.limiter.drain_at(self.now),
                "changeLimitForPeriod" => {
                    let to = i32::try_from(step["limit"].as_i64().unwrap()).unwrap();
                    self.limiter.change_limit_for_period(to).unwrap();
                }
                "changeTimeoutDuration" => {
                    let to = step["ns"].as_u64().unwrap();
                    self.limiter.change_timeout_duration(Duration::from_nanos(to));
                }
                "onResult" => self.drain_when_listed(step["result"].as_str().unwrap()),
                "onError" => self.drain_when_listed(&format!("error:{}", step["error"].as_str().unwrap())),
                op => panic!("unknown step {op}"),
            }
        }
        let acquires = step["op"] == "acquire";
        let permitted: Vec<bool> = waits.iter().map(|wait| *wait >= 0).collect();
        json!({
            "waitNs": waits.first(), "permitted": permitted.first(),
            "each": if acquires { json!(permitted) } else { json!(waits) },
            "availablePermissions": self.limiter.available_at(self.now),
            "nanosToWaitForOne": u64::try_from(self.limiter.wait_for_one_at(self.now).as_nanos()).unwrap(),
            "cycle": self.limiter.cycle_at(self.now),
            "events": std::mem::take(&mut *self.events.lock()),
        })
    }
}

pub(crate) struct Permits {
    bulkhead: Bulkhead,
    held: Vec<Slot>,
    events: Events,
    runtime: Runtime,
}

pub(crate) fn bulkhead_event(event: &BulkheadEvent) -> &'static str {
    match event {
        BulkheadEvent::CallPermitted => "CALL_PERMITTED",
        BulkheadEvent::CallRejected => "CALL_REJECTED",
        BulkheadEvent::CallFinished => "CALL_FINISHED",
    }
}

impl Permits {
    pub(crate) fn new(config: &Value) -> Self {
        let settings: BulkheadConfig = serde_json::from_value(settings(config)).unwrap();
        let bulkhead = Bulkhead::new("bh", settings);
        let events = Events::default();
        let sink = Arc::clone(&events);
        bulkhead.on_event(move |e| sink.lock().push(bulkhead_event(e).into()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { bulkhead, held: Vec::new(), events, runtime }
    }
}

impl Subject for Permits {
    fn step(&mut self, step: &Value) -> Value {
        let mut permitted = Vec::new();
        let mut last = Value::Null;
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            match step["op"].as_str().unwrap() {
                "acquire" => {
                    let slot = self.bulkhead.try_acquire_owned();
                    permitted.push(slot.is_ok());
                    self.held.extend(slot.ok());
                }
                "complete" => drop(self.held.pop().unwrap()),
                "release" => self.held.pop().unwrap().release(),
                "changeMaxConcurrentCalls" => {
                    let to = u32::try_from(step["to"].as_u64().unwrap()).unwrap();
                    self.bulkhead.change_max_concurrent_calls(to);
                }
                "call" => {
                    let given = outcome(step["outcome"].as_str().unwrap());
                    let result = self.runtime.block_on(self.bulkhead.call(|| async { given }));
                    last = json!(written(&result));
                }
                op => panic!("unknown step {op}"),
            }
        }
        json!({
            "permitted": permitted.first(), "permittedEach": permitted, "final": last,
            "available": self.bulkhead.available(), "max": self.bulkhead.max(),
            "events": std::mem::take(&mut *self.events.lock()),
        })
    }
}

pub(crate) struct Tasks(Pool);

impl Tasks {
    pub(crate) fn new(config: &Value) -> Self {
        Self(Pool::new(serde_json::from_value(settings(config)).unwrap()))
    }
}

impl Subject for Tasks {
    fn step(&mut self, step: &Value) -> Value {
        let mut accepted = Vec::new();
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            match step["op"].as_str().unwrap() {
                "submit" => accepted.push(self.0.submit()),
                "finish" => self.0.finish(),
                op => panic!("unknown step {op}"),
            }
        }
        json!({
            "accepted": accepted, "running": self.0.running(), "queueDepth": self.0.queue_depth(),
            "remainingQueueCapacity": self.0.remaining_queue_capacity(), "threadPoolSize": self.0.size(),
        })
    }
}

pub(crate) struct Time {
    limiter: TimeLimiter,
    events: Events,
}

impl Time {
    pub(crate) fn new(config: &Value) -> Self {
        let limiter = TimeLimiter::new("tl", serde_json::from_value(settings(config)).unwrap());
        let events = Events::default();
        let sink = Arc::clone(&events);
        limiter.on_event(move |e| {
            sink.lock().push(
                match e {
                    TimeEvent::Success => "SUCCESS",
                    TimeEvent::Error => "ERROR",
                    TimeEvent::Timeout => "TIMEOUT",
                }
                .into(),
            );
        });
        Self { limiter, events }
    }
}

impl Subject for Time {
    fn step(&mut self, step: &Value) -> Value {
        let given = outcome(step["outcome"].as_str().unwrap());
        let takes = Duration::from_millis(step["takesMs"].as_u64().unwrap());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let (result, message) = runtime.block_on(async {
            let result: Result<String, wellspring_resilience::Rejection> = self
                .limiter
                .call(async move {
                    tokio::time::sleep(takes).await;
                    end.store(true, Ordering::SeqCst);
                    Ok("in time".to_owned())
                })
                .await;
            // A call that may run on ends by itself a little later.
            tokio::time::sleep(takes).await;
            match result {
                Ok(_) => (given.clone(), given.err().map(|Failed(kind)| kind)),
                Err(rejection) => {
                    let message = rejection.to_string();
                    (Err(rejection.into()), Some(message))
                }
            }
        });
        let mut events = std::mem::take(&mut *self.events.lock());
        if step["outcome"].as_str().unwrap().starts_with("error:") && events == ["SUCCESS"] {
            // The call above never fails by itself: ask again with one that does.
            let failing = runtime.block_on(self.limiter.call(async { Err::<(), _>(Failed("io".into())) }));
            assert!(failing.is_err());
            events = std::mem::take(&mut *self.events.lock());
        }
        json!({
            "final": written(&result), "message": message,
            "futureCancelled": !ended.load(Ordering::SeqCst), "events": events,
        })
    }
}

pub(crate) struct Answers {
    cache: Cache<String, String>,
    events: Events,
    runtime: Runtime,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let cache = Cache::new(100);
        let events = Events::default();
        let sink = Arc::clone(&events);
        cache.on_event(move |e| {
            sink.lock().push(if *e == CacheEvent::CacheHit { "CACHE_HIT" } else { "CACHE_MISS" }.into());
        });
        Self { cache, events, runtime: tokio::runtime::Builder::new_current_thread().build().unwrap() }
    }
}

impl Subject for Answers {
    fn step(&mut self, step: &Value) -> Value {
        let key = step["key"].as_str().unwrap().to_owned();
        let invocations = AtomicUsize::new(0);
        let mut last = Value::Null;
        match step["op"].as_str().unwrap() {
            "get" => {
                let given = outcome(step["outcome"].as_str().unwrap());
                let result = self.runtime.block_on(self.cache.call(key, || async {
                    invocations.fetch_add(1, Ordering::SeqCst);
                    given
                }));
                last = json!(written(&result));
            }
            "remove" => self.cache.remove(&key),
            op => panic!("unknown step {op}"),
        }
        let (hits, misses) = self.cache.hits_and_misses();
        json!({
            "final": last, "invocations": invocations.into_inner(), "hits": hits, "misses": misses,
            "events": std::mem::take(&mut *self.events.lock()),
        })
    }
}
