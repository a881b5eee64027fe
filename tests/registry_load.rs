//! The registry under the load of a large platform, on one core: who renews and who polls is answered in time, by all rules.
//!
//! Latencies count from when a request was due, not from when it could be sent, so that one slow answer is not told once only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::io::Read as _;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use wellspring_test_support::eureka::Member;
use wellspring_test_support::keep_alive::{Connection, Request};
use wellspring_test_support::{Daemon, Launch, binaries, long, tools};

const POLLERS: u32 = 200;
/// Clients share connections, as they would behind a proxy: the number of sockets is not what is tested.
const CONNECTIONS: usize = 64;
const GZIP: [(&str, &str); 2] = [("Accept", "application/json"), ("Accept-Encoding", "gzip")];

/// When each request was due and how long it took from then.
type Latencies = Vec<Duration>;

/// Pinned to the first core where that can be done.
fn registry() -> Daemon {
    let program = binaries::path("wellspring-registry");
    let launch = if tools::find("taskset").is_some() {
        Launch::program("taskset").arg("-c").arg("0").arg(program)
    } else {
        println!("\nreport: no taskset (package util-linux): the registry has all cores");
        Launch::program(program)
    };
    launch
        .arg("--eureka.client.register-with-eureka=false")
        .arg("--eureka.client.fetch-registry=false")
        .start()
}

fn member(number: usize) -> Member {
    let app = number % 500;
    Member::new(&format!("SERVICE{app}"), &format!("host{number}.example:service{app}:8080"), &[])
}

fn registration(member: &Member) -> Request {
    let json = [("Content-Type", "application/json")];
    let path = format!("/eureka/apps/{}", member.app);
    Request::new("POST", &path, &json, member.body().to_string().as_bytes(), 204)
}

fn heartbeat(member: &Member) -> Request {
    let path = format!("{}?status=UP&lastDirtyTimestamp={}", member.path(), member.stamp);
    Request::new("PUT", &path, &[("Accept", "application/json")], b"", 200)
}

/// Sends `requests` over and over, one every `pace`, until `end`.
async fn drive(port: u16, requests: Vec<Request>, first: Instant, pace: Duration, end: Instant) -> Latencies {
    let mut connection = Connection::open(port).await.unwrap();
    let mut due = first;
    let mut latencies = Vec::new();
    for request in requests.iter().cycle() {
        if due >= end {
            break;
        }
        tokio::time::sleep_until(due).await;
        connection.ask(request).await.unwrap();
        latencies.push(due.elapsed());
        due += pace;
    }
    latencies
}

/// The first poll of a stock client is of everything, the following ones of what changed.
async fn poll(port: u16, first: Instant, pace: Duration, end: Instant) -> Latencies {
    let mut connection = Connection::open(port).await.unwrap();
    let mut due = first;
    let mut path = "/eureka/apps/";
    let mut latencies = Vec::new();
    while due < end {
        tokio::time::sleep_until(due).await;
        connection.ask(&Request::get(path, &GZIP)).await.unwrap();
        latencies.push(due.elapsed());
        assert!(connection.body().starts_with(&[0x1f, 0x8b]), "not compressed");
        path = "/eureka/apps/delta";
        due += pace;
    }
    latencies
}

async fn all(mut tasks: JoinSet<Latencies>) -> Latencies {
    let mut all = Vec::new();
    while let Some(latencies) = tasks.join_next().await {
        all.extend(latencies.expect("every request is answered"));
    }
    all.sort_unstable();
    all
}

/// Prints the figures; gives the longest.
fn report(what: &str, latencies: &[Duration]) -> Duration {
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    let longest = latencies.last().copied().unwrap_or_default();
    println!(
        "\nreport: {:>6} x {what:<14} p50 {:>7.2} ms, p99 {:>7.2} ms, max {:>7.2} ms",
        latencies.len(),
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3,
    );
    longest
}

