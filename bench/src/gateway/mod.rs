//! The gateway beside other proxies in front of the same upstream: figures relative to nginx in the same rounds.

mod h2c;
mod instructions;
mod peers;

use std::fs;
use std::path::Path;

use anyhow::Result;
use wellspring_test_support::port;

use crate::Effort;
use crate::load::Request;
use crate::process::{Server, program};
use crate::table::{Scenario, compare_to, say};
use instructions::Subject;

/// The body of every answer.
const KIBIBYTE: usize = 1024;
const INSTANCES: u16 = 10;

const FILTERS: &str = "        filters:\n        - AddRequestHeader=X-A, 1\n        - SetRequestHeader=X-B, 2\n        - RemoveRequestHeader=X-C\n        - AddResponseHeader=X-D, 4\n        - RemoveResponseHeader=X-E\n";
const RESILIENCE: &str = "        filters:\n        - name: CircuitBreaker\n          args: {name: back}\n        - Retry=3\n        - name: RequestRateLimiter\n          args: {key-resolver: \"#{@ipKeyResolver}\", redis-rate-limiter.replenishRate: 1000000, redis-rate-limiter.burstCapacity: 1000000}\n";

/// Spans with their headers, and a collector that gets one in ten.
const TRACED: &str =
    "management.tracing.sampling.probability: 0.1\nmanagement.zipkin.tracing.endpoint: http://127.0.0.1:";

pub(crate) async fn run(effort: Effort, words: &[String]) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let only = words.get(1).map(String::as_str);
    // The upstream shares the load generator's core.
    let ports: Vec<u16> = (0..INSTANCES).map(|_| port::free()).collect();
    let upstream = peers::nginx_with(dir, "upstream", 1, |port| {
        let listen: String = ports.iter().map(|port| format!("listen 127.0.0.1:{port}; ")).collect();
        format!(
            "server {{ listen 127.0.0.1:{port}; {listen} client_max_body_size 10m; location / {{ default_type text/plain; return 200 '{}'; }} }}",
            "x".repeat(KIBIBYTE)
        )
    })?;
    let back = upstream.port;
    let plain = |filters: &str| routes(1, &format!("http://127.0.0.1:{back}"), filters);
    let traced = format!("{}{TRACED}{back}/api/v2/spans\n", plain(""));
    let body = vec![b'b'; 100 * KIBIBYTE];
    if only == Some("instructions") {
        let logged =
            format!("{}wellspring.gateway.access-log: {{enabled: true, file: access.log}}\n", plain(""));
        let subjects = [
            peers::nginx_alone(dir, back)?,
            subject(dir, "Wellspring", &plain(""))?,
            subject(dir, "Wellspring, 5 header filters", &plain(FILTERS))?,
            subject(dir, "Wellspring, traced", &traced)?,
            subject(dir, "Wellspring, access log", &logged)?,
        ];
        let post = Request::new("POST", "/r0/x", &[], &body, 200);
        let requests = [("GET 1 KiB", Request::get("/r0/x", &[])), ("POST 100 KiB", post)];
        return instructions::count(dir, &subjects, &requests).await;
    }
    let ours = gateway(dir, "Wellspring", &plain(""))?;
    let nginx = peers::nginx(dir, back)?;
    let hundred =
        gateway(dir, "Wellspring, 100 routes", &routes(100, &format!("http://127.0.0.1:{back}"), ""))?;
    let thousand =
        gateway(dir, "Wellspring, 1,000 routes", &routes(1_000, &format!("http://127.0.0.1:{back}"), ""))?;
    let filtered = gateway(dir, "Wellspring, 5 header filters", &plain(FILTERS))?;
    let resilient = gateway(dir, "Wellspring, breaker + retry + limiter + lb over 10", &balanced(&ports))?;
    let mirror = format!("        filters:\n        - Mirror=http://127.0.0.1:{back}, 100\n");
    let mirrored = gateway(dir, "Wellspring, mirror of all", &plain(&mirror))?;
    let others: Vec<Server> =
        [peers::haproxy(dir, back)?, peers::envoy(dir, back)?, peers::original(dir, back)?]
            .into_iter()
            .flatten()
            .collect();

    let followed = gateway(dir, "Wellspring, traced", &traced)?;
    let get = |path: &str| Some(vec![Request::get(path, &[])]);
    let post = || Some(vec![Request::new("POST", "/r0/x", &[], &body, 200)]);
    let mut servers = vec![&ours, &nginx, &hundred, &thousand, &filtered, &resilient, &mirrored, &followed];
    let own = servers.len();
    servers.extend(&others);
    let mut gets = vec![
        get("/r0/x"),
        get("/r0/x"),
        get("/r99/x"),
        get("/r999/x"),
        get("/r0/x"),
        get("/r0/x"),
        get("/r0/x"),
        get("/r0/x"),
    ];
    let mut posts = vec![post(), post()];
    posts.resize_with(own, || None);
    for _ in &others {
        gets.push(get("/r0/x"));
        posts.push(post());
    }
    let scenarios = [
        Scenario { name: "GET 1 KiB", connections: 32, requests: gets, share: 1.0 },
        Scenario { name: "POST 100 KiB", connections: 16, requests: posts, share: 0.2 },
    ];
    compare_to(effort, 1, &servers, &scenarios).await?;
    let nginx = peers::nginx_h2(dir, back)?;
    let mut servers = vec![&ours, &nginx];
    servers.extend(&others);
    h2c::compare(effort, &servers, 1, "/r0/x")?;
    say("\nRelative: CPU time per request, nginx = 1.00.");
    Ok(())
}

/// `count` routes, `/r0/**` to `/r<count-1>/**`, all to the same upstream.
fn routes(count: usize, upstream: &str, filters: &str) -> String {
    let mut text = "spring:\n  cloud:\n    gateway:\n      routes:\n".to_owned();
    for number in 0..count {
        let id = format!("r{number}");
        text += &format!(
            "      - id: {id}\n        uri: {upstream}\n        predicates:\n        - Path=/{id}/**\n{filters}"
        );
    }
    text
}

/// One route over ten instances, with everything that keeps a request safe.
fn balanced(ports: &[u16]) -> String {
    let instances: String =
        ports.iter().map(|port| format!("      - uri: http://127.0.0.1:{port}\n")).collect();
    format!(
        "spring.cloud.discovery.client.simple.instances:\n      back:\n{instances}{}",
        routes(1, "lb://back", RESILIENCE)
    )
}

fn gateway(dir: &Path, name: &'static str, routes: &str) -> Result<Server> {
    let Subject { name, port, command } = subject(dir, name, routes)?;
    Server::start(name, 0, port, &command.iter().map(String::as_str).collect::<Vec<_>>(), dir)
}

/// A gateway with these routes that is not started yet.
fn subject(dir: &Path, name: &'static str, routes: &str) -> Result<Subject> {
    let port = port::free();
    let file = dir.join(format!("routes-{port}.yml"));
    fs::write(&file, routes)?;
    let (program, file) = (program("wellspring-gateway"), file.display().to_string());
    let command = vec![program, "--config".to_owned(), file, "--wellspring.threads=1".to_owned()];
    Ok(Subject { name, port, command })
}
