//! Discovery first: the config server's addresses from the registry, asked once per import.

use tokio::time::Instant;
use wellspring_properties::{Environment, Problem};

use super::settings::ConfigSettings;
use crate::Instance;
use crate::codes;
use crate::discovery::{Discovery, Simple};
use crate::eureka::{ClientSettings, instances_of};

/// Addresses of the instances of `service-id`, with the credentials and path that their metadata name.
pub(super) async fn locate(env: &Environment, settings: &ConfigSettings) -> Result<Vec<String>, Problem> {
    let service = &settings.discovery.service_id;
    let started = Instant::now();
    let mut instances: Vec<Instance> = Vec::new();
    if env.contains("spring.cloud.discovery.client.simple.instances") {
        instances = Simple::from_env(env)?.instances(service).to_vec();
    }
    if instances.is_empty() {
        let registry = ClientSettings::from_env(env)?;
        instances = instances_of(&registry, service).await.map_err(|error| {
            Problem::new(codes::CONFIG_SERVER, format!("registry does not say where {service} is: {error}"))
                .hint("eureka.client.service-url.defaultZone: http://host:8761/eureka/")
        })?;
    }
    tracing::debug!(service, count = instances.len(), took = ?started.elapsed(), "config servers looked up");
    if instances.is_empty() {
        return Err(Problem::new(codes::CONFIG_SERVER, format!("no instance of {service} is registered")));
    }
    Ok(instances.iter().map(address).collect())
}

fn address(instance: &Instance) -> String {
    let meta = |key: &str| instance.metadata().get(key).map(String::as_str).filter(|text| !text.is_empty());
    let mut uri = instance.uri();
    if let Some(path) = meta("configPath") {
        uri = format!("{}/{}", uri, path.trim_start_matches('/'));
    }
    let Some(password) = meta("password") else { return uri };
    let Ok(mut url) = url::Url::parse(&uri) else { return uri };
    let set =
        url.set_username(meta("user").unwrap_or("user")).and_then(|()| url.set_password(Some(password)));
    if set.is_ok() { url.into() } else { uri }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metadata;

    #[test]
    fn metadata_name_credentials_and_path() {
        let pairs = [("password", "p@ss"), ("configPath", "/cfg")];
        let metadata: Metadata = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let instance = Instance::new("configserver", "c", "h", 8888).with_metadata(metadata);
        assert_eq!(address(&instance), "http://user:p%40ss@h:8888/cfg");
    }
}
