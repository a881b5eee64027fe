//! `retryevents`, `ratelimiterevents`, `bulkheadevents`, `timelimiterevents`: the last events of each pattern, as Resilience4j's
//! Spring Boot module keeps them (`event-consumer-buffer-size`, 100). Breakers' events are beside the breakers.
//!
//! Events of what nobody can look at are not kept: a page that is not exposed costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use wellspring_lb_client::{Client, Guard};
use wellspring_resilience::{Clock, Nanos, bulkhead, rate_limiter, retry, time_limiter};

use super::endpoint::{Call, Endpoint, Reply};
use crate::patterns::on_the_wall;

/// One kind of pattern: its page, what the page's list and a pattern's name are called, how its events are heard.
struct Page {
    id: &'static str,
    list: &'static str,
    name: &'static str,
    listen: fn(&Guard, &Events),
}

const PAGES: [Page; 4] = [
    Page { id: "retryevents", list: "retryEvents", name: "retryName", listen: of_retry },
    Page { id: "ratelimiterevents", list: "rateLimiterEvents", name: "rateLimiterName", listen: of_limiter },
    Page { id: "bulkheadevents", list: "bulkheadEvents", name: "bulkheadName", listen: of_bulkhead },
    Page { id: "timelimiterevents", list: "timeLimiterEvents", name: "timeLimiterName", listen: of_time },
];

/// None for an application whose settings name no pattern.
pub(super) fn endpoints(client: &Client, exposed: impl Fn(&str) -> bool) -> Vec<Endpoint> {
    if client.guards().is_empty() {
        return Vec::new();
    }
    PAGES.iter().filter(|page| exposed(page.id)).map(|page| endpoint(client, page)).collect()
}

fn endpoint(client: &Client, page: &'static Page) -> Endpoint {
    let events = Events::default();
    let kept = events.clone();
    client.on_patterns(move |guard| (page.listen)(guard, &kept));
    let shown = |of: fn(&Call, &str, &Noted) -> bool| {
        let events = events.clone();
        move |call: Call| std::future::ready(events.show(page, |name, noted| of(&call, name, noted)))
    };
    Endpoint::new(page.id)
        .read("", shown(|_, _, _| true))
        .read("{name}", shown(|call, name, _| name == call.selector("name")))
        .read(
            "{name}/{type}",
            shown(|call, name, noted| {
                name == call.selector("name") && noted.kind.eq_ignore_ascii_case(call.selector("type"))
            }),
        )
}

struct Noted {
    kind: &'static str,
    at: Nanos,
    /// Of a retry: the last error, attempts.
    attempts: Option<(Option<String>, u32)>,
}

/// The events of one kind of pattern, by name; the oldest first. Cloning shares them.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<BTreeMap<String, Ring>>>);

type Ring = Arc<Mutex<VecDeque<Noted>>>;

impl Events {
    /// Takes in the events of a pattern from now on; one of that name that was before goes on with its own.
    fn of(&self, name: &str, most: usize) -> impl Fn(&'static str, Option<(Option<String>, u32)>) + use<> {
        let ring = Arc::clone(self.0.lock().entry(name.to_owned()).or_default());
        let (most, clock) = (most.clamp(1, 10_000), Clock::new());
        move |kind, attempts| {
            let at = clock.now();
            let mut ring = ring.lock();
            if ring.len() >= most {
                ring.pop_front();
            }
            ring.push_back(Noted { kind, at, attempts });
        }
    }

    fn show(&self, page: &Page, wanted: impl Fn(&str, &Noted) -> bool) -> Reply {
        let mut shown = Vec::new();
        for (name, ring) in &*self.0.lock() {
            for noted in ring.lock().iter().filter(|noted| wanted(name, noted)) {
                let mut event = Map::new();
                event.insert(page.name.to_owned(), json!(name));
                event.insert("type".to_owned(), json!(noted.kind));
                event.insert("creationTime".to_owned(), json!(format!("{}[UTC]", on_the_wall(noted.at))));
                if let Some((error, attempts)) = &noted.attempts {
                    event.insert("errorMessage".to_owned(), json!(error));
                    event.insert("numberOfAttempts".to_owned(), json!(attempts));
                }
                shown.push((noted.at, Value::Object(event)));
            }
        }
        shown.sort_by_key(|(at, _)| *at);
        let shown: Vec<Value> = shown.into_iter().map(|(_, event)| event).collect();
        Reply::json(&json!({ page.list: shown }))
    }
}

fn of_retry(guard: &Guard, events: &Events) {
    let Some(retry) = &guard.retry else { return };
    let note = events.of(retry.name(), retry.config().event_consumer_buffer_size);
    retry.on_event(move |event| {
        let (kind, attempts, last) = match event {
            retry::Event::Retry { attempts, last, .. } => ("RETRY", *attempts, *last),
            retry::Event::Success { attempts, last } => ("SUCCESS", *attempts, *last),
            retry::Event::Error { attempts, last } => ("ERROR", *attempts, Some(*last)),
            // The original counts the attempt that is not repeated as none.
            retry::Event::IgnoredError { last } => ("IGNORED_ERROR", 0, Some(*last)),
        };
        note(kind, Some((last.map(str::to_owned), attempts)));
    });
}

/// As in the original only where `subscribe-for-events` asks for it: there is one event a call.
fn of_limiter(guard: &Guard, events: &Events) {
    let Some(limiter) = guard.limiter.as_ref().filter(|limiter| limiter.config().subscribe_for_events) else {
        return;
    };
    let note = events.of(limiter.name(), limiter.config().event_consumer_buffer_size);
    limiter.on_event(move |event| {
        note(
            match event {
                rate_limiter::Event::SuccessfulAcquire { .. } => "SUCCESSFUL_ACQUIRE",
                rate_limiter::Event::FailedAcquire { .. } => "FAILED_ACQUIRE",
                rate_limiter::Event::Drained { .. } => "DRAINED",
            },
            None,
        );
    });
}

fn of_bulkhead(guard: &Guard, events: &Events) {
    let Some(bulkhead) = &guard.bulkhead else { return };
    let note = events.of(bulkhead.name(), bulkhead.config().event_consumer_buffer_size);
    bulkhead.on_event(move |event| {
        note(
            match event {
                bulkhead::Event::CallPermitted => "CALL_PERMITTED",
                bulkhead::Event::CallRejected => "CALL_REJECTED",
                bulkhead::Event::CallFinished => "CALL_FINISHED",
            },
            None,
        );
    });
}

fn of_time(guard: &Guard, events: &Events) {
    let Some(time) = &guard.time else { return };
    let note = events.of(time.name(), time.config().event_consumer_buffer_size);
    time.on_event(move |event| {
        note(
            match event {
                time_limiter::Event::Success => "SUCCESS",
                time_limiter::Event::Error => "ERROR",
                time_limiter::Event::Timeout => "TIMEOUT",
            },
            None,
        );
    });
}
