//! A bus in one process: who applies, who acknowledges, who is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wellspring_bus::transport::memory::{Cursor, Exchange, Next};
use wellspring_bus::{Announcement, Bus, Event, Failure, Options, Payload, PublishError, RemoteEvent};
use wellspring_wire::bus::{Ack, Destination};

const A: &str = "orders:8081:a1";
const B: &str = "stock:dev,eu:8082:b2";

fn join(exchange: &Exchange, id: &str) -> Bus {
    Bus::start(Options::new(id), Arc::new(exchange.clone()))
}

/// A bus that counts its refreshes.
fn counting(exchange: &Exchange, options: Options) -> (Bus, Arc<AtomicUsize>) {
    let bus = Bus::start(options, Arc::new(exchange.clone()));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    bus.on_refresh_call(move || {
        counted.fetch_add(1, SeqCst);
        Box::pin(async { Ok(vec![]) })
    });
    (bus, count)
}

async fn next(tap: &mut Cursor) -> Event {
    match tokio::time::timeout(Duration::from_secs(90), tap.next()).await.expect("a message in time") {
        Next::Message(body, _) => Event::read(&body).unwrap(),
        other @ (Next::Gap | Next::Closed) => panic!("{other:?}"),
    }
}

/// The next ack on the wire: who acknowledges what.
async fn next_ack(tap: &mut Cursor) -> (String, Ack) {
    loop {
        let event = next(tap).await;
        if let Payload::Ack(ack) = event.payload {
            return (event.origin.unwrap(), ack);
        }
    }
}

/// Sends an event that B acknowledges and waits for that: everything before it has been handled by then.
async fn flush(exchange: &Exchange, tap: &mut Cursor, to: &str) {
    let event = Event::new("driver:0:x", to, Payload::Unknown { type_info: None, payload: None });
    exchange.send(event.to_json().into());
    while next_ack(tap).await.1.id.as_deref() != Some(&event.id) {}
}

#[tokio::test]
async fn a_refresh_reaches_those_it_is_for_and_both_sides_acknowledge() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let (a, of_a) = counting(&exchange, Options::new(A));
    let (_b, of_b) = counting(&exchange, Options::new(B));
    let event = a.publish("", Payload::Refresh).await.unwrap();
    assert_eq!(of_a.load(SeqCst), 1, "the sender has applied it when publish returns");
    let mut by = [next_ack(&mut tap).await, next_ack(&mut tap).await];
    by.sort_by(|one, two| one.0.cmp(&two.0));
    let ack = Ack {
        id: Some(event.id),
        destination: Destination::from("**"),
        class_name: Some("org.springframework.cloud.bus.event.RefreshRemoteApplicationEvent".to_owned()),
    };
    assert_eq!(by, [(A.to_owned(), ack.clone()), (B.to_owned(), ack)]);
    assert_eq!((of_a.load(SeqCst), of_b.load(SeqCst)), (1, 1));
}

#[tokio::test]
async fn an_event_for_others_is_neither_applied_nor_acknowledged() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let (a, count) = counting(&exchange, Options::new(A));
    let event = a.publish("stock/8082".replace('/', ":").as_str(), Payload::Refresh).await.unwrap();
    assert_eq!(event.destination, Destination::from("stock:8082:**"));
    flush(&exchange, &mut tap, "orders:**").await;
    assert_eq!(count.load(SeqCst), 0);
}

#[tokio::test]
async fn an_event_from_itself_is_acknowledged_but_not_applied() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let (_a, count) = counting(&exchange, Options::new(A));
    for origin in [A, "**", "orders:**"] {
        let event = Event::new(origin, "**", Payload::Refresh);
        exchange.send(event.to_json().into());
        assert_eq!(next_ack(&mut tap).await.1.id, Some(event.id));
    }
    assert_eq!(count.load(SeqCst), 0);
}

#[tokio::test]
async fn the_same_event_is_applied_once_and_acknowledged_each_time() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let (_a, count) = counting(&exchange, Options::new(A));
    let body = Bytes::from(Event::new(B, "**", Payload::Refresh).to_json());
    for _ in 0..2 {
        exchange.send(body.clone());
        next_ack(&mut tap).await;
    }
    assert_eq!(count.load(SeqCst), 1);
}

