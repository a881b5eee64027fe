//! WebSockets pass as a tunnel, and stay open over a swap of routes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use wellspring_test_support::http1::Request;

use crate::support::{Gateway, one_route};

/// Accepts the upgrade, then sends back what it gets.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let head = head(&mut stream);
                let answer = if head.to_ascii_lowercase().contains("upgrade: websocket")
                    && head.contains("GET /chat?x=y")
                {
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: abc\r\n\r\n"
                } else {
                    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
                };
                stream.write_all(answer.as_bytes()).unwrap();
                let mut buffer = [0; 1024];
                while let Ok(read) = stream.read(&mut buffer) {
                    if read == 0 || stream.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_pass_both_ways_and_over_a_swap() {
    let port = server();
    for scheme in ["http", "ws"] {
        let gateway = Gateway::start(&one_route(&format!("{scheme}://127.0.0.1:{port}"), &[])).await;
        let mut client = TcpStream::connect(("127.0.0.1", gateway.port())).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        client
            .write_all(b"GET /chat?x=y HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n")
            .unwrap();
        let answer = head(&mut client).to_ascii_lowercase();
        assert!(
            answer.starts_with("http/1.1 101") && answer.contains("sec-websocket-accept: abc"),
            "{answer}"
        );
        for text in ["one", "two"] {
            client.write_all(text.as_bytes()).unwrap();
            let mut back = [0; 3];
            client.read_exact(&mut back).unwrap();
            assert_eq!(&back, text.as_bytes());
            let refreshed = Request::new("POST", "/actuator/gateway/refresh").send(gateway.port()).unwrap();
            assert_eq!(refreshed.status, 200);
        }
        drop(client);
        gateway.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_passes_on_as_it_is() {
    let gateway = Gateway::start(&one_route(&format!("http://127.0.0.1:{}", server()), &[])).await;
    let answer = Request::new("GET", "/other")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .send(gateway.port())
        .unwrap();
    assert_eq!(answer.status, 400);
    gateway.running.stop().await;
}
