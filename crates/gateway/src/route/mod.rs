//! Routes: how they are written, compiled, found for a request and replaced as a whole.

pub mod args;
pub mod compile;
pub mod definition;
pub mod difference;
pub mod operated;
pub mod refresh;
pub mod source;
pub mod table;

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use indexmap::IndexMap;
use wellspring_lb_client::Balancer;

use crate::filter::chain::Chain;
use crate::metrics::RouteMeters;
use crate::predicate::Predicate;
use crate::security::Rule;
use crate::tree::Tree;
use crate::upstream::Origin;

pub use definition::Definition;

/// A compiled route. Requests in flight keep theirs when the table is swapped.
#[derive(Debug)]
pub struct Route {
    pub id: Arc<str>,
    pub order: i32,
    pub destination: Destination,
    pub predicates: Vec<Box<dyn Predicate>>,
    pub chain: Chain,
    pub metadata: IndexMap<String, Tree>,
    pub connect_timeout: Duration,
    /// `None`: as long as it takes.
    pub response_timeout: Option<Duration>,
    /// As the actuator shows it, always with a port.
    pub shown_uri: String,
    pub meters: RouteMeters,
    pub definition: Arc<Definition>,
    /// What the route's metadata ask of its callers.
    pub security: Option<Box<Rule>>,
}

/// Where a route leads.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A fixed address.
    Upstream { origin: Arc<Origin>, websocket: bool },
    /// An instance of a service, chosen per request; `scheme` when the route fixes one (`lb:ws://name`).
    Balanced { service: Arc<str>, balancer: Arc<Balancer>, scheme: Option<Arc<str>> },
    /// Once more through the gateway.
    Forward(PathAndQuery),
    /// A scheme without transport (`no://op`): 200 with nothing, unless a filter answers.
    Nowhere,
    /// `lb://` with a name that is no legal host: an error for every request, as in the original.
    Illegal(String),
}
