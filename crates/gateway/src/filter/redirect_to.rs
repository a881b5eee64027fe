//! `RedirectTo=status,url,includeRequestParams?`: 3xx with a Location; no upstream is asked.

use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, header_value};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RedirectTo {
    status: StatusCode,
    url: String,
    location: HeaderValue,
    with_query: bool,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    args.required("status")?;
    let status = args
        .status("status")?
        .filter(StatusCode::is_redirection)
        .ok_or_else(|| args.wrong("status", "must be a 3xx code, but was not").hint("302"))?;
    let url = args.required("url")?;
    if url.parse::<Uri>().is_err() {
        return Err(args.wrong("url", "is not a URI"));
    }
    let location = header_value(&url).ok_or_else(|| args.wrong("url", "is not a URI"))?;
    Built::edit(RedirectTo {
        status,
        url,
        location,
        with_query: args.boolean("includeRequestParams", false)?,
    })
}

impl Edit for RedirectTo {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let mut reply = Reply::refusal(self.status);
        let location = match exchange.query().filter(|_| self.with_query) {
            Some(query) => {
                let joint = if self.url.contains('?') { '&' } else { '?' };
                header_value(&format!("{}{joint}{query}", self.url))
                    .ok_or_else(|| Error::Unroutable("query does not fit into a header".to_owned()))?
            }
            None => self.location.clone(),
        };
        reply.headers.insert(LOCATION, location);
        Err(reply.into())
    }
}
