//! The service's side: a price for everything but `nothing`, one at a time or as they are asked for.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

use crate::shop::prices_server::{self, PricesServer};
use crate::{Ask, Price};

/// Metadata that names the customer; the answer carries it back.
const CUSTOMER: &str = "x-customer";

/// One who knows prices.
#[derive(Debug, Clone)]
pub struct Prices {
    seller: String,
    closed: bool,
}

impl Prices {
    /// Who says what things cost.
    pub fn of(seller: &str) -> Self {
        Self { seller: seller.to_owned(), closed: false }
    }

    /// One that is there and not to be asked.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.closed = true;
        self
    }

    /// As a service that tonic or an axum router serves.
    pub fn server(self) -> PricesServer<Self> {
        PricesServer::new(self)
    }

    fn price(&self, sku: String) -> Result<Price, Status> {
        if self.closed {
            return Err(Status::unavailable("closed for today"));
        }
        if sku == "nothing" {
            return Err(Status::not_found("nothing has no price"));
        }
        // A real one would look into a database.
        let cents = 100 + sku.bytes().map(u32::from).sum::<u32>() % 900;
        Ok(Price { sku, cents, seller: self.seller.clone() })
    }
}

#[tonic::async_trait]
impl prices_server::Prices for Prices {
    async fn quote(&self, request: Request<Ask>) -> Result<Response<Price>, Status> {
        let customer = request.metadata().get(CUSTOMER).cloned();
        let mut response = Response::new(self.price(request.into_inner().sku)?);
        if let Some(customer) = customer {
            response.metadata_mut().insert(CUSTOMER, customer);
        }
        Ok(response)
    }

    type FollowStream = Pin<Box<dyn Stream<Item = Result<Price, Status>> + Send>>;

    /// Each is answered before the next is asked for; the first without a price ends it.
    async fn follow(&self, request: Request<Streaming<Ask>>) -> Result<Response<Self::FollowStream>, Status> {
        let prices = self.clone();
        let answers = request.into_inner().map(move |ask| prices.price(ask?.sku));
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Serves on a listener by itself, without registry or actuator.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: tokio::net::TcpListener, prices: Prices) -> Result<(), tonic::transport::Error> {
    let incoming = TcpListenerStream::new(listener);
    tonic::transport::Server::builder().add_service(prices.server()).serve_with_incoming(incoming).await
}
