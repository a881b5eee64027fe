//! Filters: what happens to the request and its answer. One file per kind, named as in the YAML; `FILTERS` is the list.
//!
//! Most only edit (`Edit`, sync and cheap); what waits or repeats wraps the rest of the chain (`Around`).

mod add_request_header;
mod add_request_headers_if_not_present;
mod add_request_parameter;
mod add_response_header;
mod cache_request_body;
mod circuit_breaker;
mod compose;
mod dedupe_response_header;
mod fallback_headers;
mod fault_injection;
mod json_to_grpc;
mod local_response_cache;
mod maintenance;
mod map_request_header;
mod mirror;
mod modify_request_body;
mod modify_response_body;
mod prefix_path;
mod preserve_host_header;
mod redirect_to;
mod remove_json_attributes_response_body;
mod remove_request_header;
mod remove_request_parameter;
mod remove_response_header;
mod request_header_size;
mod request_header_to_request_uri;
mod request_rate_limiter;
mod request_size;
mod retry;
mod rewrite_location_response_header;
mod rewrite_path;
mod rewrite_request_parameter;
mod rewrite_response_header;
mod save_session;
mod secure_headers;
mod set_path;
mod set_request_header;
mod set_request_host_header;
mod set_request_uri;
mod set_response_header;
mod set_status;
mod strip_prefix;
mod token_relay;

pub mod chain;
pub(crate) mod json_body;

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue};
use wellspring_pattern::Template;
use wellspring_pattern::template::UnknownVariable;
use wellspring_properties::Problem;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::global::{forward_path, load_balance, route_url};
use crate::reply::Reply;
use crate::route::args::{Args, Shape};
use crate::route::compile::Setup;
use chain::{Next, Placed};

