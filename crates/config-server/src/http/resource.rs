//! `GET /{name}/{profile}/{label}/{path}`: a file as it is, as text with placeholders resolved or as bytes.
//!
//! Whatever is wrong is a 404 with an empty body: who probes for files learns nothing.

use std::borrow::Cow;

use axum::body::Body;
use http::header::{ACCEPT_CHARSET, IF_MODIFIED_SINCE, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use percent_encoding::percent_decode_str;
use tracing::debug;
use wellspring_daemon::Response;

use super::Parameters;
use super::accept::Accept;
use super::reply::{self, Failure};
use crate::error::Error;
use crate::render::placeholders;
use crate::repository::Query;
use crate::server::{Server, lookup};
use crate::sources::files::is_clean;
use crate::sources::search::Location;

const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain;charset=UTF-8";

pub(super) async fn answer(
    server: &Server,
    headers: &HeaderMap,
    name: &str,
    profiles: &str,
    label: Option<&str>,
    path: &str,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    // A parameter that cannot be read is told like anywhere else.
    let resolve = parameters.flag("resolvePlaceholders", true).map_err(Error::BadRequest)?;
    let served = serve(server, headers, (name, profiles, label), path, resolve).await;
    Ok(served.unwrap_or_else(|error| {
        debug!(%error, path, "file not served");
        let status = super::status_of(&error);
        reply::empty(if status.is_server_error() { status } else { StatusCode::NOT_FOUND })
    }))
}

async fn serve(
    server: &Server,
    headers: &HeaderMap,
    (name, profiles, label): (&str, &str, Option<&str>),
    path: &str,
    resolve: bool,
) -> Result<Response, Error> {
    let query = server.query(name, profiles, label)?.asked_by(headers);
    let path = checked(path)?;
    let mut locations = server.repository.locations(&query).await?;
    if server.settings.reverse_location_order {
        locations.reverse();
    }
    let file = find(&locations, &query, &path)?.ok_or_else(|| Error::NotFound(format!("no file {path}")))?;
    if file.modified.is_some_and(|modified| is_unchanged(headers, modified)) {
        return Ok(dated(reply::empty(StatusCode::NOT_MODIFIED), file.modified));
    }
    let bytes = file.location.files.read(&file.path, &file.stamp)?;
    let accept = Accept::of(headers);
    if accept.concrete().next() == Some(BYTES) {
        return Ok(dated(reply::with_type(BYTES, bytes), file.modified));
    }
    let mut text = decode(&bytes, headers).into_owned();
    if resolve {
        let found = server.find(&query).await?;
        text = placeholders::resolve(&text, &|key| lookup(&found, key))
            .map_err(|circular| Error::Internal(circular.to_string()))?;
    }
    let text = server.decrypt_text(&path, text);
    Ok(dated(reply::with_type(&content_type(&accept), Body::from(text)), file.modified))
}

struct File<'l> {
    location: &'l Location,
    path: String,
    stamp: crate::sources::files::Stamp,
    modified: Option<i64>,
}

/// `(_)` replaced; refused when it could lead anywhere but below a location.
pub(crate) fn checked(path: &str) -> Result<String, Error> {
    let path = path.replace("(_)", "/");
    let decoded = percent_decode_str(&path).decode_utf8_lossy();
    let upper = decoded.to_ascii_uppercase();
    let is_url = decoded.contains(":/") || decoded.starts_with("file:") || decoded.starts_with("classpath:");
    let climbs = decoded.split(['/', '\\']).any(|part| part == "..");
    if climbs || is_url || upper.contains("WEB-INF") || upper.contains("META-INF") || !is_clean(&path) {
        return Err(Error::NotFound(format!("path refused: {path}")));
    }
    Ok(path)
}

/// The first file: by location, and in each the profiles' own before the common one.
fn find<'l>(locations: &'l [Location], query: &Query, path: &str) -> Result<Option<File<'l>>, Error> {
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    let dot = path.rfind('.').filter(|dot| *dot >= name_at).unwrap_or(path.len());
    let (stem, extension) = path.split_at(dot);
    let profiles = query.profiles();
    let candidates: Vec<String> = profiles
        .iter()
        .filter(|profile| **profile != "default" && !profile.is_empty())
        .map(|profile| format!("{stem}-{profile}{extension}"))
        .chain([path.to_owned()])
        .collect();
    for location in locations {
        for candidate in &candidates {
            let path = format!("{}{candidate}", location.directory);
            if let Some(stamp) = location.files.find(&path)? {
                let modified = location.files.modified(&path, &stamp);
                return Ok(Some(File { location, path, stamp, modified }));
            }
        }
    }
    Ok(None)
}

fn decode<'b>(bytes: &'b [u8], headers: &HeaderMap) -> Cow<'b, str> {
    let charset = headers.get(ACCEPT_CHARSET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = charset.split([',', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
    match first.as_str() {
        "iso-8859-1" | "latin1" | "us-ascii" => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn content_type(accept: &Accept) -> String {
    match accept.concrete().next() {
        // Browsers would run what is in a file.
        None | Some("text/plain" | "text/html" | "application/xhtml+xml") => TEXT.to_owned(),
        Some(kind) if kind.starts_with("text/") => format!("{kind};charset=UTF-8"),
        Some(kind) => kind.to_owned(),
    }
}

fn is_unchanged(headers: &HeaderMap, modified: i64) -> bool {
    headers
        .get(IF_MODIFIED_SINCE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok())
        .is_some_and(|since| modified <= since.as_second())
}

fn dated(mut response: Response, modified: Option<i64>) -> Response {
    let text = modified
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .and_then(|time| DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok());
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(LAST_MODIFIED, value);
    }
    response
}
