//! Retry around a tower service whose requests can be made again.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt};

use super::state::Retry;
use crate::rejection::Rejection;

/// Names an error, its own name first, then what it is a case of.
type Kinds<E> = fn(&E) -> &'static [&'static str];

/// Makes a service's calls again when they fail.
#[derive(Debug)]
pub struct RetryLayer<T, E> {
    retry: Retry,
    kinds: Kinds<E>,
    unwanted: fn(&T) -> bool,
}

impl<T, E> RetryLayer<T, E> {
    /// Every error is retried, no result is.
    #[must_use]
    pub fn new(retry: Retry) -> Self {
        Self { retry, kinds: |_| &["error"], unwanted: |_| false }
    }

    /// `kinds` names errors, `unwanted` picks the results to retry.
    #[must_use]
    pub fn with_outcomes(retry: Retry, kinds: Kinds<E>, unwanted: fn(&T) -> bool) -> Self {
        Self { retry, kinds, unwanted }
    }
}

impl<T, E> Clone for RetryLayer<T, E> {
    fn clone(&self) -> Self {
        Self { retry: self.retry.clone(), kinds: self.kinds, unwanted: self.unwanted }
    }
}

impl<S, T, E> Layer<S> for RetryLayer<T, E> {
    type Service = RetryService<S, T, E>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryService { inner, layer: self.clone() }
    }
}

/// A service whose calls are made again when they fail.
#[derive(Debug)]
pub struct RetryService<S, T, E> {
    inner: S,
    layer: RetryLayer<T, E>,
}

impl<S: Clone, T, E> Clone for RetryService<S, T, E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, R, T, E> Service<R> for RetryService<S, T, E>
where
    S: Service<R, Response = T, Error = E> + Clone + Send + 'static,
    S::Future: Send + 'static,
    R: Clone + Send + 'static,
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
        // The service that was made ready makes the first call; further attempts wait for a clone to be ready.
        let clone = self.inner.clone();
        let mut ready = Some(std::mem::replace(&mut self.inner, clone.clone()));
        let layer = self.layer.clone();
        Box::pin(async move {
            let attempt = move |_| {
                let (request, first, mut next) = (request.clone(), ready.take(), clone.clone());
                async move {
                    match first {
                        Some(mut service) => service.call(request).await,
                        None => next.ready().await?.call(request).await,
                    }
                }
            };
            layer.retry.call(attempt, layer.kinds, layer.unwanted).await
        })
    }
}