/// Why the request goes no further.
#[derive(Debug)]
pub enum Halt {
    /// A filter has answered.
    Reply(Box<Reply>),
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Reply> for Halt {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

impl From<UnknownVariable> for Halt {
    fn from(unknown: UnknownVariable) -> Self {
        Self::Failed(unknown.into())
    }
}

impl From<UnknownVariable> for Error {
    fn from(unknown: UnknownVariable) -> Self {
        Self::Unroutable(unknown.to_string())
    }
}

/// Changes the request on its way in and the answer on its way out.
pub trait Edit: Debug + Send + Sync {
    fn request(&self, _exchange: &mut Exchange) -> Result<(), Halt> {
        Ok(())
    }

    fn response(&self, _exchange: &Exchange, _reply: &mut Reply) -> Result<(), Error> {
        Ok(())
    }

    /// Whether `request` changes nothing outside the exchange, so that a trace may run it.
    fn is_pure(&self) -> bool {
        true
    }
}

/// Wraps everything behind it: may wait, repeat, or answer instead.
pub trait Around: Debug + Send + Sync {
    /// The breaker that it is.
    fn breaker(&self) -> Option<&str> {
        None
    }

    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>>;
}

/// What building a filter gives.
#[derive(Debug)]
pub enum Built {
    Edit(Box<dyn Edit>),
    Around(Box<dyn Around>),
    /// Accepted, and without effect here.
    Nothing,
}

impl Built {
    pub(crate) fn edit(edit: impl Edit + 'static) -> Result<Self, Problem> {
        Ok(Self::Edit(Box::new(edit)))
    }

    pub(crate) fn around(around: impl Around + 'static) -> Result<Self, Problem> {
        Ok(Self::Around(Box::new(around)))
    }
}

/// A kind of filter.
#[derive(Debug)]
pub struct Kind {
    /// As in the YAML.
    pub name: &'static str,
    pub shape: Shape,
    /// A fixed place in the chain; otherwise the place in the route's list.
    pub order: Option<i32>,
    pub build: fn(&Args, &Setup<'_>) -> Result<Built, Problem>,
}

/// Writes the answer: filters that change the answer's body sit just outside.
const AROUND_BODY: i32 = -2;
/// Just behind the point where the route's address becomes the target.
const AFTER_ROUTE_URL: i32 = 10_001;

macro_rules! kinds {
    ($($name:literal $module:ident $shape:expr $(, $order:expr)?;)*) => {
        /// Every filter there is.
        pub const FILTERS: &[Kind] = &[$(Kind { name: $name, shape: $shape, order: kinds!(@ $($order)?), build: $module::build }),*];
    };
    (@) => { None };
    (@ $order:expr) => { Some($order) };
}

use Shape::{Fields, List, ListWithFlag};

kinds! {
    "AddRequestHeader" add_request_header Fields(&["name", "value"]);
    "AddRequestHeadersIfNotPresent" add_request_headers_if_not_present List("keyValues");
    "AddRequestParameter" add_request_parameter Fields(&["name", "value"]);
    "AddResponseHeader" add_response_header Fields(&["name", "value", "override"]);
    "CacheRequestBody" cache_request_body Fields(&["bodyClass"]);
    "CircuitBreaker" circuit_breaker Fields(&["name"]);
    "Compose" compose Fields(&[]);
    "DedupeResponseHeader" dedupe_response_header Fields(&["name", "strategy"]);
    "FallbackHeaders" fallback_headers Fields(&[]);
    "FaultInjection" fault_injection Fields(&["delay", "abort"]);
    "JsonToGrpc" json_to_grpc Fields(&["protoDescriptor", "protoFile", "service", "method"]);
    "LocalResponseCache" local_response_cache Fields(&["timeToLive", "size"]), AROUND_BODY;
    "Maintenance" maintenance Fields(&["enabled", "status", "retryAfter"]);
    "MapRequestHeader" map_request_header Fields(&["fromHeader", "toHeader"]);
    "Mirror" mirror Fields(&["uri", "percent"]);
    "ModifyRequestBody" modify_request_body Fields(&[]);
    "ModifyResponseBody" modify_response_body Fields(&[]), AROUND_BODY;
    "PrefixPath" prefix_path Fields(&["prefix"]);
    "PreserveHostHeader" preserve_host_header Fields(&[]);
    "RedirectTo" redirect_to Fields(&["status", "url", "includeRequestParams"]);
    "RemoveJsonAttributesResponseBody" remove_json_attributes_response_body
        ListWithFlag("fieldList", "deleteRecursively"), AROUND_BODY;
    "RemoveRequestHeader" remove_request_header Fields(&["name"]);
    "RemoveRequestParameter" remove_request_parameter Fields(&["name"]);
    "RemoveResponseHeader" remove_response_header Fields(&["name"]);
    "RequestHeaderSize" request_header_size Fields(&["maxSize", "errorHeaderName"]);
    "RequestHeaderToRequestUri" request_header_to_request_uri Fields(&["name"]), AFTER_ROUTE_URL;
    "RequestRateLimiter" request_rate_limiter Fields(&[]);
    "RequestSize" request_size Fields(&["maxSize"]);
    "Retry" retry Fields(&[
        "retries", "statuses", "methods", "backoff.firstBackoff", "backoff.maxBackoff", "backoff.factor",
        "backoff.basedOnPreviousValue", "jitter.randomFactor", "timeout",
    ]);
    "RewriteLocationResponseHeader" rewrite_location_response_header
        Fields(&["stripVersion", "locationHeaderName", "hostValue", "protocols"]);
    "RewritePath" rewrite_path Fields(&["regexp", "replacement"]);
    "RewriteRequestParameter" rewrite_request_parameter Fields(&["name", "replacement"]);
    "RewriteResponseHeader" rewrite_response_header Fields(&["name", "regexp", "replacement"]);
    "SaveSession" save_session Fields(&[]);
    "SecureHeaders" secure_headers Fields(&[]);
    "SetPath" set_path Fields(&["template"]);
    "SetRequestHeader" set_request_header Fields(&["name", "value"]);
    "SetRequestHostHeader" set_request_host_header Fields(&["host"]);
    "SetRequestUri" set_request_uri Fields(&["template"]), AFTER_ROUTE_URL;
    "SetResponseHeader" set_response_header Fields(&["name", "value"]);
    "SetStatus" set_status Fields(&["status"]);
    "StripPrefix" strip_prefix Fields(&["parts"]);
    "TokenRelay" token_relay Fields(&["clientRegistrationId"]);
}

/// The steps that every chain has, unless switched off by `global-filter.<name>.enabled=false`.
pub(crate) fn built_in(setup: &Setup<'_>) -> Result<Vec<Placed>, Problem> {
    let on = |name: &str| {
        let key = format!("{}.global-filter.{name}.enabled", crate::config::PREFIX);
        setup.env.get(&key).as_deref() != Some("false")
    };
    let mut placed = Vec::new();
    if on("forward-path") {
        placed.push(Placed::global(
            forward_path::ORDER,
            "ForwardPath",
            Built::Edit(Box::new(forward_path::ForwardPath)),
        ));
    }
    if on("route-to-request-url") {
        placed.push(Placed::global(
            route_url::ORDER,
            "RouteToRequestUrl",
            Built::Edit(Box::new(route_url::RouteUrl)),
        ));
    }
    if on("reactive-load-balancer-client") {
        let balance = load_balance::LoadBalance::new(setup);
        placed.push(Placed::global(
            load_balance::ORDER,
            "ReactiveLoadBalancerClient",
            Built::Edit(Box::new(balance)),
        ));
    }
    if let Some(cache) = local_response_cache::global(setup)? {
        placed.push(Placed::global(AROUND_BODY, "LocalResponseCache", cache));
    }
    Ok(placed)
}

/// A header's value with template variables.
#[derive(Debug)]
pub(crate) enum Value {
    Fixed(HeaderValue),
    Filled(Template),
}

impl Value {
    pub(crate) fn argument(args: &Args, name: &str) -> Result<Self, Problem> {
        let template = Template::new(&args.required(name)?);
        match template.as_literal() {
            Some(text) => {
                header_value(text).map(Self::Fixed).ok_or_else(|| args.wrong(name, "is no header value"))
            }
            None => Ok(Self::Filled(template)),
        }
    }

    pub(crate) fn get(&self, exchange: &Exchange) -> Result<HeaderValue, Error> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Filled(template) => {
                let text = template.expand(&exchange.variables)?;
                // A captured line break must not begin a new header.
                header_value(&text).ok_or_else(|| Error::Unroutable(format!("no header value: {text:?}")))
            }
        }
    }
}

/// A header's value; text beyond ASCII goes as UTF-8 bytes.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

/// Headers that filters set before there was an answer, put in front of those of a filter's own answer.
pub(crate) fn take_answer(exchange: &mut Exchange, headers: &mut http::HeaderMap) {
    for (name, value) in &std::mem::take(&mut exchange.answer) {
        headers.append(name.clone(), value.clone());
    }
}

/// All values of a header as text, lossless for ASCII.
pub(crate) fn texts<'a>(
    headers: &'a http::HeaderMap,
    name: &'a HeaderName,
) -> impl Iterator<Item = std::borrow::Cow<'a, str>> {
    headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()))
}
