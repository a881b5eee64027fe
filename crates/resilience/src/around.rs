//! A pattern around a tower service, where the pattern may wait or refuse before the service is asked.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service};

/// What a pattern makes of one call of a service.
pub trait Policy<S: Service<R>, R>: Clone {
    /// Makes the call, or answers in its place. `inner` has not been asked whether it is ready.
    fn around(self, inner: S, request: R) -> BoxFuture<'static, Result<S::Response, S::Error>>;
}

/// Puts services behind a pattern.
#[derive(Debug, Clone)]
pub struct PolicyLayer<P> {
    policy: P,
}

impl<P> PolicyLayer<P> {
    /// With this pattern, shared by all services that are wrapped.
    #[must_use]
    pub const fn new(policy: P) -> Self {
        Self { policy }
    }
}

impl<S, P: Clone> Layer<S> for PolicyLayer<P> {
    type Service = Guarded<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, policy: self.policy.clone() }
    }
}

/// A service behind a pattern.
#[derive(Debug, Clone)]
pub struct Guarded<S, P> {
    inner: S,
    policy: P,
}

impl<S, P, R> Service<R> for Guarded<S, P>
where
    S: Service<R> + Clone,
    P: Policy<S, R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    /// Always: a call that is refused, or waits, needs no service that is ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.policy.clone().around(self.inner.clone(), request)
    }
}
