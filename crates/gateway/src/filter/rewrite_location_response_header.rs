//! `RewriteLocationResponseHeader=stripVersion,locationHeaderName,hostValue,protocols`: the gateway's own host in place of the upstream's.

use http::HeaderName;
use wellspring_pattern::JavaRegex;
use wellspring_properties::Problem;

use super::{Built, Edit, header_value, texts};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RewriteLocationResponseHeader {
    strip: Strip,
    header: HeaderName,
    host: Option<String>,
    protocols: JavaRegex,
}

/// What happens to a `/v<digits>` at the start of the path.
#[derive(Debug, Clone, Copy)]
enum Strip {
    Never,
    /// Dropped when the request's path has none.
    AsInRequest,
    Always,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let strip = args.text("stripVersion").map(|text| text.to_ascii_uppercase().replace('-', "_"));
    let strip = match strip.as_deref() {
        None | Some("AS_IN_REQUEST") => Strip::AsInRequest,
        Some("NEVER_STRIP") => Strip::Never,
        Some("ALWAYS_STRIP") => Strip::Always,
        Some(_) => {
            return Err(args
                .wrong("stripVersion", "is unknown")
                .hint("NEVER_STRIP, AS_IN_REQUEST or ALWAYS_STRIP"));
        }
    };
    let header = if args.has("locationHeaderName") {
        args.header_name("locationHeaderName")?
    } else {
        http::header::LOCATION
    };
    let protocols = args.text("protocols").unwrap_or_else(|| "https?|ftps?".to_owned());
    let protocols = JavaRegex::new(&protocols).map_err(|error| args.wrong("protocols", error.to_string()))?;
    Built::edit(RewriteLocationResponseHeader { strip, header, host: args.text("hostValue"), protocols })
}

impl Edit for RewriteLocationResponseHeader {
    fn response(&self, exchange: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        let Some(location) = texts(&reply.headers, &self.header).next().map(std::borrow::Cow::into_owned)
        else {
            return Ok(());
        };
        let own = exchange.original.host.as_ref().and_then(|host| host.to_str().ok());
        let Some(host) = self.host.as_deref().or(own) else { return Ok(()) };
        if let Some(value) =
            self.rewritten(&location, host, exchange.original.uri.path()).and_then(|text| header_value(&text))
        {
            reply.headers.insert(self.header.clone(), value);
        }
        Ok(())
    }
}

impl RewriteLocationResponseHeader {
    /// `None`: the value stays, because it is relative, has no path or another protocol.
    fn rewritten(&self, location: &str, host: &str, request_path: &str) -> Option<String> {
        let (scheme, rest) = location.split_once("://")?;
        if !self.protocols.matches(scheme) {
            return None;
        }
        let path = rest.get(rest.find('/')?..)?;
        let strip = match self.strip {
            Strip::Never => false,
            Strip::Always => true,
            Strip::AsInRequest => after_version(request_path).is_none(),
        };
        let path = after_version(path).filter(|_| strip).unwrap_or(path);
        Some(format!("{scheme}://{host}{path}"))
    }
}

/// What follows `/v<digits>`, when a path begins with that and goes on.
fn after_version(path: &str) -> Option<&str> {
    let digits = path.strip_prefix("/v")?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    let rest = digits.get(end..)?;
    (end > 0 && rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use wellspring_pattern::JavaRegex;

    use super::{RewriteLocationResponseHeader, Strip};

    #[test]
    fn hosts_are_replaced_and_versions_dropped() {
        for (strip, location, request, wanted) in [
            (Strip::AsInRequest, "https://o.net/v2/a", "/x", Some("https://h:1/a")),
            (Strip::AsInRequest, "http://o:8/v2/a", "/v1/x", Some("http://h:1/v2/a")),
            (Strip::Never, "http://o/v2/a", "/x", Some("http://h:1/v2/a")),
            (Strip::Always, "http://o/v2/a?b", "/v1/x", Some("http://h:1/a?b")),
            (Strip::Always, "http://o", "/x", None),
            (Strip::Always, "/v2/a", "/x", None),
            (Strip::Always, "mailto://o/v2", "/x", None),
            (Strip::Always, "http://o/v2", "/x", Some("http://h:1/v2")),
        ] {
            let filter = RewriteLocationResponseHeader {
                strip,
                header: http::header::LOCATION,
                host: None,
                protocols: JavaRegex::new("https?|ftps?").unwrap(),
            };
            assert_eq!(filter.rewritten(location, "h:1", request).as_deref(), wanted, "{location}");
        }
    }
}
