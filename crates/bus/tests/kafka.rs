//! Against a real Kafka: what is on the wire, what is survived, what is never lost. One broker for all.

#![cfg(all(feature = "kafka", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod on_broker;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use on_broker::{Numbered, connected, counting};
use parking_lot::Mutex;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::record::Record;
use wellspring_bus::transport::{State, kafka};
use wellspring_bus::{Bus, Event, Options, Payload};
use wellspring_properties::{Environment, PropertySource};
use wellspring_test_support::kafka::Kafka;

const PATIENCE: Duration = Duration::from_secs(180);

fn join(id: &str, kafka: &Kafka, settings: &[(&str, &str)]) -> Bus {
    let address = kafka.address();
    let mut all = vec![("spring.kafka.bootstrap-servers", address.as_str())];
    all.extend(settings);
    let env = Environment::new(vec![PropertySource::of_pairs("test", all)], vec![]);
    let mut options = Options::new(id);
    options.own = env.bind("wellspring.bus").unwrap();
    options.config = env.bind("spring.cloud.bus").unwrap();
    let transport = kafka::from_env(&env, &options).unwrap();
    Bus::start(options, Arc::new(transport))
}

async fn until<F: AsyncFnMut() -> bool>(what: &str, holds: F) {
    on_broker::until(what, PATIENCE, holds).await;
}

/// Another program on the topic.
struct Tap {
    partition: PartitionClient,
    next: i64,
}

impl Tap {
    async fn open(kafka: &Kafka) -> Self {
        let client = ClientBuilder::new(vec![kafka.address()]).build().await.unwrap();
        let partition =
            client.partition_client("springCloudBus", 0, UnknownTopicHandling::Retry).await.unwrap();
        let next = partition.get_offset(OffsetAt::Latest).await.unwrap();
        Self { partition, next }
    }

    async fn publish(&self, body: &[u8], content_type: Option<&str>) {
        let headers: BTreeMap<_, _> = content_type
            .map(|content_type| ("contentType".to_owned(), content_type.as_bytes().to_vec()))
            .into_iter()
            .collect();
        let timestamp = chrono::DateTime::default();
        let record = Record { key: None, value: Some(body.to_vec()), headers, timestamp };
        self.partition.produce(vec![record], Compression::NoCompression).await.unwrap();
    }

    async fn next(&mut self) -> (Event, Record) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            assert!(tokio::time::Instant::now() < deadline, "no message in time");
            // A fetch may begin before the place that is asked for.
            let (records, _) = self.partition.fetch_records(self.next, 1..1 << 22, 500).await.unwrap();
            let begin = self.next;
            for record in records.into_iter().filter(|record| record.offset >= begin) {
                self.next = record.offset + 1;
                if let Ok(event) = Event::read(record.record.value.as_deref().unwrap_or_default()) {
                    return (event, record.record);
                }
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
async fn a_real_kafka() {
    let Some(mut kafka) = Kafka::start("bus on Kafka") else { return };
    let bus = join("orders:8081:a1", &kafka, &[]);
    connected(&bus).await;
    let mut tap = Tap::open(&kafka).await;
    records_are_those_of_the_original(&bus, &mut tap).await;
    what_nobody_can_handle_blocks_nothing(&tap).await;
    let after = Event::new("driver:0:x", "**", Payload::Refresh);
    tap.publish(&after.to_json(), None).await;
    assert_eq!(tap.ack_of(&after.id).await.origin.as_deref(), Some("orders:8081:a1"));
    bus.close().await;
    an_outage_loses_nothing(&mut kafka).await;
}

async fn records_are_those_of_the_original(bus: &Bus, tap: &mut Tap) {
    let sent = bus.publish("", Payload::Refresh).await.unwrap();
    let (event, record) = tap.next().await;
    assert_eq!(event, sent);
    assert_eq!((record.key, record.headers["contentType"].as_slice()), (None, &b"application/json"[..]));
    let types: serde_json::Value =
        serde_json::from_slice(&record.headers["spring_json_header_types"]).unwrap();
    assert_eq!(types, serde_json::json!({"contentType": "java.lang.String"}));
    assert_eq!(tap.ack_of(&sent.id).await.origin.as_deref(), Some("orders:8081:a1"));
}

async fn what_nobody_can_handle_blocks_nothing(tap: &Tap) {
    let refresh = Event::new("driver:0:x", "**", Payload::Refresh).to_json();
    let large = vec![b'x'; 900_000];
    for (body, content_type) in [
        (&b"hello"[..], Some("\"application/json\"")),
        (b"", None),
        (b"[1]", None),
        (&refresh, Some("\"text/plain\"")),
        (&refresh, Some("application/octet-stream")),
        (&large, None),
    ] {
        tap.publish(body, content_type).await;
    }
}

/// The broker is killed and comes back while 300 events are sent: all that were confirmed arrive, each once.
async fn an_outage_loses_nothing(kafka: &mut Kafka) {
    let sender = join("sender:1:x", kafka, &[("wellspring.bus.confirm-timeout", "170")]);
    let listener = join("listener:2:y", kafka, &[]);
    let counts = counting(&listener);
    connected(&sender).await;
    connected(&listener).await;
    let sending = {
        let sender = sender.clone();
        tokio::spawn(async move {
            let mut sends = tokio::task::JoinSet::new();
            for number in 0..300 {
                tokio::time::sleep(Duration::from_millis(3)).await;
                let bus = sender.clone();
                sends.spawn(async move { bus.send("listener", &Numbered { number }).await.is_ok() });
            }
            sends.join_all().await.into_iter().filter(|confirmed| *confirmed).count()
        })
    };
    until("some have arrived", async || !counts.lock().is_empty()).await;
    kafka.crash();
    until("the outage is noticed", async || matches!(sender.state(), State::Down(_))).await;
    kafka.restart();
    assert_eq!(sending.await.unwrap(), 300, "all are confirmed in the end");
    until("all have arrived", async || counts.lock().len() == 300).await;
    assert!(counts.lock().values().all(|times| *times == 1), "none twice");
    sender.close().await;
    listener.close().await;
}
