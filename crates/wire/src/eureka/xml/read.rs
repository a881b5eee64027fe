//! From the tree to instances and lists. Elements may come in any order; unknown ones are skipped.

use std::str::FromStr;
use std::sync::Arc;

use super::name;
use super::tree::{Node, parse};
use crate::Millis;
use crate::eureka::data_center::{AMAZON_CLASS, DEFAULT_CLASS, MY_CLASS};
use crate::eureka::{
    ActionType, Application, Applications, DataCenterInfo, DataCenterName, DecodeError, InstanceInfo,
    LeaseInfo, Metadata, PortInfo, Status,
};

/// Reads `<instance>…</instance>`.
pub fn read_instance(body: &[u8]) -> Result<InstanceInfo, DecodeError> {
    instance(parse(body, "instance")?)
}

/// Reads `<application>…</application>`.
pub fn read_application(body: &[u8]) -> Result<Application, DecodeError> {
    application(parse(body, "application")?)
}

/// Reads `<applications>…</applications>`.
pub fn read_applications(body: &[u8]) -> Result<Applications, DecodeError> {
    let mut read = Applications { version: 1, ..Applications::default() };
    for child in parse(body, "applications")?.children {
        match child.name.as_str() {
            "versions__delta" => read.version = number(&child)?,
            "apps__hashcode" => read.hashcode = child.text,
            "application" => read.applications.push(application(child)?),
            _ => {}
        }
    }
    Ok(read)
}

fn application(node: Node) -> Result<Application, DecodeError> {
    let mut read = Application::default();
    for child in node.children {
        match child.name.as_str() {
            "name" => read.name = child.text.to_uppercase(),
            "instance" => read.instances.push(Arc::new(instance(child)?)),
            _ => {}
        }
    }
    Ok(read)
}

fn instance(node: Node) -> Result<InstanceInfo, DecodeError> {
    let mut read = InstanceInfo::default();
    let mut app = None;
    for child in node.children {
        match child.name.as_str() {
            "instanceId" => read.instance_id = Some(child.text),
            "hostName" => read.host_name = child.text,
            "app" => app = Some(child.text),
            "ipAddr" => read.ip_addr = child.text,
            "status" => read.status = Status::read(&child.text),
            "overriddenstatus" | "overriddenStatus" => read.overridden_status = Status::read(&child.text),
            "port" => port(&child, &mut read.port)?,
            "securePort" => port(&child, &mut read.secure_port)?,
            "countryId" => read.country_id = number(&child)?,
            "dataCenterInfo" => read.data_center_info = data_center(child)?,
            "leaseInfo" => read.lease = lease(&child)?,
            "metadata" => read.metadata = pairs(child),
            "appGroupName" => read.app_group_name = Some(child.text.to_uppercase()),
            "homePageUrl" => read.home_page_url = Some(child.text),
            "statusPageUrl" => read.status_page_url = Some(child.text),
            "healthCheckUrl" => read.health_check_url = Some(child.text),
            "secureHealthCheckUrl" => read.secure_health_check_url = Some(child.text),
            "vipAddress" => read.vip_address = Some(child.text),
            "secureVipAddress" => read.secure_vip_address = Some(child.text),
            "isCoordinatingDiscoveryServer" => {
                read.is_coordinating_discovery_server = child.text.trim().eq_ignore_ascii_case("true");
            }
            "lastUpdatedTimestamp" => read.last_updated = Some(Millis(number(&child)?)),
            "lastDirtyTimestamp" => read.last_dirty = Some(Millis(number(&child)?)),
            "actionType" => read.action_type = ActionType::from_name(child.text.trim()),
            "asgName" => read.asg_name = Some(child.text),
            _ => {}
        }
    }
    read.app = app.ok_or_else(|| DecodeError::new("instance: <app> is missing"))?.to_uppercase();
    Ok(read)
}

fn port(node: &Node, port: &mut PortInfo) -> Result<(), DecodeError> {
    port.port = number(node)?;
    if let Some(enabled) = node.attribute("enabled") {
        port.enabled = enabled.trim().eq_ignore_ascii_case("true");
    }
    Ok(())
}

/// The class may be left out here: the name tells Amazon from the rest. Without a name there is no data centre.
fn data_center(node: Node) -> Result<Option<DataCenterInfo>, DecodeError> {
    let amazon = match node.attribute("class") {
        None | Some(DEFAULT_CLASS | MY_CLASS) => false,
        Some(AMAZON_CLASS) => true,
        Some(class) => return Err(DecodeError::new(format!("dataCenterInfo: unknown class {class:?}"))),
    };
    let mut name = None;
    let mut metadata = Metadata::new();
    for child in node.children {
        match child.name.as_str() {
            "name" => {
                name = Some(DataCenterName::from_name(child.text.trim()).ok_or_else(|| {
                    DecodeError::new(format!(
                        "dataCenterInfo: {:?} is not MyOwn, Netflix or Amazon",
                        child.text
                    ))
                })?);
            }
            "metadata" => metadata = pairs(child),
            _ => {}
        }
    }
    let Some(name) = name else { return Ok(None) };
    let amazon = amazon || name == DataCenterName::Amazon;
    Ok(Some(DataCenterInfo { name: Some(name), amazon: amazon.then_some(metadata) }))
}

fn lease(node: &Node) -> Result<LeaseInfo, DecodeError> {
    let mut read = LeaseInfo::default();
    for child in &node.children {
        match child.name.as_str() {
            "renewalIntervalInSecs" => {
                read.renewal_interval = positive(child, LeaseInfo::DEFAULT_RENEWAL_INTERVAL)?
            }
            "durationInSecs" => read.duration = positive(child, LeaseInfo::DEFAULT_DURATION)?,
            "registrationTimestamp" => read.registration = Millis(number(child)?),
            "lastRenewalTimestamp" | "renewalTimestamp" => read.last_renewal = Millis(number(child)?),
            "evictionTimestamp" => read.eviction = Millis(number(child)?),
            "serviceUpTimestamp" => read.service_up = Millis(number(child)?),
            _ => {}
        }
    }
    Ok(read)
}

fn pairs(node: Node) -> Metadata {
    node.children.into_iter().map(|child| (name::decode(&child.name), child.text)).collect()
}

fn number<T: FromStr>(node: &Node) -> Result<T, DecodeError> {
    node.text.trim().parse().map_err(|_| {
        DecodeError::new(format!("{}: expected a whole number, found {:?}", node.name, node.text))
    })
}

fn positive(node: &Node, default: i32) -> Result<i32, DecodeError> {
    number(node).map(|seconds| if seconds > 0 { seconds } else { default })
}
