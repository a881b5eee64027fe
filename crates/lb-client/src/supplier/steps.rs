//! The ready chains of `spring.cloud.loadbalancer.configurations`.

use std::sync::Arc;

use super::{
    Ejected, Ejection, Hint, RetryAware, SameInstance, StickyCookie, Subset, Supplier, Weighted,
    ZonePreference,
};
use crate::settings::{Configuration, ServiceSettings};

/// The steps that the settings of a service ask for, from the registry outwards.
///
/// Spring has the hint only in code; here it is part of every chain, since it does nothing unless a call brings one.
pub fn steps(settings: &ServiceSettings, ejection: &Arc<Ejection>) -> Vec<Box<dyn Supplier>> {
    let mut steps: Vec<Box<dyn Supplier>> = match settings.configuration {
        // Health checks happen before the list comes here.
        Configuration::Default | Configuration::HealthCheck => Vec::new(),
        Configuration::ZonePreference => vec![Box::new(ZonePreference::new(settings.zone.clone()))],
        Configuration::StickySession => vec![Box::new(StickyCookie::new(&*settings.sticky_cookie))],
        Configuration::SameInstance => vec![Box::new(SameInstance::default())],
        Configuration::Weighted => vec![Box::new(Weighted)],
        Configuration::Subset => vec![Box::new(Subset::new(&settings.subset.0, settings.subset.1))],
    };
    steps.push(Box::new(Hint::new(&*settings.hint_header, settings.hint.clone())));
    steps.push(Box::new(Ejected(Arc::clone(ejection))));
    if settings.retry.avoid_previous_instance {
        steps.push(Box::new(RetryAware));
    }
    steps
}
