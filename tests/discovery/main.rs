//! Discovery by servers of others, each the real one: an instance appears within a second, is gone when its registration ends, and
//! the last list stays while the server is away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod consul;
mod dns;
mod etcd;
mod kubernetes;
mod stand_in;
mod zookeeper;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use wellspring_lb_client::Client;
use wellspring_properties::{Environment, PropertySource};
use wellspring_telemetry::Meters;
use wellspring_test_support::long;

/// A server that is back is asked within this.
const BACK: Duration = Duration::from_secs(90);

/// What "at once" means for a source that is told of changes: a second, which a busy machine may well take for itself.
fn at_once() -> Duration {
    if long::wanted() { Duration::from_secs(1) } else { Duration::from_secs(20) }
}

fn client(pairs: &[(&str, &str)]) -> Client {
    let env = Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], Vec::new());
    Client::from_env(&env, &Meters::default()).unwrap()
}

/// `host:port` of all instances of `orders`, sorted.
fn orders(client: &Client) -> Vec<String> {
    let list = client.discovery().instances("orders");
    let mut all: Vec<String> = list.iter().map(|instance| instance.authority()).collect();
    all.sort();
    all
}

/// Waits until exactly these are listed; how long that took.
#[track_caller]
fn lists<'a>(client: &'a Client, wanted: &'a [&str], limit: Duration) -> impl Future<Output = Duration> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let since = Instant::now();
        let mut changes = client.discovery().watch("orders");
        let seen = timeout(limit, async {
            while orders(client) != wanted {
                changes.changed().await.unwrap();
            }
        });
        let arrived = seen.await;
        assert!(arrived.is_ok(), "{caller}: after {limit:?} there is {:?}, not {wanted:?}", orders(client));
        println!("{wanted:?} after {:?}", since.elapsed());
        since.elapsed()
    }
}

/// Nothing changes for a while.
async fn stays(client: &Client, wanted: &[&str]) {
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        assert_eq!(orders(client), wanted);
        sleep(Duration::from_millis(50)).await;
    }
}

/// Off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
