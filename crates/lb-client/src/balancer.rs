//! The candidates and the picker of one service: what `lb://` stands on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::discovery::Listing;
use crate::load::{self, Ended, InFlight};
use crate::pick::{HashKey, Picker, Request, RoundRobin};
use crate::settings::ServiceSettings;
use crate::supplier::{Chain, Ejection, Instances, Supplier};
use crate::{Instance, pick, supplier};

/// Chooses instances of one service. Made once per service and kept; choosing takes no lock.
#[derive(Debug)]
pub struct Balancer {
    service: String,
    chain: Chain,
    picker: Box<dyn Picker>,
    ejection: Option<Arc<Ejection>>,
    hash_key: HashKey,
    slow_start: Option<Duration>,
}

impl Balancer {
    /// `steps` from the registry outwards, then the picker.
    pub fn new(
        service: impl Into<String>,
        listing: Arc<Listing>,
        steps: Vec<Box<dyn Supplier>>,
        picker: Box<dyn Picker>,
    ) -> Self {
        Self {
            service: service.into(),
            chain: Chain::new(listing, steps),
            picker,
            ejection: None,
            hash_key: HashKey::None,
            slow_start: None,
        }
    }

    /// The balancer that the settings of a service describe.
    pub fn of_settings(
        service: impl Into<String>,
        listing: Arc<Listing>,
        settings: &ServiceSettings,
    ) -> Self {
        let ejection = Arc::new(Ejection::new(settings.ejection.clone(), Arc::clone(&listing)));
        let picker = pick::named(&settings.picker).unwrap_or_else(|| Box::new(RoundRobin::default()));
        let mut balancer = Self::new(service, listing, supplier::steps(settings, &ejection), picker);
        balancer.ejection = Some(ejection);
        balancer.hash_key = settings.hash_key.clone();
        balancer.slow_start = settings.slow_start.filter(|time| !time.is_zero());
        balancer
    }

    /// Notes how a call ended, and leaves the instance out for a while when it keeps failing. `refused`: not even a
    /// connection came about.
    pub fn ended(&self, call: InFlight, instance: &Instance, ended: Ended, refused: bool) {
        call.end(ended);
        if let Some(ejection) = self.ejection.as_ref().filter(|_| ended == Ended::Failed) {
            ejection.failed(instance, refused);
        }
    }

    /// The service it balances.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// An instance for this call; `None` when there is none.
    pub fn choose(&self, request: &Request<'_>) -> Option<Instance> {
        let chosen = self.chain.with(request, |candidates| {
            let first = candidates.get(self.picker.pick(request, candidates)?)?;
            if !self.is_too_young(first) {
                return Some(first.clone());
            }
            // Somebody older, if there is one: the young one gets its share with age.
            let second = self.picker.pick(request, candidates).and_then(|position| candidates.get(position));
            let older = |other: &&Instance| !self.is_too_young(other);
            second.filter(older).or_else(|| candidates.iter().find(older)).or(Some(first)).cloned()
        })?;
        self.chain.chosen(&chosen);
        Some(chosen)
    }

    /// What calls for the same instance have in common.
    pub fn hash_key(&self) -> &HashKey {
        &self.hash_key
    }

    /// During its slow start an instance is passed over the more often the younger it is.
    fn is_too_young(&self, instance: &Instance) -> bool {
        let Some(time) = self.slow_start else { return false };
        let Some(age) = instance.load().age(load::nanos(Instant::now())) else { return false };
        // At least a tenth of its share: it has to warm up with something.
        age < time && fastrand::f64() > (age.as_secs_f64() / time.as_secs_f64()).max(0.1)
    }

    /// What the picker would choose from.
    pub fn candidates(&self, request: &Request<'_>) -> Instances {
        self.chain.candidates(request)
    }

    /// The list as the registry has it.
    pub fn listing(&self) -> &Arc<Listing> {
        self.chain.listing()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::discovery::Book;

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_joins_begins_with_a_small_share() {
        let listing = Book::default().listing("orders");
        let instance = |number: u16| Instance::new("orders", number.to_string(), "h", number);
        listing.replace(vec![instance(1), instance(2)]);
        let settings =
            ServiceSettings { slow_start: Some(Duration::from_secs(60)), ..ServiceSettings::default() };
        let balancer = Balancer::of_settings("orders", Arc::clone(&listing), &settings);
        listing.replace(vec![instance(1), instance(2), instance(3)]);
        let share = || {
            let mut shares: HashMap<String, usize> = HashMap::new();
            for _ in 0..3_000 {
                let chosen = balancer.choose(&Request::default()).unwrap();
                *shares.entry(chosen.instance_id().to_owned()).or_default() += 1;
            }
            shares.get("3").copied().unwrap_or(0)
        };
        let first = share();
        assert!((40..250).contains(&first), "{first}");
        tokio::time::advance(Duration::from_secs(61)).await;
        let later = share();
        assert!((900..1_100).contains(&later), "{later}");
    }
}
