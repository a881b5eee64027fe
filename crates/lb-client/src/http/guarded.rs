//! A call inside its guard: the five patterns in their one order.

use wellspring_resilience::circuit_breaker::Outcome;
use wellspring_resilience::retry::Next;
use wellspring_resilience::{Nanos, Rejection, Verdict};

use super::{CallError, RequestBuilder, Response};
use crate::guard::Guard;

impl RequestBuilder {
    /// Sends within the guard; every attempt of its retry chooses an instance again.
    pub(super) async fn send_guarded(
        &self,
        guard: &Guard,
        service: Option<&str>,
    ) -> Result<Response, CallError> {
        let Some(retry) = &guard.retry else { return self.send_permitted(guard, service).await };
        let mut attempts = retry.begin();
        loop {
            let outcome = self.send_permitted(guard, service).await;
            let Some(kinds) = failure(&outcome) else {
                attempts.success();
                return outcome;
            };
            match attempts.error(kinds, fastrand::f64()) {
                Next::After(wait) => tokio::time::sleep(wait).await,
                Next::Stop => return outcome,
                Next::Exceeded(rejection) => return Err(rejection.into()),
            }
        }
    }

    async fn send_permitted(&self, guard: &Guard, service: Option<&str>) -> Result<Response, CallError> {
        let Some(breaker) = &guard.breaker else { return self.send_limited(guard, service, None).await };
        let permit = breaker.acquire().map_err(Rejection::from)?;
        let outcome = self.send_limited(guard, service, Some(permit.since())).await;
        permit.end(match failure(&outcome) {
            None => Outcome::Success,
            Some(kinds) => {
                let name = kinds.first().copied().unwrap_or("error");
                match guard.errors.verdict(kinds) {
                    Verdict::Failure => Outcome::Failure(name),
                    Verdict::Ignored => Outcome::Ignored(name),
                    Verdict::Success => Outcome::Success,
                }
            }
        });
        outcome
    }

    /// `now` is the time, if it has just been read.
    async fn send_limited(
        &self,
        guard: &Guard,
        service: Option<&str>,
        now: Option<Nanos>,
    ) -> Result<Response, CallError> {
        match (&guard.limiter, now) {
            (Some(limiter), Some(now)) => limiter.acquire_at(now).await?,
            (Some(limiter), None) => limiter.acquire().await?,
            (None, _) => {}
        }
        match &guard.time {
            Some(time) => time.call_here(self.send_in_turn(guard, service)).await,
            None => self.send_in_turn(guard, service).await,
        }
    }

    async fn send_in_turn(&self, guard: &Guard, service: Option<&str>) -> Result<Response, CallError> {
        let _slot = match &guard.bulkhead {
            Some(bulkhead) => Some(bulkhead.acquire().await?),
            None => None,
        };
        match service {
            Some(service) => self.send_balanced(service).await,
            None => self.send_direct().await,
        }
    }
}

/// The names of a failure, as settings list them: ours, then those of Java. A 5xx is one, a 4xx is not: the callee
/// is well and the caller wrong.
fn failure(outcome: &Result<Response, CallError>) -> Option<&'static [&'static str]> {
    const IO: &str = "java.io.IOException";
    const ANY: &str = "java.lang.Exception";
    Some(match outcome {
        Ok(response) if response.status().is_server_error() => {
            &["ServerError", "org.springframework.web.client.HttpServerErrorException", ANY]
        }
        Ok(_) => return None,
        Err(CallError::Refused { .. }) => &["Refused", "java.net.ConnectException", IO, ANY],
        Err(CallError::TimedOut { .. } | CallError::Rejected(Rejection::TimedOut { .. })) => {
            &["TimedOut", "java.util.concurrent.TimeoutException", "java.net.SocketTimeoutException", IO, ANY]
        }
        Err(CallError::Broken { .. }) => &["Broken", "java.net.SocketException", IO, ANY],
        Err(CallError::Rejected(Rejection::CallNotPermitted { .. })) => {
            &["CallNotPermitted", "io.github.resilience4j.circuitbreaker.CallNotPermittedException", ANY]
        }
        Err(CallError::Rejected(Rejection::BulkheadFull { .. })) => {
            &["BulkheadFull", "io.github.resilience4j.bulkhead.BulkheadFullException", ANY]
        }
        Err(CallError::Rejected(Rejection::RequestNotPermitted { .. })) => {
            &["RequestNotPermitted", "io.github.resilience4j.ratelimiter.RequestNotPermitted", ANY]
        }
        Err(CallError::NoInstance { .. }) => &["NoInstance", "java.lang.IllegalStateException", ANY],
        Err(_) => &["CallError", ANY],
    })
}
