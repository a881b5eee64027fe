//! OTLP over HTTP with protobuf, encoded by the OpenTelemetry crate and sent by our own HTTP client.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

use super::{Finished, Kind, Targets};

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Sender {
    exporter: SpanExporter,
}

impl Sender {
    pub(super) fn new(
        endpoint: &str,
        service: &str,
        targets: &Targets,
        http: reqwest::Client,
    ) -> Result<Self, String> {
        let headers: HashMap<_, _> = targets.otlp_headers.iter().cloned().collect();
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client(http))
            .with_endpoint(endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(targets.otlp_timeout.unwrap_or(TIMEOUT))
            .with_headers(headers)
            .build()
            .map_err(|error| error.to_string())?;
        exporter.set_resource(&Resource::builder_empty().with_service_name(service.to_owned()).build());
        Ok(Self { exporter })
    }

    pub(super) async fn send(&self, batch: &[Finished]) -> Result<(), String> {
        let spans = batch.iter().map(span).collect();
        self.exporter.export(spans).await.map_err(|error| error.to_string())
    }
}

fn span(span: &Finished) -> SpanData {
    let context = &span.context;
    let failed = span.tags.iter().find(|(key, _)| *key == "error").map(|(_, text)| text.clone());
    let start = SystemTime::UNIX_EPOCH + Duration::from_micros(span.start_micros);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(context.trace.to_be_bytes()),
            SpanId::from_bytes(context.span.to_be_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: span.parent.map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.to_be_bytes())),
        parent_span_is_remote: span.kind == Kind::Server && span.parent.is_some(),
        span_kind: match span.kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
        },
        name: span.name.clone(),
        start_time: start,
        end_time: start + span.duration,
        attributes: span.tags.iter().map(|(key, value)| KeyValue::new(*key, value.clone())).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: failed.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("wellspring").build(),
    }
}

#[derive(Debug)]
struct Client(reqwest::Client);

type Sent<'a> = Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    // What `async_trait` makes of the trait's method.
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: http::Request<Bytes>) -> Sent<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let answer = self.0.execute(request.try_into()?).await?;
            let mut response = http::Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.extend(answer.headers().clone());
            }
            Ok(response.body(answer.bytes().await?)?)
        })
    }
}
