//! Keeps the first chosen instance for as long as it is listed.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::{Instances, Supplier};
use crate::Instance;
use crate::pick::Request;

/// The instance counts as listed while an equal one is.
#[derive(Debug, Default)]
pub struct SameInstance {
    chosen: ArcSwapOption<Instance>,
}

impl Supplier for SameInstance {
    fn looks_at_the_call(&self) -> bool {
        true
    }

    fn narrow(&self, _: &Request<'_>, instances: Instances) -> Instances {
        let chosen = self.chosen.load();
        let Some(before) = &*chosen else { return instances };
        if let Some(listed) = instances.iter().find(|instance| *instance == &**before) {
            return Arc::from([listed.clone()]);
        }
        self.chosen.store(None);
        instances
    }

    fn chosen(&self, instance: &Instance) {
        if self.chosen.load().as_deref() != Some(instance) {
            self.chosen.store(Some(Arc::new(instance.clone())));
        }
    }
}
