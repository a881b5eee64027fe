//! The patterns around calls of one application, watched: what happened to its breakers, since when they are in their state,
//! what was set by hand and until when. The actuator and the admin API read the same table.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;
use wellspring_admin::events::New;
use wellspring_admin::resilience::{
    self, BreakerChange, BulkheadState, EjectedInstance, Limiter, RetryState,
};
use wellspring_admin::{Admin, Denied, Topic};
use wellspring_lb_client::{Client, nanos};
use wellspring_resilience::circuit_breaker::{Event, State};
use wellspring_resilience::{CircuitBreaker, Clock, Nanos};
use wellspring_wire::Millis;

use crate::Tasks;

/// Cloning shares it.
#[derive(Clone, Debug)]
pub struct Patterns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    daemon: String,
    client: Client,
    admin: Admin,
    tasks: Tasks,
    watched: Arc<Mutex<BTreeMap<String, Arc<Watched>>>>,
    /// How many orders were given by hand.
    orders: AtomicU64,
}

/// What is known of a breaker besides its own figures.
#[derive(Debug)]
struct Watched {
    since: Mutex<Millis>,
    events: Mutex<VecDeque<Noted>>,
    by_hand: Mutex<Option<ByHand>>,
}

/// A state that somebody set.
#[derive(Debug, Clone)]
struct ByHand {
    state: State,
    until: Option<Millis>,
    actor: String,
    reason: Option<String>,
    /// Tells this order from a later one.
    number: u64,
}

/// An event of a breaker, for `circuitbreakerevents`.
#[derive(Debug, Clone)]
pub(crate) struct Noted {
    pub(crate) kind: &'static str,
    pub(crate) at: Nanos,
    pub(crate) message: Option<String>,
    pub(crate) took: Option<Duration>,
    pub(crate) transition: Option<(State, State)>,
}

impl Patterns {
    /// Watches every breaker of the application from now on. `events`: whether anybody can see more of them than changes
    /// of their state.
    pub fn watch(name: &str, client: &Client, admin: &Admin, tasks: &Tasks, events: bool) -> Self {
        let watched: Arc<Mutex<BTreeMap<String, Arc<Watched>>>> = Arc::default();
        let (table, log, daemon) = (Arc::clone(&watched), admin.clone(), name.to_owned());
        client.on_breaker(move |breaker| {
            let one = Arc::new(Watched::new());
            table.lock().insert(breaker.name().to_owned(), Arc::clone(&one));
            let (log, daemon, name) = (log.clone(), daemon.clone(), breaker.name().to_owned());
            let most = breaker.config().event_consumer_buffer_size.clamp(1, 10_000);
            breaker.on_event_at(move |event, at| {
                if events {
                    one.note(Noted::of(event, at), most);
                }
                if let Event::StateTransition { from, to } = event {
                    *one.since.lock() = Millis::now();
                    let (from, to) = (from.as_str(), to.as_str());
                    let event = New::of(Topic::Breakers, "state", &daemon, &name);
                    log.record(
                        event.text(format!("{name}: {from} to {to}")).data(json!({"from": from, "to": to})),
                    );
                }
            });
        });
        Self(Arc::new(Inner {
            daemon: name.to_owned(),
            client: client.clone(),
            admin: admin.clone(),
            tasks: tasks.clone(),
            watched,
            orders: AtomicU64::new(0),
        }))
    }

    /// Every breaker, by name.
    pub(crate) fn breakers(&self) -> Vec<CircuitBreaker> {
        self.0.client.breakers()
    }

