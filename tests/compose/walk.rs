//! What README.md and docs/start.md tell a user to try, tried.

use std::fs;
use std::time::Duration;

use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{poll, tools};

use crate::GATEWAYS;
use crate::stack::Stack;

const SOON: Duration = Duration::from_secs(60);

/// Every link of the README's table answers.
pub(crate) fn readme() {
    let readme = fs::read_to_string(tools::root().join("README.md")).unwrap();
    let (_, start) = readme.split_once("\n## Start\n").expect("the chapter");
    let table = start.split("```").nth(3).expect("its second block");
    let mut links = 0;
    for line in table.lines() {
        let Some((_, link)) = line.split_once("http://localhost:") else { continue };
        let link = link.split_whitespace().next().unwrap_or_default();
        let (port, path) = link.split_once('/').unwrap();
        let path = format!("/{path}");
        let reply = http1::get(port.parse().unwrap(), &path).unwrap();
        assert_eq!(reply.status, 200, "{line}: {}", reply.text());
        links += 1;
    }
    assert_eq!(links, 4, "registry, config server, gateway, bus: {table}");
    println!("the README's {links} links answer");
}

/// The page's lines for the cluster: each prints what the page says below it.
pub(crate) fn start_page() {
    let page = fs::read_to_string(tools::root().join("docs/start.md")).unwrap();
    let (_, cluster) = page.split_once("## A cluster with Docker").expect("the chapter");
    let mut tried = 0;
    for line in cluster.lines().filter_map(|line| line.trim().strip_prefix("curl ")) {
        let output =
            std::process::Command::new("bash").args(["-c", &format!("curl -fsS {line}")]).output().unwrap();
        assert!(output.status.success(), "curl {line}: {}", String::from_utf8_lossy(&output.stderr));
        tried += 1;
    }
    assert!(tried >= 4, "{tried} lines");
    println!("the {tried} lines of docs/start.md work");
}

/// A change of the configuration reaches both instances of the service through config server, bus and broker.
pub(crate) fn news(stack: &Stack, what: &str) {
    let greeting = format!("Hello after {what}");
    let file = stack.folder().join("deploy/compose/config/orders.yml");
    fs::write(&file, format!("orders:\n  greeting: {greeting}\n")).unwrap();
    poll::until(&format!("`{greeting}` is served by every instance"), SOON, || {
        // As an operator would, again until it is there: what was asked for while a broker was away may have been refused.
        let asked = Request::new("POST", "/actuator/busrefresh").header("Content-Length", "0").send(8889);
        let is_asked = asked.is_ok_and(|reply| reply.status == 204);
        is_asked
            && poll::within(Duration::from_secs(3), || {
                GATEWAYS.into_iter().cycle().take(8).all(|port| {
                    http1::get(port, "/orders/greeting")
                        .is_ok_and(|reply| reply.status == 200 && reply.text() == greeting)
                })
            })
    });
}

/// Prometheus scrapes whoever is registered and has read the alerts; Zipkin shows a request through gateway, `orders` and `inventory`.
pub(crate) fn profiles(stack: &Stack) {
    stack.up_also(&["prometheus", "zipkin"]);
    let asked = |port: u16, path: &str| {
        http1::get(port, path).ok().filter(|reply| reply.status == 200).map(|reply| reply.json())
    };
    let mut seen = serde_json::Value::Null;
    let scraped = poll::within(SOON, || {
        seen = asked(9090, "/api/v1/targets?state=active").unwrap_or_default();
        let targets = seen["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        targets.len() >= 10 && targets.iter().all(|target| target["health"] == "up")
    });
    assert!(scraped, "Prometheus does not scrape everybody: {seen}");
    let rules = asked(9090, "/api/v1/rules").unwrap();
    assert!(
        rules["data"]["groups"].as_array().is_some_and(|groups| !groups.is_empty()),
        "no alerts: {rules}"
    );
    let traced = poll::within(SOON, || {
        for port in GATEWAYS {
            http1::get(port, "/orders/7").ok();
        }
        seen = asked(9411, "/api/v2/traces?serviceName=inventory&limit=5").unwrap_or_default();
        let services: Vec<&str> = seen[0]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|span| span["localEndpoint"]["serviceName"].as_str())
            .collect();
        ["gateway", "orders", "inventory"].iter().all(|service| services.contains(service))
    });
    assert!(traced, "Zipkin shows no whole request: {seen}");
    println!("profiles: Prometheus scrapes everybody, Zipkin shows whole requests");
}
