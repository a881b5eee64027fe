//! Guards the claim that recording is a few atomics: a timer's record stays in the tens of nanoseconds, bound or shared by two threads.
#![allow(clippy::unwrap_used, reason = "bench")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wellspring_telemetry::traces::{Propagation, Tracer};
use wellspring_telemetry::{Meters, names};

fn timer(c: &mut Criterion) {
    let meters = Meters::default();
    let timer = meters.timer(names::HTTP_SERVER_REQUESTS, &[("uri", "/a"), ("status", "200")]);
    c.bench_function("timer record", |b| b.iter(|| timer.record(black_box(Duration::from_micros(150)))));
    let counter = meters.counter(names::LOGBACK_EVENTS, &[("level", "warn")]);
    c.bench_function("counter increment", |b| b.iter(|| counter.increment()));
    let tracer = Tracer::new(Propagation::default(), 0.1, None);
    let parent = "00-6b0140802fa557c5974c604b1a390686-c44d702b486425ff-00".parse().unwrap();
    let headers = http::HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), parent)]);
    c.bench_function("span of a request", |b| b.iter(|| black_box(tracer.server(&headers))));
}

criterion_group!(benches, timer);
criterion_main!(benches);
