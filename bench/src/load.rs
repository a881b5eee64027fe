//! Load: so many keep-alive connections, one request at a time on each, until so many answers are there.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::LocalSet;
use tokio::time::Instant;
use wellspring_test_support::keep_alive::Connection;
pub(crate) use wellspring_test_support::keep_alive::Request;

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    /// Of every request, sorted.
    latencies: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }
}

/// Sends `requests` requests over `connections` connections, in turn from `choices`.
pub(crate) async fn run(
    port: u16,
    choices: &[Request],
    connections: usize,
    requests: usize,
) -> Result<Outcome> {
    let left = Rc::new(Cell::new(requests));
    let local = LocalSet::new();
    let began = Instant::now();
    let latencies = local
        .run_until(async {
            let mut tasks = Vec::new();
            for first in 0..connections {
                let (left, choices) = (Rc::clone(&left), choices.to_vec());
                tasks.push(tokio::task::spawn_local(async move {
                    connection(port, &choices, first, &left).await
                }));
            }
            let mut all = Vec::with_capacity(requests);
            for task in tasks {
                all.extend(task.await??);
            }
            anyhow::Ok(all)
        })
        .await?;
    let elapsed = began.elapsed();
    let mut latencies = latencies;
    latencies.sort_unstable();
    Ok(Outcome { elapsed, latencies })
}

async fn connection(
    port: u16,
    choices: &[Request],
    first: usize,
    left: &Cell<usize>,
) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(port).await?;
    let mut latencies = Vec::new();
    for request in choices.iter().cycle().skip(first % choices.len().max(1)) {
        if left.get() == 0 {
            break;
        }
        left.set(left.get() - 1);
        let began = Instant::now();
        connection.ask(request).await?;
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}
