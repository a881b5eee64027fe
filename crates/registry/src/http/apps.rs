//! The lists: `apps`, `apps/delta`, `apps/APP`, `vips/V`, `svips/V`.

use http::StatusCode;
use http::request::Parts;
use wellspring_daemon::Response;

use super::path::Resource;
use super::query::Query;
use super::{Api, negotiate, reply};
use crate::peers::region::NotFetched;
use crate::rate_limit::Fetch;
use crate::response_cache::ResponseCache;
use crate::view::{Part, Whole};

impl Api {
    pub(super) fn list(&self, resource: &Resource<'_>, parts: &Parts) -> Response {
        let Some(format) = negotiate::list(&parts.headers) else {
            return self.error(StatusCode::NOT_ACCEPTABLE, parts);
        };
        let fetch = match resource {
            Resource::Apps => Some(Fetch::Full),
            Resource::Delta | Resource::App(_) => Some(Fetch::Partial),
            _ => None,
        };
        if fetch.is_some_and(|fetch| self.limit.refuses(fetch, parts, self.node.clock().now())) {
            return self.error(StatusCode::SERVICE_UNAVAILABLE, parts);
        }
        let closed = !self.node.answers_lists()
            || (*resource == Resource::Delta && self.about.config.server.disable_delta);
        if closed {
            return self.error(StatusCode::FORBIDDEN, parts);
        }
        let form = negotiate::form(&parts.headers);
        let stale = self.stale.as_ref().filter(|_| ResponseCache::serves(&parts.headers));
        let part = match resource {
            Resource::App(app) => Part::App(app.clone().into_owned()),
            Resource::Vip(vip) => Part::Vip(vip.clone().into_owned()),
            Resource::SecureVip(vip) => Part::SecureVip(vip.clone().into_owned()),
            _ => {
                let whole = if *resource == Resource::Delta { Whole::Delta } else { Whole::Apps };
                let query = Query(parts.uri.query().unwrap_or_default());
                if !self.node.regions().is_empty()
                    && let Some(names) = query.get("regions").filter(|names| !names.is_empty())
                {
                    return match self.node.whole_with(whole, &names, format, form) {
                        Ok(bytes) => reply::bytes(format, bytes),
                        Err(NotFetched) => self.error(StatusCode::FORBIDDEN, parts),
                    };
                }
                let payload = match stale {
                    Some(stale) => stale.whole(&self.node, whole, format, form),
                    None => self.node.whole(whole, format, form),
                };
                if negotiate::takes_gzip(&parts.headers) {
                    return reply::gzipped(format, payload.gzip());
                }
                return reply::bytes(format, payload.plain());
            }
        };
        let part = match stale {
            Some(stale) => stale.part(&self.node, part, format, form),
            None => self.node.part(part, format, form),
        };
        match part {
            Some(bytes) => reply::bytes(format, bytes),
            None => self.error(StatusCode::NOT_FOUND, parts),
        }
    }
}
