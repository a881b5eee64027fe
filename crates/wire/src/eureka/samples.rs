//! Instances for the tests of both codecs.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{
    ActionType, DataCenterInfo, DataCenterName, InstanceInfo, LeaseInfo, Metadata, PortInfo, Status,
};
use crate::Millis;

pub(super) fn sample() -> InstanceInfo {
    let now = Millis(1_795_240_955_460);
    InstanceInfo {
        instance_id: Some("host1:foo:8080".into()),
        host_name: "host1".into(),
        app: "FOO".into(),
        ip_addr: "10.0.0.1".into(),
        port: PortInfo { port: 8080, enabled: true },
        secure_port: PortInfo { port: 8443, enabled: false },
        data_center_info: Some(DataCenterInfo::my_own()),
        lease: LeaseInfo { registration: now, last_renewal: now, service_up: now, ..LeaseInfo::default() },
        metadata: Metadata::from_iter([("zone".to_owned(), "z1".to_owned())]),
        home_page_url: Some("http://host1:8080/".into()),
        vip_address: Some("foo".into()),
        secure_vip_address: Some("foo".into()),
        last_updated: Some(now),
        last_dirty: Some(Millis(1_700_000_000_000)),
        action_type: Some(ActionType::Added),
        ..InstanceInfo::default()
    }
}

/// Instances with free text matching `text` wherever free text may stand.
pub(super) fn any_instance(text: &'static str) -> impl Strategy<Value = InstanceInfo> {
    let status = || prop::sample::select(Status::ALL.to_vec());
    let pairs = move || {
        vec((text, text), 0..4).prop_map(|pairs| {
            pairs.into_iter().filter(|(key, _)| key != "@class" && !key.is_empty()).collect()
        })
    };
    let port = || (any::<i32>(), any::<bool>()).prop_map(|(port, enabled)| PortInfo { port, enabled });
    let center = (prop::sample::select(vec![DataCenterName::MyOwn, DataCenterName::Amazon]), pairs())
        .prop_map(|(name, pairs): (_, Metadata)| DataCenterInfo {
            name: Some(name),
            amazon: (name == DataCenterName::Amazon).then_some(pairs),
        });
    let millis = || any::<i64>().prop_map(Millis);
    let lease = (1..i32::MAX, 1..i32::MAX, millis(), millis(), millis(), millis()).prop_map(
        |(renewal_interval, duration, registration, last_renewal, eviction, service_up)| LeaseInfo {
            renewal_interval,
            duration,
            registration,
            last_renewal,
            eviction,
            service_up,
        },
    );
    let action = of(prop::sample::select(vec![ActionType::Added, ActionType::Modified, ActionType::Deleted]));
    let texts = (of(text), text, text, text, vec(of(text), 8));
    let rest = (status(), status(), port(), port(), of(center), lease, pairs(), any::<bool>());
    (texts, rest, of(millis()), of(millis()), action).prop_map(
        |(texts, rest, last_updated, last_dirty, action_type)| {
            let (instance_id, host_name, app, ip_addr, optional) = texts;
            let mut optional = optional.into_iter();
            let mut next = || optional.next().flatten();
            let (
                status,
                overridden_status,
                port,
                secure_port,
                data_center_info,
                lease,
                metadata,
                coordinating,
            ) = rest;
            InstanceInfo {
                instance_id,
                host_name,
                app: app.to_uppercase(),
                ip_addr,
                status,
                overridden_status,
                port,
                secure_port,
                country_id: port.port,
                data_center_info,
                lease,
                metadata,
                app_group_name: next().map(|name| name.to_uppercase()),
                home_page_url: next(),
                status_page_url: next(),
                health_check_url: next(),
                secure_health_check_url: next(),
                vip_address: next(),
                secure_vip_address: next(),
                is_coordinating_discovery_server: coordinating,
                last_updated,
                last_dirty,
                action_type,
                asg_name: next(),
            }
        },
    )
}
