//! The bulkhead around a tower service: so many of its calls run at a time.

use futures_util::future::BoxFuture;
use tower::{Service, ServiceExt};

use super::permits::Bulkhead;
use crate::around::{Policy, PolicyLayer};
use crate::rejection::Rejection;

/// Lets so many of a service's calls run at a time.
pub type BulkheadLayer = PolicyLayer<Bulkhead>;

impl<S, R> Policy<S, R> for Bulkhead
where
    S: Service<R> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: From<Rejection> + Send,
    R: Send + 'static,
{
    fn around(self, mut inner: S, request: R) -> BoxFuture<'static, Result<S::Response, S::Error>> {
        Box::pin(async move {
            let _slot = self.acquire().await?;
            inner.ready().await?.call(request).await
        })
    }
}
