//! A budget of retries: a share of the calls, and a few each second, so that retries do not double the load on a
//! service that is down.

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;

/// `wellspring.loadbalancer.retry-budget.*`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BudgetSettings {
    /// Off: every call may be tried again, as in Spring.
    pub enabled: bool,
    /// Retries per call.
    pub ratio: f64,
    /// Retries each second whatever the calls are.
    pub min_retries_per_second: f64,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { enabled: true, ratio: 0.2, min_retries_per_second: 10.0 }
    }
}

/// The most that is saved up: so many seconds of the minimum, and as many calls' shares.
const SAVED_SECONDS: f64 = 10.0;
const SAVED_CALLS: f64 = 1000.0;

/// The budget of one service.
#[derive(Debug)]
pub struct Budget {
    settings: BudgetSettings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    from_calls: f64,
    from_time: f64,
    at: Instant,
}

impl Budget {
    /// Begins with ten seconds of the minimum.
    pub fn new(settings: BudgetSettings) -> Self {
        let from_time = settings.min_retries_per_second * SAVED_SECONDS;
        Self { settings, state: Mutex::new(State { from_calls: 0.0, from_time, at: Instant::now() }) }
    }

    /// A call was made.
    pub fn deposit(&self) {
        if self.settings.enabled {
            let mut state = self.state.lock();
            state.from_calls =
                (state.from_calls + self.settings.ratio).min(SAVED_CALLS * self.settings.ratio);
        }
    }

    /// Whether a retry may be made; takes it from the budget.
    pub fn withdraw(&self) -> bool {
        if !self.settings.enabled {
            return true;
        }
        let (now, mut state) = (Instant::now(), self.state.lock());
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        let most = self.settings.min_retries_per_second * SAVED_SECONDS;
        state.from_time = (state.from_time + passed * self.settings.min_retries_per_second).min(most);
        state.at = now;
        if state.from_calls >= 1.0 {
            state.from_calls -= 1.0;
        } else if state.from_time >= 1.0 {
            state.from_time -= 1.0;
        } else {
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_are_a_share_of_the_calls_and_a_few_each_second() {
        let settings =
            BudgetSettings { ratio: 0.5, min_retries_per_second: 1.0, ..BudgetSettings::default() };
        let budget = Budget::new(settings);
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 10);
        (0..6).for_each(|_| budget.deposit());
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 3);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 2);
    }

    #[test]
    fn without_a_budget_every_retry_is_allowed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let budget = Budget::new(BudgetSettings { enabled: false, ..BudgetSettings::default() });
            assert!((0..1000).all(|_| budget.withdraw()));
        });
    }
}
