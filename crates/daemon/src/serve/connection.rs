//! One connection: find out what it speaks, serve it, close it politely when the application drains.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use wellspring_telemetry::Counter;

use super::draining::Draining;
use super::framing::Guarded;
use super::tls::Tls;
use super::{Handler, Server, Trusted, http1 as plain, proxy_protocol};
use crate::front::Front;
use crate::service::{Caller, ClientCertificate, Peer};

const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How connections of one listener are served: made once, shared by all.
pub(super) struct Protocol {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    patience: Duration,
    tls: Option<Arc<Tls>>,
    proxies: Trusted,
    /// HTTP/2 is spoken with those who ask for it.
    offers_h2: bool,
    most_requests: Option<u32>,
    /// How plain connections are served without hyper, if at all.
    plain: Option<plain::Limits>,
    refused: Counter,
}

impl Protocol {
    pub(super) fn new(settings: &Server, tls: Option<Arc<Tls>>, proxies: Trusted, direct: bool) -> Self {
        let head = usize::try_from(settings.max_http_request_header_size).unwrap_or(usize::MAX);
        let patience = settings.patience();
        let mut http1 = http1::Builder::new();
        // As Tomcat writes them: there are clients that look for `Allow`, not for `allow`.
        http1.title_case_headers(true);
        http1.timer(TokioTimer::new()).header_read_timeout(patience).max_header_size(head);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
            // A peer that vanished without a word is noticed.
            .keep_alive_interval(Duration::from_secs(60))
            .keep_alive_timeout(Duration::from_secs(20));
        Self {
            http1,
            http2,
            patience,
            tls,
            proxies,
            offers_h2: settings.http2.enabled != Some(false),
            most_requests: settings.netty.max_keep_alive_requests,
            plain: direct.then_some(plain::Limits { patience, longest_head: head }),
            refused: Counter::default(),
        }
    }

    /// Counts connections that end before their first request.
    pub(super) fn counting(mut self, refused: Counter) -> Self {
        self.refused = refused;
        self
    }

    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) async fn serve(
        &self,
        mut stream: TcpStream,
        mut peer: Peer,
        front: Arc<Front>,
        draining: &Draining,
    ) -> Result<(), Failure> {
        let ending = draining.token();
        // Answers are written whole; waiting for more to send would only delay them.
        stream.set_nodelay(true)?;
        if self.proxies.covers(peer.remote.ip()) {
            peer = tokio::select! {
                told = tokio::time::timeout(self.patience, proxy_protocol::read(&mut stream, peer)) => self.counted(told)?,
                () = ending.cancelled() => return Ok(()),
            };
        }
        let left = self.most_requests.map(AtomicU32::new);
        let mut handler = Handler { front, caller: Caller { peer, certificate: None }, left };
        if let Some(tls) = &self.tls {
            let (stream, h2) = tokio::select! {
                secured = tokio::time::timeout(self.patience, tls.accept(stream)) => self.counted(secured)?,
                () = ending.cancelled() => return Ok(()),
            };
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            handler.caller.certificate = shown.map(|certificate| ClientCertificate((&**certificate).into()));
            return Box::pin(self.converse(stream, h2, handler, ending)).await;
        }
        let h2 = tokio::select! {
            h2 = tokio::time::timeout(self.patience, speaks_h2(&stream)) => self.counted(h2)? && self.offers_h2,
            () = ending.cancelled() => return Ok(()),
        };
        let Some(limits) = self.plain.filter(|_| !h2) else {
            return Box::pin(self.converse(stream, h2, handler, ending)).await;
        };
        match plain::serve(stream, &handler, limits, draining).await? {
            plain::Ended::Over => Ok(()),
            plain::Ended::Unusual(stream, read) => {
                Box::pin(self.http1(Guarded::after(read, stream), handler, ending)).await
            }
        }
    }

    /// What a step before the first request came to; a failure or silence is counted.
    fn counted<T, E: Into<Failure>>(&self, step: Result<Result<T, E>, Elapsed>) -> Result<T, Failure> {
        let step = step.map_err(Into::into).and_then(|step| step.map_err(Into::into));
        if step.is_err() {
            self.refused.increment();
        }
        step
    }

    async fn converse<S>(
        &self,
        stream: S,
        h2: bool,
        handler: Handler,
        draining: &CancellationToken,
    ) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if h2 {
            let io = TokioIo::new(stream);
            let mut connection = std::pin::pin!(self.http2.serve_connection(io, handler));
            tokio::select! {
                ended = connection.as_mut() => return Ok(ended?),
                () = draining.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            return Ok(connection.await?);
        }
        self.http1(Guarded::new(stream), handler, draining).await
    }

    async fn http1<S>(
        &self,
        stream: Guarded<S>,
        handler: Handler,
        draining: &CancellationToken,
    ) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        let mut connection = std::pin::pin!(self.http1.serve_connection(io, handler).with_upgrades());
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = draining.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}

/// Looks at the first bytes without taking them.
async fn speaks_h2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0_u8; H2_PREFACE.len()];
    loop {
        let seen = stream.peek(&mut start).await?;
        let (Some(seen), Some(expected)) = (start.get(..seen), H2_PREFACE.get(..seen)) else {
            return Ok(false);
        };
        if seen.is_empty() || seen != expected {
            return Ok(false);
        }
        if seen.len() == H2_PREFACE.len() {
            return Ok(true);
        }
        // A preface in pieces: the socket stays readable, so wait a moment for the rest.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
