//! Health: indicators by name, their sum, groups, and what of it a caller may see.
//!
//! `livenessState` and `readinessState` are always there; the frame sets readiness. Indicators run side by side and
//! have ten seconds to answer.

mod indicator;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::RwLock;
use serde::Serialize;
use serde_json::Value;
use wellspring_properties::{Environment, Problem};

pub use indicator::{Component, Indicator, Status};
pub(crate) use settings::{Group, Settings, Show, StatusSettings};

/// How long an indicator may take before it counts as DOWN.
const PATIENCE: Duration = Duration::from_secs(10);

/// An application's health. Cloning shares it.
#[derive(Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Default)]
struct Inner {
    env: Option<Environment>,
    indicators: RwLock<BTreeMap<String, Arc<dyn Indicator>>>,
    ready: AtomicBool,
    broken: AtomicBool,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("indicators", &self.0.indicators.read().keys().collect::<Vec<_>>())
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}

/// What one look at some indicators gave.
#[derive(Debug)]
pub struct Report {
    pub status: Status,
    pub components: BTreeMap<String, Component>,
}

impl Health {
    pub(crate) fn new(env: &Environment) -> Result<Self, Problem> {
        // Said once, so that a wrong value is a problem at the start and not at the first indicator.
        env.get_as::<bool>("management.health.defaults.enabled")?;
        Ok(Self(Arc::new(Inner { env: Some(env.clone()), ..Inner::default() })))
    }

    /// `management.health.NAME.enabled`.
    fn wanted(&self, name: &str) -> bool {
        let switch = |name: &str| {
            let env = self.0.env.as_ref()?;
            env.get_as::<bool>(&format!("management.health.{name}.enabled")).ok().flatten()
        };
        switch(name).or_else(|| switch("defaults")).unwrap_or(true)
    }

    /// Adds an indicator, or replaces the one of that name, unless `management.health.NAME.enabled` is false. A closure `|| async { Component::up() }` is one as well.
    pub fn add(&self, name: impl Into<String>, indicator: impl Indicator) {
        let name = name.into();
        if self.wanted(&name) {
            self.0.indicators.write().insert(name, Arc::new(indicator));
        }
    }

    /// Readiness: the frame sets it when it serves and takes it away when a stop begins.
    pub fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Relaxed);
    }

    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Relaxed)
    }

    /// Liveness: a daemon that can only be helped by a restart says so.
    pub fn set_broken(&self, broken: bool) {
        self.0.broken.store(broken, Relaxed);
    }

    /// Asks every indicator that `wanted` admits; `order` decides the sum.
    pub async fn report(&self, wanted: impl Fn(&str) -> bool, order: &[Status]) -> Report {
        let asked: Vec<_> = self
            .0
            .indicators
            .read()
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, indicator)| (name.clone(), Arc::clone(indicator)))
            .collect();
        let answers = join_all(asked.into_iter().map(|(name, indicator)| async move {
            let answer = tokio::time::timeout(PATIENCE, indicator.check()).await;
            let late = || Component::down().detail("error", format!("no answer within {PATIENCE:?}"));
            (name, answer.unwrap_or_else(|_| late()))
        }));
        let mut components: BTreeMap<_, _> = answers.await.into_iter().collect();
        for (name, state) in [("livenessState", self.liveness()), ("readinessState", self.readiness())] {
            if wanted(name) {
                components.insert(name.to_owned(), Component::new(state));
            }
        }
        let status = Status::sum(components.values().map(|component| &component.status), order);
        Report { status, components }
    }

    fn liveness(&self) -> Status {
        if self.0.broken.load(Relaxed) { Status::DOWN } else { Status::UP }
    }

    fn readiness(&self) -> Status {
        if self.is_ready() { Status::UP } else { Status::OUT_OF_SERVICE }
    }
}

/// The body of a health answer; `details` instead of `components` for actuator v2.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub status: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<BTreeMap<String, Self>>,
}

impl Body {
    /// A component as a caller may see it; children are shown where the parent's are.
    pub(crate) fn of(component: Component, details: bool, components: bool) -> Self {
        let children = component.components.filter(|_| components).map(|children| {
            children.into_iter().map(|(name, child)| (name, Self::of(child, details, components))).collect()
        });
        let shown = component.details.filter(|map| details && !map.is_empty());
        Self {
            description: component.description.filter(|_| details),
            status: component.status.to_string(),
            groups: Vec::new(),
            details: shown.map(|map| Value::Object(map.into_iter().collect())),
            components: children,
        }
    }

    /// Actuator v2 calls the components `details`, at every level.
    pub(crate) fn into_v2(mut self) -> Self {
        if let Some(children) = self.components.take() {
            let children = children
                .into_iter()
                .map(|(name, child)| (name, serde_json::to_value(child.into_v2()).unwrap_or_default()));
            self.details = Some(Value::Object(children.collect()));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_worst_component_decides_and_readiness_follows_the_frame() {
        let health = Health::default();
        health.add("ping", || async { Component::up() });
        let order = Status::default_order();
        assert_eq!(health.report(|_| true, &order).await.status, Status::OUT_OF_SERVICE);
        health.set_ready(true);
        assert_eq!(health.report(|_| true, &order).await.status, Status::UP);
        health.add("git", || async { Component::down().detail("why", "unreachable") });
        assert_eq!(health.report(|_| true, &order).await.status, Status::DOWN);
        assert_eq!(health.report(|name| name == "livenessState", &order).await.status, Status::UP);
    }

    #[tokio::test(start_paused = true)]
    async fn an_indicator_that_hangs_is_down() {
        let health = Health::default();
        health.add("stuck", std::future::pending::<Component>);
        let report = health.report(|name| name == "stuck", &Status::default_order()).await;
        assert_eq!(report.status, Status::DOWN);
    }
}
