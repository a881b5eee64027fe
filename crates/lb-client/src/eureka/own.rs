//! What we tell the registry about ourselves, from `eureka.instance.*` and the address we listen on.

use std::net::SocketAddr;

use wellspring_properties::{Environment, Problem, PropertySource};
use wellspring_wire::eureka::{DataCenterInfo, InstanceInfo, LeaseInfo, PortInfo, Status};

use super::InstanceSettings;
use super::address::Address;

/// Our own registration.
#[derive(Debug, Clone)]
pub struct Own {
    /// As it is sent.
    pub info: InstanceInfo,
}

impl Own {
    /// From `eureka.instance.*`, `spring.application.name`, `server.port`, `management.*`. `listening` is where
    /// the server is bound; `secure` whether it serves TLS.
    ///
    /// # Errors
    /// When a setting has the wrong type or a placeholder has no value.
    pub async fn from_env(env: &Environment, listening: SocketAddr, secure: bool) -> Result<Self, Problem> {
        let own = Address::of_this_machine(env, listening).await?;
        let port = listening.port();
        // As Spring Cloud adds them, so that `instance-id: ${spring.cloud.client.ip-address}:…` works.
        let env = env.with_last(PropertySource::of_pairs(
            "springCloudClientHostInfo",
            [
                ("spring.cloud.client.hostname", own.name.clone()),
                ("spring.cloud.client.ip-address", own.ip.clone()),
                ("local.server.port", port.to_string()),
                ("server.port", port.to_string()),
            ],
        ));
        let settings: InstanceSettings = env.bind("eureka.instance")?;
        Ok(Self { info: describe(&env, &settings, &own, i32::from(port), secure) })
    }
}

