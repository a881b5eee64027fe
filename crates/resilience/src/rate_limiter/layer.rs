//! The rate limiter around a tower service.

use futures_util::future::BoxFuture;
use tower::{Service, ServiceExt};

use super::limiter::RateLimiter;
use crate::around::{Policy, PolicyLayer};
use crate::rejection::Rejection;

/// Lets a service's calls through at a rate.
pub type RateLimiterLayer = PolicyLayer<RateLimiter>;

impl<S, R> Policy<S, R> for RateLimiter
where
    S: Service<R> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: From<Rejection> + Send,
    R: Send + 'static,
{
    fn around(self, mut inner: S, request: R) -> BoxFuture<'static, Result<S::Response, S::Error>> {
        Box::pin(async move {
            self.acquire().await?;
            inner.ready().await?.call(request).await
        })
    }
}
