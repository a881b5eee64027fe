//! The bus daemon on a real RabbitMQ, beside a Python client that sees every message as a Spring application would.
//!
//! Starts a broker of its own (about ten seconds). Without RabbitMQ or Python it says so and is left out (in CI it fails).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::broker::Rabbit;
use wellspring_test_support::http1::Request;
use wellspring_test_support::{Daemon, Launch, packages, poll, tools};

const SOON: Duration = Duration::from_secs(90);
const EXCHANGE: &str = "springCloudBus";

#[test]
fn the_bus_speaks_as_spring_cloud_bus_on_rabbitmq() {
    let name = "the_bus_speaks_as_spring_cloud_bus_on_rabbitmq";
    if !tools::present(name, &["python"]) {
        return;
    }
    let Some(mut rabbit) = Rabbit::start(name) else { return };
    let mut bus = daemon(&rabbit);
    poll::until("the bus declares its exchange", SOON, || {
        rabbit.manage("GET", &format!("/api/exchanges/%2f/{EXCHANGE}")).status == 200
    });
    let exchange = rabbit.manage("GET", &format!("/api/exchanges/%2f/{EXCHANGE}")).json();
    assert_eq!((&exchange["type"], &exchange["durable"]), (&json!("topic"), &json!(true)));

    let mut tap = Tap::start(&rabbit);
    publishes(&bus, &tap);
    acknowledges(&mut tap);
    survives(&mut tap, &mut bus);
    complains_once(&mut tap, &bus);

    // The broker goes away and comes back: the bus declares its queue again and goes on.
    drop(tap);
    rabbit.crash();
    poll::until("health says what is wrong", SOON, || {
        let page = wellspring_test_support::http1::get(bus.port(), "/actuator/health").unwrap();
        let reason = page.json()["components"]["rabbit"]["details"]["error"].clone();
        page.status == 503 && reason.as_str().is_some_and(|reason| reason.to_lowercase().contains("refused"))
    });
    is_not_filled_while_the_broker_is_away(&mut bus);
    rabbit.restart();
    poll::until("the bus is connected again", SOON * 2, || health(&bus) == 200);
    let mut tap = Tap::start(&rabbit);
    poll::until("its queue is back", SOON, || {
        let queues = rabbit.manage("GET", "/api/queues/%2f").json();
        let named = |queue: &Value| {
            queue["name"].as_str().is_some_and(|n| n.starts_with("springCloudBus.anonymous."))
        };
        queues.as_array().is_some_and(|queues| queues.iter().any(named))
    });
    acknowledges(&mut tap);
}

fn daemon(rabbit: &Rabbit) -> Daemon {
    Launch::new("wellspring-bus")
        .yaml("spring.application.name: the-bus\nmanagement.endpoints.web.exposure.include: '*'\nmanagement.endpoint.health.show-details: always\nwellspring.bus.confirm-timeout: 4s\n")
        .var("SPRING_RABBITMQ_HOST", "127.0.0.1")
        .var("SPRING_RABBITMQ_PORT", rabbit.port().to_string())
        .ill_for(SOON)
        .start()
}

fn health(bus: &Daemon) -> u16 {
    wellspring_test_support::http1::get(bus.port(), "/actuator/health").map_or(0, |reply| reply.status)
}

/// An endpoint's call becomes an event of the original's form, and the sender acknowledges it like everyone else.
fn publishes(bus: &Daemon, tap: &Tap) {
    let post = |path: &str| {
        Request::new("POST", path).header("Content-Length", "0").send(bus.port()).unwrap().status
    };
    assert_eq!(post("/actuator/busrefresh/orders"), 204);
    let (message, event) = tap.next("RefreshRemoteApplicationEvent");
    let keys: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["type", "timestamp", "originService", "destinationService", "id"]);
    assert_eq!(event["destinationService"], "orders:**");
    assert!(event["originService"].as_str().unwrap().starts_with("the-bus:"), "{event}");
    assert_eq!(message["key"], EXCHANGE);
    let properties = &message["properties"];
    assert_eq!(properties["content_type"], "application/json");
    assert_eq!((&properties["delivery_mode"], &properties["priority"]), (&json!(2), &json!(0)));
    assert_eq!(properties["headers"], json!({}));

    assert_eq!(post("/actuator/busrefresh"), 204);
    let (_, event) = tap.next("RefreshRemoteApplicationEvent");
    assert_eq!(event["destinationService"], "**");
    let (_, ack) = tap.next("AckRemoteApplicationEvent");
    assert_eq!((&ack["ackId"], &ack["originService"]), (&event["id"], &event["originService"]));

    let set = Request::new("POST", "/actuator/busenv").json(&json!({"name": "k", "value": "v"}));
    assert_eq!(set.send(bus.port()).unwrap().status, 204);
    let (_, event) = tap.next("EnvironmentChangeRemoteApplicationEvent");
    assert_eq!(event["values"], json!({"k": "v"}));
    tap.next("AckRemoteApplicationEvent");
}

