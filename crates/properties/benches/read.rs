//! What the config server does for each request and what every look-up of a setting costs.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "benches")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wellspring_properties::{Environment, PropertySource, flatten, yaml};

fn document() -> String {
    let mut text = String::new();
    for service in 0..20 {
        text.push_str(&format!(
            "service-{service}:\n  port: {}\n  url: http://host-{service}.example.org:8080/path?query=1\n  enabled: yes\n  timeout: 10s\n  labels:\n    - one\n    - \"two and a half\"\n  pool: {{min: 1, max: 10}}\n  ratio: 0.75\n",
            8000 + service
        ));
    }
    text
}

fn read(criterion: &mut Criterion) {
    let text = document();
    criterion.bench_function("yaml/200 lines, parsed and flattened", |bencher| {
        bencher.iter(|| {
            let documents = yaml::parse(black_box(&text), "bench.yml").unwrap();
            documents.iter().map(flatten::document).map(|entries| entries.len()).sum::<usize>()
        });
    });
    let entries = yaml::parse(&text, "bench.yml").unwrap().first().map(flatten::document).unwrap();
    let vars = PropertySource::of_variables(
        "vars",
        (0..50).map(|n| (format!("SOME_VARIABLE_{n}"), "value".to_owned())),
    );
    let env = Environment::new(vec![vars, PropertySource::new("file", entries)], Vec::new());
    criterion
        .bench_function("get/canonical key", |bencher| bencher.iter(|| env.get(black_box("service19.port"))));
    criterion
        .bench_function("get/kebab key", |bencher| bencher.iter(|| env.get(black_box("service-19.port"))));
}

criterion_group!(benches, read);
criterion_main!(benches);
