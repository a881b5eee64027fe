//! The arithmetic of permissions: cycles counted from creation, a balance that may go below zero when waits are booked.

/// The balance of permissions; time is in nanoseconds since the limiter was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) cycle: u64,
    pub(crate) permissions: i32,
}

/// What the balance is computed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) limit: i32,
    pub(crate) period: u64,
}

impl Balance {
    /// The balance at `now`: what the cycles since have added, at most one limit's worth.
    pub(crate) fn at(self, now: u64, rule: Rule) -> Self {
        let cycle = now / rule.period.max(1);
        let elapsed = cycle.saturating_sub(self.cycle);
        if elapsed == 0 {
            return self;
        }
        let added = i64::try_from(elapsed).unwrap_or(i64::MAX).saturating_mul(i64::from(rule.limit));
        let permissions = i64::from(self.permissions).saturating_add(added).min(i64::from(rule.limit));
        Self { cycle, permissions: i32::try_from(permissions).unwrap_or(rule.limit) }
    }

    /// Nanoseconds from `now` until `wanted` permissions could be taken.
    pub(crate) fn wait(self, wanted: i32, now: u64, rule: Rule) -> u64 {
        if self.permissions >= wanted {
            return 0;
        }
        let rest = self.cycle.saturating_add(1).saturating_mul(rule.period).saturating_sub(now);
        // In 32 bits and cut toward zero, as the original computes it.
        let missing = wanted.wrapping_sub(self.permissions.wrapping_add(rule.limit));
        let cycles = missing.wrapping_add(rule.limit).wrapping_sub(1) / rule.limit.max(1);
        u64::try_from(cycles).unwrap_or_default().saturating_mul(rule.period).saturating_add(rest)
    }
}
