//! `SetStatus=status`: replaces the upstream's status; the old one may be kept in a header (`set-status.original-status-header-name`).

use http::{HeaderName, StatusCode};
use wellspring_properties::Problem;

use super::{Built, Edit, header_value};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::{Args, literal_or_text};
use crate::route::compile::Setup;

#[derive(Debug)]
struct SetStatus {
    status: StatusCode,
    original: Option<HeaderName>,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let text = literal_or_text(&args.required("status")?);
    let status = crate::error::parse_status(&text)
        .ok_or_else(|| args.wrong("status", "is not a status").hint("401 or UNAUTHORIZED"))?;
    Built::edit(SetStatus { status, original: setup.config.original_status_header.clone() })
}

impl Edit for SetStatus {
    fn response(&self, _: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        if let Some(name) = &self.original {
            reply.headers.extend(
                header_value(&format!("[{}]", reply.status.as_u16())).map(|value| (name.clone(), value)),
            );
        }
        reply.status = self.status;
        Ok(())
    }
}
