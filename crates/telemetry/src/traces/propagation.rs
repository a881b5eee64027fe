//! The header forms of a trace: W3C `traceparent`, B3 in one header, B3 in several.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Context;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const B3: HeaderName = HeaderName::from_static("b3");
const TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
const SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
const SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");
const PARENT_ID: HeaderName = HeaderName::from_static("x-b3-parentspanid");

/// As `management.tracing.propagation.*` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    W3c,
    B3,
    B3Multi,
}

impl Format {
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_uppercase().replace('-', "_").as_str() {
            "W3C" => Some(Self::W3c),
            "B3" => Some(Self::B3),
            "B3_MULTI" => Some(Self::B3Multi),
            _ => None,
        }
    }
}

/// Which forms are read, in this order, and which are written.
#[derive(Clone, Debug)]
pub struct Propagation {
    pub consume: Vec<Format>,
    pub produce: Vec<Format>,
    /// `management.tracing.baggage.enabled`.
    pub baggage: bool,
    /// `management.tracing.baggage.remote-fields`: headers that go on under their own names.
    pub remote_fields: Vec<HeaderName>,
}

impl Default for Propagation {
    fn default() -> Self {
        Self {
            consume: vec![Format::W3c, Format::B3, Format::B3Multi],
            produce: vec![Format::W3c],
            baggage: true,
            remote_fields: Vec::new(),
        }
    }
}

impl Propagation {
    /// `management.tracing.propagation.type`.
    pub fn both(formats: Vec<Format>) -> Self {
        Self { consume: formats.clone(), produce: formats, ..Self::default() }
    }

    /// What the caller says, by the first form that says something. Malformed headers say nothing.
    pub(super) fn extract(&self, headers: &HeaderMap) -> Option<Context> {
        // Most callers say nothing at all: a look at each header costs less than a search for each name.
        let begins = |name: &HeaderName| matches!(name.as_str().as_bytes(), [b't' | b'b' | b'x', ..]);
        if self.remote_fields.is_empty() && !headers.keys().any(begins) {
            return None;
        }
        let mut found = self.consume.iter().find_map(|format| match format {
            Format::W3c => w3c(text(headers, &TRACEPARENT)?),
            Format::B3 => b3(text(headers, &B3)?),
            Format::B3Multi => b3_multi(headers),
        });
        let mut carried = Vec::new();
        let state = found.is_some() && headers.contains_key(TRACEPARENT);
        let names = [(state, TRACESTATE), (self.baggage, BAGGAGE)];
        let fixed = names.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name);
        for name in fixed.chain(&self.remote_fields) {
            carried.extend(headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
        if !carried.is_empty() {
            found.get_or_insert_default().carried = Some(carried.into());
        }
        found
    }

    /// Neither reads nor writes: whatever trace headers there are stay as they are.
    pub fn none() -> Self {
        Self { consume: Vec::new(), produce: Vec::new(), baggage: false, remote_fields: Vec::new() }
    }

    /// Writes all produced forms, replacing what is there of any form.
    pub(super) fn inject(&self, context: &Context, parent: Option<u64>, headers: &mut HeaderMap) {
        if self.produce.is_empty() {
            return;
        }
        for stale in [TRACEPARENT, B3, TRACE_ID, SPAN_ID, SAMPLED, FLAGS, PARENT_ID] {
            headers.remove(stale);
        }
        let sampled = context.sampled == Some(true);
        let mut hex = String::with_capacity(70);
        let mut put = |headers: &mut HeaderMap, name: HeaderName, text: std::fmt::Arguments<'_>| {
            hex.clear();
            let written = hex.write_fmt(text);
            if let (Ok(()), Ok(value)) = (written, HeaderValue::from_str(&hex)) {
                headers.insert(name, value);
            }
        };
        for format in &self.produce {
            let Context { trace, span, .. } = context;
            match format {
                Format::W3c => {
                    let flags = u8::from(sampled);
                    put(headers, TRACEPARENT, format_args!("00-{trace:032x}-{span:016x}-{flags:02x}"));
                }
                Format::B3 => {
                    let decision = if context.debug {
                        'd'
                    } else if sampled {
                        '1'
                    } else {
                        '0'
                    };
                    let id = TraceId(*trace);
                    match parent {
                        Some(parent) => {
                            put(headers, B3, format_args!("{id}-{span:016x}-{decision}-{parent:016x}"));
                        }
                        None => put(headers, B3, format_args!("{id}-{span:016x}-{decision}")),
                    }
                }
                Format::B3Multi => {
                    put(headers, TRACE_ID, format_args!("{}", TraceId(*trace)));
                    put(headers, SPAN_ID, format_args!("{span:016x}"));
                    if context.debug {
                        put(headers, FLAGS, format_args!("1"));
                    } else {
                        put(headers, SAMPLED, format_args!("{}", u8::from(sampled)));
                    }
                }
            }
        }
        for (name, _) in context.carried.iter().flat_map(|carried| carried.iter()) {
            headers.remove(name);
        }
        for (name, value) in context.carried.iter().flat_map(|carried| carried.iter()) {
            headers.append(name, value.clone());
        }
    }
}

