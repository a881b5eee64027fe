//! Buckets in Redis: one script per request, on Redis time, under the original's keys, so that both may share one Redis.
//!
//! When Redis cannot be asked, requests are allowed; the log says so once per outage.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use wellspring_properties::value::{Unit, parse_duration};
use wellspring_properties::{Environment, Problem};

use super::{Bucket, Decision};
use crate::problem::{BAD_SETTING, NOT_OFFERED, bad};

/// The bucket's rule. Times are whole seconds; a bucket that nobody uses is forgotten once it is full again.
const SCRIPT: &str = "\
local rate, capacity, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keep = math.floor(capacity * 2 / rate)
local now = tonumber(redis.call('TIME')[1])
local tokens = tonumber(redis.call('GET', KEYS[1])) or capacity
local since = tonumber(redis.call('GET', KEYS[2])) or 0
tokens = math.min(capacity, tokens + math.max(0, now - since) * rate)
local allowed = 0
if tokens >= wanted then
  tokens = tokens - wanted
  allowed = 1
end
if keep > 0 then
  redis.call('SETEX', KEYS[1], keep, tokens)
  redis.call('SETEX', KEYS[2], keep, now)
end
return { allowed, tokens }";

/// Requests waiting for Redis; more are let through unasked.
const QUEUE: usize = 10_000;

/// A connection that all limiters share.
#[derive(Debug, Clone)]
pub struct Redis(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: Address,
    patience: Duration,
    /// The way to the connection's task, which the first request starts.
    calls: OnceLock<mpsc::Sender<Call>>,
    down: AtomicBool,
}

#[derive(Debug)]
struct Call {
    command: Vec<u8>,
    answer: oneshot::Sender<Decision>,
}

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    login: Option<(Option<String>, Secret)>,
    database: u32,
}

/// Not shown in logs.
#[derive(Clone, PartialEq, Eq)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("******")
    }
}

impl Redis {
    /// Does the configuration say where Redis is?
    #[must_use]
    pub fn is_configured(env: &Environment) -> bool {
        ["spring.data.redis", "spring.redis"].iter().any(|prefix| {
            ["host", "url", "port"].iter().any(|key| env.get(&format!("{prefix}.{key}")).is_some())
        })
    }

    /// Where Redis is; nothing is connected before the first request.
    pub fn read(env: &Environment) -> Result<Self, Problem> {
        let address = Address::read(env)?;
        let patience = match setting(env, "timeout") {
            Some((key, text)) => parse_duration(&text, Unit::Millis)
                .map_err(|_| bad(BAD_SETTING, "timeout is not a duration", &text, env.origin(&key)))?,
            None => Duration::from_secs(1),
        };
        Ok(Self(Arc::new(Inner { address, patience, calls: OnceLock::new(), down: AtomicBool::new(false) })))
    }

