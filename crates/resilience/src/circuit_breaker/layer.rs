//! The circuit breaker around a tower service.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use super::breaker::CircuitBreaker;
use super::state::Outcome;
use crate::rejection::Rejection;

/// Names the failure that a result is, or says `None`: `fn(&result) -> Option<&'static str>`.
type Failure<T, E> = fn(&Result<T, E>) -> Option<&'static str>;

/// Puts a service behind a circuit breaker.
#[derive(Debug)]
pub struct CircuitBreakerLayer<T, E> {
    breaker: CircuitBreaker,
    failure: Failure<T, E>,
}

impl<T, E> CircuitBreakerLayer<T, E> {
    /// Every error is a failure.
    #[must_use]
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker, failure: |result| result.is_err().then_some("error") }
    }

    /// `failure` names the results that are failures.
    #[must_use]
    pub fn with_failure(breaker: CircuitBreaker, failure: Failure<T, E>) -> Self {
        Self { breaker, failure }
    }
}

impl<T, E> Clone for CircuitBreakerLayer<T, E> {
    fn clone(&self) -> Self {
        Self { breaker: self.breaker.clone(), failure: self.failure }
    }
}

impl<S, T, E> Layer<S> for CircuitBreakerLayer<T, E> {
    type Service = CircuitBreakerService<S, T, E>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreakerService { inner, layer: self.clone() }
    }
}

/// A service behind a circuit breaker.
#[derive(Debug)]
pub struct CircuitBreakerService<S, T, E> {
    inner: S,
    layer: CircuitBreakerLayer<T, E>,
}

impl<S: Clone, T, E> Clone for CircuitBreakerService<S, T, E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, R, T, E> Service<R> for CircuitBreakerService<S, T, E>
where
    S: Service<R, Response = T, Error = E>,
    S::Future: Send + 'static,
    T: Send + 'static,
    E: From<Rejection> + Send + 'static,
{
    type Response = T;
    type Error = E;
    type Future = BoxFuture<'static, Result<T, E>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let permit = match self.layer.breaker.acquire_owned() {
            Ok(permit) => permit,
            Err(rejection) => return Box::pin(std::future::ready(Err(rejection.into()))),
        };
        let failure = self.layer.failure;
        let call = self.inner.call(request);
        Box::pin(async move {
            let result = call.await;
            permit.end(failure(&result).map_or(Outcome::Success, Outcome::Failure));
            result
        })
    }
}
