//! Against a real RabbitMQ: what is on the wire, what is survived, what is never lost.
//!
//! One broker for all: it takes ten seconds to start. Each part has a virtual host of its own.

#![cfg(all(feature = "amqp", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod on_broker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use on_broker::{Numbered, connected, counting};
use parking_lot::Mutex;
use serde_json::Value;
use wellspring_bus::metrics::Instruments;
use wellspring_bus::transport::{State, amqp};
use wellspring_bus::{Bus, Event, Options, Payload};
use wellspring_properties::{Environment, PropertySource};
use wellspring_telemetry::{Meters, names};
use wellspring_test_support::broker::Rabbit;
use wellspring_test_support::{Fault, FaultProxy, long};

const PATIENCE: Duration = Duration::from_secs(120);

/// Joins the bus on a virtual host, through `port`.
fn join(id: &str, port: u16, vhost: &str, settings: &[(&str, &str)]) -> Bus {
    join_with(id, port, vhost, settings, Instruments::default())
}

fn join_with(id: &str, port: u16, vhost: &str, settings: &[(&str, &str)], instruments: Instruments) -> Bus {
    let port = port.to_string();
    let mut all = vec![
        ("spring.rabbitmq.host", "127.0.0.1"),
        ("spring.rabbitmq.port", &port),
        ("spring.rabbitmq.virtual-host", vhost),
        ("wellspring.bus.settle-time", "6"),
    ];
    all.extend(settings);
    let env = Environment::new(vec![PropertySource::of_pairs("test", all)], vec![]);
    let mut options = Options { instruments, ..Options::new(id) };
    options.own = env.bind("wellspring.bus").unwrap();
    options.config = env.bind("spring.cloud.bus").unwrap();
    let transport = Arc::new(amqp::from_env(&env, &options).unwrap());
    Bus::start(options, transport)
}

async fn until<F: AsyncFnMut() -> bool>(what: &str, holds: F) {
    on_broker::until(what, PATIENCE, holds).await;
}

/// Another program on the exchange.
struct Tap {
    _connection: Connection,
    channel: Channel,
    messages: Consumer,
}