/// An event of another application is acknowledged when it is for the bus.
fn acknowledges(tap: &mut Tap) {
    for (number, (destination, answered)) in
        [("**", true), ("the-bus:**", true), ("somebody:**", false), ("*:**", true)].into_iter().enumerate()
    {
        let id = format!("00000000-0000-4000-8000-00000000000{number}");
        tap.publish(&refresh(&id, destination), Some("application/json"));
        if answered {
            let (_, ack) = tap.next("AckRemoteApplicationEvent");
            assert_eq!((&ack["ackId"], &ack["ackDestinationService"]), (&json!(id), &json!(destination)));
            assert_eq!(ack["event"], "org.springframework.cloud.bus.event.RefreshRemoteApplicationEvent");
        }
    }
}

/// What others put on the exchange by mistake neither stops nor kills it.
fn survives(tap: &mut Tap, bus: &mut Daemon) {
    let unknown = refresh("1", "**").replace("RefreshRemoteApplicationEvent", "NobodyKnowsEvent");
    let giant = format!("{{\"type\":\"{}\"}}", "x".repeat(4 << 20));
    for body in [
        "",
        "{",
        "[]",
        "nonsense",
        "{\"type\":5}",
        "{\"type\":\"RefreshRemoteApplicationEvent\"}",
        &unknown,
        &giant,
    ] {
        tap.publish(body, Some("application/json"));
    }
    tap.publish(&refresh("2", "**"), Some("text/plain"));
    acknowledges(tap);
    assert!(bus.is_running());
}

/// The same complaint about the same sender is one line, with the sender as far as it can be told; all are counted.
fn complains_once(tap: &mut Tap, bus: &Daemon) {
    let bad = json!({
        "type": "RefreshRemoteApplicationEvent", "timestamp": "2026-01-01T00:00:00Z", "originService": "clumsy:1:x",
        "destinationService": "**", "id": "3",
    });
    for _ in 0..20 {
        tap.publish(&bad.to_string(), Some("application/json"));
        tap.publish("scrawl", Some("application/json"));
    }
    acknowledges(tap);
    let log = bus.log();
    let told = |of: &str| log.lines().filter(|line| line.contains("refused") && line.contains(of)).count();
    assert_eq!(told("sender=\"clumsy:1:x\"") + told("sender=clumsy:1:x"), 1, "{log}");
    // Without an originService it is what the broker knows of the message. `nonsense` was told with the same reason or not.
    assert!((1..=6).contains(&told("routing key")), "{log}");
    assert!(log.lines().any(|line| line.contains("NobodyKnowsEvent")), "{log}");
    let metrics = wellspring_test_support::http1::get(bus.port(), "/actuator/prometheus").unwrap().text();
    let poison = metrics.lines().find(|line| line.contains("bus_events") && line.contains("poison")).unwrap();
    let count: f64 = poison.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count >= 40.0, "{poison}");
}

/// Twice 15 MB that cannot be sent: refused, not kept.
fn is_not_filled_while_the_broker_is_away(bus: &mut Daemon) {
    let body = json!({"name": "large", "value": "x".repeat(150_000)});
    let port = bus.port();
    let wave = || {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let post =
                || Request::new("POST", "/actuator/busenv/nobody").json(&body).send(port).unwrap().status;
            let posts: Vec<_> = (0..100).map(|_| scope.spawn(post)).collect();
            posts.into_iter().map(|post| post.join().unwrap()).collect()
        });
        assert_eq!(statuses, [500; 100]);
        bus.resident_kib().unwrap() / 1024
    };
    let (first, second) = (wave(), wave());
    println!(
        "\nreport: the bus without its broker, after 15 MB in 100 events: {first} MiB, after 30 MB: {second} MiB"
    );
    // What is under way at a moment differs; what is kept would be there in both.
    assert!(second < first + 64 && second < 250, "{first} MiB, then {second} MiB");
    assert!(bus.is_running());
}

fn refresh(id: &str, destination: &str) -> String {
    json!({
        "type": "RefreshRemoteApplicationEvent", "timestamp": 1_700_000_000_000_i64, "originService": "driver:0:1",
        "destinationService": destination, "id": id,
    })
    .to_string()
}

/// The Python process that listens to the exchange.
struct Tap {
    process: Child,
    orders: ChildStdin,
    messages: Receiver<Value>,
}

impl Tap {
    fn start(rabbit: &Rabbit) -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/bus-py");
        let python = packages::python("bus", &own.join("requirements.txt"));
        let mut command = Command::new(python);
        command.arg(own.join("tap.py")).arg(rabbit.url("%2f")).arg(EXCHANGE);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let ready: Value = messages.recv_timeout(SOON).unwrap();
        assert_eq!(ready, json!({"ready": true}));
        Self { process, orders, messages }
    }

    /// The next message of a type, with its event.
    fn next(&self, kind: &str) -> (Value, Value) {
        loop {
            let message = self.messages.recv_timeout(SOON).unwrap_or_else(|_| panic!("no {kind} arrives"));
            let event: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap_or_default();
            // What the test itself published comes back too.
            if event["type"] == kind && event["originService"] != "driver:0:1" {
                return (message, event);
            }
        }
    }

    fn publish(&mut self, body: &str, media: Option<&str>) {
        writeln!(self.orders, "{}", json!({"body": body, "type": media})).unwrap();
        self.orders.flush().unwrap();
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
