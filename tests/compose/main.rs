//! The compose file, started from a clean checkout as a user starts it: all health checks turn green, the README's walk works,
//! and whichever container dies under load, no request is lost that a retry saves, and all heals without a hand.
//!
//! `cargo xtask compose` runs it. It needs Docker and the ports of the compose file, so it is in no other run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "../chaos/load.rs"]
mod load;
mod report;
mod stack;
mod walk;

use std::time::Duration;

use load::Load;
use report::Episode;
use stack::Stack;
use tokio::time::Instant;

/// Builds of images included.
const UP: Duration = Duration::from_secs(600);
const HEALED: Duration = Duration::from_secs(120);
/// Between two deaths: calm enough that one is not taken for the other.
const CALM: Duration = Duration::from_secs(3);
const GATEWAYS: [u16; 2] = [8080, 8081];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_compose_file_comes_up_and_outlives_each_of_its_containers() {
    if std::env::var_os("WELLSPRING_COMPOSE").is_none_or(|wanted| wanted != "true") {
        println!("\nskipped: compose: only `cargo xtask compose` runs it, on a machine with Docker");
        return;
    }
    let stack = Stack::check_out();
    let began = Instant::now();
    stack.up();
    stack.until_settled("everything is up", UP);
    println!(
        "{} containers, all healthy after {:.0} s",
        stack.containers().len(),
        began.elapsed().as_secs_f64()
    );
    let images = stack.judge_images();
    walk::readme();
    walk::start_page();
    walk::news(&stack, "as it came up");
    stack.remember_members();

    let load = Load::start(GATEWAYS.map(|port| ([127, 0, 0, 1], port).into()), false);
    tokio::time::sleep(CALM).await;
    let mut episodes = Vec::new();
    for victim in stack.containers() {
        let (since, before) = (Instant::now(), load.count());
        stack.crash(&victim);
        let died = Instant::now();
        stack.until_started_again(&victim, HEALED);
        stack.until_settled(&format!("{} is back", victim.service), HEALED);
        let recovery = died.elapsed();
        walk::news(&stack, &victim.service);
        tokio::time::sleep(CALM).await;
        let troubled = load.troubled(since);
        let episode = Episode::new(victim.service, load.count() - before, &troubled, recovery);
        println!("{episode}");
        episodes.push(episode);
    }
    let (requests, troubled) = load.stop().await;
    walk::profiles(&stack);
    let report = report::table(&episodes, requests, &images);
    println!("\n{report}");
    stack.keep(&report);
    let lost: Vec<_> = troubled.iter().filter(|outcome| outcome.lost.is_some()).collect();
    assert!(lost.is_empty(), "{} of {requests} requests lost, such as {:?}", lost.len(), lost.first());
    assert!(
        stack.refused_containers().is_empty(),
        "started again on their own: {:?}",
        stack.refused_containers()
    );
}
