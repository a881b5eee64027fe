//! Callers with connections that are kept alive, and load made of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// One connection; a request at a time.
pub(crate) struct Caller {
    port: u16,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Caller {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, stream: None, buffer: Vec::new() }
    }

    /// Status and body of the answer. After an error the next call begins with a new connection.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let answered =
            tokio::time::timeout(Duration::from_secs(120), self.try_call(method, path, body)).await;
        let answered = answered.unwrap_or_else(|_| Err(io::Error::other("no answer in two minutes")));
        if answered.is_err() {
            self.stream = None;
        }
        answered
    }

    async fn try_call(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        if self.stream.is_none() {
            self.stream = Some(TcpStream::connect(("127.0.0.1", self.port)).await?);
        }
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: shop\r\n").into_bytes();
        if method != "GET" {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        stream.write_all(&bytes).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::other("closed before the answer"));
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        while self.buffer.len() < head + length {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::other("closed within the answer"));
            }
        }
        let body = self.buffer[head..head + length].to_vec();
        if text.contains("connection: close") {
            self.stream = None;
        }
        Ok((status, body))
    }
}

/// What came out of a load.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: usize,
    /// Method and what went wrong.
    pub(crate) failed: Vec<(&'static str, String)>,
}

/// Callers that go on until they are told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// Half of the callers send GET, half POST with a body that the upstream must send back.
    pub(crate) fn start(port: u16, callers: usize, path: &'static str, body: usize) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..callers).map(|number| {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            tokio::spawn(async move {
                let (mut caller, mut tally) = (Caller::new(port), Tally::default());
                let method = if number % 2 == 0 { "GET" } else { "POST" };
                let body = vec![b'b'; if method == "GET" { 0 } else { body }];
                while !stop.load(Relaxed) {
                    tally.sent += 1;
                    sent.fetch_add(1, Relaxed);
                    match caller.call(method, path, &body).await {
                        Ok((200, back)) if method == "GET" || back == body => {}
                        Ok((status, back)) => {
                            let text = String::from_utf8_lossy(&back).chars().take(200).collect::<String>();
                            tally.failed.push((method, format!("{status} {text}")));
                        }
                        Err(error) => tally.failed.push((method, error.to_string())),
                    }
                }
                tally
            })
        });
        let tasks = tasks.collect();
        Self { stop, sent, tasks }
    }

    /// How many requests were sent so far.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Relaxed)
    }

    pub(crate) async fn finish(self) -> Tally {
        self.stop.store(true, Relaxed);
        let mut all = Tally::default();
        for task in self.tasks {
            let tally = task.await.unwrap();
            all.sent += tally.sent;
            all.failed.extend(tally.failed);
        }
        all
    }
}
