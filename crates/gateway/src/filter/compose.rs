//! `Compose` (ours): several upstreams asked at once, their JSON merged into one answer, for the front end that needs all.
//!
//! Each part has its own time-out, size and policy for failure (`fail`, `null`, `default`). Only GET: parts are asked with
//! GET and the client's headers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::future::{BoxFuture, join_all};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};
use wellspring_lb_client::pick;
use wellspring_lb_client::{Balancer, Ended};
use wellspring_pattern::{Template, Variables};
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built, header_value};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::headers::hop_by_hop;
use crate::platform::Platform;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::tree::Tree;
use crate::upstream::body::Outgoing;
use crate::upstream::{Counted, Origin, Timeouts};

const MOST_PARTS: usize = 32;
/// Names the parts that failed.
const FAILED: HeaderName = HeaderName::from_static("x-compose-failed");

#[derive(Debug)]
struct Compose {
    platform: Arc<Platform>,
    parts: Vec<Part>,
    hop_by_hop: hop_by_hop::Names,
    no_instance: StatusCode,
}

#[derive(Debug)]
struct Part {
    name: String,
    to: To,
    path: Template,
    timeout: Duration,
    largest: usize,
    policy: Policy,
    /// The members of the part's object stand in the answer itself.
    flatten: bool,
}

#[derive(Debug)]
enum To {
    Fixed(Arc<Origin>),
    Balanced(Arc<Balancer>),
}

/// What a failed part becomes.
#[derive(Debug)]
enum Policy {
    Fail,
    Null,
    Default(Value),
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let timeout = args.duration("timeout")?.unwrap_or(Duration::from_secs(2));
    let largest = args.data_size("maxSize")?.unwrap_or(1 << 20);
    let Some(listed) = args.tree("parts") else {
        return Err(args
            .wrong("parts", "must list what to ask")
            .hint("parts: [{name: user, uri: lb://users/me}]"));
    };
    let parts = listed
        .items()
        .into_iter()
        .map(|part| {
            let known = ["name", "uri", "timeout", "max-size", "on-failure", "default", "flatten"];
            crate::security::setting::only(part, &known, "a part of Compose")?;
            let Tree::Map(members) = part else { return Err(args.wrong("parts", "must be a list of maps")) };
            let own = Args::new("Compose", members, crate::route::args::Shape::Fields(&[]), args.origin())?;
            self::part(&own, setup, timeout, largest)
        })
        .collect::<Result<Vec<_>, _>>()?;
    if parts.len() > MOST_PARTS {
        return Err(args.wrong("parts", format!("must be at most {MOST_PARTS}")));
    }
    Built::around(Compose {
        platform: Arc::clone(setup.platform),
        parts,
        hop_by_hop: setup.config.hop_by_hop.clone(),
        no_instance: setup.config.no_instance,
    })
}

fn part(args: &Args, setup: &Setup<'_>, timeout: Duration, largest: u64) -> Result<Part, Problem> {
    let name = args.required("name")?;
    let uri = args.required("uri")?;
    let wrong = || args.wrong("uri", "must begin with http://, https:// or lb://");
    let (scheme, rest) = uri.split_once("://").ok_or_else(wrong)?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let to = match scheme {
        "lb" if !authority.is_empty() => To::Balanced(setup.platform.balancer(authority)),
        "http" | "https" => {
            let parsed: Uri = format!("{scheme}://{authority}/").parse().map_err(|_| wrong())?;
            let host = parsed.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
            To::Fixed(setup.platform.upstreams.origin(scheme == "https", host, parsed.port_u16()))
        }
        _ => return Err(wrong()),
    };
    // Settings cannot tell `[]` from nothing: JSON in quotes can be empty.
    let default = args.tree("default").map(|tree| match tree.to_json() {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    });
    let policy = match (args.text("on-failure").as_deref(), default) {
        (None | Some("fail"), None) => Policy::Fail,
        (Some("null"), None) => Policy::Null,
        (None | Some("default"), Some(value)) => Policy::Default(value),
        _ => {
            return Err(args
                .wrong("on-failure", "must be fail, null, or default with a default")
                .hint("on-failure: default, default: '[]'"));
        }
    };
    let largest = args.data_size("max-size")?.unwrap_or(largest);
    Ok(Part {
        name,
        to,
        path: Template::new(path),
        timeout: args.duration("timeout")?.unwrap_or(timeout),
        largest: usize::try_from(largest).unwrap_or(usize::MAX),
        policy,
        flatten: args.boolean("flatten", false)?,
    })
}

