//! Clients declared as traits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fakes;

use fakes::Fake;
use serde::{Deserialize, Serialize};
use wellspring_lb_client::http::{CallError, Options, Response, Result};
use wellspring_lb_client::{Client, Instance, client, discovery, http};

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Order {
    id: u64,
}

#[client("orders")]
trait Orders {
    /// One order.
    #[get("/orders/{id}")]
    async fn get(&self, id: u64) -> Result<Order>;

    #[get("/orders")]
    async fn find(
        &self,
        #[query] state: &str,
        #[query("max-count")] max: Option<u32>,
        #[header("X-Request-Id")] request: String,
    ) -> Result<Vec<Order>>;

    #[post("/orders")]
    async fn add(&self, order: &Order) -> Result<Order>;

    #[delete("/orders/{id}/lines/{line}")]
    async fn remove(&self, id: u64, line: &str) -> Result<()>;

    #[head("/orders/{id}")]
    async fn exists(&self, id: u64) -> Result<Response>;

    #[get("/orders/{id}/state")]
    #[resilience("patient")]
    #[fallback(unknown)]
    async fn state(&self, id: u64) -> Result<String>;

    #[get("/own")]
    async fn own_error(&self) -> std::result::Result<Order, OwnError>;
}

#[derive(Debug)]
struct OwnError(String);

impl From<CallError> for OwnError {
    fn from(error: CallError) -> Self {
        Self(error.to_string())
    }
}

fn unknown(error: CallError, id: u64) -> Result<String> {
    match error {
        CallError::Reply { status, .. } => Ok(format!("unknown {id}: {}", status.as_u16())),
        other => Err(other),
    }
}

async fn orders() -> (Fake, OrdersClient) {
    let fake = Fake::start().await;
    let simple = discovery::Simple::default();
    simple.book().replace("orders", vec![Instance::new("orders", "a", "127.0.0.1", fake.address.port())]);
    let client = Client::new(std::sync::Arc::new(simple), http::client(Options::default()).unwrap());
    let orders = OrdersClient::new(&client);
    (fake, orders)
}

#[tokio::test]
async fn methods_become_calls() {
    let (fake, orders) = orders().await;
    fake.answers("GET /orders/7", 200, r#"{"id":7}"#);
    fake.answers("GET /orders?", 200, r#"[{"id":1}]"#);
    fake.answers("POST /orders", 201, r#"{"id":8}"#);
    fake.answers("DELETE /orders/7/lines/", 204, "");
    assert_eq!(orders.get(7).await.unwrap(), Order { id: 7 });
    assert_eq!(orders.find("a&b", None, "r1".to_owned()).await.unwrap().len(), 1);
    assert_eq!(orders.find("open", Some(3), "r2".to_owned()).await.unwrap().len(), 1);
    assert_eq!(orders.add(&Order { id: 8 }).await.unwrap().id, 8);
    orders.remove(7, "a/../b c").await.unwrap();
    assert_eq!(orders.exists(9).await.unwrap().status(), 404);
    let asked = fake.asked();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /orders/7",
            "GET /orders?state=a%26b",
            "GET /orders?state=open&max-count=3",
            "POST /orders",
            "DELETE /orders/7/lines/a%2F..%2Fb%20c",
            "HEAD /orders/9"
        ]
    );
    assert_eq!(
        (asked[1].headers["x-request-id"].to_str().unwrap(), asked[3].body.as_str()),
        ("r1", r#"{"id":8}"#)
    );
}

#[tokio::test]
async fn failures_go_to_the_fallback_or_to_an_error_of_ones_own() {
    let (_fake, orders) = orders().await;
    assert_eq!(orders.state(3).await.unwrap(), "unknown 3: 404");
    assert!(matches!(orders.get(7).await.unwrap_err(), CallError::Reply { .. }));
    assert!(orders.own_error().await.unwrap_err().0.ends_with("answered 404 Not Found"));
    let elsewhere = orders.at("lb://nobody/api");
    assert!(matches!(elsewhere.get(1).await.unwrap_err(), CallError::NoInstance { .. }));
}
