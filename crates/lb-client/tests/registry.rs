//! Against the registry of this suite: two clients find each other, and hear of changes at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fakes;

use std::time::Duration;

use fakes::env;
use wellspring_daemon::{Options, Running};
use wellspring_lb_client::{Client, Own, Status};
use wellspring_telemetry::Meters;
use wellspring_test_support::poll::until_some;

const LIMIT: Duration = Duration::from_secs(90);

async fn registry() -> Running {
    wellspring_registry::app().start(Options::local()).await.unwrap()
}

fn member(registry: &Running, name: &str) -> (Client, wellspring_properties::Environment) {
    let url = format!("http://{}/eureka/", registry.local_addr());
    let env = env(&[
        ("eureka.client.service-url.defaultZone", &url),
        ("spring.application.name", name),
        ("eureka.client.registry-fetch-interval-seconds", "1"),
    ]);
    (Client::from_env(&env, &Meters::default()).unwrap(), env)
}

async fn until_count(client: &Client, service: &str, count: usize) {
    let listing = client.discovery().listing(service);
    until_some(&format!("{count} of {service}"), LIMIT, async || {
        (listing.instances().len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn members_find_each_other_and_hear_of_leaving_at_once() {
    let registry = registry().await;
    let (orders, own_env) = member(&registry, "orders");
    let (stock, _) = member(&registry, "stock");
    stock.first_fetch().await.unwrap();
    let own = Own::from_env(&own_env, "127.0.0.1:7001".parse().unwrap(), false).await.unwrap();
    orders.register(own).await.unwrap();
    until_count(&stock, "orders", 1).await;
    assert_eq!(stock.discovery().instances("orders")[0].uri(), "http://127.0.0.1:7001");
    until_some("our status as the registry has it", LIMIT, async || orders.remote_status()).await;
    assert_eq!(orders.remote_status(), Some(Status::Up));
    orders.deregister().await;
    until_count(&stock, "orders", 0).await;
    stock.close().await;
    registry.stop().await;
}

#[tokio::test]
async fn the_list_outlives_the_registry() {
    let registry = registry().await;
    let (orders, own_env) = member(&registry, "orders");
    let own = Own::from_env(&own_env, "127.0.0.1:7002".parse().unwrap(), false).await.unwrap();
    orders.register(own).await.unwrap();
    until_count(&orders, "orders", 1).await;
    registry.stop().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(orders.discovery().instances("orders").len(), 1);
    orders.close().await;
}
