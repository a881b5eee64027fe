//! A gRPC client over discovery: tonic's client calls a service by name, and an instance that is not there is soon left out.

use std::sync::Arc;

use grpc::{Ask, Prices, PricesClient};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use tonic::Status;
use tower::Layer;
use wellspring_lb_client::discovery::Simple;
use wellspring_lb_client::http::{BalanceLayer, Options, client};
use wellspring_lb_client::{Client, Instance};
use wellspring_test_support::port;

async fn serve(prices: Prices) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(grpc::serve(listener, prices));
    port
}

fn at(id: &str, port: u16) -> Instance {
    Instance::new("prices", id, "127.0.0.1", port)
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_calls_go_to_instances_in_turn_and_avoid_those_that_fail() {
    let simple = Arc::new(Simple::default());
    let (one, two) = (serve(Prices::of("one")).await, serve(Prices::of("two")).await);
    simple.book().replace("prices", vec![at("1", one), at("2", two)]);
    let calls = Client::new(Arc::clone(&simple) as _, client(Options::default()).unwrap());
    let http = HttpClient::builder(TokioExecutor::new()).http2_only(true).build_http::<tonic::body::Body>();
    let prices = PricesClient::new(BalanceLayer::new(&calls, "prices").layer(http));
    let seller = async || -> Result<String, Status> {
        Ok(prices.clone().quote(Ask { sku: "tea".into() }).await?.into_inner().seller)
    };

    let mut sellers = Vec::new();
    for _ in 0..4 {
        sellers.push(seller().await.unwrap());
    }
    sellers.sort();
    assert_eq!(sellers, ["one", "one", "two", "two"]);

    // One that is not there is asked once, one that says it is not available five times in a row.
    let closed = serve(Prices::of("three").closed()).await;
    let all = vec![at("1", one), at("2", two), at("3", port::free()), at("4", closed)];
    simple.book().replace("prices", all);
    let mut failed = 0;
    for _ in 0..60 {
        failed += u32::from(seller().await.is_err());
    }
    assert_eq!(failed, 1 + 5);
}
