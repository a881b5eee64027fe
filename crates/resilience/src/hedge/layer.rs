//! Hedging around a tower service whose requests can be made again.

use futures_util::future::BoxFuture;
use tower::{Service, ServiceExt};

use super::state::Hedge;
use crate::around::{Policy, PolicyLayer};

/// Makes a service's slow calls once more.
pub type HedgeLayer = PolicyLayer<Hedge>;

impl<S, R> Policy<S, R> for Hedge
where
    S: Service<R> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
    R: Clone + Send + Sync + 'static,
{
    fn around(self, inner: S, request: R) -> BoxFuture<'static, Result<S::Response, S::Error>> {
        Box::pin(async move {
            self.call(|_| {
                let (mut inner, request) = (inner.clone(), request.clone());
                async move { inner.ready().await?.call(request).await }
            })
            .await
        })
    }
}