    pub(crate) fn breaker(&self, name: &str) -> Option<CircuitBreaker> {
        self.breakers().into_iter().find(|breaker| breaker.name() == name)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    /// The last events of a breaker, oldest first.
    pub(crate) fn events(&self, name: &str) -> Vec<Noted> {
        self.of(name).map(|watched| watched.events.lock().iter().cloned().collect()).unwrap_or_default()
    }

    fn of(&self, name: &str) -> Option<Arc<Watched>> {
        self.0.watched.lock().get(name).map(Arc::clone)
    }

    fn shown(&self, breaker: &CircuitBreaker) -> resilience::Breaker {
        let (metrics, config, state) = (breaker.metrics(), breaker.config(), breaker.state());
        let watched = self.of(breaker.name());
        let hand = watched.as_ref().and_then(|watched| watched.by_hand.lock().clone());
        let hand = hand.filter(|hand| hand.state == state);
        let rate = |rate: f32| (rate >= 0.0).then(|| f64::from(rate));
        let probe = breaker.next_probe();
        resilience::Breaker {
            daemon: self.0.daemon.clone(),
            name: breaker.name().to_owned(),
            state: state.as_str().to_owned(),
            since: watched.map(|watched| *watched.since.lock()),
            until: hand.as_ref().and_then(|hand| hand.until),
            set_by: hand.as_ref().map(|hand| hand.actor.clone()),
            reason: hand.and_then(|hand| hand.reason),
            failure_rate: rate(metrics.failure_rate),
            slow_rate: rate(metrics.slow_call_rate),
            failure_threshold: config.failure_rate_threshold.into(),
            slow_threshold: config.slow_call_rate_threshold.into(),
            buffered: metrics.buffered.into(),
            failed: metrics.failed.into(),
            slow: metrics.slow.into(),
            not_permitted: metrics.not_permitted,
            next_probe: probe.map(|at| Millis::now() + at.since(breaker.now())),
            routes: Vec::new(),
        }
    }

    /// Takes a breaker back to CLOSED when the time of an order is over and nobody has given another.
    fn close_later(&self, breaker: CircuitBreaker, watched: Arc<Watched>, number: u64, minutes: u64) {
        let (admin, daemon) = (self.0.admin.clone(), self.0.daemon.clone());
        self.0.tasks.spawn(async move {
            tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
            let over = watched.by_hand.lock().take_if(|hand| hand.number == number);
            let Some(hand) = over.filter(|hand| breaker.state() == hand.state) else { return };
            let name = breaker.name();
            let event = New::of(Topic::Breakers, "time over", &daemon, name).by("wellspring");
            admin.record(event.text(format!(
                "{name} was {} for {minutes} minutes, set by {}",
                hand.state.as_str(),
                hand.actor
            )));
            // From a state that was set by hand every breaker may be closed.
            breaker.transition_at(State::Closed, breaker.now()).ok();
        });
    }
}

impl resilience::Resilience for Patterns {
    fn daemon(&self) -> String {
        self.0.daemon.clone()
    }

    fn patterns(&self) -> resilience::Patterns {
        let mut all = resilience::Patterns {
            breakers: self.breakers().iter().map(|breaker| self.shown(breaker)).collect(),
            ..resilience::Patterns::default()
        };
        for (name, guard) in self.0.client.guards() {
            let daemon = &self.0.daemon;
            all.limiters.extend(guard.limiter.as_ref().map(|limiter| {
                let config = limiter.config();
                Limiter {
                    daemon: daemon.clone(),
                    name: name.clone(),
                    available: limiter.available().into(),
                    limit: config.limit_for_period.try_into().unwrap_or(0),
                    period_ms: config.limit_refresh_period.as_secs_f64() * 1e3,
                    waiting: limiter.waiting().into(),
                }
            }));
            all.bulkheads.extend(guard.bulkhead.as_ref().map(|bulkhead| BulkheadState {
                daemon: daemon.clone(),
                name: name.clone(),
                available: bulkhead.available() as u64,
                max: bulkhead.max().into(),
            }));
            all.retries.extend(guard.retry.as_ref().map(|retry| {
                let calls = retry.metrics();
                RetryState {
                    daemon: daemon.clone(),
                    name: name.clone(),
                    attempts: retry.config().max_attempts.into(),
                    succeeded: calls.successful_without_retry,
                    succeeded_later: calls.successful_with_retry,
                    failed: calls.failed_without_retry,
                    failed_finally: calls.failed_with_retry,
                }
            }));
        }
        let (now, instant) = (Millis::now(), nanos(Instant::now()));
        let ejected = self.0.client.ejected().into_iter().map(|(service, instance)| EjectedInstance {
            daemon: self.0.daemon.clone(),
            service,
            instance: instance.instance_id().to_owned(),
            address: format!("{}:{}", instance.host(), instance.port()),
            until: Some(now + Duration::from_nanos(instance.load().ejected_until().saturating_sub(instant))),
        });
        all.ejected.extend(ejected);
        all
    }

