//! Predicates: whether a route is meant. One file per kind, named as in the YAML; `PREDICATES` is the list.

mod after;
mod before;
mod between;
mod cloud_foundry_route_service;
mod cookie;
mod header;
mod host;
mod method;
mod path;
mod query;
mod read_body;
mod remote_addr;
mod version;
mod weight;
mod x_forwarded_remote_addr;

mod date;
pub(crate) mod subnet;

use std::cell::{OnceCell, RefCell};
use std::fmt::Debug;
use std::net::IpAddr;

use http::{HeaderMap, Method};
use wellspring_pattern::{PathPattern, Variables};
use wellspring_properties::Problem;
use wellspring_wire::Millis;

use crate::route::args::{Args, Shape};
use crate::route::compile::Setup;

pub use weight::Groups;
pub(crate) use weight::weight_of;

/// The request as predicates see it.
#[derive(Debug)]
pub struct Ask<'a> {
    pub method: &'a Method,
    /// Raw, without the query.
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    /// The Host header, or the authority of HTTP/2.
    pub host: Option<&'a str>,
    pub peer: IpAddr,
    /// Epoch milliseconds, read when a predicate asks.
    pub now: OnceCell<i64>,
    /// Which route of a weight group this request drew: group, place in the group.
    pub drawn: RefCell<Vec<(usize, usize)>>,
}

impl Ask<'_> {
    /// When the request came, in epoch milliseconds.
    pub fn now(&self) -> i64 {
        *self.now.get_or_init(|| Millis::now().0)
    }
}

/// One condition of a route. `test` may write captured variables even when another condition fails afterwards.
pub trait Predicate: Debug + Send + Sync {
    fn test(&self, ask: &Ask<'_>, found: &mut Variables) -> bool;

    /// As the actuator prints it.
    fn describe(&self) -> String;

    /// The path patterns, one of which must match: what the table is indexed by.
    fn paths(&self) -> Option<&[PathPattern]> {
        None
    }
}

type Build = fn(&Args, &Setup<'_>) -> Result<Box<dyn Predicate>, Problem>;

/// A kind of predicate.
#[derive(Debug)]
pub struct Kind {
    /// As in the YAML.
    pub name: &'static str,
    pub shape: Shape,
    pub build: Build,
}

/// Every predicate there is.
pub const PREDICATES: &[Kind] = &[
    Kind { name: "After", shape: Shape::Fields(&["datetime"]), build: after::build },
    Kind { name: "Before", shape: Shape::Fields(&["datetime"]), build: before::build },
    Kind { name: "Between", shape: Shape::Fields(&["datetime1", "datetime2"]), build: between::build },
    Kind {
        name: "CloudFoundryRouteService",
        shape: Shape::Fields(&[]),
        build: cloud_foundry_route_service::build,
    },
    Kind { name: "Cookie", shape: Shape::Fields(&["name", "regexp"]), build: cookie::build },
    Kind { name: "Header", shape: Shape::Fields(&["header", "regexp"]), build: header::build },
    Kind { name: "Host", shape: Shape::List("patterns"), build: host::build },
    Kind { name: "Method", shape: Shape::List("methods"), build: method::build },
    Kind { name: "Path", shape: Shape::ListWithFlag("patterns", "matchTrailingSlash"), build: path::build },
    Kind { name: "Query", shape: Shape::Fields(&["param", "regexp"]), build: query::build },
    Kind { name: "ReadBody", shape: Shape::Fields(&[]), build: read_body::build },
    Kind { name: "RemoteAddr", shape: Shape::List("sources"), build: remote_addr::build },
    Kind { name: "Version", shape: Shape::Fields(&["version"]), build: version::build },
    Kind { name: "Weight", shape: Shape::Fields(&["group", "weight"]), build: weight::build },
    Kind {
        name: "XForwardedRemoteAddr",
        shape: Shape::List("sources"),
        build: x_forwarded_remote_addr::build,
    },
];
