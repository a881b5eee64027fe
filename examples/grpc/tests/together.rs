//! The pair with a registry: found by name, called by gRPC, an error told as one, and another instance found at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use wellspring_daemon::{Options, Running};
use wellspring_test_support::{http1, poll};

const SOON: Duration = Duration::from_secs(90);

fn member(registry: &Running) -> Options {
    Options::local()
        .with("eureka.client.service-url.defaultZone", format!("http://{}/eureka/", registry.local_addr()))
        .with("eureka.client.registry-fetch-interval-seconds", 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn till_finds_prices_by_name_and_calls_all_of_its_instances() {
    let registry = wellspring_registry::app().start(Options::local()).await.unwrap();
    let prices = grpc::prices().start(member(&registry)).await.unwrap();
    let till = grpc::till().start(member(&registry)).await.unwrap();
    let port = till.local_addr().port();
    let receipt = |sku: &str| http1::get(port, &format!("/receipt/{sku}")).unwrap();
    // Nobody, where the call fails: one who comes or goes may miss it.
    let seller = || {
        let reply = receipt("tea");
        (reply.status == 200).then(|| reply.json()["seller"].as_str().unwrap().to_owned())
    };

    poll::until("till knows a price", SOON, || receipt("tea").status == 200);
    let tea: Value = receipt("tea").json();
    assert_eq!(
        (&tea["sku"], &tea["price"], &tea["seller"]),
        (&"tea".into(), &"4.14".into(), &"prices".into())
    );
    assert_eq!(
        (receipt("nothing").status, receipt("nothing").text()),
        (404, "nothing has no price".to_owned())
    );

    // A second one under the same name in the registry, told apart by what it calls itself.
    let second = member(&registry)
        .with("spring.application.name", "second")
        .with("eureka.instance.appname", "prices")
        .with("eureka.instance.virtual-host-name", "prices");
    let second = grpc::prices().start(second).await.unwrap();
    let mut sellers = BTreeSet::new();
    poll::until("both are asked", SOON, || {
        sellers.extend(seller());
        sellers.len() == 2
    });
    assert_eq!(sellers.into_iter().collect::<Vec<_>>(), ["prices", "second"]);

    second.stop().await;
    poll::until("the one that stopped is not asked", SOON, || {
        (0..10).all(|_| seller().is_some_and(|seller| seller == "prices"))
    });
    till.stop().await;
    prices.stop().await;
    registry.stop().await;
}
