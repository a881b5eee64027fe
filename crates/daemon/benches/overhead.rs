//! Guards what the frame costs per request: the same answer by bare hyper and by an application, over one kept connection.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "bench")]

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Body;
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use wellspring_daemon::{App, Options, Service};

async fn bare() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let answer = hyper::service::service_fn(|_: Request<Incoming>| async {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
                });
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await
            });
        }
    });
    address
}

async fn connect(address: SocketAddr) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn call(sender: &mut SendRequest<Empty<Bytes>>) {
    let request = Request::get("/hello").header("host", "localhost").body(Empty::new()).unwrap();
    sender.ready().await.unwrap();
    let answer = sender.send_request(request).await.unwrap();
    answer.into_body().collect().await.unwrap();
}

fn overhead(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut measure = |name: &str, address: SocketAddr| {
        let mut sender = runtime.block_on(connect(address));
        c.bench_function(name, |b| b.iter(|| runtime.block_on(call(&mut sender))));
    };
    measure("bare hyper", runtime.block_on(bare()));
    let quiet = || Options::local().with("logging.level.root", "off");
    let service = App::new("bench").build(|_| async {
        Ok(Service::new(|_| async { Response::new(Body::from(Bytes::from_static(b"hello"))) }))
    });
    let service = runtime.block_on(service.start(quiet())).unwrap();
    measure("frame, bare service", service.local_addr());
    let router = App::new("bench").build(|_| async {
        Ok(axum::Router::new().route("/hello", axum::routing::get(|| async { "hello" })))
    });
    let router = runtime.block_on(router.start(quiet())).unwrap();
    measure("frame, axum router", router.local_addr());
}

criterion_group!(benches, overhead);
criterion_main!(benches);
