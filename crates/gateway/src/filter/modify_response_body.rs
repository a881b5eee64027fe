//! `ModifyResponseBody` (`set`, `remove`, `rename` by JSON pointer): changes a JSON answer.
//!
//! The original's form takes a Java function; its arguments are refused with that reason.

use futures_util::future::BoxFuture;
use wellspring_properties::Problem;

use super::chain::Next;
use super::json_body::{self, Changes};
use super::{Around, Built};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct ModifyResponseBody {
    changes: Changes,
    cap: usize,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    Built::around(ModifyResponseBody { changes: Changes::read(args)?, cap: setup.config.kept_body })
}

impl Around for ModifyResponseBody {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let reply = next.run(exchange).await?;
            json_body::change_reply(reply, self.cap, |value| self.changes.apply(value)).await
        })
    }
}
