//! What arrives: sorted at once, applied one by one.
//!
//! Two tasks. The reader looks at each message as it comes: foreign acks are dropped by their first bytes, known ones go to the
//! ack log, so that neither waits behind a refresh. The worker applies events in order and acknowledges each; refreshes that
//! wait together are applied once. Order of one event: trace, apply unless from self, ack.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};
use wellspring_wire::bus::{self, Event, Payload};

use crate::bus::{Announcement, Inner, Scope, Trace};
use crate::transport::{Delivery, Incoming, Settle, Verdict};

const QUEUE: usize = 1024;
const REMEMBERED: usize = 8192;
const ECHOES: usize = 1024;

pub(crate) fn start(inner: &Arc<Inner>, tasks: &TaskTracker) {
    let (jobs, queue) = mpsc::channel(QUEUE);
    let deliveries = inner.transport.subscribe();
    tasks.spawn(Reader { inner: Arc::clone(inner), deliveries, jobs }.run());
    tasks.spawn(Worker { inner: Arc::clone(inner), queue, pending: VecDeque::new() }.run());
}

struct Reader {
    inner: Arc<Inner>,
    deliveries: mpsc::Receiver<Delivery>,
    jobs: mpsc::Sender<Job>,
}

struct Worker {
    inner: Arc<Inner>,
    queue: mpsc::Receiver<Job>,
    pending: VecDeque<Job>,
}

enum Job {
    Event { event: Event, settle: Settle },
    Gap,
}

/// Ids of events that were applied, so that none is applied twice.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

/// Own events that are applied by their publisher: their return is acknowledged when that is done.
#[derive(Debug, Default)]
pub(crate) struct Echoes(Mutex<IndexMap<String, oneshot::Receiver<bool>>>);

/// The publisher's end of an echo.
#[derive(Debug)]
pub(crate) struct Echo(oneshot::Sender<bool>);

// === impl Reader ===

impl Reader {
    async fn run(mut self) {
        let shutdown = self.inner.shutdown.clone();
        loop {
            let delivery = tokio::select! {
                delivery = self.deliveries.recv() => delivery,
                () = shutdown.cancelled() => return,
            };
            let job = match delivery {
                None => return,
                Some(Delivery::Gap) => Some(Job::Gap),
                Some(Delivery::Message(message)) => self.sort(message),
            };
            if let Some(job) = job
                && self.jobs.send(job).await.is_err()
            {
                return;
            }
        }
    }

    fn sort(&self, message: Incoming) -> Option<Job> {
        let Incoming { body, content_type, source, settle } = message;
        let inner = &self.inner;
        if self.is_foreign_ack(&body) {
            inner.instruments.foreign_acks.increment();
            return None;
        }
        let event = match self.read(&body, content_type.as_deref()) {
            Ok(event) => event,
            Err(reason) => {
                inner.instruments.poison.increment();
                let sender = sender(&body).or(source).unwrap_or_default();
                if let Some(untold) = inner.complaints.tell(&sender, &reason) {
                    warn!(%reason, size = body.len(), content_type, sender, untold, "bus message refused");
                }
                settle.with(Verdict::Poison);
                return None;
            }
        };
        if let Payload::Ack(ack) = &event.payload {
            let (Some(ack_id), Some(by)) = (&ack.id, &event.origin) else { return None };
            inner.note_ack(ack_id, by);
            if inner.config.trace.enabled && !inner.identity.is_origin(by) {
                inner.announce(|| Announcement::Acknowledged(Arc::new(event)));
            }
            return None;
        }
        inner.instruments.received.increment();
        if inner.scope != Scope::Own && event.origin.is_some() {
            // Here, not where it is applied: the first acks come while a slow refresh still runs.
            inner.note(&event, false);
        }
        Some(Job::Event { event, settle })
    }

