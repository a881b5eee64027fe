//! What no server should have to take: broken settings, a taken port, a dead remote, hostile requests.
//!
//! Each gets a clear answer or a message that names the place, and none takes a daemon down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use tokio::time::Instant;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Daemon, Echo, Fault, FaultProxy, Launch, Repository, long, poll};

const DAEMONS: [&str; 3] = ["wellspring-registry", "wellspring-config-server", "wellspring-gateway"];

/// The log of a daemon that must refuse to start.
#[track_caller]
fn refusal(launch: Launch) -> String {
    match launch.patience(Duration::from_secs(120)).try_start() {
        Ok(daemon) => panic!("it started: {}", daemon.log()),
        Err(failure) => {
            let status =
                failure.status.unwrap_or_else(|| panic!("it neither started nor ended: {}", failure.log));
            assert!(!status.success() && status.code().is_some(), "ended with {status}: {}", failure.log);
            assert!(!failure.log.contains("panicked"), "{}", failure.log);
            failure.log
        }
    }
}

fn registry() -> Daemon {
    Launch::new("wellspring-registry")
        .yaml("eureka.client: { register-with-eureka: false, fetch-registry: false }")
        .start()
}

#[track_caller]
fn still_answers(daemon: &mut Daemon) {
    assert!(daemon.is_running(), "it ended: {}", daemon.log());
    assert_eq!(http1::get(daemon.port(), "/actuator/health").unwrap().status, 200);
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
}

// === Settings ===

#[test]
fn malformed_yaml_is_refused_with_its_place() {
    for name in DAEMONS {
        let log = refusal(Launch::new(name).yaml("server:\n  address: 127.0.0.1\n bad indent: [1\n"));
        assert!(log.contains("application.yml:"), "{name} does not name file and line: {log}");
    }
}

#[test]
fn a_mistyped_value_is_refused_with_its_key_and_place() {
    let table = [
        (
            "wellspring-registry",
            "eureka:\n  server:\n    eviction-interval-timer-in-ms: soon\n",
            "application.yml:3",
        ),
        (
            "wellspring-config-server",
            "spring.cloud.config.server:\n  git:\n    timeout: later\n    uri: file:///nowhere\n",
            "application.yml:3",
        ),
        (
            "wellspring-gateway",
            "spring.cloud.gateway.server.webflux:\n  httpclient:\n    connect-timeout: never\n",
            "application.yml:3",
        ),
    ];
    for (name, yaml, place) in table {
        let log = refusal(Launch::new(name).yaml(yaml));
        assert!(log.contains(place), "{name} does not say {place}: {log}");
    }
}

#[test]
fn an_unknown_property_under_our_prefixes_is_reported() {
    let table = [
        ("wellspring-registry", "eureka:\n  server:\n    evict-interval: 5\n", "evict-interval"),
        (
            "wellspring-config-server",
            "spring.cloud.config.server.git:\n  uri: file:///nowhere\n  uris: x\n",
            "uris",
        ),
        (
            "wellspring-gateway",
            "spring.cloud.gateway.server.webflux:\n  rutes: []\n  httpclient.conect-timeout: 5\n",
            "conect-timeout",
        ),
    ];
    for (name, yaml, key) in table {
        let log = match Launch::new(name).yaml(yaml).try_start() {
            Ok(daemon) => daemon.log(),
            Err(failure) => failure.log,
        };
        let line = log.lines().find(|line| line.contains(key));
        assert!(line.is_some(), "{name} says nothing about {key}: {log}");
        assert!(log.contains("application.yml:"), "{name} does not say where: {log}");
    }
}

