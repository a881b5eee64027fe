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