    /// Takes the tokens of one request.
    pub async fn take(&self, route: &str, key: &str, bucket: Bucket) -> Decision {
        let (answer, waiting) = oneshot::channel();
        let call = Call { command: command(route, key, bucket), answer };
        let calls = self.0.calls.get_or_init(|| {
            let (calls, waiting) = mpsc::channel(QUEUE);
            tokio::spawn(serve(self.0.address.clone(), waiting));
            calls
        });
        let decision = match calls.try_send(call) {
            Ok(()) => tokio::time::timeout(self.0.patience, waiting).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        match decision {
            Some(decision) => {
                self.0.down.store(false, Ordering::Relaxed);
                decision
            }
            None => {
                if !self.0.down.swap(true, Ordering::Relaxed) {
                    tracing::error!("redis cannot be asked, requests are not limited");
                }
                Decision { allowed: true, remaining: -1 }
            }
        }
    }
}

fn setting(env: &Environment, name: &str) -> Option<(String, String)> {
    ["spring.data.redis", "spring.redis"].iter().find_map(|prefix| {
        let key = format!("{prefix}.{name}");
        env.get(&key).map(|text| (key, text))
    })
}

impl Address {
    fn read(env: &Environment) -> Result<Self, Problem> {
        let text = |name: &str| setting(env, name).map(|(_, text)| text).filter(|text| !text.is_empty());
        for key in ["ssl.enabled", "ssl"] {
            if text(key).as_deref() == Some("true") {
                return Err(Problem::new(NOT_OFFERED, "Redis over TLS is not offered")
                    .hint("a Redis reachable without TLS"));
            }
        }
        for key in ["cluster.nodes", "sentinel.nodes"] {
            if setting(env, key).is_some() || env.contains(&format!("spring.data.redis.{key}")) {
                return Err(Problem::new(NOT_OFFERED, format!("Redis {key} is not offered"))
                    .hint("spring.data.redis.host and port"));
            }
        }
        let number = |name: &str, default: u32| -> Result<u32, Problem> {
            match setting(env, name) {
                Some((key, text)) => text.parse().map_err(|_| {
                    bad(BAD_SETTING, format!("{name} is not a number"), &text, env.origin(&key))
                }),
                None => Ok(default),
            }
        };
        let mut address = Self {
            host: text("host").unwrap_or_else(|| "localhost".to_owned()),
            port: u16::try_from(number("port", 6379)?)
                .map_err(|_| Problem::new(BAD_SETTING, "port is above 65535"))?,
            login: text("password").map(|password| (text("username"), Secret(password))),
            database: number("database", 0)?,
        };
        if let Some((key, url)) = setting(env, "url") {
            let wrong = || {
                bad(BAD_SETTING, "not a Redis URL", "******", env.origin(&key)).hint("redis://host:6379/0")
            };
            let parsed = url::Url::parse(&url).map_err(|_| wrong())?;
            if parsed.scheme() != "redis" {
                return Err(wrong());
            }
            address.host = parsed.host_str().ok_or_else(wrong)?.to_owned();
            address.port = parsed.port().unwrap_or(6379);
            if let Some(password) = parsed.password() {
                let user = Some(parsed.username().to_owned()).filter(|user| !user.is_empty());
                address.login = Some((user, Secret(password.to_owned())));
            }
            if let Ok(database) = parsed.path().trim_matches('/').parse() {
                address.database = database;
            }
        }
        Ok(address)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let mut greetings = Vec::new();
        if let Some((user, Secret(password))) = &self.login {
            let words: Vec<&str> =
                ["AUTH"].into_iter().chain(user.as_deref()).chain([password.as_str()]).collect();
            greetings.push(encode(&words));
        }
        if self.database != 0 {
            greetings.push(encode(&["SELECT", &self.database.to_string()]));
        }
        for greeting in greetings {
            stream.write_all(&greeting).await?;
            let mut buffer = BytesMut::new();
            let answer = loop {
                match parse(&mut buffer) {
                    Parsed::Value(answer) => break answer,
                    Parsed::More => {}
                    Parsed::Broken => return Err(io::ErrorKind::InvalidData.into()),
                }
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            };
            if let Answer::Error(message) = answer {
                return Err(io::Error::other(message));
            }
        }
        Ok(stream)
    }
}

/// Connects as long as there are calls; each connection serves until it breaks.
async fn serve(address: Address, mut waiting: mpsc::Receiver<Call>) {
    while let Some(first) = waiting.recv().await {
        match tokio::time::timeout(Duration::from_secs(2), address.connect()).await {
            Ok(Ok(stream)) => {
                if let Err(error) = converse(stream, first, &mut waiting).await {
                    tracing::warn!(%error, "connection to redis ended");
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(host = address.host, port = address.port, %error, "no connection to redis");
                drop(first);
                refuse_for_a_while(&mut waiting).await;
            }
            Err(_) => refuse_for_a_while(&mut waiting).await,
        }
    }
}

/// A Redis that is away is asked again after a second; calls until then are dropped at once, which lets them through.
async fn refuse_for_a_while(waiting: &mut mpsc::Receiver<Call>) {
    let again = tokio::time::Instant::now() + Duration::from_secs(1);
    while let Ok(Some(call)) = tokio::time::timeout_at(again, waiting.recv()).await {
        drop(call);
    }
}

/// Commands go out as they come, answers come back in the same order.
async fn converse(stream: TcpStream, first: Call, waiting: &mut mpsc::Receiver<Call>) -> io::Result<()> {
    let (mut from, mut to) = stream.into_split();
    let mut asked: VecDeque<oneshot::Sender<Decision>> = VecDeque::new();
    let mut buffer = BytesMut::with_capacity(4096);
    to.write_all(&first.command).await?;
    asked.push_back(first.answer);
    loop {
        tokio::select! {
            call = waiting.recv() => {
                let Some(Call { mut command, answer }) = call else { return Ok(()) };
                asked.push_back(answer);
                // What is waiting already goes out with the same write.
                while let Ok(next) = waiting.try_recv() {
                    command.extend_from_slice(&next.command);
                    asked.push_back(next.answer);
                }
                to.write_all(&command).await?;
            }
            read = from.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                loop {
                    match parse(&mut buffer) {
                        Parsed::More => break,
                        Parsed::Broken => return Err(io::ErrorKind::InvalidData.into()),
                        Parsed::Value(answer) => settle(&answer, asked.pop_front()),
                    }
                }
            }
        }
    }
}

fn settle(answer: &Answer, asked: Option<oneshot::Sender<Decision>>) {
    let Some(asked) = asked else { return };
    match answer {
        Answer::List(items) => {
            if let [Answer::Number(allowed), Answer::Number(remaining)] = items.as_slice() {
                // Whoever asked may have lost patience.
                asked.send(Decision { allowed: *allowed == 1, remaining: *remaining }).ok();
            }
        }
        Answer::Error(message) => tracing::warn!(message, "redis refused the rate limiter's script"),
        Answer::Number(_) | Answer::Text | Answer::Null => {}
    }
}

fn command(route: &str, key: &str, bucket: Bucket) -> Vec<u8> {
    // The braces put both keys into one slot of a cluster.
    let prefix = format!("request_rate_limiter.{{{route}.{key}}}");
    encode(&[
        "EVAL",
        SCRIPT,
        "2",
        &format!("{prefix}.tokens"),
        &format!("{prefix}.timestamp"),
        &bucket.rate.to_string(),
        &bucket.capacity.to_string(),
        &bucket.requested.to_string(),
    ])
}

fn encode(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    out
}

/// What Redis answers, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Number(i64),
    Error(String),
    List(Vec<Self>),
    Text,
    Null,
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Value(Answer),
    More,
    Broken,
}

