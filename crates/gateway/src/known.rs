//! Which settings there are below the gateway's prefix, so that a misspelt one is told instead of passed over.
//!
//! Names only: values are read in `config`, routes in `route::source`. What the original knows and this gateway does not
//! need (Netty's wiretap, schedulers) is a known name too: a file of the original must not raise complaints.

use serde::Deserialize;
use serde::de::IgnoredAny as Any;
use wellspring_properties::support::{Row, no, other, yes};
use wellspring_properties::{Environment, Problem};

use crate::config::PREFIX;

const NETTY: &str = "belongs to Netty; remove it";
const CORE: &str = "the gateway cannot do without it; remove it";
const MVC: &str = "routes of the servlet gateway: move them below spring.cloud.gateway.server.webflux.routes";
const REDIS: &str = "one connection is shared; remove it";
const TOPOLOGY: &str = "Redis clusters and sentinels are not offered: name one server";

/// `spring.cloud.gateway` (rows of the newer prefix hold for the older one too), and what a gateway reads besides.
pub const KNOWN: &[Row] = &[
    yes("spring.cloud.gateway.server.webflux", "routes, filters, HTTP client, CORS"),
    no("spring.cloud.gateway.server.webflux.filter.hystrix", "see filter.circuit-breaker"),
    no(
        "spring.cloud.gateway.server.webflux.filter.rewrite-location",
        "see filter.rewrite-location-response-header",
    ),
    no(
        "spring.cloud.gateway.server.webflux.filter.request-rate-limiter.default-key-resolver",
        "beans cannot be named: a RequestRateLimiter names its key-resolver",
    ),
    no(
        "spring.cloud.gateway.server.webflux.filter.request-rate-limiter.default-rate-limiter",
        "beans cannot be named: a RequestRateLimiter names its rate limiter",
    ),
    no("spring.cloud.gateway.server.webflux.global-filter.adapt-cached-body", CORE),
    no("spring.cloud.gateway.server.webflux.global-filter.forward-routing", CORE),
    no("spring.cloud.gateway.server.webflux.global-filter.load-balancer-client", CORE),
    no("spring.cloud.gateway.server.webflux.global-filter.netty-routing", CORE),
    no("spring.cloud.gateway.server.webflux.global-filter.netty-write-response", CORE),
    no("spring.cloud.gateway.server.webflux.global-filter.remove-cached-body", CORE),
    no("spring.cloud.gateway.server.webflux.global-filter.websocket-routing", CORE),
    no("spring.cloud.gateway.server.webflux.handler-mapping", "there is nothing before the routes"),
    no(
        "spring.cloud.gateway.server.webflux.httpclient.max-initial-line-length",
        "see httpclient.max-header-size",
    ),
    no("spring.cloud.gateway.server.webflux.httpclient.pool.eviction-interval", NETTY),
    no("spring.cloud.gateway.server.webflux.httpclient.pool.leasing-strategy", NETTY),
    no("spring.cloud.gateway.server.webflux.httpclient.pool.name", NETTY),
    no("spring.cloud.gateway.server.webflux.httpclient.pool.metrics", "metrics are always there"),
    no("spring.cloud.gateway.server.webflux.httpclient.ssl.close-notify-flush-timeout", NETTY),
    no("spring.cloud.gateway.server.webflux.httpclient.ssl.close-notify-read-timeout", NETTY),
    no("spring.cloud.gateway.server.webflux.httpclient.wiretap", "see wellspring tap"),
    no("spring.cloud.gateway.server.webflux.httpserver.wiretap", "see wellspring tap"),
    no("spring.cloud.gateway.server.webflux.observability", "see management.tracing"),
    no(
        "spring.cloud.gateway.server.webflux.restrictive-property-accessor",
        "expressions reach nothing but the request",
    ),
    no("spring.cloud.gateway.server.webflux.route-filter-cache-enabled", "routes are compiled once"),
    no(
        "spring.cloud.gateway.server.webflux.route-refresh-listener",
        "routes follow files and events by themselves",
    ),
    other("spring.cloud.gateway.server.webmvc", MVC),
    other("spring.cloud.gateway.mvc", MVC),
    other("zuul", "spring.cloud.gateway.server.webflux.routes"),
    yes("management.endpoint.gateway", "access"),
    yes("spring.webflux.base-path", "before every path of the gateway"),
    yes("spring.security.oauth2.resourceserver", "bearer tokens at the gateway, JWT and opaque"),
    yes("spring.security.oauth2.client", "logins and tokens of the gateway's own"),
    other(
        "spring.security.oauth2.resourceserver.jwt.jws-algorithm",
        "spring.security.oauth2.resourceserver.jwt.jws-algorithms",
    ),
    no("spring.security", "see spring.security.oauth2, wellspring.gateway.security or spring.security.user"),
    yes("spring.session.timeout", "how long a session of the gateway lives unused"),
    yes("spring.session.store-type", "redis, or this process"),
    no("spring.session", "sessions have a form of their own"),
    no("spring.data.redis", REDIS),
    yes("spring.data.redis.url", "for RequestRateLimiter, sessions and routes"),
    yes("spring.data.redis.host", "for RequestRateLimiter, sessions and routes"),
    yes("spring.data.redis.port", "its port"),
    yes("spring.data.redis.database", "its database"),
    yes("spring.data.redis.username", "its user"),
    yes("spring.data.redis.password", "its password"),
    yes("spring.data.redis.timeout", "longest wait for an answer"),
    yes("spring.data.redis.connect-timeout", "longest wait for a connection"),
    yes("spring.data.redis.ssl", "TLS to Redis"),
    other("spring.data.redis.cluster", TOPOLOGY),
    other("spring.data.redis.sentinel", TOPOLOGY),
    other("spring.redis", "spring.data.redis"),
];

