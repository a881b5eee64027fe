//! `Admin`: what daemons hand in and the API reads. One for all daemons of a process.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use wellspring_wire::Millis;

use crate::bus::Board;
use crate::config::Configs;
use crate::domain::{Domain, Slot};
use crate::events::{Log, New, Topic};
use crate::federation::{Federation, Introduction, Membership};
use crate::part::{Health, Part, Problem};
use crate::registry::{Listener, Registry};
use crate::resilience::Resilience;
use crate::routes::Gateway;
use crate::services::{Service, Services};
use crate::tap::Tap;

/// How often health is looked at for the event log.
const LOOK: Duration = Duration::from_secs(5);

/// A trouble that was not found for so long is a new one when it comes again.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Cloning shares it.
#[derive(Clone, Default)]
pub struct Admin(Arc<Inner>);

#[derive(Default)]
struct Inner {
    parts: RwLock<Vec<Arc<dyn Part>>>,
    services: Slot<dyn Services>,
    config: Slot<dyn Configs>,
    tap: Slot<dyn Tap>,
    registry: Slot<dyn Registry>,
    gateway: Slot<dyn Gateway>,
    bus: Slot<dyn Board>,
    /// One of each application, by its name.
    resilience: RwLock<Vec<Arc<dyn Resilience>>>,
    log: Log,
    listening: AtomicBool,
    federation: Federation,
    http: OnceLock<reqwest::Client>,
    /// Daemon and trouble: first and last time that it was found.
    troubles: Mutex<HashMap<(String, String), (Millis, Millis)>>,
    /// When strangers were last noted.
    strangers: Mutex<VecDeque<Millis>>,
    /// Daemon and component: the status last seen, and since when.
    seen: Mutex<HashMap<(String, String), (String, Millis)>>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.parts.read().iter().map(|part| part.name()).collect();
        f.debug_struct("Admin").field("parts", &parts).finish_non_exhaustive()
    }
}

impl Admin {
    /// With an event log that is bounded, or kept in a file.
    pub fn new(log: Log) -> Self {
        Self(Arc::new(Inner { log, ..Inner::default() }))
    }

    /// A daemon joins; one of the same name is replaced.
    pub fn add_part(&self, part: impl Part) {
        let mut parts = self.0.parts.write();
        parts.retain(|known| known.name() != part.name());
        parts.push(Arc::new(part));
    }

    pub fn remove_part(&self, name: &str) {
        self.0.parts.write().retain(|known| known.name() != name);
        self.0.resilience.write().retain(|known| known.daemon() != name);
    }

    /// Where services are looked up from now on. The registry's own state goes before a client's view: call it later.
    pub fn show_services(&self, services: impl Services) {
        self.0.services.set(Arc::new(services));
    }

    /// As [`Admin::show_services`], unless somebody has already.
    pub fn offer_services(&self, services: impl Services) {
        self.0.services.set_if_empty(Arc::new(services));
    }

    /// The config server of this process.
    pub fn show_config(&self, config: impl Configs) {
        self.0.config.set(Arc::new(config));
    }

    pub(crate) fn config(&self) -> Option<Arc<dyn Configs>> {
        self.0.config.get()
    }

    /// What instances and other daemons are asked with. It follows no redirects.
    pub fn call_with(&self, http: reqwest::Client) {
        // The first one does.
        self.0.http.get_or_init(|| http);
    }

    pub(crate) fn http(&self) -> Option<&reqwest::Client> {
        self.0.http.get()
    }

    /// Whether anybody can look: what is noted for operators alone need not be noted else.
    pub fn is_served(&self) -> bool {
        self.0.listening.load(Relaxed)
    }

    /// Where this process listens.
    pub(crate) fn listeners(&self) -> Vec<Listener> {
        let parts = self.0.parts.read();
        parts.iter().map(|part| Listener { daemon: part.name(), address: part.address() }).collect()
    }

    /// The gateway of this process.
    pub fn show_gateway(&self, gateway: impl Gateway) {
        self.0.gateway.set(Arc::new(gateway));
    }

    pub(crate) fn gateway(&self) -> Option<Arc<dyn Gateway>> {
        self.0.gateway.get()
    }

    /// The bus daemon of this process.
    pub fn show_bus(&self, bus: impl Board) {
        self.0.bus.set(Arc::new(bus));
    }

    pub(crate) fn bus(&self) -> Option<Arc<dyn Board>> {
        self.0.bus.get()
    }

    /// The patterns of an application; those of an earlier one of the same name are replaced.
    pub fn add_resilience(&self, patterns: impl Resilience) {
        let mut all = self.0.resilience.write();
        all.retain(|known| known.daemon() != patterns.daemon());
        all.push(Arc::new(patterns));
    }

    pub(crate) fn resilience(&self) -> Vec<Arc<dyn Resilience>> {
        self.0.resilience.read().clone()
    }

    /// Whether the caller is the one who serves the API: only the first of several daemons does.
    pub fn claim_listener(&self) -> bool {
        !self.0.listening.swap(true, Relaxed)
    }

    /// The registry of this process.
    pub fn show_registry(&self, registry: impl Registry) {
        self.0.registry.set(Arc::new(registry));
    }

    pub(crate) fn registry(&self) -> Option<Arc<dyn Registry>> {
        self.0.registry.get()
    }

    /// The gateway of this process: its live requests.
    pub fn show_tap(&self, tap: impl Tap) {
        self.0.tap.set(Arc::new(tap));
    }

