//! One HTTP/1.1 connection to an upstream, driven by the task that has the request: no second task, no queues between.
//!
//! `exchange` sends a request and waits for the head of the answer; what is left of both bodies then moves together, so
//! an upstream may answer before it has read everything. A connection at rest holds no buffer.

mod framing;
mod request;
mod response;
mod stream;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use tokio::io::AsyncReadExt;
use wellspring_daemon::buffers::{Inbox, SMALL};

pub(super) use framing::{Decoded, Decoder};
pub(super) use request::Upload;
pub(super) use response::Head;
pub(super) use stream::Stream;

use super::body::Outgoing;
use request::Stopped;

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    inbox: Inbox,
    longest_head: usize,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The upstream's side; `unsent`: it cannot have begun to work on the request, `silent`: no byte of an answer came.
    Wire { reason: String, unsent: bool, silent: bool },
    /// The client's body could not be read.
    Body(String),
}

impl Wire {
    pub(super) fn new(stream: Stream, longest_head: usize) -> Self {
        Self { stream, inbox: Inbox::default(), longest_head }
    }

    /// May be used again: nobody hung up, and nothing came that nobody asked for.
    pub(super) fn is_quiet(&mut self, sure: bool) -> bool {
        self.inbox.bytes.is_empty() && self.stream.is_quiet(sure)
    }

    /// Gives up the buffer; `false` when the upstream has sent more than its answer.
    pub(super) fn rest(&mut self) -> bool {
        let clean = self.inbox.bytes.is_empty();
        self.inbox.rest();
        clean
    }

    /// Sends a request and waits for the head of the answer. The body stays in `request` as far as it was not sent.
    pub(super) async fn exchange(
        &mut self,
        request: &mut Request<Outgoing>,
    ) -> Result<(Head, Upload), Failure> {
        request.body_mut().rewind();
        let mut upload = Upload::new(request);
        let method = request.method().clone();
        let head = poll_fn(|cx| {
            if !upload.is_done()
                && let Poll::Ready(Err(stopped)) = upload.poll(&mut self.stream, request.body_mut(), cx)
            {
                return Poll::Ready(Err(self.stopped(stopped, upload.started, &method, cx)));
            }
            self.poll_head(&method, cx)
        })
        .await;
        match head {
            Ok(head) => Ok((head, upload)),
            Err(Ended::Answered(head)) => Ok((*head, upload)),
            Err(Ended::Failed(failure)) => Err(failure),
        }
    }

    /// The request could not be sent whole. An upstream that refuses a body may have said why before it hung up.
    fn stopped(
        &mut self,
        stopped: Stopped,
        started: bool,
        method: &http::Method,
        cx: &mut Context<'_>,
    ) -> Ended {
        let error = match stopped {
            Stopped::Body(reason) => return Ended::Failed(Failure::Body(reason)),
            Stopped::Wire(error) => error,
        };
        match self.poll_head(method, cx) {
            Poll::Ready(Ok(mut head)) => {
                head.keep = false;
                Ended::Answered(Box::new(head))
            }
            _ => Ended::Failed(Failure::Wire {
                reason: error.to_string(),
                unsent: !started,
                silent: self.inbox.bytes.is_empty(),
            }),
        }
    }

    fn poll_head(&mut self, method: &http::Method, cx: &mut Context<'_>) -> Poll<Result<Head, Ended>> {
        loop {
            while !self.inbox.bytes.is_empty() {
                match response::take(&mut self.inbox.bytes, method, self.longest_head) {
                    // Interim answers concern this hop only.
                    Ok(Some(head)) if head.status.is_informational() && head.status != 101 => {}
                    Ok(Some(head)) => return Poll::Ready(Ok(head)),
                    Ok(None) => break,
                    Err(reason) => return failed(reason),
                }
            }
            let silent = self.inbox.bytes.is_empty();
            match ready!(self.poll_fill(SMALL, cx)) {
                Ok(0) => {
                    let reason = "connection closed before the answer was complete".to_owned();
                    let failure = Failure::Wire { reason, unsent: false, silent };
                    return Poll::Ready(Err(Ended::Failed(failure)));
                }
                Ok(_) => {}
                Err(error) => {
                    let failure = Failure::Wire { reason: error.to_string(), unsent: false, silent };
                    return Poll::Ready(Err(Ended::Failed(failure)));
                }
            }
        }
    }

    /// Reads once into at least `room` bytes.
    fn poll_fill(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.inbox.room() < room {
            self.inbox.make_room(room);
        }
        pin!(self.stream.read_buf(&mut self.inbox.bytes)).poll(cx)
    }

    /// The next piece of the answer's body.
    pub(super) fn poll_body(
        &mut self,
        decoder: &mut Decoder,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Decoded, io::Error>> {
        loop {
            match decoder.decode(&mut self.inbox.bytes) {
                Ok(Decoded::More) => {}
                Ok(decoded) => return Poll::Ready(Ok(decoded)),
                Err(reason) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason))),
            }
            if ready!(self.poll_fill(decoder.appetite(), cx))? == 0 {
                return Poll::Ready(match decoder {
                    Decoder::Close => Ok(Decoded::Over),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                });
            }
        }
    }

    /// A body that came with its head; nothing of it is left then.
    pub(super) fn whole(&mut self, decoder: &mut Decoder) -> Option<Bytes> {
        let length = usize::try_from(decoder.left()?).ok()?;
        if length > self.inbox.bytes.len() {
            return None;
        }
        *decoder = Decoder::NOTHING;
        Some(self.inbox.bytes.split_to(length).freeze())
    }

    /// Goes on sending the request while its answer is read already; an error ends the sending.
    pub(super) fn poll_upload(
        &mut self,
        upload: &mut Upload,
        body: &mut Outgoing,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ()>> {
        upload.poll(&mut self.stream, body, cx).map_err(drop)
    }
}

/// How waiting for a head ends other than by the head itself.
enum Ended {
    Answered(Box<Head>),
    Failed(Failure),
}

fn failed(reason: &str) -> Poll<Result<Head, Ended>> {
    let failure = Failure::Wire { reason: reason.to_owned(), unsent: false, silent: false };
    Poll::Ready(Err(Ended::Failed(failure)))
}
