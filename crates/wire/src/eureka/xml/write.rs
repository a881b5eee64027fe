//! Writes the XML form by hand, straight into bytes.

use super::name;
use crate::eureka::data_center::COMPACT_KEYS;
use crate::eureka::{Application, Applications, DataCenterInfo, Form, InstanceInfo, LeaseInfo, PortInfo};

/// `<instance>…</instance>`, always in full.
pub fn write_instance(instance: &InstanceInfo, out: &mut Vec<u8>) {
    write_instance_at(instance, Form::Full, 0, out);
}

/// An instance as element of an outer document, `depth` levels down; the compact form has no levels.
pub fn write_instance_at(instance: &InstanceInfo, form: Form, depth: usize, out: &mut Vec<u8>) {
    let mut writer = Writer { out, pretty: form == Form::Full, depth, begun: depth > 0 };
    write_element(&mut writer, instance, form);
}

/// `<application>…</application>`.
pub fn write_application(application: &Application, form: Form, out: &mut Vec<u8>) {
    application_element(&mut Writer::new(form, out), application, form);
}

/// `<applications>…</applications>`; the compact form has the list first.
pub fn write_applications(applications: &Applications, form: Form, out: &mut Vec<u8>) {
    write_list_start(applications, form, out);
    for application in &applications.applications {
        write_list_element(application, form, out);
    }
    write_list_end(applications, form, out);
}

/// A list up to its first application.
pub fn write_list_start(applications: &Applications, form: Form, out: &mut Vec<u8>) {
    let mut writer = Writer::new(form, out);
    writer.open("applications");
    if form == Form::Full {
        list_header(&mut writer, applications);
    }
}

/// An application as element of a list. Nothing stands between two of them.
pub fn write_list_element(application: &Application, form: Form, out: &mut Vec<u8>) {
    application_element(&mut Writer::within(form, out), application, form);
}

/// What follows the last application of a list.
pub fn write_list_end(applications: &Applications, form: Form, out: &mut Vec<u8>) {
    let mut writer = Writer::within(form, out);
    if form == Form::Compact {
        list_header(&mut writer, applications);
    }
    writer.close("applications");
}

fn list_header(writer: &mut Writer<'_>, applications: &Applications) {
    writer.number("versions__delta", applications.version);
    writer.leaf("apps__hashcode", &applications.hashcode);
}

fn application_element(writer: &mut Writer<'_>, application: &Application, form: Form) {
    writer.open("application");
    writer.leaf("name", &application.name);
    for instance in &application.instances {
        write_element(writer, instance, form);
    }
    writer.close("application");
}

fn write_element(writer: &mut Writer<'_>, instance: &InstanceInfo, form: Form) {
    writer.open("instance");
    match form {
        Form::Full => full(writer, instance),
        Form::Compact => compact(writer, instance),
    }
    writer.close("instance");
}

fn full(writer: &mut Writer<'_>, instance: &InstanceInfo) {
    writer.leaf_if("instanceId", instance.instance_id.as_deref());
    writer.leaf("hostName", &instance.host_name);
    writer.leaf("app", &instance.app);
    writer.leaf("ipAddr", &instance.ip_addr);
    writer.leaf("status", instance.status.as_str());
    writer.leaf("overriddenstatus", instance.overridden_status.as_str());
    port(writer, "port", instance.port);
    port(writer, "securePort", instance.secure_port);
    writer.number("countryId", i64::from(instance.country_id));
    if let Some(info) = &instance.data_center_info {
        data_center(writer, info, Form::Full);
    }
    lease(writer, &instance.lease);
    if instance.metadata.is_empty() {
        writer.line();
        writer.out.extend_from_slice(b"<metadata class=\"java.util.Collections$EmptyMap\"/>");
    } else {
        writer.open("metadata");
        for (key, value) in &instance.metadata {
            writer.any_leaf(key, value);
        }
        writer.close("metadata");
    }
    writer.leaf_if("appGroupName", instance.app_group_name.as_deref());
    writer.leaf_if("homePageUrl", instance.home_page_url.as_deref());
    writer.leaf_if("statusPageUrl", instance.status_page_url.as_deref());
    writer.leaf_if("healthCheckUrl", instance.health_check_url.as_deref());
    writer.leaf_if("secureHealthCheckUrl", instance.secure_health_check_url.as_deref());
    writer.leaf_if("vipAddress", instance.vip_address.as_deref());
    writer.leaf_if("secureVipAddress", instance.secure_vip_address.as_deref());
    writer.leaf("isCoordinatingDiscoveryServer", flag(instance.is_coordinating_discovery_server));
    writer.number_if("lastUpdatedTimestamp", instance.last_updated.map(|stamp| stamp.0));
    writer.number_if("lastDirtyTimestamp", instance.last_dirty.map(|stamp| stamp.0));
    writer.leaf_if("actionType", instance.action_type.map(crate::eureka::ActionType::as_str));
    writer.leaf_if("asgName", instance.asg_name.as_deref());
}

