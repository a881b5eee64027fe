//! Reads one instance.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::scalar::Scalar;
use crate::eureka::data_center::{AMAZON_CLASS, DEFAULT_CLASS, MY_CLASS};
use crate::eureka::{
    ActionType, DataCenterInfo, DataCenterName, InstanceInfo, LeaseInfo, Metadata, PortInfo, Status,
};

/// An instance as deserialized; also the form in lists and batches.
pub(super) struct Read(pub(super) InstanceInfo);

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    InstanceId,
    HostName,
    App,
    IpAddr,
    Status,
    #[serde(alias = "overriddenstatus")]
    OverriddenStatus,
    Port,
    SecurePort,
    CountryId,
    DataCenterInfo,
    LeaseInfo,
    Metadata,
    AppGroupName,
    HomePageUrl,
    StatusPageUrl,
    HealthCheckUrl,
    SecureHealthCheckUrl,
    VipAddress,
    SecureVipAddress,
    IsCoordinatingDiscoveryServer,
    LastUpdatedTimestamp,
    LastDirtyTimestamp,
    ActionType,
    AsgName,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InstanceVisitor)
    }
}

struct InstanceVisitor;

impl<'de> Visitor<'de> for InstanceVisitor {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instance")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut instance = InstanceInfo::default();
        let mut app = None;
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::InstanceId => instance.instance_id = text(&mut map)?,
                Field::HostName => instance.host_name = text(&mut map)?.unwrap_or_default(),
                Field::App => app = text(&mut map)?,
                Field::IpAddr => instance.ip_addr = text(&mut map)?.unwrap_or_default(),
                Field::Status => instance.status = status(&mut map)?,
                Field::OverriddenStatus => instance.overridden_status = status(&mut map)?,
                Field::Port => map.next_value::<Port>()?.lay_over(&mut instance.port),
                Field::SecurePort => map.next_value::<Port>()?.lay_over(&mut instance.secure_port),
                Field::CountryId => {
                    instance.country_id = map.next_value::<Scalar<'_>>()?.number("countryId")?.unwrap_or(1);
                }
                Field::DataCenterInfo => {
                    instance.data_center_info = map.next_value::<Option<DataCenter>>()?.map(|read| read.0);
                }
                Field::LeaseInfo => {
                    instance.lease =
                        map.next_value::<Option<Lease>>()?.map(|read| read.0).unwrap_or_default();
                }
                Field::Metadata => {
                    instance.metadata =
                        map.next_value::<Option<Pairs>>()?.map(|read| read.0).unwrap_or_default();
                }
                Field::AppGroupName => {
                    instance.app_group_name = text(&mut map)?.map(|name| name.to_uppercase())
                }
                Field::HomePageUrl => instance.home_page_url = text(&mut map)?,
                Field::StatusPageUrl => instance.status_page_url = text(&mut map)?,
                Field::HealthCheckUrl => instance.health_check_url = text(&mut map)?,
                Field::SecureHealthCheckUrl => instance.secure_health_check_url = text(&mut map)?,
                Field::VipAddress => instance.vip_address = text(&mut map)?,
                Field::SecureVipAddress => instance.secure_vip_address = text(&mut map)?,
                Field::IsCoordinatingDiscoveryServer => {
                    instance.is_coordinating_discovery_server =
                        map.next_value::<Scalar<'_>>()?.boolean().unwrap_or(false);
                }
                Field::LastUpdatedTimestamp => {
                    instance.last_updated = map.next_value::<Scalar<'_>>()?.millis("lastUpdatedTimestamp")?;
                }
                Field::LastDirtyTimestamp => {
                    instance.last_dirty = map.next_value::<Scalar<'_>>()?.millis("lastDirtyTimestamp")?;
                }
                Field::ActionType => {
                    instance.action_type =
                        map.next_value::<Scalar<'_>>()?.as_text().and_then(ActionType::from_name);
                }
                Field::AsgName => instance.asg_name = text(&mut map)?,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // The original builds nothing without a name: that is a body it cannot read, not an invalid instance.
        instance.app = app.ok_or_else(|| A::Error::missing_field("app"))?.to_uppercase();
        Ok(Read(instance))
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<String>, A::Error> {
    Ok(map.next_value::<Scalar<'_>>()?.text())
}

fn status<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Status, A::Error> {
    Ok(map.next_value::<Scalar<'_>>()?.as_text().map_or(Status::Unknown, Status::read))
}

/// `{"$":8080,"@enabled":"true"}`; a bare number is refused, as in the original.
#[derive(serde::Deserialize)]
struct Port {
    #[serde(rename = "$", default, deserialize_with = "number")]
    port: Option<i32>,
    #[serde(rename = "@enabled", default, deserialize_with = "boolean")]
    enabled: Option<bool>,
}

impl Port {
    fn lay_over(&self, port: &mut PortInfo) {
        port.port = self.port.unwrap_or(port.port);
        port.enabled = self.enabled.unwrap_or(port.enabled);
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    Scalar::deserialize(deserializer)?.number("port")
}

fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.boolean())
}

struct DataCenter(DataCenterInfo);

impl<'de> Deserialize<'de> for DataCenter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Fields<'a> {
            #[serde(rename = "@class", borrow)]
            class: Scalar<'a>,
            #[serde(borrow, default)]
            name: Option<Scalar<'a>>,
            #[serde(default)]
            metadata: Option<Pairs>,
        }
        let fields = Fields::deserialize(deserializer)?;
        let name = match fields.name.as_ref().and_then(Scalar::as_text) {
            None => None,
            Some(name) => Some(
                DataCenterName::from_name(name)
                    .ok_or_else(|| D::Error::unknown_variant(name, &["MyOwn", "Netflix", "Amazon"]))?,
            ),
        };
        let metadata = fields.metadata.map(|pairs| pairs.0).unwrap_or_default();
        match fields.class.as_text() {
            Some(DEFAULT_CLASS | MY_CLASS) => Ok(Self(DataCenterInfo { name, amazon: None })),
            Some(AMAZON_CLASS) => Ok(Self(DataCenterInfo { name, amazon: Some(metadata) })),
            class => Err(D::Error::unknown_variant(class.unwrap_or("null"), &[DEFAULT_CLASS, AMAZON_CLASS])),
        }
    }
}

