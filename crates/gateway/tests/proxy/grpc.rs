//! JSON for a real gRPC service (tonic), by its descriptor.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};
use serde_json::json;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use wellspring_test_support::http1::Request;

use crate::support::{Gateway, one_route};

#[derive(Clone, PartialEq, prost::Message)]
struct Question {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, repeated, tag = "2")]
    numbers: Vec<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(string, tag = "1")]
    greeting: String,
    #[prost(int64, tag = "2")]
    sum: i64,
}

struct Greet;

impl tonic::server::UnaryService<Question> for Greet {
    type Response = Answer;
    type Future = BoxFuture<'static, Result<tonic::Response<Answer>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Question>) -> Self::Future {
        let asked = request.into_inner();
        Box::pin(async move {
            if asked.name.is_empty() {
                return Err(tonic::Status::not_found("nobody: \"\""));
            }
            let sum = asked.numbers.iter().map(|number| i64::from(*number)).sum();
            Ok(tonic::Response::new(Answer { greeting: format!("hello {}", asked.name), sum }))
        })
    }
}

/// What tonic's generated server does, by hand.
#[derive(Clone)]
struct Greeter;

impl tonic::server::NamedService for Greeter {
    const NAME: &'static str = "shop.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), "/shop.Greeter/Greet");
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::<Answer, Question>::default();
            Ok(tonic::server::Grpc::new(codec).unary(Greet, request).await)
        })
    }
}

async fn serve() -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], wellspring_test_support::port::free()));
    tokio::spawn(tonic::transport::Server::builder().add_service(Greeter).serve(address));
    wellspring_test_support::poll::until_some(
        "the service listens",
        std::time::Duration::from_secs(90),
        async || tokio::net::TcpStream::connect(address).await.ok(),
    )
    .await;
    address
}

fn descriptor() -> Vec<u8> {
    let field = |name: &str, number: i32, kind: Type, label: Label| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        r#type: Some(kind.into()),
        label: Some(label.into()),
        ..Default::default()
    };
    let message = |name: &str, field: Vec<FieldDescriptorProto>| DescriptorProto {
        name: Some(name.to_owned()),
        field,
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("greeter.proto".to_owned()),
        package: Some("shop".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![
            message(
                "Question",
                vec![
                    field("name", 1, Type::String, Label::Optional),
                    field("numbers", 2, Type::Int32, Label::Repeated),
                ],
            ),
            message(
                "Answer",
                vec![
                    field("greeting", 1, Type::String, Label::Optional),
                    field("sum", 2, Type::Int64, Label::Optional),
                ],
            ),
        ],
        service: vec![ServiceDescriptorProto {
            name: Some("Greeter".to_owned()),
            method: vec![MethodDescriptorProto {
                name: Some("Greet".to_owned()),
                input_type: Some(".shop.Question".to_owned()),
                output_type: Some(".shop.Answer".to_owned()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    prost::Message::encode_to_vec(&FileDescriptorSet { file: vec![file] })
}

#[tokio::test(flavor = "multi_thread")]
async fn json_reaches_a_grpc_service_and_comes_back() {
    let address = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greeter.desc");
    std::fs::write(&file, descriptor()).unwrap();
    let filter = format!("JsonToGrpc=file:{},file:greeter.proto,Greeter,Greet", file.display());
    let gateway = Gateway::start(&one_route(&format!("http://{address}"), &[&filter])).await;
    let port = gateway.port();
    let post =
        |body: &serde_json::Value| Request::new("POST", "/json/hello?x=1").json(body).send(port).unwrap();
    for _ in 0..3 {
        let reply = post(&json!({"name": "ana", "numbers": [1, 2, 39]}));
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("application/json")),
            "{}",
            reply.text()
        );
        assert_eq!(reply.json(), json!({"greeting": "hello ana", "sum": "42"}));
    }
    let missing = post(&json!({}));
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json(), json!({"code": 5, "status": "NOT_FOUND", "message": "nobody: \"\""}));
    assert_eq!(post(&json!({"nome": "ana"})).status, 400);
    assert_eq!(Request::new("POST", "/a").body("no json").send(port).unwrap().status, 400);
    gateway.running.stop().await;

    for (arguments, said) in [
        ("file:/nowhere.desc,x,Greeter,Greet".to_owned(), "cannot be read"),
        (format!("{},x,Nobody,Greet", file.display()), "shop.Greeter"),
        (format!("{},x,shop.Greeter,Part", file.display()), "Greet"),
        ("classpath:greeter.desc,x,Greeter,Greet".to_owned(), "class path"),
    ] {
        let yaml = one_route("http://h:1", &[&format!("JsonToGrpc={arguments}")]);
        let error = Gateway::try_start(&yaml).await.err().unwrap().to_string();
        assert!(error.contains(said) && error.contains("application.yml:"), "{error}");
    }
}