fn compact(writer: &mut Writer<'_>, instance: &InstanceInfo) {
    writer.leaf_if("instanceId", instance.instance_id.as_deref());
    writer.leaf("app", &instance.app);
    writer.leaf("ipAddr", &instance.ip_addr);
    writer.leaf_if("vipAddress", instance.vip_address.as_deref());
    writer.leaf_if("secureVipAddress", instance.secure_vip_address.as_deref());
    if let Some(info) = &instance.data_center_info {
        data_center(writer, info, Form::Compact);
    }
    writer.leaf("hostName", &instance.host_name);
    writer.leaf("status", instance.status.as_str());
    writer.number_if("lastUpdatedTimestamp", instance.last_updated.map(|stamp| stamp.0));
    writer.leaf_if("actionType", instance.action_type.map(crate::eureka::ActionType::as_str));
    writer.leaf_if("asgName", instance.asg_name.as_deref());
    port(writer, "port", instance.port);
    port(writer, "securePort", instance.secure_port);
}

fn port(writer: &mut Writer<'_>, name: &str, port: PortInfo) {
    writer.line();
    let out = &mut *writer.out;
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(if port.enabled { b" enabled=\"true\">" } else { b" enabled=\"false\">" });
    out.extend_from_slice(itoa::Buffer::new().format(port.port).as_bytes());
    end_tag(name.as_bytes(), out);
}

fn data_center(writer: &mut Writer<'_>, info: &DataCenterInfo, form: Form) {
    writer.line();
    writer.out.extend_from_slice(b"<dataCenterInfo class=\"");
    writer.out.extend_from_slice(info.class().as_bytes());
    writer.out.extend_from_slice(b"\">");
    writer.depth += 1;
    writer.leaf_if("name", info.name.map(crate::eureka::DataCenterName::as_str));
    if let Some(amazon) = &info.amazon {
        writer.open("metadata");
        for (key, value) in amazon {
            if form == Form::Full || COMPACT_KEYS.contains(&key.as_str()) {
                writer.any_leaf(key, value);
            }
        }
        writer.close("metadata");
    }
    writer.close("dataCenterInfo");
}

fn lease(writer: &mut Writer<'_>, lease: &LeaseInfo) {
    writer.open("leaseInfo");
    writer.number("renewalIntervalInSecs", i64::from(lease.renewal_interval));
    writer.number("durationInSecs", i64::from(lease.duration));
    writer.number("registrationTimestamp", lease.registration.0);
    writer.number("lastRenewalTimestamp", lease.last_renewal.0);
    writer.number("evictionTimestamp", lease.eviction.0);
    writer.number("serviceUpTimestamp", lease.service_up.0);
    writer.close("leaseInfo");
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    pretty: bool,
    depth: usize,
    /// The first element begins where it stands, every later one on a line of its own.
    begun: bool,
}

impl<'a> Writer<'a> {
    fn new(form: Form, out: &'a mut Vec<u8>) -> Self {
        Self { out, pretty: form == Form::Full, depth: 0, begun: false }
    }

    /// Inside of an element that was opened before.
    fn within(form: Form, out: &'a mut Vec<u8>) -> Self {
        Self { out, pretty: form == Form::Full, depth: 1, begun: true }
    }

    fn line(&mut self) {
        if self.pretty && self.begun {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth, b' ');
        }
        self.begun = true;
    }

    fn open(&mut self, name: &str) {
        self.line();
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.line();
        end_tag(name.as_bytes(), self.out);
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.line();
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
        write_text(text, self.out);
        end_tag(name.as_bytes(), self.out);
    }

    fn leaf_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    fn number(&mut self, name: &str, value: i64) {
        self.leaf(name, itoa::Buffer::new().format(value));
    }

    fn number_if(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    /// A leaf whose name is somebody's key.
    fn any_leaf(&mut self, key: &str, text: &str) {
        let mut escaped = Vec::with_capacity(key.len() + 8);
        name::encode(key, &mut escaped);
        self.line();
        self.out.push(b'<');
        self.out.extend_from_slice(&escaped);
        self.out.push(b'>');
        write_text(text, self.out);
        end_tag(&escaped, self.out);
    }
}

fn end_tag(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name);
    out.push(b'>');
}

/// Character data with everything escaped that a reader could take for markup or fold.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let special = |byte: u8| matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\'') || byte < 0x20 || byte == 0x7f;
    if !bytes.iter().copied().any(special) {
        out.extend_from_slice(bytes);
        return;
    }
    for &byte in bytes {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&apos;"),
            b'\n' | b'\t' => out.push(byte),
            // No reader takes it in any spelling, and one instance must not spoil everybody's list.
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            0..0x20 | 0x7f => out.extend_from_slice(format!("&#x{byte:x};").as_bytes()),
            _ => out.push(byte),
        }
    }
}
