//! Sticky sessions: prefers the instance named by the `sc-lb-instance-id` cookie.
//!
//! Falls through to the full list when the cookie is absent or names an instance that is gone.

use std::sync::Arc;

use http::HeaderMap;
use http::header::COOKIE;

use super::{Instances, Supplier};
use crate::pick::Request;

/// The cookie's name in Spring.
pub const DEFAULT_COOKIE: &str = "sc-lb-instance-id";

/// Follows a cookie.
#[derive(Debug)]
pub struct StickyCookie {
    name: String,
}

impl StickyCookie {
    /// `name` of the cookie.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

impl Supplier for StickyCookie {
    fn looks_at_the_call(&self) -> bool {
        true
    }

    fn concerns(&self, request: &Request<'_>) -> bool {
        request.headers.is_some()
    }

    fn narrow(&self, request: &Request<'_>, instances: Instances) -> Instances {
        let Some(wanted) = request.headers.and_then(|headers| cookie(headers, &self.name)) else {
            return instances;
        };
        match instances.iter().find(|instance| instance.instance_id() == wanted) {
            Some(found) => Arc::from([found.clone()]),
            None => instances,
        }
    }
}

/// The first cookie of that name.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then(|| value.trim_matches('"')))
}
