//! The adaptive limit around a tower service.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt};

use super::limiter::{AdaptiveLimit, Ended};
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
    type Service = AdaptiveService<S, T, E>;

    fn layer(&self, inner: S) -> Self::Service {
        AdaptiveService { inner, layer: self.clone() }
    }
}

/// A service whose calls at a time adapt.
#[derive(Debug)]
pub struct AdaptiveService<S, T, E> {
    inner: S,
    layer: AdaptiveLayer<T, E>,
}

impl<S: Clone, T, E> Clone for AdaptiveService<S, T, E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, R, T, E> Service<R> for AdaptiveService<S, T, E>
where
    S: Service<R, Response = T, Error = E> + Clone + Send + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
    T: Send + 'static,
    E: From<Rejection> + Send + 'static,
{
    type Response = T;
    type Error = E;
    type Future = BoxFuture<'static, Result<T, E>>;

    /// Always: a call that is refused needs no service that is ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (mut inner, layer) = (self.inner.clone(), self.layer.clone());
        Box::pin(async move {
            layer.limit.call(|| async move { inner.ready().await?.call(request).await }, layer.ended).await
        })
    }
}
