//! What a registry of 1,000 instances in 50 applications costs per call, without the network.
//!
//! Guards: a heartbeat is a lookup and two numbers; a reader of an unchanged list copies nothing; a change costs one encoding
//! of the list, whoever reads it.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a bench may panic")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wellspring_registry::state::Rules;
use wellspring_registry::view::{Format, Part, Whole};
use wellspring_registry::{Caller, Clock, Node};
use wellspring_wire::Millis;
use wellspring_wire::eureka::{DataCenterInfo, Form, InstanceInfo, Metadata, json, xml};

fn instance(number: usize) -> InstanceInfo {
    let app = format!("SERVICE-{:02}", number % 50);
    let host = format!("node{number}.example.org");
    InstanceInfo {
        instance_id: Some(format!("{host}:{}:8080", app.to_lowercase())),
        app: app.clone(),
        ip_addr: format!("10.0.{}.{}", number / 250, number % 250),
        data_center_info: Some(DataCenterInfo::my_own()),
        metadata: Metadata::from_iter([("management.port".to_owned(), "8080".to_owned())]),
        home_page_url: Some(format!("http://{host}:8080/")),
        status_page_url: Some(format!("http://{host}:8080/actuator/info")),
        health_check_url: Some(format!("http://{host}:8080/actuator/health")),
        vip_address: Some(app.to_lowercase()),
        secure_vip_address: Some(app.to_lowercase()),
        last_dirty: Some(Millis(1_700_000_000_000)),
        host_name: host,
        ..InstanceInfo::default()
    }
}

fn node() -> Node {
    let node = Node::new(Rules::default(), Duration::from_secs(30), Clock::default());
    node.with(|state, now| state.open(0, now));
    for number in 0..1000 {
        node.register(instance(number), Caller::CLIENT);
    }
    node
}

fn calls(criterion: &mut Criterion) {
    let node = node();
    let known = instance(517);
    let (app, id) = (known.app.clone(), known.id().to_owned());
    criterion.bench_function("heartbeat", |bencher| {
        bencher.iter(|| node.renew(black_box(&app), black_box(&id), known.last_dirty, None, Caller::CLIENT));
    });
    criterion.bench_function("apps, unchanged", |bencher| {
        bencher.iter(|| node.whole(Whole::Apps, Format::Json, Form::Full).plain().len());
    });
    criterion.bench_function("one app, unchanged", |bencher| {
        bencher.iter(|| node.part(Part::App(app.clone()), Format::Json, Form::Full).unwrap().len());
    });
    criterion.bench_function("one instance", |bencher| {
        bencher.iter(|| Format::Json.instance(&node.instance(&app, &id).unwrap()).len());
    });
    criterion.bench_function("register", |bencher| {
        bencher.iter(|| node.register(instance(517), Caller::CLIENT));
    });
    criterion.bench_function("apps after a change", |bencher| {
        bencher.iter(|| {
            node.register(instance(517), Caller::CLIENT);
            node.whole(Whole::Apps, Format::Json, Form::Full).plain().len()
        });
    });
    criterion.bench_function("apps after a change, gzip", |bencher| {
        bencher.iter(|| {
            node.register(instance(517), Caller::CLIENT);
            node.whole(Whole::Apps, Format::Json, Form::Full).gzip().len()
        });
    });
    criterion.bench_function("apps after a change, XML", |bencher| {
        bencher.iter(|| {
            node.register(instance(517), Caller::CLIENT);
            node.whole(Whole::Apps, Format::Xml, Form::Full).plain().len()
        });
    });
    criterion.bench_function("delta of everything", |bencher| {
        bencher.iter(|| {
            node.register(instance(517), Caller::CLIENT);
            node.whole(Whole::Delta, Format::Json, Form::Full).plain().len()
        });
    });
}

fn codecs(criterion: &mut Criterion) {
    let known = instance(517);
    let (mut text, mut lines) = (Vec::new(), Vec::new());
    json::write_instance(&known, &mut text);
    xml::write_instance(&known, &mut lines);
    criterion.bench_function("read JSON", |bencher| {
        bencher.iter(|| json::read_instance(black_box(&text)).unwrap())
    });
    criterion.bench_function("read XML", |bencher| {
        bencher.iter(|| xml::read_instance(black_box(&lines)).unwrap())
    });
    criterion.bench_function("write JSON", |bencher| {
        bencher.iter(|| {
            text.clear();
            json::write_instance(black_box(&known), &mut text);
        });
    });
}

criterion_group!(benches, calls, codecs);
criterion_main!(benches);
