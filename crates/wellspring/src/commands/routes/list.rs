//! `routes list`.

use std::io::{self, Write};

use serde_json::{Value, json};
use wellspring_lb_client::http::{Options, client};

use super::super::{Output, output};

/// The routes of a running gateway, by its actuator.
pub(super) async fn remote(url: &str) -> io::Result<Vec<Value>> {
    let address = format!("{}/actuator/gateway/routes", url.trim_end_matches('/'));
    let asking = client(Options::default()).map_err(io::Error::other)?.get(&address).send();
    let response = asking.await.map_err(io::Error::other)?;
    if !response.status().is_success() {
        return Err(io::Error::other(format!(
            "{address} answers {}: management.endpoint.gateway.access and exposure must allow it",
            response.status().as_u16()
        )));
    }
    response.json().await.map_err(io::Error::other)
}

pub(super) fn show(routes: &[Value], form: Output, out: &mut dyn Write) -> io::Result<bool> {
    if form != Output::Text {
        output::write(form, &json!({ "routes": routes }), out)?;
        return Ok(true);
    }
    let text = |route: &Value, name: &str| match route.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let rows: Vec<[String; 5]> = routes
        .iter()
        .map(|route| {
            let filters = route.get("filters").and_then(Value::as_array).map_or(0, Vec::len);
            [
                text(route, "order"),
                text(route, "route_id"),
                text(route, "uri"),
                filters.to_string(),
                text(route, "predicate"),
            ]
        })
        .collect();
    let head = ["ORDER", "ROUTE", "URI", "FILTERS", "PREDICATES"].map(str::to_owned);
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(&rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for [order, id, uri, filters, predicates] in std::iter::once(&head).chain(&rows) {
        let [a, b, c, d] = widths;
        writeln!(out, "{order:>a$}  {id:b$}  {uri:c$}  {filters:>d$}  {predicates}")?;
    }
    Ok(true)
}
