//! One request through the gateway, a Rust service and a Spring service is one trace: in a real Zipkin, in a collector that
//! takes OTLP, and in the log lines of all three.

use std::collections::BTreeMap;

use serde_json::Value;
use wellspring_test_support::{Daemon, Launch, http1, poll, port, spring, tools};

use crate::SOON;
use crate::sink::{Sink, Told};

struct Zipkin(Daemon);

impl Zipkin {
    fn start() -> Self {
        let jar = spring::jar_of("tests/originals/zipkin", "zipkin");
        let own = port::free();
        let daemon = spring::launch(&jar)
            .port(own)
            .arg(format!("--server.port={own}"))
            .arg("--logging.level.root=ERROR")
            .spawn();
        let ready = || http1::get(own, "/health").is_ok_and(|reply| reply.status == 200);
        poll::until("Zipkin is ready", SOON * 3, ready);
        Self(daemon)
    }

    fn of_trace(&self, trace: &str) -> Vec<Told> {
        let reply = http1::get(self.0.port(), &format!("/api/v2/trace/{trace}")).unwrap();
        if reply.status != 200 {
            return Vec::new();
        }
        reply.json().as_array().unwrap().iter().map(told).collect()
    }
}

fn told(span: &Value) -> Told {
    let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
    let tags = span["tags"].as_object().cloned().unwrap_or_default();
    let mut tags: Vec<_> =
        tags.into_iter().map(|(key, value)| (key, value.as_str().unwrap().to_owned())).collect();
    tags.sort();
    Told {
        service: span["localEndpoint"]["serviceName"].as_str().unwrap_or_default().to_owned(),
        name: text("name"),
        kind: text("kind"),
        trace: text("traceId"),
        id: text("id"),
        parent: span["parentId"].as_str().map(str::to_owned),
        start: span["timestamp"].as_u64().unwrap_or_default(),
        tags,
    }
}

/// A registry, the gateway, two Rust services and a Spring service that all report what they do.
struct Traced {
    zipkin: Zipkin,
    sink: Sink,
    _registry: Daemon,
    gateway: Daemon,
    _services: [Daemon; 2],
    greeter: Daemon,
}

impl Traced {
    fn start() -> Self {
        // Both virtual machines start at the same time.
        let registry = Launch::new("wellspring-registry")
            .yaml(
                "
                eureka:
                  client: { register-with-eureka: false, fetch-registry: false }
                  server: { use-read-only-response-cache: false }
                ",
            )
            .start();
        let jar = spring::jar_of("tests/interop/spring-traced", "traced");
        let zipkin = Zipkin::start();
        let sink = Sink::start();
        let member = |launch: Launch| {
            launch
                .arg(format!("--eureka.client.service-url.defaultZone={}", registry.url("/eureka/")))
                .arg("--eureka.instance.prefer-ip-address=true")
                .arg("--eureka.instance.ip-address=127.0.0.1")
                .arg("--eureka.client.registry-fetch-interval-seconds=1")
                .arg("--management.tracing.sampling.probability=1.0")
                .arg(format!("--management.zipkin.tracing.endpoint={}", zipkin.0.url("/api/v2/spans")))
        };
        let rust = |program: &str| {
            let endpoint = format!("http://127.0.0.1:{}/v1/traces", sink.port);
            member(Launch::new(program)).arg(format!("--management.otlp.tracing.endpoint={endpoint}"))
        };
        let greeter = member(spring::launch(&jar)).start();
        let inventory = rust("inventory").start();
        let bff =
            rust("bff").arg("--resilience4j.timelimiter.instances.greeter.timeout-duration=60s").start();
        let gateway = rust("wellspring-gateway")
            .yaml(
                "
                spring.cloud.gateway.server.webflux.routes:
                  - id: pages
                    uri: lb://bff
                    predicates: [ 'Path=/pages/**' ]
                ",
            )
            .start();
        Self { zipkin, sink, _registry: registry, gateway, _services: [inventory, bff], greeter }
    }
}

/// By service, kind and name: the tree's shape is told by ids.
fn find<'a>(spans: &'a [Told], service: &str, kind: &str, to: &str) -> &'a Told {
    let mut fitting = spans.iter().filter(|span| {
        span.service == service
            && span.kind == kind
            && (span.name.contains(to) || span.tags.iter().any(|(_, value)| value.contains(to)))
    });
    let found = fitting.next().unwrap_or_else(|| panic!("no {kind} of {service} to {to}: {spans:#?}"));
    assert!(fitting.next().is_none(), "more than one {kind} of {service} to {to}: {spans:#?}");
    found
}

