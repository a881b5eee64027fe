//! `JsonToGrpc=protoDescriptor,protoFile,service,method`: a JSON request becomes a unary gRPC call, its answer JSON again.
//!
//! The descriptor set (`protoc --include_imports -o`) says how; the `.proto` file itself is not needed. The call goes where
//! the route goes, over HTTP/2.

use axum::body::Body;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TE, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use serde_json::json;
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::problem::NOT_OFFERED;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::upstream::body::Payload;

#[derive(Debug)]
struct JsonToGrpc {
    method: MethodDescriptor,
    path: String,
    largest: usize,
}

/// Names of the codes from 0, and the HTTP status that each becomes.
const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let place = args.required("protoDescriptor")?;
    if place.starts_with("classpath:") {
        return Err(Problem::new(
            NOT_OFFERED,
            "JsonToGrpc: there is no class path to read the descriptor from",
        )
        .found(place)
        .at(args.origin())
        .hint("file:/path/to/service.desc"));
    }
    let file = place.strip_prefix("file:").unwrap_or(&place);
    let bytes = std::fs::read(file)
        .map_err(|error| args.wrong("protoDescriptor", format!("cannot be read: {error}")))?;
    let pool = DescriptorPool::decode(bytes.as_slice())
        .map_err(|error| args.wrong("protoDescriptor", format!("is no descriptor set: {error}")))?;
    // Newer files of the original leave out the second argument.
    let (service, method) = match args.text("method") {
        Some(method) => (args.required("service")?, method),
        None => (args.required("protoFile")?, args.required("service")?),
    };
    let found = pool.services().find(|known| known.full_name() == service || known.name() == service);
    let Some(found) = found else {
        let names: Vec<String> = pool.services().map(|known| known.full_name().to_owned()).collect();
        return Err(args
            .wrong("service", format!("'{service}' is not in the descriptor"))
            .hint(names.join(", ")));
    };
    let Some(method) = found.methods().find(|known| known.name().eq_ignore_ascii_case(&method)) else {
        let names: Vec<String> = found.methods().map(|known| known.name().to_owned()).collect();
        return Err(args.wrong("method", format!("'{method}' is not in the service")).hint(names.join(", ")));
    };
    if method.is_client_streaming() || method.is_server_streaming() {
        return Err(args.wrong("method", "streams: only unary calls have a JSON form"));
    }
    let path = format!("/{}/{}", found.full_name(), method.name());
    Built::around(JsonToGrpc { method, path, largest: setup.config.kept_body })
}

impl Around for JsonToGrpc {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let frame = self.question(exchange).await?;
            exchange.payload = Payload::Kept(frame);
            exchange.method = Method::POST;
            exchange.set_path(&self.path)?;
            exchange.set_query("")?;
            for name in [CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_ENCODING, ACCEPT_ENCODING, ACCEPT] {
                exchange.headers.remove(name);
            }
            exchange.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            exchange.headers.insert(TE, HeaderValue::from_static("trailers"));
            let reply = next.run(exchange).await?;
            self.answer(reply).await
        })
    }
}

impl JsonToGrpc {
    /// The request's message in its frame. No body is an empty message.
    async fn question(&self, exchange: &mut Exchange) -> Result<Bytes, Error> {
        exchange.payload.keep(self.largest).await?;
        let json = match &exchange.payload {
            Payload::Kept(bytes) if !bytes.is_empty() => bytes.clone(),
            Payload::Partly(..) => return Err(Error::Status(StatusCode::PAYLOAD_TOO_LARGE)),
            Payload::Kept(_) | Payload::Empty | Payload::Stream(_) | Payload::Spent => {
                Bytes::from_static(b"{}")
            }
        };
        let mut reader = serde_json::Deserializer::from_slice(&json);
        let message = DynamicMessage::deserialize(self.method.input(), &mut reader)
            .and_then(|message| reader.end().map(|()| message))
            .map_err(|error| {
                Error::RequestBody(format!("no {}: {error}", self.method.input().full_name()))
            })?;
        let length = message.encoded_len();
        let mut frame = BytesMut::with_capacity(length + 5);
        frame.put_u8(0);
        frame.put_u32(u32::try_from(length).map_err(|_| Error::Status(StatusCode::PAYLOAD_TOO_LARGE))?);
        message.encode(&mut frame).map_err(|error| Error::RequestBody(error.to_string()))?;
        Ok(frame.freeze())
    }

    async fn answer(&self, mut reply: Reply) -> Result<Reply, Error> {
        let bad = |reason: String| Error::BadAnswer { upstream: self.path.clone(), reason };
        if reply.committed {
            return Ok(reply);
        }
        let status = |headers: &HeaderMap| headers.get("grpc-status")?.to_str().ok()?.parse::<usize>().ok();
        let message = |headers: &HeaderMap| {
            let text = headers.get("grpc-message").and_then(|value| value.to_str().ok()).unwrap_or_default();
            percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
        };
        let collected = Limited::new(std::mem::take(&mut reply.body), self.largest)
            .collect()
            .await
            .map_err(|error| bad(error.to_string()))?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let code = status(&trailers).or_else(|| status(&reply.headers));
        let Some(code) = code else {
            return Err(bad(format!("status {} without grpc-status", reply.status.as_u16())));
        };
        let mut text = message(&trailers);
        if text.is_empty() {
            text = message(&reply.headers);
        }
        for name in
            ["grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding", "content-length"]
        {
            reply.headers.remove(name);
        }
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if code != 0 {
            let (name, http) = CODES.get(code).copied().unwrap_or(("UNKNOWN", 500));
            reply.status = StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let error = json!({"code": code, "status": name, "message": text});
            reply.body = Body::from(error.to_string());
            return Ok(reply);
        }
        let bytes = collected.to_bytes();
        let (head, payload) = bytes.split_at_checked(5).ok_or_else(|| bad("no message".to_owned()))?;
        if head.first() != Some(&0) {
            return Err(bad("a compressed message".to_owned()));
        }
        let message =
            DynamicMessage::decode(self.method.output(), payload).map_err(|error| bad(error.to_string()))?;
        reply.status = StatusCode::OK;
        reply.body = Body::from(serde_json::to_vec(&message).map_err(|error| bad(error.to_string()))?);
        Ok(reply)
    }
}
