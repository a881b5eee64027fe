//! One instance: register, renew, cancel, status, metadata, look up.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use wellspring_daemon::Response;
use wellspring_wire::Millis;
use wellspring_wire::eureka::{InstanceInfo, Metadata, Status, json, xml};

use super::query::Query;
use super::{Api, INSTANCE_CAP, body, caller, negotiate, reply};
use crate::invalid::why_invalid;
use crate::node::{Beat, Caller};
use crate::view::Format;

impl Api {
    pub(super) async fn register<B>(&self, app: &str, format: Format, parts: &Parts, body: B) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send,
    {
        let bytes = match body::collect(body, INSTANCE_CAP, parts).await {
            Ok(bytes) => bytes,
            Err(status) => return self.error(status, parts),
        };
        let read = match negotiate::sent(&parts.headers) {
            Some(Format::Xml) => xml::read_instance(&bytes),
            _ => json::read_instance(&bytes),
        };
        let instance = match read {
            Ok(instance) => instance,
            Err(error) => {
                tracing::warn!(app, %error, "registration could not be read");
                return reply::unreadable(format, parts.version);
            }
        };
        if let Some(reason) = why_invalid(&instance, app) {
            tracing::warn!(app, reason, "registration was refused");
            return reply::sentence(format, reason, parts.version);
        }
        self.node.register(instance, caller(parts));
        reply::empty(StatusCode::NO_CONTENT)
    }

    pub(super) fn instance(
        &self,
        found: Option<Arc<InstanceInfo>>,
        format: Format,
        parts: &Parts,
    ) -> Response {
        match found {
            Some(instance) => reply::bytes(format, format.instance(&instance)),
            None => self.error(StatusCode::NOT_FOUND, parts),
        }
    }

    pub(super) fn renew(
        &self,
        app: &str,
        id: &str,
        query: Query<'_>,
        format: Format,
        parts: &Parts,
    ) -> Response {
        let caller = caller(parts);
        let stamp = query.stamp();
        let overridden = query.get("overriddenstatus");
        let known =
            overridden.as_deref().and_then(Status::from_name).filter(|status| *status != Status::Unknown);
        // A timestamp that is no number comes to light only after the renewal.
        let sent = stamp.as_ref().copied().unwrap_or_default();
        match self.node.renew(app, id, sent, known, caller) {
            Beat::Unknown => self.error(StatusCode::NOT_FOUND, parts),
            _ if stamp.is_err() => self.error(StatusCode::INTERNAL_SERVER_ERROR, parts),
            Beat::Renewed => reply::empty(StatusCode::OK),
            Beat::Outdated(ours) => {
                let mut response = reply::bytes(format, format.instance(&ours));
                *response.status_mut() = StatusCode::CONFLICT;
                response
            }
        }
    }

    pub(super) fn cancel(&self, app: &str, id: &str, parts: &Parts) -> Response {
        let known = self.node.cancel(app, id, caller(parts));
        self.done(known, parts)
    }

    pub(super) fn override_status(&self, app: &str, id: &str, query: Query<'_>, parts: &Parts) -> Response {
        let status = query.get("value").and_then(|value| Status::from_name(&value));
        self.change(app, id, status, query, parts, |status, stamp, caller| {
            self.node.override_status(app, id, status, stamp, caller)
        })
    }

    pub(super) fn lift_override(&self, app: &str, id: &str, query: Query<'_>, parts: &Parts) -> Response {
        let status = query.get("value").map_or(Some(Status::Unknown), |value| Status::from_name(&value));
        self.change(app, id, status, query, parts, |status, stamp, caller| {
            self.node.lift_override(app, id, status, stamp, caller)
        })
    }

    fn change(
        &self,
        app: &str,
        id: &str,
        status: Option<Status>,
        query: Query<'_>,
        parts: &Parts,
        change: impl FnOnce(Status, Option<Millis>, Caller) -> bool,
    ) -> Response {
        if self.node.instance(app, id).is_none() {
            return self.error(StatusCode::NOT_FOUND, parts);
        }
        let (Some(status), Ok(stamp)) = (status, query.stamp()) else {
            return self.error(StatusCode::INTERNAL_SERVER_ERROR, parts);
        };
        self.done(change(status, stamp, caller(parts)), parts)
    }

    pub(super) fn merge_metadata(&self, app: &str, id: &str, query: Query<'_>, parts: &Parts) -> Response {
        if self.node.instance(app, id).is_none() {
            return self.error(StatusCode::NOT_FOUND, parts);
        }
        let mut pairs = Metadata::new();
        for (key, value) in query.pairs() {
            pairs.entry(key.into_owned()).or_insert_with(|| value.into_owned());
        }
        self.done(self.node.merge_metadata(app, id, pairs, caller(parts)), parts)
    }

    fn done(&self, known: bool, parts: &Parts) -> Response {
        if known { reply::empty(StatusCode::OK) } else { self.error(StatusCode::NOT_FOUND, parts) }
    }
}