/// Keys that nothing knows, each with its place.
pub(crate) fn strangers(env: &Environment) -> Vec<Problem> {
    env.bind_checked::<Gateway>(PREFIX).1
}

macro_rules! names {
    ($($type:ident { $($name:ident: $kind:ty),* $(,)? })*) => {$(
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        struct $type { $($name: $kind),* }
    )*};
}

names! {
    Gateway {
        enabled: Any, routes: Any, default_filters: Any, streaming_media_types: Any, fail_on_route_definition_error: Any,
        trusted_proxies: Any, route_filter_cache_enabled: Any, handler_mapping: Any, route_refresh_listener: Any,
        httpclient: HttpClient, httpserver: Any, globalcors: Any, discovery: Any, metrics: Any, observability: Any,
        filter: Any, predicate: Any, global_filter: Any, default_filter: Any, x_forwarded: Any, forwarded: Any,
        loadbalancer: Any, redis_rate_limiter: Any, redis_route_definition_repository: Any, set_status: Any,
        secure_headers: Any, function: Any, stream: Any,
    }
    HttpClient {
        connect_timeout: Any, response_timeout: Any, max_header_size: Any, max_initial_line_length: Any, pool: Pool,
        proxy: Any, ssl: Any, websocket: Any, wiretap: Any, compression: Any,
    }
    Pool {
        name: Any, r#type: Any, max_connections: Any, acquire_timeout: Any, max_idle_time: Any, max_life_time: Any,
        eviction_interval: Any, metrics: Any, leasing_strategy: Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_properties::PropertySource;

    #[test]
    fn a_misspelt_name_is_told_and_the_originals_are_not() {
        let settings = [
            (format!("{PREFIX}.httpclient.pool.type"), "elastic".to_owned()),
            (format!("{PREFIX}.routes[0].id"), "one".to_owned()),
            (format!("{PREFIX}.filter.secure-headers.disable"), "x".to_owned()),
            (format!("{PREFIX}.httpclient.conect-timeout"), "5".to_owned()),
        ];
        let env = Environment::new(vec![PropertySource::of_pairs("file", settings)], Vec::new());
        let found: Vec<String> = strangers(&env).iter().map(Problem::line).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|line| line.contains("conect-timeout")), "{found:?}");
    }
}
