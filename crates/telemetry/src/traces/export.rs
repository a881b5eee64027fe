//! From finished spans to collectors: a bounded queue and one task. Requests never wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Finished, otlp, zipkin};
use crate::{Counter, Meters, names};

const QUEUE: usize = 4096;
const BATCH: usize = 512;
/// The first span of a batch waits this long for others.
const LINGER: Duration = Duration::from_secs(1);

/// Where spans go.
#[derive(Debug, Default)]
pub struct Targets {
    /// `management.zipkin.tracing.endpoint`.
    pub zipkin: Option<String>,
    /// `management.otlp.tracing.endpoint`.
    pub otlp: Option<String>,
    /// `management.otlp.tracing.headers.*`.
    pub otlp_headers: Vec<(String, String)>,
    pub otlp_timeout: Option<Duration>,
}

/// The queue's entrance. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Exporter {
    queue: mpsc::Sender<Finished>,
    dropped: Counter,
}

impl Exporter {
    /// The queue, and the task that empties it: it ends when `stop` completes and the rest has been sent.
    /// `http` is a client with time-outs; its calls must not be traced.
    pub fn new(
        targets: Targets,
        service: &str,
        http: reqwest::Client,
        meters: &Meters,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), String> {
        let (queue, spans) = mpsc::channel(QUEUE);
        let dropped = meters.counter(names::TRACES_DROPPED, &[]);
        let otlp = match &targets.otlp {
            Some(endpoint) => Some(otlp::Sender::new(endpoint, service, &targets, http.clone())?),
            None => None,
        };
        let zipkin = targets.zipkin.map(|endpoint| zipkin::Sender::new(endpoint, service, http));
        let sending = Sending { spans, zipkin, otlp, dropped: dropped.clone(), failing: false };
        Ok((Self { queue, dropped }, sending.run(stop)))
    }

    pub(super) fn offer(&self, span: Finished) {
        if self.queue.try_send(span).is_err() {
            self.dropped.increment();
        }
    }
}

struct Sending {
    spans: mpsc::Receiver<Finished>,
    zipkin: Option<zipkin::Sender>,
    otlp: Option<otlp::Sender>,
    dropped: Counter,
    failing: bool,
}

impl Sending {
    async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                got = self.spans.recv_many(&mut batch, BATCH) => if got == 0 { return },
                () = &mut stop => break,
            }
            let enough = tokio::time::sleep(LINGER);
            let mut enough = std::pin::pin!(enough);
            let mut stopping = false;
            while batch.len() < BATCH && !stopping {
                let room = BATCH - batch.len();
                tokio::select! {
                    got = self.spans.recv_many(&mut batch, room) => if got == 0 { break },
                    () = &mut enough => break,
                    () = &mut stop => stopping = true,
                }
            }
            if stopping {
                break;
            }
            self.send(Arc::from(std::mem::take(&mut batch))).await;
        }
        // What is at hand and what is still queued goes out together, then the collectors have all there is.
        self.spans.close();
        while self.spans.recv_many(&mut batch, BATCH).await > 0 {
            if batch.len() >= BATCH {
                self.send(Arc::from(std::mem::take(&mut batch))).await;
            }
        }
        if !batch.is_empty() {
            self.send(Arc::from(batch)).await;
        }
    }

    async fn send(&mut self, batch: Arc<[Finished]>) {
        let zipkin = async {
            match &self.zipkin {
                Some(sender) => sender.send(&batch).await,
                None => Ok(()),
            }
        };
        let otlp = async {
            match &self.otlp {
                Some(sender) => sender.send(&batch).await,
                None => Ok(()),
            }
        };
        let (zipkin, otlp) = tokio::join!(zipkin, otlp);
        match zipkin.and(otlp) {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    info!("spans are accepted again");
                }
            }
            Err(error) => {
                self.dropped.add(batch.len() as u64);
                // Once per outage: a collector that is down would else fill the log.
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(%error, spans = batch.len(), "spans were not accepted and are dropped until the collector is back");
                }
            }
        }
    }
}
