//! One instance of an application, as registered and as listed.

use indexmap::IndexMap;

use super::{ActionType, DataCenterInfo, LeaseInfo, Status};
use crate::Millis;

/// Free-form key-value pairs; order is kept, nobody relies on it.
pub type Metadata = IndexMap<String, String>;

/// Empty text means absent for `host_name`, `app` and `ip_addr`; a registry refuses those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// See [`InstanceInfo::id`] for what identifies an instance without one.
    pub instance_id: Option<String>,
    pub host_name: String,
    /// Upper case, always.
    pub app: String,
    pub ip_addr: String,
    pub status: Status,
    pub overridden_status: Status,
    pub port: PortInfo,
    pub secure_port: PortInfo,
    pub country_id: i32,
    pub data_center_info: Option<DataCenterInfo>,
    pub lease: LeaseInfo,
    pub metadata: Metadata,
    /// Upper case.
    pub app_group_name: Option<String>,
    pub home_page_url: Option<String>,
    pub status_page_url: Option<String>,
    pub health_check_url: Option<String>,
    pub secure_health_check_url: Option<String>,
    /// May be a comma list.
    pub vip_address: Option<String>,
    pub secure_vip_address: Option<String>,
    /// True only for the instance that is the answering server itself.
    pub is_coordinating_discovery_server: bool,
    /// Absent: the sender left it to the server.
    pub last_updated: Option<Millis>,
    /// When the holder last changed itself; decides conflicts. Absent: the moment of registration.
    pub last_dirty: Option<Millis>,
    pub action_type: Option<ActionType>,
    pub asg_name: Option<String>,
}

impl Default for InstanceInfo {
    /// What a registration that says nothing else means: UP on port 7001.
    fn default() -> Self {
        Self {
            instance_id: None,
            host_name: String::new(),
            app: String::new(),
            ip_addr: String::new(),
            status: Status::Up,
            overridden_status: Status::Unknown,
            port: PortInfo { port: 7001, enabled: true },
            secure_port: PortInfo { port: 7002, enabled: false },
            country_id: 1,
            data_center_info: None,
            lease: LeaseInfo::default(),
            metadata: Metadata::new(),
            app_group_name: None,
            home_page_url: None,
            status_page_url: None,
            health_check_url: None,
            secure_health_check_url: None,
            vip_address: None,
            secure_vip_address: None,
            is_coordinating_discovery_server: false,
            last_updated: None,
            last_dirty: None,
            action_type: None,
            asg_name: None,
        }
    }
}

impl InstanceInfo {
    /// What identifies the instance inside its application: its id, else the data centre's, else the host name.
    pub fn id(&self) -> &str {
        if let Some(id) = self.instance_id.as_deref().filter(|id| !id.is_empty()) {
            return id;
        }
        self.data_center_info.as_ref().and_then(DataCenterInfo::instance_id).unwrap_or(&self.host_name)
    }

    /// Whether one element of the comma list `vipAddress` is `vip`.
    pub fn has_vip(&self, vip: &str) -> bool {
        lists(self.vip_address.as_deref(), vip)
    }

    /// Whether one element of the comma list `secureVipAddress` is `vip`.
    pub fn has_secure_vip(&self, vip: &str) -> bool {
        lists(self.secure_vip_address.as_deref(), vip)
    }
}

fn lists(list: Option<&str>, element: &str) -> bool {
    list.is_some_and(|list| list.split(',').any(|vip| vip == element))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortInfo {
    pub port: i32,
    pub enabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_falls_back_to_the_data_centre_and_the_host() {
        let mut instance = InstanceInfo { host_name: "h".into(), ..InstanceInfo::default() };
        instance.instance_id = Some(String::new());
        assert_eq!(instance.id(), "h");
        let amazon = Metadata::from_iter([("instance-id".to_owned(), "i-1".to_owned())]);
        instance.data_center_info = Some(DataCenterInfo { name: None, amazon: Some(amazon) });
        assert_eq!(instance.id(), "i-1");
        instance.instance_id = Some("x".into());
        assert_eq!(instance.id(), "x");
    }

    #[test]
    fn a_vip_is_one_whole_element_of_the_list() {
        let instance = InstanceInfo { vip_address: Some("a,bc".into()), ..InstanceInfo::default() };
        assert!(instance.has_vip("a") && instance.has_vip("bc"));
        assert!(!instance.has_vip("b") && !instance.has_vip("a,bc") && !instance.has_secure_vip("a"));
    }
}