/// Takes one whole answer off the front.
fn parse(buffer: &mut BytesMut) -> Parsed {
    match value(buffer, 0) {
        Ok(Some((answer, used))) => {
            drop(buffer.split_to(used));
            Parsed::Value(answer)
        }
        Ok(None) => Parsed::More,
        Err(()) => Parsed::Broken,
    }
}

/// The answer that begins at `at` and where it ends; `None` when it is not complete.
fn value(bytes: &[u8], at: usize) -> Result<Option<(Answer, usize)>, ()> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(None) };
    let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(())?;
    let line = std::str::from_utf8(line).map_err(|_| ())?;
    let after = at + end + 1;
    let (kind, text) = line.split_at_checked(1).ok_or(())?;
    let number = || text.parse::<i64>().map_err(|_| ());
    Ok(Some(match kind {
        "+" => (Answer::Text, after),
        "-" => (Answer::Error(text.to_owned()), after),
        ":" => (Answer::Number(number()?), after),
        "$" => match usize::try_from(number()?) {
            Err(_) => (Answer::Null, after),
            Ok(length) => {
                let end = after.checked_add(length).and_then(|end| end.checked_add(2)).ok_or(())?;
                if bytes.len() < end {
                    return Ok(None);
                }
                (Answer::Text, end)
            }
        },
        "*" => {
            let mut items = Vec::new();
            let mut at = after;
            for _ in 0..number()?.max(0) {
                let Some((item, next)) = value(bytes, at)? else { return Ok(None) };
                items.push(item);
                at = next;
            }
            (Answer::List(items), at)
        }
        _ => return Err(()),
    }))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use wellspring_properties::{Environment, PropertySource};

    use super::{Address, Answer, Parsed, Redis, encode, parse};

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], Vec::new())
    }

    #[test]
    fn answers_are_read_in_pieces() {
        let mut buffer = BytesMut::from("*2\r\n:1\r\n:3");
        assert_eq!(parse(&mut buffer), Parsed::More);
        buffer.extend_from_slice(b"0\r\n-ERR x\r\n$2\r\nab\r\n$-1\r\n");
        assert_eq!(
            parse(&mut buffer),
            Parsed::Value(Answer::List(vec![Answer::Number(1), Answer::Number(30)]))
        );
        assert_eq!(parse(&mut buffer), Parsed::Value(Answer::Error("ERR x".to_owned())));
        assert_eq!(parse(&mut buffer), Parsed::Value(Answer::Text));
        assert_eq!(parse(&mut buffer), Parsed::Value(Answer::Null));
        assert_eq!(parse(&mut BytesMut::from("what\r\n")), Parsed::Broken);
    }

    #[test]
    fn commands_count_bytes() {
        assert_eq!(encode(&["GET", "ü"]), "*2\r\n$3\r\nGET\r\n$2\r\nü\r\n".as_bytes());
    }

    #[test]
    fn where_redis_is() {
        assert!(!Redis::is_configured(&env(&[])));
        let host = env(&[("spring.data.redis.host", "h"), ("spring.data.redis.port", "1")]);
        assert!(Redis::is_configured(&host));
        let read = Address::read(&host).unwrap();
        assert_eq!((read.host.as_str(), read.port), ("h", 1));
        let url = Address::read(&env(&[("spring.data.redis.url", "redis://u:secret@h:7/3")])).unwrap();
        assert_eq!((url.host.as_str(), url.port, url.database), ("h", 7, 3));
        assert!(!format!("{url:?}").contains("secret"));
        for pairs in [
            ("spring.data.redis.port", "x"),
            ("spring.data.redis.ssl.enabled", "true"),
            ("spring.data.redis.url", "http://h"),
        ] {
            assert!(Address::read(&env(&[pairs])).is_err(), "{pairs:?}");
        }
    }
}