impl Around for Compose {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, _: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            if !matches!(exchange.method, Method::GET | Method::HEAD) {
                return Err(Error::Status(StatusCode::METHOD_NOT_ALLOWED));
            }
            let headers = self.headers(exchange);
            let query = exchange.query().map(str::to_owned);
            let asked = self.parts.iter().map(|part| {
                let asking = self.ask(part, &headers, &exchange.variables, query.as_deref());
                async move {
                    match tokio::time::timeout(part.timeout, asking).await {
                        Ok(outcome) => outcome,
                        Err(_) => Err(Error::ResponseTimeout {
                            upstream: part.name.clone(),
                            millis: part.timeout.as_millis(),
                        }),
                    }
                }
            });
            let outcomes = join_all(asked).await;
            let mut answer = Map::new();
            let mut failed = Vec::new();
            for (part, outcome) in self.parts.iter().zip(outcomes) {
                let value = match (outcome, &part.policy) {
                    (Ok(value), _) => value,
                    (Err(error), policy) => {
                        tracing::warn!(route = %exchange.route.id, part = part.name, %error, "part failed");
                        failed.push(part.name.as_str());
                        match policy {
                            Policy::Fail => return Err(error),
                            Policy::Null => Value::Null,
                            Policy::Default(value) => value.clone(),
                        }
                    }
                };
                match value {
                    Value::Object(members) if part.flatten => answer.extend(members),
                    value => drop(answer.insert(part.name.clone(), value)),
                }
            }
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if !failed.is_empty() {
                headers.extend(header_value(&failed.join(",")).map(|value| (FAILED, value)));
            }
            let body = serde_json::to_vec(&answer).unwrap_or_default();
            headers.insert(CONTENT_LENGTH, body.len().into());
            super::take_answer(exchange, &mut headers);
            Ok(Reply::new(StatusCode::OK, headers, Body::from(body)))
        })
    }
}

impl Compose {
    /// The client's headers, without what concerns its connection, its body or its own cache.
    fn headers(&self, exchange: &Exchange) -> HeaderMap {
        let mut headers = exchange.headers.clone();
        hop_by_hop::remove(&mut headers, &self.hop_by_hop);
        for name in [CONTENT_LENGTH, CONTENT_TYPE, ACCEPT_ENCODING, RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE] {
            headers.remove(name);
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers
    }

    async fn ask(
        &self,
        part: &Part,
        headers: &HeaderMap,
        variables: &Variables,
        query: Option<&str>,
    ) -> Result<Value, Error> {
        let path = part.path.expand(variables)?;
        let text = match query {
            Some(query) if !path.contains('?') => format!("{path}?{query}"),
            _ => path,
        };
        let path = crate::exchange::parse(text)?;
        let (origin, counted) = match &part.to {
            To::Fixed(origin) => (Arc::clone(origin), None),
            To::Balanced(balancer) => {
                let request = pick::Request { headers: Some(headers), ..pick::Request::default() };
                let instance = balancer.choose(&request).ok_or_else(|| Error::NoInstance {
                    service: balancer.service().to_owned(),
                    status: self.no_instance,
                })?;
                let upstreams = &self.platform.upstreams;
                let origin = upstreams.origin(instance.secure(), instance.host(), Some(instance.port()));
                (origin, Some(Counted::begin(Arc::clone(balancer), instance)))
            }
        };
        let mut request = Request::new(Outgoing::Empty);
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = headers.clone();
        request.headers_mut().insert(HOST, origin.host_header.clone());
        let timeouts = Timeouts { connect: part.timeout, response: None };
        let mut response = match self.platform.upstreams.call(&origin, &mut request, timeouts).await {
            Ok(response) => response,
            Err(error) => {
                if let Some(counted) = counted {
                    counted.end(Ended::Failed, error.phase() == "connect");
                }
                return Err(error);
            }
        };
        let status = response.status();
        if let Some(counted) = counted {
            let ended = if status.is_server_error() { Ended::Failed } else { Ended::Answered };
            response.body_mut().count(counted, ended);
        }
        let body = Limited::new(response.into_body(), part.largest).collect().await.map_err(|error| {
            Error::BadAnswer { upstream: origin.shown.to_string(), reason: error.to_string() }
        })?;
        let bad = |reason: String| Error::BadAnswer { upstream: origin.shown.to_string(), reason };
        if !status.is_success() {
            return Err(bad(format!("status {}", status.as_u16())));
        }
        let bytes = body.to_bytes();
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| bad(format!("no JSON: {error}")))
    }
}
