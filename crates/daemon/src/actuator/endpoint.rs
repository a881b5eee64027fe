//! An endpoint: an id and its operations, written once and served the way Spring's are.
//!
//! The frame does method, `Accept`, `HEAD`, `OPTIONS`, exposure and access; an operation only answers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::service::Response;

/// The newest media type is spoken unless a client asks for the older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

/// One call of an operation.
#[derive(Debug)]
pub struct Call {
    pub(super) selectors: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    /// At most 1 MiB.
    pub body: Bytes,
    pub version: Version,
    /// `https://host/context/actuator`, as the caller sees it.
    pub base_url: String,
    /// The caller has shown credentials.
    pub authorized: bool,
}

impl Call {
    /// A path variable by the name in the operation's template; empty when it has none of that name.
    pub fn selector(&self, name: &str) -> &str {
        self.selectors.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; the error is a ready-made 400.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        serde_json::from_slice(&self.body).map_err(|error| Reply::bad_request(error.to_string()))
    }
}

/// What an operation answers.
#[derive(Debug)]
pub struct Reply {
    pub(super) status: StatusCode,
    /// Absent: the negotiated actuator type.
    pub(super) content_type: Option<Cow<'static, str>>,
    pub(super) body: Bytes,
    /// An error page with this message in place of a body.
    pub(super) error: Option<String>,
    pub(super) headers: Vec<(http::HeaderName, HeaderValue)>,
    /// In place of `body`, when it goes on.
    pub(super) stream: Option<Box<Body>>,
}

impl Reply {
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { body: body.into(), ..Self::empty(StatusCode::OK) },
            Err(error) => Self::failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    /// 204: a write without a result.
    pub fn done() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// 404 with an empty body: a read without a result.
    pub fn absent() -> Self {
        Self::empty(StatusCode::NOT_FOUND)
    }

    /// 400 with the error page.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failed(StatusCode::BAD_REQUEST, message)
    }

    /// Any status with the error page.
    pub fn failed(status: StatusCode, message: impl Into<String>) -> Self {
        Self { error: Some(message.into()), ..Self::empty(status) }
    }

    pub fn text(content_type: impl Into<Cow<'static, str>>, body: impl Into<Bytes>) -> Self {
        Self { content_type: Some(content_type.into()), body: body.into(), ..Self::empty(StatusCode::OK) }
    }

    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// One header more; a value that is none is left out.
    #[must_use]
    pub fn with_header(mut self, name: http::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// An answer without a body has no content type.
    pub(crate) fn into_response(self, negotiated: &str) -> Response {
        let content_type = self.content_type.as_deref().unwrap_or(negotiated);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        if self.body.is_empty() && self.stream.is_none() {
            return response;
        }
        if let Ok(value) = HeaderValue::from_str(content_type) {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        *response.body_mut() = self.stream.map_or_else(|| Body::from(self.body), |stream| *stream);
        response
    }

    /// A status without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            content_type: None,
            body: Bytes::new(),
            error: None,
            headers: Vec::new(),
            stream: None,
        }
    }

    /// An answer that goes on for as long as the client listens.
    pub fn stream(content_type: impl Into<Cow<'static, str>>, body: Body) -> Self {
        Self {
            content_type: Some(content_type.into()),
            stream: Some(Box::new(body)),
            ..Self::empty(StatusCode::OK)
        }
    }
}

type Handler = dyn Fn(Call) -> BoxFuture<'static, Reply> + Send + Sync;

pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) template: String,
    /// Media types besides the actuator's JSON ones.
    pub(super) produces: Vec<&'static str>,
    /// Usable with read-only access.
    pub(super) harmless: bool,
    pub(super) handler: Arc<Handler>,
}

/// What may be done with an endpoint (`management.endpoint.ID.access`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    None,
    #[serde(alias = "read_only")]
    ReadOnly,
    Unrestricted,
}

