//! `Mirror=uri,percent?` (ours): sends a copy of some requests to another address and forgets its answer.
//!
//! The copy never delays or fails the original: it is sent beside it, left out when too many are under way, and requests
//! whose body is large or of unknown length are not copied.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, HOST};
use http::{Request, Uri};
use http_body_util::BodyExt;
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::headers::hop_by_hop;
use crate::platform::Platform;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::upstream::body::{Outgoing, Payload};
use crate::upstream::{Origin, Timeouts};

/// Copies under way per route.
const MOST: usize = 128;
/// Bodies up to this size are copied.
const BODY: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Mirror {
    platform: Arc<Platform>,
    origin: Arc<Origin>,
    /// Of a million requests.
    share: u32,
    hop_by_hop: hop_by_hop::Names,
    running: Arc<AtomicUsize>,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let uri: Uri = args.required("uri")?.parse().map_err(|_| args.wrong("uri", "is not a URI"))?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(args.wrong("uri", "must begin with http:// or https://")),
    };
    let Some(host) = uri.host() else { return Err(args.wrong("uri", "has no host")) };
    Built::around(Mirror {
        platform: Arc::clone(setup.platform),
        origin: setup.platform.upstreams.origin(tls, host, uri.port_u16()),
        share: args.share("percent", 100.0)?,
        hop_by_hop: setup.config.hop_by_hop.clone(),
        running: Arc::default(),
    })
}

impl Around for Mirror {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            if fastrand::u32(..1_000_000) < self.share && exchange.upgrade.is_none() {
                if is_small(exchange) {
                    exchange.payload.keep(BODY).await?;
                }
                if exchange.payload.is_repeatable() {
                    self.send(exchange);
                }
            }
            next.run(exchange).await
        })
    }
}

impl Mirror {
    fn send(&self, exchange: &mut Exchange) {
        let Some(slot) = Slot::take(&self.running) else { return };
        let Ok(body) = exchange.payload.send() else { return };
        let mut request: Request<Outgoing> = Request::new(body);
        *request.method_mut() = exchange.method.clone();
        *request.uri_mut() = Uri::from(exchange.uri.clone());
        let mut headers = exchange.headers.clone();
        hop_by_hop::remove(&mut headers, &self.hop_by_hop);
        headers.insert(HOST, self.origin.host_header.clone());
        *request.headers_mut() = headers;
        let (platform, origin) = (Arc::clone(&self.platform), Arc::clone(&self.origin));
        tokio::spawn(async move {
            let timeouts = Timeouts { connect: PATIENCE, response: Some(PATIENCE) };
            match platform.upstreams.call(&origin, &mut request, timeouts).await {
                // Reading the answer to its end gives the connection back.
                Ok(response) => drop(tokio::time::timeout(PATIENCE, drain(response.into_body())).await),
                Err(error) => tracing::debug!(%error, "mirrored request failed"),
            }
            drop(slot);
        });
    }
}

async fn drain<B: http_body::Body + Unpin>(mut body: B) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn is_small(exchange: &Exchange) -> bool {
    let length =
        exchange.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    matches!(exchange.payload, Payload::Stream(_)) && length.is_some_and(|length| length <= BODY)
}

/// A place among the copies under way.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(running: &Arc<AtomicUsize>) -> Option<Self> {
        let slot = Self(Arc::clone(running));
        (running.fetch_add(1, Ordering::Relaxed) < MOST).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
