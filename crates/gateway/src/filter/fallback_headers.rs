//! `FallbackHeaders`: on a fallback route, tells the upstream in request headers why the exchange came here.

use http::HeaderName;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, header_value};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct FallbackHeaders {
    execution_type: HeaderName,
    execution_message: HeaderName,
    root_type: HeaderName,
    root_message: HeaderName,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let name = |argument: &str, default: &'static str| {
        if args.has(argument) { args.header_name(argument) } else { Ok(HeaderName::from_static(default)) }
    };
    Built::edit(FallbackHeaders {
        execution_type: name("executionExceptionTypeHeaderName", "execution-exception-type")?,
        execution_message: name("executionExceptionMessageHeaderName", "execution-exception-message")?,
        root_type: name("rootCauseExceptionTypeHeaderName", "root-cause-exception-type")?,
        root_message: name("rootCauseExceptionMessageHeaderName", "root-cause-exception-message")?,
    })
}

impl Edit for FallbackHeaders {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let Some(failure) = &exchange.failure else { return Ok(()) };
        let (kind, message) = (failure.java_type(), failure.to_string());
        for (name, text) in [
            (&self.execution_type, kind),
            (&self.execution_message, message.as_str()),
            (&self.root_type, kind),
            (&self.root_message, message.as_str()),
        ] {
            if let Some(value) = header_value(text) {
                exchange.headers.append(name.clone(), value);
            }
        }
        Ok(())
    }
}
