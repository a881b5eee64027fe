//! `Method=methods`: the method is one of these.

use http::Method as HttpMethod;
use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct Method {
    methods: Vec<HttpMethod>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let methods = args
        .list("methods")?
        .iter()
        .map(|name| {
            HttpMethod::from_bytes(name.as_bytes()).map_err(|_| args.wrong("methods", "not an HTTP method"))
        })
        .collect::<Result<_, _>>()?;
    Ok(Box::new(Method { methods }))
}

impl Predicate for Method {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        self.methods.contains(ask.method)
    }

    fn describe(&self) -> String {
        format!("Methods: [{}]", self.methods.iter().map(HttpMethod::as_str).collect::<Vec<_>>().join(", "))
    }
}