    /// Decides without decoding. With hundreds of instances nearly all messages are such acks.
    fn is_foreign_ack(&self, body: &Bytes) -> bool {
        if self.inner.config.trace.enabled || !bus::is_ack(body) {
            return false;
        }
        let id = bus::ack_id_hint(body).and_then(|id| std::str::from_utf8(id).ok());
        id.is_some_and(|id| !self.inner.ack_log.lock().knows(id))
    }

    fn read(&self, body: &Bytes, content_type: Option<&str>) -> Result<Event, String> {
        if !is_json(content_type) {
            return Err("the content type is not application/json".to_owned());
        }
        let limit = self.inner.own.max_message_size.bytes();
        if body.len() as u64 > limit {
            return Err(format!("larger than wellspring.bus.max-message-size ({limit} bytes)"));
        }
        Event::read(body).map_err(|error| error.to_string())
    }
}

// === impl Worker ===

impl Worker {
    async fn run(mut self) {
        let shutdown = self.inner.shutdown.clone();
        loop {
            if self.pending.is_empty() {
                let job = tokio::select! {
                    job = self.queue.recv() => job,
                    () = shutdown.cancelled() => return,
                };
                let Some(job) = job else { return };
                self.pending.push_back(job);
            }
            while self.pending.len() < QUEUE
                && let Ok(job) = self.queue.try_recv()
            {
                self.pending.push_back(job);
            }
            match self.pending.pop_front() {
                Some(job) if self.is_refresh(&job) => self.refresh(job).await,
                Some(Job::Event { event, settle }) => {
                    self.handle(&event).await;
                    settle.with(Verdict::Handled);
                }
                Some(Job::Gap) => self.catch_up().await,
                None => {}
            }
        }
    }

    /// One event, from its trace to its ack.
    async fn handle(&self, event: &Event) {
        let inner = &self.inner;
        let Some(origin) = &event.origin else {
            self.left_alone(event, "", "no originService");
            return;
        };
        self.trace(event, origin);
        if !inner.identity.is_addressed(&event.destination) {
            return;
        }
        let Some(class_name) = self.class_name(event) else {
            self.left_alone(event, origin, event.type_name());
            return;
        };
        let applied = if inner.identity.is_origin(origin) {
            inner.echoes.wait(&event.id).await
        } else {
            inner.recent.lock().contains(&event.id) || self.apply(event).await
        };
        if applied {
            inner.acknowledge(event, &class_name);
        }
    }

    /// As in the original, which says nothing at all. Other applications have events of their own: no reason to warn.
    fn left_alone(&self, event: &Event, origin: &str, reason: &str) {
        if let Some(untold) = self.inner.complaints.tell(origin, reason) {
            info!(event = %event.id, kind = event.type_name(), origin, untold, "bus event of unknown type left alone");
        }
    }

    async fn apply(&self, event: &Event) -> bool {
        match self.inner.apply(event).await {
            Ok(()) => {
                self.inner.recent.lock().insert(event.id.clone());
                true
            }
            Err(failure) => {
                self.inner.instruments.failed.increment();
                error!(event = %event.id, kind = event.type_name(), %failure, "bus event not applied, so not acknowledged");
                false
            }
        }
    }

    /// A refresh from someone else that is to be applied here: such ones may be applied together.
    fn is_refresh(&self, job: &Job) -> bool {
        let Job::Event { event, .. } = job else { return false };
        let Some(origin) = &event.origin else { return false };
        let identity = &self.inner.identity;
        event.payload == Payload::Refresh
            && identity.is_addressed(&event.destination)
            && !identity.is_origin(origin)
            && !self.inner.recent.lock().contains(&event.id)
    }

    /// Applies the refresh and those right behind it at once, and acknowledges each.
    async fn refresh(&mut self, first: Job) {
        let mut batch = vec![first];
        while self.pending.front().is_some_and(|job| self.is_refresh(job)) {
            batch.extend(self.pending.pop_front());
        }
        let mut applied = None;
        for job in batch {
            let Job::Event { event, settle } = job else { continue };
            self.trace(&event, event.origin.as_deref().unwrap_or_default());
            let applied = match applied {
                None => *applied.insert(self.apply(&event).await),
                Some(applied) => {
                    self.inner.recent.lock().insert(event.id.clone());
                    applied
                }
            };
            if let (true, Some(class_name)) = (applied, self.class_name(&event)) {
                self.inner.acknowledge(&event, &class_name);
            }
            settle.with(Verdict::Handled);
        }
    }

