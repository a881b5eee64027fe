//! The access log: a line per request when its answer has ended, in Reactor Netty's form, as Combined, or as JSON.
//!
//! Off as in the original (`reactor.netty.http.server.accessLogEnabled`). A writer of its own takes lines from a bounded queue:
//! a slow disk costs lines, which are counted, never requests.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use http::Version;
use serde_json::json;
use wellspring_properties::{Environment, Problem};
use wellspring_telemetry::{Counter, Meters, names};

use super::entry::{Entry, masked};
use crate::problem::{BAD_SETTING, bad};
use crate::tree::Tree;

const PREFIX: &str = "wellspring.gateway.access-log";
/// Lines that wait for the writer.
const QUEUE: usize = 8192;
/// Parameters that hold secrets unless the settings name others.
const MASKED: [&str; 9] =
    ["access_token", "id_token", "token", "code", "api_key", "apikey", "password", "client_secret", "secret"];

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As Reactor Netty writes it, with the consumer in the place of the user, and the route at the end.
    Common,
    Combined,
    Json,
}

/// Writes lines.
#[derive(Debug)]
pub struct AccessLog {
    format: Format,
    mask: Vec<String>,
    lines: SyncSender<String>,
    dropped: Counter,
}

impl AccessLog {
    /// `None` when it is off.
    pub fn read(env: &Environment, meters: &Meters) -> Result<Option<Self>, Problem> {
        let text = |name: &str| env.get(&format!("{PREFIX}.{name}")).filter(|text| !text.is_empty());
        let wrong = |name: &str, message: &str| {
            let key = format!("{PREFIX}.{name}");
            bad(BAD_SETTING, message, &env.get(&key).unwrap_or_default(), env.origin(&key))
        };
        let on = text("enabled").or_else(|| env.get("reactor.netty.http.server.accessLogEnabled"));
        match on.as_deref() {
            Some("true") => {}
            None | Some("false") => return Ok(None),
            Some(_) => return Err(wrong("enabled", "access-log.enabled must be true or false")),
        }
        let format = match text("format").as_deref() {
            None | Some("common") => Format::Common,
            Some("combined") => Format::Combined,
            Some("json") => Format::Json,
            Some(_) => return Err(wrong("format", "access-log.format must be common, combined or json")),
        };
        let mask = match Tree::from_env(env, &format!("{PREFIX}.mask-query"))? {
            Some(tree) => tree.as_texts(),
            None => MASKED.map(str::to_owned).to_vec(),
        };
        let to: Box<dyn Write + Send> = match text("file") {
            Some(path) => Box::new(
                File::options()
                    .create(true)
                    .append(true)
                    .open(&path)
                    .map_err(|error| wrong("file", &format!("cannot be opened: {error}")))?,
            ),
            None => Box::new(io::stdout()),
        };
        let (lines, waiting) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write(&waiting, to))
            .map_err(|error| wrong("enabled", &format!("no thread for the access log: {error}")))?;
        Ok(Some(Self { format, mask, lines, dropped: meters.counter(names::GATEWAY_LOG_DROPPED, &[]) }))
    }

    pub fn write(&self, entry: &Entry) {
        let line = line(entry, self.format, &self.mask);
        if self.lines.try_send(line).is_err() {
            self.dropped.increment();
        }
    }
}

/// Ends when the last sender is gone. Flushes when nothing more waits.
fn write(waiting: &Receiver<String>, to: Box<dyn Write + Send>) {
    let mut to = BufWriter::with_capacity(64 << 10, to);
    loop {
        match waiting.recv_timeout(Duration::from_millis(200)) {
            Ok(first) => {
                let mut next = Some(first);
                while let Some(line) = next {
                    // A full disk must not stop the gateway; the next line tries again.
                    writeln!(to, "{line}").ok();
                    next = waiting.try_recv().ok();
                }
                to.flush().ok();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn line(entry: &Entry, format: Format, mask: &[String]) -> String {
    let target = masked(&entry.target, mask);
    let peer = entry.peer.map_or_else(|| "-".to_owned(), |peer| peer.ip().to_canonical().to_string());
    let version = match entry.version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    };
    let millis = u64::try_from(entry.took.as_millis()).unwrap_or(u64::MAX);
    let (consumer, route) = (entry.consumer.as_deref(), entry.route.as_deref());
    if format == Format::Json {
        let line = json!({
            "timestamp": instant(entry.at.0, "%Y-%m-%dT%H:%M:%S%.3fZ"),
            "remote": peer,
            "consumer": consumer,
            "method": entry.method.as_str(),
            "uri": target,
            "protocol": version,
            "host": entry.host,
            "status": entry.status.as_u16(),
            "bytes": entry.bytes,
            "duration": millis,
            "route": route,
            "upstream": entry.upstream,
            "userAgent": entry.agent,
            "referer": entry.referer,
            "complete": entry.complete,
        });
        return line.to_string();
    }
    let at = instant(entry.at.0, "%d/%b/%Y:%H:%M:%S +0000");
    let user = consumer.map_or_else(|| "-".to_owned(), |name| quoted(name).replace(' ', "_"));
    let (method, status, bytes) = (entry.method.as_str(), entry.status.as_u16(), entry.bytes);
    let start = format!("{peer} - {user} [{at}] \"{method} {} {version}\" {status} {bytes}", quoted(&target));
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { quoted(text) };
    match format {
        Format::Combined => format!("{start} \"{}\" \"{}\"", or_dash(&entry.referer), or_dash(&entry.agent)),
        Format::Common | Format::Json => format!("{start} {millis} {}", or_dash(route.unwrap_or_default())),
    }
}

fn instant(millis: i64, form: &str) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| "-".to_owned(), |at| at.strftime(form).to_string())
}

/// What clients send must not begin a line or end a quotation.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
