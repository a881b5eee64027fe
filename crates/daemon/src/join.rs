//! The application's place in the registry: joined when it serves, left before anything else stops.

use std::net::SocketAddr;

use tracing::{info, warn};
use wellspring_admin::Admin;
use wellspring_lb_client::{Client, Own};
use wellspring_properties::{Environment, Problem};

/// Registers, with the place of the admin API, when `eureka.client.service-url.*` asks for it. A registry that is down does not stop the application.
pub(crate) async fn join(
    client: &Client,
    env: &Environment,
    listening: SocketAddr,
    secure: bool,
    admin: &Admin,
) -> Result<(), Problem> {
    if !client.registers() {
        return Ok(());
    }
    let mut own = Own::from_env(env, listening, secure).await?;
    if let Some(url) = admin.found_at(&own.info.ip_addr) {
        // Consoles find one another through the registry.
        own.info.metadata.entry(wellspring_admin::METADATA.to_owned()).or_insert(url);
    }
    let instance = own.info.instance_id.clone();
    client.register(own).await?;
    info!(instance = ?instance, "registering");
    Ok(())
}

/// Leaves; a registry that does not answer is not waited for longer than `patience`.
pub(crate) async fn leave(client: &Client, patience: std::time::Duration) {
    if tokio::time::timeout(patience, client.close()).await.is_err() {
        warn!("the registry did not answer when the application left; its lease will expire");
    }
}
