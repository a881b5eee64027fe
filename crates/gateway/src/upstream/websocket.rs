//! WebSockets: the upgrade is asked of the upstream on a connection of its own, then bytes flow both ways untouched.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::body::Outgoing;
use super::{Origin, Upstreams};
use crate::error::Error;
use crate::reply::Reply;

/// Does the request ask for a WebSocket?
#[must_use]
pub fn is_upgrade(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET
        && headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

impl Upstreams {
    /// Asks for the upgrade; on 101 the tunnel runs on its own until either side closes.
    pub async fn websocket(
        &self,
        origin: &Arc<Origin>,
        mut request: Request<Outgoing>,
        client: Option<OnUpgrade>,
        connect: Duration,
    ) -> Result<Reply, Error> {
        let upstream = || origin.shown.to_string();
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        let mut sender = match tokio::time::timeout(connect, self.connector.open_for_upgrade(origin)).await {
            Ok(Ok(sender)) => sender,
            Ok(Err(error)) => return Err(Error::Connect { upstream: upstream(), reason: error.to_string() }),
            Err(_) => {
                return Err(Error::ConnectTimeout { upstream: upstream(), millis: connect.as_millis() });
            }
        };
        let mut response = sender.send_request(request).await.map_err(|error| Error::Broken {
            upstream: upstream(),
            reason: error.to_string(),
            safe: false,
        })?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (head, body) = response.into_parts();
            return Ok(Reply::new(head.status, head.headers, Body::new(body)));
        }
        let Some(client) = client else {
            return Err(Error::Unroutable("the client's connection cannot be upgraded".to_owned()));
        };
        let server = hyper::upgrade::on(&mut response);
        let shown = origin.shown.clone();
        tokio::spawn(async move {
            let (client, server) = match tokio::try_join!(client, server) {
                Ok(both) => both,
                Err(error) => {
                    tracing::debug!(upstream = %shown, %error, "upgrade failed");
                    return;
                }
            };
            let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
            if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut server).await {
                tracing::debug!(upstream = %shown, %error, "tunnel ended");
            }
        });
        let mut reply = Reply::new(
            StatusCode::SWITCHING_PROTOCOLS,
            std::mem::take(response.headers_mut()),
            Body::empty(),
        );
        reply.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        reply.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        Ok(reply)
    }
}
