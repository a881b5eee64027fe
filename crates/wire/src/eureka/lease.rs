//! The lease of an instance as it is shown; the server's times, not the client's.

use crate::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Seconds between heartbeats.
    pub renewal_interval: i32,
    /// Seconds without a heartbeat after which the lease may be taken away.
    pub duration: i32,
    pub registration: Millis,
    /// With the original's oddity: a renewal shows its time plus one duration.
    pub last_renewal: Millis,
    pub eviction: Millis,
    pub service_up: Millis,
}

impl LeaseInfo {
    pub const DEFAULT_RENEWAL_INTERVAL: i32 = 30;
    pub const DEFAULT_DURATION: i32 = 90;
}

impl Default for LeaseInfo {
    fn default() -> Self {
        Self {
            renewal_interval: Self::DEFAULT_RENEWAL_INTERVAL,
            duration: Self::DEFAULT_DURATION,
            registration: Millis::ZERO,
            last_renewal: Millis::ZERO,
            eviction: Millis::ZERO,
            service_up: Millis::ZERO,
        }
    }
}
