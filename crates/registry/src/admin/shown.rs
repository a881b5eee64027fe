//! An instance as the operator sees it.

use std::net::IpAddr;
use std::time::Duration;

use wellspring_daemon::admin::Instance;
use wellspring_daemon::admin::registry::Hold;
use wellspring_wire::eureka::{InstanceInfo, Status};

use super::holds::Held;

/// `held`: what an operator set through the admin API.
pub(super) fn instance(info: &InstanceInfo, held: Option<&Held>) -> Instance {
    let secure = info.secure_port.enabled && !info.port.enabled;
    let port = if secure { info.secure_port.port } else { info.port.port };
    let lease = &info.lease;
    let duration = seconds(lease.duration);
    // On the wire the last renewal is ahead by the lease's duration once the first has come.
    let renewed = if lease.last_renewal > lease.registration {
        lease.last_renewal - duration
    } else {
        lease.last_renewal
    };
    let overridden = info.overridden_status;
    let held = held.filter(|_| overridden == Status::OutOfService);
    let own = match held {
        // While an override hides it, what was said before is the last that is known; DOWN and STARTING show all the same.
        Some(held) if info.status == Status::OutOfService => Some(held.own.clone()),
        _ if overridden == Status::Unknown || info.status != overridden => Some(info.status.to_string()),
        _ => None,
    };
    let hold = held.map(|held| &held.hold);
    Instance {
        id: info.id().to_owned(),
        host: info.host_name.clone(),
        ip: info.ip_addr.clone(),
        port: u16::try_from(port).unwrap_or(0),
        secure,
        status: info.status.as_str().to_owned(),
        own_status: own,
        overridden: (overridden != Status::Unknown).then(|| overridden.to_string()),
        overridden_by: hold.map(|hold| hold.by.clone()),
        overridden_until: hold.and_then(|hold: &Hold| hold.until),
        reason: hold.and_then(|hold| hold.reason.clone()),
        zone: info.metadata.get("zone").cloned(),
        registered_at: Some(lease.registration),
        renewed_at: Some(renewed),
        lease_seconds: u64::try_from(lease.duration).ok(),
        next_due: Some(renewed + seconds(lease.renewal_interval)),
        evict_at: Some(lease.last_renewal + duration),
        warnings: warnings(info, port),
        metadata: info.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        ..Instance::default()
    }
}

fn seconds(number: i32) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or_default())
}

/// What makes it unlikely that callers on other machines get through.
fn warnings(info: &InstanceInfo, port: i32) -> Vec<String> {
    let mut found = Vec::new();
    for (what, text) in [("host name", &info.host_name), ("address", &info.ip_addr)] {
        if text.eq_ignore_ascii_case("localhost") || text.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
            found.push(format!("the {what} {text} means every machine itself: set eureka.instance.hostname"));
        } else if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
            found.push(format!("the {what} {text} is no address of a machine"));
        }
    }
    let host = &info.host_name;
    if host.len() == 12 && host.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let remedy = "set eureka.instance.prefer-ip-address or eureka.instance.hostname";
        found.push(format!(
            "the host name {host} looks like a container's id, which other machines cannot find: {remedy}"
        ));
    }
    if port <= 0 {
        found.push(format!("the port {port} cannot be connected to"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_wire::Millis;
    use wellspring_wire::eureka::PortInfo;

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
        let shown = instance(&info, None);
        assert_eq!((shown.id.as_str(), shown.port, shown.secure), ("host7", 443, true));
        assert_eq!(
            (shown.status.as_str(), shown.overridden.as_deref(), shown.own_status.as_deref()),
            ("OUT_OF_SERVICE", Some("OUT_OF_SERVICE"), None)
        );
        assert_eq!(shown.lease_seconds, Some(90));
    }

    #[test]
    fn the_lease_is_told_as_it_is_and_not_as_it_goes_over_the_wire() {
        let mut info = InstanceInfo { host_name: "h".to_owned(), ..InstanceInfo::default() };
        info.lease.registration = Millis(1_000);
        info.lease.last_renewal = Millis(1_000);
        let fresh = instance(&info, None);
        assert_eq!((fresh.renewed_at, fresh.evict_at), (Some(Millis(1_000)), Some(Millis(91_000))));
        info.lease.last_renewal = Millis(40_000 + 90_000);
        let renewed = instance(&info, None);
        assert_eq!(
            (renewed.renewed_at, renewed.next_due, renewed.evict_at),
            (Some(Millis(40_000)), Some(Millis(70_000)), Some(Millis(220_000)))
        );
    }

    #[test]
    fn addresses_that_others_cannot_use_are_warned_about() {
        let warned = |host: &str, ip: &str| {
            let info = InstanceInfo {
                host_name: host.to_owned(),
                ip_addr: ip.to_owned(),
                ..InstanceInfo::default()
            };
            instance(&info, None).warnings.len()
        };
        assert_eq!(warned("orders-1", "10.0.0.1"), 0);
        assert_eq!(warned("localhost", "127.0.0.1"), 2);
        assert_eq!(warned("4f1c22aa90bd", "172.17.0.2"), 1);
        assert_eq!(warned("orders-1", "0.0.0.0"), 1);
    }
}
