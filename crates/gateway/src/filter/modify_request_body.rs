//! `ModifyRequestBody` (`set`, `remove`, `rename` by JSON pointer): changes a JSON body before it is sent.
//!
//! The original's form takes a Java function; its arguments are refused with that reason.

use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use wellspring_properties::Problem;

use super::chain::Next;
use super::json_body::{self, Changes};
use super::{Around, Built};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::upstream::body::Payload;

#[derive(Debug)]
struct ModifyRequestBody {
    changes: Changes,
    cap: usize,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    Built::around(ModifyRequestBody { changes: Changes::read(args)?, cap: setup.config.kept_body })
}

impl Around for ModifyRequestBody {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            if json_body::is_json(&exchange.headers) {
                exchange.payload.keep(self.cap).await?;
                match &exchange.payload {
                    Payload::Kept(bytes) => {
                        if let Ok(mut value) = serde_json::from_slice(bytes) {
                            self.changes.apply(&mut value);
                            exchange.payload =
                                Payload::Kept(serde_json::to_vec(&value).unwrap_or_default().into());
                            exchange.headers.remove(CONTENT_LENGTH);
                            exchange.headers.remove(TRANSFER_ENCODING);
                        }
                    }
                    // Sending it unchanged would be worse than not sending it.
                    Payload::Partly(..) => return Err(Error::Status(http::StatusCode::PAYLOAD_TOO_LARGE)),
                    Payload::Empty | Payload::Stream(_) | Payload::Spent => {}
                }
            }
            next.run(exchange).await
        })
    }
}
