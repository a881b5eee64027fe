//! Our own lease: registered at once, renewed by heartbeats, registered again when the registry lost it, cancelled
//! at the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use wellspring_wire::Millis;
use wellspring_wire::eureka::{InstanceInfo, Status, json};

use super::settings::ClientSettings;
use super::transport::{Call, Transport, TransportError};
use super::{HealthHandler, Own};

/// First wait after a registration that failed; doubled up to the interval of looks at ourselves.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Leaving must not hold up the stop of the process.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Status changes registered at once: so many in a row, then one per `REFILL`.
const BURST: u32 = 2;
const REFILL: Duration = Duration::from_secs(15);

/// A lease that is being kept.
#[derive(Debug)]
pub(crate) struct Registration {
    commands: mpsc::UnboundedSender<Command>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
    first: watch::Receiver<Option<Result<(), String>>>,
    application: String,
    id: String,
}

enum Command {
    Status(Status),
    Health(HealthHandler),
}

impl Registration {
    /// Starts keeping the lease; returns at once.
    pub(crate) fn start(transport: Arc<Transport>, own: Own, settings: &ClientSettings) -> Self {
        let (commands, inbox) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let (first, seen) = watch::channel(None);
        let (application, id) = (own.info.app.clone(), own.info.id().to_owned());
        let interval = u64::try_from(own.info.lease.renewal_interval).unwrap_or(30).max(1);
        let now = Instant::now();
        let keeper = Keeper {
            transport,
            look: settings.look_interval(),
            interval: Duration::from_secs(interval),
            slowest: settings.heartbeat_executor_exponential_back_off_bound.max(1),
            unregister: settings.should_unregister_on_shutdown,
            on_demand: settings.on_demand_update_status_change,
            health: None,
            // Told a second time, a registry keeps the newer description.
            dirty: Some(Millis::now()),
            info: own.info,
            first,
            stop: stop.clone(),
            register_at: now,
            retry: FIRST_RETRY,
            registered: false,
            tokens: BURST,
            refilled: now,
        };
        let task = Mutex::new(Some(crate::task::spawn(keeper.run(inbox))));
        Self { commands, stop, task, first: seen, application, id }
    }

    /// Reports another status, at once where the settings allow it.
    pub(crate) fn set_status(&self, status: Status) {
        self.tell(Command::Status(status));
    }

    /// Reports what `handler` says from now on.
    pub(crate) fn set_health(&self, handler: HealthHandler) {
        self.tell(Command::Health(handler));
    }

    fn tell(&self, command: Command) {
        if self.commands.send(command).is_err() {
            debug!("the lease is not kept any more");
        }
    }

    /// Upper-case application and id.
    pub(crate) fn identity(&self) -> (&str, &str) {
        (&self.application, &self.id)
    }

    /// Waits for the end of the first attempt.
    pub(crate) async fn first_attempt(&self) -> Result<(), String> {
        let mut first = self.first.clone();
        match first.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err("registration was stopped".to_owned()),
        }
    }

    /// Leaves the registry, best effort, within a few seconds.
    pub(crate) async fn leave(&self) {
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task
            && timeout(LEAVE_TIMEOUT * 2, task).await.is_err()
        {
            warn!("leaving the registry took too long");
        }
    }
}

struct Keeper {
    transport: Arc<Transport>,
    info: InstanceInfo,
    /// Since when the registry does not know what we are.
    dirty: Option<Millis>,
    health: Option<HealthHandler>,
    first: watch::Sender<Option<Result<(), String>>>,
    stop: CancellationToken,
    look: Duration,
    interval: Duration,
    slowest: u32,
    unregister: bool,
    on_demand: bool,
    register_at: Instant,
    retry: Duration,
    registered: bool,
    tokens: u32,
    refilled: Instant,
}

