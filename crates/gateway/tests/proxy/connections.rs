//! The upstream side: kept connections, dead ones, time-outs, streaming, statuses of failures.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, Fault, FaultProxy};

use crate::support::{Gateway, one_route};

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_died_costs_another_try_and_no_error() {
    let mut upstream = Echo::start();
    let port = upstream.port();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[])).await;
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 200);
        }
        // Restarting closes every kept connection.
        drop(upstream);
        upstream = Echo::on(port);
    }
    let post = Request::new("POST", "/a").body("x").send(gateway.port()).unwrap();
    assert_eq!(post.status, 200);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_the_originals_statuses() {
    let upstream = Echo::start();
    let proxy = FaultProxy::start(upstream.address());
    let settings = "spring.cloud.gateway.httpclient.response-timeout: 2s\n";
    let gateway = Gateway::start(&format!("{settings}{}", one_route(&proxy.url(""), &[]))).await;
    for (fault, wanted) in [
        (Fault::None, 200),
        (Fault::Reset, 500),
        (Fault::BlackHole, 504),
        (Fault::CutAfter(0), 500),
        (Fault::None, 200),
    ] {
        proxy.set(fault);
        let answer = http1::get(gateway.port(), "/a").unwrap();
        assert_eq!(answer.status, wanted, "{fault:?}");
        if wanted >= 500 {
            assert_eq!(answer.json()["path"], "/a");
            assert!(answer.json()["requestId"].is_string());
        }
    }
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_streamed_as_it_comes() {
    // An upstream that says the second half when it is told to.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let speaking = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        assert!(stream.read(&mut asked).unwrap() > 0);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        stream.write_all(format!("{head}data: 0\n\n").as_bytes()).unwrap();
        told.recv().unwrap();
        stream.write_all(b"data: 19\n\n").unwrap();
    });
    let gateway = Gateway::start(&one_route(&upstream, &[])).await;
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    stream.write_all(b"GET /sse HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains("data: 0") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    // The first event is here before the last one is said.
    go_on.send(()).unwrap();
    stream.read_to_string(&mut seen).unwrap();
    assert!(seen.contains("data: 19"));
    speaking.join().unwrap();
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_pass_both_ways() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &["Retry=3"])).await;
    let down = http1::get(gateway.port(), "/bytes/3000000").unwrap();
    assert_eq!((down.status, down.body.len()), (200, 3_000_000));
    let up = Request::new("PUT", "/a").body(vec![b'x'; 3_000_000]).send(gateway.port()).unwrap();
    assert_eq!(up.json()["body"].as_str().map(str::len), Some(3_000_000));
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_pool_makes_calls_wait_and_refuses_after_a_while() {
    let upstream = Echo::start();
    let settings = "spring.cloud.gateway.httpclient.pool:\n  type: fixed\n  max-connections: 1\n  acquire-timeout: 200\n";
    let yaml = format!("{settings}{}", one_route(&upstream.url(""), &[]))
        .replace("spring:\n  cloud:\n    gateway:\n", "spring.cloud.gateway:\n");
    let gateway = Gateway::start(&yaml).await;
    let port = gateway.port();
    let slow = std::thread::spawn(move || http1::get(port, "/delay/4000").unwrap().status);
    wellspring_test_support::poll::until("the slow call is under way", Duration::from_secs(90), || {
        !upstream.requests().is_empty()
    });
    assert_eq!(http1::get(port, "/a").unwrap().status, 500);
    assert_eq!(slow.join().unwrap(), 200);
    assert_eq!(http1::get(port, "/a").unwrap().status, 200);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_route_ends_the_start_with_its_place() {
    for (line, wanted) in [
        ("NoSuchFilter=1", "unknown filter"),
        ("StripPrefx=1", "StripPrefix"),
        ("StripPrefix=many", "whole number"),
        ("SetStatus=NOPE", "status"),
        ("RewritePath=/(a, /b", "RewritePath"),
        ("JsonToGrpc=a,b,c,d", "cannot be read"),
    ] {
        let Err(error) = Gateway::try_start(&one_route("http://127.0.0.1:1", &[line])).await else {
            panic!("{line} was accepted");
        };
        let text = format!("{error:#}");
        assert!(text.contains(wanted) && text.contains("application.yml:10:"), "{line}: {text}");
        let lenient = format!(
            "spring.cloud.gateway.fail-on-route-definition-error: false\n{}",
            one_route("http://127.0.0.1:1", &[line])
        );
        let gateway = Gateway::try_start(&lenient).await.unwrap();
        assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 404, "{line}");
        gateway.running.stop().await;
    }
}
