//! `DedupeResponseHeader=names strategy?`: one of several equal header lines stays. Names are divided by blanks.

use http::{HeaderName, HeaderValue};
use wellspring_properties::Problem;

use super::{Built, Edit};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct DedupeResponseHeader {
    names: Vec<HeaderName>,
    strategy: Strategy,
}

#[derive(Debug, Clone, Copy)]
enum Strategy {
    First,
    Last,
    Unique,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let names = args
        .required("name")?
        .split_whitespace()
        .map(|name| {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| args.wrong("name", "is no header name"))
        })
        .collect::<Result<_, _>>()?;
    let strategy = args.text("strategy").map(|text| text.to_ascii_uppercase().replace('-', "_"));
    let strategy = match strategy.as_deref() {
        None | Some("RETAIN_FIRST") => Strategy::First,
        Some("RETAIN_LAST") => Strategy::Last,
        Some("RETAIN_UNIQUE") => Strategy::Unique,
        Some(_) => {
            return Err(args
                .wrong("strategy", "is unknown")
                .hint("RETAIN_FIRST, RETAIN_LAST or RETAIN_UNIQUE"));
        }
    };
    Built::edit(DedupeResponseHeader { names, strategy })
}

impl Edit for DedupeResponseHeader {
    fn response(&self, _: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        for name in &self.names {
            let values: Vec<HeaderValue> = reply.headers.get_all(name).iter().cloned().collect();
            if values.len() < 2 {
                continue;
            }
            let kept: Vec<HeaderValue> = match self.strategy {
                Strategy::First => values.into_iter().take(1).collect(),
                Strategy::Last => values.into_iter().next_back().into_iter().collect(),
                Strategy::Unique => values.into_iter().fold(Vec::new(), |mut kept, value| {
                    if !kept.contains(&value) {
                        kept.push(value);
                    }
                    kept
                }),
            };
            reply.headers.remove(name);
            for value in kept {
                reply.headers.append(name.clone(), value);
            }
        }
        Ok(())
    }
}
