//! What a circuit breaker tells its listeners, in the order in which it happened.

use std::time::Duration;

use super::state::State;

/// Something that happened in a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event<'a> {
    /// A call went well, or ended in a way that is no failure.
    Success {
        /// How long it took.
        duration: Duration,
    },
    /// A call failed.
    Error {
        /// How long it took.
        duration: Duration,
        /// The error's name.
        kind: &'a str,
    },
    /// A call ended with an error that counts for nothing.
    IgnoredError {
        /// How long it took.
        duration: Duration,
        /// The error's name.
        kind: &'a str,
    },
    /// A call was refused.
    NotPermitted,
    /// The failure rate reached its threshold.
    FailureRateExceeded {
        /// Percent.
        rate: f32,
    },
    /// The rate of slow calls reached its threshold.
    SlowCallRateExceeded {
        /// Percent.
        rate: f32,
    },
    /// The breaker changed its state.
    StateTransition {
        /// Before.
        from: State,
        /// After.
        to: State,
    },
    /// The breaker was set back to its beginning.
    Reset,
}

/// The events of one operation; there are never more than five, what was due before not counted.
#[derive(Debug)]
pub(crate) struct Events<'a> {
    /// `None` when nobody listens.
    list: Option<[Option<Event<'a>>; 5]>,
    len: usize,
}

impl<'a> Events<'a> {
    /// None yet; none ever when nobody listens.
    pub(crate) fn of_interest(wanted: bool) -> Self {
        Self { list: wanted.then_some([const { None }; 5]), len: 0 }
    }

    pub(crate) const fn are_wanted(&self) -> bool {
        self.list.is_some()
    }

    pub(crate) fn push(&mut self, event: Event<'a>) {
        let Some(list) = &mut self.list else { return };
        debug_assert!(self.len < list.len(), "one operation has at most five events");
        if let Some(slot) = list.get_mut(self.len) {
            *slot = Some(event);
            self.len += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Event<'a>> {
        self.list.iter().flatten().flatten()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}
