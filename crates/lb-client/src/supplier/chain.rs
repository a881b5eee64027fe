//! The steps of one service in order, and what they made of the present list.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Instances, Supplier};
use crate::Instance;
use crate::discovery::Listing;
use crate::pick::Request;

/// Steps over a listing.
#[derive(Debug)]
pub struct Chain {
    listing: Arc<Listing>,
    steps: Vec<Box<dyn Supplier>>,
    /// The first step that looks at the call.
    per_call: usize,
    prepared: ArcSwap<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    version: u64,
    instances: Instances,
}

impl Chain {
    /// The steps in order from the registry outwards.
    pub fn new(listing: Arc<Listing>, steps: Vec<Box<dyn Supplier>>) -> Self {
        let per_call = steps.iter().position(|step| step.looks_at_the_call()).unwrap_or(steps.len());
        let prepared =
            ArcSwap::from_pointee(Prepared { version: u64::MAX, instances: Arc::from(Vec::new()) });
        Self { listing, steps, per_call, prepared }
    }

    /// Calls `with` with the candidates of this call.
    pub fn with<R>(&self, request: &Request<'_>, with: impl FnOnce(&[Instance]) -> R) -> R {
        let mut prepared = self.prepared.load();
        if prepared.version != self.listing.version() {
            self.prepare();
            prepared = self.prepared.load();
        }
        let mut steps =
            self.steps.iter().skip(self.per_call).filter(|step| step.concerns(request)).peekable();
        if steps.peek().is_none() {
            return with(&prepared.instances);
        }
        let mut instances = Arc::clone(&prepared.instances);
        for step in steps {
            instances = step.narrow(request, instances);
        }
        with(&instances)
    }

    /// The candidates of this call.
    pub fn candidates(&self, request: &Request<'_>) -> Instances {
        self.with(request, |instances| Arc::from(instances))
    }

    /// Tells every step which instance was chosen.
    pub fn chosen(&self, instance: &Instance) {
        for step in self.steps.iter().skip(self.per_call) {
            step.chosen(instance);
        }
    }

    /// The list as the registry has it.
    pub fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    #[cold]
    fn prepare(&self) {
        // The version first: a list that changes in between is prepared once more, never missed.
        let version = self.listing.version();
        let mut instances = self.listing.instances();
        for step in self.steps.iter().take(self.per_call) {
            instances = step.narrow(&Request::default(), instances);
        }
        self.prepared.store(Arc::new(Prepared { version, instances }));
    }
}
