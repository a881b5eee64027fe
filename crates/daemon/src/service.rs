//! What `build` returns: one boxed async function from request to response.
//!
//! An `axum::Router` turns into it directly. Errors do not exist at this level: a service answers.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use futures_util::future::BoxFuture;
use http::request::Parts;
use tokio_util::sync::ReusableBoxFuture;

pub use crate::incoming::Incoming;

/// A request as it came from the wire.
pub type Request = http::Request<Incoming>;
/// A response as axum makes it.
pub type Response = http::Response<Body>;

/// Where the future of an answer lives. Futures are large, and the allocator is slow with large things.
type Place = ReusableBoxFuture<'static, Response>;
type Call = dyn Fn(Request, Caller, Option<Place>) -> Place + Send + Sync;

/// So many are kept by a thread.
const MOST_PLACES: usize = 64;

thread_local! {
    /// Places whose answers have been given.
    static PLACES: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// Puts a future where an earlier one was, if it fits.
fn put(place: Option<Place>, future: impl Future<Output = Response> + Send + 'static) -> Place {
    match place {
        None => Place::new(future),
        Some(mut place) => {
            place.set(future);
            place
        }
    }
}

/// Who asks, and over which connection.
#[derive(Clone, Debug)]
pub struct Caller {
    pub peer: Peer,
    pub certificate: Option<ClientCertificate>,
}

impl Caller {
    /// Where extractors and handlers look for it.
    pub(crate) fn note(self, extensions: &mut http::Extensions) {
        extensions.insert(self.peer);
        if let Some(certificate) = self.certificate {
            extensions.insert(certificate);
        }
    }
}

/// The application's side of the frame. Cloning shares it.
#[derive(Clone)]
pub struct Service {
    call: Arc<Call>,
    /// Empty 404 and 405 answers come from an axum router that knows no such route: the frame writes their page.
    pub(crate) routed: bool,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("routed", &self.routed).finish_non_exhaustive()
    }
}

impl Service {
    /// The bare form, for a proxy that wants no router in between.
    pub fn new<F, Fut>(call: F) -> Self
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        Self::direct(move |mut request: Request, caller: Caller| {
            caller.note(request.extensions_mut());
            call(request)
        })
    }

    /// As [`Service::new`]; the caller comes beside the request, not among its extensions.
    pub fn direct<F, Fut>(call: F) -> Self
    where
        F: Fn(Request, Caller) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        Self {
            call: Arc::new(move |request, caller, place| put(place, call(request, caller))),
            routed: false,
        }
    }

    pub(crate) async fn call(&self, request: Request, caller: Caller) -> Response {
        let mut place = (self.call)(request, caller, PLACES.with_borrow_mut(Vec::pop));
        let response = place.get_pin().await;
        PLACES.with_borrow_mut(|places| {
            if places.len() < MOST_PLACES {
                places.push(place);
            }
        });
        response
    }
}

/// The route template that answered (`/orders/{id}`): a response extension. axum's routes set it by themselves.
#[derive(Clone, Debug)]
pub struct Template(pub Arc<str>);

/// Carries the matched path from axum's request to the frame.
#[derive(Clone)]
struct Templated<S>(S);

impl<S> tower::Service<axum::extract::Request> for Templated<S>
where
    S: tower::Service<axum::extract::Request, Response = Response>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: axum::extract::Request) -> Self::Future {
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let answer = self.0.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if let Some(matched) = matched {
                response.extensions_mut().insert(matched);
            }
            Ok(response)
        })
    }
}

impl From<Router> for Service {
    fn from(router: Router) -> Self {
        let router = router.layer(tower::layer::layer_fn(Templated));
        let call = move |mut request: Request, caller: Caller, place: Option<Place>| {
            caller.note(request.extensions_mut());
            let mut router = router.clone();
            // A router is always ready, so there is nothing to poll for first.
            put(place, async move {
                let answer: Result<Response, Infallible> = tower::Service::call(&mut router, request).await;
                answer.unwrap_or_else(|never| match never {})
            })
        };
        Self { call: Arc::new(call), routed: true }
    }
}

/// Who is at the other end of the connection: a request extension, and an extractor for axum handlers.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub remote: SocketAddr,
    pub local: SocketAddr,
    /// The connection itself is TLS.
    pub secure: bool,
}

/// The certificate (DER) that the client showed: a request extension, where TLS asked for one.
#[derive(Clone, Debug)]
pub struct ClientCertificate(pub Arc<[u8]>);

impl<S: Sync> axum::extract::FromRequestParts<S> for Peer {
    type Rejection = http::StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().copied().ok_or(http::StatusCode::INTERNAL_SERVER_ERROR)
    }
}
