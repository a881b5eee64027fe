//! The gateway and nginx as proxies in front of the same upstream.

use std::fs;
use std::path::Path;

use anyhow::Result;
use wellspring_test_support::port;

use crate::Effort;
use crate::load::Request;
use crate::process::{Server, program};
use crate::table::{Scenario, compare};

/// The body of every answer.
const KIBIBYTE: usize = 1024;

pub(crate) async fn run(effort: Effort) -> Result<()> {
    let dir = tempfile::tempdir()?;
    // The upstream shares the load generator's core.
    let upstream = nginx(dir.path(), "upstream", 1, |port| {
        format!(
            "server {{ listen 127.0.0.1:{port}; client_max_body_size 10m; location / {{ default_type text/plain; return 200 '{}'; }} }}",
            "x".repeat(KIBIBYTE)
        )
    })?;
    let back = upstream.port;
    let nginx = nginx(dir.path(), "nginx", 0, |port| {
        format!(
            "upstream back {{ server 127.0.0.1:{back}; keepalive 256; keepalive_requests 10000000; }}\nserver {{ listen 127.0.0.1:{port}; client_max_body_size 10m; client_body_buffer_size 256k; location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ''; }} }}"
        )
    })?;
    let one = gateway(dir.path(), "wellspring-gateway", &routes(1, back, ""))?;
    let many = gateway(dir.path(), "wellspring-gateway, 1,000 routes", &routes(1_000, back, ""))?;
    let filters = "        filters:\n        - AddRequestHeader=X-A, 1\n        - SetRequestHeader=X-B, 2\n        - RemoveRequestHeader=X-C\n        - AddResponseHeader=X-D, 4\n        - RemoveResponseHeader=X-E\n";
    let filtered = gateway(dir.path(), "wellspring-gateway, 5 header filters", &routes(1, back, filters))?;
    let body = vec![b'b'; 100 * KIBIBYTE];
    let get = |path: &str| Some(vec![Request::get(path, &[])]);
    let post = || Some(vec![Request::new("POST", "/r0/x", &[], &body, 200)]);
    let scenarios = [
        Scenario {
            name: "GET 1 KiB",
            connections: 32,
            requests: vec![get("/r0/x"), get("/r0/x"), get("/r999/x"), get("/r0/x")],
            share: 1.0,
        },
        Scenario {
            name: "POST 100 KiB",
            connections: 16,
            requests: vec![post(), post(), None, None],
            share: 0.2,
        },
    ];
    compare(effort, &[&one, &nginx, &many, &filtered], &scenarios).await
}

/// `count` routes, `/r0/**` to `/r<count-1>/**`, all to the same upstream.
fn routes(count: usize, upstream: u16, filters: &str) -> String {
    let mut text = "spring:\n  cloud:\n    gateway:\n      routes:\n".to_owned();
    for number in 0..count {
        let id = format!("r{number}");
        text += &format!(
            "      - id: {id}\n        uri: http://127.0.0.1:{upstream}\n        predicates:\n        - Path=/{id}/**\n{filters}"
        );
    }
    text
}

fn gateway(dir: &Path, name: &'static str, routes: &str) -> Result<Server> {
    let port = port::free();
    let file = dir.join(format!("routes-{port}.yml"));
    fs::write(&file, routes)?;
    let command =
        [&program("wellspring-gateway"), "--config", &file.display().to_string(), "--wellspring.threads=1"];
    Server::start(name, 0, port, &command, dir)
}

fn nginx(dir: &Path, name: &'static str, core: usize, servers: impl FnOnce(u16) -> String) -> Result<Server> {
    let port = port::free();
    let root = dir.join(name);
    fs::create_dir(&root)?;
    let (file, root) = (root.join("nginx.conf"), root.display().to_string());
    fs::write(
        &file,
        format!(
            "daemon off; worker_processes 1; pid {root}/nginx.pid; error_log /dev/null;\nuser root;\nevents {{ worker_connections 1024; }}\nhttp {{ access_log off; keepalive_requests 10000000; client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root}; uwsgi_temp_path {root}; scgi_temp_path {root};\n{}\n}}\n",
            servers(port)
        ),
    )?;
    Server::start(name, core, port, &["nginx", "-c", &file.display().to_string()], dir)
}