fn tags(span: &Told) -> BTreeMap<&str, &str> {
    span.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[test]
fn one_trace_goes_through_gateway_rust_and_spring() {
    if !tools::present("one_trace_goes_through_gateway_rust_and_spring", &["java"]) {
        return;
    }
    let traced = Traced::start();
    let page = "/pages/Ada/tea";
    let whole = || {
        http1::get(traced.gateway.port(), page).is_ok_and(|reply| {
            reply.status == 200
                && reply.json()["greeting"] == "Hello, Ada"
                && reply.json()["stock"]["sku"] == "tea"
        })
    };
    poll::until("the page is whole", SOON, whole);
    // A trace of its own: the caller says nothing, the gateway begins it; and one that the caller began.
    let caller = ("6b0140802fa557c5974c604b1a390686", "c44d702b486425ff");
    let parent = format!("00-{}-{}-01", caller.0, caller.1);
    let reply =
        http1::Request::new("GET", page).header("traceparent", &parent).send(traced.gateway.port()).unwrap();
    assert_eq!(reply.status, 200);

    let mut spans = Vec::new();
    let reported = poll::within(SOON, || {
        spans = traced.zipkin.of_trace(caller.0);
        spans.len() >= 7
    });
    assert!(reported, "{spans:#?}");
    assert_eq!(spans.len(), 7, "{spans:#?}");

    let at_gateway = find(&spans, "gateway", "SERVER", "http get");
    let from_gateway = find(&spans, "gateway", "CLIENT", "http get");
    let at_bff = find(&spans, "bff", "SERVER", "/pages/{name}/{sku}");
    let to_greeter = find(&spans, "bff", "CLIENT", "greeter");
    let to_inventory = find(&spans, "bff", "CLIENT", "inventory");
    let at_greeter = find(&spans, "greeter", "SERVER", "/greeting/{name}");
    let at_inventory = find(&spans, "inventory", "SERVER", "/stock/{sku}");
    for (span, parent) in [
        (from_gateway, at_gateway),
        (at_bff, from_gateway),
        (to_greeter, at_bff),
        (to_inventory, at_bff),
        (at_greeter, to_greeter),
        (at_inventory, to_inventory),
    ] {
        assert_eq!(span.parent.as_ref(), Some(&parent.id), "{span:#?} below {parent:#?}");
    }
    assert_eq!(at_gateway.parent.as_deref(), Some(caller.1));

    // Names and tags are the originals': ours and Spring's of the same kind say the same things.
    assert_eq!(at_greeter.name, "http get /greeting/{name}");
    assert_eq!(at_inventory.name, "http get /stock/{sku}");
    let (spring, ours) = (tags(at_greeter), tags(at_inventory));
    let mut wanted = spring.clone();
    wanted.insert("http.url", "/stock/tea");
    wanted.insert("uri", "/stock/{sku}");
    assert_eq!(ours, wanted);
    assert_eq!(to_greeter.name, "http get");
    let sent = tags(to_greeter);
    let keys = ["client.name", "exception", "http.url", "method", "outcome", "status", "uri"];
    assert_eq!(sent.keys().copied().collect::<Vec<_>>(), keys);
    assert!(sent["http.url"].ends_with("/greeting/Ada"), "{sent:?}");
    let route = tags(from_gateway);
    assert_eq!(route.get("http.status_code"), Some(&"200"), "{route:?}");
    assert_eq!(route.get("spring.cloud.gateway.route.id"), Some(&"pages"), "{route:?}");

    // The collector that takes OTLP has the same spans but the Spring service's, which reports to Zipkin alone.
    let mut same: Vec<Told> = spans.iter().filter(|span| span.service != "greeter").cloned().collect();
    same.sort();
    let mut decoded = Vec::new();
    let arrived = poll::within(SOON, || {
        decoded = traced.sink.of_trace(caller.0);
        decoded.sort();
        decoded.len() >= same.len()
    });
    assert!(arrived, "{decoded:#?}");
    assert_eq!(decoded, same);

    // The lines of the same request carry its trace's id, in each one's format.
    let line = traced.greeter.log();
    let line = line.lines().find(|line| line.contains("greeting Ada") && line.contains(caller.0));
    assert!(line.is_some_and(|line| line.contains(&format!("[{}-{}]", caller.0, at_greeter.id))), "{line:?}");
}
