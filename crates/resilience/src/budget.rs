//! How many extra calls (retries, hedges) a caller may make: a share of the calls made anyway, and a few per second.
//!
//! The token bucket of Finagle: every call puts a part of a token in, an extra call takes a whole one, tokens grow old.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Nanos;

/// Slots that tokens are counted in until they are too old.
const SLOTS: u8 = 10;

/// A budget of extra calls.
#[derive(Debug)]
pub struct Budget {
    share: f64,
    reserve: f64,
    slot: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Tokens put in less tokens taken out, per slot of time; the newest last.
    slots: [f64; SLOTS as usize],
    newest: u64,
}

impl Budget {
    /// `share` of the calls of the last `span` may be made again (0.2: one in five), and `per_second` calls besides.
    #[must_use]
    pub fn new(share: f64, per_second: u32, span: Duration) -> Self {
        let slot = (crate::clock::nanos(span) / u64::from(SLOTS)).max(1);
        let reserve = f64::from(per_second) * span.as_secs_f64();
        let state = Mutex::new(State { slots: [0.0; SLOTS as usize], newest: 0 });
        Self { share: share.max(0.0), reserve, slot, state }
    }

    /// A call is made.
    pub fn deposit(&self, now: Nanos) {
        let mut state = self.state.lock();
        state.advance(now.0 / self.slot);
        if let Some(newest) = state.slots.last_mut() {
            *newest += self.share;
        }
    }

    /// Whether one extra call may be made; if so it is counted.
    pub fn withdraw(&self, now: Nanos) -> bool {
        let mut state = self.state.lock();
        state.advance(now.0 / self.slot);
        // A share such as 0.2 cannot be summed exactly: a hair less than a token is a token.
        let enough = state.slots.iter().sum::<f64>() + self.reserve >= 1.0 - 1e-9;
        if enough && let Some(newest) = state.slots.last_mut() {
            *newest -= 1.0;
        }
        enough
    }
}

impl Default for Budget {
    /// One in five of the last ten seconds' calls, and ten per second.
    fn default() -> Self {
        Self::new(0.2, 10, Duration::from_secs(10))
    }
}

impl State {
    fn advance(&mut self, slot: u64) {
        let steps = slot.saturating_sub(self.newest).min(u64::from(SLOTS));
        for _ in 0..steps {
            self.slots.rotate_left(1);
            if let Some(newest) = self.slots.last_mut() {
                *newest = 0.0;
            }
        }
        self.newest = self.newest.max(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn one_in_five_calls_may_be_made_again() {
        let budget = Budget::new(0.2, 0, Duration::from_secs(10));
        assert!(!budget.withdraw(at(100)));
        (0..10).for_each(|_| budget.deposit(at(100)));
        assert_eq!([0; 4].map(|_| budget.withdraw(at(101))), [true, true, false, false]);
    }

    #[test]
    fn tokens_grow_old() {
        let budget = Budget::new(0.5, 0, Duration::from_secs(10));
        (0..10).for_each(|_| budget.deposit(at(100)));
        assert!(budget.withdraw(at(109)));
        assert!(!budget.withdraw(at(111)));
    }

    #[test]
    fn a_few_per_second_are_always_allowed() {
        let budget = Budget::new(0.0, 2, Duration::from_secs(10));
        let allowed = (0..50).filter(|_| budget.withdraw(at(100))).count();
        assert_eq!(allowed, 20);
        assert!(budget.withdraw(at(111)), "what was taken is forgotten as well");
    }
}
