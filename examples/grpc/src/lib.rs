//! Two example services that speak gRPC: `prices` answers, `till` finds it by name, as it would find any other service.

mod prices;
mod till;

#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    missing_debug_implementations,
    unreachable_pub,
    reason = "made by tonic"
)]
mod shop {
    include!(concat!(env!("OUT_DIR"), "/shop.Prices.rs"));
}

pub use prices::{Prices, serve};
pub use shop::prices_client::PricesClient;

use wellspring_daemon::App;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Ask {
    #[prost(string, tag = "1")]
    pub sku: String,
}

/// What it costs.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Price {
    #[prost(string, tag = "1")]
    pub sku: String,
    #[prost(uint32, tag = "2")]
    pub cents: u32,
    /// Who says so.
    #[prost(string, tag = "3")]
    pub seller: String,
}

/// The service that answers `shop.Prices`.
pub fn prices() -> App {
    App::new("prices").defaults(include_str!("prices.yml")).build(|cx| async move {
        let prices = Prices::of(&cx.name);
        Ok(tonic::service::Routes::new(prices.server()).into_axum_router())
    })
}

/// The service that calls it: `GET /receipt/{sku}`.
pub fn till() -> App {
    App::new("till")
        .defaults(include_str!("till.yml"))
        .build(|cx| async move { Ok(till::routes(&cx.client)) })
}
