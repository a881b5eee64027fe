//! `routes list`.

use std::io::{self, Write};

use serde_json::{Value, json};
use wellspring_lb_client::http::{Options, client};

use crate::server::table::rows_of;
use crate::server::{Exit, Failed, Outcome, Output, write};

/// The routes of a running gateway, by its actuator.
pub(super) async fn remote(url: &str) -> Result<Vec<Value>, Failed> {
    let address = format!("{}/actuator/gateway/routes", url.trim_end_matches('/'));
    let client = client(Options::default()).map_err(io::Error::other)?;
    let asking = client.get(&address).send();
    let response = asking
        .await
        .map_err(|error| Failed::new(Exit::Unreachable, format!("no gateway answers at {url}: {error}")))?;
    if !response.status().is_success() {
        let message = format!("{address} answers {}", response.status().as_u16());
        let hint = "management.endpoint.gateway.access and exposure must allow it";
        return Err(Failed::new(Exit::Refused, message).hint(hint));
    }
    Ok(response.json().await.map_err(io::Error::other)?)
}

pub(super) fn show(routes: &[Value], form: Output, out: &mut dyn Write) -> Outcome {
    if form != Output::Table {
        write(form, &json!({ "routes": routes }), out)?;
        return Ok(true);
    }
    let text = |route: &Value, name: &str| match route.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let rows = routes.iter().map(|route| {
        let filters = route.get("filters").and_then(Value::as_array).map_or(0, Vec::len);
        vec![
            text(route, "order"),
            text(route, "route_id"),
            text(route, "uri"),
            filters.to_string(),
            text(route, "predicate"),
        ]
    });
    rows_of(&["ORDER", "ROUTE", "URI", "FILTERS", "PREDICATES"], rows, out)?;
    Ok(true)
}
