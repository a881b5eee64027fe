//! `RequestSize` (`maxSize`): refuses by Content-Length with 413; a body without a declared length is not counted.

use http::header::CONTENT_LENGTH;
use http::{HeaderName, StatusCode};
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, header_value};
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RequestSize {
    limit: u64,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let limit = args.data_size("maxSize")?.unwrap_or(5_000_000);
    if limit == 0 {
        return Err(args.wrong("maxSize", "must be greater than 0"));
    }
    Built::edit(RequestSize { limit })
}

impl Edit for RequestSize {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let declared =
            exchange.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let Some(size) = declared.filter(|size| *size > self.limit) else { return Ok(()) };
        let message = format!(
            "Request size is larger than permissible limit. Request size is {} where permissible limit is {}",
            readable(size),
            readable(self.limit)
        );
        let mut reply = Reply::refusal(StatusCode::PAYLOAD_TOO_LARGE);
        reply
            .headers
            .extend(header_value(&message).map(|value| (HeaderName::from_static("errormessage"), value)));
        Err(reply.into())
    }
}

/// `1.0 kB`: units of 1000, one decimal; bytes below that.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes / 100;
    for unit in UNITS {
        if tenths < 10_000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        tenths /= 1000;
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn sizes_in_units_of_a_thousand() {
        for (bytes, wanted) in
            [(999, "999 B"), (1000, "1.0 kB"), (1025, "1.0 kB"), (1_550, "1.5 kB"), (5_000_000, "5.0 MB")]
        {
            assert_eq!(readable(bytes), wanted);
        }
    }
}