impl Tap {
    async fn open(rabbit: &Rabbit, vhost: &str) -> Self {
        let connection =
            Connection::connect(&rabbit.url(vhost), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let none = FieldTable::default;
        let queue = channel.queue_declare("".into(), exclusive, none()).await.unwrap();
        let name = || queue.name().as_str().into();
        let bind = QueueBindOptions::default();
        channel.queue_bind(name(), "springCloudBus".into(), "#".into(), bind, none()).await.unwrap();
        let messages =
            channel.basic_consume(name(), "".into(), BasicConsumeOptions::default(), none()).await.unwrap();
        Self { _connection: connection, channel, messages }
    }

    async fn publish(&self, body: &[u8], content_type: Option<&str>) {
        let mut properties = BasicProperties::default();
        if let Some(content_type) = content_type {
            properties = properties.with_content_type(content_type.into());
        }
        let (exchange, key) = ("springCloudBus".into(), "any.key".into());
        let sent =
            self.channel.basic_publish(exchange, key, BasicPublishOptions::default(), body, properties).await;
        sent.unwrap().await.unwrap();
    }

    async fn next(&mut self) -> (Event, Delivery) {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.messages.next()).await.expect("a message in time");
            let delivery = next.unwrap().unwrap();
            delivery.ack(BasicAckOptions::default()).await.unwrap();
            if let Ok(event) = Event::read(&delivery.data) {
                return (event, delivery);
            }
        }
    }

    /// The id of the event that `who` acknowledges next.
    async fn ack_by(&mut self, who: &str) -> String {
        loop {
            let (event, _) = self.next().await;
            if let (Payload::Ack(ack), Some(by)) = (event.payload, event.origin)
                && by == who
            {
                return ack.id.unwrap();
            }
        }
    }

    async fn ack_of(&mut self, id: &str) -> Event {
        loop {
            let (event, _) = self.next().await;
            if matches!(&event.payload, Payload::Ack(ack) if ack.id.as_deref() == Some(id)) {
                return event;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_a_real_broker() {
    let Some(mut rabbit) = Rabbit::start("bus on RabbitMQ") else { return };
    for vhost in ["wire", "poison", "group", "storm", "bridge", "outage"] {
        rabbit.vhost(vhost);
    }
    messages_and_objects_are_those_of_the_original(&rabbit).await;
    what_nobody_can_handle_is_rejected_once_and_blocks_nothing(&rabbit).await;
    members_of_a_group_share_the_events(&rabbit).await;
    storms_of_foreign_acks_delay_nothing(&rabbit).await;
    the_daemon_joins_both_worlds(&rabbit).await;
    an_outage_loses_nothing_that_was_confirmed(&mut rabbit).await;
}

async fn messages_and_objects_are_those_of_the_original(rabbit: &Rabbit) {
    let bus = join("orders:8081:a1", rabbit.port(), "wire", &[]);
    connected(&bus).await;
    let mut tap = Tap::open(rabbit, "wire").await;
    let sent = bus.publish("", Payload::Refresh).await.unwrap();
    let (event, delivery) = tap.next().await;
    assert_eq!(event, sent);
    assert_eq!(
        (delivery.exchange.as_str(), delivery.routing_key.as_str()),
        ("springCloudBus", "springCloudBus")
    );
    let properties = &delivery.properties;
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
    assert_eq!((properties.delivery_mode(), properties.priority()), (&Some(2), &Some(0)));
    assert!(properties.headers().as_ref().is_some_and(|headers| headers.inner().is_empty()));
    assert_eq!(tap.ack_of(&sent.id).await.origin.as_deref(), Some("orders:8081:a1"));

    let queues: Value = serde_json::from_str(&rabbit.manage("GET", "/api/queues/wire").text()).unwrap();
    let ours = |queue: &&Value| queue["name"].as_str().unwrap().starts_with("springCloudBus.anonymous.");
    let queue = queues.as_array().unwrap().iter().find(ours).unwrap();
    assert_eq!(queue["name"].as_str().unwrap().len(), "springCloudBus.anonymous.".len() + 22);
    assert_eq!(
        (&queue["exclusive"], &queue["auto_delete"], &queue["durable"]),
        (&true.into(), &true.into(), &false.into())
    );
    let exchange: Value =
        serde_json::from_str(&rabbit.manage("GET", "/api/exchanges/wire/springCloudBus").text()).unwrap();
    assert_eq!((&exchange["type"], &exchange["durable"]), (&"topic".into(), &true.into()));
    bus.close().await;
}

async fn what_nobody_can_handle_is_rejected_once_and_blocks_nothing(rabbit: &Rabbit) {
    let bus = join("orders:8081:a1", rabbit.port(), "poison", &[("wellspring.bus.max-message-size", "64KB")]);
    connected(&bus).await;
    let mut tap = Tap::open(rabbit, "poison").await;
    let refresh = || Event::new("driver:0:x", "**", Payload::Refresh);
    let mut large = refresh();
    large.id = "x".repeat(1 << 20);
    for (body, content_type) in [
        (&b"hello"[..], Some("application/json")),
        (b"", Some("application/json")),
        (b"[1]", None),
        (&refresh().to_json(), Some("text/plain")),
        (&refresh().to_json(), Some("application/octet-stream")),
        (&large.to_json(), Some("application/json")),
        (br#"{"type":"NoSuchEvent","originService":"a","destinationService":"**","id":"1"}"#, None),
        (br#"{"type":"RefreshRemoteApplicationEvent","originService":null,"destinationService":"**"}"#, None),
    ] {
        tap.publish(body, content_type).await;
    }
    for content_type in [None, Some("application/json;charset=UTF-8"), Some("application/json")] {
        let event = refresh();
        tap.publish(&event.to_json(), content_type).await;
        let limit = if long::wanted() { Duration::from_secs(5) } else { PATIENCE };
        let answered = tokio::time::timeout(limit, tap.ack_of(&event.id)).await;
        assert!(answered.is_ok(), "{content_type:?} is answered, and not after retries of the bad ones");
    }
    until("no message is left in any queue", async || {
        let queues: Value = serde_json::from_str(&rabbit.manage("GET", "/api/queues/poison").text()).unwrap();
        queues.as_array().unwrap().iter().all(|queue| queue["messages"].as_u64().unwrap_or_default() == 0)
    })
    .await;
    bus.close().await;
}

async fn members_of_a_group_share_the_events(rabbit: &Rabbit) {
    let group = [("spring.cloud.stream.bindings.springCloudBusInput.group", "g1")];
    let (one, two) =
        (join("a:1:x", rabbit.port(), "group", &group), join("b:2:y", rabbit.port(), "group", &group));
    let counts = [counting(&one), counting(&two)];
    connected(&one).await;
    connected(&two).await;
    let tap = Tap::open(rabbit, "group").await;
    for number in 0..20 {
        let event = Event::new("c:3:z", "**", Payload::custom(&Numbered { number }).unwrap());
        tap.publish(&event.to_json(), Some("application/json")).await;
    }
    until("all are handled", async || counts.iter().map(|counts| counts.lock().len()).sum::<usize>() == 20)
        .await;
    let queue: Value =
        serde_json::from_str(&rabbit.manage("GET", "/api/queues/group/springCloudBus.g1").text()).unwrap();
    assert_eq!((&queue["durable"], &queue["exclusive"]), (&true.into(), &false.into()));
    one.close().await;
    two.close().await;
}

/// Sends `count` events without waiting for one before the next; the numbers that were confirmed.
async fn send_all(bus: &Bus, count: u32, pace: Duration) -> Vec<u32> {
    let mut sends = tokio::task::JoinSet::new();
    for number in 0..count {
        tokio::time::sleep(pace).await;
        let bus = bus.clone();
        sends
            .spawn(async move { bus.send("listener", &Numbered { number }).await.is_ok().then_some(number) });
    }
    sends.join_all().await.into_iter().flatten().collect()
}

async fn every_one_arrives_once(confirmed: &[u32], counts: &Mutex<HashMap<u32, usize>>) {
    until("every confirmed event has arrived", async || {
        let counts = counts.lock();
        confirmed.iter().all(|number| counts.contains_key(number))
    })
    .await;
    let twice: Vec<_> =
        counts.lock().iter().filter(|(_, times)| **times > 1).map(|(number, _)| *number).collect();
    assert!(twice.is_empty(), "handled twice: {twice:?}");
}

/// 200 others acknowledge every event. Their acks are counted as foreign, which is before decoding, and an event behind them is
/// applied while a refresh still runs.
async fn storms_of_foreign_acks_delay_nothing(rabbit: &Rabbit) {
    let meters = Meters::default();
    let bus = join_with("orders:8081:a1", rabbit.port(), "storm", &[], Instruments::bind(&meters));
    let counts = counting(&bus);
    connected(&bus).await;
    let mut tap = Tap::open(rabbit, "storm").await;
    for round in 0..3 {
        let event = Event::new("driver:0:x", "**", Payload::custom(&Numbered { number: round }).unwrap());
        for other in 0..200 {
            let ack = Event::ack(&event, "com.acme.NumberedEvent", &format!("other:{other}:x"), "**");
            tap.publish(&ack.to_json(), Some("application/json")).await;
        }
        tap.publish(&event.to_json(), Some("application/json")).await;
        assert_eq!(tap.ack_by("orders:8081:a1").await, event.id);
    }
    assert_eq!(counts.lock().len(), 3);
    let counted = |outcome| meters.counter(names::BUS_ACKS, &[("outcome", outcome)]).count();
    until("all are dropped before decoding", async || counted("foreign") >= 600).await;
    assert!(counted("noted") == 0, "none was looked into");
    bus.close().await;
}

async fn the_daemon_joins_both_worlds(rabbit: &Rabbit) {
    let options = wellspring_daemon::Options::local()
        .with("spring.rabbitmq.addresses", rabbit.url("bridge"))
        .with("management.endpoint.health.show-details", "always");
    let daemon = wellspring_bus::app().start(options).await.unwrap();
    let url = format!("http://127.0.0.1:{}", daemon.local_addr().port());
    let http = wellspring_lb_client::http::client(wellspring_lb_client::http::Options::default()).unwrap();
    until("healthy", async || {
        http.get(format!("{url}/actuator/health")).send().await.unwrap().status().is_success()
    })
    .await;
    let mut tap = Tap::open(rabbit, "bridge").await;
    let client = wellspring_lb_client::Client::new(
        Arc::new(wellspring_lb_client::discovery::Simple::default()),
        http.clone(),
    );
    let transport = wellspring_bus::transport::sse::Sse::connect(client, &url, false);
    let rust = Bus::start(Options::new("rust:8082:b2"), Arc::new(transport));
    let counts = counting(&rust);
    connected(&rust).await;

    // From the broker to a client of the daemon, and its ack back.
    let event = Event::new("jvm:8081:a1", "rust:**", Payload::custom(&Numbered { number: 1 }).unwrap());
    tap.publish(&event.to_json(), Some("application/json")).await;
    assert_eq!(tap.ack_of(&event.id).await.origin.as_deref(), Some("rust:8082:b2"));
    assert_eq!(counts.lock().get(&1), Some(&1));
    // From a client to the broker, once.
    let sent = rust.publish("jvm", Payload::Refresh).await.unwrap();
    let (seen, delivery) = tap.next().await;
    assert_eq!(seen, sent);
    assert_eq!(delivery.properties.delivery_mode(), &Some(2));
    // An ack of the other world is on the board.
    let ack = Event::ack(&sent, &sent.class_name().unwrap(), "jvm:8081:a1", "**");
    tap.publish(&ack.to_json(), Some("application/json")).await;
    until("the ack is on the board", async || {
        let reply = http.get(format!("{url}/actuator/busacks/{}", sent.id)).send().await.unwrap();
        let entry: Value = reply.json().await.unwrap_or_default();
        entry["acknowledged"][0]["by"] == "jvm:8081:a1"
    })
    .await;
    rust.close().await;
    daemon.stop().await;
}

/// 1,000 events, while the sender's connection is cut in the middle of a publish, then the broker is killed and stays away, then
/// connections are cut again. Three others are on the bus all the time, one of them through a bad network too.
async fn an_outage_loses_nothing_that_was_confirmed(rabbit: &mut Rabbit) {
    let events = 1000;
    let proxy = FaultProxy::start(([127, 0, 0, 1], rabbit.port()).into());
    // Others try to come back at most 5 s apart: the sender waits longer than that before it goes on.
    let patient = [("wellspring.bus.confirm-timeout", "180"), ("wellspring.bus.settle-time", "6")];
    let sender = join("sender:1:x", proxy.port(), "outage", &patient);
    let listeners = ["a", "b", "c"].map(|id| {
        let port = if id == "c" { proxy.port() } else { rabbit.port() };
        join(&format!("listener:{id}:y"), port, "outage", &[])
    });
    let impatient = join("other:3:z", rabbit.port(), "outage", &[("wellspring.bus.confirm-timeout", "1")]);
    let counts = listeners.each_ref().map(counting);
    for bus in listeners.iter().chain([&sender, &impatient]) {
        connected(bus).await;
    }
    let sending = {
        let sender = sender.clone();
        tokio::spawn(async move { send_all(&sender, events, Duration::from_millis(3)).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    cut(&proxy).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    rabbit.crash();
    let away = tokio::time::Instant::now();
    until("the outage is noticed", async || {
        let refused = |state: &State| matches!(state, State::Down(why) if why.contains("refused"));
        matches!(sender.state(), State::Down(_)) && refused(&impatient.state())
    })
    .await;
    let error = impatient.publish("listener", Payload::Refresh).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("refused"), "{error}");
    let outage = long::time(Duration::from_secs(3), Duration::from_secs(30));
    tokio::time::sleep_until(away + outage).await;
    rabbit.restart();
    until("the sender is back", async || sender.state() == State::Up).await;
    cut(&proxy).await;
    let confirmed = sending.await.unwrap();
    assert_eq!(confirmed.len(), events as usize, "all are confirmed in the end");
    for counts in &counts {
        every_one_arrives_once(&confirmed, counts).await;
    }
    connected(&impatient).await;
    for bus in listeners.into_iter().chain([sender, impatient]) {
        bus.close().await;
    }
}

/// Ends the connections through a proxy in the middle of what they say, and refuses new ones for a moment.
async fn cut(proxy: &FaultProxy) {
    for bytes in [2_000, 5_000] {
        proxy.set(Fault::CutAfter(bytes));
        tokio::time::sleep(Duration::from_millis(150)).await;
        proxy.set(Fault::Reset);
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.set(Fault::None);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}
