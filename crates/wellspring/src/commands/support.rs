//! Which of the originals' settings have an effect here: a table by prefix, the longest that fits holds.

use std::fmt;

use wellspring_properties::relaxed::canonical;

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    /// Does what it does in the original.
    Supported,
    /// Has to be written otherwise, or does something else.
    Different,
    /// Has no effect.
    Ignored,
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Supported => "supported",
            Self::Different => "different",
            Self::Ignored => "ignored",
        })
    }
}

/// A prefix, what becomes of it, and what to do.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) prefix: &'static str,
    pub(super) support: Support,
    pub(super) remark: &'static str,
}

const fn yes(prefix: &'static str, remark: &'static str) -> Row {
    Row { prefix, support: Support::Supported, remark }
}

const fn other(prefix: &'static str, remark: &'static str) -> Row {
    Row { prefix, support: Support::Different, remark }
}

const fn no(prefix: &'static str, remark: &'static str) -> Row {
    Row { prefix, support: Support::Ignored, remark }
}

const JVM: &str = "belongs to the JVM or its web server; remove it";
const BACKEND: &str = "this backend is not offered; use git or native";

pub(super) const ROWS: &[Row] = &[
    // Frame
    yes("server.port", "port of the server"),
    yes("server.address", "address of the server"),
    yes("server.shutdown", "graceful or immediate"),
    yes("server.ssl", "TLS on the port"),
    yes("server.servlet.context-path", "path before all paths"),
    no("server.servlet", JVM),
    yes("server.max-http-request-header-size", "request line and headers"),
    yes("server.error.include-message", "never or always"),
    yes("server.error.include-exception", "in error pages"),
    no("server.error", "error pages have Spring Boot's default shape"),
    no("server.http2", "HTTP/2 is always on, with and without TLS"),
    yes("server.tomcat.connection-timeout", "until a request's head is complete"),
    yes("server.tomcat.max-connections", "connections served at once"),
    yes("server.tomcat.accept-count", "connections waiting in the kernel"),
    no("server.tomcat", JVM),
    no("server.jetty", JVM),
    no("server.undertow", JVM),
    no("server.netty", JVM),
    no("server.reactive", JVM),
    no("server.compression", "answers that gain by it are compressed anyway; remove it"),
    yes("spring.application.name", "name in the registry, logs and metrics"),
    yes("spring.application.json", "settings as JSON"),
    yes("spring.profiles", "active, include, group, default"),
    yes("spring.config", "import, activate, location, name"),
    yes("spring.lifecycle.timeout-per-shutdown-phase", "time for requests in flight"),
    yes("spring.ssl.bundle", "keys and trust by name"),
    yes("spring.security.user", "basic authentication"),
    yes("spring.security.oauth2.resourceserver", "bearer tokens at the gateway, JWT and opaque"),
    yes("spring.security.oauth2.client", "logins and tokens of the gateway's own"),
    no("spring.security", "see spring.security.oauth2, wellspring.gateway.security or spring.security.user"),
    yes("spring.session.timeout", "how long a session of the gateway lives unused"),
    yes("spring.session.store-type", "redis, or this process"),
    no("spring.session", "sessions have a form of their own"),
    yes("spring.main.cloud-platform", "for on-cloud-platform documents"),
    no("spring.main", "nothing starts a Spring context here; remove it"),
    other(
        "spring.cloud.bootstrap",
        "there is no bootstrap phase: move bootstrap.yml to application.yml with spring.config.import",
    ),
    no("spring.autoconfigure", "there is no auto-configuration; remove it"),
    no("spring.jmx", JVM),
    no("spring.threads", JVM),
    no("spring.output", JVM),
    no("spring.jackson", "the JSON of the originals is written as it is"),
    yes("logging.level", "levels by logger; changed at run time by the actuator"),
    yes("logging.group", "levels by group"),
    yes("logging.structured", "ecs or logstash on standard output"),
    yes("logging.include-application-name", "in text lines"),
    no("logging.file", "logs go to standard output; let the service manager keep them"),
    no("logging.logback", "logs go to standard output; let the service manager keep them"),
    no("logging.pattern", "text lines have Spring Boot's default pattern"),
    no("logging.config", "there is no Logback; see logging.level and logging.structured"),
    yes("management.endpoints.web", "exposure, base path"),
    no("management.endpoints.jmx", JVM),
    yes("management.endpoint", "access, show-values, health groups, probes"),
    yes("management.server", "a port of its own for the actuator"),
    yes("management.health", "indicators"),
    yes("management.info", "parts of /actuator/info"),
    yes("management.metrics.tags", "tags on every metric"),
    yes("management.tracing", "sampling, propagation"),
    yes("management.otlp", "export of traces"),
    yes("management.zipkin", "export of traces"),
    other("spring.sleuth", "management.tracing"),
    other("spring.zipkin", "management.zipkin.tracing"),
    // Registry and client
    yes(
        "eureka.server",
        "but for what only Amazon's machines or thread pools need: wellspring validate names those",
    ),
    yes("eureka.dashboard", "the page at /"),
    yes("eureka.client", "registry of the application itself, and peers of the registry"),
    yes("eureka.instance", "what the application registers"),
    yes("spring.cloud.loadbalancer", "choice of instances"),
    yes("spring.cloud.discovery.client.simple", "instances from settings"),
    yes("spring.cloud.config.server.git", "repositories"),
    yes("spring.cloud.config.server.native", "directories"),
    yes("spring.cloud.config.server.composite", "git and native entries"),
    yes("spring.cloud.config.server.monitor", "webhooks"),
    no("spring.cloud.config.server.vault", BACKEND),
    no("spring.cloud.config.server.jdbc", BACKEND),
    no("spring.cloud.config.server.redis", BACKEND),
    no("spring.cloud.config.server.svn", BACKEND),
    no("spring.cloud.config.server.credhub", BACKEND),
    no("spring.cloud.config.server.awss3", BACKEND),
    no("spring.cloud.config.server.awsparamstore", BACKEND),
    no("spring.cloud.config.server.aws-secretsmanager", BACKEND),
    no("spring.cloud.config.server.gcp-secret-manager", BACKEND),
    no("spring.cloud.config.server.mongodb", BACKEND),
    yes("spring.cloud.config.server", "settings of the config server"),
    yes("spring.cloud.config.monitor", "path of the webhook"),
    yes("spring.cloud.config", "the application as a client of a config server"),
    yes("encrypt", "keys for {cipher} values"),
    no(
        "spring.cloud.consul",
        "this registry is not offered; use Eureka or spring.cloud.discovery.client.simple",
    ),
    no(
        "spring.cloud.zookeeper",
        "this registry is not offered; use Eureka or spring.cloud.discovery.client.simple",
    ),
    no(
        "spring.cloud.kubernetes",
        "this registry is not offered; use Eureka or spring.cloud.discovery.client.simple",
    ),
    no(
        "spring.cloud.nacos",
        "this registry is not offered; use Eureka or spring.cloud.discovery.client.simple",
    ),
    other("ribbon", "spring.cloud.loadbalancer"),
    // Gateway
    yes("spring.cloud.gateway.server.webflux", "routes, filters, HTTP client, CORS"),
    other(
        "spring.cloud.gateway.server.webmvc",
        "routes of the servlet gateway: move them below spring.cloud.gateway.server.webflux.routes",
    ),
    other(
        "spring.cloud.gateway.mvc",
        "routes of the servlet gateway: move them below spring.cloud.gateway.server.webflux.routes",
    ),
    yes("spring.cloud.gateway", "the older prefix of spring.cloud.gateway.server.webflux"),
    other("zuul", "spring.cloud.gateway.server.webflux.routes"),
    yes("spring.webflux.base-path", "before every path of the gateway"),
    no("spring.webflux", JVM),
    no("spring.mvc", JVM),
    yes("spring.data.redis", "for RequestRateLimiter, sessions and routes"),
    other("spring.redis", "spring.data.redis"),
    yes("resilience4j", "breakers, retries, limiters by name"),
    other("hystrix", "resilience4j.circuitbreaker and resilience4j.timelimiter"),
    other("feign", "the Rust client: see docs/client.md"),
    // Bus
    yes("spring.cloud.bus", "destination, ids, acknowledgements"),
    yes("spring.rabbitmq", "the broker of the bus"),
    no("spring.kafka", "the bus runs over RabbitMQ or HTTP; Kafka needs a build with the feature kafka"),
    yes("spring.cloud.stream.bindings.springCloudBusInput", "destination and group of the bus"),
    yes("spring.cloud.stream.bindings.springCloudBusOutput", "destination of the bus"),
    yes("spring.cloud.stream.rabbit.bindings.springCloudBusInput", "prefetch, anonymous-group-prefix"),
    no("spring.cloud.stream", "the bus has its own connection: spring.rabbitmq"),
    no("spring.cloud.compatibility-verifier", "nothing to verify here; remove it"),
    // Ours
    yes("wellspring", "ours: see docs/"),
];

