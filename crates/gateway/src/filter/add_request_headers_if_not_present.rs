//! `AddRequestHeadersIfNotPresent=name:value,...`: adds all values of a name when no value with text is there.

use http::HeaderName;
use wellspring_pattern::Template;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, Value, header_value};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct AddRequestHeadersIfNotPresent {
    headers: Vec<(HeaderName, Vec<Value>)>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let mut headers: Vec<(HeaderName, Vec<Value>)> = Vec::new();
    for pair in args.list("keyValues")? {
        let wrong =
            |message: &str| args.wrong("keyValues", format!("'{pair}' {message}")).hint("X-Name:value");
        let (name, value) = pair
            .split_once(':')
            .filter(|(_, value)| !value.contains(':'))
            .ok_or_else(|| wrong("must have exactly one colon"))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong("has no header name"))?;
        let template = Template::new(value.trim());
        let value = match template.as_literal() {
            Some(text) => Value::Fixed(header_value(text).ok_or_else(|| wrong("has no header value"))?),
            None => Value::Filled(template),
        };
        match headers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => headers.push((name, vec![value])),
        }
    }
    Built::edit(AddRequestHeadersIfNotPresent { headers })
}

impl Edit for AddRequestHeadersIfNotPresent {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        for (name, values) in &self.headers {
            let has_text = exchange
                .headers
                .get_all(name)
                .iter()
                .any(|value| value.as_bytes().iter().any(|byte| !byte.is_ascii_whitespace()));
            if has_text {
                continue;
            }
            exchange.headers.remove(name);
            for value in values {
                let value = value.get(exchange)?;
                exchange.headers.append(name.clone(), value);
            }
        }
        Ok(())
    }
}
