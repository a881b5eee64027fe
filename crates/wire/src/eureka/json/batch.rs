//! Reads what peers exchange. Strict where the original is: an unknown field or action fails the whole batch.

use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error};

use super::instance::Read;
use super::scalar::Scalar;
use super::without_mark;
use crate::eureka::DecodeError;
use crate::eureka::replication::{Action, ReplicationInstance, ReplicationResponse};

/// Reads `{"replicationList":[…]}`; `None` when there is no list, which the original answers otherwise than an empty one.
pub fn read_batch(body: &[u8]) -> Result<Option<Vec<ReplicationInstance>>, DecodeError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Root {
        #[serde(default)]
        replication_list: Option<Vec<Option<Item>>>,
    }
    let root: Option<Root> = serde_json::from_slice(without_mark(body))?;
    let list = root.and_then(|root| root.replication_list);
    Ok(list.map(|list| list.into_iter().map(|item| item.map(|item| item.0).unwrap_or_default()).collect()))
}

struct Item(ReplicationInstance);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Fields<'a> {
            #[serde(borrow, default)]
            app_name: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            id: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            last_dirty_timestamp: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            overridden_status: Option<Scalar<'a>>,
            #[serde(borrow, default)]
            status: Option<Scalar<'a>>,
            #[serde(default)]
            instance_info: Option<Read>,
            #[serde(borrow, default)]
            action: Option<Scalar<'a>>,
        }
        let fields = Fields::deserialize(deserializer)?;
        let action = match fields.action.as_ref().and_then(Scalar::as_text) {
            None => None,
            Some(name) => Some(
                Action::from_name(name)
                    .ok_or_else(|| D::Error::custom(format_args!("unknown action {name:?}")))?,
            ),
        };
        let last_dirty = match fields.last_dirty_timestamp {
            None => None,
            Some(stamp) => stamp.millis("lastDirtyTimestamp")?,
        };
        Ok(Self(ReplicationInstance {
            app_name: fields.app_name.and_then(Scalar::text),
            id: fields.id.and_then(Scalar::text),
            last_dirty,
            overridden_status: fields.overridden_status.and_then(Scalar::text),
            status: fields.status.and_then(Scalar::text),
            instance: fields.instance_info.map(|read| Arc::new(read.0)),
            action,
        }))
    }
}

/// Reads `{"responseList":[…]}`. An entity that is no instance is left out: old peers send other things.
pub fn read_batch_response(body: &[u8]) -> Result<Vec<ReplicationResponse>, DecodeError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Root<'a> {
        #[serde(borrow, default)]
        response_list: Vec<Fields<'a>>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields<'a> {
        #[serde(borrow)]
        status_code: Scalar<'a>,
        #[serde(borrow, default)]
        response_entity: Option<&'a serde_json::value::RawValue>,
    }
    let root: Root<'_> = serde_json::from_slice(without_mark(body))?;
    root.response_list
        .into_iter()
        .map(|fields| {
            let status = fields.status_code.number::<u16, serde_json::Error>("statusCode")?;
            let entity = fields.response_entity.and_then(|raw| serde_json::from_str::<Read>(raw.get()).ok());
            Ok(ReplicationResponse {
                status: status
                    .ok_or_else(|| DecodeError::new("statusCode: expected a number, found null"))?,
                entity: entity.map(|read| Arc::new(read.0)),
            })
        })
        .collect()
}
