//! What a connection may speak: HTTP/2 in clear, trailers, events, WebSockets, the PROXY protocol; and what it may not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, Launch};

use crate::swaps::chat;

#[test]
fn a_trusted_balancer_says_whose_connection_it_is() {
    let echo = Echo::start();
    let routes = format!(
        "spring.cloud.gateway.routes:\n- id: ana\n  uri: {0}\n  predicates: [RemoteAddr=203.0.113.7]\n  filters: [\"AddResponseHeader=X-Who, ana\"]\n",
        echo.url("")
    );
    let trusting = format!("wellspring.proxy-protocol.trusted: 127.0.0.0/8\n{routes}");
    let gateway = Launch::new("wellspring-gateway").yaml(&trusting).spawn();
    let request = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let v1 = format!("PROXY TCP4 203.0.113.7 10.0.0.1 40000 80\r\n{request}");
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x9c\x40\0\x50".to_vec();
    v2.extend_from_slice(request.as_bytes());
    wellspring_test_support::poll::until("the port is open", Duration::from_secs(120), || {
        TcpStream::connect(("127.0.0.1", gateway.port())).is_ok()
    });
    for bytes in [v1.as_bytes(), &v2] {
        let reply = http1::exchange(gateway.port(), bytes).unwrap();
        assert_eq!((reply.status, reply.header("x-who")), (200, Some("ana")));
    }
    // From him the header must come; a request without it is no connection at all.
    assert!(http1::exchange(gateway.port(), request.as_bytes()).is_err());
    // From others it is not believed, but a request nobody can read.
    let other = Launch::new("wellspring-gateway").yaml(&routes).start();
    assert_eq!(http1::exchange(other.port(), v1.as_bytes()).unwrap().status, 400);
    assert_eq!(http1::get(other.port(), "/a").unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_websocket_client_talks_through_the_gateway() {
    let chat = chat().await;
    let yaml = format!(
        "spring.cloud.gateway.routes:\n- id: chat\n  uri: http://127.0.0.1:{chat}\n  predicates: [Path=/chat]\n"
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let request = format!("ws://127.0.0.1:{}/chat", gateway.port()).into_client_request().unwrap();
    let (mut socket, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(answer.status(), 101);
    let large = Message::binary(vec![7; 1 << 20]);
    for message in [Message::text("hello"), Message::binary(vec![0, 255, 1]), large] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.send(Message::Ping(b"are you there"[..].into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong(b"are you there"[..].into()));
    socket.close(None).await.unwrap();
    // The close is answered by the other side, not by the gateway.
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_))) | None));
}

/// Answers each connection with these bytes, then closes.
fn canned(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok() {
                stream.write_all(answer.as_bytes()).ok();
            }
        }
    });
    port
}

#[test]
fn answers_of_all_kinds_pass_and_ambiguous_ones_do_not() {
    let table: [(&str, u16, &str); 8] = [
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            200,
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n",
            200,
            "abc",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", 200, "old"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 500, ""),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 500, ""),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 500, ""),
        ("no HTTP at all\r\n\r\n", 500, ""),
    ];
    let routes: String = table
        .iter()
        .enumerate()
        .map(|(number, (answer, ..))| {
            format!(
                "- id: r{number}\n  uri: http://127.0.0.1:{}\n  predicates: [Path=/{number}]\n",
                canned(answer)
            )
        })
        .collect();
    let gateway =
        Launch::new("wellspring-gateway").yaml(&format!("spring.cloud.gateway.routes:\n{routes}")).start();
    for (number, (answer, status, body)) in table.iter().enumerate() {
        let reply = http1::get(gateway.port(), &format!("/{number}")).unwrap();
        assert_eq!(reply.status, *status, "{answer:?}");
        if *status == 200 {
            assert_eq!(reply.text(), *body, "{answer:?}");
        }
    }
}

#[test]
fn tunnels_are_refused_and_limits_are_kept() {
    let echo = Echo::start();
    let huge = Box::leak(
        format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "h".repeat(3000)).into_boxed_str(),
    );
    let yaml = format!(
        "spring.cloud.gateway:\n  httpclient.max-header-size: 2KB\n  routes:\n  - id: huge\n    uri: http://127.0.0.1:{}\n    predicates: [Path=/huge]\n  - id: small\n    uri: {1}\n    predicates: [Path=/small]\n    filters: [RequestSize=1KB]\n  - id: all\n    uri: {1}\n    predicates: [Path=/**]\n",
        canned(huge),
        echo.url("")
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start();
    let connect =
        http1::exchange(gateway.port(), b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert_eq!(connect.unwrap().status, 405);
    assert_eq!(http1::get(gateway.port(), "/huge").unwrap().status, 500);
    assert!(gateway.log().contains("head of the answer too long"), "{}", gateway.log());
    let mut post = Request::new("POST", "/small").body("x".repeat(2000));
    post.tolerate_early_answer = true;
    assert_eq!(post.send(gateway.port()).unwrap().status, 413);
    assert_eq!(Request::new("POST", "/small").body("x").send(gateway.port()).unwrap().status, 200);
    // Events come one by one.
    let events = http1::get(gateway.port(), "/sse/3").unwrap();
    assert_eq!(events.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
}
