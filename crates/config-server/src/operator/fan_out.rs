//! Applications are told to refresh without a message bus: after news, every registered instance that fetched an older commit than is
//! served gets a `POST /actuator/refresh`.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tracing::{debug, info};
use wellspring_daemon::Context;
use wellspring_daemon::admin::Instance;

use super::{Operator, drift};

/// A push often moves several branches.
const GATHERED: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 8;

pub(super) fn start(context: &Context, operator: Operator) {
    let mut bell = operator.server.bell.subscribe();
    let (admin, http) = (context.admin.clone(), context.client.http().clone());
    context.tasks.spawn(async move {
        while bell.changed().await.is_ok() {
            tokio::time::sleep(GATHERED).await;
            bell.mark_unchanged();
            let registered = admin.services();
            let behind: HashSet<String> = drift::joined(&operator.server, &registered)
                .into_iter()
                .filter(|client| client.state == "behind")
                .filter_map(|client| client.instance)
                .collect();
            let instances = registered.into_iter().flat_map(|service| service.instances);
            let told: Vec<Instance> = instances.filter(|instance| behind.contains(&instance.id)).collect();
            if told.is_empty() {
                continue;
            }
            let all = told.len();
            let answered = stream::iter(told)
                .map(|instance| tell(&operator, &http, instance))
                .buffer_unordered(AT_ONCE)
                .filter(|answered| std::future::ready(*answered))
                .count()
                .await;
            info!(instances = all, answered, "applications told to refresh");
        }
    });
}

async fn tell(operator: &Operator, http: &reqwest::Client, instance: Instance) -> bool {
    let fan_out = &operator.server.policy.fan_out;
    let metadata = |name: &str| instance.metadata.get(name).map(String::as_str);
    let scheme = if instance.secure { "https" } else { "http" };
    let port = metadata("management.port").and_then(|port| port.parse().ok()).unwrap_or(instance.port);
    let context = metadata("management.context-path").unwrap_or_default().trim_end_matches('/');
    let url = format!("{scheme}://{}:{port}{context}{}", instance.host, fan_out.path);
    let sent =
        http.post(&url).header("content-type", "application/json").timeout(fan_out.timeout).send().await;
    match sent {
        Ok(answer) if answer.status().is_success() => true,
        Ok(answer) => {
            debug!(url, status = answer.status().as_u16(), "instance did not refresh");
            false
        }
        Err(error) => {
            debug!(url, %error, "instance did not refresh");
            false
        }
    }
}