    fn has_breaker(&self, name: &str) -> bool {
        self.breaker(name).is_some()
    }

    fn change(
        &self,
        name: &str,
        change: &BreakerChange,
    ) -> Result<(resilience::Breaker, resilience::Breaker), Denied> {
        let unknown = || Denied::Unknown("breaker", name.to_owned());
        let breaker = self.breaker(name).ok_or_else(unknown)?;
        let watched = self.of(name).ok_or_else(unknown)?;
        let state = match change.state.as_str() {
            "FORCED_OPEN" => State::ForcedOpen,
            "CLOSED" => State::Closed,
            "DISABLED" => State::Disabled,
            _ => return Err(Denied::Wrong("state", "FORCED_OPEN, CLOSED or DISABLED".to_owned())),
        };
        let before = self.shown(&breaker);
        if breaker.state() != state {
            breaker
                .transition_at(state, breaker.now())
                .map_err(|illegal| Denied::Conflict(illegal.to_string()))?;
        }
        let minutes = if state == State::Closed { 0 } else { change.minutes };
        let number = self.0.orders.fetch_add(1, Relaxed);
        let hand = (state != State::Closed).then(|| ByHand {
            state,
            until: (minutes > 0).then(|| Millis::now() + Duration::from_secs(minutes * 60)),
            actor: change.actor.clone(),
            reason: change.reason.clone(),
            number,
        });
        *watched.by_hand.lock() = hand;
        let after = self.shown(&breaker);
        if minutes > 0 {
            self.close_later(breaker, watched, number, minutes);
        }
        Ok((before, after))
    }
}

impl Watched {
    fn new() -> Self {
        Self { since: Mutex::new(Millis::now()), events: Mutex::default(), by_hand: Mutex::default() }
    }

    fn note(&self, noted: Noted, most: usize) {
        let mut events = self.events.lock();
        while events.len() >= most {
            events.pop_front();
        }
        events.push_back(noted);
    }
}

impl Noted {
    fn of(event: &Event<'_>, at: Nanos) -> Self {
        let plain = |kind| Self { kind, at, message: None, took: None, transition: None };
        match event {
            Event::Success { duration } => Self { took: Some(*duration), ..plain("SUCCESS") },
            Event::Error { duration, kind } => {
                Self { took: Some(*duration), message: Some((*kind).to_owned()), ..plain("ERROR") }
            }
            Event::IgnoredError { duration, kind } => {
                Self { took: Some(*duration), message: Some((*kind).to_owned()), ..plain("IGNORED_ERROR") }
            }
            Event::NotPermitted => plain("NOT_PERMITTED"),
            Event::FailureRateExceeded { .. } => plain("FAILURE_RATE_EXCEEDED"),
            Event::SlowCallRateExceeded { .. } => plain("SLOW_CALL_RATE_EXCEEDED"),
            Event::StateTransition { from, to } => {
                Self { transition: Some((*from, *to)), ..plain("STATE_TRANSITION") }
            }
            Event::Reset => plain("RESET"),
        }
    }
}

/// What the wall clock showed at a time that a pattern told: an event is noted with every call and looked at seldom, so this is found
/// out when somebody looks. The patterns' time line began at the wall clock; somebody may have set that one since. A hundredth of a second
/// is no difference: the same event has the same time whenever it is shown.
pub(crate) fn on_the_wall(at: Nanos) -> jiff::Timestamp {
    const STEP: i128 = 10_000_000;
    let difference = jiff::Timestamp::now().as_nanosecond() - i128::from(Clock::new().now().0);
    let set = (difference + STEP / 2).div_euclid(STEP) * STEP;
    jiff::Timestamp::from_nanosecond(i128::from(at.0) + set).unwrap_or_default()
}
