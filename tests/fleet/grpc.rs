//! A gRPC client over discovery: tonic's client calls a service by name, and an instance that is not there is soon left out.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codegen::{Body, BoxFuture, StdError};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Layer;
use wellspring_lb_client::discovery::Simple;
use wellspring_lb_client::http::{BalanceLayer, Options, client};
use wellspring_lb_client::{Client, Instance};
use wellspring_test_support::port;

#[derive(Clone, PartialEq, prost::Message)]
struct Words {
    #[prost(string, tag = "1")]
    text: String,
}

/// Answers with its name; one that is ill says that it is not available.
#[derive(Clone, Copy)]
struct Speaker {
    name: &'static str,
    ill: bool,
}

impl tonic::server::NamedService for Speaker {
    const NAME: &'static str = "test.Speaker";
}

impl<B> tower::Service<http::Request<B>> for Speaker
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Self { name, ill } = *self;
        Box::pin(async move {
            let say = move |asked: Request<Words>| async move {
                if ill {
                    return Err(Status::unavailable("not well"));
                }
                Ok(Response::new(Words { text: format!("{name} {}", asked.into_inner().text) }))
            };
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Words, Words>::default());
            Ok(grpc.unary(tower::service_fn(say), request).await)
        })
    }
}

async fn serve(name: &'static str, ill: bool) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::builder().add_service(Speaker { name, ill });
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    port
}

fn at(id: &str, port: u16) -> Instance {
    Instance::new("speaker", id, "127.0.0.1", port)
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_calls_go_to_instances_in_turn_and_avoid_those_that_fail() {
    let simple = Arc::new(Simple::default());
    let (one, two) = (serve("one", false).await, serve("two", false).await);
    simple.book().replace("speaker", vec![at("1", one), at("2", two)]);
    let calls = Client::new(Arc::clone(&simple) as _, client(Options::default()).unwrap());
    let http = HttpClient::builder(TokioExecutor::new()).http2_only(true).build_http::<tonic::body::Body>();
    let channel = BalanceLayer::new(&calls, "speaker").layer(http);
    let say = async || -> Result<String, Status> {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let asked = Request::new(Words { text: "hello".into() });
        let codec = ProstCodec::<Words, Words>::default();
        let said = grpc.unary(asked, PathAndQuery::from_static("/test.Speaker/Say"), codec).await?;
        Ok(said.into_inner().text)
    };

    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(say().await.unwrap());
    }
    said.sort();
    assert_eq!(said, ["one hello", "one hello", "two hello", "two hello"]);

    // One that is not there is asked once, one that says it is not available five times in a row.
    let ill = serve("ill", true).await;
    simple.book().replace("speaker", vec![at("1", one), at("2", two), at("3", port::free()), at("4", ill)]);
    let mut failed = 0;
    for _ in 0..60 {
        failed += u32::from(say().await.is_err());
    }
    assert_eq!(failed, 1 + 5);
}
