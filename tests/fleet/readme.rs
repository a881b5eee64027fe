//! The service that README.md prints: it is the one of `examples/shop`, and does what the text says.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Repository, http1, poll, tools};

use super::{SOON, member, registered, registry};

#[test]
fn the_readme_prints_the_example_in_at_most_25_lines() {
    let readme = fs::read_to_string(tools::root().join("README.md")).unwrap();
    let block = |language: &str| {
        let (_, rest) = readme.split_once(&format!("```{language}\n")).expect("the block");
        rest.split_once("```").expect("its end").0
    };
    let file = |name: &str| fs::read_to_string(tools::root().join("examples/shop/src").join(name)).unwrap();
    assert_eq!(block("rust"), file("main.rs"));
    assert!(block("rust").lines().count() <= 25);
    let section = readme.split_once("## A service in Rust").unwrap().1;
    assert!(section.contains(&file("application.yml")));
}

fn item(shop: &Daemon) -> Value {
    http1::get(shop.port(), "/items/tea").unwrap().json()
}

fn metrics(shop: &Daemon) -> String {
    http1::get(shop.port(), "/actuator/prometheus").unwrap().text()
}

#[test]
fn the_service_of_the_readme_is_configured_registered_balanced_protected_and_observable() {
    let mut repository = Repository::with(&[("shop.yml", "shop.title: Corner shop\n")]).unwrap();
    let registry = registry();
    let config = wellspring_test_support::Launch::new("wellspring-config-server")
        .var("SPRING_CLOUD_CONFIG_SERVER_GIT_URI", repository.uri())
        .start();
    let inventory = |warehouse: &str| {
        let launch = member("inventory", &registry).var("SPRING_CLOUD_CONFIG_URI", config.url(""));
        launch.var("INVENTORY_WAREHOUSE", warehouse).start()
    };
    let (mut north, mut south) = (inventory("north"), inventory("south"));
    let shop = member("shop", &registry)
        .var("SPRING_CLOUD_CONFIG_URI", config.url(""))
        .arg("--resilience4j.circuitbreaker.instances.inventory.wait-duration-in-open-state=1s")
        .start();

    // Registered and configured; a commit arrives by a refresh.
    poll::until("the shop is registered", SOON, || registered(&registry, "shop") == 1);
    assert_eq!(item(&shop)["shop"], "Corner shop");
    repository.put("shop.yml", "shop.title: Supermarket\n").unwrap();
    let refreshed = http1::Request::new("POST", "/actuator/refresh").send(shop.port()).unwrap().json();
    assert!(refreshed.as_array().unwrap().contains(&json!("shop.title")), "{refreshed}");
    assert_eq!(item(&shop)["shop"], "Supermarket");

    // Balanced.
    poll::until("both instances are found", SOON, || {
        let seen: Vec<Value> = (0..8).map(|_| item(&shop)["stock"]["warehouse"].clone()).collect();
        seen.contains(&json!("north")) && seen.contains(&json!("south"))
    });

    // Protected: with nobody left the fallback answers, and the breaker opens; it closes when somebody is back.
    north.kill();
    south.kill();
    let open = r#"resilience4j_circuitbreaker_state{name="inventory",state="open"} 1"#;
    poll::until("the breaker is open", SOON, || {
        assert_eq!(item(&shop)["stock"], json!({"sku": "tea", "quantity": null}));
        metrics(&shop).contains(open)
    });
    let east = inventory("east");
    poll::until("the breaker is closed", SOON, || {
        item(&shop)["stock"]["warehouse"] == "east"
            && metrics(&shop)
                .contains(r#"resilience4j_circuitbreaker_state{name="inventory",state="closed"} 1"#)
    });

    // Observable.
    let breakers = http1::get(shop.port(), "/actuator/circuitbreakers").unwrap().json();
    assert_eq!(breakers["circuitBreakers"]["inventory"]["state"], "CLOSED", "{breakers}");
    let first = first_event(&shop, "/actuator/hystrix.stream");
    assert_eq!((&first["type"], &first["name"]), (&json!("HystrixCommand"), &json!("inventory")));
    assert_eq!((&first["isCircuitBreakerOpen"], &first["reportingHosts"]), (&json!(false), &json!(1)));
    let metrics = metrics(&shop);
    for name in [
        r#"http_server_requests_seconds_count"#,
        r#"http_client_requests_seconds_count{client_name="inventory""#,
        r#"resilience4j_circuitbreaker_calls_seconds_count{kind="failed",name="inventory"}"#,
        r#"resilience4j_circuitbreaker_not_permitted_calls_total{kind="not_permitted",name="inventory"}"#,
        r#"resilience4j_timelimiter_calls_total{kind="successful",name="inventory"}"#,
    ] {
        assert!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
    drop(east);
}

/// The data of the first event of a stream.
fn first_event(shop: &Daemon, path: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", shop.port())).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let data = BufReader::new(stream)
        .lines()
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    serde_json::from_str(&data.unwrap()).unwrap()
}