fn describe(
    env: &Environment,
    settings: &InstanceSettings,
    own: &Address,
    port: i32,
    secure: bool,
) -> InstanceInfo {
    let text = |key: &str| env.get(key).filter(|text| !text.trim().is_empty());
    let configured = |value: &Option<String>| value.clone().filter(|text| !text.trim().is_empty());
    let spring_name = text("spring.application.name");
    let name =
        configured(&settings.appname).or_else(|| spring_name.clone()).unwrap_or_else(|| "unknown".to_owned());
    let ip = configured(&settings.ip_address).unwrap_or_else(|| own.ip.clone());
    let machine = configured(&settings.hostname).unwrap_or_else(|| own.name.clone());
    let host = if settings.prefer_ip_address { ip.clone() } else { machine };
    let plain = PortInfo {
        port: settings.non_secure_port.unwrap_or(if secure { 80 } else { port }),
        enabled: settings.non_secure_port_enabled.unwrap_or(!secure),
    };
    let tls = PortInfo {
        port: settings.secure_port.unwrap_or(if secure { port } else { 443 }),
        enabled: settings.secure_port_enabled.unwrap_or(secure),
    };
    let management = text("management.server.port").and_then(|text| text.trim().parse::<i32>().ok());
    let management = management.filter(|port| *port > 0).unwrap_or(port);
    let id = configured(&settings.instance_id).unwrap_or_else(|| {
        let last = text("spring.application.instance_id").unwrap_or_else(|| port.to_string());
        let parts = [Some(own.name.clone()), spring_name, Some(last)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(":")
    });
    let mut metadata = settings.metadata_map.clone();
    metadata.entry("management.port".to_owned()).or_insert_with(|| management.to_string());
    let scheme = if secure { "https" } else { "http" };
    let page = |whole: &Option<String>, path: String, port: i32| {
        Some(configured(whole).unwrap_or_else(|| format!("{scheme}://{}:{port}{path}", bracketed(&host))))
    };
    // With a port of its own, management does not lie below the application's path.
    let context = text("server.servlet.context-path").unwrap_or_default();
    let context = context.trim_end_matches('/');
    let management_context = if management == port { context } else { "" };
    let base = text("management.endpoints.web.base-path").unwrap_or_else(|| "/actuator".to_owned());
    let base = base.trim_end_matches('/');
    let actuator = |path: &Option<String>, endpoint: &str| {
        format!("{management_context}{}", configured(path).unwrap_or_else(|| format!("{base}/{endpoint}")))
    };
    InstanceInfo {
        instance_id: Some(id),
        app: name.to_uppercase(),
        ip_addr: ip,
        status: initial_status(settings),
        port: plain,
        secure_port: tls,
        data_center_info: Some(DataCenterInfo::my_own()),
        lease: LeaseInfo {
            renewal_interval: settings.lease_renewal_interval_in_seconds,
            duration: settings.lease_expiration_duration_in_seconds,
            ..LeaseInfo::default()
        },
        metadata,
        app_group_name: configured(&settings.app_group_name).map(|name| name.to_uppercase()),
        home_page_url: page(
            &settings.home_page_url,
            format!("{context}{}", settings.home_page_url_path),
            port,
        ),
        status_page_url: page(
            &settings.status_page_url,
            actuator(&settings.status_page_url_path, "info"),
            management,
        ),
        health_check_url: page(
            &settings.health_check_url,
            actuator(&settings.health_check_url_path, "health"),
            management,
        ),
        secure_health_check_url: configured(&settings.secure_health_check_url),
        vip_address: Some(configured(&settings.virtual_host_name).unwrap_or_else(|| name.clone())),
        secure_vip_address: Some(configured(&settings.secure_virtual_host_name).unwrap_or(name)),
        asg_name: configured(&settings.a_s_g_name),
        host_name: host,
        ..InstanceInfo::default()
    }
}

fn initial_status(settings: &InstanceSettings) -> Status {
    Status::from_name(settings.initial_status.trim().to_uppercase().as_str()).unwrap_or(Status::Up)
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn own(pairs: &[(&str, &str)], listening: &str) -> InstanceInfo {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        let env = Environment::new(vec![source], vec![]);
        Own::from_env(&env, listening.parse().unwrap(), false).await.unwrap().info
    }

    #[tokio::test]
    async fn defaults_are_those_of_a_spring_application() {
        let info = own(&[("spring.application.name", "orders")], "127.0.0.1:8081").await;
        assert_eq!(info.instance_id.as_deref(), Some("127.0.0.1:orders:8081"));
        assert_eq!((&*info.app, info.vip_address.as_deref()), ("ORDERS", Some("orders")));
        assert_eq!(info.port, PortInfo { port: 8081, enabled: true });
        assert_eq!(info.secure_port, PortInfo { port: 443, enabled: false });
        assert_eq!(info.health_check_url.as_deref(), Some("http://127.0.0.1:8081/actuator/health"));
        assert_eq!(info.home_page_url.as_deref(), Some("http://127.0.0.1:8081/"));
        assert_eq!(info.metadata.get("management.port").map(String::as_str), Some("8081"));
        assert_eq!((info.lease.renewal_interval, info.lease.duration), (30, 90));
        assert_eq!(info.status, Status::Up);
    }

    #[tokio::test]
    async fn placeholders_of_the_machine_can_be_used() {
        let info = own(
            &[
                ("spring.application.name", "orders"),
                (
                    "eureka.instance.instance-id",
                    "${spring.cloud.client.ip-address}-${spring.application.name}",
                ),
                ("eureka.instance.hostname", "orders.example"),
                ("eureka.instance.metadata-map.zone", "z1"),
                ("eureka.instance.metadataMap.someKey", "x"),
                ("management.server.port", "9090"),
                ("server.servlet.context-path", "/shop"),
            ],
            "127.0.0.1:1",
        )
        .await;
        assert_eq!(info.instance_id.as_deref(), Some("127.0.0.1-orders"));
        assert_eq!(info.status_page_url.as_deref(), Some("http://orders.example:9090/actuator/info"));
        assert_eq!(info.home_page_url.as_deref(), Some("http://orders.example:1/shop/"));
        assert_eq!(info.metadata.get("zone").map(String::as_str), Some("z1"));
        assert_eq!(info.metadata.get("someKey").map(String::as_str), Some("x"));
    }

    #[tokio::test]
    async fn the_address_is_the_host_when_preferred() {
        let info = own(
            &[("eureka.instance.prefer-ip-address", "true"), ("eureka.instance.ip-address", "10.1.2.3")],
            "0.0.0.0:80",
        )
        .await;
        assert_eq!((&*info.host_name, &*info.ip_addr, &*info.app), ("10.1.2.3", "10.1.2.3", "UNKNOWN"));
        assert!(!info.instance_id.unwrap().is_empty());
    }
}
