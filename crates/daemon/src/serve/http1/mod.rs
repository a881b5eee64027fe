//! HTTP/1.1 in our own hands: what nearly everybody sends, without queues between socket and service.
//!
//! A request that is unusual in any way (an upgrade, chunks, expectations, HEAD, HTTP/1.0, anything malformed or ambiguous)
//! hands the connection, with the bytes that were read, to hyper, which keeps it from then on. A connection at rest holds no buffer.

mod answer;
mod body;
mod date;
mod head;
mod reader;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::{Request, Version};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

pub(crate) use body::Body;

use super::Handler;
use super::draining::Draining;
use crate::incoming::{Incoming, Plain};
use answer::Writer;
use body::Loan;
use head::{Asked, Parsed};
use reader::Reader;

/// What follows a request meanwhile is read ahead up to here.
const AHEAD: usize = 16 << 10;
/// So much of a body that nobody read is passed over for the sake of the connection.
const MOST_UNREAD: u64 = 256 << 10;

/// What a connection may take its time for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until a head is complete, counted from the end of the last answer.
    pub(super) patience: Duration,
    pub(super) longest_head: usize,
}

/// How it ended.
pub(super) enum Ended {
    Over,
    /// Somebody else shall serve what comes: the bytes were read already.
    Unusual(TcpStream, BytesMut),
}

/// What came next.
enum Next {
    Request(Box<Asked>),
    Unusual,
    Closed,
}

/// Serves a connection until it ends, or as long as it is usual.
pub(super) async fn serve(
    stream: TcpStream,
    handler: &Handler,
    limits: Limits,
    draining: &Draining,
) -> io::Result<Ended> {
    let (half, out) = stream.into_split();
    let (mut reader, mut writer) = (Reader::new(half), Writer::new(out));
    let mut patience = pin!(tokio::time::sleep(limits.patience));
    let mut stop = pin!(draining.token().cancelled());
    // Drain and timer know the task from its first rest on; asking them again would only cost.
    let mut known = false;
    loop {
        let deadline = Instant::now() + limits.patience;
        let next = poll_fn(|cx| match poll_next(&mut reader, limits, cx) {
            Poll::Pending => {
                let first = !std::mem::replace(&mut known, true);
                let stops = draining.has_begun() || (first && stop.as_mut().poll(cx).is_ready());
                if stops && reader.inbox.bytes.is_empty() {
                    return Poll::Ready(Ok(Next::Closed));
                }
                if !first && !patience.is_elapsed() {
                    return Poll::Pending;
                }
                poll_late(patience.as_mut(), deadline, cx).map(|()| Ok(Next::Closed))
            }
            ready @ Poll::Ready(_) => ready,
        });
        let asked = match next.await? {
            Next::Request(asked) => asked,
            Next::Unusual => {
                let Reader { half, inbox, .. } = reader;
                return Ok(match half.reunite(writer.into_half()) {
                    Ok(stream) => Ended::Unusual(stream, inbox.bytes),
                    Err(error) => return Err(io::Error::other(error)),
                });
            }
            Next::Closed => return Ok(Ended::Over),
        };
        let keep = !asked.close;
        let (request, mut read) = request(*asked, reader);
        let Some(response) = answered(handler, request, &mut read).await else { return Ok(Ended::Over) };
        let keep = keep && !draining.has_begun();
        let keep = writer.send(response, keep, read.reader()).await?;
        let back = match read {
            Read::Here(reader) => Some(reader),
            lent @ Read::Lent(_) => tokio::time::timeout(limits.patience, lent.back()).await.ok().flatten(),
        };
        match back.filter(|_| keep) {
            Some(back) => reader = back,
            None => {
                writer.close().await;
                return Ok(Ended::Over);
            }
        }
    }
}

/// Waits for a head. Without bytes at hand the buffer goes.
fn poll_next(reader: &mut Reader, limits: Limits, cx: &mut Context<'_>) -> Poll<io::Result<Next>> {
    loop {
        if !reader.inbox.bytes.is_empty() {
            match head::take(&mut reader.inbox.bytes, limits.longest_head) {
                Parsed::Request(asked) => return Poll::Ready(Ok(Next::Request(asked))),
                Parsed::Unusual => return Poll::Ready(Ok(Next::Unusual)),
                Parsed::More => {}
            }
        }
        match reader.poll_fill(cx) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Next::Closed)),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                reader.rest();
                return Poll::Pending;
            }
        }
    }
}

/// Ready when `deadline` has passed. The timer runs on from request to request and is set anew only when it fires early.
fn poll_late(mut timer: Pin<&mut Sleep>, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
    while timer.as_mut().poll(cx).is_ready() {
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        timer.as_mut().reset(deadline);
    }
    Poll::Pending
}

/// The reader while a request is answered: here, or lent to the request's body.
enum Read {
    Here(Reader),
    Lent(Loan),
}

impl Read {
    /// The reader, unless the body still has it.
    fn reader(&mut self) -> Option<&mut Reader> {
        if let Self::Lent(loan) = self
            && let Some(reader) = loan.settled()
        {
            *self = Self::Here(reader);
        }
        match self {
            Self::Here(reader) => Some(reader),
            Self::Lent(_) => None,
        }
    }

    /// The reader, at the beginning of the next request; `None` when it cannot get there.
    async fn back(self) -> Option<Reader> {
        let (mut reader, left) = match self {
            Self::Here(reader) => return Some(reader),
            Self::Lent(loan) => loan.returned().await,
        };
        if left > MOST_UNREAD {
            return None;
        }
        reader.skip(left).await.ok().map(|()| reader)
    }
}

fn request(asked: Asked, reader: Reader) -> (Request<Incoming>, Read) {
    let Asked { method, uri, headers, length, .. } = asked;
    let (body, read) = match length {
        0 => (Incoming::Empty, Read::Here(reader)),
        length => {
            let (body, loan) = Body::of(reader, length);
            (Incoming::Plain(Plain(body)), Read::Lent(loan))
        }
    };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    (request, read)
}

/// The service's answer; `None` when the caller has hung up meanwhile.
async fn answered(
    handler: &Handler,
    request: Request<Incoming>,
    read: &mut Read,
) -> Option<http::Response<crate::observe::Observed>> {
    let mut service = pin!(handler.answer(request));
    poll_fn(|cx| match service.as_mut().poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => {
            let gone = read.reader().is_some_and(|reader| reader.poll_gone(cx));
            if gone { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}
