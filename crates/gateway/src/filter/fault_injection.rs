//! `FaultInjection` (ours; `delay`, `delayPercent`, `abort`, `abortPercent`): slows down or refuses some requests, to see
//! how callers take it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct FaultInjection {
    /// The shares are of a million requests.
    delay: Option<(Duration, u32)>,
    abort: Option<(StatusCode, u32)>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let delay = match args.duration("delay")? {
        Some(delay) => Some((delay, args.share("delayPercent", 100.0)?)),
        None => None,
    };
    let abort = match args.status("abort")? {
        Some(status) => Some((status, args.share("abortPercent", 100.0)?)),
        None => None,
    };
    if delay.is_none() && abort.is_none() {
        return Err(args.wrong("delay", "or abort must be given").hint("delay: 200ms"));
    }
    Built::around(FaultInjection { delay, abort })
}

impl Around for FaultInjection {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let hit = |share: u32| fastrand::u32(..1_000_000) < share;
            if let Some((delay, share)) = self.delay
                && hit(share)
            {
                tokio::time::sleep(delay).await;
            }
            match self.abort {
                Some((status, share)) if hit(share) => Ok(Reply::refusal(status)),
                _ => next.run(exchange).await,
            }
        })
    }
}
