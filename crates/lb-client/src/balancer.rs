//! The candidates and the picker of one service: what `lb://` stands on.

use std::sync::Arc;

use crate::discovery::Listing;
use crate::load::{Ended, InFlight};
use crate::pick::{Picker, Request, RoundRobin};
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
}

impl Balancer {
    /// `steps` from the registry outwards, then the picker.
    pub fn new(
        service: impl Into<String>,
        listing: Arc<Listing>,
        steps: Vec<Box<dyn Supplier>>,
        picker: Box<dyn Picker>,
    ) -> Self {
        Self { service: service.into(), chain: Chain::new(listing, steps), picker, ejection: None }
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
            let position = self.picker.pick(request, candidates)?;
            candidates.get(position).cloned()
        })?;
        self.chain.chosen(&chosen);
        Some(chosen)
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
