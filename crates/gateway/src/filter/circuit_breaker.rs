//! `CircuitBreaker=name` (+ `fallbackUri`, `statusCodes`, `resumeWithoutError`): a breaker and its time limit around the call.
//!
//! A fallback is dispatched inside with the request as this filter saw it; its answer is the final one.

use std::time::Duration;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use wellspring_pattern::Template;
use wellspring_properties::Problem;
use wellspring_resilience::circuit_breaker::Outcome;
use wellspring_resilience::{CircuitBreaker as Breaker, ErrorLists, Verdict};

use super::chain::Next;
use super::{Around, Built};
use crate::error::{Error, parse_status};
use crate::exchange::{self, Exchange};
use crate::reply::Reply;
use crate::resilience;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::tree::Tree;

#[derive(Debug)]
struct CircuitBreaker {
    breaker: Breaker,
    errors: ErrorLists,
    limit: Option<Duration>,
    fallback: Option<Template>,
    statuses: Vec<StatusCode>,
    resume: bool,
    kept_body: usize,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let name = args.text("name").unwrap_or_else(|| setup.route.to_owned());
    let fallback = match args.text("fallbackUri") {
        None => None,
        Some(uri) => match uri.strip_prefix("forward:") {
            Some(path) if path.starts_with('/') => Some(Template::new(path)),
            Some(path) => Some(Template::new(&format!("/{path}"))),
            None => {
                return Err(args.wrong("fallbackUri", "must begin with forward:").hint("forward:/fallback"));
            }
        },
    };
    let statuses = args
        .tree("statusCodes")
        .map(Tree::as_texts)
        .unwrap_or_default()
        .iter()
        .map(|text| {
            parse_status(text).ok_or_else(|| args.wrong("statusCodes", format!("'{text}' is not a status")))
        })
        .collect::<Result<_, _>>()?;
    let (breaker, errors) = setup.platform.breakers.get(setup.env, &name)?;
    Built::around(CircuitBreaker {
        errors,
        breaker,
        limit: resilience::time_limit(setup.env, &name)?,
        fallback,
        statuses,
        resume: args.boolean("resumeWithoutError", false)?,
        kept_body: setup.config.kept_body,
    })
}

impl Around for CircuitBreaker {
    fn breaker(&self) -> Option<&str> {
        Some(self.breaker.name())
    }

    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let Some(fallback) = &self.fallback else {
                return match self.guarded(exchange, next).await {
                    Err(error) if self.resume && resumable(&error) => {
                        Ok(Reply::new(StatusCode::OK, HeaderMap::new(), Body::empty()))
                    }
                    outcome => outcome,
                };
            };
            exchange.payload.keep(self.kept_body).await?;
            let saved = exchange.save();
            let variables = exchange.variables.clone();
            let error = match self.guarded(exchange, next).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            tracing::debug!(breaker = self.breaker.name(), %error, "fallback");
            exchange.restore(saved);
            let path = fallback.expand(&variables)?;
            let text = match exchange.query() {
                Some(query) if !path.contains('?') => format!("{path}?{query}"),
                _ => path,
            };
            let uri = exchange::parse(text)?;
            exchange.failure = Some(error);
            next.proxy.forward(exchange, &uri).await
        })
    }
}

impl CircuitBreaker {
    /// The call with breaker and limit; what counts as a failure is an error.
    async fn guarded(&self, exchange: &mut Exchange, next: Next<'_>) -> Result<Reply, Error> {
        let Ok(permit) = self.breaker.acquire() else {
            return Err(Error::BreakerOpen { name: self.breaker.name().to_owned() });
        };
        let outcome = match self.limit {
            None => next.run(exchange).await,
            Some(limit) => match tokio::time::timeout(limit, next.run(exchange)).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    Err(Error::TimeLimit { name: self.breaker.name().to_owned(), millis: limit.as_millis() })
                }
            },
        };
        let outcome = match outcome {
            Ok(reply) if self.statuses.contains(&reply.status) => Err(Error::BreakerStatus(reply.status)),
            outcome => outcome,
        };
        permit.end(match &outcome {
            Ok(_) => Outcome::Success,
            Err(error) => match self.verdict(error) {
                Verdict::Success => Outcome::Success,
                Verdict::Failure => Outcome::Failure(error.java_type()),
                Verdict::Ignored => Outcome::Ignored(error.java_type()),
            },
        });
        outcome
    }

    fn verdict(&self, error: &Error) -> Verdict {
        let listed = self.errors.record.iter().chain(&self.errors.ignore);
        let kinds: Vec<&str> = listed.map(String::as_str).filter(|name| error.is_java(name)).collect();
        self.errors.verdict(&kinds)
    }
}

/// The breaker's own refusals keep their status; other errors may be resumed from.
fn resumable(error: &Error) -> bool {
    !matches!(error, Error::BreakerOpen { .. } | Error::TimeLimit { .. } | Error::ResponseTimeout { .. })
}
