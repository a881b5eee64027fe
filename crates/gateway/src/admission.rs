//! What cannot be routed at all is refused here, before any route is looked at: ambiguous framing, illegal targets.
//!
//! The frame has parsed the head already; this looks at what a parser may let pass but two servers could read differently.

use axum::body::Body;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use wellspring_daemon::Request;

/// A request line may have this many bytes.
const LONGEST_LINE: usize = 4096;

/// An empty answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The connection may go on.
    Kept(StatusCode),
    /// Nobody can say where the next request begins.
    Closed(StatusCode),
}

impl Refusal {
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let (Self::Kept(status) | Self::Closed(status)) = self;
        *response.status_mut() = status;
        if matches!(self, Self::Closed(_)) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The target of a request that may be routed.
pub(crate) fn check(request: &Request) -> Result<PathAndQuery, Refusal> {
    if request.method() == Method::CONNECT {
        return Err(Refusal::Closed(StatusCode::METHOD_NOT_ALLOWED));
    }
    // Most requests have one host and no body: a look at each header tells.
    let (mut hosts, mut framed) = (0, false);
    for (name, _) in request.headers() {
        hosts += usize::from(*name == HOST);
        framed |= *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING;
    }
    let version = request.version();
    if framed && version < Version::HTTP_2 && !is_framed_once(request.headers(), version) {
        return Err(Refusal::Closed(StatusCode::BAD_REQUEST));
    }
    // Two hosts: whoever believes the other one routes differently.
    if hosts > 1 {
        return Err(Refusal::Closed(StatusCode::BAD_REQUEST));
    }
    let uri = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    // Method, two blanks and the version.
    if request.method().as_str().len() + uri.as_str().len() + 10 > LONGEST_LINE {
        return Err(Refusal::Closed(StatusCode::URI_TOO_LONG));
    }
    if is_legal(&uri) { Ok(uri) } else { Err(Refusal::Kept(StatusCode::BAD_REQUEST)) }
}

/// One length, or one plain `chunked`, and never both.
fn is_framed_once(headers: &HeaderMap, version: Version) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    match (lengths.next(), lengths.next(), encodings.next(), encodings.next()) {
        (None, None, None, None) => true,
        (Some(length), None, None, None) => length.as_bytes().iter().all(u8::is_ascii_digit),
        (None, None, Some(encoding), None) => {
            version == Version::HTTP_11 && encoding.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
        _ => false,
    }
}

/// What `java.net.URI` takes: other characters, and a `%` without two digits, are refused with 400.
fn is_legal(uri: &PathAndQuery) -> bool {
    let legal = |text: &str, brackets: bool| {
        let bytes = text.as_bytes();
        bytes.iter().enumerate().all(|(at, byte)| match byte {
            b'%' => {
                bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
                    && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit)
            }
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            b'[' | b']' => brackets,
            byte => byte.is_ascii_graphic(),
        })
    };
    legal(uri.path(), false) && uri.query().is_none_or(|query| legal(query, true))
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;

    use super::{is_framed_once, is_legal};

    #[test]
    fn illegal_characters_of_a_target() {
        for (uri, wanted) in [
            ("/a%20b?c=d&e[0]=1", true),
            ("/a;v=1/b:c@d", true),
            ("/a%2", false),
            ("/a%zz", false),
            ("/a?x=%", false),
            ("/a|b", false),
            ("/a\"b", false),
            ("/a?x={y}", false),
            ("/a[0]", false),
        ] {
            let parsed: Result<PathAndQuery, _> = uri.parse();
            assert_eq!(parsed.is_ok_and(|uri| is_legal(&uri)), wanted, "{uri}");
        }
    }

    #[test]
    fn a_message_is_framed_once() {
        for (pairs, wanted) in [
            (vec![], true),
            (vec![("content-length", "5")], true),
            (vec![("transfer-encoding", "Chunked")], true),
            (vec![("content-length", "5"), ("content-length", "5")], false),
            (vec![("content-length", "5"), ("transfer-encoding", "chunked")], false),
            (vec![("content-length", "5,5")], false),
            (vec![("transfer-encoding", "gzip, chunked")], false),
            (vec![("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], false),
        ] {
            let headers = pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
            assert_eq!(is_framed_once(&headers, http::Version::HTTP_11), wanted, "{pairs:?}");
        }
    }
}
