//! What Spring Cloud adds: `refresh`, `features`, `serviceregistry`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use wellspring_lb_client::config::Refresher;
use wellspring_lb_client::{Client, Status};

use super::endpoint::{Call, Endpoint, Reply};

/// `POST` answers the keys that changed.
pub(super) fn refresh(refresher: &Refresher) -> Endpoint {
    let refresher = refresher.clone();
    Endpoint::new("refresh").write("", move |_| {
        let refresher = refresher.clone();
        async move {
            match refresher.refresh().await {
                Ok(changed) => Reply::json(&changed),
                Err(problem) => Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, problem.line()),
            }
        }
    })
}

pub(super) fn features(client: &Client) -> Endpoint {
    let registers = client.registers();
    Endpoint::new("features").read("", move |_| {
        let feature = |name: &str| json!({"name": name, "type": "wellspring", "version": env!("CARGO_PKG_VERSION"), "vendor": null});
        let (on, off) = (vec![feature("DiscoveryClient"), feature("LoadBalancerClient")], vec![feature("Eureka Client")]);
        let (enabled, disabled) = if registers { ([off, on].concat(), Vec::new()) } else { (on, off) };
        std::future::ready(Reply::json(&json!({"enabled": enabled, "disabled": disabled})))
    })
}

/// The status in the registry; `POST {"status":"OUT_OF_SERVICE"}` changes what we report.
pub(super) fn service_registry(client: &Client) -> Endpoint {
    let (seen, set) = (client.clone(), client.clone());
    Endpoint::new("serviceregistry")
        .read("", move |_| {
            let status = seen.remote_status().map_or("UNKNOWN".to_owned(), |status| status.to_string());
            std::future::ready(Reply::json(&json!({"overriddenStatus": "UNKNOWN", "status": status})))
        })
        .write("", move |call| std::future::ready(set_status(&set, &call)))
}

fn set_status(client: &Client, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Wanted {
        status: String,
    }
    let wanted = match call.json::<Wanted>() {
        Ok(wanted) => wanted.status,
        Err(refusal) => return refusal,
    };
    let known = Status::ALL.into_iter().find(|status| status.as_str() == wanted.to_uppercase());
    let Some(status) = known else {
        return Reply::bad_request(format!("{wanted:?} is no status of the registry"));
    };
    client.set_status(status);
    Reply::done()
}
