//! What a registration must have, in the order and the words of the original.

use wellspring_wire::eureka::InstanceInfo;

/// The sentence that refuses `instance` as a member of `app`.
pub fn why_invalid(instance: &InstanceInfo, app: &str) -> Option<String> {
    let reason = if instance.id().is_empty() {
        "Missing instanceId"
    } else if instance.host_name.is_empty() {
        "Missing hostname"
    } else if instance.ip_addr.is_empty() {
        "Missing ip address"
    } else if instance.app.is_empty() {
        "Missing appName"
    } else if instance.app != app {
        return Some(format!("Mismatched appName, expecting {app} but was {}", instance.app));
    } else {
        match &instance.data_center_info {
            None => "Missing dataCenterInfo",
            Some(center) if center.name.is_none() => "Missing dataCenterInfo Name",
            Some(_) => return None,
        }
    };
    Some(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use wellspring_wire::eureka::DataCenterInfo;

    use super::*;

    #[test]
    fn the_first_thing_missing_is_named() {
        let mut instance = InstanceInfo::default();
        let why = |instance: &InstanceInfo| why_invalid(instance, "FOO").unwrap_or_default();
        assert_eq!(why(&instance), "Missing instanceId");
        instance.instance_id = Some("i".into());
        assert_eq!(why(&instance), "Missing hostname");
        instance.host_name = "h".into();
        assert_eq!(why(&instance), "Missing ip address");
        instance.ip_addr = "1".into();
        assert_eq!(why(&instance), "Missing appName");
        instance.app = "BAR".into();
        assert_eq!(why(&instance), "Mismatched appName, expecting FOO but was BAR");
        instance.app = "FOO".into();
        assert_eq!(why(&instance), "Missing dataCenterInfo");
        instance.data_center_info = Some(DataCenterInfo { name: None, amazon: None });
        assert_eq!(why(&instance), "Missing dataCenterInfo Name");
        instance.data_center_info = Some(DataCenterInfo::my_own());
        assert_eq!(why_invalid(&instance, "FOO"), None);
    }
}
