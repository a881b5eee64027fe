use wellspring_properties::Loader;

use super::*;

async fn bind(yaml: &str) -> Result<Config, Problem> {
    Config::bind(&Loader::new().config_path(None).defaults(yaml).load().await.unwrap())
}

#[tokio::test]
async fn nothing_set_is_the_originals_defaults() {
    let config = bind("").await.unwrap();
    assert!(config.server.enable_self_preservation && config.dashboard.enabled);
    assert_eq!(config.rules("").delta_retention, Duration::from_secs(180));
    assert_eq!((config.environment.as_str(), config.dashboard.path.as_str()), ("test", "/"));
}

#[tokio::test]
async fn the_odd_spelling_and_the_plain_one_are_one_key() {
    for key in [
        "retention-time-in-m-s-in-delta-queue",
        "retentionTimeInMSInDeltaQueue",
        "retention-time-in-ms-in-delta-queue",
    ] {
        let config = bind(&format!("eureka.server.{key}: 4000")).await.unwrap();
        assert_eq!(config.rules("").delta_retention, Duration::from_secs(4), "{key}");
    }
}

#[tokio::test]
async fn lists_are_fresh_unless_the_originals_cache_is_asked_for() {
    for (yaml, seconds) in [
        ("eureka.server.enable-self-preservation: true", None),
        ("eureka.server.use-read-only-response-cache: true", Some(30)),
        ("eureka.server.useReadOnlyResponseCache: true", Some(30)),
        ("eureka.server.response-cache-update-interval-ms: 5000", Some(5)),
        (
            "eureka.server: {use-read-only-response-cache: false, response-cache-update-interval-ms: 5000}",
            None,
        ),
    ] {
        let config = bind(yaml).await.unwrap();
        assert_eq!(config.list_interval, seconds.map(Duration::from_secs), "{yaml}");
    }
}

#[tokio::test]
async fn a_wrong_value_is_a_problem_that_names_the_key() {
    let problem = bind("eureka.server.eviction-interval-timer-in-ms: soon").await.unwrap_err();
    assert!(problem.line().contains("eviction-interval-timer-in-ms"), "{}", problem.line());
}

#[tokio::test]
async fn a_context_path_loses_its_slash() {
    assert_eq!(bind("server.servlet.context-path: /reg/").await.unwrap().context_path, "/reg");
}

/// Every key of the original below these prefixes: taken, or told at the start why not. And all stand on the page.
#[tokio::test]
async fn every_key_of_the_original_is_honoured_or_has_a_reason() {
    let page = include_str!("../../../../docs/registry.md");
    let mut reasons = 0;
    for (key, value) in KEYS {
        let env = Loader::new().config_path(None).defaults(&format!("{key}: {value}")).load().await.unwrap();
        assert!(Config::bind(&env).is_ok(), "{key}");
        let problems = Config::check(&env);
        for problem in &problems {
            assert!(problem.message.contains("has no effect here: "), "{key}: {}", problem.line());
            reasons += 1;
        }
        let name = key.trim_end_matches(".west").rsplit('.').next().unwrap_or_default();
        // Of its own entry the page says that all are taken.
        let own = key.starts_with("eureka.instance.") && !key.contains("registry");
        let family =
            ["rate-limiter-", "a-s-g-", "e-i-p-", "route53-"].iter().any(|start| name.starts_with(start));
        assert!(own || family || !problems.is_empty() || page.contains(name), "{key} is not on the page");
    }
    assert!(reasons >= 40, "{reasons}");
    for slip in ["eureka.server.evict-interval", "eureka.instance.host", "eureka.instance.registry.count"] {
        let env = Loader::new().config_path(None).defaults(&format!("{slip}: 5")).load().await.unwrap();
        let problems = Config::check(&env);
        assert_eq!(problems.len(), 1, "{slip}");
        assert!(!problems[0].message.contains("has no effect"), "a slip is told as one: {slip}");
    }
}

