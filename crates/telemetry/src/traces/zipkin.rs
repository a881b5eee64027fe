//! Zipkin's v2 JSON, gzipped above 1 KiB.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use indexmap::IndexMap;
use serde::Serialize;

use super::propagation::TraceId;
use super::{Finished, Kind};

const GZIP_ABOVE: usize = 1024;

#[derive(Debug)]
pub(super) struct Sender {
    endpoint: String,
    service: String,
    http: reqwest::Client,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    id: String,
    kind: &'static str,
    name: &'a str,
    timestamp: u64,
    duration: u64,
    local_endpoint: Endpoint<'a>,
    tags: IndexMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    debug: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    service_name: &'a str,
}

impl Sender {
    pub(super) fn new(endpoint: String, service: &str, http: reqwest::Client) -> Self {
        Self { endpoint, service: service.to_owned(), http }
    }

    pub(super) async fn send(&self, batch: &[Finished]) -> Result<(), String> {
        let spans: Vec<_> = batch.iter().map(|span| self.span(span)).collect();
        let json = serde_json::to_vec(&spans).map_err(|error| error.to_string())?;
        let mut request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/json")
            // The collector must not trace the report of a trace.
            .header("b3", "0");
        let body = if json.len() > GZIP_ABOVE {
            request = request.header("content-encoding", "gzip");
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let written = encoder.write_all(&json).and_then(|()| encoder.finish());
            written.map_err(|error| error.to_string())?
        } else {
            json
        };
        let answer = request.body(body).send().await.map_err(|error| super::export_error(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(format!("{} answered {}", self.endpoint, answer.status()))
    }

    fn span<'a>(&'a self, span: &'a Finished) -> Span<'a> {
        Span {
            trace_id: TraceId(span.context.trace).to_string(),
            parent_id: span.parent.map(|id| format!("{id:016x}")),
            id: format!("{:016x}", span.context.span),
            kind: match span.kind {
                Kind::Server => "SERVER",
                Kind::Client => "CLIENT",
            },
            name: &span.name,
            timestamp: span.start_micros,
            // Zipkin drops spans of no length.
            duration: u64::try_from(span.duration.as_micros()).unwrap_or(u64::MAX).max(1),
            local_endpoint: Endpoint { service_name: &self.service },
            tags: span.tags.iter().map(|(key, value)| (*key, value.as_str())).collect(),
            debug: span.context.debug,
        }
    }
}
