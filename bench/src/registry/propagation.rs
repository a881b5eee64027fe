//! How soon a registration is known: at a peer, in the list of the same node, to our own client, to a stock client.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::{Instant, sleep};
use wellspring_lb_client::Client;
use wellspring_properties::{Environment, PropertySource};
use wellspring_telemetry::Meters;
use wellspring_test_support::keep_alive::{Connection, Request};
use wellspring_test_support::{eureka, http1, port};

use super::requests::{JSON, instance, register};
use super::servers;
use crate::process::Server;
use crate::table::say;

/// Nothing takes longer, the original's lists and a stock client's polls included.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn run(dir: &Path, jdk: bool) -> Result<()> {
    say("| a registration is known | server | samples | median ms | p99 ms |");
    say("|---|---|---|---|---|");
    let ours = pair(dir, servers::ours_at)?;
    let [first, second] = &ours;
    warm(first, second).await?;
    report("at a peer", first, at_peer(first, second, 200).await?);
    report("in the node's own list", first, listed(first, 200).await?);
    report("to our client", first, to_our_client(first, 200).await?);
    if !jdk {
        return Ok(());
    }
    let originals = pair(dir, servers::original_at)?;
    let [left, right] = &originals;
    for original in &originals {
        servers::first_answer(original.port)?;
    }
    warm(left, right).await?;
    report("at a peer", left, at_peer(left, right, 30).await?);
    // Each waits for most of a minute: both servers, list and stock client, at once.
    let (a, b) = tokio::join!(stock(dir, first), stock(dir, left));
    for (server, (listed, known)) in [(first, a?), (left, b?)] {
        if server.name == "original" {
            report("in the node's own list", server, listed);
        }
        report("to a stock client", server, known);
    }
    say("");
    Ok(())
}

/// Port, cores, directory, settings.
type Start = fn(u16, &str, &Path, &[&str]) -> Result<Server>;

/// Two nodes with each other as peer.
fn pair(dir: &Path, start: Start) -> Result<[Server; 2]> {
    let ports = [port::free(), port::free()];
    let urls = format!("--eureka.client.service-url.defaultZone={}", eureka::urls(&ports));
    let node = |port: u16| {
        let own = format!("--eureka.server.my-url={}", eureka::urls(&[port]));
        start(port, "0,1", dir, &[&urls, &own])
    };
    Ok([node(ports[0])?, node(ports[1])?])
}

/// A connection to each, compiled code, and the knowledge of what kind of peer it is.
async fn warm(from: &Server, to: &Server) -> Result<()> {
    let mut connection = Connection::open(from.port).await?;
    for number in 0..200 {
        let (_, body) = instance("WARM", &format!("warm{number}"));
        connection.ask(&register("WARM", &body)).await?;
    }
    let (id, _) = instance("WARM", "warm199");
    let mut reader = Connection::open(to.port).await?;
    found(&mut reader, "WARM", &id).await
}

