//! A stock Spring Boot Admin server, which knows nothing but our registry, shows all of the platform and steers it.

use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Launch, http1, poll, spring, tools};

use crate::SOON;
use crate::platform::Platform;

/// The type its pages send levels with.
const V2: &str = "application/vnd.spring-boot.actuator.v2+json";
/// What its pages take, in this order.
const PAGES: &str = "application/vnd.spring-boot.actuator.v3+json, application/vnd.spring-boot.actuator.v2+json, application/json";

struct Admin(Daemon);

impl Admin {
    fn start(registry: &Daemon) -> Self {
        let jar = spring::jar_of("tests/interop/spring-admin", "admin");
        let launch = spring::launch(&jar)
            .arg(format!("--eureka.client.service-url.defaultZone={}", registry.url("/eureka/")))
            .arg("--spring.boot.admin.monitor.status-interval=3s")
            .arg("--spring.boot.admin.monitor.info-interval=3s");
        Self(launch.start())
    }

    fn instances(&self) -> Vec<Value> {
        let request = http1::Request::new("GET", "/instances").header("Accept", "application/json");
        request.send(self.0.port()).unwrap().json().as_array().unwrap().clone()
    }

    fn of(&self, application: &str) -> Option<Value> {
        self.instances().into_iter().find(|instance| instance["registration"]["name"] == application)
    }

    /// The instance, once all is known of it. Whoever answered late once is offline until he is asked again.
    #[track_caller]
    fn complete(&self, application: &str) -> Value {
        let mut found = None;
        let complete = poll::within(SOON, || {
            found = self.of(application);
            found.as_ref().is_some_and(is_complete)
        });
        assert!(complete, "{application}: {found:?}");
        found.unwrap()
    }

    /// What the server hands on of an instance's actuator.
    fn ask(&self, instance: &Value, path: &str) -> http1::Reply {
        let path = format!("/instances/{}/actuator/{path}", instance["id"].as_str().unwrap());
        http1::Request::new("GET", &path).header("Accept", PAGES).send(self.0.port()).unwrap()
    }

    fn set_level(&self, instance: &Value, logger: &str, body: &Value) -> http1::Reply {
        let path = format!("/instances/{}/actuator/loggers/{logger}", instance["id"].as_str().unwrap());
        let request = http1::Request::new("POST", &path).header("Content-Type", V2).body(body.to_string());
        request.send(self.0.port()).unwrap()
    }
}

/// Known with its status, its pages and what was built.
fn is_complete(instance: &Value) -> bool {
    let pages = ["health", "info", "metrics", "env", "loggers"];
    let listed = instance["endpoints"].as_array().unwrap();
    instance["statusInfo"]["status"] == "UP"
        && instance["buildVersion"].is_string()
        && pages.iter().all(|page| listed.iter().any(|endpoint| endpoint["id"] == *page))
}

#[test]
fn spring_boot_admin_shows_all_of_the_platform_and_changes_levels() {
    if !tools::present("spring_boot_admin_shows_all_of_the_platform_and_changes_levels", &["java"]) {
        return;
    }
    let mut platform = Platform::start(&[]);
    let admin = Admin::start(&platform.registry);

    for (name, daemon) in platform.members() {
        let instance = admin.complete(name);
        assert_eq!(instance["registration"]["managementUrl"], daemon.url("/actuator"), "{name}");
        // The details page: components of health, what was built, the process' figures, settings.
        assert!(instance["statusInfo"]["details"]["diskSpace"]["status"] == "UP", "{name}: {instance}");
        let health = admin.ask(&instance, "health").json();
        assert_eq!(health["status"], "UP", "{name}: {health}");
        assert!(health["components"]["diskSpace"]["details"]["total"].is_u64(), "{name}: {health}");
        let info = admin.ask(&instance, "info").json();
        assert!(info["build"]["name"].is_string() && info["process"]["pid"] == daemon.id(), "{name}: {info}");
        for metric in ["process.uptime", "process.cpu.usage", "system.cpu.usage", "system.cpu.count"] {
            let shown = admin.ask(&instance, &format!("metrics/{metric}")).json();
            assert!(shown["measurements"][0]["value"].is_number(), "{name} {metric}: {shown}");
        }
        let served = admin.ask(&instance, "metrics/http.server.requests?tag=method:GET").json();
        assert!(served["measurements"][0]["value"].as_f64().unwrap() >= 1.0, "{name}: {served}");
        let env = admin.ask(&instance, "env").json();
        let sources: Vec<_> = env["propertySources"].as_array().unwrap().iter().collect();
        assert!(sources.iter().any(|source| source["name"] == "systemEnvironment"), "{name}: {sources:?}");

        // A level, changed from the page, holds in the process; taken back, it is gone.
        let logger = "wellspring.probe.of.a.level";
        let level = || http1::get(daemon.port(), &format!("/actuator/loggers/{logger}")).unwrap().json();
        assert_eq!(admin.set_level(&instance, logger, &json!({"configuredLevel": "TRACE"})).status, 204);
        assert_eq!(level()["configuredLevel"], "TRACE", "{name}");
        let shown = admin.ask(&instance, "loggers").json();
        assert_eq!(shown["loggers"][logger]["effectiveLevel"], "TRACE", "{name}");
        assert_eq!(admin.set_level(&instance, logger, &json!({})).status, 204);
        assert!(level()["configuredLevel"].is_null(), "{name}");
    }

    a_service_with_a_password_is_shown_with_what_its_metadata_says(&platform, &admin);

    // One that stops leaves the list with the registry's.
    assert!(platform.orders.stop(Duration::from_secs(60)).is_some());
    poll::until("who stopped is not listed", SOON, || {
        admin.of("ORDERS").is_none_or(|instance| instance["registered"] == false)
    });
    admin.complete("INVENTORY");
}

/// Its credentials and tags stand in its metadata, as a Spring application's do.
fn a_service_with_a_password_is_shown_with_what_its_metadata_says(platform: &Platform, admin: &Admin) {
    let _guarded = Launch::new("shop")
        .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", platform.registry.url("/eureka/"))
        .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .arg("--management.endpoints.web.exposure.include=*")
        .arg("--management.endpoint.health.show-details=when-authorized")
        .arg("--spring.security.user.name=operator")
        .arg("--spring.security.user.password=of-the-shop")
        .arg("--eureka.instance.metadata-map.user.name=operator")
        .arg("--eureka.instance.metadata-map.user.password=of-the-shop")
        .arg("--eureka.instance.metadata-map.tags.stage=test")
        .start();
    let instance = admin.complete("SHOP");
    assert_eq!(instance["tags"], json!({"stage": "test"}));
    let health = admin.ask(&instance, "health").json();
    assert!(health["components"]["diskSpace"].is_object(), "{health}");
    assert!(!instance.to_string().contains("of-the-shop"), "{instance}");
}
