//! Writes the JSON form by hand, straight into bytes: the lists are what a registry spends its time on.

use crate::Millis;
use crate::eureka::data_center::COMPACT_KEYS;
use crate::eureka::replication::{ReplicationInstance, ReplicationResponse};
use crate::eureka::{Application, Applications, DataCenterInfo, Form, InstanceInfo, LeaseInfo, PortInfo};

/// `{"instance":{…}}`, always in full.
pub fn write_instance(instance: &InstanceInfo, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"instance\":");
    write_bare_instance(instance, Form::Full, out);
    out.push(b'}');
}

/// `{"application":{…}}`.
pub fn write_application(application: &Application, form: Form, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"application\":");
    bare_application(application, form, out);
    out.push(b'}');
}

/// `{"applications":{…}}`; the compact form has the list first.
pub fn write_applications(applications: &Applications, form: Form, out: &mut Vec<u8>) {
    write_list_start(applications, form, out);
    separated(&applications.applications, out, |application, out| bare_application(application, form, out));
    write_list_end(applications, form, out);
}

/// A list up to its first application.
pub fn write_list_start(applications: &Applications, form: Form, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"applications\":{");
    if form == Form::Full {
        header(applications, out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"application\":[");
}

/// An application as element of a list. Between two of them stands a comma.
pub fn write_list_element(application: &Application, form: Form, out: &mut Vec<u8>) {
    bare_application(application, form, out);
}

/// What follows the last application of a list.
pub fn write_list_end(applications: &Applications, form: Form, out: &mut Vec<u8>) {
    out.push(b']');
    if form == Form::Compact {
        out.push(b',');
        header(applications, out);
    }
    out.extend_from_slice(b"}}");
}

fn header(applications: &Applications, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"versions__delta\":\"");
    number(applications.version, out);
    out.extend_from_slice(b"\",\"apps__hashcode\":");
    write_text(&applications.hashcode, out);
}

fn bare_application(application: &Application, form: Form, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    write_text(&application.name, out);
    out.extend_from_slice(b",\"instance\":[");
    separated(&application.instances, out, |instance, out| write_bare_instance(instance, form, out));
    out.extend_from_slice(b"]}");
}

/// `{"replicationList":[…]}`.
pub fn write_batch(batch: &[ReplicationInstance], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"replicationList\":[");
    separated(batch, out, |item, out| {
        let mut object = Object::open(out);
        object.text_if("appName", item.app_name.as_deref());
        object.text_if("id", item.id.as_deref());
        if let Some(stamp) = item.last_dirty {
            object.number("lastDirtyTimestamp", stamp.0);
        }
        object.text_if("overriddenStatus", item.overridden_status.as_deref());
        object.text_if("status", item.status.as_deref());
        if let Some(instance) = &item.instance {
            write_bare_instance(instance, Form::Full, object.key("instanceInfo"));
        }
        object.text_if("action", item.action.map(super::super::replication::Action::as_str));
        object.close();
    });
    out.extend_from_slice(b"]}");
}

/// `{"responseList":[…]}`.
pub fn write_batch_response(responses: &[ReplicationResponse], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"responseList\":[");
    separated(responses, out, |response, out| {
        let mut object = Object::open(out);
        object.number("statusCode", i64::from(response.status));
        if let Some(entity) = &response.entity {
            write_bare_instance(entity, Form::Full, object.key("responseEntity"));
        }
        object.close();
    });
    out.extend_from_slice(b"]}");
}

/// `{…}`: the instance without the wrapping key.
pub fn write_bare_instance(instance: &InstanceInfo, form: Form, out: &mut Vec<u8>) {
    match form {
        Form::Full => full(instance, out),
        Form::Compact => compact(instance, out),
    }
}

