//! One peer: its outbox, and the loop that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wellspring_wire::Millis;
use wellspring_wire::eureka::json;
use wellspring_wire::eureka::replication::{Action, ReplicationInstance, ReplicationResponse};

use super::address::Address;
use super::batch::{Batch, Limits, Next, Outbox, Outcome};
use crate::{Clock, Node};

/// A header by which registries of this kind know one another.
pub const KIND: &str = "x-wellspring-registry";
/// Delay of a batch between registries of this kind; others keep the half second that they are used to.
const SHORT_DELAY: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub struct Peer {
    address: Address,
    outbox: Mutex<Outbox>,
    wake: Notify,
    ours: AtomicBool,
    ended: CancellationToken,
    clock: Clock,
    noted: Mutex<Noted>,
}

/// What an operator wants to know of a peer.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// What went wrong last.
    pub error: Option<(Millis, String)>,
    /// How many instances the last comparison put right.
    pub healed: Option<(Millis, usize)>,
}

impl Peer {
    pub fn new(address: Address, limits: Limits, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            address,
            outbox: Mutex::new(Outbox::new(limits)),
            wake: Notify::new(),
            ours: AtomicBool::new(false),
            ended: CancellationToken::new(),
            clock,
            noted: Mutex::default(),
        })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn offer(&self, item: ReplicationInstance, life: Duration) {
        self.outbox.lock().offer(item, life, self.clock.now());
        self.wake.notify_one();
    }

    pub fn end(&self) {
        self.ended.cancel();
    }

    /// Waiting and dropped tasks, and whether the last attempt reached it.
    pub fn state(&self) -> (usize, u64, bool) {
        let outbox = self.outbox.lock();
        (outbox.len(), outbox.dropped(), outbox.reachable())
    }

    /// Since when the oldest task waits.
    pub fn oldest(&self) -> Option<Millis> {
        self.outbox.lock().oldest()
    }

    pub fn noted(&self) -> Noted {
        self.noted.lock().clone()
    }

    pub(super) fn compared(&self, healed: usize) {
        self.noted.lock().healed = Some((self.clock.now(), healed));
    }

    pub(super) fn note_error(&self, error: String) {
        self.noted.lock().error = Some((self.clock.now(), error));
    }

    /// Whether it has shown itself to be a registry of this kind.
    pub fn is_ours(&self) -> bool {
        self.ours.load(Ordering::Relaxed)
    }

    pub(super) fn seen(&self, headers: &http::HeaderMap) {
        if headers.contains_key(KIND) && !self.ours.swap(true, Ordering::Relaxed) {
            self.outbox.lock().set_delay(SHORT_DELAY);
            tracing::info!(peer = %self.address, "peer is a registry of this kind");
        }
    }

    /// The next batch, or when to ask again.
    pub fn next(&self) -> Next {
        self.outbox.lock().next(self.clock.now())
    }

    pub fn finish(&self, batch: Batch, outcome: Outcome) {
        self.outbox.lock().finish(batch, outcome, self.clock.now());
    }

    /// Sends what is offered until the peer is removed. `identity` is the address that this node goes by.
    pub async fn run(self: Arc<Self>, http: reqwest::Client, node: Arc<Node>, identity: HeaderValue) {
        let mut under_way: FuturesUnordered<BoxFuture<'_, (Batch, Outcome)>> = FuturesUnordered::new();
        loop {
            let wait = loop {
                match self.next() {
                    Next::Send(batch) => under_way.push(Box::pin(self.send(&http, &node, &identity, batch))),
                    Next::WaitUntil(until) => break Some(until.since(self.clock.now())),
                    Next::Idle => break None,
                }
            };
            let timer = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait.max(Duration::from_millis(1))).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.ended.cancelled() => return,
                () = self.wake.notified() => {}
                () = timer => {}
                Some((batch, outcome)) = under_way.next() => {
                    self.finish(batch, outcome);
                }
            }
        }
    }

    async fn send(
        &self,
        http: &reqwest::Client,
        node: &Arc<Node>,
        identity: &HeaderValue,
        batch: Batch,
    ) -> (Batch, Outcome) {
        let items = batch.items();
        let mut body = Vec::with_capacity(items.len() * 256);
        json::write_batch(&items, &mut body);
        let outcome = match self.post(http, identity, body).await {
            Ok(answers) => {
                if answers.len() == items.len() {
                    for (item, answer) in items.iter().zip(answers) {
                        self.answered(node, item, answer);
                    }
                } else {
                    tracing::warn!(peer = %self.address, sent = items.len(), answered = answers.len(), "answers of a batch do not match it");
                }
                Outcome::Delivered
            }
            Err(outcome) => outcome,
        };
        (batch, outcome)
    }

    async fn post(
        &self,
        http: &reqwest::Client,
        identity: &HeaderValue,
        body: Vec<u8>,
    ) -> Result<Vec<ReplicationResponse>, Outcome> {
        let mut request = http
            .post(self.address.url("peerreplication/batch/"))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header("DiscoveryIdentity-Name", "DefaultServer")
            .header("DiscoveryIdentity-Version", "1.0")
            .header("DiscoveryIdentity-Id", identity)
            .header(KIND, env!("CARGO_PKG_VERSION"))
            .body(body);
        if let Some(value) = self.address.authorization() {
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        if status.as_u16() == 503 {
            tracing::debug!(peer = %self.address, "peer is busy");
            return Err(Outcome::Congested);
        }
        if !status.is_success() {
            tracing::warn!(peer = %self.address, %status, "peer refused a batch");
            self.note_error(format!("answered {status}"));
            return Err(Outcome::Refused);
        }
        self.seen(response.headers());
        let body = response.bytes().await.map_err(|error| self.failed(&error))?;
        json::read_batch_response(&body).map_err(|error| {
            tracing::warn!(peer = %self.address, %error, "peer's answer to a batch could not be read");
            Outcome::Delivered
        })
    }

    fn failed(&self, error: &reqwest::Error) -> Outcome {
        let outcome =
            if error.is_timeout() && !error.is_connect() { Outcome::Congested } else { Outcome::Unreachable };
        self.note_error(error.to_string());
        if self.outbox.lock().reachable() {
            tracing::warn!(peer = %self.address, error = %error.to_string(), "peer could not be reached");
        }
        outcome
    }

    /// A peer that lacks what it should renew gets it; one that knows better is believed.
    pub fn answered(&self, node: &Node, item: &ReplicationInstance, answer: ReplicationResponse) {
        if item.action != Some(Action::Heartbeat) || answer.status == 200 {
            return;
        }
        if let Some(theirs) = answer.entity {
            node.adopt(Arc::unwrap_or_clone(theirs));
        } else if answer.status == 404
            && let (Some(app), Some(id)) = (&item.app_name, &item.id)
            && let Some(instance) = node.instance(app, id)
        {
            let (item, life) = node.registration(instance);
            self.offer(item, life);
        }
    }
}