#[test]
fn an_unknown_predicate_or_filter_stops_the_gateway() {
    for (part, name) in [
        ("predicates: [ Pth=/a ]", "Pth"),
        ("predicates: [ Path=/a ]\n    filters: [ StripPrefx=1 ]", "StripPrefx"),
    ] {
        let yaml = format!(
            "spring.cloud.gateway.server.webflux.routes:\n  - id: one\n    uri: http://localhost:1\n    {part}\n"
        );
        let log = refusal(Launch::new("wellspring-gateway").yaml(&yaml));
        assert!(log.contains(name), "{log}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for name in DAEMONS {
        // Our own listener would answer nothing, so health cannot be mistaken for the daemon's.
        let mut daemon = Launch::new(name).port(port).spawn();
        let gave_up = poll::within(Duration::from_secs(120), || !daemon.is_running());
        assert!(gave_up, "{name} does not give up");
        let log = daemon.log();
        assert!(log.contains(&port.to_string()), "{name} does not name the port: {log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}

// === The config server's remote ===

#[test]
fn an_unreachable_git_remote_gives_an_error_and_heals() {
    let echo = Echo::start();
    let proxy = FaultProxy::start(echo.address());
    for (fault, limit) in [(Fault::Refuse, 10), (Fault::Reset, 10), (Fault::BlackHole, 20)] {
        proxy.set(fault);
        let yaml = format!(
            "spring.cloud.config.server.git:\n  uri: {}\n  timeout: 2\n",
            proxy.url("/team/config.git")
        );
        let mut server = Launch::new("wellspring-config-server").yaml(&yaml).start();
        let began = Instant::now();
        let reply = http1::get(server.port(), "/orders/default").unwrap();
        let limit = if long::wanted() { limit } else { 100 };
        assert!(began.elapsed() < Duration::from_secs(limit), "{fault:?} took {:?}", began.elapsed());
        assert!(matches!(reply.status, 404 | 500), "{fault:?}: {} {}", reply.status, reply.text());
        assert_eq!(reply.json()["status"], reply.status, "an error document");
        let log = server.log();
        assert!(log.contains("config.git"), "{fault:?}: the log does not name the remote: {log}");
        assert!(server.is_running());
        assert!(matches!(http1::get(server.port(), "/actuator/health/liveness").unwrap().status, 200));
        drop(server);
    }
}

#[test]
fn no_way_leads_into_the_git_directory() {
    let mut repository = Repository::with(&[
        ("application.yml", "a: 1\n"),
        ("sub/note.txt", "hello\n"),
        ("nginx.conf", "x\n"),
    ])
    .unwrap();
    repository.branch("feature/x").unwrap();
    repository.put("other.txt", "there\n").unwrap();
    repository.checkout("main").unwrap();
    let uri = repository.uri();
    let path = repository.path().display().to_string();
    let git = Launch::new("wellspring-config-server")
        .yaml(&format!("spring.cloud.config.server.git.uri: {uri}\n"))
        .start();
    let native = Launch::new("wellspring-config-server")
        .yaml(&format!(
            "spring:\n  profiles.active: native\n  cloud.config.server.native.search-locations: [ 'file:{path}', 'file:{path}/sub', 'file:{path}/{{label}}' ]\n"
        ))
        .start();
    let inside = [
        "/x/default/main/.git/config",
        "/x/default/main/.git/HEAD",
        "/x/default/main/.git%2fconfig",
        "/x/default/main/.git%2Fconfig",
        "/x/default/main/%2egit/config",
        "/x/default/main/%2Egit/HEAD",
        "/x/default/main/%252egit/config",
        "/x/default/main/./.git/config",
        "/x/default/main/sub/../.git/config",
        "/x/default/main/sub/..%2f.git%2fconfig",
        "/x/default/main/sub/%2e%2e/.git/config",
        "/x/default/main/..%5c.git%5cconfig",
        "/x/default/main/.git(_)config",
        "/x/default/main/(_).git(_)config",
        "/x/default/main/sub(_)..(_).git(_)config",
        "/x/default/main/.GIT/config",
        "/x/default/main/.git./config",
        "/x/default/main//.git//config",
        "/x/default/main/.git/refs/heads/main",
        "/x/default/.git/config",
        "/x/default/.git/config?useDefaultLabel",
        "/x/default/.git/HEAD?useDefaultLabel=",
        "/x/default/feature(_)x/.git/config",
        "/x/.git/main/config",
        "/.git/default/main/config",
        "/.git/config",
        "/config/default/.git",
        "/HEAD/default/.git",
        "/main/.git/config-default.yml",
        "/.git/config-default.properties",
        "/x/default/main/../../../../etc/passwd",
        "/x/default/main/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/x/default/main/(_)etc(_)passwd",
        "/x/default/..(_)..(_)..(_)etc/passwd",
    ];
    for mut server in [git, native] {
        for path in inside {
            for accept in ["*/*", "application/octet-stream", "text/plain"] {
                let reply = Request::new("GET", path).header("Accept", accept).send(server.port()).unwrap();
                let text = reply.text();
                for secret in ["[core]", "repositoryformatversion", "ref: refs", "root:", "bare = "] {
                    assert!(!text.contains(secret), "{path} ({accept}) shows {secret}: {text}");
                }
            }
        }
        let wanted = http1::get(server.port(), "/x/default/main/.git/config").unwrap().status;
        assert!(matches!(wanted, 400 | 403 | 404), "/.git/config: {wanted}");
        assert_eq!(
            http1::get(server.port(), "/x/default/main/nginx.conf").unwrap().text(),
            "x\n",
            "files are served"
        );
        still_answers(&mut server);
    }
}

// === Requests ===

#[test]
fn a_body_of_100_mb_is_refused_without_being_kept() {
    let mut registry = registry();
    let body = vec![b'x'; 100 << 20];
    let mut request = Request::new("POST", "/eureka/apps/BIG")
        .header("Content-Type", "application/json")
        .body(body.clone());
    request.tolerate_early_answer = true;
    let reply = request.send(registry.port());
    assert!(reply.as_ref().is_ok_and(|reply| reply.status == 413), "{reply:?}");
    let resident = registry.resident_kib().unwrap();
    assert!(resident < 64 << 10, "{resident} KiB resident");

    // The same without a length that gives it away.
    let sent = chunked(registry.port(), &body);
    assert!(sent.starts_with("HTTP/1.1 413"), "{sent}");
    assert!(registry.resident_kib().unwrap() < 64 << 10);
    still_answers(&mut registry);
}

/// Sends a body in chunks until the server has enough; gives what it said.
fn chunked(port: u16, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let head = "POST /eureka/apps/BIG HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    for piece in body.chunks(1 << 16) {
        let size = format!("{:x}\r\n", piece.len());
        if [size.as_bytes(), piece, b"\r\n"].into_iter().any(|part| stream.write_all(part).is_err()) {
            break;
        }
    }
    let mut answer = [0; 256];
    let count = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[test]
fn invalid_json_and_xml_are_refused() {
    let mut registry = registry();
    let deep_json = "[".repeat(200_000);
    let deep_xml = "<a>".repeat(200_000);
    let bomb = format!(
        "<!DOCTYPE a [<!ENTITY x \"{}\"><!ENTITY y \"&x;&x;&x;&x;&x;&x;&x;&x;\">]><instance><app>&y;</app></instance>",
        "lol".repeat(1000)
    );
    let table = [
        ("application/json", "{"),
        ("application/json", ""),
        ("application/json", "nonsense"),
        ("application/json", "{\"instance\": 5}"),
        ("application/json", "{\"instance\": {\"port\": {\"$\": \"many\"}}}"),
        ("application/json", "\u{0}\u{1}"),
        ("application/json", &deep_json),
        ("application/xml", "<instance>"),
        ("application/xml", ""),
        ("application/xml", "<instance></app>"),
        ("application/xml", "<?xml version=\"1.0\"?><!-- nothing -->"),
        ("application/xml", &deep_xml),
        ("application/xml", &bomb),
    ];
    for (media, body) in table {
        let mut request =
            Request::new("POST", "/eureka/apps/BROKEN").header("Content-Type", media).body(body);
        request.tolerate_early_answer = true;
        let reply = request.send(registry.port());
        let shown: String = body.chars().take(60).collect();
        let status = reply.unwrap_or_else(|error| panic!("{media} {shown:?}: {error}")).status;
        assert!((400..600).contains(&status), "{media} {shown:?}: {status}");
        still_answers(&mut registry);
    }
    assert_eq!(
        http1::get(registry.port(), "/eureka/apps/BROKEN").unwrap().status,
        404,
        "nothing was registered"
    );
}

#[test]
fn a_request_with_content_length_and_transfer_encoding_is_refused() {
    let echo = Echo::start();
    let route = format!(
        "spring.cloud.gateway.server.webflux.routes:\n  - id: all\n    uri: {}\n    predicates: [ 'Path=/**' ]\n",
        echo.url("")
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&route).start();
    let config = Launch::new("wellspring-config-server")
        .yaml("spring:\n  profiles.active: native\n  cloud.config.server.native.search-locations: file:.\n")
        .start();
    for mut daemon in [registry(), config, gateway] {
        let path = "/eureka/apps/SMUGGLE";
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        for (lengths, body) in [
            ("Content-Length: 6\r\nTransfer-Encoding: chunked", format!("0\r\n\r\n{smuggled}")),
            ("Transfer-Encoding: chunked\r\nContent-Length: 6", format!("0\r\n\r\n{smuggled}")),
            ("Content-Length: 5\r\nContent-Length: 6", format!("abcde{smuggled}")),
            ("Transfer-Encoding: xchunked", format!("0\r\n\r\n{smuggled}")),
            ("Transfer-Encoding: chunked, identity", format!("0\r\n\r\n{smuggled}")),
            ("Content-Length: -1", smuggled.to_owned()),
            ("Content-Length: 1e1", smuggled.to_owned()),
        ] {
            let raw = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lengths}\r\n\r\n{body}"
            );
            let answer = http1::exchange_all(daemon.port(), raw.as_bytes()).unwrap();
            let answer = String::from_utf8_lossy(&answer);
            let heads = answer.matches("HTTP/1.1 ").count();
            assert!(heads <= 1, "{lengths:?} was read as {heads} requests: {answer}");
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 501"),
                "{lengths:?}: {answer}"
            );
        }
        still_answers(&mut daemon);
    }
    assert_eq!(echo.requests().len(), 0, "nothing was passed on: {:?}", echo.requests());
}

#[test]
fn heads_that_are_too_large_or_no_http_are_refused() {
    for name in DAEMONS {
        let yaml = "spring:\n  profiles.active: native\n  cloud.config.server.native.search-locations: file:.\n\
                    eureka.client: { register-with-eureka: false, fetch-registry: false }\n";
        let mut daemon = Launch::new(name).yaml(yaml).start();
        let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
        let many_headers = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(50_000));
        let long_header = format!("GET / HTTP/1.1\r\nHost: x\r\nX-A: {}\r\n\r\n", "b".repeat(1 << 20));
        for (what, raw) in [
            ("long path", long_path.as_bytes()),
            ("many headers", many_headers.as_bytes()),
            ("long header", long_header.as_bytes()),
            ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".as_slice()),
            ("control bytes", b"GET /\x00\x01 HTTP/1.1\r\nHost: x\r\n\r\n".as_slice()),
            ("no version", b"GET /\r\n\r\n".as_slice()),
        ] {
            let answer = refused_early(daemon.port(), raw);
            let refused =
                answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5");
            assert!(refused, "{name}, {what}: {answer}");
        }
        still_answers(&mut daemon);
    }
}

/// What the server said, or nothing when it just hung up.
fn refused_early(port: u16, raw: &[u8]) -> String {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    stream.write_all(raw).ok();
    stream.shutdown(std::net::Shutdown::Write).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}
