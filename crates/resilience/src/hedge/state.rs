//! The wait that is learnt, and the race of the attempts.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::config::HedgeConfig;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::listeners::Listeners;
use crate::rejection::Invalid;

/// Answer times that the wait is learnt from.
const WINDOW: usize = 256;
/// The wait is computed anew after so many answers.
const EVERY: usize = 16;

/// Something that happened while hedging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The first attempt won.
    PrimarySuccess,
    /// A later attempt won.
    SecondarySuccess,
    /// Every attempt failed.
    Failure,
    /// One more attempt was made.
    Hedged,
    /// One more attempt was due, but the budget was spent.
    BudgetSpent,
}

type Listener = dyn Fn(&Event) + Send + Sync;

struct Shared {
    name: Arc<str>,
    config: HedgeConfig,
    clock: Clock,
    budget: Budget,
    times: Mutex<Times>,
    listeners: Listeners<Listener>,
}

/// The last answer times, and what follows from them.
#[derive(Default)]
struct Times {
    ring: Vec<Duration>,
    next: usize,
    wait: Option<Duration>,
}

/// Hedging with what it has learnt; clones share it.
#[derive(Clone)]
pub struct Hedge {
    shared: Arc<Shared>,
}

impl fmt::Debug for Hedge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl Hedge {
    /// Hedging with these settings.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn new(name: &str, config: HedgeConfig) -> Result<Self, Invalid> {
        config.check()?;
        let shared = Shared {
            name: Arc::from(name),
            clock: Clock::new(),
            budget: Budget::new(config.budget_share, config.budget_per_second, Duration::from_secs(10)),
            config,
            times: Mutex::new(Times::default()),
            listeners: Listeners::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How long an attempt is waited for before the next one is made; `None` while too little is known.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.shared.config.delay.or_else(|| self.shared.times.lock().wait)
    }