fn full(instance: &InstanceInfo, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text_if("instanceId", instance.instance_id.as_deref());
    object.text("hostName", &instance.host_name);
    object.text("app", &instance.app);
    object.text("ipAddr", &instance.ip_addr);
    object.text("status", instance.status.as_str());
    object.text("overriddenStatus", instance.overridden_status.as_str());
    port(instance.port, object.key("port"));
    port(instance.secure_port, object.key("securePort"));
    object.number("countryId", i64::from(instance.country_id));
    if let Some(info) = &instance.data_center_info {
        data_center(info, Form::Full, object.key("dataCenterInfo"));
    }
    lease(&instance.lease, object.key("leaseInfo"));
    if instance.metadata.is_empty() {
        object.key("metadata").extend_from_slice(b"{\"@class\":\"java.util.Collections$EmptyMap\"}");
    } else {
        let mut metadata = Object::open(object.key("metadata"));
        for (key, value) in &instance.metadata {
            write_text(value, metadata.any_key(key));
        }
        metadata.close();
    }
    object.text_if("appGroupName", instance.app_group_name.as_deref());
    object.text_if("homePageUrl", instance.home_page_url.as_deref());
    object.text_if("statusPageUrl", instance.status_page_url.as_deref());
    object.text_if("healthCheckUrl", instance.health_check_url.as_deref());
    object.text_if("secureHealthCheckUrl", instance.secure_health_check_url.as_deref());
    object.text_if("vipAddress", instance.vip_address.as_deref());
    object.text_if("secureVipAddress", instance.secure_vip_address.as_deref());
    object.text("isCoordinatingDiscoveryServer", flag(instance.is_coordinating_discovery_server));
    object.quoted_millis("lastUpdatedTimestamp", instance.last_updated);
    object.quoted_millis("lastDirtyTimestamp", instance.last_dirty);
    object.text_if("actionType", instance.action_type.map(super::super::ActionType::as_str));
    object.text_if("asgName", instance.asg_name.as_deref());
    object.close();
}

fn compact(instance: &InstanceInfo, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text_if("instanceId", instance.instance_id.as_deref());
    object.text("app", &instance.app);
    object.text("ipAddr", &instance.ip_addr);
    object.text_if("vipAddress", instance.vip_address.as_deref());
    object.text_if("secureVipAddress", instance.secure_vip_address.as_deref());
    if let Some(info) = &instance.data_center_info {
        data_center(info, Form::Compact, object.key("dataCenterInfo"));
    }
    object.text("hostName", &instance.host_name);
    object.text("status", instance.status.as_str());
    if let Some(stamp) = instance.last_updated {
        object.number("lastUpdatedTimestamp", stamp.0);
    }
    object.text_if("actionType", instance.action_type.map(super::super::ActionType::as_str));
    object.text_if("asgName", instance.asg_name.as_deref());
    port(instance.port, object.key("port"));
    port(instance.secure_port, object.key("securePort"));
    object.close();
}

fn port(port: PortInfo, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("$", i64::from(port.port));
    object.text("@enabled", flag(port.enabled));
    object.close();
}

fn data_center(info: &DataCenterInfo, form: Form, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text("@class", info.class());
    object.text_if("name", info.name.map(super::super::DataCenterName::as_str));
    if let Some(amazon) = &info.amazon {
        let mut metadata = Object::open(object.key("metadata"));
        for (key, value) in amazon {
            if form == Form::Full || COMPACT_KEYS.contains(&key.as_str()) {
                write_text(value, metadata.any_key(key));
            }
        }
        metadata.close();
    }
    object.close();
}

fn lease(lease: &LeaseInfo, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("renewalIntervalInSecs", i64::from(lease.renewal_interval));
    object.number("durationInSecs", i64::from(lease.duration));
    object.number("registrationTimestamp", lease.registration.0);
    object.number("lastRenewalTimestamp", lease.last_renewal.0);
    object.number("evictionTimestamp", lease.eviction.0);
    object.number("serviceUpTimestamp", lease.service_up.0);
    object.close();
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// An object being written: knows whether a comma is due.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, begun: false }
    }

    /// A key of ours, which needs no escapes.
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.begun { b",\"" } else { b"\"" });
        self.begun = true;
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    fn any_key(&mut self, key: &str) -> &mut Vec<u8> {
        if self.begun {
            self.out.push(b',');
        }
        self.begun = true;
        write_text(key, self.out);
        self.out.push(b':');
        self.out
    }

    fn text(&mut self, key: &str, value: &str) {
        write_text(value, self.key(key));
    }

    fn text_if(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn number(&mut self, key: &str, value: i64) {
        number(value, self.key(key));
    }

    fn quoted_millis(&mut self, key: &str, value: Option<Millis>) {
        if let Some(value) = value {
            let out = self.key(key);
            out.push(b'"');
            number(value.0, out);
            out.push(b'"');
        }
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

fn separated<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

fn number(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A quoted JSON text; what is not ASCII stays as it is.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push(b'"');
    let bytes = text.as_bytes();
    if bytes.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
        out.extend_from_slice(bytes);
    } else {
        for &byte in bytes {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0x08 => out.extend_from_slice(b"\\b"),
                0x0c => out.extend_from_slice(b"\\f"),
                0..0x20 => {
                    out.extend_from_slice(b"\\u00");
                    out.extend(
                        [byte >> 4, byte & 15].iter().filter_map(|nibble| HEX.get(usize::from(*nibble))),
                    );
                }
                _ => out.push(byte),
            }
        }
    }
    out.push(b'"');
}