/// The row with the longest prefix of a key.
pub(super) fn find(key: &str) -> Option<&'static Row> {
    let key = canonical(key);
    let below =
        |prefix: &str| key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    ROWS.iter().filter(|row| below(&canonical(row.prefix))).max_by_key(|row| canonical(row.prefix).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_holds() {
        for (key, wanted) in [
            ("server.tomcat.max-connections", "server.tomcat.max-connections"),
            ("server.tomcat.threads.max", "server.tomcat"),
            ("spring.cloud.config.server.git.repos.team.uri", "spring.cloud.config.server.git"),
            (
                "spring.cloud.config.server.awsSecretsmanager.region",
                "spring.cloud.config.server.aws-secretsmanager",
            ),
            ("spring.cloud.config.uri", "spring.cloud.config"),
            ("spring.cloud.gateway.routes[0].id", "spring.cloud.gateway"),
            ("eureka.client.serviceUrl.defaultZone", "eureka.client"),
        ] {
            assert_eq!(find(key).map(|row| row.prefix), Some(wanted), "{key}");
        }
        assert!(find("serverside.port").is_none());
        assert!(find("info.app.name").is_none());
    }

    #[test]
    fn no_prefix_stands_twice() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(!ROWS[..at].iter().any(|earlier| earlier.prefix == row.prefix), "{}", row.prefix);
        }
    }
}
