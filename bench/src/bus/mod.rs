//! The bus on a real RabbitMQ: how soon an event is on the broker, how soon the last of 200 consumers has it, and how soon it is
//! applied while all of them acknowledge. Beside a bare publish of the same bytes and, with a JDK, a Spring application.
//!
//! Latencies, not CPU: alternating rounds in one run, medians. Nothing is pinned, the broker needs a core of its own.

mod crowd;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::Instant;
use wellspring_bus::{Bus, Event, Options, Payload, transport::State, transport::amqp};
use wellspring_properties::{Environment, PropertySource};
use wellspring_test_support::broker::Rabbit;
use wellspring_test_support::{Daemon, Launch, spring, tools};

use crate::Effort;
use crate::load::{self, Request};
use crate::table::say;
use crowd::{Applier, Crowd, Tap};

const CONSUMERS: usize = 200;
const WAIT: Duration = Duration::from_secs(60);
const EXCHANGE: &str = "springCloudBus";

pub(crate) async fn run(effort: Effort) -> Result<()> {
    crate::process::unpin_self()?;
    let rabbit = Rabbit::start("cargo xtask bench bus").context("RabbitMQ is needed")?;
    let ours = start_and_memory(&rabbit)?;
    let peer = spring(&rabbit).await;
    let connection = connect(&rabbit).await?;
    let mut tap = Tap::open(&connection).await?;
    let events = effort.requests.min(300);

    say("\n| from the request to the event on the broker | median ms | p99 ms |");
    say("|---|---|---|");
    row("`POST /actuator/busrefresh`, wellspring-bus", published(&mut tap, ours.port(), events).await?);
    if let Some(peer) = &peer {
        let times = published(&mut tap, peer.port(), events).await?;
        row("the same, Spring Boot 3.5 with spring-cloud-starter-bus-amqp", times);
    }
    drop(tap);

    fan_out(&rabbit, &connection, effort.rounds.max(5) * 40).await?;
    applied(&rabbit, &connection, effort.rounds.max(5) * 6).await?;
    acknowledged(&rabbit, &connection, &ours, peer.as_ref(), effort.rounds.max(5) * 2).await?;
    let mib = ours.resident_kib().unwrap_or_default() / 1024;
    say(&format!("\nwellspring-bus after all of this: {mib} MiB"));
    Ok(())
}

/// A Spring application beside it. A refresh loads no more than the daemon's: there is no config server.
async fn spring(rabbit: &Rabbit) -> Option<Daemon> {
    if !tools::present("the Spring application beside it", &["java"]) {
        return None;
    }
    let jar = spring::jar_of("tests/interop/spring-bus", "bus-app");
    let launch = on_bus(spring::launch(&jar), rabbit);
    Some(launch.var("SPRING_PROFILES_ACTIVE", "service").var("GREETING", "Hello").start_async().await)
}

const ALONE: &str = "eureka.client: { register-with-eureka: false, fetch-registry: false }\n";

fn on_bus(launch: Launch, rabbit: &Rabbit) -> Launch {
    launch.var("SPRING_RABBITMQ_HOST", "127.0.0.1").var("SPRING_RABBITMQ_PORT", rabbit.port().to_string())
}

/// The best of five starts on a broker, and memory when it is connected.
fn start_and_memory(rabbit: &Rabbit) -> Result<Daemon> {
    let mut best = Duration::MAX;
    let mut last = None;
    for _ in 0..5 {
        drop(last.take());
        let daemon = on_bus(Launch::new("wellspring-bus").yaml(ALONE), rabbit).start();
        best = best.min(daemon.started_in());
        let resident = daemon.resident_kib().unwrap_or_default();
        last = Some((daemon, resident));
    }
    let (daemon, resident) = last.context("a start")?;
    say("| wellspring-bus, connected to RabbitMQ | |");
    say("|---|---|");
    say(&format!("| healthy after | {:.0} ms |", best.as_secs_f64() * 1e3));
    say(&format!("| resident | {:.1} MiB |", f64::from(u32::try_from(resident)?) / 1024.0));
    Ok(daemon)
}

async fn connect(rabbit: &Rabbit) -> Result<Connection> {
    Ok(Connection::connect(&rabbit.url("%2f"), ConnectionProperties::default()).await?)
}

