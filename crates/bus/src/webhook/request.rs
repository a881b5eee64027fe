//! The HTTP side of `/monitor`: content types, forms, statuses of the original.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value};
use tracing::{error, warn};
use wellspring_daemon::{body, error_page};

use super::Monitor;

/// GitHub caps its payloads at 25 MB.
const BODY_CAP: usize = 25 << 20;

pub(super) fn router(monitor: &Monitor) -> Router {
    Router::new().route(monitor.path(), any(answer)).with_state(monitor.clone())
}

async fn answer(State(monitor): State<Monitor>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let page = |status| error_page::response(status, parts.uri.path(), &parts.headers);
    if parts.method != Method::POST {
        let mut response = match parts.method {
            Method::OPTIONS => StatusCode::OK.into_response(),
            _ => page(StatusCode::METHOD_NOT_ALLOWED),
        };
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let raw = match body::limited(body, BODY_CAP).await {
        Ok(raw) => raw,
        Err(refused) => return page(refused.status()),
    };
    let fields = match Fields::read(&parts.headers, parts.uri.query(), &raw) {
        Ok(fields) => fields,
        Err(status) => return page(status),
    };
    let paths = match monitor.paths(&parts.headers, &raw, &fields.0) {
        Ok(paths) => paths,
        Err(unsigned) => {
            let authorized = parts.headers.contains_key(AUTHORIZATION);
            warn!(
                sender = unsigned.sender,
                authorized, "change notification without a valid signature refused"
            );
            return page(StatusCode::UNAUTHORIZED);
        }
    };
    match monitor.changed(&paths).await {
        Ok(names) => axum::Json(names).into_response(),
        Err(error) => {
            error!(%error, "change notification could not be passed on");
            page(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The notification as an object, whichever form it came in.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(headers: &HeaderMap, query: Option<&str>, raw: &[u8]) -> Result<Self, StatusCode> {
        let content_type = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        let essence =
            content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        match essence.as_deref() {
            Some("application/x-www-form-urlencoded") => {
                Self::form(query.unwrap_or_default().as_bytes(), raw)
            }
            Some(json)
                if json == "application/json"
                    || (json.starts_with("application/") && json.ends_with("+json")) =>
            {
                serde_json::from_slice(raw).map(Self).map_err(|_| StatusCode::BAD_REQUEST)
            }
            None if raw.is_empty() => Err(StatusCode::BAD_REQUEST),
            Some(_) | None => Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        }
    }

    /// `path=a&path=b`; a single one may be a list with commas.
    fn form(query: &[u8], raw: &[u8]) -> Result<Self, StatusCode> {
        let pairs = url::form_urlencoded::parse(query).chain(url::form_urlencoded::parse(raw));
        let mut paths: Vec<String> =
            pairs.filter(|(name, _)| name == "path").map(|(_, path)| path.into_owned()).collect();
        if paths.is_empty() {
            return Err(StatusCode::BAD_REQUEST);
        }
        if let [list] = paths.as_slice() {
            paths = match list.as_str() {
                "" => Vec::new(),
                list => list.split(',').map(|path| path.trim().to_owned()).collect(),
            };
        }
        let paths = paths.into_iter().map(Value::String).collect();
        Ok(Self([("path".to_owned(), Value::Array(paths))].into_iter().collect()))
    }
}