fn mib(daemon: &Daemon) -> f64 {
    daemon.resident_kib().and_then(|kib| u32::try_from(kib).ok()).map_or(f64::INFINITY, f64::from) / 1024.0
}

/// How many instances the compressed list has.
async fn listed(port: u16) -> usize {
    let mut connection = Connection::open(port).await.unwrap();
    connection.ask(&Request::get("/eureka/apps/", &GZIP)).await.unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(connection.body()).read_to_string(&mut text).unwrap();
    text.matches("\"instanceId\"").count()
}

#[tokio::test]
async fn long_ten_thousand_instances_and_two_hundred_pollers_on_one_core() {
    let count = long::cases(2_000, 10_000);
    let length = long::time(Duration::from_secs(5), Duration::from_secs(60));
    // In the short form everybody is in a hurry, so that every kind of request comes at least twice.
    let period = length / 2;
    let registry = registry();
    let port = registry.port();
    let empty = mib(&registry);
    let members: Vec<Member> = (0..count).map(member).collect();
    let shares: Vec<Vec<&Member>> =
        (0..CONNECTIONS).map(|first| members.iter().skip(first).step_by(CONNECTIONS).collect()).collect();

    let mut tasks = JoinSet::new();
    for share in &shares {
        let requests: Vec<Request> = share.iter().copied().map(registration).collect();
        tasks.spawn(async move {
            let mut connection = Connection::open(port).await.unwrap();
            let mut latencies = Vec::new();
            for request in &requests {
                let begun = Instant::now();
                connection.ask(request).await.unwrap();
                latencies.push(begun.elapsed());
            }
            latencies
        });
    }
    let begun = Instant::now();
    let registrations = all(tasks).await;
    println!("\nreport: {count} registrations in {:.2} s", begun.elapsed().as_secs_f64());
    assert_eq!(listed(port).await, count);
    let before = mib(&registry);

    let begin = Instant::now();
    let end = begin + length;
    let (mut beats, mut polls, mut changes) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for share in &shares {
        let requests: Vec<Request> = share.iter().copied().map(heartbeat).collect();
        let pace = period / u32::try_from(requests.len().max(1)).unwrap();
        let offset = pace / u32::try_from(CONNECTIONS).unwrap() * u32::try_from(beats.len()).unwrap();
        beats.spawn(drive(port, requests, begin + offset, pace, end));
    }
    for number in 0..POLLERS {
        polls.spawn(poll(port, begin + period / POLLERS * number, period, end));
    }
    // Two deployments a second: each makes all lists anew.
    let renewed: Vec<Request> = members.iter().take(100).map(registration).collect();
    changes.spawn(drive(port, renewed, begin, Duration::from_millis(500), end));
    // By then everybody has a connection, and every list has been asked for.
    let halfway = async {
        tokio::time::sleep_until(begin + period).await;
        mib(&registry)
    };
    let (beats, polls, changes, halfway) = tokio::join!(all(beats), all(polls), all(changes), halfway);

    let after = mib(&registry);
    let longest =
        [("registrations", &registrations), ("heartbeats", &beats), ("polls", &polls), ("changes", &changes)]
            .map(|(what, latencies)| report(what, latencies));
    println!(
        "\nreport: {empty:.1} MiB empty, {before:.1} MiB with {count} instances, {halfway:.1} MiB under load, {after:.1} MiB after it"
    );
    assert_eq!(listed(port).await, count);
    assert!(beats.len() >= count, "{} heartbeats of {count} instances", beats.len());
    assert_eq!(polls.len(), 2 * usize::try_from(POLLERS).unwrap());
    if long::wanted() {
        // On a machine that is behind the plan, not everybody has a connection halfway.
        assert!(after <= halfway.mul_add(1.3, 2.0), "{halfway:.1} MiB became {after:.1} MiB");
        let longest = longest.into_iter().max().unwrap_or_default();
        assert!(longest < Duration::from_secs(1), "a request took {longest:?}");
    }
}
