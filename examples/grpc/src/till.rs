//! The caller's side: tonic's client over a channel that chooses an instance of `prices` for each call.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tonic::Code;
use tower::Layer;
use wellspring_lb_client::Client;
use wellspring_lb_client::http::{Balance, BalanceLayer};

use crate::{Ask, PricesClient};

type Channel = Balance<HttpClient<HttpConnector, tonic::body::Body>>;

#[derive(Debug, Serialize)]
struct Receipt {
    sku: String,
    price: String,
    seller: String,
}

pub(crate) fn routes(client: &Client) -> Router {
    let http = HttpClient::builder(TokioExecutor::new()).http2_only(true).build_http();
    let prices = PricesClient::new(BalanceLayer::new(client, "prices").layer(http));
    Router::new().route("/receipt/{sku}", get(receipt)).with_state(prices)
}

async fn receipt(
    State(mut prices): State<PricesClient<Channel>>,
    Path(sku): Path<String>,
) -> Result<Json<Receipt>, (StatusCode, String)> {
    let price = prices.quote(Ask { sku }).await.map_err(|status| {
        let code =
            if status.code() == Code::NotFound { StatusCode::NOT_FOUND } else { StatusCode::BAD_GATEWAY };
        (code, status.message().to_owned())
    })?;
    let price = price.into_inner();
    let shown = format!("{}.{:02}", price.cents / 100, price.cents % 100);
    Ok(Json(Receipt { sku: price.sku, price: shown, seller: price.seller }))
}
