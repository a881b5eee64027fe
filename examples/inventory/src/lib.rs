//! An example service: says what is in stock, and where. The warehouse comes from the config server and changes with
//! a refresh, without a restart.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use wellspring_daemon::App;
use wellspring_lb_client::config::Refreshed;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    warehouse: String,
}

#[derive(Debug, Serialize)]
struct Stock {
    sku: String,
    quantity: usize,
    warehouse: String,
}

/// The service: `GET /stock/{sku}`.
pub fn app() -> App {
    App::new("inventory").defaults(include_str!("application.yml")).build(|cx| async move {
        wellspring_bus::attach(&cx)?;
        let settings: Refreshed<Settings> = cx.refresher.bind("inventory")?;
        Ok(Router::new().route("/stock/{sku}", get(stock)).with_state(settings))
    })
}

async fn stock(State(settings): State<Refreshed<Settings>>, Path(sku): Path<String>) -> Json<Stock> {
    // A real one would look into a database.
    let quantity = sku.bytes().map(usize::from).sum::<usize>() % 100;
    Json(Stock { sku, quantity, warehouse: settings.get().warehouse.clone() })
}
