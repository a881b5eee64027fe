//! The bus of one process: publish, subscribe, be refreshed.
//!
//! An event that is published is also applied by its sender, if it is addressed to it, before `publish` returns. It then comes
//! back over the transport like everyone else's and is acknowledged from there. What arrives is handled in `inbox`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wellspring_lb_client::config::Refresher;
use wellspring_wire::Millis;
use wellspring_wire::bus::{Event, Payload, RemoteEvent};

use crate::ack_log::{AckLog, Record};
use crate::complaints::Complaints;
use crate::config::{Config, Own};
use crate::destination::{self, Identity};
use crate::inbox::{self, Echoes, Recent};
use crate::listener::{self, Listener};
use crate::members::Registry;
use crate::metrics::Instruments;
use crate::transport::{Outgoing, State, Transport};
use crate::{Failure, PublishError};

/// Acks wait this long for a broker that is away.
const ACK_PATIENCE: Duration = Duration::from_secs(60);
const ANNOUNCEMENTS: usize = 1024;
const OWN_EVENTS: usize = 256;

/// A handle; clones are the same bus.
#[derive(Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Inner>,
}

/// What makes a bus besides its transport.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bus id, `app[:profiles]:index:random`.
    pub id: String,
    /// `spring.cloud.config.name`: further names that this process listens to.
    pub config_names: Vec<String>,
    /// `spring.cloud.bus.*`.
    pub config: Config,
    /// `wellspring.bus.*`.
    pub own: Own,
    /// How many events the ack log holds, and whether others' events are in it.
    pub ack_log: Scope,
    /// Where counts go.
    pub instruments: Instruments,
}

/// Which events the ack log follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of this process.
    Own,
    /// Everyone's, this many: the daemon's board.
    Everyone(usize),
}

/// What a subscriber is told.
#[derive(Debug, Clone)]
pub enum Announcement {
    /// An event was applied here, own ones included.
    Applied(Arc<Event>),
    /// An event was sent by anyone, to anyone (only with `spring.cloud.bus.trace.enabled`).
    Sent(Trace),
    /// An ack, our own always, others' with trace on.
    Acknowledged(Arc<Event>),
}

/// The original's `SentApplicationEvent`: it never goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Event id.
    pub id: String,
    /// `type` on the wire.
    pub type_name: String,
    /// Sender.
    pub origin: String,
    /// Addressees, with `:**` appended when there is no `:` in it.
    pub destination: String,
}

type Instances = dyn Fn() -> Vec<String> + Send + Sync;
type Keep = dyn Fn(&Record) + Send + Sync;

pub(crate) struct Inner {
    pub(crate) identity: Identity,
    pub(crate) config: Config,
    pub(crate) own: Own,
    pub(crate) scope: Scope,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) listeners: ArcSwap<Vec<Arc<dyn Listener>>>,
    /// Type on the wire → class name, of the custom events that are known here.
    pub(crate) customs: ArcSwap<HashMap<String, String>>,
    pub(crate) ack_log: Mutex<AckLog>,
    pub(crate) echoes: Echoes,
    pub(crate) recent: Mutex<Recent>,
    pub(crate) complaints: Complaints,
    pub(crate) announcements: broadcast::Sender<Announcement>,
    pub(crate) instruments: Instruments,
    pub(crate) shutdown: CancellationToken,
    instances: ArcSwap<Option<Box<Instances>>>,
    keep: ArcSwap<Vec<Arc<Keep>>>,
    tasks: TaskTracker,
}

// === impl Options ===

impl Options {
    /// Everything by default, for this bus id.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            config_names: Vec::new(),
            config: Config::default(),
            own: Own::default(),
            ack_log: Scope::Own,
            instruments: Instruments::default(),
        }
    }
}

// === impl Bus ===

impl Bus {
    /// Joins the bus. To be called within a tokio runtime.
    pub fn start(options: Options, transport: Arc<dyn Transport>) -> Self {
        let events = match options.ack_log {
            Scope::Own => OWN_EVENTS,
            Scope::Everyone(events) => events,
        };
        let inner = Arc::new(Inner {
            identity: Identity::new(options.id, &options.config_names),
            config: options.config,
            own: options.own,
            scope: options.ack_log,
            transport,
            listeners: ArcSwap::default(),
            customs: ArcSwap::default(),
            ack_log: Mutex::new(AckLog::new(events)),
            echoes: Echoes::default(),
            recent: Mutex::default(),
            complaints: Complaints::default(),
            announcements: broadcast::Sender::new(ANNOUNCEMENTS),
            instruments: options.instruments,
            shutdown: CancellationToken::new(),
            instances: ArcSwap::default(),
            keep: ArcSwap::default(),
            tasks: TaskTracker::new(),
        });
        inbox::start(&inner, &inner.tasks);
        Self { inner }
    }

    /// Own bus id.
    pub fn id(&self) -> &str {
        self.inner.identity.id()
    }

