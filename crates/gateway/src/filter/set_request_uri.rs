//! `SetRequestUri=template`: the whole target.

use http::Uri;
use wellspring_pattern::Template;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::global::route_url;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct SetRequestUri {
    template: Template,
    fixed: Option<Uri>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let template = Template::new(&args.required("template")?);
    let fixed = match template.as_literal() {
        Some(text) => match text.parse::<Uri>() {
            Ok(uri) if uri.scheme().is_some() && uri.host().is_some() => Some(uri),
            _ => {
                return Err(args.wrong("template", "is not an absolute URI").hint("http://host:port/{path}"));
            }
        },
        None => None,
    };
    Built::edit(SetRequestUri { template, fixed })
}

impl Edit for SetRequestUri {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        if let Some(uri) = &self.fixed {
            return Ok(route_url::redirect(exchange, uri)?);
        }
        let text = self.template.expand(&exchange.variables)?;
        let encoded = text.replace(' ', "%20");
        let uri: Uri = encoded.parse().map_err(|_| Error::Unroutable(format!("no legal URI: {text:?}")))?;
        Ok(route_url::redirect(exchange, &uri)?)
    }
}