/// Times from the request to the arrival at a consumer; nobody is addressed, so that nobody applies anything.
async fn published(tap: &mut Tap, port: u16, events: usize) -> Result<Vec<Duration>> {
    let path = "/actuator/busrefresh/nobody";
    let request = [Request::new("POST", path, &[("Content-Type", "application/json")], b"{}", 204)];
    let mut times = Vec::with_capacity(events);
    for round in 0..events + 20 {
        tap.clear();
        let began = Instant::now();
        let (answer, arrived) =
            tokio::join!(load::run(port, &request, 1, 1), tap.next(|body| !wellspring_bus_ack(body)));
        answer?;
        // The first ones warm up.
        if round >= 20 {
            times.push(arrived?.saturating_duration_since(began));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(times)
}

fn wellspring_bus_ack(body: &[u8]) -> bool {
    body.starts_with(br#"{"type":"Ack"#)
}

/// The same bytes, by a bare publish and by the library, until the last of the consumers has them.
async fn fan_out(rabbit: &Rabbit, connection: &Connection, rounds: usize) -> Result<()> {
    let crowd = Crowd::gather(rabbit, CONSUMERS, false).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let bus = library(rabbit.port(), "bench:1:x").await?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for round in 0..rounds + 10 {
        let event = Event::new(bus.id(), "nobody:**", Payload::Refresh);
        let began = crowd.begin();
        publish(&channel, &event.to_json()).await?;
        let by_hand = crowd.everyone_since(began).await?;
        let began = crowd.begin();
        bus.publish("nobody", Payload::Refresh).await?;
        let by_library = crowd.everyone_since(began).await?;
        if round >= 10 {
            bare.push(by_hand);
            ours.push(by_library);
        }
    }
    say(&format!("\n| from the publish to the last of {CONSUMERS} consumers | median ms | p99 ms |"));
    say("|---|---|---|");
    let (first, second) =
        (row("bare publish of the same bytes", bare), row("wellspring_bus, with confirm", ours));
    say(&format!("| ratio of the medians | {:.2} | |", second / first));
    bus.close().await;
    crowd.disband().await
}

/// How long until a service of ours applies an event, told by its listener; silent consumers against such that all acknowledge.
async fn applied(rabbit: &Rabbit, connection: &Connection, rounds: usize) -> Result<()> {
    say("\n| from a refresh for everyone to the listener of a service of ours | median ms | p99 ms |");
    say("|---|---|---|");
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut applier = Applier::start(rabbit).await?;
    let mut medians = Vec::new();
    for acking in [false, true] {
        let crowd = Crowd::gather(rabbit, CONSUMERS, acking).await?;
        let mut times = Vec::new();
        for round in 0..rounds + 5 {
            applier.clear();
            let event = Event::new("driver:0:x", "**", Payload::Refresh);
            let began = Instant::now();
            publish(&channel, &event.to_json()).await?;
            let at = applier.next().await?;
            if round >= 5 {
                times.push(at.saturating_duration_since(began));
            }
            crowd.quiet().await;
        }
        let kind = if acking { "acknowledge" } else { "are silent" };
        medians.push(row(&format!("{CONSUMERS} consumers {kind}"), times));
        crowd.disband().await?;
    }
    applier.stop();
    if let [silent, acking] = medians.as_slice() {
        say(&format!("| ratio of the medians | {:.2} | |", acking / silent));
    }
    Ok(())
}

/// As [`applied`], told by the ack on the broker: that one waits in line behind those of everyone else.
async fn acknowledged(
    rabbit: &Rabbit,
    connection: &Connection,
    ours: &Daemon,
    peer: Option<&Daemon>,
    rounds: usize,
) -> Result<()> {
    say("\n| from a refresh for everyone to the ack of who applied it | consumers | median ms | worst ms |");
    say("|---|---|---|---|");
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let names = [
        ("wellspring-bus", format!(":{}:", ours.port())),
        ("Spring", peer.map(|peer| format!(":{}:", peer.port())).unwrap_or_default()),
    ];
    for acking in [false, true] {
        let crowd = Crowd::gather(rabbit, CONSUMERS, acking).await?;
        let mut tap = Tap::open(connection).await?;
        for (name, place) in &names {
            if place.is_empty() {
                continue;
            }
            let mut times = Vec::new();
            for round in 0..=rounds {
                tap.clear();
                let event = Event::new("driver:0:x", "**", Payload::Refresh);
                let began = Instant::now();
                publish(&channel, &event.to_json()).await?;
                let id = format!(r#""ackId":"{}""#, event.id);
                let from_it = |body: &[u8]| {
                    let text = String::from_utf8_lossy(body);
                    text.contains(&id) && text.contains(place.as_str())
                };
                let arrived = tap.next(from_it).await?;
                if round > 0 {
                    times.push(arrived.saturating_duration_since(began));
                }
                crowd.quiet().await;
            }
            times.sort_unstable();
            let (median, worst) = (percentile(&times, 50), percentile(&times, 100));
            let kind = if acking { "acknowledge" } else { "are silent" };
            say(&format!("| {name} | {CONSUMERS} {kind} | {:.1} | {:.1} |", millis(median), millis(worst)));
        }
        crowd.disband().await?;
    }
    Ok(())
}

async fn library(port: u16, id: &str) -> Result<Bus> {
    let port = port.to_string();
    let pairs = [("spring.rabbitmq.host", "127.0.0.1"), ("spring.rabbitmq.port", &port)];
    let env = Environment::new(vec![PropertySource::of_pairs("bench", pairs)], vec![]);
    let options = Options::new(id);
    let transport = amqp::from_env(&env, &options).map_err(|problem| anyhow::anyhow!(problem.line()))?;
    let bus = Bus::start(options, std::sync::Arc::new(transport));
    let began = Instant::now();
    while bus.state() != State::Up {
        ensure!(began.elapsed() < WAIT, "the library does not connect");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(bus)
}

async fn publish(channel: &Channel, body: &[u8]) -> Result<()> {
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_priority(0);
    let (exchange, options) = (EXCHANGE.into(), BasicPublishOptions::default());
    channel.basic_publish(exchange, EXCHANGE.into(), options, body, properties).await?.await?;
    Ok(())
}

/// A row of the table; its median in milliseconds.
fn row(name: &str, mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let median = millis(percentile(&times, 50));
    say(&format!("| {name} | {median:.2} | {:.2} |", millis(percentile(&times, 99))));
    median
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
