//! The operator's view of the registry: every instance with its lease, whatever its status.

use std::collections::BTreeMap;
use std::sync::Arc;

use wellspring_daemon::admin::{Instance, Service, Services};
use wellspring_wire::eureka::InstanceInfo;

use crate::Node;

/// What is registered here.
pub(crate) struct Registered(pub(crate) Arc<Node>);

impl Services for Registered {
    fn services(&self) -> Vec<Service> {
        let applications = self.0.with(|state, _| state.applications());
        let describe = |application: wellspring_wire::eureka::Application| {
            let instances = application.instances.iter().map(|info| instance(info)).collect();
            Service::new(application.name, instances)
        };
        applications.into_iter().map(describe).collect()
    }
}

fn instance(info: &InstanceInfo) -> Instance {
    let secure = info.secure_port.enabled && !info.port.enabled;
    let port = if secure { info.secure_port.port } else { info.port.port };
    let lease = &info.lease;
    let overridden = info.overridden_status.as_str();
    Instance {
        id: info.id().to_owned(),
        host: info.host_name.clone(),
        ip: info.ip_addr.clone(),
        port: u16::try_from(port).unwrap_or(0),
        secure,
        status: info.status.as_str().to_owned(),
        overridden: (overridden != "UNKNOWN").then(|| overridden.to_owned()),
        zone: info.metadata.get("zone").cloned(),
        registered_at: Some(lease.registration),
        renewed_at: Some(lease.last_renewal),
        lease_seconds: u64::try_from(lease.duration).ok(),
        metadata: info
            .metadata
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<BTreeMap<_, _>>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_wire::eureka::{PortInfo, Status};

    #[test]
    fn an_instance_shows_both_statuses_and_the_open_port() {
        let info = InstanceInfo {
            host_name: "host7".to_owned(),
            status: Status::OutOfService,
            overridden_status: Status::OutOfService,
            port: PortInfo { port: 80, enabled: false },
            secure_port: PortInfo { port: 443, enabled: true },
            ..InstanceInfo::default()
        };
        let shown = instance(&info);
        assert_eq!((shown.id.as_str(), shown.port, shown.secure), ("host7", 443, true));
        assert_eq!(
            (shown.status.as_str(), shown.overridden.as_deref()),
            ("OUT_OF_SERVICE", Some("OUT_OF_SERVICE"))
        );
        assert_eq!(shown.lease_seconds, Some(90));
    }
}
