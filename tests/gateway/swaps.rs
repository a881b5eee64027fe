//! Route sets are swapped while requests, bodies and WebSockets are under way: nothing fails, nothing is dropped.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use wellspring_test_support::{Launch, long};

use crate::caller::{Caller, Load};
use crate::upstream::{Manners, Upstream};

/// A WebSocket server that sends every message back.
pub(crate) async fn chat() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
                let (mut out, mut back) = socket.split();
                while let Some(Ok(message)) = back.next().await {
                    if (message.is_text() || message.is_binary()) && out.send(message).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

pub(crate) const OPEN: &str =
    "management:\n  endpoint.gateway.access: unrestricted\n  endpoints.web.exposure.include: '*'\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_swaps_under_load_fail_no_request_and_drop_no_socket() {
    let (upstream, chat) = (Upstream::start(Manners::default()), chat().await);
    let yaml = format!(
        "{OPEN}spring.cloud.gateway.routes:\n- id: chat\n  uri: ws://127.0.0.1:{chat}\n  predicates: [Path=/chat]\n- id: all\n  uri: http://127.0.0.1:{}\n  predicates: [Path=/**]\n",
        upstream.port
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let url = format!("ws://127.0.0.1:{}/chat", gateway.port());
        sockets.push(tokio_tungstenite::connect_async(url).await.unwrap().0);
    }
    let load = Load::start(gateway.port(), 16, "/orders/7", 20 << 10);
    let (swaps, time) = (long::cases(60, 200), long::time(Duration::from_secs(3), Duration::from_secs(60)));
    let mut admin = Caller::new(gateway.port());
    for swap in 0..swaps {
        let route = json!({"uri": format!("http://127.0.0.1:{}", upstream.port), "order": -1,
            "predicates": ["Path=/orders/**"], "filters": [format!("AddRequestHeader=X-Swap, {swap}")]});
        let path = format!("/actuator/gateway/routes/r{}", swap % 5);
        let route = route.to_string();
        // A definition is JSON, and says so.
        assert_eq!(post_json(gateway.port(), &path, &route).await, 201);
        let (status, _) = admin.call("POST", "/actuator/gateway/refresh", b"").await.unwrap();
        assert_eq!(status, 200);
        for (number, socket) in sockets.iter_mut().enumerate() {
            let text = format!("{swap} of {number}");
            socket.send(Message::text(text.clone())).await.expect("the socket is open");
            let back = socket.next().await.expect("an answer").expect("a message");
            assert_eq!(back.into_text().unwrap().as_str(), text);
        }
        tokio::time::sleep(time / u32::try_from(swaps).unwrap()).await;
    }
    let sent = load.sent();
    let tally = load.finish().await;
    assert_eq!(tally.failed, [], "of {} requests", tally.sent);
    assert!(sent > swaps, "{sent} requests over {swaps} swaps are no load");
    println!("{swaps} swaps, {} requests, {} sockets: nothing failed", tally.sent, sockets.len());
}

pub(crate) async fn post_json(port: u16, path: &str, text: &str) -> u16 {
    let request = wellspring_test_support::http1::Request::new("POST", path)
        .header("Content-Type", "application/json")
        .body(text);
    tokio::task::spawn_blocking(move || request.send(port).unwrap().status).await.unwrap()
}
