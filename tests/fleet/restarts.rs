//! Callees that are restarted one after the other, or killed, while a Rust client calls them without a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use wellspring_lb_client::Client;
use wellspring_properties::{Environment, PropertySource};
use wellspring_telemetry::Meters;
use wellspring_test_support::{Daemon, long, poll};

use super::{SOON, member, registered, registry};

/// Calls under way at any time.
const CALLERS: u64 = 8;

/// `lb://inventory` as an application's client calls it, `CALLERS` at a time.
struct Load {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    callers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (stop, made, failed) = (Arc::default(), Arc::default(), Arc::default());
        let mut load = Self { stop, made, failed, callers: Vec::new() };
        for _ in 0..CALLERS {
            let (client, stop) = (client.clone(), Arc::clone(&load.stop));
            let (made, failed) = (Arc::clone(&load.made), Arc::clone(&load.failed));
            load.callers.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.get("lb://inventory/stock/tea").fetch::<Value>().await;
                    made.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = answer {
                        println!("failed: {error}");
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    // A thousand or so a second: the test looks for lost calls, not for speed.
                    sleep(Duration::from_millis(5)).await;
                }
            }));
        }
        load
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Calls made, and those that failed.
    async fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        (self.made.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

fn client(registry: &Daemon, more: &[(&str, &str)]) -> Client {
    let url = registry.url("/eureka/");
    let mut pairs = vec![
        ("eureka.client.service-url.defaultZone", url.as_str()),
        ("eureka.client.register-with-eureka", "false"),
    ];
    pairs.extend(more);
    let env = Environment::new(vec![PropertySource::of_pairs("test", pairs)], Vec::new());
    Client::from_env(&env, &Meters::default()).unwrap()
}

async fn start(registry: &Daemon) -> Daemon {
    member("inventory", registry).start_async().await
}

async fn fleet(registry: &Daemon, client: &Client) -> Vec<Daemon> {
    let mut fleet = Vec::new();
    for _ in 0..3 {
        fleet.push(start(registry).await);
    }
    poll::until_some("all are found", SOON, async || {
        (client.discovery().instances("inventory").len() == 3).then_some(())
    })
    .await;
    fleet
}

#[tokio::test(flavor = "multi_thread")]
async fn long_a_rolling_restart_of_the_callees_loses_no_call() {
    let registry = registry();
    let client = client(&registry, &[]);
    let mut fleet = fleet(&registry, &client).await;
    let load = Load::start(&client);
    let until = Instant::now() + long::time(Duration::from_secs(4), Duration::from_secs(120));
    let mut restarts = 0;
    while restarts < 3 || load.made() <= 500 || Instant::now() < until {
        // The new one serves, and is known, before an old one goes, as a deployment does it.
        fleet.push(start(&registry).await);
        poll::until_some("the new one is found", SOON, async || {
            (client.discovery().instances("inventory").len() == 4).then_some(())
        })
        .await;
        let mut old = fleet.remove(0);
        tokio::task::spawn_blocking(move || old.stop(SOON)).await.unwrap();
        restarts += 1;
        poll::until_some("the old one is forgotten", SOON, async || {
            (client.discovery().instances("inventory").len() == 3).then_some(())
        })
        .await;
    }
    let (made, failed) = load.end().await;
    println!("{restarts} restarts, {made} calls, {failed} failed");
    assert_eq!(failed, 0, "of {made} calls, {restarts} restarts");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_a_crash_costs_at_most_the_calls_under_way() {
    let registry = registry();
    let patient = client(&registry, &[]);
    let plain = client(&registry, &[("spring.cloud.loadbalancer.retry.enabled", "false")]);
    let mut fleet = fleet(&registry, &plain).await;
    poll::until_some("both clients have found them", SOON, async || {
        (patient.discovery().instances("inventory").len() == 3).then_some(())
    })
    .await;
    let (retried, single) = (Load::start(&patient), Load::start(&plain));
    let crashes = long::cases(1, 20);
    for _ in 0..crashes {
        let before = single.made();
        poll::until_some("calls flow", SOON, async || (single.made() > before + 50).then_some(())).await;
        fleet.remove(0).kill();
        let after = single.made();
        // Longer than its lease: the calls go on while the registry still has it.
        poll::until_some("the registry drops it", SOON, async || {
            (registered(&registry, "inventory") == 2).then_some(())
        })
        .await;
        poll::until_some("the others answer", SOON, async || (single.made() > after + 100).then_some(()))
            .await;
        fleet.push(start(&registry).await);
        poll::until_some("the new one is found", SOON, async || {
            (plain.discovery().instances("inventory").len() == 3).then_some(())
        })
        .await;
    }
    let ((made, failed), (tried, lost)) = (retried.end().await, single.end().await);
    println!("{crashes} crashes: {failed} of {made} calls failed with retry, {lost} of {tried} without");
    assert_eq!(failed, 0, "a retry on another instance hides a crash");
    assert!(
        lost <= CALLERS * crashes as u64,
        "{lost} lost, {CALLERS} under way at each of {crashes} crashes"
    );
}
