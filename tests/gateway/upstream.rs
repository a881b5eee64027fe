//! An HTTP/1.1 upstream whose manners are chosen: echoes bodies, counts requests, closes, dawdles, dies.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use wellspring_test_support::process::Guard;
use wellspring_test_support::{poll, port};

/// Tells this test program to be an upstream on that port.
const PORT: &str = "WELLSPRING_TEST_UPSTREAM_PORT";

/// What an upstream does beside answering.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manners {
    /// Waits before it answers.
    pub(crate) pause: Duration,
    /// Hangs up after each answer, without having said so.
    pub(crate) hangs_up: bool,
    /// Answers with nothing before it has read the body.
    pub(crate) hasty: bool,
    /// Hangs up after a hasty answer instead of reading the body.
    pub(crate) deaf: bool,
}

/// Dropping it is its sudden death: the port is closed, open connections are reset.
pub(crate) struct Upstream {
    pub(crate) port: u16,
    requests: Arc<AtomicUsize>,
    draining: Arc<AtomicBool>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    manners: Manners,
    requests: Arc<AtomicUsize>,
    draining: Arc<AtomicBool>,
}

impl Upstream {
    pub(crate) fn start(manners: Manners) -> Self {
        Self::on(port::free(), manners)
    }

    pub(crate) fn on(port: u16, manners: Manners) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, draining) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let shared =
            Arc::new(Shared { manners, requests: Arc::clone(&requests), draining: Arc::clone(&draining) });
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(stopped.run_until_cancelled(accept(listener, shared)));
        });
        Self { port, requests, draining, stop, thread: Some(thread) }
    }

    /// How many requests have arrived.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// From now on each answer says that the connection ends.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// An upstream that is a process of its own, which can be killed as processes are.
pub(crate) struct UpstreamProcess {
    pub(crate) port: u16,
    process: Guard,
}

impl UpstreamProcess {
    pub(crate) fn start() -> Self {
        let port = port::free();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["upstream::is_a_process_of_its_own", "--exact", "--ignored"]);
        let command = command.env(PORT, port.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let process = Guard::spawn(command).unwrap();
        poll::until("the upstream listens", Duration::from_secs(120), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { port, process }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

#[test]
#[ignore = "is started by other tests, as a process that they kill"]
fn is_a_process_of_its_own() {
    let Some(port) = std::env::var_os(PORT).and_then(|port| port.to_str()?.parse().ok()) else { return };
    let _upstream = Upstream::on(port, Manners::default());
    loop {
        std::thread::park();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { converse(stream, &shared).await.ok() });
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        shared.requests.fetch_add(1, Relaxed);
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if shared.manners.hasty {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
            if shared.manners.deaf && length > 0 {
                return Ok(());
            }
        }
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        if shared.manners.hasty {
            buffer.drain(..head + length);
            continue;
        }
        tokio::time::sleep(shared.manners.pause).await;
        let draining = shared.draining.load(Relaxed);
        let close = if draining { "Connection: close\r\n" } else { "" };
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{close}\r\n").into_bytes();
        answer.extend_from_slice(&buffer[head..head + length]);
        stream.write_all(&answer).await?;
        buffer.drain(..head + length);
        if draining || shared.manners.hangs_up {
            return Ok(());
        }
    }
}