    /// `spring.cloud.bus.*`.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Publishes an event to `destination` (`""`: everyone; `orders`; `orders:8081`) and applies it here if it is addressed to
    /// this process.
    ///
    /// Returns when the transport has taken the event and the own listeners are done. Goes on to its end even if the caller
    /// does not wait.
    pub async fn publish(&self, destination: &str, payload: Payload) -> Result<Event, PublishError> {
        let event = Event::new(self.id(), destination::normalise(destination), payload);
        let bus = self.clone();
        let published = self.inner.tasks.spawn(async move { bus.deliver(event).await });
        published.await.unwrap_or(Err(PublishError::Closed))
    }

    /// Publishes an application's own event.
    pub async fn send<T: RemoteEvent>(&self, destination: &str, event: &T) -> Result<Event, PublishError> {
        let payload = Payload::custom(event).map_err(|error| PublishError::Unwritable(error.to_string()))?;
        self.know::<T>();
        self.publish(destination, payload).await
    }

    /// Adds a listener for the events addressed to this process.
    pub fn on(&self, listener: impl Listener + 'static) {
        let listener: Arc<dyn Listener> = Arc::new(listener);
        self.inner.listeners.rcu(|listeners| {
            let mut listeners = Vec::clone(listeners);
            listeners.push(Arc::clone(&listener));
            listeners
        });
    }

