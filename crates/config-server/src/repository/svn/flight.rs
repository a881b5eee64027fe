//! When the tree is brought up to date: for each request, once for all who wait, and never long for a server that does not answer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{info, warn};
use wellspring_daemon::Tasks;
use wellspring_properties::Problem;
use wellspring_wire::Millis;

use super::CODE;
use super::checkout::{Checkout, Tree};
use super::command::Command;
use crate::error::Error;
use crate::news::News;
use crate::repository::{Freshness, Parts};

/// Who has something to serve waits this long for something newer, and not at all while the server is known to be away.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Remote {
    uri: String,
    checkout: Checkout,
    command: Command,
    tasks: Tasks,
    news: News,
    flight: Mutex<Flight>,
    landed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Flight {
    begun: u64,
    running: bool,
    /// Somebody came while one was running: one more follows.
    queued: bool,
    succeeded: Option<Millis>,
    failure: Option<(Millis, String)>,
}

impl Remote {
    pub(super) fn new(
        uri: &str,
        basedir: Option<&str>,
        command: Command,
        parts: &Parts<'_>,
    ) -> Result<Arc<Self>, Problem> {
        let checkout = Checkout::new(uri, basedir)
            .map_err(|error| Problem::new(CODE, format!("{}.basedir: {error}", parts.prefix)))?;
        Ok(Arc::new(Self {
            uri: without_secrets(uri),
            checkout,
            command,
            tasks: parts.context.tasks.clone(),
            news: parts.news.clone(),
            flight: Mutex::default(),
            landed: watch::Sender::new(0),
        }))
    }

    /// The newest tree that can be had. An error only when there is none at all.
    pub(super) async fn fresh(self: &Arc<Self>) -> Result<Arc<Tree>, Error> {
        let (ticket, away) = {
            let mut flight = self.flight.lock();
            (self.board(&mut flight), flight.failure.is_some())
        };
        let known = self.checkout.current();
        let mut landed = self.landed.subscribe();
        let arrival = landed.wait_for(|last| *last >= ticket);
        match known {
            Some(_) if away => {}
            // Late is not lost: what there is gets served.
            Some(_) => drop(tokio::time::timeout(PATIENCE, arrival).await),
            None => drop(arrival.await),
        }
        self.checkout.current().ok_or_else(|| {
            let flight = self.flight.lock();
            let cause =
                flight.failure.as_ref().map_or("it has not answered yet", |(_, cause)| cause.as_str());
            Error::Internal(format!("repository {} cannot be checked out: {cause}", self.uri))
        })
    }

    /// Starts a look at the server, or has one more follow the one that is under way. Returns its number.
    fn board(self: &Arc<Self>, flight: &mut Flight) -> u64 {
        if flight.running {
            flight.queued = true;
            return flight.begun + 1;
        }
        flight.running = true;
        flight.begun += 1;
        let remote = Arc::clone(self);
        self.tasks.spawn(async move { while remote.fly().await {} });
        flight.begun
    }

    /// One look; `true` when another one is wanted.
    async fn fly(&self) -> bool {
        let result = self.checkout.refresh(&self.command).await;
        if result == Ok(true) {
            self.news.ring();
        }
        let (number, again) = {
            let mut flight = self.flight.lock();
            let number = flight.begun;
            match result {
                Ok(_) => {
                    if flight.failure.take().is_some() {
                        self.news.fresh(&self.uri);
                        info!(uri = self.uri, "repository answers again");
                    }
                    flight.succeeded = Some(Millis::now());
                }
                Err(cause) => {
                    let known = flight.failure.take();
                    if known.is_none() {
                        self.news.stale(&self.uri, &cause);
                    }
                    if known.as_ref().is_none_or(|(_, known)| *known != cause) {
                        warn!(uri = self.uri, cause, "repository cannot be brought up to date");
                    }
                    flight.failure = Some((known.map_or_else(Millis::now, |(since, _)| since), cause));
                }
            }
            flight.running = std::mem::take(&mut flight.queued);
            if flight.running {
                flight.begun += 1;
            }
            (number, flight.running)
        };
        self.landed.send_replace(number);
        again
    }

    /// Since when the server does not answer.
    pub(super) fn stale_since(&self) -> Option<Millis> {
        self.flight.lock().failure.as_ref().map(|(since, _)| *since)
    }

    pub(super) fn freshness(&self) -> Freshness {
        let flight = self.flight.lock();
        Freshness {
            uri: self.uri.clone(),
            last_fetch: flight.succeeded,
            failing_since: flight.failure.as_ref().map(|(since, _)| *since),
            error: flight.failure.as_ref().map(|(_, cause)| cause.clone()),
            rejected: Vec::new(),
            directory: self.checkout.home().to_owned(),
        }
    }
}

/// An address without user and password.
fn without_secrets(uri: &str) -> String {
    match url::Url::parse(uri) {
        Ok(mut url) => {
            let cleared = url.set_username("").and_then(|()| url.set_password(None));
            if cleared.is_ok() { url.to_string() } else { uri.to_owned() }
        }
        Err(_) => "(no address)".to_owned(),
    }
}
