//! Names of headers as they come: those that nearly every message has are told by their length and one comparison, in both
//! usual spellings; reading a name letter by letter costs several times as much.

use http::HeaderName;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONNECTION,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, DATE, ETAG, HOST, LAST_MODIFIED, LOCATION,
    ORIGIN, REFERER, SERVER, SET_COOKIE, TRANSFER_ENCODING, USER_AGENT, VARY,
};

/// The name; `None` when it is none.
#[must_use]
pub fn read(text: &str) -> Option<HeaderName> {
    match usual(text) {
        None => HeaderName::from_bytes(text.as_bytes()).ok(),
        known => known,
    }
}

fn usual(text: &str) -> Option<HeaderName> {
    Some(match text.len() {
        4 => match text {
            "Host" | "host" => HOST,
            "Date" | "date" => DATE,
            "Vary" | "vary" => VARY,
            "ETag" | "etag" => ETAG,
            _ => return None,
        },
        6 => match text {
            "Accept" | "accept" => ACCEPT,
            "Server" | "server" => SERVER,
            "Cookie" | "cookie" => COOKIE,
            "Origin" | "origin" => ORIGIN,
            _ => return None,
        },
        7 if matches!(text, "Referer" | "referer") => REFERER,
        8 if matches!(text, "Location" | "location") => LOCATION,
        10 => match text {
            "Connection" | "connection" => CONNECTION,
            "User-Agent" | "user-agent" => USER_AGENT,
            "Set-Cookie" | "set-cookie" => SET_COOKIE,
            _ => return None,
        },
        12 if matches!(text, "Content-Type" | "content-type") => CONTENT_TYPE,
        13 => match text {
            "Authorization" | "authorization" => AUTHORIZATION,
            "Cache-Control" | "cache-control" => CACHE_CONTROL,
            "Last-Modified" | "last-modified" => LAST_MODIFIED,
            "Accept-Ranges" | "accept-ranges" => ACCEPT_RANGES,
            _ => return None,
        },
        14 if matches!(text, "Content-Length" | "content-length") => CONTENT_LENGTH,
        15 => match text {
            "Accept-Encoding" | "accept-encoding" => ACCEPT_ENCODING,
            "Accept-Language" | "accept-language" => ACCEPT_LANGUAGE,
            _ => return None,
        },
        16 if matches!(text, "Content-Encoding" | "content-encoding") => CONTENT_ENCODING,
        17 if matches!(text, "Transfer-Encoding" | "transfer-encoding") => TRANSFER_ENCODING,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read_as_the_parser_of_names_reads_it() {
        let words = [
            "Host",
            "Date",
            "Vary",
            "ETag",
            "Accept",
            "Server",
            "Cookie",
            "Origin",
            "Referer",
            "Location",
            "Connection",
            "User-Agent",
            "Set-Cookie",
            "Content-Type",
            "Authorization",
            "Cache-Control",
            "Last-Modified",
            "Accept-Ranges",
            "Content-Length",
            "Accept-Encoding",
            "Accept-Language",
            "Content-Encoding",
            "Transfer-Encoding",
            "X-Own",
            "Hose",
            "te",
            "",
            "a b",
            "Hos\u{e9}",
        ];
        for word in words {
            for text in [word.to_owned(), word.to_ascii_lowercase(), word.to_ascii_uppercase()] {
                assert_eq!(read(&text), HeaderName::from_bytes(text.as_bytes()).ok(), "{text:?}");
            }
        }
        let known = |text: &&&str| usual(text).is_some() && usual(&text.to_ascii_lowercase()).is_some();
        assert_eq!(words.iter().filter(known).count(), 23);
    }
}