#[tokio::test]
async fn refreshes_that_wait_together_are_applied_once_and_acknowledged_in_order() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let bus = join(&exchange, A);
    let (started, mut starts) = mpsc::unbounded_channel();
    let go = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = Arc::clone(&go);
    bus.on_refresh_call(move || {
        let (started, gate) = (started.clone(), Arc::clone(&gate));
        Box::pin(async move {
            started.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            Ok(vec![])
        })
    });
    let events: Vec<_> = (0..20).map(|_| Event::new(B, "**", Payload::Refresh)).collect();
    exchange.send(events[0].to_json().into());
    starts.recv().await.unwrap();
    for event in &events[1..] {
        exchange.send(event.to_json().into());
    }
    // All have arrived when the reader has taken the last: its ack log has no say in it, the counter has.
    go.add_permits(20);
    let mut acked = Vec::new();
    for _ in &events {
        acked.push(next_ack(&mut tap).await.1.id.unwrap());
    }
    assert_eq!(acked, events.iter().map(|event| event.id.clone()).collect::<Vec<_>>());
    starts.close();
    let mut more = 0;
    while starts.recv().await.is_some() {
        more += 1;
    }
    assert!(more < 19, "{more} further refreshes for 19 events");
}

#[tokio::test]
async fn a_failing_listener_withholds_the_ack_and_is_reported_to_the_publisher() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let bus = join(&exchange, A);
    bus.on_refresh_call(|| Box::pin(async { Err(Failure::new("config server is down")) }));
    let error = bus.publish("", Payload::Refresh).await.unwrap_err();
    assert!(matches!(error, PublishError::NotApplied(_)), "{error}");
    assert_eq!(error.to_string(), "published, but not applied here: config server is down");
    let event = Event::new("driver:0:x", "**", Payload::Unknown { type_info: None, payload: None });
    exchange.send(event.to_json().into());
    assert_eq!(next_ack(&mut tap).await.1.id, Some(event.id), "the refresh before it has no ack");
}

#[tokio::test]
async fn a_panicking_listener_does_not_end_the_bus() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let bus = join(&exchange, A);
    bus.on_refresh_call(|| Box::pin(async { panic!("as the test wants") }));
    exchange.send(Event::new(B, "**", Payload::Refresh).to_json().into());
    flush(&exchange, &mut tap, "**").await;
}

#[tokio::test]
async fn what_cannot_be_read_or_is_unknown_is_passed_over() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let (_a, count) = counting(&exchange, Options::new(A));
    for body in [
        &br"hello"[..],
        b"",
        b"[1]",
        br#"{"type":"RefreshRemoteApplicationEvent","originService":null,"destinationService":"**","id":"1"}"#,
        br#"{"type":"RefreshRemoteApplicationEvent","destinationService":"**","id":"2"}"#,
        br#"{"type":"RefreshRemoteApplicationEvent","originService":"x:0:y","id":"3"}"#,
        br#"{"type":"NoSuchEvent","originService":"x:0:y","destinationService":"**","id":"4"}"#,
        br#"{"originService":"x:0:y","destinationService":"**","id":"5"}"#,
        br#"{"type":"EnvironmentChangeRemoteApplicationEvent","originService":"x:0:y","destinationService":"**","id":"6","values":null}"#,
    ] {
        exchange.send(Bytes::from_static(body));
    }
    let event = Event::new(B, "**", Payload::Refresh);
    exchange.send(event.to_json().into());
    assert_eq!(
        loop {
            // The bad ones are on the tap as well.
            if let Next::Message(body, _) = tap.next().await
                && let Ok(Event { payload: Payload::Ack(ack), .. }) = Event::read(&body)
            {
                break ack.id;
            }
        },
        Some(event.id)
    );
    assert_eq!(count.load(SeqCst), 1);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OrderPlaced {
    number: u64,
}

impl RemoteEvent for OrderPlaced {
    const TYPE: &'static str = "OrderPlacedEvent";
    const CLASS: &'static str = "com.acme.OrderPlacedEvent";
}

#[tokio::test]
async fn an_application_has_its_own_events() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let (a, b) = (join(&exchange, A), join(&exchange, B));
    let (placed, mut orders) = mpsc::unbounded_channel();
    b.on_event(move |order: OrderPlaced| {
        placed.send(order).unwrap();
        async { Ok(()) }
    });
    a.send("stock", &OrderPlaced { number: 7 }).await.unwrap();
    assert_eq!(orders.recv().await, Some(OrderPlaced { number: 7 }));
    assert_eq!(next_ack(&mut tap).await.1.class_name.as_deref(), Some("com.acme.OrderPlacedEvent"));
}

