//! The fallback: another answer in place of an error, chosen by what kind of error it is.
//!
//! The kind nearest to the error wins: an error names itself first, then what it is a case of.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt};

use crate::around::{Guarded, Policy, PolicyLayer};

type Handler<T, E> = Arc<dyn Fn(E) -> BoxFuture<'static, Result<T, E>> + Send + Sync>;

/// What to answer instead of errors.
pub struct Fallback<T, E> {
    kinds: fn(&E) -> &'static [&'static str],
    handlers: Vec<(&'static str, Handler<T, E>)>,
}

impl<T, E> Fallback<T, E> {
    /// No fallback yet; `kinds` names an error, its own name first, then what it is a case of.
    #[must_use]
    pub fn new(kinds: fn(&E) -> &'static [&'static str]) -> Self {
        Self { kinds, handlers: Vec::new() }
    }

    /// Answers errors of a kind, and those that are cases of it.
    #[must_use]
    pub fn on<F>(mut self, kind: &'static str, handler: impl Fn(E) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.handlers.push((kind, Arc::new(move |error| handler(error).boxed())));
        self
    }

    /// The call's answer, or the fallback's.
    ///
    /// # Errors
    /// The call's own when no fallback is there for it; the fallback's own.
    pub async fn call<F: Future<Output = Result<T, E>>>(&self, call: F) -> Result<T, E> {
        match call.await {
            Ok(answer) => Ok(answer),
            Err(error) => match self.handler(&error) {
                Some(handler) => handler(error).await,
                None => Err(error),
            },
        }
    }

    fn handler(&self, error: &E) -> Option<Handler<T, E>> {
        let nearest =
            (self.kinds)(error).iter().find_map(|kind| self.handlers.iter().find(|(known, _)| known == kind));
        nearest.map(|(_, handler)| Arc::clone(handler))
    }
}

impl<T, E> Clone for Fallback<T, E> {
    fn clone(&self) -> Self {
        Self { kinds: self.kinds, handlers: self.handlers.clone() }
    }
}

impl<T, E> fmt::Debug for Fallback<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.handlers.iter().map(|(kind, _)| kind)).finish()
    }
}

impl<S, T, E> Layer<S> for Fallback<T, E> {
    type Service = Guarded<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyLayer::new(self.clone()).layer(inner)
    }
}

impl<S, R, T, E> Policy<S, R> for Fallback<T, E>
where
    S: Service<R, Response = T, Error = E> + Send + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// An error on the way to being ready has its fallback too.
    fn around(self, mut inner: S, request: R) -> BoxFuture<'static, Result<T, E>> {
        Box::pin(async move { self.call(async move { inner.ready().await?.call(request).await }).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rejection;

    fn kinds(error: &Rejection) -> &'static [&'static str] {
        match error {
            Rejection::TimedOut { .. } => &["TimeoutException", "RuntimeException", "Exception"],
            Rejection::BulkheadFull { .. } => &["BulkheadFullException", "RuntimeException", "Exception"],
            _ => &["Exception"],
        }
    }

    fn fallback() -> Fallback<&'static str, Rejection> {
        Fallback::new(kinds)
            .on("RuntimeException", |_| async { Ok("general") })
            .on("TimeoutException", |_| async { Ok("late") })
    }

    fn full() -> Rejection {
        Rejection::BulkheadFull { name: Arc::from("x") }
    }

    #[tokio::test]
    async fn the_nearest_kind_answers() {
        let late = Rejection::TimedOut { name: Arc::from("x") };
        assert_eq!(fallback().call(async { Err(late) }).await, Ok("late"));
        assert_eq!(fallback().call(async { Err(full()) }).await, Ok("general"));
        assert_eq!(fallback().call(async { Ok("own") }).await, Ok("own"));
        let other = Rejection::RequestNotPermitted { name: Arc::from("x") };
        assert_eq!(fallback().call(async { Err(other.clone()) }).await, Err(other));
    }

    #[tokio::test]
    async fn a_service_is_wrapped() {
        let service =
            tower::service_fn(|refuse: bool| async move { if refuse { Err(full()) } else { Ok("own") } });
        let mut service = fallback().layer(service);
        assert_eq!(service.ready().await.unwrap().call(true).await, Ok("general"));
        assert_eq!(service.ready().await.unwrap().call(false).await, Ok("own"));
    }
}
