//! Both examples with a registry and a config server: configured, found by name, changed while they run, gone when
//! they stop.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use serde_json::{Value, json};
use wellspring_daemon::{Options, Running};
use wellspring_lb_client::discovery::Simple;
use wellspring_lb_client::{Client, http};
use wellspring_test_support::Repository;
use wellspring_test_support::poll::until_some;

const LIMIT: Duration = Duration::from_secs(90);

fn client() -> Client {
    Client::new(std::sync::Arc::new(Simple::default()), http::client(http::Options::default()).unwrap())
}

fn member(registry: &Running, config: &Running) -> Options {
    Options::local()
        .with("eureka.client.service-url.defaultZone", format!("http://{}/eureka/", registry.local_addr()))
        .with("spring.cloud.config.uri", format!("http://{}", config.local_addr()))
}

async fn order(client: &Client, orders: &Running) -> Option<Value> {
    client.get(format!("http://{}/orders/7", orders.local_addr())).fetch().await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_answers_with_its_own_setting_and_what_inventory_says() {
    let mut repository = Repository::with(&[
        ("orders.yml", "orders:\n  greeting: Good day\n"),
        ("inventory.yml", "inventory:\n  warehouse: north\n"),
    ])
    .unwrap();
    let registry = wellspring_registry::app().start(Options::local()).await.unwrap();
    let options = Options::local().with("spring.cloud.config.server.git.uri", repository.uri());
    let config = wellspring_config_server::app().start(options).await.unwrap();
    let inventory = inventory::app().start(member(&registry, &config)).await.unwrap();
    let orders = orders::app().start(member(&registry, &config)).await.unwrap();
    let client = client();

    let first = until_some("an order", LIMIT, async || order(&client, &orders).await).await;
    assert_eq!((&first["id"], &first["greeting"]), (&json!(7), &json!("Good day")));
    assert_eq!((&first["stock"]["sku"], &first["stock"]["warehouse"]), (&json!("sku-7"), &json!("north")));

    repository.put("inventory.yml", "inventory:\n  warehouse: south\n").unwrap();
    let refresh = format!("http://{}/actuator/refresh", inventory.local_addr());
    let changed: Vec<String> = client.post(refresh).fetch().await.unwrap();
    assert!(changed.contains(&"inventory.warehouse".to_owned()), "{changed:?}");
    let south = async || {
        let second = order(&client, &orders).await?;
        (second["stock"]["warehouse"] == "south").then_some(())
    };
    until_some("the new value", LIMIT, south).await;

    inventory.stop().await;
    let gone = async || order(&client, &orders).await.is_none().then_some(());
    until_some("orders without inventory", LIMIT, gone).await;
    let apps = format!("http://{}/eureka/apps/INVENTORY", registry.local_addr());
    assert_eq!(client.get(apps).send().await.unwrap().status(), 404);
    orders.stop().await;
    config.stop().await;
    registry.stop().await;
}
