//! Balanced channels: a tower layer that sends each request of an inner service to an instance of one service.
//!
//! The inner service is any HTTP client that takes whole addresses, hyper-util's for example, over HTTP/1 or HTTP/2; above
//! it sits whatever wants a channel, tonic's generated clients for example. A stream keeps its instance; each request
//! chooses anew.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use thiserror::Error;
use tower::{Layer, Service};
use wellspring_telemetry::traces;

use super::attempt::described;
use crate::load::Ended;
use crate::{Balancer, Client, pick};

/// Sends requests to instances of one service.
#[derive(Debug, Clone)]
pub struct BalanceLayer {
    balancer: Arc<Balancer>,
}

impl BalanceLayer {
    /// For this service.
    pub fn new(client: &Client, service: &str) -> Self {
        Self { balancer: client.balancer(service) }
    }
}

impl<S> Layer<S> for BalanceLayer {
    type Service = Balance<S>;

    fn layer(&self, inner: S) -> Balance<S> {
        Balance { balancer: Arc::clone(&self.balancer), inner }
    }
}

/// The service that `BalanceLayer` makes.
#[derive(Debug, Clone)]
pub struct Balance<S> {
    balancer: Arc<Balancer>,
    inner: S,
}

/// Why a channel gave no answer.
#[derive(Debug, Error)]
pub enum ChannelError<E> {
    /// Discovery knows no instance.
    #[error("no instances available for {0}")]
    NoInstance(String),
    /// The instance's address and the request's path make no URI.
    #[error("request cannot be addressed: {0}")]
    Address(#[from] http::Error),
    /// What the inner service said.
    #[error(transparent)]
    Inner(E),
}

impl<S, B, R> Service<Request<B>> for Balance<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: fmt::Debug,
    B: Send + 'static,
{
    type Response = Response<R>;
    type Error = ChannelError<S::Error>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(ChannelError::Inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready is used up, its clone waits for the next call.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let balancer = Arc::clone(&self.balancer);
        Box::pin(async move {
            let choice = pick::Request { headers: Some(request.headers()), ..pick::Request::default() };
            let chosen = balancer.choose(&choice);
            let instance = chosen.ok_or_else(|| ChannelError::NoInstance(balancer.service().to_owned()))?;
            let path = request.uri().path_and_query().cloned();
            let scheme = if instance.secure() { Scheme::HTTPS } else { Scheme::HTTP };
            *request.uri_mut() = Uri::builder()
                .scheme(scheme)
                .authority(instance.authority())
                .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
                .build()?;
            let span = traces::client();
            // What the span says of the call is put down only where somebody will read it.
            let told = span.as_ref().filter(|span| span.is_recorded());
            let told = told.map(|_| (request.method().clone(), request.uri().to_string()));
            if let Some(span) = &span {
                span.inject(request.headers_mut());
            }
            let call = instance.load().begin();
            let outcome = inner.call(request).await;
            if let (Some(span), Some((method, address))) = (span, told) {
                let ended = outcome.as_ref().map(|response| response.status().as_u16()).map_err(|_| "Broken");
                span.end(|| described(&method, balancer.service(), &address, ended));
            }
            let answered = outcome.as_ref().is_ok_and(|response| !is_failure(response));
            let ended = if answered { Ended::Answered } else { Ended::Failed };
            // What the inner service says of a connection that did not come about has no one type: its text has to do.
            let refused = outcome
                .as_ref()
                .err()
                .is_some_and(|error| format!("{error:?}").contains("ConnectionRefused"));
            balancer.ended(call, &instance, ended, refused);
            outcome.map_err(ChannelError::Inner)
        })
    }
}

/// An error of the server, or gRPC's UNAVAILABLE where the answer is nothing else.
fn is_failure<R>(response: &Response<R>) -> bool {
    response.status().is_server_error()
        || response.headers().get("grpc-status").is_some_and(|status| status.as_bytes() == b"14")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::Instance;
    use crate::discovery::Simple;
    use crate::http::{Options, client};

    #[tokio::test]
    async fn requests_go_to_instances_in_turn_with_path_and_query_kept() {
        let simple = Simple::default();
        let calls = Client::new(Arc::new(Simple::default()), client(Options::default()).unwrap());
        let nobody = BalanceLayer::new(&calls, "orders");
        simple.book().replace(
            "orders",
            vec![
                Instance::new("orders", "a", "h1", 1),
                Instance::new("orders", "b", "h2", 2).with_secure(true),
            ],
        );
        let calls = Client::new(Arc::new(simple), client(Options::default()).unwrap());
        let echo = service_fn(|request: Request<()>| async move {
            Ok::<_, Infallible>(Response::new(request.uri().to_string()))
        });
        let channel = BalanceLayer::new(&calls, "orders").layer(echo);
        let mut seen = Vec::new();
        for _ in 0..4 {
            let request = Request::get("/pkg.Orders/Get?x=1").body(()).unwrap();
            seen.push(channel.clone().oneshot(request).await.unwrap().into_body());
        }
        seen.sort();
        let (one, two) = ("http://h1:1/pkg.Orders/Get?x=1", "https://h2:2/pkg.Orders/Get?x=1");
        assert_eq!(seen, [one, one, two, two]);
        let refused = nobody.layer(echo).oneshot(Request::get("/").body(()).unwrap()).await.unwrap_err();
        assert_eq!(refused.to_string(), "no instances available for orders");
    }
}
