//! A lease: who holds it and until when.
//!
//! A renewal moves the lease by a whole duration into the future, so that it then lasts two. That is the original's
//! arithmetic, and clients and operators have long adapted to it.

use std::sync::Arc;
use std::time::Duration;

use wellspring_wire::Millis;
use wellspring_wire::eureka::{InstanceInfo, LeaseInfo};

#[derive(Debug, Clone)]
pub struct Lease {
    pub holder: Arc<InstanceInfo>,
    pub registration: Millis,
    pub last_update: Millis,
    pub eviction: Millis,
    pub service_up: Millis,
    pub duration: Duration,
}

impl Lease {
    pub fn new(holder: Arc<InstanceInfo>, duration: Duration, now: Millis) -> Self {
        Self {
            holder,
            registration: now,
            last_update: now,
            eviction: Millis::ZERO,
            service_up: Millis::ZERO,
            duration,
        }
    }

    pub fn renew(&mut self, now: Millis) {
        self.last_update = now + self.duration;
    }

    /// Only the first time counts.
    pub fn service_up(&mut self, now: Millis) {
        if self.service_up == Millis::ZERO {
            self.service_up = now;
        }
    }

    pub fn cancel(&mut self, now: Millis) {
        if self.eviction == Millis::ZERO {
            self.eviction = now;
        }
    }

    pub fn is_expired(&self, now: Millis, compensation: Duration) -> bool {
        self.eviction > Millis::ZERO || now > self.last_update + self.duration + compensation
    }

    /// Whether a renewal was due a while ago. Half an interval of grace: networks are slow at times.
    pub fn is_overdue(&self, now: Millis) -> bool {
        let renewed = if self.last_update > self.registration {
            self.last_update - self.duration
        } else {
            self.last_update
        };
        let interval = Duration::from_secs(u64::try_from(self.holder.lease.renewal_interval).unwrap_or(30));
        now > renewed + interval + interval / 2
    }

    /// The holder with the lease as it is now.
    pub fn show(&mut self) -> Arc<InstanceInfo> {
        let shown = LeaseInfo {
            registration: self.registration,
            last_renewal: self.last_update,
            eviction: self.eviction,
            service_up: self.service_up,
            ..self.holder.lease
        };
        if self.holder.lease != shown {
            Arc::make_mut(&mut self.holder).lease = shown;
        }
        Arc::clone(&self.holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_lease_lasts_two_durations() {
        let duration = Duration::from_secs(90);
        let mut lease = Lease::new(Arc::default(), duration, Millis(0));
        assert!(!lease.is_expired(Millis(90_000), Duration::ZERO));
        assert!(lease.is_expired(Millis(90_001), Duration::ZERO));
        assert!(!lease.is_expired(Millis(90_001), Duration::from_millis(1)));
        lease.renew(Millis(10_000));
        assert!(!lease.is_expired(Millis(190_000), Duration::ZERO));
        assert!(lease.is_expired(Millis(190_001), Duration::ZERO));
        assert_eq!(lease.show().lease.last_renewal, Millis(100_000));
    }
}