/// B3 keeps the length an id came with: 64 bit ids stay short.
pub(super) struct TraceId(pub(super) u128);

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 >> 64 == 0 { write!(f, "{:016x}", self.0) } else { write!(f, "{:032x}", self.0) }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn hex_u128(digits: &str, lengths: &[usize]) -> Option<u128> {
    let plain = lengths.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(digits, 16).ok().filter(|id| plain && *id != 0)
}

fn hex_u64(digits: &str) -> Option<u64> {
    hex_u128(digits, &[16]).and_then(|id| u64::try_from(id).ok())
}

fn w3c(value: &str) -> Option<Context> {
    let mut fields = value.split('-');
    let version = fields.next().filter(|v| v.len() == 2 && *v != "ff")?;
    let (trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?);
    // Version 00 has exactly four fields; later ones may have more.
    if version == "00" && fields.next().is_some() {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok().filter(|_| flags.len() == 2)?;
    Some(Context {
        trace: hex_u128(trace, &[32])?,
        span: hex_u64(span)?,
        sampled: Some(flags & 1 == 1),
        ..Context::default()
    })
}

/// Decision and debug flag.
fn decision(text: &str) -> Option<(bool, bool)> {
    match text {
        "1" | "true" => Some((true, false)),
        "0" | "false" => Some((false, false)),
        "d" => Some((true, true)),
        _ => None,
    }
}

fn b3(value: &str) -> Option<Context> {
    let mut fields = value.split('-');
    let first = fields.next()?;
    let Some(span) = fields.next() else {
        let (sampled, debug) = decision(first)?;
        return Some(Context { sampled: Some(sampled), debug, ..Context::default() });
    };
    let (sampled, debug) = match fields.next() {
        Some(field) => decision(field).map(|(sampled, debug)| (Some(sampled), debug))?,
        None => (None, false),
    };
    Some(Context { trace: hex_u128(first, &[16, 32])?, span: hex_u64(span)?, sampled, debug, carried: None })
}

fn b3_multi(headers: &HeaderMap) -> Option<Context> {
    let debug = text(headers, &FLAGS) == Some("1");
    let sampled = text(headers, &SAMPLED).and_then(decision).map(|(sampled, _)| sampled);
    let sampled = if debug { Some(true) } else { sampled };
    let ids = text(headers, &TRACE_ID)
        .and_then(|id| hex_u128(id, &[16, 32]))
        .zip(text(headers, &SPAN_ID).and_then(hex_u64));
    let (trace, span) = ids.unwrap_or_default();
    (trace != 0 || sampled.is_some()).then_some(Context { trace, span, sampled, debug, carried: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: &str = "6b0140802fa557c5974c604b1a390686";
    const S: &str = "c44d702b486425ff";

    fn extracted(pairs: &[(&'static str, &str)]) -> Option<(String, String, Option<bool>, bool)> {
        let headers = pairs.iter().map(|(k, v)| (HeaderName::from_static(k), v.parse().unwrap())).collect();
        let context = Propagation::default().extract(&headers)?;
        Some((
            TraceId(context.trace).to_string(),
            format!("{:016x}", context.span),
            context.sampled,
            context.debug,
        ))
    }

    fn ids(trace: &str, sampled: Option<bool>, debug: bool) -> Option<(String, String, Option<bool>, bool)> {
        Some((trace.to_owned(), S.to_owned(), sampled, debug))
    }

    #[test]
    fn every_form_is_read() {
        let none = "0000000000000000".to_owned();
        let decided = |yes, debug| Some((none.clone(), none.clone(), Some(yes), debug));
        let w3c = |rest: &str| format!("00-{W}-{S}-{rest}");
        let b3 = |rest: &str| format!("{W}-{S}{rest}");
        type Case<'a> = (Vec<(&'static str, String)>, Option<(String, String, Option<bool>, bool)>);
        let table: Vec<Case<'_>> = vec![
            (vec![("traceparent", w3c("01"))], ids(W, Some(true), false)),
            (vec![("traceparent", w3c("00"))], ids(W, Some(false), false)),
            (vec![("traceparent", w3c("03"))], ids(W, Some(true), false)),
            (vec![("traceparent", w3c("01-x"))], None),
            (vec![("traceparent", format!("01-{W}-{S}-01-x"))], ids(W, Some(true), false)),
            (vec![("traceparent", format!("ff-{W}-{S}-01"))], None),
            (vec![("traceparent", format!("00-{}-{S}-01", "0".repeat(32)))], None),
            (vec![("traceparent", "rubbish".to_owned())], None),
            (vec![("b3", b3("-1"))], ids(W, Some(true), false)),
            (vec![("b3", b3(""))], ids(W, None, false)),
            (vec![("b3", b3("-d"))], ids(W, Some(true), true)),
            (vec![("b3", b3("-0-05e3ac9a4f6e3b90"))], ids(W, Some(false), false)),
            (vec![("b3", format!("463ac35c9f6413ad-{S}-1"))], ids("463ac35c9f6413ad", Some(true), false)),
            (vec![("b3", "0".to_owned())], decided(false, false)),
            (vec![("b3", "d".to_owned())], decided(true, true)),
            (vec![("b3", "x".to_owned())], None),
            (
                vec![
                    ("x-b3-traceid", W.to_owned()),
                    ("x-b3-spanid", S.to_owned()),
                    ("x-b3-sampled", "1".to_owned()),
                ],
                ids(W, Some(true), false),
            ),
            (vec![("x-b3-traceid", W.to_owned()), ("x-b3-spanid", S.to_owned())], ids(W, None, false)),
            (
                vec![
                    ("x-b3-traceid", W.to_owned()),
                    ("x-b3-spanid", S.to_owned()),
                    ("x-b3-flags", "1".to_owned()),
                ],
                ids(W, Some(true), true),
            ),
            (vec![("x-b3-sampled", "0".to_owned())], decided(false, false)),
            (
                vec![("traceparent", w3c("01")), ("b3", format!("463ac35c9f6413ad-{S}-0"))],
                ids(W, Some(true), false),
            ),
            (vec![], None),
        ];
        for (headers, expected) in table {
            let pairs: Vec<_> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
            assert_eq!(extracted(&pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn every_form_is_written_and_old_ones_are_replaced() {
        let context = Context {
            trace: u128::from_str_radix(W, 16).unwrap(),
            span: 7,
            sampled: Some(true),
            ..Context::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(B3, HeaderValue::from_static("stale"));
        let both = Propagation::both(vec![Format::B3Multi, Format::W3c]);
        both.inject(&context, Some(9), &mut headers);
        let written: Vec<_> = headers.iter().map(|(k, v)| format!("{k}: {}", v.to_str().unwrap())).collect();
        assert_eq!(
            written,
            [
                format!("x-b3-traceid: {W}"),
                "x-b3-spanid: 0000000000000007".to_owned(),
                "x-b3-sampled: 1".to_owned(),
                format!("traceparent: 00-{W}-0000000000000007-01"),
            ]
        );
    }

    #[test]
    fn without_propagation_headers_stay_as_they_are() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static("as it came"));
        let context = Context { trace: 1, span: 7, sampled: Some(true), ..Context::default() };
        Propagation::none().inject(&context, None, &mut headers);
        assert_eq!((headers.len(), &headers["traceparent"]), (1, &HeaderValue::from_static("as it came")));
        assert!(Propagation::none().extract(&headers).is_none());
    }

    #[test]
    fn short_ids_are_padded_for_w3c_alone() {
        let context =
            Context { trace: 0x463a_c35c_9f64_13ad, span: 7, sampled: Some(false), ..Context::default() };
        let mut headers = HeaderMap::new();
        Propagation::both(vec![Format::B3, Format::W3c]).inject(&context, None, &mut headers);
        assert_eq!(headers["b3"], "463ac35c9f6413ad-0000000000000007-0");
        assert_eq!(headers["traceparent"], "00-0000000000000000463ac35c9f6413ad-0000000000000007-00");
    }

    #[test]
    fn long_trace_headers() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let b3 = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90";
        let words = [
            "-",
            "00",
            "ff",
            "01",
            "d",
            "0",
            "1",
            "true",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "e457b5a2e4d86bd1",
            "a=b",
            ",",
            ";",
            "=",
            "\u{e9}",
        ];
        wellspring_test_support::fuzz::run(
            "traceparent, b3, baggage",
            &[trace.as_bytes(), b3.as_bytes(), b"k=v;p=1,k2=v2"],
            &words,
            |bytes, rng| {
                let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
                let mut headers = HeaderMap::new();
                for name in
                    [TRACEPARENT, TRACESTATE, BAGGAGE, B3, TRACE_ID, SPAN_ID, SAMPLED, FLAGS, PARENT_ID]
                {
                    if rng.bool() {
                        headers.insert(name, value.clone());
                    }
                }
                let propagation = Propagation::both(vec![Format::W3c, Format::B3, Format::B3Multi]);
                let Some(context) = propagation.extract(&headers) else { return };
                let mut sent = HeaderMap::new();
                propagation.inject(&context, Some(rng.u64(..)), &mut sent);
                assert!(propagation.extract(&sent).is_some(), "{headers:?} became {sent:?}");
            },
        );
    }
}
