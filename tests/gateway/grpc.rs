//! gRPC through the gateway, against a real service: calls, streams both ways, and errors told in trailers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};
use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::codegen::{Body, BoxFuture, StdError, http};
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use wellspring_test_support::Launch;

#[derive(Clone, PartialEq, prost::Message)]
struct Words {
    #[prost(string, tag = "1")]
    text: String,
}

type Answers = Pin<Box<dyn Stream<Item = Result<Words, Status>> + Send>>;

/// `Say` answers in capitals or refuses; `Talk` does so word by word and ends with an error at "stop".
#[derive(Clone, Copy)]
struct Speaker;

impl tonic::server::NamedService for Speaker {
    const NAME: &'static str = "test.Speaker";
}

async fn say(request: Request<Words>) -> Result<Response<Words>, Status> {
    let agent = request.metadata().get("x-gate").map(|value| value.to_str().unwrap().to_owned());
    match request.into_inner().text.as_str() {
        "refuse" => Err(Status::failed_precondition("not today")),
        text => {
            let mut response = Response::new(Words { text: text.to_uppercase() });
            response.metadata_mut().insert("x-seen", agent.unwrap_or_default().parse().unwrap());
            Ok(response)
        }
    }
}

async fn talk(request: Request<Streaming<Words>>) -> Result<Response<Answers>, Status> {
    let answers = request.into_inner().map(|word| match word {
        Ok(word) if word.text == "stop" => Err(Status::aborted("asked to stop")),
        Ok(word) => Ok(Words { text: word.text.to_uppercase() }),
        Err(status) => Err(status),
    });
    Ok(Response::new(Box::pin(answers)))
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
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Words, Words>::default());
            Ok(match request.uri().path() {
                "/test.Speaker/Say" => grpc.unary(tower::service_fn(say), request).await,
                _ => grpc.streaming(tower::service_fn(talk), request).await,
            })
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_streams_and_errors_pass_the_gateway() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(
        Server::builder().add_service(Speaker).serve_with_incoming(TcpListenerStream::new(listener)),
    );
    let yaml = format!(
        "spring.cloud.gateway.routes:\n- id: grpc\n  uri: http://127.0.0.1:{port}\n  predicates: [Path=/test.Speaker/**]\n  filters: [\"AddRequestHeader=X-Gate, yes\"]\n"
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let channel = Channel::from_shared(gateway.url("")).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    let words = |text: &str| Words { text: text.to_owned() };
    let path = |path: &'static str| PathAndQuery::from_static(path);

    // A call.
    client.ready().await.unwrap();
    let codec = ProstCodec::<Words, Words>::default();
    let said: Response<Words> =
        client.unary(Request::new(words("hello")), path("/test.Speaker/Say"), codec).await.unwrap();
    assert_eq!(said.metadata().get("x-seen").unwrap(), "yes");
    assert_eq!(said.into_inner().text, "HELLO");

    // A refusal, in an answer of nothing but trailers.
    client.ready().await.unwrap();
    let codec = ProstCodec::<Words, Words>::default();
    let refused: Result<Response<Words>, Status> =
        client.unary(Request::new(words("refuse")), path("/test.Speaker/Say"), codec).await;
    let status = refused.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not today"));

    // A conversation: each word is answered before the next is said, and the end is an error in trailers.
    client.ready().await.unwrap();
    let (speak, spoken) = mpsc::channel(1);
    let codec = ProstCodec::<Words, Words>::default();
    let talking =
        client.streaming(Request::new(ReceiverStream::new(spoken)), path("/test.Speaker/Talk"), codec);
    speak.send(words("one")).await.unwrap();
    let mut answers: Streaming<Words> = talking.await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().text, "ONE");
    for text in ["two", "three"] {
        speak.send(words(text)).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().text, text.to_uppercase());
    }
    speak.send(words("stop")).await.unwrap();
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "asked to stop"));

    // Many at once share the connections.
    let calls = (0..100).map(|number| {
        let mut client = client.clone();
        async move {
            client.ready().await.unwrap();
            let codec = ProstCodec::<Words, Words>::default();
            let said: Response<Words> = client
                .unary(
                    Request::new(Words { text: format!("n{number}") }),
                    PathAndQuery::from_static("/test.Speaker/Say"),
                    codec,
                )
                .await
                .unwrap();
            said.into_inner().text == format!("N{number}")
        }
    });
    assert!(futures_util::future::join_all(calls).await.into_iter().all(|same| same));
}
