//! Callers at a constant rate. One that gets no good answer asks the other gateway, as a user with two addresses would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wellspring_test_support::keep_alive::{Connection, Request};

const CALLERS: usize = 8;
/// Between the requests of one caller.
const PAUSE: Duration = Duration::from_millis(50);
/// For one attempt: longer than a gateway's own two retries.
const ATTEMPT: Duration = Duration::from_secs(7);
const CONNECT: Duration = Duration::from_secs(1);
const ATTEMPTS: usize = 6;

/// Rust by name from Rust, a static answer, and with a JVM: Spring, and Rust by name from Spring.
pub(crate) fn paths(jvm: bool) -> Vec<&'static str> {
    let mut paths = vec!["/orders/7", "/inventory/stock/sku-3"];
    if jvm {
        paths.extend(["/greeter/greeting/you", "/greeter/relay/inventory?path=/stock/sku-1"]);
    }
    paths
}

/// One request and how it went.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    pub(crate) attempts: usize,
    /// Why the last attempt failed; `None` for a good answer.
    pub(crate) lost: Option<String>,
    /// Why the first one did.
    pub(crate) first: Option<String>,
}

/// Callers that go on until they are told to stop.
pub(crate) struct Load {
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    count: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

struct Caller {
    gateways: [SocketAddr; 2],
    connections: [Option<Connection>; 2],
    turn: usize,
}

// === impl Load ===

impl Load {
    pub(crate) fn start(gateways: [SocketAddr; 2], jvm: bool) -> Self {
        let load =
            Self { outcomes: Arc::default(), count: Arc::default(), stop: Arc::default(), callers: vec![] };
        let callers = (0..CALLERS).map(|number| {
            let (outcomes, count, stop) =
                (Arc::clone(&load.outcomes), Arc::clone(&load.count), Arc::clone(&load.stop));
            tokio::spawn(async move {
                let mut caller = Caller { gateways, connections: [None, None], turn: number };
                let paths = paths(jvm).into_iter().cycle().skip(number);
                for path in paths.map(|path| Request::get(path, &[])) {
                    if stop.load(Relaxed) {
                        return;
                    }
                    let outcome = caller.call(&path).await;
                    count.fetch_add(1, Relaxed);
                    // Of the good ones only the number counts: half an hour of them would be memory of our own.
                    if outcome.attempts > 1 || outcome.lost.is_some() {
                        outcomes.lock().push(outcome);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            })
        });
        Self { callers: callers.collect(), ..load }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Those that were not answered well at the first attempt, from `since` on.
    pub(crate) fn troubled(&self, since: Instant) -> Vec<Outcome> {
        self.outcomes.lock().iter().filter(|outcome| outcome.began + outcome.took >= since).cloned().collect()
    }

    pub(crate) async fn stop(self) -> (usize, Vec<Outcome>) {
        self.stop.store(true, Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        (self.count.load(Relaxed), std::mem::take(&mut *self.outcomes.lock()))
    }
}

// === impl Caller ===

impl Caller {
    async fn call(&mut self, request: &Request) -> Outcome {
        let began = Instant::now();
        let (mut first, mut lost, mut attempts) = (None, None, 0);
        while attempts < ATTEMPTS {
            attempts += 1;
            let side = self.turn % 2;
            let attempted = tokio::time::timeout(ATTEMPT, self.attempt(side, request)).await;
            let attempted = attempted.unwrap_or_else(|_| Err(format!("no answer in {ATTEMPT:?}")));
            self.turn += 1;
            let Err(cause) = attempted else {
                lost = None;
                break;
            };
            self.connections[side] = None;
            let cause = format!("{}: {cause}", self.gateways[side]);
            first.get_or_insert_with(|| cause.clone());
            lost = Some(cause);
            tokio::time::sleep(PAUSE * u32::try_from(attempts).unwrap()).await;
        }
        Outcome { began, took: began.elapsed(), attempts, lost, first }
    }

    async fn attempt(&mut self, side: usize, request: &Request) -> Result<(), String> {
        if self.connections[side].is_none() {
            let opened = tokio::time::timeout(CONNECT, Connection::to(self.gateways[side])).await;
            let opened = opened.map_err(|_| "no connection".to_owned())?;
            self.connections[side] = Some(opened.map_err(|error| error.to_string())?);
        }
        let Some(connection) = &mut self.connections[side] else { return Err("no connection".to_owned()) };
        match connection.status(request).await {
            Ok(200) => Ok(()),
            Ok(status) => Err(format!("{status} {}", String::from_utf8_lossy(connection.body()))),
            Err(error) => Err(error.to_string()),
        }
    }
}
