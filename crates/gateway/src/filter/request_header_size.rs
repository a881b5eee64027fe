//! `RequestHeaderSize=maxSize,errorHeaderName?`: refuses with 431 when one header (name and all values) is larger.

use std::fmt::Write as _;

use http::{HeaderName, StatusCode};
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, header_value};
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RequestHeaderSize {
    limit: u64,
    report: HeaderName,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let limit = args.data_size("maxSize")?.unwrap_or(16_000);
    let report = if args.has("errorHeaderName") {
        args.header_name("errorHeaderName")?
    } else {
        HeaderName::from_static("errormessage")
    };
    Built::edit(RequestHeaderSize { limit, report })
}

impl Edit for RequestHeaderSize {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let mut message = String::new();
        for name in exchange.headers.keys() {
            let values: usize =
                exchange.headers.get_all(name).iter().map(|value| value.as_bytes().len()).sum();
            let size = (name.as_str().len() + values) as u64;
            if size <= self.limit {
                continue;
            }
            if message.is_empty() {
                message =
                    format!("Request Header/s size is larger than permissible limit ({}B).", self.limit);
            }
            let written =
                write!(message, " Request Header/s size for '{}' is {size}B.", title(name.as_str()));
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        if message.is_empty() {
            return Ok(());
        }
        let mut reply = Reply::refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        reply.headers.extend(header_value(&message).map(|value| (self.report.clone(), value)));
        Err(reply.into())
    }
}

/// Names arrive in lower case; clients write them with capitals.
fn title(name: &str) -> String {
    let mut upper = true;
    name.chars()
        .map(|c| {
            let shown = if upper { c.to_ascii_uppercase() } else { c };
            upper = c == '-';
            shown
        })
        .collect()
}
