//! A whole service: configured, registered, balanced, protected, observable.
use axum::{Json, Router, extract::Path, extract::State, routing::get};
use serde_json::{Value, json};
use wellspring_daemon::App;
use wellspring_lb_client::{client, config::Refreshed, http};
#[client("inventory")]
trait Inventory {
    #[get("/stock/{sku}")]
    #[fallback(unknown)]
    async fn stock(&self, sku: &str) -> http::Result<Value>;
}
fn unknown(_: http::CallError, sku: &str) -> http::Result<Value> {
    Ok(json!({"sku": sku, "quantity": null}))
}
type Shop = (Refreshed<String>, InventoryClient);
async fn item(State((title, inventory)): State<Shop>, Path(sku): Path<String>) -> Json<Value> {
    Json(json!({"shop": *title.get(), "stock": inventory.stock(&sku).await.ok()}))
}
fn main() -> std::process::ExitCode {
    let app = App::new("shop").defaults(include_str!("application.yml")).build(|cx| async move {
        let shop = (cx.refresher.value("shop.title", "Shop".into())?, InventoryClient::new(&cx.client));
        Ok(Router::new().route("/items/{sku}", get(item)).with_state(shop))
    });
    app.main()
}
