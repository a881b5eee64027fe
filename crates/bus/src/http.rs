//! `/actuator/busrefresh`, `busenv`, `busshutdown`, each with or without destinations.
//!
//! 204 comes when the event is published and the sender has applied it; nobody else is waited for. An event that the broker
//! did not take is 500, as in the original, which does not wait for the broker, however.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use tracing::error;
use wellspring_daemon::actuator::{Access, Actuator, Call, Endpoint, Reply};
use wellspring_properties::Problem;

use crate::{Bus, Payload};

/// Mounts the endpoints; which of them are reachable is the actuator's decision.
pub fn mount(actuator: &Actuator, bus: &Bus) -> Result<(), Problem> {
    actuator.add(endpoint("busrefresh", bus, |call| match media_type(call).as_deref() {
        None | Some("json") => Ok(Payload::Refresh),
        Some(_) => Err(unsupported()),
    }))?;
    actuator.add(endpoint("busenv", bus, |call| match media_type(call).as_deref() {
        Some("json") => environment_change(call),
        None | Some(_) => Err(unsupported()),
    }))?;
    let shutdown = endpoint("busshutdown", bus, |_| Ok(Payload::Shutdown));
    actuator.add(shutdown.default_access(Access::None))
}

fn endpoint(id: &str, bus: &Bus, payload: fn(&Call) -> Result<Payload, Reply>) -> Endpoint {
    let operation = |bus: Bus| {
        move |call: Call| {
            let bus = bus.clone();
            async move {
                match payload(&call) {
                    Ok(payload) => publish(&bus, &call, payload).await,
                    Err(reply) => reply,
                }
            }
        }
    };
    Endpoint::new(id).write("", operation(bus.clone())).write("{*destinations}", operation(bus.clone()))
}

async fn publish(bus: &Bus, call: &Call, payload: Payload) -> Reply {
    let destination = call.selector("destinations").replace('/', ":");
    match bus.publish(&destination, payload).await {
        Ok(_) => Reply::done(),
        Err(error) => {
            error!(%error, destination, "bus event failed");
            Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
    }
}

/// `{"name": "…", "value": "…"}`.
fn environment_change(call: &Call) -> Result<Payload, Reply> {
    let fields: Map<String, Value> = call.json()?;
    let text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Ok(scalar.to_string()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => {
            Err(Reply::bad_request(format!("a text is needed in {name}")))
        }
    };
    Ok(Payload::EnvironmentChange([(text("name")?, text("value")?)].into()))
}

/// `json` for JSON in any of the actuator's types, `None` when nothing is said and nothing sent.
fn media_type(call: &Call) -> Option<String> {
    let Some(content_type) = call.headers.get(CONTENT_TYPE) else {
        return (!call.body.is_empty()).then(|| "application/octet-stream".to_owned());
    };
    let essence = content_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    Some(if json { "json".to_owned() } else { essence })
}

fn unsupported() -> Reply {
    Reply::failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be JSON")
}