#[tokio::test]
async fn the_ack_log_of_the_sender_says_who_and_when() {
    let exchange = Exchange::new();
    let (a, _b) = (join(&exchange, A), join(&exchange, B));
    a.expect(|| vec!["CART:9000".to_owned()]);
    let event = a.publish("", Payload::Refresh).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    loop {
        let answers = a.ack_log(|log| log.entry(&event.id).unwrap().answers(&a.registry()));
        if answers.acknowledged.len() == 2 {
            assert_eq!(answers.not_acknowledging, ["cart:9000"]);
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{answers:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn trace_tells_of_others_events_and_acks() {
    let exchange = Exchange::new();
    let mut options = Options::new(A);
    options.config.trace.enabled = true;
    let watcher = Bus::start(options, Arc::new(exchange.clone()));
    let mut told = watcher.subscribe();
    let sent = Event::new(B, "stock", Payload::Refresh);
    let ack = Event::ack(&sent, "x.Y", B, "**");
    exchange.send(sent.to_json().into());
    exchange.send(ack.to_json().into());
    let (mut trace, mut acknowledged) = (None, None);
    while trace.is_none() || acknowledged.is_none() {
        match told.recv().await.unwrap() {
            Announcement::Sent(sent) => trace = Some(sent),
            Announcement::Acknowledged(event) => acknowledged = Some(event),
            Announcement::Applied(event) => panic!("{event:?}"),
        }
    }
    let trace = trace.unwrap();
    assert_eq!((trace.id, trace.destination.as_str(), trace.origin.as_str()), (sent.id, "stock:**", B));
    assert_eq!(acknowledged.unwrap().id, ack.id);
}

#[tokio::test]
async fn acks_can_be_switched_off_and_addressed() {
    let exchange = Exchange::new();
    let mut silent = Options::new(A);
    silent.config.ack.enabled = false;
    let mut addressed = Options::new(B);
    addressed.config.ack.destination_service = "orders".to_owned();
    let (_a, _b) =
        (Bus::start(silent, Arc::new(exchange.clone())), Bus::start(addressed, Arc::new(exchange.clone())));
    let mut tap = exchange.read();
    exchange.send(Event::new("driver:0:x", "**", Payload::Refresh).to_json().into());
    next(&mut tap).await;
    let ack = next(&mut tap).await;
    assert_eq!((ack.origin.as_deref(), ack.destination), (Some(B), Destination::from("orders:**")));
}

#[tokio::test]
async fn a_switched_off_refresh_is_acknowledged_all_the_same() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let mut options = Options::new(A);
    options.config.refresh.enabled = false;
    let (_a, count) = counting(&exchange, options);
    exchange.send(Event::new(B, "**", Payload::Refresh).to_json().into());
    next_ack(&mut tap).await;
    assert_eq!(count.load(SeqCst), 0);
}

#[tokio::test]
async fn a_shutdown_event_ends_by_the_token_and_is_acknowledged() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let (bus, token) = (join(&exchange, A), CancellationToken::new());
    bus.on_shutdown(token.clone());
    exchange.send(Event::new(B, "orders:**", Payload::Shutdown).to_json().into());
    token.cancelled().await;
    assert_eq!(next_ack(&mut tap).await.0, A);
}

#[tokio::test]
async fn an_event_published_by_a_listener_does_not_lock_the_bus() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let bus = join(&exchange, A);
    let publisher = bus.clone();
    bus.on_event(move |_: OrderPlaced| {
        let publisher = publisher.clone();
        async move {
            publisher.publish("", Payload::Refresh).await.map_err(|error| Failure::new(error.to_string()))?;
            Ok(())
        }
    });
    let placed = Event::new(B, "**", Payload::custom(&OrderPlaced { number: 1 }).unwrap());
    exchange.send(placed.to_json().into());
    assert_eq!(next_ack(&mut tap).await.1.class_name.as_deref(), Some("com.acme.OrderPlacedEvent"));
    assert_eq!(next_ack(&mut tap).await.0, A);
}

#[tokio::test]
async fn closing_ends_everything() {
    let exchange = Exchange::new();
    let bus = join(&exchange, A);
    bus.close().await;
}
