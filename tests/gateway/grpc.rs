//! gRPC through the gateway, against a real service: calls, streams both ways, and errors told in trailers.

use grpc::{Ask, Prices, PricesClient};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;
use wellspring_test_support::Launch;

fn ask(sku: &str) -> Ask {
    Ask { sku: sku.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_streams_and_errors_pass_the_gateway() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(grpc::serve(listener, Prices::of("shop")));
    let yaml = format!(
        "spring.cloud.gateway.routes:\n- id: grpc\n  uri: http://127.0.0.1:{port}\n  predicates: [Path=/shop.Prices/**]\n  filters: [\"AddRequestHeader=X-Customer, gate\"]\n"
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let channel = Channel::from_shared(gateway.url("")).unwrap().connect().await.unwrap();
    let mut client = PricesClient::new(channel);

    // A call.
    let told = client.quote(ask("tea")).await.unwrap();
    assert_eq!(told.metadata().get("x-customer").unwrap(), "gate");
    assert_eq!((told.get_ref().sku.as_str(), told.get_ref().cents), ("tea", 414));

    // A refusal, in an answer of nothing but trailers.
    let status = client.quote(ask("nothing")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "nothing has no price"));

    // A conversation: each is answered before the next is asked, and the end is an error in trailers.
    let (speak, spoken) = mpsc::channel(1);
    speak.send(ask("tea")).await.unwrap();
    let mut answers = client.follow(ReceiverStream::new(spoken)).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().sku, "tea");
    for sku in ["milk", "sugar"] {
        speak.send(ask(sku)).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().sku, sku);
    }
    speak.send(ask("nothing")).await.unwrap();
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "nothing has no price"));

    // Many at once share the connections.
    let calls = (0..100).map(|number| {
        let mut client = client.clone();
        async move {
            let sku = format!("n{number}");
            client.quote(ask(&sku)).await.unwrap().into_inner().sku == sku
        }
    });
    assert!(futures_util::future::join_all(calls).await.into_iter().all(|same| same));
}