/// An endpoint below the actuator's base path.
///
/// ```
/// use wellspring_daemon::actuator::{Endpoint, Reply};
/// let endpoint = Endpoint::new("busrefresh")
///     .write("", |_| async { Reply::done() })
///     .write("{*destinations}", |call| async move {
///         println!("{}", call.selector("destinations"));
///         Reply::done()
///     });
/// ```
pub struct Endpoint {
    pub(super) id: String,
    pub(super) operations: Vec<Operation>,
    pub(super) access: Access,
    pub(super) single_link: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = self.operations.iter().map(|o| format!("{} {}", o.method, o.template));
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("operations", &operations.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), operations: Vec::new(), access: Access::Unrestricted, single_link: false }
    }

    /// The access without a setting; the original switches `shutdown` and `gateway` off.
    #[must_use]
    pub fn default_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The index shows only the endpoint itself, whatever templates its operations have.
    #[must_use]
    pub fn single_link(mut self) -> Self {
        self.single_link = true;
        self
    }

    /// `GET`. The template is the path below the id: empty, `{name}`, `routes/{id}`, `{*rest}`.
    #[must_use]
    pub fn read<F, Fut>(self, template: &str, handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        self.operation(Method::GET, template, &[], handler)
    }

    /// `GET` of something that is not (only) actuator JSON: `produces` are further media types.
    #[must_use]
    pub fn read_as<F, Fut>(self, template: &str, produces: &[&'static str], handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        self.operation(Method::GET, template, produces, handler)
    }

    /// `POST`.
    #[must_use]
    pub fn write<F, Fut>(self, template: &str, handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        self.operation(Method::POST, template, &[], handler)
    }

    /// `POST` that changes nothing lasting and stays usable with read-only access.
    #[must_use]
    pub fn write_always<F, Fut>(self, template: &str, handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let mut endpoint = self.write(template, handler);
        if let Some(last) = endpoint.operations.last_mut() {
            last.harmless = true;
        }
        endpoint
    }

    /// `DELETE`.
    #[must_use]
    pub fn delete<F, Fut>(self, template: &str, handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        self.operation(Method::DELETE, template, &[], handler)
    }

    fn operation<F, Fut>(
        mut self,
        method: Method,
        template: &str,
        produces: &[&'static str],
        handler: F,
    ) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        self.operations.push(Operation {
            harmless: method == Method::GET,
            method,
            template: template.to_owned(),
            produces: produces.to_vec(),
            handler: Arc::new(move |call| Box::pin(handler(call))),
        });
        self
    }
}

impl Operation {
    /// The path variables when the template fits. `rest` is the path below the id, without a leading slash.
    pub(super) fn matches(&self, rest: &str) -> Option<Vec<(String, String)>> {
        let mut selectors = Vec::new();
        if self.template.is_empty() {
            return rest.is_empty().then_some(selectors);
        }
        if rest.is_empty() {
            return None;
        }
        let mut path = rest.split('/');
        for segment in self.template.split('/') {
            let variable = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
            if let Some(name) = variable.and_then(|name| name.strip_prefix('*')) {
                let tail: Vec<_> = path.map(decode).collect();
                if tail.is_empty() || tail.iter().any(String::is_empty) {
                    return None;
                }
                selectors.push((name.to_owned(), tail.join("/")));
                return Some(selectors);
            }
            let part = path.next().filter(|part| !part.is_empty())?;
            match variable {
                Some(name) => selectors.push((name.to_owned(), decode(part))),
                None if part == segment => {}
                None => return None,
            }
        }
        path.next().is_none().then_some(selectors)
    }

    /// The names of the template's variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.template.split('/').filter_map(|segment| {
            let inner = segment.strip_prefix('{')?.strip_suffix('}')?;
            Some(inner.strip_prefix('*').unwrap_or(inner))
        })
    }
}

fn decode(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fit_paths() {
        type Selected<'a> = Option<&'a [(&'a str, &'a str)]>;
        let table: &[(&str, &str, Selected<'_>)] = &[
            ("", "", Some(&[])),
            ("", "x", None),
            ("{name}", "a.b", Some(&[("name", "a.b")])),
            ("{name}", "a/b", None),
            ("{name}", "a%20b", Some(&[("name", "a b")])),
            ("{name}", "", None),
            ("{*path}", "a/b", Some(&[("path", "a/b")])),
            ("{*path}", "a/", None),
            ("routes/{id}", "routes/7", Some(&[("id", "7")])),
            ("routes/{id}", "other/7", None),
            ("routes/{id}/x", "routes/7", None),
        ];
        for (template, path, expected) in table {
            let endpoint = Endpoint::new("x").read(template, |_| async { Reply::done() });
            let expected = expected.map(|pairs| {
                pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
            });
            assert_eq!(endpoint.operations[0].matches(path), expected, "{template} on {path}");
        }
    }
}
