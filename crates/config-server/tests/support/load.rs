//! A steady load on a config server: so many requests a second over kept connections, each answer judged.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use wellspring_test_support::keep_alive::{Connection, Request};

/// A load that runs until it is asked for its result.
pub struct Load {
    stop: Arc<AtomicBool>,
    running: JoinHandle<Outcome>,
}

/// What became of the requests.
#[derive(Default)]
pub struct Outcome {
    pub times: Vec<Duration>,
    pub failures: Vec<String>,
    pub lasted: Duration,
}

impl Load {
    /// Of all `paths` in turn.
    pub fn start(port: u16, per_second: usize, paths: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Self { running: tokio::spawn(run(port, per_second, paths, Arc::clone(&stop))), stop }
    }

    pub async fn end(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        self.running.await.unwrap()
    }
}

/// Connections that share a load.
const CONNECTIONS: usize = 16;

async fn run(port: u16, per_second: usize, paths: Vec<String>, stop: Arc<AtomicBool>) -> Outcome {
    let requests: Arc<[Request]> = paths.iter().map(|path| Request::get(path, &[])).collect();
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        workers.spawn(work(
            port,
            per_second,
            Arc::clone(&requests),
            Arc::clone(&next),
            Arc::clone(&stop),
            began,
        ));
    }
    let mut outcome = Outcome::default();
    while let Some(done) = workers.join_next().await {
        let (times, failures) = done.unwrap();
        outcome.times.extend(times);
        outcome.failures.extend(failures);
    }
    outcome.lasted = began.elapsed();
    outcome.times.sort_unstable();
    outcome
}

/// One connection. Who is free takes the next request when it is due; what a busy machine has kept from being sent is sent late.
async fn work(
    port: u16,
    per_second: usize,
    requests: Arc<[Request]>,
    next: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    began: Instant,
) -> (Vec<Duration>, Vec<String>) {
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = began + Duration::from_secs_f64(number as f64 / per_second as f64);
        tokio::time::sleep_until(due).await;
        let sent = Instant::now();
        let open = match &mut connection {
            Some(open) => open,
            none => none.insert(Connection::open(port).await.unwrap()),
        };
        match open.ask(&requests[number % requests.len()]).await {
            Ok(()) => times.push(sent.elapsed()),
            Err(error) => {
                failures.push(format!("request {number}: {error}"));
                connection = None;
            }
        }
    }
    (times, failures)
}

impl Outcome {
    /// `share` of the requests were answered within this time.
    pub fn within(&self, share: f64) -> Duration {
        let at = (self.times.len() as f64 * share) as usize;
        self.times.get(at.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    pub fn told(&self, what: &str) {
        println!(
            "{what}: {} requests, {:.0}/s, {} failed, p50 {:?}, p99 {:?}, p99.9 {:?}, max {:?}",
            self.times.len() + self.failures.len(),
            self.times.len() as f64 / self.lasted.as_secs_f64(),
            self.failures.len(),
            self.within(0.5),
            self.within(0.99),
            self.within(0.999),
            self.within(1.0),
        );
    }

    #[track_caller]
    pub fn all_answered(&self) {
        assert!(self.failures.is_empty(), "{} failed, as {:?}", self.failures.len(), &self.failures[..1]);
    }
}
