//! Whatever bytes come: the HTTP/1.1 reader of our own sees the same requests in them as hyper, and nobody panics or hangs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use fastrand::Rng;
use http::{Response, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;
use wellspring_daemon::{App, Options, Request, Running, Service, body};
use wellspring_test_support::long;

const REQUESTS: [&str; 8] = [
    "GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
    "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n\r\nhello world",
    "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n",
    "DELETE /d HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X\r\nX: 1\r\n\r\n",
    "HEAD /e HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /f HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
    "POST /g HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    "PATCH /h HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\ncookie: a=b; c=d\r\n\r\n",
];

/// What is put into a request where it does not belong.
const SPICE: [&str; 20] = [
    "\r",
    "\n",
    "\r\n",
    " ",
    "\t",
    ":",
    ";",
    ",",
    "\0",
    "\u{7f}",
    "0",
    "9",
    "+",
    "-",
    "close",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "HTTP/1.1",
];

/// A server, and what its service has been asked: whole requests only.
struct Server {
    running: Running,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(own: bool) -> Self {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&seen);
        let app = App::new("agreement").build(move |_| async move {
            Ok(Service::direct(move |request: Request, _| {
                let noted = Arc::clone(&noted);
                async move {
                    let (head, body) = request.into_parts();
                    let mut response = Response::new(Body::from("answer"));
                    match body::limited(body, 1 << 20).await {
                        Ok(bytes) => noted.lock().push(format!("{} {} {bytes:?}", head.method, head.uri)),
                        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
                    }
                    response
                }
            }))
        });
        let app = if own { app.own_workers() } else { app };
        Self { running: app.start(Options::local()).await.unwrap(), seen }
    }

    /// What the service sees when these pieces come over one connection, which is then closed on our side.
    fn sees(&self, pieces: &[&[u8]]) -> Vec<String> {
        self.seen.lock().clear();
        let mut stream = TcpStream::connect(self.running.local_addr()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        // A server that has hung up already has seen enough.
        if pieces.iter().all(|piece| stream.write_all(piece).is_ok()) {
            stream.shutdown(Shutdown::Write).ok();
        }
        let mut answers = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answers) {
            let hangs = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(!hangs, "no end of the connection after {:?}", String::from_utf8_lossy(&pieces.concat()));
        }
        assert!(answers.is_empty() || answers.starts_with(b"HTTP/1."), "{answers:?}");
        std::mem::take(&mut self.seen.lock())
    }
}

fn conversation(random: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..4) {
        bytes.extend_from_slice(REQUESTS[random.usize(..REQUESTS.len())].as_bytes());
    }
    for _ in 0..random.usize(..4) {
        let at = random.usize(..bytes.len());
        match random.u8(..5) {
            0 => bytes[at] = random.u8(..),
            1 => drop(bytes.remove(at)),
            2 => drop(bytes.drain(at..bytes.len().min(at + random.usize(1..20)))),
            3 => {
                let again = bytes[at..bytes.len().min(at + random.usize(1..30))].to_vec();
                bytes.splice(at..at, again);
            }
            _ => drop(bytes.splice(at..at, SPICE[random.usize(..SPICE.len())].bytes())),
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}

fn split<'a>(mut bytes: &'a [u8], random: &mut Rng) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for _ in 0..random.usize(..4) {
        let (piece, rest) = bytes.split_at(random.usize(..=bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_the_own_reader_and_hyper_see_the_same_requests() {
    let seed = long::seed();
    let mut servers = Vec::new();
    // A conversation is mostly waiting: at full length several pairs are asked at the same time.
    for seed in (0_u64..).map(|lane| seed.wrapping_add(lane)).take(long::cases(1, 4)) {
        servers.push((Server::start(true).await, Server::start(false).await, seed));
    }
    let end = Instant::now() + long::time(Duration::from_secs(2), Duration::from_secs(600));
    let lanes = servers.into_iter().map(|(own, hyper, seed)| {
        tokio::task::spawn_blocking(move || {
            let counts = compare(&own, &hyper, Rng::with_seed(seed), end);
            (own, hyper, counts)
        })
    });
    // All at once, not one after the other.
    let lanes: Vec<_> = lanes.collect();
    let (mut same, mut cases) = (0, 0);
    for lane in lanes {
        let (own, hyper, counts) = lane.await.unwrap();
        same += counts.0;
        cases += counts.1;
        own.running.stop().await;
        hyper.running.stop().await;
    }
    println!("{cases} conversations, {same} of them with equally many requests for both");
    assert!(same > cases / 4, "{same} of {cases} say too little");
}

/// How many conversations both saw alike, and how many there were.
fn compare(own: &Server, hyper: &Server, mut random: Rng, end: Instant) -> (usize, usize) {
    let (mut same, mut cases) = (0, 0);
    while Instant::now() < end {
        cases += 1;
        let bytes = conversation(&mut random);
        let pieces = split(&bytes, &mut random);
        let (ours, theirs) = (own.sees(&pieces), hyper.sees(&pieces));
        let text = String::from_utf8_lossy(&bytes);
        // The last one may have lost the race against the end of the connection.
        assert!(ours.iter().zip(&theirs).all(|(our, their)| our == their), "{ours:?} {theirs:?}: {text:?}");
        assert!(ours.len().abs_diff(theirs.len()) <= 1, "{ours:?} {theirs:?}: {text:?}");
        same += usize::from(ours.len() == theirs.len() && !ours.is_empty());
    }
    (same, cases)
}