/// Waits until one instance is answered.
async fn found(reader: &mut Connection, app: &str, id: &str) -> Result<()> {
    let request = Request::get(&format!("/eureka/apps/{app}/{id}"), &JSON);
    let begun = Instant::now();
    while reader.status(&request).await? != 200 {
        ensure!(begun.elapsed() < LIMIT, "{app}/{id} never came");
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// From sending the registration to one until the other answers with it.
async fn at_peer(from: &Server, to: &Server, samples: usize) -> Result<Vec<Duration>> {
    let (mut writer, mut reader) = (Connection::open(from.port).await?, Connection::open(to.port).await?);
    let mut took = Vec::with_capacity(samples);
    for number in 0..samples {
        let (id, body) = instance("PEER", &format!("peer{number}"));
        let begun = Instant::now();
        writer.ask(&register("PEER", &body)).await?;
        found(&mut reader, "PEER", &id).await?;
        took.push(begun.elapsed());
        // Not in step with the batches before.
        sleep(Duration::from_millis(u64::try_from(number * 7 % 50)?)).await;
    }
    Ok(took)
}

async fn listed(server: &Server, samples: usize) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(server.port).await?;
    let list = Request::get("/eureka/apps/", &JSON);
    let mut took = Vec::with_capacity(samples);
    for number in 0..samples {
        let (id, body) = instance("LISTED", &format!("listed{number}"));
        let begun = Instant::now();
        connection.ask(&register("LISTED", &body)).await?;
        loop {
            connection.ask(&list).await?;
            if contains(connection.body(), &id) {
                break;
            }
            ensure!(begun.elapsed() < LIMIT, "{id} is never listed");
        }
        took.push(begun.elapsed());
    }
    Ok(took)
}

async fn to_our_client(server: &Server, samples: usize) -> Result<Vec<Duration>> {
    let url = eureka::urls(&[server.port]);
    let settings = [("eureka.client.service-url.defaultZone", url.as_str())];
    let env = Environment::new(vec![PropertySource::of_pairs("bench", settings)], vec![]);
    let client = Client::from_env(&env, &Meters::default()).context("our client")?;
    client.first_fetch().await.context("our client's first fetch")?;
    let mut watched = client.discovery().watch("known");
    let mut connection = Connection::open(server.port).await?;
    let mut took = Vec::with_capacity(samples);
    for number in 0..samples {
        let (id, body) = instance("KNOWN", &format!("known{number}"));
        let begun = Instant::now();
        connection.ask(&register("KNOWN", &body)).await?;
        let known = watched.wait_for(|list| list.iter().any(|instance| instance.instance_id() == id));
        tokio::time::timeout(LIMIT, known).await.context("our client never heard of it")??;
        took.push(begun.elapsed());
        sleep(Duration::from_millis(u64::try_from(number * 7 % 50)?)).await;
    }
    client.close().await;
    Ok(took)
}

/// Registrations some seconds apart, with everybody's default intervals: until the list has them, and a stock client.
async fn stock(dir: &Path, server: &Server) -> Result<(Vec<Duration>, Vec<Duration>)> {
    const SAMPLES: usize = 5;
    const APART: Duration = Duration::from_secs(7);
    let poller = servers::poller(dir, server.port)?;
    let list = Request::get("/eureka/apps/", &JSON);
    let mut connection = Connection::open(server.port).await?;
    let mut sent: Vec<(String, Instant)> = Vec::new();
    let mut listed: Vec<Option<Duration>> = vec![None; SAMPLES];
    let mut known = listed.clone();
    let begun = Instant::now();
    while listed.iter().chain(&known).any(Option::is_none) {
        ensure!(begun.elapsed() < LIMIT, "a stock client never heard of a registration");
        if sent.len() < SAMPLES && sent.last().is_none_or(|(_, at)| at.elapsed() >= APART) {
            let (id, body) = instance("STOCK", &format!("stock{}", sent.len()));
            sent.push((id, Instant::now()));
            connection.ask(&register("STOCK", &body)).await?;
        }
        connection.ask(&list).await?;
        let seen = http1::get(poller.port, "/instances").map(|reply| reply.body).unwrap_or_default();
        for (((id, at), listed), known) in sent.iter().zip(&mut listed).zip(&mut known) {
            if listed.is_none() && contains(connection.body(), id) {
                *listed = Some(at.elapsed());
            }
            if known.is_none() && contains(&seen, id) {
                *known = Some(at.elapsed());
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok((listed.into_iter().flatten().collect(), known.into_iter().flatten().collect()))
}

fn contains(body: &[u8], id: &str) -> bool {
    let wanted = format!("\"{id}\"");
    body.windows(wanted.len()).any(|window| window == wanted.as_bytes())
}

fn report(what: &str, server: &Server, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |percent: usize| {
        let index = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    say(&format!("| {what} | {} | {} | {:.1} | {:.1} |", server.name, took.len(), at(50), at(99)));
}
