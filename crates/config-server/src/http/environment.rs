//! `GET /{name}/{profiles}[/{label}]`: the environment as JSON.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use wellspring_daemon::{Response, error_page};
use wellspring_wire::config::V2;

use super::accept::Accept;
use super::reply::{self, Failure};
use super::watch;
use crate::render::json;
use crate::repository::{Found, Query};
use crate::server::Server;
use crate::sources::search::Source;

const JSON: &str = "application/json";
/// The newer commit of the branch that is not served because it does not parse.
const REJECTED: HeaderName = HeaderName::from_static("x-wellspring-rejected-commit");
/// Since when the remote does not answer; what is served is as old as the last fetch.
const STALE: HeaderName = HeaderName::from_static("x-wellspring-stale-since");

pub(super) async fn answer(
    server: &Arc<Server>,
    client: Option<IpAddr>,
    headers: &HeaderMap,
    name: &str,
    profiles: &str,
    label: Option<&str>,
) -> Result<Response, Failure> {
    let accept = Accept::of(headers);
    // Only who names event streams gets one: `text/*` is not meant so.
    let watches = accept.concrete().next() == Some(watch::KIND);
    let form = if watches { Some(watch::KIND) } else { accept.choose(&[JSON, V2]) };
    let Some(form) = form else {
        // With a label the path is a plain text file's as well, one with an empty name.
        return match label {
            Some(_) => Ok(reply::empty(StatusCode::NOT_FOUND)),
            None => Err(Failure::status(StatusCode::NOT_ACCEPTABLE)),
        };
    };
    let query = server.query(name, profiles, label)?.asked_by(headers);
    if form == watch::KIND {
        return watch::answer(server, query).await;
    }
    let found = server.find(&query).await?;
    if let Some(client) = client {
        server.clients.fetched(client, &query, &found);
    }
    let mut response = reply::with_type(form, body(&query, &found, form == V2));
    if let Some(commit) = found.rejected.as_deref().and_then(|commit| HeaderValue::from_str(commit).ok()) {
        response.headers_mut().insert(REJECTED, commit);
    }
    if let Some(since) = found.stale_since
        && let Ok(value) = HeaderValue::from_str(&error_page::timestamp(since.0))
    {
        response.headers_mut().insert(STALE, value);
    }
    Ok(response)
}

/// The members in the original's order; the sources' values are ready-made.
fn body(query: &Query, found: &Found, origins: bool) -> Bytes {
    fn fragment(source: &Source, origins: bool) -> &Bytes {
        if origins { source.document.json_with_origins() } else { source.document.json() }
    }
    let size: usize =
        found.sources.iter().map(|source| fragment(source, origins).len() + source.name.len() + 32).sum();
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(b"{\"name\":");
    json::write_text(&mut head, &query.name);
    head.extend_from_slice(b",\"profiles\":[");
    json::write_text(&mut head, &query.profiles);
    head.push(b']');
    for (name, value) in [("label", &query.label), ("version", &found.version), ("state", &found.state)] {
        head.extend_from_slice(format!(",\"{name}\":").as_bytes());
        match value {
            Some(text) => json::write_text(&mut head, text),
            None => head.extend_from_slice(b"null"),
        }
    }
    head.extend_from_slice(b",\"propertySources\":[");
    let mut out = BytesMut::with_capacity(head.len() + size + 2);
    out.put_slice(&head);
    let mut name = Vec::with_capacity(128);
    for (at, source) in found.sources.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        name.clear();
        json::write_text(&mut name, &source.name);
        out.put_slice(b"{\"name\":");
        out.put_slice(&name);
        out.put_slice(b",\"source\":");
        out.put_slice(fragment(source, origins));
        out.put_u8(b'}');
    }
    out.put_slice(b"]}");
    out.freeze()
}