    /// Takes an answer's time in. Only the first attempt's times belong here: the others' are already a choice.
    pub fn observe(&self, time: Duration) {
        let config = &self.shared.config;
        let mut times = self.shared.times.lock();
        let at = times.next % WINDOW;
        times.next += 1;
        match times.ring.get_mut(at) {
            Some(old) => *old = time,
            None => times.ring.push(time),
        }
        let known = times.ring.len();
        if known >= config.minimum_samples.max(1)
            && (times.wait.is_none() || times.next.is_multiple_of(EVERY))
        {
            let mut sorted = times.ring.clone();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "an index below 256"
            )]
            let rank = ((known as f64 * config.percentile) as usize).min(known - 1);
            let (_, wait, _) = sorted.select_nth_unstable(rank);
            times.wait = Some(*wait);
        }
    }

    /// Makes the call, again when it takes too long; `attempt` gets the number of the attempt, from 0.
    ///
    /// # Errors
    /// The last attempt's error, when every attempt failed.
    pub async fn call<T, E, F>(&self, mut attempt: impl FnMut(u32) -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let shared = &self.shared;
        shared.budget.deposit(shared.clock.now());
        let numbered = |number: u32, future: F| async move { (number, Instant::now(), future.await) };
        let mut running = FuturesUnordered::new();
        running.push(numbered(0, attempt(0)));
        let mut made = 1;
        let mut wait = self.wait();
        loop {
            let due = async {
                match wait {
                    Some(wait) if made < shared.config.max_attempts => tokio::time::sleep(wait).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some((number, began, result)) = running.next() => {
                    if number == 0 && result.is_ok() {
                        self.observe(began.elapsed());
                    }
                    if result.is_ok() || running.is_empty() {
                        self.publish(match (result.is_ok(), number) {
                            (false, _) => Event::Failure,
                            (true, 0) => Event::PrimarySuccess,
                            (true, _) => Event::SecondarySuccess,
                        });
                        return result;
                    }
                }
                () = due => {
                    if shared.budget.withdraw(shared.clock.now()) {
                        self.publish(Event::Hedged);
                        running.push(numbered(made, attempt(made)));
                        made += 1;
                    } else {
                        self.publish(Event::BudgetSpent);
                        wait = None;
                    }
                }
            }
        }
    }

    /// Calls `listener` with every event from now on, in the thread in which it happens.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.shared.listeners.add(Arc::new(listener));
    }

    fn publish(&self, event: Event) {
        self.shared.listeners.each(|listener| listener(&event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hedge(config: HedgeConfig) -> (Hedge, Arc<Mutex<Vec<Event>>>) {
        let hedge = Hedge::new("h", config).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&seen);
        hedge.on_event(move |event| events.lock().push(*event));
        (hedge, seen)
    }

    fn after_10_ms() -> HedgeConfig {
        HedgeConfig { delay: Some(Duration::from_millis(10)), ..HedgeConfig::default() }
    }

    /// Attempts that take so long and end so.
    async fn run(
        hedge: &Hedge,
        attempts: &[(u64, Result<&'static str, &'static str>)],
    ) -> (Result<&'static str, &'static str>, u128) {
        let start = Instant::now();
        let result = hedge
            .call(|number| {
                let (millis, result) = attempts[number as usize];
                async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    result
                }
            })
            .await;
        (result, start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_quick_answer_is_not_hedged() {
        let (hedge, seen) = hedge(after_10_ms());
        assert_eq!(run(&hedge, &[(5, Ok("first"))]).await, (Ok("first"), 5));
        assert_eq!(*seen.lock(), [Event::PrimarySuccess]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_overtaken() {
        let (hedge, seen) = hedge(after_10_ms());
        assert_eq!(run(&hedge, &[(500, Ok("first")), (7, Ok("second"))]).await, (Ok("second"), 17));
        assert_eq!(*seen.lock(), [Event::Hedged, Event::SecondarySuccess]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_success_wins_over_an_earlier_error() {
        let (hedge, _) = hedge(after_10_ms());
        assert_eq!(run(&hedge, &[(50, Ok("first")), (7, Err("second"))]).await, (Ok("first"), 50));
        assert_eq!(run(&hedge, &[(12, Err("first")), (7, Err("second"))]).await, (Err("second"), 17));
    }

    #[tokio::test(start_paused = true)]
    async fn an_early_error_is_not_hedged() {
        let (hedge, seen) = hedge(after_10_ms());
        assert_eq!(run(&hedge, &[(3, Err("first"))]).await, (Err("first"), 3));
        assert_eq!(*seen.lock(), [Event::Failure]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_bounds_hedges() {
        let (hedge, seen) = hedge(HedgeConfig { budget_share: 0.0, budget_per_second: 0, ..after_10_ms() });
        assert_eq!(run(&hedge, &[(500, Ok("first"))]).await, (Ok("first"), 500));
        assert_eq!(*seen.lock(), [Event::BudgetSpent, Event::PrimarySuccess]);
    }

    #[tokio::test(start_paused = true)]
    async fn more_attempts_follow_at_the_same_distance() {
        let (hedge, _) = hedge(HedgeConfig { max_attempts: 3, ..after_10_ms() });
        assert_eq!(run(&hedge, &[(500, Ok("1")), (500, Ok("2")), (7, Ok("3"))]).await, (Ok("3"), 27));
    }

    #[test]
    fn the_wait_is_learnt_from_the_percentile() {
        let (hedge, _) = hedge(HedgeConfig { minimum_samples: 100, ..HedgeConfig::default() });
        (1..=99).for_each(|millis| hedge.observe(Duration::from_millis(millis)));
        assert_eq!(hedge.wait(), None);
        hedge.observe(Duration::from_millis(100));
        assert_eq!(hedge.wait(), Some(Duration::from_millis(96)));
        (0..1_000).for_each(|_| hedge.observe(Duration::from_millis(5)));
        assert_eq!(hedge.wait(), Some(Duration::from_millis(5)));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |config| Hedge::new("h", config).unwrap_err().setting;
        assert_eq!(refused(HedgeConfig { percentile: 1.0, ..HedgeConfig::default() }), "percentile");
        assert_eq!(refused(HedgeConfig { max_attempts: 0, ..HedgeConfig::default() }), "max-attempts");
        assert_eq!(refused(HedgeConfig { budget_share: -1.0, ..HedgeConfig::default() }), "budget-share");
    }
}