struct Lease(LeaseInfo);

impl<'de> Deserialize<'de> for Lease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'a> {
            #[serde(borrow, default)]
            renewal_interval_in_secs: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            duration_in_secs: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            registration_timestamp: Option<Scalar<'a>>,
            // What servers before 1.4 called it.
            #[serde(borrow, default, alias = "renewalTimestamp")]
            last_renewal_timestamp: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            eviction_timestamp: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            service_up_timestamp: Option<Scalar<'a>>,
        }
        fn positive<E: Error>(scalar: Option<Scalar<'_>>, field: &str, default: i32) -> Result<i32, E> {
            let Some(scalar) = scalar else { return Ok(default) };
            Ok(scalar.number(field)?.filter(|seconds| *seconds > 0).unwrap_or(default))
        }
        fn time<E: Error>(scalar: Option<Scalar<'_>>, field: &str) -> Result<crate::Millis, E> {
            let Some(scalar) = scalar else { return Ok(crate::Millis::ZERO) };
            Ok(scalar.millis(field)?.unwrap_or_default())
        }
        let fields = Fields::deserialize(deserializer)?;
        Ok(Self(LeaseInfo {
            renewal_interval: positive(
                fields.renewal_interval_in_secs,
                "renewalIntervalInSecs",
                LeaseInfo::DEFAULT_RENEWAL_INTERVAL,
            )?,
            duration: positive(fields.duration_in_secs, "durationInSecs", LeaseInfo::DEFAULT_DURATION)?,
            registration: time(fields.registration_timestamp, "registrationTimestamp")?,
            last_renewal: time(fields.last_renewal_timestamp, "lastRenewalTimestamp")?,
            eviction: time(fields.eviction_timestamp, "evictionTimestamp")?,
            service_up: time(fields.service_up_timestamp, "serviceUpTimestamp")?,
        }))
    }
}

/// An object of scalars; `null` values become the text `null`, the key `@class` is Java's and dropped.
struct Pairs(Metadata);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Metadata::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "@class" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        let value = map.next_value::<Scalar<'_>>()?.text();
                        pairs.insert(key, value.unwrap_or_else(|| "null".to_owned()));
                    }
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
