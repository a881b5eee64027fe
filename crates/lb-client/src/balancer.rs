//! The candidates and the picker of one service: what `lb://` stands on.

use std::sync::Arc;

use crate::Instance;
use crate::discovery::Listing;
use crate::pick::{Picker, Request};
use crate::supplier::{Chain, Instances, Supplier};

/// Chooses instances of one service. Made once per service and kept; choosing takes no lock.
#[derive(Debug)]
pub struct Balancer {
    service: String,
    chain: Chain,
    picker: Box<dyn Picker>,
}

impl Balancer {
    /// `steps` from the registry outwards, then the picker.
    pub fn new(
        service: impl Into<String>,
        listing: Arc<Listing>,
        steps: Vec<Box<dyn Supplier>>,
        picker: Box<dyn Picker>,
    ) -> Self {
        Self { service: service.into(), chain: Chain::new(listing, steps), picker }
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
