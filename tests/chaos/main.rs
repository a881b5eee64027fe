//! The whole platform under constant load while hosts die, freeze, vanish, run full and lose their clocks; and for a long time
//! while nothing happens at all.
//!
//! Each program has a network namespace, a disk and a clock of its own, so this needs root; elsewhere it is left out and says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod fault;
mod fleet;
mod ledger;
mod load;
mod member;
mod network;
mod report;

use std::time::Duration;

use fleet::Fleet;
use ledger::Ledger;
use load::Load;
use tokio::time::Instant;
use wellspring_test_support::{long, tools};

/// Between two faults: calm enough that one is not taken for the other.
const CALM: Duration = Duration::from_secs(1);

fn is_possible(test: &str) -> bool {
    if !tools::present(test, &["network", "java", "rabbitmq", "redis"]) {
        return false;
    }
    let allowed = network::is_allowed();
    assert!(allowed || std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{test}: not root");
    if !allowed {
        println!("\nskipped: {test}: only root makes network namespaces");
    }
    allowed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_whatever_fails_no_request_is_lost_that_a_retry_saves_and_all_heals() {
    if !is_possible("chaos") {
        return;
    }
    fastrand::seed(long::seed());
    let time = long::time(Duration::from_secs(25), Duration::from_secs(600));
    // A JVM takes twenty seconds to come back: too much for the short form.
    let Some(mut fleet) = Fleet::start("chaos", long::wanted()).await else { return };
    let ledger = Ledger::open(&fleet).await;
    let load = Load::start(fleet.gateways(), fleet.has_jvm());
    let began = Instant::now();
    let mut faults = Vec::new().into_iter();
    let mut episodes = Vec::new();
    while began.elapsed() < time {
        let Some(fault) = faults.next() else {
            let mut deck = if long::wanted() { fault::all(&fleet) } else { fault::one_of_each(&fleet) };
            if long::wanted() {
                fastrand::shuffle(&mut deck);
            }
            faults = deck.into_iter();
            continue;
        };
        fleet.commit();
        ledger.note(&fleet).await;
        let episode = fault.run(&mut fleet, &load).await;
        println!("{}", report::line(&episode));
        if let Some(complaint) = &episode.stuck {
            panic!("{fault:?} is not healed: {complaint}\n{}", report::logs(&fleet, fault));
        }
        episodes.push(episode);
        tokio::time::sleep(CALM).await;
    }
    let (requests, troubled) = load.stop().await;
    report::print(&episodes, requests, began.elapsed());
    let lost: Vec<_> = troubled.iter().filter(|outcome| outcome.lost.is_some()).collect();
    assert!(lost.is_empty(), "{} of {requests} requests lost, such as {:?}", lost.len(), lost.first());
    ledger.check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_memory_and_open_files_stay_as_they_are() {
    if !is_possible("soak") {
        return;
    }
    let time = long::time(Duration::from_secs(12), Duration::from_secs(1800));
    let Some(fleet) = Fleet::start("soak", long::wanted()).await else { return };
    let load = Load::start(fleet.gateways(), fleet.has_jvm());
    // What is filled once (pools, caches, arenas) is filled in the first quarter.
    let mut sizes = report::Sizes::new(&fleet);
    let began = Instant::now();
    while began.elapsed() < time {
        tokio::time::sleep(time / 40).await;
        fleet.commit();
        sizes.take(&fleet);
    }
    let (requests, troubled) = load.stop().await;
    sizes.print(requests);
    // A machine that is busy elsewhere may need a second attempt for some.
    let strict = long::wanted();
    let bad: Vec<_> = troubled.iter().filter(|outcome| strict || outcome.lost.is_some()).collect();
    assert!(bad.is_empty(), "{} of {requests} troubled, such as {:?}", bad.len(), bad.first());
    let grown = sizes.grown();
    assert!(grown.is_empty(), "{grown:?}");
}