impl Keeper {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let stop = self.stop.clone();
        let mut delay = self.interval;
        let mut beat_at = Instant::now() + delay;
        let mut look_at = Instant::now() + self.look;
        loop {
            if self.dirty.is_some() && Instant::now() >= self.register_at {
                tokio::select! {
                    () = self.register() => {}
                    () = stop.cancelled() => break,
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                () = sleep_until(self.register_at), if self.dirty.is_some() => {}
                () = sleep_until(look_at) => {
                    look_at = Instant::now() + self.look;
                    self.look_at_health();
                    self.register_at = Instant::now();
                }
                () = sleep_until(beat_at), if self.registered => {
                    let beat = tokio::select! {
                        beat = timeout(self.interval, self.beat()) => beat,
                        () = stop.cancelled() => break,
                    };
                    match beat {
                        Ok(Err(TransportError::TimedOut { .. })) | Err(_) => {
                            delay = (delay * 2).min(self.interval * self.slowest);
                            warn!(next_in = ?delay, "heartbeat timed out");
                        }
                        Ok(Err(error)) => warn!(%error, "heartbeat failed"),
                        Ok(Ok(())) => delay = self.interval,
                    }
                    beat_at = Instant::now() + delay;
                }
            }
        }
        self.leave().await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Status(status) => self.set_status(status),
            Command::Health(handler) => {
                self.health = Some(handler);
                self.look_at_health();
            }
        }
    }

    fn look_at_health(&mut self) {
        if let Some(handler) = &self.health {
            let status = handler();
            self.set_status(status);
        }
    }

    fn set_status(&mut self, status: Status) {
        if self.info.status == status {
            return;
        }
        info!(from = %self.info.status, to = %status, "our status changed");
        self.info.status = status;
        self.dirty = Some(Millis::now());
        if self.on_demand {
            self.register_at = self.allowed_at();
        }
    }

    /// When the next registration on demand may be sent.
    fn allowed_at(&mut self) -> Instant {
        let now = Instant::now();
        while self.tokens < BURST && now.duration_since(self.refilled) >= REFILL {
            self.refilled += REFILL;
            self.tokens += 1;
        }
        if self.tokens == 0 {
            return self.refilled + REFILL;
        }
        if self.tokens == BURST {
            self.refilled = now;
        }
        self.tokens -= 1;
        now
    }

    async fn register(&mut self) {
        let Some(dirty) = self.dirty else { return };
        self.info.last_dirty = Some(dirty);
        self.info.last_updated = Some(Millis::now());
        let mut body = Vec::with_capacity(1024);
        json::write_instance(&self.info, &mut body);
        let path = ["apps", &self.info.app];
        let outcome =
            self.transport.send(Call::Register, Method::POST, &path, &[], Some(Bytes::from(body))).await;
        let failure = match outcome {
            Ok(reply) if reply.status == StatusCode::NO_CONTENT || reply.status == StatusCode::OK => {
                info!(application = %self.info.app, id = self.info.id(), status = %self.info.status, "registered");
                self.dirty = None;
                self.registered = true;
                self.retry = FIRST_RETRY;
                self.first.send_replace(Some(Ok(())));
                return;
            }
            Ok(reply) => format!("{} answered {}", reply.server.base, reply.status),
            Err(error) => error.to_string(),
        };
        warn!(error = failure, again_in = ?self.retry, "registration failed");
        self.first.send_replace(Some(Err(failure)));
        self.register_at = Instant::now() + self.retry;
        self.retry = (self.retry * 2).min(self.look);
    }

    async fn beat(&mut self) -> Result<(), TransportError> {
        let dirty = self.info.last_dirty.unwrap_or(Millis::ZERO).to_string();
        let query = [("status", self.info.status.as_str()), ("lastDirtyTimestamp", &dirty)];
        let path = ["apps", &self.info.app, self.info.id()];
        let reply = self.transport.send(Call::Heartbeat, Method::PUT, &path, &query, None).await?;
        if reply.status == StatusCode::NOT_FOUND {
            info!("the registry does not know us, registering again");
            self.dirty = Some(Millis::now());
            self.register_at = Instant::now();
        }
        Ok(())
    }

    async fn leave(&mut self) {
        if !self.unregister || !self.registered {
            return;
        }
        let path = ["apps", &self.info.app, self.info.id()];
        match timeout(LEAVE_TIMEOUT, self.transport.send(Call::Cancel, Method::DELETE, &path, &[], None))
            .await
        {
            Ok(Ok(reply)) => info!(status = %reply.status, "left the registry"),
            Ok(Err(error)) => warn!(%error, "could not leave the registry"),
            Err(_) => warn!("could not leave the registry in time"),
        }
    }
}