const KEYS: &[(&str, &str)] = &[
    ("eureka.server.enable-self-preservation", "true"),
    ("eureka.server.renewal-percent-threshold", "0.5"),
    ("eureka.server.renewal-threshold-update-interval-ms", "1"),
    ("eureka.server.expected-client-renewal-interval-seconds", "1"),
    ("eureka.server.eviction-interval-timer-in-ms", "1"),
    ("eureka.server.wait-time-in-ms-when-sync-empty", "1"),
    ("eureka.server.registry-sync-retries", "1"),
    ("eureka.server.registry-sync-retry-wait-ms", "1"),
    ("eureka.server.use-read-only-response-cache", "true"),
    ("eureka.server.response-cache-update-interval-ms", "1"),
    ("eureka.server.response-cache-auto-expiration-in-seconds", "1"),
    ("eureka.server.retention-time-in-m-s-in-delta-queue", "1"),
    ("eureka.server.delta-retention-timer-interval-in-ms", "1"),
    ("eureka.server.disable-delta", "true"),
    ("eureka.server.sync-when-timestamp-differs", "false"),
    ("eureka.server.peer-eureka-nodes-update-interval-ms", "1"),
    ("eureka.server.peer-node-connect-timeout-ms", "1"),
    ("eureka.server.peer-node-read-timeout-ms", "1"),
    ("eureka.server.peer-node-total-connections", "1"),
    ("eureka.server.peer-node-total-connections-per-host", "1"),
    ("eureka.server.peer-node-connection-idle-timeout-seconds", "1"),
    ("eureka.server.max-elements-in-peer-replication-pool", "1"),
    ("eureka.server.max-threads-for-peer-replication", "1"),
    ("eureka.server.max-time-for-replication", "1"),
    ("eureka.server.min-available-instances-for-peer-replication", "1"),
    ("eureka.server.my-url", "http://a/"),
    ("eureka.server.enable-replicated-request-compression", "true"),
    ("eureka.server.remote-region-urls-with-name.west", "http://a/eureka/"),
    ("eureka.server.remote-region-app-whitelist.west", "A,B"),
    ("eureka.server.remote-region-registry-fetch-interval", "1"),
    ("eureka.server.disable-transparent-fallback-to-other-region", "true"),
    ("eureka.server.disable-delta-for-remote-regions", "true"),
    ("eureka.server.rate-limiter-enabled", "true"),
    ("eureka.server.rate-limiter-burst-size", "1"),
    ("eureka.server.rate-limiter-registry-fetch-average-rate", "1"),
    ("eureka.server.rate-limiter-full-fetch-average-rate", "1"),
    ("eureka.server.rate-limiter-privileged-clients", "a"),
    ("eureka.server.rate-limiter-throttle-standard-clients", "true"),
    ("eureka.server.batch-replication", "true"),
    ("eureka.server.number-of-replication-retries", "1"),
    ("eureka.server.a-s-g-cache-expiry-timeout-ms", "1"),
    ("eureka.server.a-s-g-query-timeout-ms", "1"),
    ("eureka.server.a-s-g-update-interval-ms", "1"),
    ("eureka.server.e-i-p-bind-rebind-retries", "1"),
    ("eureka.server.e-i-p-binding-retry-interval-ms", "1"),
    ("eureka.server.route53-bind-rebind-retries", "1"),
    ("eureka.server.route53-domain-t-t-l", "1"),
    ("eureka.server.binding-strategy", "EIP"),
    ("eureka.server.a-w-s-access-id", "a"),
    ("eureka.server.a-w-s-secret-key", "a"),
    ("eureka.server.e-i-p-binding-retry-interval-ms-when-unbound", "1"),
    ("eureka.server.route53-binding-retry-interval-ms", "1"),
    ("eureka.server.use-aws-asg-api", "true"),
    ("eureka.server.prime-aws-replica-connections", "true"),
    ("eureka.server.list-auto-scaling-groups-role-name", "a"),
    ("eureka.server.initial-capacity-of-response-cache", "1"),
    ("eureka.server.property-resolver", "a"),
    ("eureka.server.peer-eureka-status-refresh-time-interval-ms", "1"),
    ("eureka.server.max-idle-thread-in-minutes-age-for-status-replication", "1"),
    ("eureka.server.min-threads-for-status-replication", "1"),
    ("eureka.server.max-threads-for-status-replication", "1"),
    ("eureka.server.max-elements-in-status-replication-pool", "1"),
    ("eureka.server.max-idle-thread-age-in-minutes-for-peer-replication", "1"),
    ("eureka.server.min-threads-for-peer-replication", "1"),
    ("eureka.server.remote-region-connect-timeout-ms", "1"),
    ("eureka.server.remote-region-read-timeout-ms", "1"),
    ("eureka.server.remote-region-total-connections", "1"),
    ("eureka.server.remote-region-total-connections-per-host", "1"),
    ("eureka.server.remote-region-connection-idle-timeout-seconds", "1"),
    ("eureka.server.g-zip-content-from-remote-region", "true"),
    ("eureka.server.remote-region-urls", "http://a/eureka/"),
    ("eureka.server.remote-region-fetch-thread-pool-size", "1"),
    ("eureka.server.remote-region-trust-store", "a"),
    ("eureka.server.remote-region-trust-store-password", "a"),
    ("eureka.server.log-identity-headers", "true"),
    ("eureka.server.json-codec-name", "a"),
    ("eureka.server.xml-codec-name", "a"),
    ("eureka.instance.appname", "a"),
    ("eureka.instance.app-group-name", "a"),
    ("eureka.instance.instance-id", "a"),
    ("eureka.instance.hostname", "a"),
    ("eureka.instance.ip-address", "10.0.0.1"),
    ("eureka.instance.prefer-ip-address", "true"),
    ("eureka.instance.non-secure-port", "1"),
    ("eureka.instance.non-secure-port-enabled", "true"),
    ("eureka.instance.secure-port", "1"),
    ("eureka.instance.secure-port-enabled", "true"),
    ("eureka.instance.lease-renewal-interval-in-seconds", "1"),
    ("eureka.instance.lease-expiration-duration-in-seconds", "1"),
    ("eureka.instance.virtual-host-name", "a"),
    ("eureka.instance.secure-virtual-host-name", "a"),
    ("eureka.instance.status-page-url", "http://a/"),
    ("eureka.instance.status-page-url-path", "/a"),
    ("eureka.instance.health-check-url", "http://a/"),
    ("eureka.instance.health-check-url-path", "/a"),
    ("eureka.instance.secure-health-check-url", "https://a/"),
    ("eureka.instance.home-page-url", "http://a/"),
    ("eureka.instance.home-page-url-path", "/a"),
    ("eureka.instance.metadata-map.any.key", "a"),
    ("eureka.instance.initial-status", "DOWN"),
    ("eureka.instance.instance-enabled-onit", "true"),
    ("eureka.instance.a-s-g-name", "a"),
    ("eureka.instance.data-center-info.name", "Amazon"),
    ("eureka.instance.namespace", "a"),
    ("eureka.instance.async-client-initialization", "true"),
    ("eureka.instance.default-address-resolution-order", "a"),
    ("eureka.instance.registry.default-open-for-traffic-count", "1"),
    ("eureka.instance.registry.expected-number-of-clients-sending-renews", "1"),
    ("eureka.dashboard.path", "/d"),
    ("eureka.dashboard.enabled", "false"),
];
