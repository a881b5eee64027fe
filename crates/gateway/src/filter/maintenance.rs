//! `Maintenance=enabled?,status?,retryAfter?` (ours): answers in place of the upstream, but for addresses that work on it.
//!
//! Meant for `default-filters` with a setting: `enabled: ${shop.maintenance:false}`, switched by a refresh.

use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, header_value};
use crate::exchange::Exchange;
use crate::predicate::subnet::Subnet;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::tree::Tree;

#[derive(Debug)]
struct Maintenance {
    status: StatusCode,
    retry_after: Option<HeaderValue>,
    body: String,
    content_type: HeaderValue,
    allow: Vec<Subnet>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    if !args.boolean("enabled", true)? {
        return Ok(Built::Nothing);
    }
    let allow = args
        .tree("allowIps")
        .map(Tree::as_texts)
        .unwrap_or_default()
        .iter()
        .map(|text| Subnet::exact(text).ok_or_else(|| args.wrong("allowIps", "must be addresses or subnets")))
        .collect::<Result<_, _>>()?;
    let retry_after = match args.duration("retryAfter")? {
        Some(after) => header_value(&after.as_secs().max(1).to_string()),
        None => None,
    };
    let content_type = args.text("contentType").unwrap_or_else(|| "text/plain;charset=UTF-8".to_owned());
    Built::edit(Maintenance {
        status: args.status("status")?.unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
        retry_after,
        body: args.text("body").unwrap_or_default(),
        content_type: header_value(&content_type)
            .ok_or_else(|| args.wrong("contentType", "is no header value"))?,
        allow,
    })
}

impl Edit for Maintenance {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let peer = exchange.original.peer.ip();
        if self.allow.iter().any(|subnet| subnet.contains(peer)) {
            return Ok(());
        }
        let mut reply = Reply::refusal(self.status);
        if !self.body.is_empty() {
            reply.body = Body::from(self.body.clone());
            reply.headers.insert(CONTENT_TYPE, self.content_type.clone());
        }
        reply.headers.extend(self.retry_after.clone().map(|value| (RETRY_AFTER, value)));
        Err(reply.into())
    }
}
