//! Live requests for whoever looks: filtered and sampled per reader, secrets masked. Without readers nothing is noted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::entry::{Entry, SECRET_PARAMETERS, masked};

/// Readers at once.
const MOST: usize = 16;
/// Requests that a slow reader may lag behind.
const QUEUE: usize = 1024;
const ALIVE: Duration = Duration::from_secs(15);

/// Where readers join.
#[derive(Debug)]
pub struct Tap {
    readers: Arc<AtomicUsize>,
    seen: Sender<Arc<Entry>>,
}

impl Default for Tap {
    fn default() -> Self {
        Self { readers: Arc::default(), seen: broadcast::channel(QUEUE).0 }
    }
}

/// What a reader wants to see.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    route: Option<String>,
    path: Option<String>,
    method: Option<String>,
    consumer: Option<String>,
    /// `404`, or `5` for all of 5xx.
    status: Option<String>,
    /// Requests that took at least so long.
    slower: Duration,
    /// Of a million.
    share: u32,
}

impl Wanted {
    /// From `route`, `path` (a prefix), `method`, `consumer`, `status` (`404`, `5xx`), `slower` (milliseconds), `sample` (percent).
    pub fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut wanted = Self { share: 1_000_000, ..Self::default() };
        for (name, value) in pairs {
            let text = Some(value.clone());
            match name.as_str() {
                "route" => wanted.route = text,
                "path" => wanted.path = text,
                "method" => wanted.method = Some(value.to_ascii_uppercase()),
                "consumer" => wanted.consumer = text,
                "status" => {
                    let digits = value.trim_end_matches(['x', 'X']);
                    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                        return Err(format!("status: '{value}' is neither 404 nor 5xx"));
                    }
                    wanted.status = Some(digits.to_owned());
                }
                "slower" => {
                    let millis =
                        value.parse().map_err(|_| format!("slower: '{value}' are no milliseconds"))?;
                    wanted.slower = Duration::from_millis(millis);
                }
                "sample" => {
                    let percent: f64 = value.trim_end_matches('%').parse().unwrap_or(f64::NAN);
                    if !(0.0..=100.0).contains(&percent) {
                        return Err(format!("sample: '{value}' is no percentage"));
                    }
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "0 to a million"
                    )]
                    let share = (percent * 10_000.0).round() as u32;
                    wanted.share = share;
                }
                other => {
                    return Err(format!(
                        "'{other}' is unknown: route, path, method, consumer, status, slower, sample"
                    ));
                }
            }
        }
        Ok(wanted)
    }

    fn admits(&self, entry: &Entry) -> bool {
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|w| Some(w) == found);
        is(&self.route, entry.route.as_deref())
            && is(&self.consumer, entry.consumer.as_deref())
            && is(&self.method, Some(entry.method.as_str()))
            && self.path.as_deref().is_none_or(|path| entry.target.starts_with(path))
            && self.status.as_deref().is_none_or(|status| entry.status.as_str().starts_with(status))
            && entry.took >= self.slower
            && (self.share >= 1_000_000 || fastrand::u32(..1_000_000) < self.share)
    }
}

impl Tap {
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.readers.load(Ordering::Relaxed) > 0
    }

    pub(super) fn show(&self, entry: &Entry) {
        // Nobody may be left to read.
        self.seen.send(Arc::new(entry.clone())).ok();
    }

    /// Server-sent events until the reader goes or the gateway stops.
    #[must_use]
    pub fn answer(&self, wanted: Wanted, stopping: CancellationToken) -> Response<Body> {
        let Some(seat) = Seat::take(&self.readers) else {
            let mut full = Response::new(Body::from(format!("{MOST} others are reading already\n")));
            *full.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return full;
        };
        let first = stream::iter([Bytes::from_static(b": open\n\n")]);
        let live = live(self.seen.subscribe(), wanted).take_until(stopping.cancelled_owned());
        let body = Seated { frames: Box::pin(first.chain(live)), _seat: seat };
        let mut response = Response::new(Body::from_stream(body.map(Ok::<_, std::convert::Infallible>)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn live(seen: Receiver<Arc<Entry>>, wanted: Wanted) -> impl Stream<Item = Bytes> {
    stream::unfold((seen, wanted), |(mut seen, wanted)| async move {
        loop {
            let bytes = match tokio::time::timeout(ALIVE, seen.recv()).await {
                Err(_) => Bytes::from_static(b": alive\n\n"),
                Ok(Ok(entry)) if wanted.admits(&entry) => frame(&entry),
                Ok(Ok(_)) => continue,
                Ok(Err(RecvError::Lagged(missed))) => format!("event: missed\ndata: {missed}\n\n").into(),
                Ok(Err(RecvError::Closed)) => return None,
            };
            return Some((bytes, (seen, wanted)));
        }
    })
}

fn frame(entry: &Entry) -> Bytes {
    let headers = |headers: &[(String, String)]| {
        let mut shown = Map::new();
        for (name, value) in headers {
            let values = shown.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(values) = values {
                values.push(Value::String(value.clone()));
            }
        }
        Value::Object(shown)
    };
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let data = json!({
        "at": entry.at.0,
        "peer": entry.peer.map(|peer| peer.to_string()),
        "consumer": entry.consumer.as_deref(),
        "method": entry.method.as_str(),
        "host": entry.host,
        "uri": masked(&entry.target, &SECRET_PARAMETERS.map(str::to_owned)),
        "route": entry.route.as_deref(),
        "upstream": entry.upstream,
        "status": entry.status.as_u16(),
        "bytes": entry.bytes,
        "headMillis": millis(entry.head),
        "tookMillis": millis(entry.took),
        "complete": entry.complete,
        "headers": headers(&entry.headers),
        "answerHeaders": headers(&entry.answer_headers),
    });
    format!("data: {data}\n\n").into()
}

/// A reader's place; free again when it is dropped.
#[derive(Debug)]
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(readers: &Arc<AtomicUsize>) -> Option<Self> {
        let seat = Self(Arc::clone(readers));
        (readers.fetch_add(1, Ordering::Relaxed) < MOST).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Seated {
    frames: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    _seat: Seat,
}

impl Stream for Seated {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.frames.as_mut().poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn what_a_reader_wants_is_read_or_refused() {
        let read = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            Wanted::read(&pairs)
        };
        let wanted = read(&[("status", "5xx"), ("sample", "12.5%"), ("method", "get")]).unwrap();
        assert_eq!(
            (wanted.status.as_deref(), wanted.share, wanted.method.as_deref()),
            (Some("5"), 125_000, Some("GET"))
        );
        for wrong in [("status", "many"), ("sample", "101"), ("slower", "x"), ("rout", "a"), ("status", "xx")]
        {
            assert!(read(&[wrong]).is_err(), "{wrong:?}");
        }
    }
}
