//! `RequestRateLimiter`: a token bucket per key, in this process or in Redis (`rate_limit`).
//!
//! Redis is used when `spring.data.redis.*` says where it is, or when the argument `rate-limiter` names a bean that says so.

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use wellspring_properties::Problem;
use wellspring_redis::{Address, Redis};
use wellspring_telemetry::{Counter, names};

use super::chain::Next;
use super::{Around, Built, Edit, Halt, header_value};
use crate::config::Settings;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::rate_limit::key::KeyResolver;
use crate::rate_limit::local::Local;
use crate::rate_limit::verdicts::{Limiter, Verdicts};
use crate::rate_limit::{self, Bucket, Decision};
use crate::reply::Reply;
use crate::route::args::{Args, bean_name};
use crate::route::compile::Setup;

/// Limits in this process: no waiting, so an edit.
#[derive(Debug)]
struct InProcess {
    rules: Rules,
    buckets: Arc<Local>,
}

/// Limits in Redis.
#[derive(Debug)]
struct Shared {
    rules: Rules,
    redis: Redis,
    unlimited: Counter,
}

#[derive(Debug)]
struct Rules {
    route: String,
    bucket: Bucket,
    key: KeyResolver,
    deny_empty_key: bool,
    empty_key_status: StatusCode,
    status: StatusCode,
    headers: Option<Names>,
    verdicts: Arc<Verdicts>,
}

/// Names of the headers that tell the client its quota.
#[derive(Debug)]
struct Names {
    remaining: HeaderName,
    rate: (HeaderName, HeaderValue),
    capacity: (HeaderName, HeaderValue),
    requested: (HeaderName, HeaderValue),
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let settings = Settings { env: setup.env };
    let key = args.text("key-resolver").unwrap_or_else(|| "principalNameKeyResolver".to_owned());
    let key = bean_name(&key).and_then(KeyResolver::named).ok_or_else(|| {
        args.wrong("key-resolver", "is not a known key resolver").hint(KeyResolver::names())
    })?;
    let bucket = Bucket::read(&args.group("redis-rate-limiter"))?;
    let status =
        args.status("status-code")?.or(args.status("statusCode")?).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    let default_empty = settings.status("filter.request-rate-limiter.empty-key-status-code")?;
    let empty_key_status = args
        .status("empty-key-status")?
        .or(args.status("emptyKeyStatusCode")?)
        .or(default_empty)
        .unwrap_or(StatusCode::FORBIDDEN);
    let deny = settings.flag("filter.request-rate-limiter.deny-empty-key", true)?;
    let limiter = args.text("rate-limiter");
    let bean = limiter.as_deref().map(|text| bean_name(text).unwrap_or_default());
    let redis = match bean {
        None => Address::is_configured(setup.env),
        Some("redisRateLimiter") => true,
        Some("localRateLimiter") => false,
        Some(_) => {
            return Err(args
                .wrong("rate-limiter", "is not a known rate limiter")
                .hint("#{@redisRateLimiter} or #{@localRateLimiter}"));
        }
    };
    let watched = Limiter { route: setup.route.to_owned(), shared: redis, key, bucket };
    let rules = Rules {
        route: args.text("routeId").unwrap_or_else(|| setup.route.to_owned()),
        bucket,
        key,
        deny_empty_key: args.boolean("deny-empty-key", deny)?,
        empty_key_status,
        status,
        headers: header_names(&settings, bucket)?,
        verdicts: setup.platform.verdicts.of(watched),
    };
    if redis {
        let tags = [("routeId", setup.route)];
        let unlimited = setup.platform.meters.counter(names::GATEWAY_UNLIMITED, &tags);
        return Built::around(Shared { rules, redis: setup.platform.redis(setup.env)?, unlimited });
    }
    Built::edit(InProcess { rules, buckets: Arc::clone(&setup.platform.local_limits) })
}

fn header_names(settings: &Settings<'_>, bucket: Bucket) -> Result<Option<Names>, Problem> {
    if !settings.flag("redis-rate-limiter.include-headers", true)? {
        return Ok(None);
    }
    let name = |setting: &str, default: &'static str| -> Result<HeaderName, Problem> {
        match settings.text(&format!("redis-rate-limiter.{setting}")) {
            Some(text) => HeaderName::from_bytes(text.as_bytes())
                .map_err(|_| settings.wrong(&format!("redis-rate-limiter.{setting}"), "is no header name")),
            None => Ok(HeaderName::from_static(default)),
        }
    };
    Ok(Some(Names {
        remaining: name("remaining-header", "x-ratelimit-remaining")?,
        rate: (name("replenish-rate-header", "x-ratelimit-replenish-rate")?, bucket.rate.into()),
        capacity: (name("burst-capacity-header", "x-ratelimit-burst-capacity")?, bucket.capacity.into()),
        requested: (
            name("requested-tokens-header", "x-ratelimit-requested-tokens")?,
            bucket.requested.into(),
        ),
    }))
}

impl Rules {
    /// The key to count by. `Ok(None)`: let through uncounted.
    fn key(&self, exchange: &Exchange) -> Result<Option<String>, Reply> {
        match self.key.resolve(exchange).filter(|key| !key.is_empty()) {
            Some(key) => Ok(Some(key)),
            None if self.deny_empty_key => {
                self.verdicts.refuse(&self.verdicts.nameless);
                Err(Reply::refusal(self.empty_key_status))
            }
            None => Ok(None),
        }
    }

    /// Notes the quota for the answer; a refusal is the answer.
    fn apply(&self, decision: Decision, exchange: &mut Exchange) -> Result<(), Reply> {
        if let Some(names) = &self.headers {
            names.write(decision, &mut exchange.answer);
        }
        if !decision.allowed {
            self.verdicts.refuse(&self.verdicts.refused);
            return Err(Reply::refusal(self.status));
        }
        let verdicts = &self.verdicts;
        let count = if decision == Decision::UNASKED { &verdicts.unasked } else { &verdicts.allowed };
        count.fetch_add(1, Relaxed);
        Ok(())
    }
}

impl Names {
    fn write(&self, decision: Decision, headers: &mut HeaderMap) {
        if let Some(value) = header_value(&decision.remaining.to_string()) {
            headers.insert(self.remaining.clone(), value);
        }
        for (name, value) in [&self.rate, &self.capacity, &self.requested] {
            headers.insert(name.clone(), value.clone());
        }
    }
}

impl Edit for InProcess {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let Some(key) = self.rules.key(exchange)? else { return Ok(()) };
        let decision = self.buckets.take(&self.rules.route, &key, self.rules.bucket);
        Ok(self.rules.apply(decision, exchange)?)
    }

    fn is_pure(&self) -> bool {
        false
    }
}

impl Around for Shared {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let key = match self.rules.key(exchange) {
                Ok(Some(key)) => key,
                Ok(None) => return next.run(exchange).await,
                Err(refusal) => return Ok(refusal),
            };
            let rules = &self.rules;
            let decision = rate_limit::redis::take(&self.redis, &rules.route, &key, rules.bucket).await;
            if decision == Decision::UNASKED {
                self.unlimited.increment();
            }
            match self.rules.apply(decision, exchange) {
                Ok(()) => next.run(exchange).await,
                Err(refusal) => Ok(refusal),
            }
        })
    }
}
