//! `SecureHeaders`: the usual security headers, where the answer lacks them.
//!
//! Values come from `filter.secure-headers.*`, overridden by the filter's own arguments of the same names.

use http::{HeaderName, HeaderValue};
use wellspring_properties::Problem;

use super::{Built, Edit, header_value};
use crate::config::Settings;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

/// Header, setting, default, and whether it is on by default.
const HEADERS: [(&str, &str, &str, bool); 9] = [
    ("x-xss-protection", "xss-protection-header", "1 ; mode=block", true),
    ("strict-transport-security", "strict-transport-security", "max-age=631138519", true),
    ("x-frame-options", "frame-options", "DENY", true),
    ("x-content-type-options", "content-type-options", "nosniff", true),
    ("referrer-policy", "referrer-policy", "no-referrer", true),
    (
        "content-security-policy",
        "content-security-policy",
        "default-src 'self' https:; font-src 'self' https: data:; img-src 'self' https: data:; object-src 'none'; script-src https:; style-src 'self' https: 'unsafe-inline'",
        true,
    ),
    ("x-download-options", "download-options", "noopen", true),
    ("x-permitted-cross-domain-policies", "permitted-cross-domain-policies", "none", true),
    (
        "permissions-policy",
        "permissions-policy",
        "accelerometer=(), ambient-light-sensor=(), autoplay=(), battery=(), camera=(), cross-origin-isolated=(), display-capture=(), document-domain=(), encrypted-media=(), execution-while-not-rendered=(), execution-while-out-of-viewport=(), fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), magnetometer=(), microphone=(), midi=(), navigation-override=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(), usb=(), web-share=(), xr-spatial-tracking=()",
        false,
    ),
];

#[derive(Debug)]
struct SecureHeaders(Vec<(HeaderName, HeaderValue)>);

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let settings = Settings { env: setup.env };
    let names = |which: &str| -> Result<Vec<String>, Problem> {
        let own = args.tree(which).map(crate::tree::Tree::as_texts);
        let all = match own {
            Some(names) => names,
            None => settings.list(&format!("filter.secure-headers.{which}"))?,
        };
        Ok(all.iter().map(|name| name.to_ascii_lowercase()).collect())
    };
    let (enabled, disabled) = (names("enable")?, names("disable")?);
    let mut headers = Vec::new();
    for (header, setting, default, on) in HEADERS {
        if disabled.iter().any(|name| name == header) || !(on || enabled.iter().any(|name| name == header)) {
            continue;
        }
        let text = args
            .text(setting)
            .or_else(|| settings.text(&format!("filter.secure-headers.{setting}")))
            .unwrap_or_else(|| default.to_owned());
        let value = header_value(&text).ok_or_else(|| args.wrong(setting, "is no header value"))?;
        headers.push((HeaderName::from_static(header), value));
    }
    Built::edit(SecureHeaders(headers))
}

impl Edit for SecureHeaders {
    fn response(&self, _: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        for (name, value) in &self.0 {
            if !reply.headers.contains_key(name) {
                reply.headers.insert(name.clone(), value.clone());
            }
        }
        Ok(())
    }
}
