//! Instances written in the configuration: `spring.cloud.discovery.client.simple.instances.<service>[i].uri`.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use tokio::sync::watch;
use url::Url;
use wellspring_properties::{Environment, Problem};

use super::{Book, Discovery, Listing};
use crate::eureka::without_credentials;
use crate::{Instance, codes};

/// A fixed list.
#[derive(Debug, Default)]
pub struct Simple {
    book: Book,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Written {
    instance_id: Option<String>,
    uri: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    secure: Option<bool>,
    metadata: IndexMap<String, String>,
}

impl Simple {
    /// From `spring.cloud.discovery.client.simple.instances`: each entry has a `uri`, or `host`, `port` and `secure`.
    ///
    /// # Errors
    /// When an entry has no address, or one that is no URL.
    pub fn from_env(env: &Environment) -> Result<Self, Problem> {
        const PREFIX: &str = "spring.cloud.discovery.client.simple.instances";
        let simple = Self::default();
        let written: IndexMap<String, Vec<Written>> = env.bind(PREFIX)?;
        for (service, list) in written {
            let mut instances = Vec::with_capacity(list.len());
            for (position, entry) in list.into_iter().enumerate() {
                let place = format!("{PREFIX}.{service}[{position}].uri");
                instances.push(instance(&service, entry).map_err(|problem| problem.at(env.origin(&place)))?);
            }
            simple.book.replace(&service, instances);
        }
        Ok(simple)
    }

    /// What it publishes; tests and applications may write it.
    pub fn book(&self) -> &Book {
        &self.book
    }
}

impl Discovery for Simple {
    fn services(&self) -> Vec<String> {
        self.book.services()
    }

    fn has(&self, service: &str) -> bool {
        self.book.has(service)
    }

    fn listing(&self, service: &str) -> Arc<Listing> {
        self.book.listing(service)
    }

    fn follow_services(&self, follower: Box<dyn Fn() + Send + Sync>) {
        self.book.follow_services(follower);
    }

    fn watch_services(&self) -> watch::Receiver<Arc<[String]>> {
        self.book.watch_services()
    }
}

fn instance(service: &str, entry: Written) -> Result<Instance, Problem> {
    let (host, port, secure) = match (entry.uri, entry.host) {
        (Some(uri), _) => {
            let bad = || {
                let message = format!("address of an instance of {service} is no URL");
                Problem::new(codes::URL, message).found(without_credentials(&uri)).hint("http://host:8080")
            };
            let url = Url::parse(&uri).map_err(|_| bad())?;
            let host = url.host_str().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
            (host, url.port(), url.scheme() == "https")
        }
        (None, Some(host)) => (host, entry.port, entry.secure.unwrap_or_default()),
        (None, None) => {
            let message = format!("an instance of {service} has no address");
            return Err(Problem::new(codes::URL, message).hint("uri: http://host:8080"));
        }
    };
    let id = entry.instance_id.unwrap_or_else(|| match port {
        Some(port) => format!("{host}:{port}"),
        None => host.clone(),
    });
    let secure = entry.secure.unwrap_or(secure);
    Ok(Instance::new(service, id, host, port).with_secure(secure).with_metadata(entry.metadata))
}

#[cfg(test)]
mod tests {
    use wellspring_properties::PropertySource;

    use super::*;

    #[test]
    fn instances_are_read_from_the_configuration() {
        const KEY: &str = "spring.cloud.discovery.client.simple.instances.orders";
        let pairs = [
            (format!("{KEY}[0].uri"), "https://a.example"),
            (format!("{KEY}[1].uri"), "http://b:8081/x"),
            (format!("{KEY}[1].metadata.zone"), "z1"),
        ];
        let env = Environment::new(vec![PropertySource::of_pairs("test", pairs)], vec![]);
        let simple = Simple::from_env(&env).unwrap();
        let list = simple.instances("orders");
        assert_eq!(
            list.iter().map(Instance::uri).collect::<Vec<_>>(),
            ["https://a.example:443", "http://b:8081"]
        );
        assert_eq!(list[1].zone(), Some("z1"));
        assert_eq!(simple.services(), ["orders"]);
    }

    #[test]
    fn an_address_that_is_none_is_a_problem() {
        let pairs = [("spring.cloud.discovery.client.simple.instances.orders[0].uri", "nonsense")];
        let env = Environment::new(vec![PropertySource::of_pairs("test", pairs)], vec![]);
        assert_eq!(Simple::from_env(&env).unwrap_err().found.as_deref(), Some("nonsense"));
    }
}
