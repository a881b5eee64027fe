//! `RemoveJsonAttributesResponseBody=fields...,deleteRecursively?`: removes members of a JSON answer; others pass.

use futures_util::future::BoxFuture;
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built, json_body};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RemoveJsonAttributesResponseBody {
    fields: Vec<String>,
    everywhere: bool,
    cap: usize,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    Built::around(RemoveJsonAttributesResponseBody {
        fields: args.list("fieldList")?,
        everywhere: args.boolean("deleteRecursively", false)?,
        cap: setup.config.kept_body,
    })
}

impl Around for RemoveJsonAttributesResponseBody {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let reply = next.run(exchange).await?;
            json_body::change_reply(reply, self.cap, |value| {
                json_body::remove_members(value, &self.fields, self.everywhere);
            })
            .await
        })
    }
}
