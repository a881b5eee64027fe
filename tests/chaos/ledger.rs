//! What has been confirmed and must still be there at the end: a registration with an override, every event on the bus's
//! board, the newest commit in every running service.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;
use wellspring_test_support::keep_alive::{Connection, Request};
use wellspring_test_support::poll;

use crate::fleet::{Fleet, REGISTRIES, ask};

const SOON: Duration = Duration::from_secs(90);
const PLACE: &str = "/eureka/apps/LEDGER/ledger-1";

pub(crate) struct Ledger {
    /// Ids of events whose sender was told that they are sent.
    events: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) async fn open(fleet: &Fleet) -> Self {
        let registry = fleet.member(REGISTRIES[0]).address();
        let instance = json!({ "instance": {
            "instanceId": "ledger-1", "app": "LEDGER", "hostName": "ledger", "ipAddr": "10.99.99.99", "status": "UP",
            "port": { "$": 9, "@enabled": "true" }, "vipAddress": "ledger", "metadata": { "entry": "1" },
            "dataCenterInfo": { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn" },
            "leaseInfo": { "renewalIntervalInSecs": 30, "durationInSecs": 36000 },
        }});
        let registered = send(registry, "POST", "/eureka/apps/LEDGER", &instance).await;
        assert_eq!(registered.map(|(status, _)| status), Some(204));
        let overridden =
            send(registry, "PUT", &format!("{PLACE}/status?value=OUT_OF_SERVICE"), &Value::Null).await;
        assert_eq!(overridden.map(|(status, _)| status), Some(200));
        Self { events: Mutex::default() }
    }

    /// Sends an event; it counts when the bus said that it is sent.
    pub(crate) async fn note(&self, fleet: &Fleet) {
        let number = self.events.lock().len();
        let event = json!({ "type": "env", "values": { "ledger.entry": number.to_string() } });
        let sent = send(fleet.member("bus").address(), "POST", "/actuator/busacks", &event).await;
        if let Some((200, entry)) = sent {
            let entry: Value = serde_json::from_str(&entry).unwrap();
            self.events.lock().push(entry["id"].as_str().unwrap().to_owned());
        }
    }

    pub(crate) async fn check(&self, fleet: &Fleet) {
        for name in REGISTRIES {
            let (status, instance) = answer(fleet, name, PLACE).await;
            assert_eq!(status, 200, "{name} has lost the registration");
            let instance: Value = serde_json::from_str(&instance).unwrap();
            assert_eq!(instance["instance"]["status"], "OUT_OF_SERVICE", "{name} has lost the override");
            assert_eq!(instance["instance"]["metadata"]["entry"], "1");
        }
        let (_, board) = answer(fleet, "bus", "/actuator/busacks").await;
        let events = self.events.lock().clone();
        assert!(!events.is_empty(), "no event was ever confirmed");
        let missing: Vec<_> = events.iter().filter(|id| !board.contains(id.as_str())).collect();
        assert!(missing.is_empty(), "{} of {} events are not on the board", missing.len(), events.len());
        self.newest_value_everywhere(fleet).await;
        println!("nothing is lost: registration, override, {} events on the board", events.len());
    }

    async fn newest_value_everywhere(&self, fleet: &Fleet) {
        fleet.commit();
        let greeting = fleet.greeting();
        let deadline = Instant::now() + SOON;
        let mut served = false;
        while !served {
            assert!(Instant::now() < deadline, "`{greeting}` is not served everywhere");
            let bus = fleet.member("bus").address();
            send(bus, "POST", "/actuator/busrefresh", &Value::Null).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            served = true;
            for name in ["orders-1", "orders-2"] {
                let answer = ask(fleet.member(name).address(), "/orders/greeting").await;
                served &= answer.is_some_and(|(_, body)| body == greeting);
            }
        }
    }
}

/// What a member answers, at the latest when it is asked again.
async fn answer(fleet: &Fleet, name: &str, path: &str) -> (u16, String) {
    let address = fleet.member(name).address();
    poll::until_some(&format!("{name} answers {path}"), SOON, async || ask(address, path).await).await
}

async fn send(address: SocketAddr, method: &str, path: &str, body: &Value) -> Option<(u16, String)> {
    let sent = tokio::time::timeout(SOON, async {
        let mut connection = Connection::to(address).await?;
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let headers = [("Content-Type", "application/json"), ("Accept", "application/json")];
        let status = connection.status(&Request::new(method, path, &headers, &body, 0)).await?;
        std::io::Result::Ok((status, String::from_utf8_lossy(connection.body()).into_owned()))
    });
    sent.await.ok()?.ok()
}