    /// Events may have been missed, and a refresh makes good for all of them.
    async fn catch_up(&self) {
        let inner = &self.inner;
        if inner.own.refresh_after_gap && inner.config.refresh.enabled {
            info!(transport = inner.transport.name(), "bus was away, refreshing");
            let own = Event::new(inner.identity.id(), inner.identity.id(), Payload::Refresh);
            self.apply(&own).await;
        }
    }

    fn trace(&self, event: &Event, origin: &str) {
        let inner = &self.inner;
        if inner.config.trace.enabled {
            inner.announce(|| {
                let mut destination = event.destination.pattern().unwrap_or_default().to_owned();
                if !destination.contains(':') {
                    destination.push_str(":**");
                }
                Announcement::Sent(Trace {
                    id: event.id.clone(),
                    type_name: event.type_name().to_owned(),
                    origin: origin.to_owned(),
                    destination,
                })
            });
        }
    }

    fn class_name(&self, event: &Event) -> Option<String> {
        event.class_name().or_else(|| self.inner.customs.load().get(event.type_name()).cloned())
    }
}

// === impl Recent ===

impl Recent {
    fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    fn insert(&mut self, id: String) {
        if self.ids.insert(id.clone()) {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

// === impl Echoes ===

impl Echoes {
    /// Announces that an own event is about to be published and applied by its publisher.
    pub(crate) fn expect(&self, id: &str) -> Echo {
        let (sender, receiver) = oneshot::channel();
        let mut echoes = self.0.lock();
        echoes.insert(id.to_owned(), receiver);
        if echoes.len() > ECHOES {
            echoes.shift_remove_index(0);
        }
        Echo(sender)
    }

    /// Waits until the publisher has applied the event; whether it did.
    async fn wait(&self, id: &str) -> bool {
        let echo = self.0.lock().shift_remove(id);
        match echo {
            // Someone else under our id, or one of ours from before a restart: acknowledged, not applied.
            None => true,
            Some(applied) => applied.await.unwrap_or(false),
        }
    }
}

impl Echo {
    pub(crate) fn applied(self, applied: bool) {
        // The echo may have come and gone unexpected; then nobody listens.
        if self.0.send(applied).is_err() {
            debug!("echo of an own event came before it was expected");
        }
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    content_type.is_none_or(|content_type| {
        let essence = content_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    })
}

/// The origin as far as it can be told from a message that cannot be read, for the log.
fn sender(body: &[u8]) -> Option<String> {
    const ORIGIN: &[u8] = br#""originService":"#;
    let head = body.get(..body.len().min(1 << 12))?;
    let start = head.windows(ORIGIN.len()).position(|window| window == ORIGIN)? + ORIGIN.len();
    let text = head.get(start..)?.trim_ascii_start().strip_prefix(b"\"")?;
    let text = text.split(|byte| *byte == b'"').next()?;
    let origin: String =
        String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(128).collect();
    Some(origin).filter(|origin| !origin.is_empty())
}

#[cfg(test)]
mod tests {
    use super::sender;

    #[test]
    fn the_sender_of_what_cannot_be_read_is_found_all_the_same() {
        for (body, found) in [
            (r#"{"type":5,"originService":"a:1:x","id":"1"}"#, Some("a:1:x")),
            (r#"{"originService": "a:1:x" broken"#, Some("a:1:x")),
            (r#"{"originService":"cut"#, Some("cut")),
            (r#"{"originService":null}"#, None),
            (r#"{"originService":""}"#, None),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(sender(body.as_bytes()).as_deref(), found, "{body}");
        }
    }
}
