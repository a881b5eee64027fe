//! An example service, the backend of a front end: one page made of what several services answer at the same time.
//!
//! `greeter` may well be a Spring Boot application. When it fails the page goes without it, and its breaker spares it.

use std::process::ExitCode;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wellspring_daemon::App;
use wellspring_lb_client::client;
use wellspring_lb_client::http::{CallError, Result};

#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    text: Option<String>,
}

#[client("greeter")]
trait Greeter {
    #[get("/greeting/{name}")]
    #[fallback(nothing)]
    async fn greeting(&self, name: &str) -> Result<Greeting>;
}

#[client("inventory")]
trait Inventory {
    #[get("/stock/{sku}")]
    async fn stock(&self, sku: &str) -> Result<Value>;
}

fn nothing(_: CallError, _: &str) -> Result<Greeting> {
    Ok(Greeting { text: None })
}

#[derive(Clone)]
struct Parts {
    greeter: GreeterClient,
    inventory: InventoryClient,
}

/// `greeting` and `stock` are null when nobody answered.
#[derive(Debug, Serialize)]
struct Page {
    greeting: Option<String>,
    stock: Option<Value>,
}

async fn page(State(parts): State<Parts>, Path((name, sku)): Path<(String, String)>) -> Json<Page> {
    let (greeting, stock) =
        futures_util::future::join(parts.greeter.greeting(&name), parts.inventory.stock(&sku)).await;
    Json(Page { greeting: greeting.ok().and_then(|greeting| greeting.text), stock: stock.ok() })
}

fn main() -> ExitCode {
    App::new("bff")
        .defaults(include_str!("application.yml"))
        .build(|cx| async move {
            let greeter = GreeterClient::new(&cx.client);
            let inventory = InventoryClient::new(&cx.client);
            let routes = Router::new().route("/pages/{name}/{sku}", get(page));
            Ok(routes.with_state(Parts { greeter, inventory }))
        })
        .main()
}
