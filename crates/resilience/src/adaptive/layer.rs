//! The adaptive limit around a tower service.

use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt};

use super::limiter::{AdaptiveLimit, Ended};
use crate::around::{Guarded, Policy, PolicyLayer};
use crate::rejection::Rejection;

/// Lets as many of a service's calls run at a time as it can bear.
#[derive(Debug)]
pub struct AdaptiveLayer<T, E> {
    limit: AdaptiveLimit,
    ended: fn(&Result<T, E>) -> Ended,
}

impl<T, E> AdaptiveLayer<T, E> {
    /// With this limit; answers count, errors are dropped calls.
    #[must_use]
    pub fn new(limit: AdaptiveLimit) -> Self {
        Self { limit, ended: |result| if result.is_ok() { Ended::Done } else { Ended::Dropped } }
    }

    /// `ended` says what a result means, for instance that a 503 is a dropped call.
    #[must_use]
    pub fn with_outcomes(limit: AdaptiveLimit, ended: fn(&Result<T, E>) -> Ended) -> Self {
        Self { limit, ended }
    }
}

impl<T, E> Clone for AdaptiveLayer<T, E> {
    fn clone(&self) -> Self {
        Self { limit: self.limit.clone(), ended: self.ended }
    }
}

impl<S, T, E> Layer<S> for AdaptiveLayer<T, E> {
    type Service = Guarded<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyLayer::new(self.clone()).layer(inner)
    }
}

impl<S, R, T, E> Policy<S, R> for AdaptiveLayer<T, E>
where
    S: Service<R, Response = T, Error = E> + Send + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
    T: Send + 'static,
    E: From<Rejection> + Send + 'static,
{
    fn around(self, mut inner: S, request: R) -> BoxFuture<'static, Result<T, E>> {
        Box::pin(async move {
            self.limit.call(|| async move { inner.ready().await?.call(request).await }, self.ended).await
        })
    }
}
