//! The body of an answer on its way to the client. At its end the connection goes back, and the balancer hears of it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use wellspring_lb_client::{Balancer, Ended, InFlight, Instance};

use super::body::Outgoing;
use super::pool::{Connection, Origin};
use super::wire::{Decoded, Decoder, Upload};

/// How long the rest of a request may take whose answer is complete, and how large it may be; then its connection ends.
const PATIENCE: Duration = Duration::from_secs(60);
const MOST: u64 = 8 << 20;

/// A call to an instance that a balancer chose, which hears how it ended.
#[derive(Debug)]
pub struct Counted {
    call: InFlight,
    balancer: Arc<Balancer>,
    instance: Instance,
}

impl Counted {
    #[must_use]
    pub fn begin(balancer: Arc<Balancer>, instance: Instance) -> Self {
        Self { call: instance.load().begin(), balancer, instance }
    }

    /// `refused`: not even a connection came about.
    pub fn end(self, ended: Ended, refused: bool) {
        self.balancer.ended(self.call, &self.instance, ended, refused);
    }
}

/// The body of an answer.
#[derive(Debug)]
pub struct Answer {
    source: Source,
    call: Option<(Counted, Ended)>,
}

#[derive(Debug)]
enum Source {
    /// Came with its head; the connection is back already.
    Whole(Bytes),
    Coming(Box<Coming>),
    Http2(Incoming),
}

/// A body that is still on its connection.
#[derive(Debug)]
struct Coming {
    origin: Arc<Origin>,
    connection: Option<Connection>,
    decoder: Decoder,
    /// What is still to be sent of the request.
    upload: Option<(Upload, Outgoing)>,
    keep: bool,
}

impl Answer {
    /// The rest of an exchange whose head has come. `upload` is what is left to be sent.
    pub(super) fn new(
        origin: &Arc<Origin>,
        mut connection: Connection,
        mut decoder: Decoder,
        upload: Option<(Upload, Outgoing)>,
        keep: bool,
    ) -> Self {
        if let Some(bytes) = connection.wire.whole(&mut decoder) {
            settle(origin, connection, upload, keep);
            return Self { source: Source::Whole(bytes), call: None };
        }
        let coming =
            Coming { origin: Arc::clone(origin), connection: Some(connection), decoder, upload, keep };
        Self { source: Source::Coming(Box::new(coming)), call: None }
    }

    pub(super) fn http2(body: Incoming) -> Self {
        Self { source: Source::Http2(body), call: None }
    }

    /// Tells the instance's load figures when the body has ended.
    pub fn count(&mut self, call: Counted, ended: Ended) {
        if self.is_end_stream() {
            call.end(ended, false);
        } else {
            self.call = Some((call, ended));
        }
    }
}

impl Coming {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
        if let Some((upload, body)) = &mut self.upload {
            match connection.wire.poll_upload(upload, body, cx) {
                Poll::Ready(Ok(())) => self.upload = None,
                // The answer is on its way all the same; the connection ends with it.
                Poll::Ready(Err(())) => {
                    self.keep = false;
                    if let Some((_, body)) = self.upload.take() {
                        tokio::spawn(tokio::time::timeout(PATIENCE, hear_out(body)));
                    }
                }
                Poll::Pending => {}
            }
        }
        let frame = match ready!(connection.wire.poll_body(&mut self.decoder, cx)) {
            Ok(Decoded::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Decoded::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Decoded::Over | Decoded::More) => None,
            Err(error) => {
                self.connection = None;
                return Poll::Ready(Some(Err(error)));
            }
        };
        if frame.is_none() || self.decoder.is_over() {
            self.finish();
        }
        Poll::Ready(frame)
    }

    fn finish(&mut self) {
        if let Some(connection) = self.connection.take() {
            settle(&self.origin, connection, self.upload.take(), self.keep);
        }
    }
}

/// What becomes of a connection whose answer is complete.
fn settle(origin: &Arc<Origin>, connection: Connection, upload: Option<(Upload, Outgoing)>, keep: bool) {
    match upload {
        None if keep => origin.give_back(connection),
        None => {}
        // The upstream answered early: the client may finish what it is saying, else its own connection would end.
        Some((upload, body)) => {
            tokio::spawn(send_rest(Arc::clone(origin), connection, upload, body, keep));
        }
    }
}

async fn send_rest(
    origin: Arc<Origin>,
    mut connection: Connection,
    mut upload: Upload,
    mut body: Outgoing,
    keep: bool,
) {
    let most = upload.taken + MOST;
    let sending = async {
        let sent = poll_fn(|cx| match connection.wire.poll_upload(&mut upload, &mut body, cx) {
            _ if upload.taken > most => Poll::Ready(Err(())),
            polled => polled,
        })
        .await;
        if sent.is_err() && upload.taken <= most {
            hear_out(body).await;
        }
        sent
    };
    if let Ok(Ok(())) = tokio::time::timeout(PATIENCE, sending).await
        && keep
    {
        origin.give_back(connection);
    }
}

/// Reads what a client still says though nobody wants it any more.
async fn hear_out(mut body: Outgoing) {
    let mut heard = 0;
    while let Some(Ok(frame)) = body.frame().await {
        heard += frame.data_ref().map_or(0, |data| data.len() as u64);
        if heard > MOST {
            return;
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = match &mut self.source {
            Source::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Coming(coming) => coming.poll_frame(cx),
            Source::Http2(body) => Pin::new(body).poll_frame(cx).map_err(io::Error::other),
        };
        let over = match &polled {
            Poll::Pending => false,
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.is_end_stream(),
            Poll::Ready(Some(Err(_))) => {
                if let Some((call, _)) = self.call.take() {
                    call.end(Ended::Failed, false);
                }
                true
            }
        };
        if over && let Some((call, ended)) = self.call.take() {
            call.end(ended, false);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Coming(coming) => coming.connection.is_none() || coming.decoder.is_over(),
            Source::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Coming(coming) => {
                coming.decoder.left().map_or_else(SizeHint::default, SizeHint::with_exact)
            }
            Source::Http2(body) => body.size_hint(),
        }
    }
}
