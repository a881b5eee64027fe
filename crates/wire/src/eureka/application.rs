//! Lists of instances by application. Instances are shared: a list costs a pointer per instance.

use std::sync::Arc;

use super::InstanceInfo;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Application {
    /// Upper case.
    pub name: String,
    pub instances: Vec<Arc<InstanceInfo>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applications {
    /// `versions__delta`: stored by clients, never compared; `-1` in lists by vip.
    pub version: i64,
    /// `apps__hashcode` as the server said it: in a delta that of the whole registry.
    pub hashcode: String,
    pub applications: Vec<Application>,
}

/// A list for somebody who keeps `T` of each instance, whatever application it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed<T> {
    /// As in [`Applications`].
    pub version: i64,
    /// As in [`Applications`].
    pub hashcode: String,
    pub instances: Vec<T>,
}

impl Applications {
    pub fn instances(&self) -> impl Iterator<Item = &Arc<InstanceInfo>> {
        self.applications.iter().flat_map(|application| &application.instances)
    }
}
