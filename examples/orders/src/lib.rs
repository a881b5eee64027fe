//! An example service: an order is a greeting of its own and the stock that `inventory`, called by name, answers.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;
use wellspring_daemon::App;
use wellspring_lb_client::Client;
use wellspring_lb_client::config::Refreshed;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    greeting: String,
    /// A feature that is switched without a restart.
    with_stock: bool,
}

#[derive(Debug, Serialize)]
struct Order {
    id: u64,
    greeting: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stock: Option<Value>,
}

#[derive(Clone)]
struct Orders {
    settings: Refreshed<Settings>,
    client: Client,
}

/// The service: `GET /orders/{id}` and `GET /orders/greeting`.
pub fn app() -> App {
    App::new("orders").defaults(include_str!("application.yml")).build(|cx| async move {
        wellspring_bus::attach(&cx)?;
        let orders = Orders { settings: cx.refresher.bind("orders")?, client: cx.client };
        let routes = Router::new().route("/orders/greeting", get(greeting)).route("/orders/{id}", get(order));
        Ok(routes.with_state(orders))
    })
}

async fn greeting(State(orders): State<Orders>) -> String {
    orders.settings.get().greeting.clone()
}

async fn order(
    State(orders): State<Orders>,
    Path(id): Path<u64>,
) -> Result<Json<Order>, (StatusCode, String)> {
    let settings = orders.settings.get();
    let stock = if settings.with_stock {
        let stock = orders.client.get(format!("lb://inventory/stock/sku-{id}")).fetch().await;
        Some(stock.map_err(|error| {
            warn!(id, %error, "stock is not known");
            (StatusCode::BAD_GATEWAY, error.to_string())
        })?)
    } else {
        None
    };
    Ok(Json(Order { id, greeting: settings.greeting.clone(), stock }))
}
