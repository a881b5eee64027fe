//! The arithmetic of permissions: cycles counted from creation, a balance that may go below zero when waits are booked.

/// The balance of permissions; time is in nanoseconds since the limiter was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) cycle: u64,
    /// When the cycle is over: most calls need no division to know that it is not.
    pub(crate) ends: u64,
    pub(crate) permissions: i32,
}

/// What the balance is computed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) limit: i32,
    pub(crate) period: u64,
}

impl Balance {
    /// The whole first cycle.
    pub(crate) const fn new(rule: Rule) -> Self {
        Self { cycle: 0, ends: rule.period, permissions: rule.limit }
    }

    /// The balance at `now`: what the cycles since have added, at most one limit's worth.
    pub(crate) fn at(self, now: u64, rule: Rule) -> Self {
        if now < self.ends {
            return self;
        }
        let cycle = now / rule.period.max(1);
        let elapsed = cycle.saturating_sub(self.cycle);
        let added = i64::try_from(elapsed).unwrap_or(i64::MAX).saturating_mul(i64::from(rule.limit));
        let permissions = i64::from(self.permissions).saturating_add(added).min(i64::from(rule.limit));
        let ends = cycle.saturating_add(1).saturating_mul(rule.period);
        Self { cycle, ends, permissions: i32::try_from(permissions).unwrap_or(rule.limit) }
    }

    /// Nanoseconds from `now` until `wanted` permissions could be taken.
    pub(crate) fn wait(self, wanted: i32, now: u64, rule: Rule) -> u64 {
        if self.permissions >= wanted {
            return 0;
        }
        let rest = self.ends.saturating_sub(now);
        // In 32 bits and cut toward zero, as the original computes it.
        let missing = wanted.wrapping_sub(self.permissions.wrapping_add(rule.limit));
        let cycles = missing.wrapping_add(rule.limit).wrapping_sub(1) / rule.limit.max(1);
        u64::try_from(cycles).unwrap_or_default().saturating_mul(rule.period).saturating_add(rest)
    }
}
