//! One instance of a service, as every discovery source describes it.
//!
//! Cloning is one reference count. The load figures travel with the instance id: when a list is replaced, an
//! instance that stays keeps its figures (see `discovery::Listing`).

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::load::Load;

/// What an instance says about itself: zone, weight, management port and the like, in the registry's order.
pub type Metadata = IndexMap<String, String>;

/// An address of a service with what is known about it.
#[derive(Clone)]
pub struct Instance(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    data: Data,
    load: Arc<Load>,
}

#[derive(Clone, PartialEq, Eq)]
struct Data {
    instance_id: String,
    service_id: String,
    host: String,
    port: Option<u16>,
    secure: bool,
    scheme: Option<String>,
    metadata: Metadata,
}

impl Instance {
    /// An instance of `service_id`; `port` `None` stands for the scheme's own port.
    pub fn new(
        service_id: impl Into<String>,
        instance_id: impl Into<String>,
        host: impl Into<String>,
        port: impl Into<Option<u16>>,
    ) -> Self {
        let data = Data {
            instance_id: instance_id.into(),
            service_id: service_id.into(),
            host: host.into(),
            port: port.into(),
            secure: false,
            scheme: None,
            metadata: Metadata::new(),
        };
        Self(Arc::new(Inner { data, load: Arc::default() }))
    }

    /// Reached by TLS.
    #[must_use]
    pub fn with_secure(mut self, secure: bool) -> Self {
        Arc::make_mut(&mut self.0).data.secure = secure;
        self
    }

    /// A scheme of its own, which wins over the scheme of the address that was asked for.
    #[must_use]
    pub fn with_scheme(mut self, scheme: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).data.scheme = Some(scheme.into());
        self
    }

    /// Replaces the metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        Arc::make_mut(&mut self.0).data.metadata = metadata;
        self
    }

    /// Unique within the service.
    pub fn instance_id(&self) -> &str {
        &self.0.data.instance_id
    }

    /// The service it belongs to, as the source spells it.
    pub fn service_id(&self) -> &str {
        &self.0.data.service_id
    }

    /// Host name or address; an IPv6 address is without brackets.
    pub fn host(&self) -> &str {
        &self.0.data.host
    }

    /// The port to connect to: its own, else 443 when secure, else 80.
    pub fn port(&self) -> u16 {
        self.0.data.port.unwrap_or(if self.0.data.secure { 443 } else { 80 })
    }

    /// Whether it is reached by TLS.
    pub fn secure(&self) -> bool {
        self.0.data.secure
    }

    /// Its own scheme, when it has one.
    pub fn scheme(&self) -> Option<&str> {
        self.0.data.scheme.as_deref()
    }

    /// What it says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.0.data.metadata
    }

    /// Metadata `zone`.
    pub fn zone(&self) -> Option<&str> {
        self.0.data.metadata.get("zone").map(String::as_str)
    }

    /// `http://host:port`, `https://` when secure.
    pub fn uri(&self) -> String {
        let scheme = self.scheme().unwrap_or(if self.secure() { "https" } else { "http" });
        format!("{scheme}://{}", self.authority())
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        if self.host().contains(':') && !self.host().starts_with('[') {
            format!("[{}]:{}", self.host(), self.port())
        } else {
            format!("{}:{}", self.host(), self.port())
        }
    }

    /// Calls in flight, round-trip time and failures of this instance as seen from here.
    pub fn load(&self) -> &Arc<Load> {
        &self.0.load
    }

    /// The same instance with the figures of `other`, which described it before.
    pub(crate) fn with_load_of(mut self, other: &Self) -> Self {
        if self == *other {
            return other.clone();
        }
        Arc::make_mut(&mut self.0).load = Arc::clone(&other.0.load);
        self
    }
}

/// Equal when everything the registry says is equal; load figures do not count.
impl PartialEq for Instance {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.data == other.0.data
    }
}

impl Eq for Instance {}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("instance_id", &self.0.data.instance_id)
            .field("service_id", &self.0.data.service_id)
            .field("uri", &self.uri())
            .field("metadata", &self.0.data.metadata)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_not_given_is_the_schemes() {
        assert_eq!(Instance::new("s", "a", "h", None).uri(), "http://h:80");
        assert_eq!(Instance::new("s", "a", "h", None).with_secure(true).uri(), "https://h:443");
        assert_eq!(Instance::new("s", "a", "::1", 8080).uri(), "http://[::1]:8080");
    }
}