    /// Handles an application's own events. A failure withholds the ack.
    pub fn on_event<T, F, R>(&self, handle: F)
    where
        T: RemoteEvent + Send + 'static,
        F: Fn(T) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.know::<T>();
        self.on(listener::Custom::new(handle));
    }

    /// Calls `reload` at every refresh event, unless `spring.cloud.bus.refresh.enabled` is false. It answers the changed keys.
    pub fn on_refresh_call<F>(&self, reload: F)
    where
        F: Fn() -> BoxFuture<'static, Result<Vec<String>, Failure>> + Send + Sync + 'static,
    {
        if self.inner.config.refresh.enabled {
            self.on(listener::refresh::Refresh::new(reload));
        }
    }

    /// Lets the configuration follow the bus: refresh events load it again, environment changes are laid over it; each unless
    /// `spring.cloud.bus.refresh.enabled` or `….env.enabled` is false.
    ///
    /// ```no_run
    /// # fn example(bus: &wellspring_bus::Bus, refresher: wellspring_lb_client::config::Refresher) {
    /// bus.on_refresh(refresher);
    /// # }
    /// ```
    pub fn on_refresh(&self, refresher: Refresher) {
        let setter = refresher.clone();
        self.on_refresh_call(move || {
            let refresher = refresher.clone();
            Box::pin(async move { refresher.refresh().await.map_err(|problem| Failure::new(problem.line())) })
        });
        if self.inner.config.env.enabled {
            self.on(listener::environment::Environment::new(move |values| {
                setter.set(values);
                Box::pin(std::future::ready(Ok(())))
            }));
        }
    }

    /// Ends by `token` at a shutdown event, unless `spring.cloud.bus.shutdown.enabled` is false.
    pub fn on_shutdown(&self, token: CancellationToken) {
        if self.inner.config.shutdown.enabled {
            self.on(listener::shutdown::Shutdown::new(token));
        }
    }

    /// What happens on the bus from now on. A slow subscriber misses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Announcement> {
        self.inner.announcements.subscribe()
    }

    /// Whether messages flow.
    pub fn state(&self) -> State {
        self.inner.transport.state().borrow().clone()
    }

    /// Name of the transport.
    pub fn transport(&self) -> &'static str {
        self.inner.transport.name()
    }

    /// Reads the ack log. Not to be held across waits.
    pub fn ack_log<R>(&self, read: impl FnOnce(&AckLog) -> R) -> R {
        read(&self.inner.ack_log.lock())
    }

    /// Where the instances come from that an event should reach, each as `application:port`.
    pub fn expect(&self, instances: impl Fn() -> Vec<String> + Send + Sync + 'static) {
        self.inner.instances.store(Arc::new(Some(Box::new(instances))));
    }

    /// Who is registered now.
    pub fn registry(&self) -> Registry {
        self.inner.registry()
    }

    /// Restores the ack log and calls `keep` for every later change.
    pub fn remember(&self, records: Vec<Record>, keep: impl Fn(&Record) + Send + Sync + 'static) {
        let mut log = self.inner.ack_log.lock();
        records.into_iter().for_each(|record| log.apply(record));
        self.on_record(keep);
    }

    /// Calls `told` for every change of the ack log.
    pub fn on_record(&self, told: impl Fn(&Record) + Send + Sync + 'static) {
        let told: Arc<Keep> = Arc::new(told);
        self.inner.keep.rcu(|all| {
            let mut all = Vec::clone(all);
            all.push(Arc::clone(&told));
            all
        });
    }

    /// Sends the event `id` again, to each that has not acknowledged it. Answers the new events; `None`: no such event, or one
    /// whose content is not kept (only refreshes can be repeated).
    pub async fn resend(&self, id: &str) -> Option<Vec<Result<Event, PublishError>>> {
        let registry = self.registry();
        let missing = self.ack_log(|log| {
            let entry = log.entry(id).filter(|entry| entry.type_name == Payload::Refresh.type_name())?;
            let answers = entry.answers(&registry);
            Some([answers.silent, answers.not_acknowledging].concat())
        })?;
        let mut sent = Vec::with_capacity(missing.len());
        for name in missing {
            let event = Event::new(self.id(), destination::normalise(&name), Payload::Refresh);
            let record = self.inner.ack_log.lock().resent(Millis::now(), id, &event);
            self.inner.keep(record.as_ref());
            sent.push(self.deliver(event).await);
        }
        Some(sent)
    }

    /// Leaves the bus: what is queued goes out, then the connection is closed.
    pub async fn close(&self) {
        self.inner.tasks.close();
        self.inner.transport.close().await;
        self.inner.shutdown.cancel();
        self.inner.tasks.wait().await;
    }

    fn know<T: RemoteEvent>(&self) {
        self.inner.customs.rcu(|customs| {
            let mut customs = HashMap::clone(customs);
            customs.insert(T::TYPE.to_owned(), T::CLASS.to_owned());
            customs
        });
    }

    async fn deliver(&self, event: Event) -> Result<Event, PublishError> {
        let inner = &self.inner;
        let addressed = inner.identity.is_addressed(&event.destination);
        let echo = addressed.then(|| inner.echoes.expect(&event.id));
        inner.note(&event, true);
        let message = Outgoing { body: event.to_json().into(), patience: inner.own.confirm_timeout };
        if let Err(error) = inner.transport.publish(message).await {
            inner.instruments.unpublished.increment();
            inner.withdraw(&event.id);
            return Err(error);
        }
        inner.instruments.published.increment();
        if let Some(echo) = echo {
            let applied = inner.apply(&event).await;
            echo.applied(applied.is_ok());
            applied?;
        }
        Ok(event)
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("id", &self.id())
            .field("transport", &self.inner.transport)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Hands the event to every listener, up to the first failure.
    pub(crate) async fn apply(&self, event: &Event) -> Result<(), Failure> {
        for listener in self.listeners.load_full().iter() {
            let handled = AssertUnwindSafe(listener.on(event)).catch_unwind().await;
            handled.unwrap_or_else(|_| Err(Failure::new(format!("{listener:?} panicked"))))?;
        }
        self.instruments.applied.increment();
        self.announce(|| Announcement::Applied(Arc::new(event.clone())));
        Ok(())
    }

    /// Queues the ack of an event that was applied.
    pub(crate) fn acknowledge(&self, event: &Event, class_name: &str) {
        if !self.config.ack.enabled {
            return;
        }
        let to = destination::normalise(&self.config.ack.destination_service);
        let ack = Event::ack(event, class_name, self.identity.id(), &to);
        let message = Outgoing { body: ack.to_json().into(), patience: ACK_PATIENCE };
        // Nobody waits for the receipt: an ack that is lost shows as silence on the sender's side.
        drop(self.transport.publish(message));
        self.announce(|| Announcement::Acknowledged(Arc::new(ack)));
    }

    pub(crate) fn announce(&self, announcement: impl FnOnce() -> Announcement) {
        if self.announcements.receiver_count() > 0 {
            // Fails when the last receiver has just gone, which is no loss.
            drop(self.announcements.send(announcement()));
        }
    }

    /// Enters an event into the ack log.
    pub(crate) fn note(&self, event: &Event, ours: bool) {
        let registry = self.registry();
        let record = self.ack_log.lock().sent(Millis::now(), event, ours, &registry);
        self.keep(record.as_ref());
    }

    fn registry(&self) -> Registry {
        let instances = self.instances.load();
        instances.as_ref().as_ref().map(|instances| instances().into_iter().collect()).unwrap_or_default()
    }

    pub(crate) fn note_ack(&self, ack_id: &str, by: &str) {
        let now = Millis::now();
        let mut log = self.ack_log.lock();
        let record = log.acknowledged(now, ack_id, by);
        if let Some(Record::Acknowledged { id, .. }) = &record
            && let Some(entry) = log.entry(id)
        {
            self.instruments.acknowledged.increment();
            self.instruments.ack_time.record(now.since(entry.sent));
        }
        drop(log);
        self.keep(record.as_ref());
    }

    fn withdraw(&self, id: &str) {
        let record = self.ack_log.lock().withdrawn(id);
        self.keep(record.as_ref());
    }

    pub(crate) fn keep(&self, record: Option<&Record>) {
        if let Some(record) = record {
            self.keep.load().iter().for_each(|keep| keep(record));
        }
    }
}
