//! One daemon as the operator sees it: its health, and what is wrong with it since when.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::Value;
use wellspring_wire::Millis;

use crate::schema::view;

/// A daemon of this process. It is asked whenever somebody looks, and every few seconds for the event log.
pub trait Part: Send + Sync + 'static {
    fn name(&self) -> String;
    /// Where it listens.
    fn address(&self) -> String;
    fn health(&self) -> BoxFuture<'_, Health>;
}

view! {
    /// A daemon's health.
    pub struct Health {
        /// Its name.
        name: String,
        /// Where it listens.
        address: String,
        /// The sum: UP, DOWN, OUT_OF_SERVICE, UNKNOWN.
        status: String,
        /// What the sum is made of.
        components: BTreeMap<String, Component>,
    }
}

view! {
    /// One indicator.
    pub struct Component {
        /// UP, DOWN, OUT_OF_SERVICE, UNKNOWN.
        status: String,
        /// What it is.
        description: Option<String>,
        /// What explains the status.
        details: Option<Value>,
    }
}

view! {
    /// Something that is not as it should be.
    pub struct Problem {
        /// The daemon concerned.
        daemon: String,
        /// The indicator that says so.
        component: String,
        /// Its status.
        status: String,
        /// What it says.
        description: Option<String>,
        /// What explains it.
        details: Option<Value>,
        /// When it was first seen so.
        since: Millis,
        /// Services, instances, labels or routes that suffer.
        affects: Vec<String>,
        /// What to do.
        hint: Option<String>,
        /// The command that does it, or shows more.
        command: Option<String>,
        /// The console's page that shows more.
        page: Option<String>,
    }
}

impl Health {
    /// The components that are neither UP nor unknown.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (&String, &Component)> {
        self.components.iter().filter(|(_, component)| !matches!(component.status.as_str(), "UP" | "UNKNOWN"))
    }
}