    pub(crate) fn tap(&self) -> Option<Arc<dyn Tap>> {
        self.0.tap.get()
    }

    /// Whether a daemon of this process has it.
    pub(crate) fn has(&self, domain: Domain) -> bool {
        match domain {
            Domain::Registry => self.0.registry.is_set(),
            Domain::Config => self.0.config.is_set(),
            Domain::Gateway => self.0.tap.is_set(),
            Domain::Bus => self.0.bus.is_set(),
        }
    }

    /// Of this process: the daemon that joined first.
    pub(crate) fn name(&self) -> String {
        self.0.parts.read().first().map_or_else(|| "wellspring".to_owned(), |part| part.name())
    }

    /// The daemon of this process that knows about something; the one that joined first where none does.
    pub(crate) fn daemon_of(&self, domain: Domain) -> String {
        let daemon = match domain {
            Domain::Registry => self.registry().map(|registry| registry.daemon()),
            Domain::Config => self.config().map(|config| config.daemon()),
            Domain::Gateway => self.gateway().map(|gateway| gateway.daemon()),
            Domain::Bus => self.bus().map(|bus| bus.daemon()),
        };
        daemon.unwrap_or_else(|| self.name())
    }

    /// Where others find this process, once it serves the API; `ip` is how they find the machine.
    pub fn found_at(&self, ip: &str) -> Option<String> {
        self.0.federation.found_at(ip)
    }

    /// Whether a daemon of this process has this name.
    pub(crate) fn has_part(&self, name: &str) -> bool {
        self.0.parts.read().iter().any(|part| part.name().eq_ignore_ascii_case(name))
    }

    /// How this process finds and asks others.
    pub fn join(&self, membership: Membership) {
        self.0.federation.join(membership);
    }

    pub(crate) fn introduction(&self) -> Introduction {
        let domains = Domain::ALL.into_iter().filter(|domain| self.has(*domain));
        Introduction {
            id: self.0.federation.id(),
            names: self.0.parts.read().iter().map(|part| part.name()).collect(),
            domains: domains.map(|domain| domain.as_str().to_owned()).collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub(crate) fn federation(&self) -> &Federation {
        &self.0.federation
    }

    /// Whether one more stranger is worth an event: a few each minute are.
    pub(crate) fn may_note_stranger(&self) -> bool {
        let (now, mut noted) = (Millis::now(), self.0.strangers.lock());
        noted.retain(|at| now.since(*at) < Duration::from_secs(60));
        let may = noted.len() < 10;
        if may {
            noted.push_back(now);
        }
        may
    }

    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// Notes what happened; returns the event's id.
    pub fn record(&self, event: New) -> u64 {
        self.0.log.record(event)
    }

    /// What is registered, as far as this process knows, by name.
    pub fn services(&self) -> Vec<Service> {
        let source = self.0.services.get();
        let mut services = source.map(|source| source.services()).unwrap_or_default();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        services
    }

    /// Admin APIs of others that are registered: name and address.
    pub(crate) fn announced(&self) -> Vec<(String, String)> {
        self.0.services.get().map(|source| source.announced()).unwrap_or_default()
    }

    /// All daemons, asked now.
    pub(crate) async fn health(&self) -> Vec<Health> {
        let parts = self.0.parts.read().clone();
        let all = join_all(parts.iter().map(|part| part.health())).await;
        for health in &all {
            self.compare(health);
        }
        all
    }

    /// What is not as it should be, worst known first.
    pub(crate) fn problems(&self, all: &[Health]) -> Vec<Problem> {
        let seen = self.0.seen.lock();
        let mut problems: Vec<_> = all
            .iter()
            .flat_map(|health| health.broken().map(move |(name, component)| (health, name, component)))
            .map(|(health, name, component)| Problem {
                daemon: health.name.clone(),
                component: name.clone(),
                status: component.status.clone(),
                description: component.description.clone(),
                details: component.details.clone(),
                since: seen
                    .get(&(health.name.clone(), name.clone()))
                    .map_or_else(Millis::now, |(_, since)| *since),
                ..Problem::default()
            })
            .collect();
        problems.sort_by(|a, b| (&a.status, a.since.0).cmp(&(&b.status, b.since.0)));
        problems
    }

    /// Since when something is wrong that is no component's status. Forgotten when nobody has asked for it for a while.
    pub(crate) fn first_seen(&self, daemon: &str, what: &str, now: Millis) -> Millis {
        let mut troubles = self.0.troubles.lock();
        troubles.retain(|_, (_, asked)| now.since(*asked) < FORGOTTEN);
        let (since, asked) = troubles.entry((daemon.to_owned(), what.to_owned())).or_insert((now, now));
        *asked = now;
        *since
    }

    /// A component whose status is another than last time is an event.
    fn compare(&self, health: &Health) {
        let now = Millis::now();
        for (name, component) in &health.components {
            let key = (health.name.clone(), name.clone());
            let before = {
                let mut seen = self.0.seen.lock();
                match seen.get(&key) {
                    Some((status, _)) if *status == component.status => continue,
                    _ => seen.insert(key, (component.status.clone(), now)).map(|(status, _)| status),
                }
            };
            // The first look is no change.
            if let Some(before) = before {
                let text = format!("{name} went from {before} to {}", component.status);
                let event = New::of(Topic::Health, "status", &health.name, name).text(text);
                self.record(match &component.details {
                    Some(details) => event.data(details.clone()),
                    None => event,
                });
            }
        }
    }

    /// Looks at health every few seconds, so that changes are events though nobody has the console open.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.health().await;
        }
    }
}
