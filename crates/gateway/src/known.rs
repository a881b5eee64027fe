//! Which settings there are below the gateway's prefix, so that a misspelt one is told instead of passed over.
//!
//! Names only: values are read in `config`, routes in `route::source`. What the original knows and this gateway does not
//! need (Netty's wiretap, schedulers) is a known name too: a file of the original must not raise complaints.

use serde::Deserialize;
use serde::de::IgnoredAny as Any;
use wellspring_properties::{Environment, Problem};

use crate::config::PREFIX;

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
