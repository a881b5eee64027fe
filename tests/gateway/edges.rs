//! Peers that misbehave: slow ones, silent ones, those who hang up. Memory stays bounded, nobody else notices, and the log
//! says what went wrong with whom.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, Launch, long, poll, port};

use crate::caller::{Caller, Load};
use crate::upstream::{Manners, Upstream};

fn one_route(port: u16) -> String {
    format!(
        "spring.cloud.gateway.routes:\n- id: all\n  uri: http://127.0.0.1:{port}\n  predicates: [Path=/**]\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_an_upstream_that_hangs_up_after_each_answer_causes_no_error() {
    let upstream = Upstream::start(Manners { hangs_up: true, ..Manners::default() });
    let gateway = Launch::new("wellspring-gateway").yaml(&one_route(upstream.port)).start_async().await;
    // One GET caller: what may be repeated is repeated; sends of POST race with the hang-up by nature.
    let load = Load::start(gateway.port(), 1, "/a", 0);
    tokio::time::sleep(long::time(Duration::from_secs(2), Duration::from_secs(30))).await;
    poll::until("there was load", Duration::from_secs(90), || load.sent() > 20);
    let tally = load.finish().await;
    assert_eq!(tally.failed, [], "of {}", tally.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_upstream_and_slow_clients_hold_up_nobody_else() {
    let slow = Upstream::start(Manners { pause: Duration::from_millis(400), ..Manners::default() });
    let quick = Upstream::start(Manners::default());
    let yaml = format!(
        "server.tomcat.connection-timeout: 4s\nspring.cloud.gateway.routes:\n- id: slow\n  uri: http://127.0.0.1:{}\n  predicates: [Path=/slow]\n- id: quick\n  uri: http://127.0.0.1:{}\n  predicates: [Path=/quick]\n",
        slow.port, quick.port
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let port = gateway.port();
    // Heads that never end, a byte at a time, and bodies that stop half way.
    let dribblers: Vec<_> = (0..200)
        .map(|number| {
            let start = if number % 2 == 0 {
                "GET /quick HTTP/1.1\r\nHost: h\r\nX-Slow: "
            } else {
                "POST /quick HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf"
            };
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.write_all(start.as_bytes()).unwrap();
            stream
        })
        .collect();
    let load = Load::start(port, 8, "/quick", 1000);
    let waiting: Vec<_> = (0..50)
        .map(|_| tokio::spawn(async move { Caller::new(port).call("GET", "/slow", b"").await.unwrap().0 }))
        .collect();
    for one in waiting {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(load.finish().await.failed, []);
    // Those who have not finished their head within the time are sent away.
    for (number, mut stream) in dribblers.into_iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        assert!(
            read.is_ok() || !matches!(read.unwrap_err().kind(), std::io::ErrorKind::WouldBlock),
            "{number}"
        );
    }
    assert!(!gateway.log().contains("exchange failed"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_idle_connections_cost_bounded_memory() {
    let upstream = Upstream::start(Manners::default());
    let yaml = format!("server.tomcat.max-connections: 20000\n{}", one_route(upstream.port));
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let before = gateway.resident_kib().unwrap();
    let count = long::cases(1_000, 10_000);
    let mut callers: Vec<Caller> = (0..count).map(|_| Caller::new(gateway.port())).collect();
    for caller in &mut callers {
        assert_eq!(caller.call("GET", "/a", b"").await.unwrap().0, 200);
    }
    let after = gateway.resident_kib().unwrap();
    let each = (after - before) as f64 / count as f64;
    println!(
        "{count} idle connections: {} MiB before, {} MiB after, {each:.1} KiB each",
        before >> 10,
        after >> 10
    );
    assert!(each < 24.0, "{each} KiB for each idle connection");
    assert_eq!(Caller::new(gateway.port()).call("GET", "/a", b"").await.unwrap().0, 200);
    // All of them still work.
    for caller in callers.iter_mut().step_by(97) {
        assert_eq!(caller.call("GET", "/a", b"").await.unwrap().0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_end_of_the_body_costs_nobody_the_connection() {
    let upstream = Upstream::start(Manners { hasty: true, ..Manners::default() });
    let gateway = Launch::new("wellspring-gateway").yaml(&one_route(upstream.port)).start_async().await;
    let mut caller = Caller::new(gateway.port());
    let body = vec![b'b'; 1 << 20];
    for number in 0..30 {
        let (status, _) =
            caller.call("POST", "/a", &body).await.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!(status, 200, "{number}");
    }
}

/// How many bytes of a body the gateway takes after the answer came; at most `most` are offered.
fn taken_after_the_answer(port: u16, most: usize) -> usize {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(90))).unwrap();
    stream
        .write_all(format!("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: {most}\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer[..read]));
    let piece = vec![b'b'; 64 << 10];
    let mut sent = 0;
    while sent < most {
        match stream.write_all(&piece) {
            Ok(()) => sent += piece.len(),
            Err(_) => return sent,
        }
    }
    sent
}

#[test]
fn the_rest_of_a_body_is_taken_up_to_a_bound_when_its_answer_came_early() {
    // One reads on and throws away, the other stops listening.
    for deaf in [false, true] {
        let upstream = Upstream::start(Manners { hasty: true, deaf, ..Manners::default() });
        let gateway = Launch::new("wellspring-gateway").yaml(&one_route(upstream.port)).start();
        assert_eq!(taken_after_the_answer(gateway.port(), 4 << 20), 4 << 20);
        let taken = taken_after_the_answer(gateway.port(), 256 << 20);
        // Eight megabytes, and what sits in the buffers of both sides.
        assert!((8 << 20..64 << 20).contains(&taken), "{taken} bytes were taken, deaf: {deaf}");
        assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 200);
    }
}

#[test]
fn half_closed_sockets_leave_nothing_behind() {
    let upstream = Upstream::start(Manners { pause: Duration::from_millis(50), ..Manners::default() });
    let gateway = Launch::new("wellspring-gateway").yaml(&one_route(upstream.port)).start();
    for _ in 0..100 {
        let answer = http1::exchange_all(gateway.port(), b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let answer = String::from_utf8_lossy(&answer);
        // A caller who closed his side counts as gone, as in the original: the whole answer, or nothing.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let sockets = || {
        std::fs::read_dir(format!("/proc/{}/fd", gateway.id()))
            .unwrap()
            .flatten()
            .filter(|file| {
                std::fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
            })
            .count()
    };
    poll::until("the sockets are closed", Duration::from_secs(90), || sockets() < 20);
    assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 200);
    assert!(!gateway.log().contains("exchange failed"), "{}", gateway.log());
}

#[test]
fn failures_name_upstream_and_phase_in_the_log() {
    let slow = Upstream::start(Manners { pause: Duration::from_secs(60), ..Manners::default() });
    let plain = Echo::start();
    let nobody = port::free();
    let yaml = format!(
        r#"
resilience4j.timelimiter.instances.limited.timeout-duration: 1s
resilience4j.circuitbreaker.instances.opens: {{minimum-number-of-calls: 1, sliding-window-size: 1}}
spring.cloud.discovery.client.simple.instances.orders: [{{uri: "http://127.0.0.1:{nobody}"}}]
spring.cloud.gateway.routes:
- {{id: refused, uri: "http://127.0.0.1:{nobody}", predicates: [Path=/refused]}}
- {{id: late, uri: "http://127.0.0.1:{slow}", predicates: [Path=/late], metadata: {{response-timeout: 1000}}}}
- {{id: empty, uri: "lb://nothing-there", predicates: [Path=/empty]}}
- {{id: limited, uri: "http://127.0.0.1:{slow}", predicates: [Path=/limited], filters: [CircuitBreaker=limited]}}
- {{id: opens, uri: "lb://orders", predicates: [Path=/opens/**], filters: [CircuitBreaker=opens]}}
- {{id: unusable, uri: "http://127.0.0.1:{plain}", predicates: [Path=/unusable], filters: [{{name: Compose, args: {{parts: [{{name: a, uri: "http://127.0.0.1:{plain}/status/500"}}]}}}}]}}
"#,
        slow = slow.port,
        plain = plain.port(),
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start();
    let late = format!("127.0.0.1:{}", slow.port);
    let refused = format!("127.0.0.1:{nobody}");
    let unusable = format!("127.0.0.1:{}", plain.port());
    for (path, status, phase, upstream) in [
        ("/refused", 500, "connect", refused.as_str()),
        ("/late", 504, "response", &late),
        ("/empty", 503, "balance", "nothing-there"),
        ("/limited", 504, "breaker", &late),
        ("/opens/first", 500, "connect", &refused),
        ("/opens/then", 503, "breaker", "lb://orders"),
        ("/unusable", 502, "response", &unusable),
    ] {
        assert_eq!(Request::new("GET", path).send(gateway.port()).unwrap().status, status);
        let log = gateway.log();
        let told =
            log.lines().find(|line| line.contains("exchange failed") && line.contains(path)).unwrap_or("");
        assert!(
            told.contains(&format!("phase={phase}")) && told.contains(upstream),
            "{path}: no line with {phase} and {upstream} in\n{log}"
        );
    }
}
