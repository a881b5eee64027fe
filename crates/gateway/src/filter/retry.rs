//! `Retry`: sends the request again when the answer's status, or the failure, is one of those listed.
//!
//! A status is retried when it is in `statuses` or in `series`; the method must be listed in every case. The body is
//! kept in memory up to `wellspring.gateway.kept-body`; a larger one is sent once.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Method, StatusCode};
use tokio::time::Instant;
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built};
use crate::error::{Error, parse_status};
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::tree::Tree;

#[derive(Debug)]
struct Retry {
    retries: u32,
    statuses: Vec<StatusCode>,
    /// First digits of statuses: 5 for SERVER_ERROR.
    series: Vec<u16>,
    methods: Vec<Method>,
    exceptions: Vec<String>,
    backoff: Option<Backoff>,
    jitter: Option<f64>,
    timeout: Option<Duration>,
    kept_body: usize,
}

#[derive(Debug, Clone, Copy)]
struct Backoff {
    first: Duration,
    max: Option<Duration>,
    factor: u32,
}

const SERIES: [(&str, u16); 5] =
    [("INFORMATIONAL", 1), ("SUCCESSFUL", 2), ("REDIRECTION", 3), ("CLIENT_ERROR", 4), ("SERVER_ERROR", 5)];
const EXCEPTIONS: [&str; 2] =
    ["java.io.IOException", "org.springframework.cloud.gateway.support.TimeoutException"];

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let listed = |name: &str| args.tree(name).map(Tree::as_texts);
    let statuses = listed("statuses")
        .unwrap_or_default()
        .iter()
        .map(|text| {
            parse_status(text).ok_or_else(|| args.wrong("statuses", format!("'{text}' is not a status")))
        })
        .collect::<Result<_, _>>()?;
    let series = match listed("series") {
        None => vec![5],
        Some(names) => names
            .iter()
            .map(|name| {
                let wanted = name.to_ascii_uppercase().replace('-', "_");
                SERIES
                    .iter()
                    .find(|(known, digit)| *known == wanted || digit.to_string() == wanted)
                    .map(|(_, digit)| *digit)
                    .ok_or_else(|| args.wrong("series", format!("'{name}' is unknown")).hint("SERVER_ERROR"))
            })
            .collect::<Result<_, _>>()?,
    };
    let methods = match listed("methods") {
        None => vec![Method::GET],
        Some(names) => names
            .iter()
            .map(|name| {
                Method::from_bytes(name.to_ascii_uppercase().as_bytes())
                    .map_err(|_| args.wrong("methods", "has something that is not an HTTP method"))
            })
            .collect::<Result<_, _>>()?,
    };
    let exceptions = listed("exceptions").unwrap_or_else(|| EXCEPTIONS.map(str::to_owned).to_vec());
    let retries = u32::try_from(args.integer("retries", 3)?)
        .ok()
        .filter(|retries| *retries > 0)
        .ok_or_else(|| args.wrong("retries", "must be greater than 0"))?;
    Built::around(Retry {
        retries,
        statuses,
        series,
        methods,
        exceptions,
        backoff: Backoff::read(&args.group("backoff"))?,
        jitter: jitter(args)?,
        timeout: args.duration("timeout")?,
        kept_body: setup.config.kept_body,
    })
}

impl Backoff {
    fn read(args: &Args) -> Result<Option<Self>, Problem> {
        if args.is_empty() {
            return Ok(None);
        }
        let factor = u32::try_from(args.integer("factor", 2)?)
            .map_err(|_| args.wrong("factor", "must be 0 or more"))?;
        // The wait after the n-th failure is the same whichever way it is computed, as long as nothing caps it in between.
        args.boolean("basedOnPreviousValue", true)?;
        let first = args.duration("firstBackoff")?.unwrap_or(Duration::from_millis(5));
        Ok(Some(Self { first, max: args.duration("maxBackoff")?, factor }))
    }

    fn after(&self, failures: u32) -> Duration {
        let wait = self.first.saturating_mul(self.factor.saturating_pow(failures.saturating_sub(1)));
        self.max.map_or(wait, |max| wait.min(max))
    }
}

fn jitter(args: &Args) -> Result<Option<f64>, Problem> {
    let jitter = args.group("jitter");
    if jitter.is_empty() {
        return Ok(None);
    }
    let text = jitter.text("randomFactor").unwrap_or_else(|| "0.5".to_owned());
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=1.0).contains(&factor) => Ok(Some(factor)),
        _ => Err(jitter.wrong("randomFactor", "must be between 0 and 1")),
    }
}

impl Retry {
    fn again(&self, outcome: &Result<Reply, Error>) -> bool {
        match outcome {
            Ok(reply) => {
                self.statuses.contains(&reply.status) || self.series.contains(&(reply.status.as_u16() / 100))
            }
            Err(error) => self.exceptions.iter().any(|name| error.is_java(name)),
        }
    }

    fn pause(&self, failures: u32) -> Duration {
        let wait = self.backoff.map_or(Duration::ZERO, |backoff| backoff.after(failures));
        match self.jitter {
            Some(factor) => wait.mul_f64((1.0 + factor * (2.0 * fastrand::f64() - 1.0)).max(0.0)),
            None => wait,
        }
    }
}

impl Around for Retry {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            if !self.methods.contains(&exchange.method) {
                return next.run(exchange).await;
            }
            exchange.payload.keep(self.kept_body).await?;
            let started = Instant::now();
            let saved = exchange.save();
            let mut failures = 0;
            loop {
                let outcome = next.run(exchange).await;
                if failures >= self.retries || !exchange.payload.is_repeatable() || !self.again(&outcome) {
                    return outcome;
                }
                failures += 1;
                let pause = self.pause(failures);
                if self.timeout.is_some_and(|limit| started.elapsed() + pause > limit) {
                    return outcome;
                }
                // The answer that is not wanted gives its connection back before the next try.
                drop(outcome);
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                exchange.restore(saved.clone());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn waits_grow_to_the_cap() {
        let backoff =
            Backoff { first: Duration::from_millis(10), max: Some(Duration::from_millis(50)), factor: 2 };
        let waits: Vec<u128> = (1..=5).map(|failures| backoff.after(failures).as_millis()).collect();
        assert_eq!(waits, [10, 20, 40, 50, 50]);
        let still = Backoff { first: Duration::from_millis(10), max: None, factor: 1 };
        assert_eq!(still.after(99).as_millis(), 10);
    }
}
