//! Passive ejection: an instance that refuses connections, or fails several times in a row, is left out for a while.
//!
//! Spring keeps calling it until the registry drops it. Too few left: the other zones are taken in; still too few of
//! all: everything is used, since then the fault is more likely on this side.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use tracing::{info, warn};
use wellspring_properties::value;

use super::alarm::Alarm;
use super::{Instances, Supplier};
use crate::Instance;
use crate::discovery::Listing;
use crate::load::nanos;
use crate::pick::Request;

/// `wellspring.loadbalancer.ejection.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct EjectionSettings {
    /// Off: as Spring, no instance is ever left out.
    pub enabled: bool,
    /// Failures in a row, refused connections not counted: one of those is enough.
    pub consecutive_failures: u32,
    /// First time out; doubled with each further failure.
    #[serde(with = "value::duration_millis")]
    pub base_time: Duration,
    /// Longest time out.
    #[serde(with = "value::duration_millis")]
    pub max_time: Duration,
    /// With a smaller share (0..=1) of candidates left, more are taken in.
    pub min_healthy: f64,
}

impl Default for EjectionSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive_failures: 5,
            base_time: Duration::from_secs(5),
            max_time: Duration::from_secs(60),
            min_healthy: 0.5,
        }
    }
}

/// The ejected instances of one service. The figures are in the instances; here is only whether there are any.
#[derive(Debug)]
pub struct Ejection {
    settings: EjectionSettings,
    listing: Arc<Listing>,
    any: Alarm,
}

/// The step of the chain.
#[derive(Debug)]
pub(crate) struct Ejected(pub(crate) Arc<Ejection>);

impl Ejection {
    /// Over the whole list of a service.
    pub fn new(settings: EjectionSettings, listing: Arc<Listing>) -> Self {
        Self { settings, listing, any: Alarm::new() }
    }

    /// A call failed and was counted; `refused` when not even a connection came about.
    pub fn failed(&self, instance: &Instance, refused: bool) {
        let load = instance.load();
        let failures = load.failures_in_a_row();
        let beyond = match (refused, failures.checked_sub(self.settings.consecutive_failures.max(1))) {
            (true, _) => failures.saturating_sub(1),
            (false, Some(beyond)) => beyond,
            (false, None) => return,
        };
        if !self.settings.enabled {
            return;
        }
        let now = nanos(Instant::now());
        if load.is_ejected(now) {
            return;
        }
        let time = self.settings.base_time.saturating_mul(2u32.saturating_pow(beyond.min(10)));
        let time = time.min(self.settings.max_time);
        load.eject(now.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
        self.any.raise();
        warn!(
            instance = instance.instance_id(),
            service = instance.service_id(),
            ?time,
            refused,
            "instance left out"
        );
    }

    fn left(&self, instances: &Instances, now: u64) -> Option<Instances> {
        let healthy: Instances =
            instances.iter().filter(|one| !one.load().is_ejected(now)).cloned().collect();
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let enough = healthy.len() as f64 >= self.settings.min_healthy * instances.len() as f64;
        (enough && !healthy.is_empty()).then_some(healthy)
    }
}

impl Supplier for Ejected {
    fn looks_at_the_call(&self) -> bool {
        true
    }

    fn concerns(&self, _: &Request<'_>) -> bool {
        self.0.any.is_raised()
    }

    fn narrow(&self, _: &Request<'_>, instances: Instances) -> Instances {
        let now = nanos(Instant::now());
        let all = self.0.listing.instances();
        let ejected = || all.iter().any(|instance| instance.load().is_ejected(now));
        if !ejected() {
            self.0.any.lower_unless(ejected);
            info!("all instances are used again");
            return instances;
        }
        // Own zone first, then all zones, then whatever there is.
        self.0.left(&instances, now).or_else(|| self.0.left(&all, now)).unwrap_or(instances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::Book;
    use crate::load::Ended;

    fn listing(count: u16) -> Arc<Listing> {
        let listing = Book::default().listing("s");
        listing.replace((0..count).map(|n| Instance::new("s", n.to_string(), "h", n)).collect());
        listing
    }

    fn fail(ejection: &Ejection, instance: &Instance, refused: bool) {
        instance.load().begin().end(Ended::Failed);
        ejection.failed(instance, refused);
    }

    fn ids(step: &Ejected, list: &Instances) -> Vec<String> {
        let left = step.narrow(&Request::default(), Arc::clone(list));
        left.iter().map(|instance| instance.instance_id().to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_refusal_or_five_failures_leave_an_instance_out_for_a_while() {
        let listing = listing(4);
        let step = Ejected(Arc::new(Ejection::new(EjectionSettings::default(), Arc::clone(&listing))));
        let list = listing.instances();
        assert!(!step.concerns(&Request::default()));
        fail(&step.0, &list[0], true);
        assert_eq!(ids(&step, &list), ["1", "2", "3"]);
        for _ in 0..5 {
            assert_eq!(ids(&step, &list), ["1", "2", "3"]);
            fail(&step.0, &list[1], false);
        }
        assert_eq!(ids(&step, &list), ["2", "3"]);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(ids(&step, &list).len(), 4);
        assert!(!step.concerns(&Request::default()));
        // Refused again: twice as long.
        fail(&step.0, &list[0], true);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(ids(&step, &list).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn too_few_left_means_other_zones_and_then_all() {
        let listing = listing(5);
        let step = Ejected(Arc::new(Ejection::new(EjectionSettings::default(), Arc::clone(&listing))));
        let list = listing.instances();
        let own_zone: Instances = list[..2].into();
        fail(&step.0, &list[0], true);
        assert_eq!(ids(&step, &own_zone), ["1"]);
        fail(&step.0, &list[1], true);
        assert_eq!(ids(&step, &own_zone), ["2", "3", "4"]);
        fail(&step.0, &list[2], true);
        assert_eq!(ids(&step, &own_zone), ["0", "1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_out_when_it_is_off() {
        let listing = listing(3);
        let settings = EjectionSettings { enabled: false, ..EjectionSettings::default() };
        let ejection = Ejection::new(settings, Arc::clone(&listing));
        fail(&ejection, &listing.instances()[0], true);
        assert!(!ejection.any.is_raised());
    }
}
