//! The set of peers: who is one, what each is told, and how the set follows the configuration.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use wellspring_wire::eureka::replication::ReplicationInstance;

use super::address::Address;
use super::client::Peer;

/// All peers. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    nodes: Arc<ArcSwap<Vec<Arc<Peer>>>>,
}

impl Peers {
    pub fn all(&self) -> Arc<Vec<Arc<Peer>>> {
        self.nodes.load_full()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.load().is_empty()
    }

    /// Tells every peer.
    pub fn offer(&self, item: &ReplicationInstance, life: Duration) {
        for peer in self.nodes.load().iter() {
            peer.offer(item.clone(), life);
        }
    }

    /// Takes over a new set: those that stay keep what waits for them. An empty set changes nothing.
    ///
    /// Returns the new ones, for which a sender is to be started.
    pub fn replace(&self, addresses: &[Address], make: impl Fn(&Address) -> Arc<Peer>) -> Vec<Arc<Peer>> {
        if addresses.is_empty() {
            return Vec::new();
        }
        let before = self.nodes.load_full();
        let mut new = Vec::new();
        let mut after: Vec<Arc<Peer>> = Vec::with_capacity(addresses.len());
        for address in addresses {
            if let Some(known) = before.iter().find(|peer| peer.address() == address) {
                after.push(Arc::clone(known));
            } else {
                let peer = make(address);
                new.push(Arc::clone(&peer));
                after.push(peer);
            }
        }
        for gone in before.iter().filter(|peer| !addresses.contains(peer.address())) {
            tracing::info!(peer = %gone.address(), "peer removed");
            gone.end();
        }
        self.nodes.store(Arc::new(after));
        new
    }
}

/// By what a node knows its own URL among those of its peers.
#[derive(Debug, Clone)]
pub struct Own {
    pub my_url: Option<Address>,
    pub host: String,
    pub port: u16,
}

impl Own {
    /// All URLs but our own. Without `my-url` the host decides, not the port, as in the original.
    pub fn others(&self, urls: &[String]) -> Vec<Address> {
        let mut others: Vec<Address> = Vec::new();
        for url in urls {
            match Address::parse(url) {
                Ok(address) if self.is(&address) || others.contains(&address) => {}
                Ok(address) => others.push(address),
                Err(error) => {
                    tracing::warn!(%error, "a URL of eureka.client.service-url cannot be read and is left out")
                }
            }
        }
        others
    }

    fn is(&self, address: &Address) -> bool {
        if let Some(mine) = &self.my_url {
            return mine.url("") == address.url("");
        }
        let loopback = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        address.host().eq_ignore_ascii_case(&self.host)
            // What leads back to our own port is us under another name.
            || (address.port() == self.port && loopback(address.host()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(my_url: Option<&str>) -> Own {
        let my_url = my_url.map(|url| Address::parse(url).unwrap());
        Own { my_url, host: "node1".into(), port: 8761 }
    }

    fn hosts(own: &Own, urls: &[&str]) -> Vec<String> {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        own.others(&urls).iter().map(|address| format!("{}:{}", address.host(), address.port())).collect()
    }

    #[test]
    fn the_own_url_is_left_out_by_host() {
        let urls = [
            "http://node1:1/eureka",
            "http://node2:8761/eureka/",
            "http://localhost:8761/eureka",
            "http://localhost:9/eureka",
            "::",
        ];
        assert_eq!(hosts(&own(None), &urls), ["node2:8761", "localhost:9"]);
    }

    #[test]
    fn with_my_url_only_that_one_is_left_out() {
        let urls = ["http://node1:1/eureka", "http://node1:8761/eureka", "http://node1:1/eureka/"];
        assert_eq!(hosts(&own(Some("http://node1:8761/eureka/")), &urls), ["node1:1"]);
    }
}
