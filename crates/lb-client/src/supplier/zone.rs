//! Prefers instances of the caller's zone; without a zone, or when none is there, all.

use super::{Instances, Supplier, those_or_all};
use crate::pick::Request;

/// Zone names are compared ignoring case.
#[derive(Debug)]
pub struct ZonePreference {
    zone: Option<String>,
}

impl ZonePreference {
    /// The caller's own zone.
    pub fn new(zone: Option<String>) -> Self {
        Self { zone: zone.filter(|zone| !zone.is_empty()) }
    }
}

impl Supplier for ZonePreference {
    fn narrow(&self, _: &Request<'_>, instances: Instances) -> Instances {
        let Some(own) = &self.zone else { return instances };
        those_or_all(instances, |instance| {
            instance.zone().is_some_and(|zone| zone.to_lowercase() == own.to_lowercase())
        })
    }
}
