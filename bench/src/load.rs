//! Load: so many keep-alive connections, one request at a time on each, until so many answers are there.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// One request, byte for byte, and the status its answer must have.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    bytes: Rc<[u8]>,
    status: u16,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], status: u16) -> Self {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        Self { bytes: bytes.into(), status }
    }

    pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Self {
        Self::new("GET", path, headers, b"", 200)
    }
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    /// Of every request, sorted.
    latencies: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }
}

/// Sends `requests` requests over `connections` connections, in turn from `choices`.
pub(crate) async fn run(
    port: u16,
    choices: &[Request],
    connections: usize,
    requests: usize,
) -> Result<Outcome> {
    let left = Rc::new(Cell::new(requests));
    let local = LocalSet::new();
    let began = Instant::now();
    let latencies = local
        .run_until(async {
            let mut tasks = Vec::new();
            for first in 0..connections {
                let (left, choices) = (Rc::clone(&left), choices.to_vec());
                tasks.push(tokio::task::spawn_local(async move {
                    connection(port, &choices, first, &left).await
                }));
            }
            let mut all = Vec::with_capacity(requests);
            for task in tasks {
                all.extend(task.await??);
            }
            anyhow::Ok(all)
        })
        .await?;
    let elapsed = began.elapsed();
    let mut latencies = latencies;
    latencies.sort_unstable();
    Ok(Outcome { elapsed, latencies })
}

async fn connection(
    port: u16,
    choices: &[Request],
    first: usize,
    left: &Cell<usize>,
) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut latencies = Vec::new();
    for request in choices.iter().cycle().skip(first % choices.len().max(1)) {
        if left.get() == 0 {
            break;
        }
        left.set(left.get() - 1);
        let began = Instant::now();
        stream.write_all(&request.bytes).await?;
        let status = tokio::time::timeout(Duration::from_secs(30), answer(&mut stream, &mut buffer))
            .await
            .context("no answer in 30 s")??;
        ensure!(status == request.status, "{status} instead of {}", request.status);
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}

/// Reads one answer with a Content-Length, or chunked, and says its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16> {
    buffer.clear();
    let head = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
    };
    let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
    let status =
        text.split_whitespace().nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
    let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if let Some(length) = header("content-length:") {
        let total = head + length.parse::<usize>()?;
        while buffer.len() < total {
            ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
        }
    } else if header("transfer-encoding:").is_some() {
        while !buffer.ends_with(b"0\r\n\r\n") {
            ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
        }
    } else if status != 204 && status != 304 {
        bail!("an answer without a length: {text}");
    }
    Ok(status)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
