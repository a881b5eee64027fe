//! Guards: choosing among ten instances, snapshot load included, takes at most 25 ns in one thread.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a bench")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use wellspring_lb_client::discovery::{Discovery, Simple};
use wellspring_lb_client::pick::{Request, named};
use wellspring_lb_client::settings::ServiceSettings;
use wellspring_lb_client::{Balancer, Instance};

fn pick(bench: &mut Criterion) {
    let simple = Simple::default();
    let instances =
        (0..10u16).map(|n| Instance::new("orders", format!("i{n}"), "127.0.0.1", 8000 + n)).collect();
    simple.book().replace("orders", instances);
    for name in ["round-robin", "random", "least-requests", "peak-ewma"] {
        let bare = Balancer::new("orders", simple.listing("orders"), Vec::new(), named(name).expect("known"));
        bench.bench_function(&format!("{name} of 10"), |b| b.iter(|| bare.choose(&Request::default())));
    }
    let headers = http::HeaderMap::new();
    let request = Request { headers: Some(&headers), ..Request::default() };
    let whole =
        Arc::new(Balancer::of_settings("orders", simple.listing("orders"), &ServiceSettings::default()));
    bench.bench_function("default chain of 10", |b| b.iter(|| whole.choose(&request)));
}

criterion_group!(benches, pick);
criterion_main!(benches);
