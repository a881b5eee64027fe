//! Serves a Git repository over smart HTTP with the installed `git`, as hosting services do.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A thread for each connection. Takes no new ones when dropped.
#[derive(Debug)]
pub struct HttpRemote {
    address: SocketAddr,
    hosting: Arc<Hosting>,
}

#[derive(Debug)]
struct Hosting {
    repository: PathBuf,
    authorization: Option<String>,
    requests: AtomicUsize,
    closed: AtomicBool,
}

struct Asked {
    path: String,
    query: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl HttpRemote {
    /// `authorization`: the header that is asked for. Any path is this repository; below `/moved/` one is sent elsewhere.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(repository: PathBuf, authorization: Option<&str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let hosting = Arc::new(Hosting {
            repository,
            authorization: authorization.map(str::to_owned),
            requests: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&hosting);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.closed.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A client that hangs up is its own affair.
                std::thread::spawn(move || serve(&stream, &shared).ok());
            }
        });
        Self { address, hosting }
    }

    pub fn url(&self) -> String {
        format!("http://{}/team/config.git", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many it got so far.
    pub fn requests(&self) -> usize {
        self.hosting.requests.load(Ordering::Relaxed)
    }
}

impl Drop for HttpRemote {
    fn drop(&mut self) {
        self.hosting.closed.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(stream: &TcpStream, hosting: &Hosting) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader)? {
        hosting.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = answer(&asked, hosting)?;
        let mut whole = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        whole.extend(body);
        let mut stream = stream;
        stream.write_all(&whole)?;
    }
    Ok(())
}

/// `None`: the connection ends.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split_whitespace().nth(1).unwrap_or_default();
    // To a proxy the whole address is said.
    let target =
        target.strip_prefix("http://").map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut asked =
        Asked { path: path.to_owned(), query: query.to_owned(), authorization: None, body: Vec::new() };
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = true,
            "authorization" => asked.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    while chunked {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        reader.take(size).read_to_end(&mut asked.body)?;
        reader.read_line(&mut line)?;
        chunked = size > 0;
    }
    reader.take(length).read_to_end(&mut asked.body)?;
    Ok(Some(asked))
}

/// Status line and type, and the body.
fn answer(asked: &Asked, hosting: &Hosting) -> io::Result<(String, Vec<u8>)> {
    if let Some(rest) = asked.path.strip_prefix("/moved/") {
        return Ok((format!("301 Moved Permanently\r\nLocation: /{rest}?{}", asked.query), Vec::new()));
    }
    if hosting.authorization.is_some() && hosting.authorization != asked.authorization {
        return Ok(("401 Unauthorized\r\nWWW-Authenticate: Basic".to_owned(), Vec::new()));
    }
    let (arguments, kind, prefix): (&[&str], _, &[u8]) = match asked.path.rsplit('/').next() {
        Some("refs") => (&["--advertise-refs"], "advertisement", b"001e# service=git-upload-pack\n0000"),
        Some("git-upload-pack") => (&[], "result", b""),
        _ => return Ok(("404 Not Found".to_owned(), Vec::new())),
    };
    let mut child = Command::new("git")
        .args(["upload-pack", "--stateless-rpc"])
        .args(arguments)
        .arg(&hosting.repository)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // One that does not want all of it says so in its answer.
    child.stdin.take().map(|mut stdin| stdin.write_all(&asked.body).ok());
    let output = child.wait_with_output()?;
    let head = format!("200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}");
    Ok((head, [prefix, &output.stdout].concat()))
}
