//! Who has which configuration: what clients fetched, joined with what is registered.

use std::collections::HashMap;
use std::net::{IpAddr, UdpSocket};

use wellspring_daemon::admin::config::ConfigClient;
use wellspring_daemon::admin::{Instance, Service};

use crate::clients::{Client, Fetch};
use crate::server::Server;

/// By application, those behind first. Looks nothing up but commits: no file is read, no remote asked.
pub(super) fn joined(server: &Server, registered: &[Service]) -> Vec<ConfigClient> {
    let mut served: HashMap<(String, String, Option<String>), Option<String>> = HashMap::new();
    let mut own = OwnAddresses::default();
    let fetched = server.clients.all();
    let mut out = Vec::new();
    let mut seen: HashMap<(usize, usize), ()> = HashMap::new();
    for (client, fetch) in &fetched {
        let key = (client.name.clone(), client.profiles.clone(), client.label.clone());
        let served = served.entry(key).or_insert_with(|| server.repository.version(&client.query())).clone();
        let mut found = false;
        for (at, service) in registered.iter().enumerate().filter(|(_, service)| asks_for(client, service)) {
            for (nth, instance) in service.instances.iter().enumerate() {
                if own.is_from(client.address, instance) {
                    found = true;
                    seen.insert((at, nth), ());
                    out.push(item(client, fetch, served.clone(), Some(instance)));
                }
            }
        }
        if !found {
            out.push(item(client, fetch, served, None));
        }
    }
    for (at, service) in registered.iter().enumerate() {
        for (nth, instance) in service.instances.iter().enumerate() {
            if !seen.contains_key(&(at, nth)) {
                out.push(ConfigClient {
                    application: service.name.clone(),
                    address: Some(instance.ip.clone()),
                    state: "never".to_owned(),
                    instance: Some(instance.id.clone()),
                    status: Some(instance.status.clone()),
                    ..ConfigClient::default()
                });
            }
        }
    }
    out.sort_by(|a, b| {
        let name = |client: &ConfigClient| client.application.to_lowercase();
        (rank(&a.state), name(a), &a.address, &a.profile).cmp(&(
            rank(&b.state),
            name(b),
            &b.address,
            &b.profile,
        ))
    });
    out
}

fn rank(state: &str) -> u8 {
    match state {
        "behind" => 0,
        "never" => 1,
        "unknown" => 2,
        _ => 3,
    }
}

fn item(client: &Client, fetch: &Fetch, served: Option<String>, instance: Option<&Instance>) -> ConfigClient {
    let state = match (&fetch.version, &served) {
        (Some(has), Some(served)) if has == served => "current",
        (Some(_), Some(_)) => "behind",
        _ => "unknown",
    };
    ConfigClient {
        application: client.name.clone(),
        profile: client.profiles.clone(),
        label: client.label.clone(),
        address: Some(client.address.to_string()),
        version: fetch.version.clone(),
        served,
        state: state.to_owned(),
        fetched_at: Some(fetch.at),
        fetches: fetch.count,
        instance: instance.map(|instance| instance.id.clone()),
        status: instance.map(|instance| instance.status.clone()),
    }
}

fn asks_for(client: &Client, service: &Service) -> bool {
    client.name.split(',').any(|name| name.trim().eq_ignore_ascii_case(&service.name))
}

/// Which addresses are this machine's: whoever asks over loopback may be registered with any of them.
#[derive(Default)]
struct OwnAddresses(HashMap<IpAddr, bool>);

impl OwnAddresses {
    fn is_from(&mut self, address: IpAddr, instance: &Instance) -> bool {
        let address = address.to_canonical();
        if instance.host.eq_ignore_ascii_case(&address.to_string()) {
            return true;
        }
        let Ok(registered) = instance.ip.parse::<IpAddr>() else { return false };
        registered == address || (address.is_loopback() && self.holds(registered))
    }

    fn holds(&mut self, address: IpAddr) -> bool {
        *self.0.entry(address).or_insert_with(|| UdpSocket::bind((address, 0)).is_ok())
    }
}
