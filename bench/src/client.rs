//! What a call by service name costs its caller beside the same call by reqwest alone: CPU time of the calling process, of which this is
//! the only work, against a server in another process on the other core.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wellspring_lb_client::Client;
use wellspring_properties::{Environment, PropertySource};
use wellspring_resilience::Clock;
use wellspring_telemetry::Meters;

use crate::Effort;
use crate::process::Server;
use crate::table::say;

/// Calls under way at a time, each over a connection that is kept.
const CALLERS: usize = 8;
const SERVICE: &str = "orders";
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 26\r\n\r\n{\"id\":7,\"state\":\"packed\"}\n";

/// How a call is made.
#[derive(Debug, Clone)]
enum Way {
    Reqwest(reqwest::Client, String),
    ByName(Client),
}

/// Alternating rounds; the first is not counted.
pub(crate) async fn run(effort: Effort) -> Result<()> {
    let port = wellspring_test_support::port::free();
    let program = std::env::current_exe().context("this program")?.display().to_string();
    let folder = tempfile::tempdir()?;
    let command = [program.as_str(), "serve", &format!("--port={port}")];
    let server = Server::start("the callee", 0, port, &command, folder.path())?;
    Clock::prefer_counter();
    let bare = by_name(server.port, &[])?;
    let all = by_name(server.port, &PATTERNS)?;
    let plain = bare.http().clone();
    let ways = [
        ("reqwest alone", Way::Reqwest(plain, format!("http://127.0.0.1:{port}/orders/7"))),
        ("by name, one of ten instances", Way::ByName(bare)),
        ("by name with breaker, retry, limiter, time limiter, bulkhead", Way::ByName(all)),
    ];
    let mut taken: Vec<Vec<Duration>> = vec![Vec::new(); ways.len()];
    for round in 0..=effort.rounds {
        for ((_, way), taken) in ways.iter().zip(&mut taken) {
            let time = one_round(way, effort.requests).await?;
            if round > 0 {
                taken.push(time);
            }
        }
    }
    let per_call = |times: &Vec<Duration>| {
        let mut times = times.clone();
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        median.as_secs_f64() * 1e6 / f64::from(u32::try_from(effort.requests).unwrap_or(u32::MAX))
    };
    let base = taken.first().map_or(0.0, per_call);
    say("| GET over a kept connection | CPU µs | more than reqwest |");
    say("|---|---|---|");
    for ((name, _), times) in ways.iter().zip(&taken) {
        let micros = per_call(times);
        say(&format!("| {name} | {micros:.2} | {:.2} |", micros - base));
    }
    Ok(())
}

const PATTERNS: [(&str, &str); 6] = [
    ("resilience4j.circuitbreaker.instances.orders.sliding-window-size", "100"),
    ("resilience4j.retry.instances.orders.max-attempts", "3"),
    ("resilience4j.ratelimiter.instances.orders.limit-for-period", "1000000000"),
    ("resilience4j.ratelimiter.instances.orders.limit-refresh-period", "1s"),
    ("resilience4j.timelimiter.instances.orders.timeout-duration", "10s"),
    ("resilience4j.bulkhead.instances.orders.max-concurrent-calls", "100"),
];

/// A client that knows ten instances, all of them the one callee, with these settings.
fn by_name(port: u16, settings: &[(&str, &str)]) -> Result<Client> {
    let mut pairs: Vec<(String, String)> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    for number in 0..10 {
        let place = format!("spring.cloud.discovery.client.simple.instances.{SERVICE}[{number}]");
        pairs.push((format!("{place}.uri"), format!("http://127.0.0.1:{port}")));
        pairs.push((format!("{place}.instance-id"), format!("{SERVICE}-{number}")));
    }
    let env = Environment::new(vec![PropertySource::of_pairs("bench", pairs)], Vec::new());
    Client::from_env(&env, &Meters::default()).map_err(|problem| anyhow::anyhow!("{}", problem.line()))
}

/// CPU time of this process for so many calls.
async fn one_round(way: &Way, calls: usize) -> Result<Duration> {
    let own = std::process::id();
    let before = wellspring_test_support::process::cpu_time(own);
    let each = calls / CALLERS;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let way = way.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    call(&way).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(wellspring_test_support::process::cpu_time(own).saturating_sub(before))
}

async fn call(way: &Way) -> Result<()> {
    let response = match way {
        Way::Reqwest(http, address) => http.get(address).send().await?,
        Way::ByName(client) => client.get("lb://orders/orders/7").send().await?,
    };
    ensure!(response.status() == 200, "{}", response.status());
    ensure!(response.bytes().await?.len() == 26, "another answer");
    Ok(())
}

/// The callee, a process of its own: the same answer to everything.
pub(crate) async fn serve(port: u16) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        tokio::spawn(answer(connection));
    }
}

async fn answer(mut connection: TcpStream) -> Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        if connection.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        if buffer.ends_with(b"\r\n\r\n") {
            connection.write_all(ANSWER).await?;
            buffer.clear();
        }
    }
}
