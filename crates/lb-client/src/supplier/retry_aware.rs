//! Leaves out the instance that failed just before, when there is another.

use super::{Instances, Supplier};
use crate::pick::Request;

/// Removes the first entry only: under weighting the same instance may come again, as in the original.
#[derive(Debug)]
pub struct RetryAware;

impl Supplier for RetryAware {
    fn looks_at_the_call(&self) -> bool {
        true
    }

    fn concerns(&self, request: &Request<'_>) -> bool {
        request.previous.is_some()
    }

    fn narrow(&self, request: &Request<'_>, instances: Instances) -> Instances {
        let Some(previous) = request.previous else { return instances };
        let Some(failed) = instances.iter().position(|instance| instance == previous) else {
            return instances;
        };
        if instances.len() == 1 {
            return instances;
        }
        let others = instances.iter().enumerate().filter(|(position, _)| *position != failed);
        others.map(|(_, instance)| instance.clone()).collect()
    }
}
