//! `LocalResponseCache=timeToLive,size`: whole answers to GET are kept in memory and given again.
//!
//! Kept: 200, 206 and 301 without `private`, `no-store` or `Vary: *`. The key is the URI with Authorization, Cookie and the
//! headers that the answer varies by. `Cache-Control: no-cache` of a request passes the cache by.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, EXPIRES, PRAGMA, VARY};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tokio::time::Instant;
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built, header_value, texts};
use crate::cache::{Cache, Cached, tee};
use crate::config::Settings;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::problem::NOT_OFFERED;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::upstream::body::Payload;

/// Without a configured size a route's cache holds this many bytes.
const DEFAULT_SIZE: usize = 64 << 20;
const ENABLED: &str = "filter.local-response-cache.enabled";

#[derive(Debug)]
struct LocalResponseCache {
    cache: Arc<Cache>,
    keep: Duration,
    /// `no-cache` requests renew the entry.
    renew: bool,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let settings = Settings { env: setup.env };
    if !settings.flag(ENABLED, false)? {
        let key = format!("{}.{ENABLED}", crate::config::PREFIX);
        return Err(Problem::new(NOT_OFFERED, "LocalResponseCache is switched off")
            .at(args.origin())
            .hint(format!("{key}: true")));
    }
    let size = match args.data_size("size")? {
        Some(size) => Some(usize::try_from(size).map_err(|_| args.wrong("size", "is too large"))?),
        None => settings.size("filter.local-response-cache.size")?,
    };
    make(args.duration("timeToLive")?, size, &settings).map(Built::Around)
}

/// The same for every route, when `global-filter.local-response-cache.enabled` and the filter itself are on.
pub(super) fn global(setup: &Setup<'_>) -> Result<Option<Built>, Problem> {
    let settings = Settings { env: setup.env };
    if !settings.flag(ENABLED, false)?
        || !settings.flag("global-filter.local-response-cache.enabled", false)?
    {
        return Ok(None);
    }
    make(None, settings.size("filter.local-response-cache.size")?, &settings)
        .map(|around| Some(Built::Around(around)))
}

fn make(
    keep: Option<Duration>,
    size: Option<usize>,
    settings: &Settings<'_>,
) -> Result<Box<dyn Around>, Problem> {
    let keep = match keep {
        Some(keep) => keep,
        None => {
            settings.duration("filter.local-response-cache.time-to-live")?.unwrap_or(Duration::from_secs(300))
        }
    };
    let strategy = settings.text("filter.local-response-cache.request.no-cache-strategy");
    let strategy = strategy.map(|text| text.to_ascii_lowercase().replace('_', "-"));
    let renew = match strategy.as_deref() {
        None | Some("skip-update-cache-entry") => false,
        Some("update-cache-entry") => true,
        Some(_) => {
            let name = "filter.local-response-cache.request.no-cache-strategy";
            return Err(settings.wrong(name, "must be skip-update-cache-entry or update-cache-entry"));
        }
    };
    let cache = Arc::new(Cache::new(keep, size.unwrap_or(DEFAULT_SIZE)));
    Ok(Box::new(LocalResponseCache { cache, keep, renew }))
}

impl Around for LocalResponseCache {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let directives = directives(&exchange.headers);
            let plain = exchange.method == Method::GET
                && matches!(exchange.payload, Payload::Empty)
                && !forbids(&directives)
                && exchange.upgrade.is_none();
            if !plain {
                return next.run(exchange).await;
            }
            let key = key(exchange);
            let pass_by = directives.iter().any(|directive| directive == "no-cache");
            if !pass_by && let Some((cached, rest)) = self.cache.get(&key, &exchange.headers, Instant::now())
            {
                return Ok(again(&cached, rest));
            }
            let request = exchange.headers.clone();
            let mut reply = next.run(exchange).await?;
            if reply.committed || !is_cacheable(&reply) || (pass_by && !self.renew) {
                return Ok(reply);
            }
            let varies: Vec<HeaderName> = texts(&reply.headers, &VARY)
                .flat_map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>())
                .filter_map(|name| name.trim().parse().ok())
                .collect();
            freshen(&mut reply.headers, self.keep);
            let (cache, status, headers) = (Arc::clone(&self.cache), reply.status, reply.headers.clone());
            reply.body = tee(reply.body, self.cache.capacity(), move |body| {
                cache.put(&key, &request, varies, (status, headers, body), Instant::now());
            });
            Ok(reply)
        })
    }
}

fn again(cached: &Cached, rest: Duration) -> Reply {
    let mut headers = cached.headers.clone();
    freshen(&mut headers, rest);
    let mut reply = Reply::new(cached.status, headers, Body::from(cached.body.clone()));
    reply.committed = true;
    reply
}

fn key(exchange: &Exchange) -> String {
    let mut key = String::from(exchange.original.uri.as_str());
    for name in [&AUTHORIZATION, &COOKIE] {
        key.push('\n');
        for value in texts(&exchange.headers, name) {
            key.push_str(&value);
        }
    }
    key
}

fn is_cacheable(reply: &Reply) -> bool {
    let status =
        matches!(reply.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::MOVED_PERMANENTLY);
    let any = texts(&reply.headers, &VARY).any(|line| line.split(',').any(|name| name.trim() == "*"));
    status && !any && !forbids(&directives(&reply.headers))
}

fn forbids(directives: &[String]) -> bool {
    directives.iter().any(|directive| matches!(directive.as_str(), "no-store" | "private"))
}

fn directives(headers: &HeaderMap) -> Vec<String> {
    texts(headers, &CACHE_CONTROL)
        .flat_map(|line| {
            line.split(',').map(|directive| directive.trim().to_ascii_lowercase()).collect::<Vec<_>>()
        })
        .collect()
}

/// `max-age` with what is left; Pragma and Expires would contradict it.
fn freshen(headers: &mut HeaderMap, rest: Duration) {
    let mut directives = directives(headers);
    directives.retain(|directive| !directive.starts_with("max-age") && !directive.is_empty());
    directives.push(format!("max-age={}", rest.as_secs()));
    if let Some(value) = header_value(&directives.join(", ")) {
        headers.insert(CACHE_CONTROL, value);
    }
    headers.remove(PRAGMA);
    headers.remove(EXPIRES);
}
