//! `lb://`: instances from a static registry, taken in turn; none is 503.

use wellspring_test_support::Echo;
use wellspring_test_support::http1::{self, Request};

use crate::support::Gateway;

fn yaml(services: &[(&str, &[&Echo])], more: &str) -> String {
    let mut yaml =
        String::from("spring:\n  cloud:\n    discovery.client.simple.instances:\n      none: []\n");
    for (name, instances) in services {
        yaml.push_str(&format!("      {name}:\n"));
        for echo in *instances {
            yaml.push_str(&format!(
                "      - uri: {}\n        metadata: {{zone: z{}}}\n",
                echo.url(""),
                echo.port()
            ));
        }
    }
    yaml + more
}

const ROUTE: &str =
    "    gateway:\n      routes:\n      - id: o\n        uri: lb://orders\n        predicates: [Path=/**]\n";

#[tokio::test(flavor = "multi_thread")]
async fn instances_take_turns() {
    let (a, b) = (Echo::start(), Echo::start());
    let gateway = Gateway::start(&yaml(&[("orders", &[&a, &b])], ROUTE)).await;
    let ports: Vec<u64> =
        (0..6).map(|_| http1::get(gateway.port(), "/x").unwrap().json()["port"].as_u64().unwrap()).collect();
    assert!(ports.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_instance_is_503_or_404_when_told_so() {
    let gateway = Gateway::start(&yaml(&[], ROUTE)).await;
    let answer = http1::get(gateway.port(), "/x").unwrap();
    assert_eq!((answer.status, &answer.json()["error"]), (503, &"Service Unavailable".into()));
    gateway.running.stop().await;
    let use404 = format!("{}      loadbalancer.use404: true\n", yaml(&[], ROUTE));
    let gateway = Gateway::start(&use404).await;
    assert_eq!(http1::get(gateway.port(), "/x").unwrap().status, 404);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_goes_to_another_instance() {
    let (good, dead) = (Echo::start(), Echo::start());
    let route = format!("{ROUTE}        filters: [\"Retry=1\"]\n");
    let text = yaml(&[("orders", &[&good, &dead])], &route);
    drop(dead);
    let gateway = Gateway::start(&text).await;
    for _ in 0..6 {
        let answer = http1::get(gateway.port(), "/x").unwrap();
        assert_eq!(answer.json()["port"], good.port());
    }
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_refuses_is_left_out_for_a_while() {
    let (good, dead) = (Echo::start(), Echo::start());
    let text = yaml(&[("orders", &[&good, &dead])], ROUTE);
    drop(dead);
    let gateway = Gateway::start(&text).await;
    let statuses: Vec<u16> = (0..12).map(|_| http1::get(gateway.port(), "/x").unwrap().status).collect();
    let failed = statuses.iter().filter(|status| **status == 500).count();
    assert!(failed <= 1 && statuses.ends_with(&[200; 10]), "{statuses:?}");
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_discovery_locator_has_a_route_for_every_service() {
    let (orders, stock) = (Echo::start(), Echo::start());
    let locator = "    gateway.discovery.locator.enabled: true\n";
    let gateway = Gateway::start(&yaml(&[("orders", &[&orders]), ("stock", &[&stock])], locator)).await;
    for (path, port, seen) in [("/orders/a/b?c=d", orders.port(), "/a/b"), ("/stock", stock.port(), "/")] {
        let answer = http1::get(gateway.port(), path).unwrap().json();
        assert_eq!((answer["port"].clone(), answer["path"].as_str().unwrap()), (port.into(), seen), "{path}");
    }
    let ids = http1::get(gateway.port(), "/actuator/gateway/routes/ReactiveCompositeDiscoveryClient_orders")
        .unwrap();
    assert_eq!(ids.status, 200);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locator_settings_of_the_old_prefix_are_honoured() {
    let orders = Echo::start();
    let locator = "    gateway:\n      discovery:\n        locator:\n          enabled: true\n          include-expression: metadata['zone'] != null\n          predicates:\n          - name: Path\n            args: {pattern: \"'/api/' + serviceId.toLowerCase() + '/**'\"}\n          filters:\n          - name: StripPrefix\n            args: {parts: \"2\"}\n";
    let gateway = Gateway::start(&yaml(&[("orders", &[&orders])], locator)).await;
    let answer = http1::get(gateway.port(), "/api/orders/7").unwrap();
    assert_eq!((answer.status, answer.json()["path"].as_str()), (200, Some("/7")));
    assert_eq!(http1::get(gateway.port(), "/orders/7").unwrap().status, 404);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_says_which_route_and_why() {
    let orders = Echo::start();
    let routes = "    gateway:\n      routes:\n      - id: posts\n        uri: lb://orders\n        predicates: [Path=/a/**, Method=POST]\n      - id: gets\n        uri: lb://orders\n        predicates: [Path=/a/**]\n        filters: [StripPrefix=1, \"AddRequestHeader=X-A, b\"]\n";
    let gateway = Gateway::start(&yaml(&[("orders", &[&orders])], routes)).await;
    let described = serde_json::json!({"path": "/a/b?c=d", "headers": {"X-Q": "1"}});
    let trace =
        Request::new("POST", "/actuator/gateway/trace").json(&described).send(gateway.port()).unwrap().json();
    assert_eq!(trace["route"], "gets");
    assert_eq!(trace["tried"][0]["failed"], "Methods: [POST]");
    assert_eq!(trace["target"], format!("http://127.0.0.1:{}/b?c=d", orders.port()));
    let changes = trace["filters"].to_string();
    assert!(changes.contains("/a/b?c=d → /b?c=d") && changes.contains("x-a"), "{changes}");
    assert!(orders.requests().is_empty());
    gateway.running.stop().await;
}
