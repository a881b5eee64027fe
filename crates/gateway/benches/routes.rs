//! Guards two claims: finding a route costs the same among 1, 100 and 1,000, and a chain of edits costs well under a
//! microsecond.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "bench")]

use std::cell::{OnceCell, RefCell};
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Method};
use wellspring_gateway::config::{Config, with_both_prefixes};
use wellspring_gateway::platform::Platform;
use wellspring_gateway::predicate::Ask;
use wellspring_gateway::proxy::Proxy;
use wellspring_gateway::route::refresh::Refresh;
use wellspring_lb_client::Client;
use wellspring_pattern::Variables;
use wellspring_properties::{Environment, PropertySource};
use wellspring_telemetry::Meters;

/// A proxy with `count` routes; each strips its prefix and adds a header.
fn proxy(count: usize) -> Arc<Proxy> {
    let pairs = (0..count).flat_map(|n| {
        let at = format!("spring.cloud.gateway.routes[{n}]");
        [
            (format!("{at}.id"), format!("r{n}")),
            (format!("{at}.uri"), "http://127.0.0.1:1".to_owned()),
            (format!("{at}.predicates[0]"), format!("Path=/r{n}/**")),
            (format!("{at}.filters[0]"), "StripPrefix=1".to_owned()),
            (format!("{at}.filters[1]"), "AddRequestHeader=X-A, b".to_owned()),
        ]
    });
    let env = Environment::new(vec![PropertySource::of_pairs("bench", pairs)], Vec::new());
    let env = with_both_prefixes(&env);
    let config = Config::read(&env).unwrap();
    let meters = Meters::new(&[]);
    let client = Client::from_env(&env, &meters).unwrap();
    let platform = Arc::new(Platform::new(&config, &env, client, &meters).unwrap());
    let proxy = Arc::new(Proxy::new(config, platform));
    Refresh::new(Arc::clone(&proxy), env, None).unwrap().start().unwrap();
    proxy
}

fn find(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let headers = HeaderMap::new();
    for count in [1, 100, 1000] {
        let snapshot = proxy(count).snapshot();
        let path = format!("/r{}/orders/7", count - 1);
        criterion.bench_function(&format!("find the last of {count} routes"), |bench| {
            let mut found = Variables::default();
            bench.iter(|| {
                let ask = Ask {
                    method: &Method::GET,
                    path: black_box(&path),
                    query: None,
                    headers: &headers,
                    host: Some("localhost"),
                    peer: [127, 0, 0, 1].into(),
                    now: OnceCell::from(0),
                    drawn: RefCell::default(),
                };
                assert!(snapshot.table.find(&ask, &mut found).is_some());
            });
        });
    }
}

fn trace(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let proxy = proxy(1);
    let described = serde_json::from_str(r#"{"path":"/r0/orders/7"}"#).unwrap();
    criterion.bench_function("match and edit one request, with its trace", |bench| {
        bench.iter(|| wellspring_gateway::trace::trace(&proxy, black_box(&described)).unwrap());
    });
}

criterion_group!(benches, find, trace);
criterion_main!(benches);
