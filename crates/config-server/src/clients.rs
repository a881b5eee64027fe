//! Which commit each client fetched last, and when: `/actuator/configclients`, and the admin API's view of drift.
//!
//! Bounded: who asks for made-up names pushes out the entries that were not used for longest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_daemon::Context;
use wellspring_daemon::actuator::{Endpoint, Reply};
use wellspring_properties::Problem;
use wellspring_wire::Millis;

use crate::repository::{Found, Query};

/// Clients that are remembered.
const REMEMBERED: usize = 4096;
/// Names beyond this length are nobody's.
const LONGEST: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<Client, Fetch>>);

/// Who asks for what. No tokens in here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) name: String,
    pub(crate) profiles: String,
    pub(crate) label: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    pub(crate) version: Option<String>,
    pub(crate) rejected: Option<String>,
    pub(crate) at: Millis,
    pub(crate) count: u64,
}

impl Client {
    pub(crate) fn query(&self) -> Query {
        Query {
            name: self.name.clone(),
            profiles: self.profiles.clone(),
            label: self.label.clone(),
            ..Query::default()
        }
    }
}

impl Clients {
    pub(crate) fn fetched(&self, address: IpAddr, query: &Query, found: &Found) {
        let length = query.name.len() + query.profiles.len() + query.label.as_ref().map_or(0, String::len);
        if length > LONGEST {
            return;
        }
        let key = Client {
            address,
            name: query.name.clone(),
            profiles: query.profiles.clone(),
            label: query.label.clone(),
        };
        let mut clients = self.0.lock();
        let at = Millis::now();
        if let Some(known) = clients.get_mut(&key) {
            known.version.clone_from(&found.version);
            known.rejected.clone_from(&found.rejected);
            known.at = at;
            known.count += 1;
            return;
        }
        if clients.len() >= REMEMBERED {
            // Half of them at once, so that a flood costs little each time.
            let mut times: Vec<Millis> = clients.values().map(|fetch| fetch.at).collect();
            let (_, middle, _) = times.select_nth_unstable(REMEMBERED / 2);
            let middle = *middle;
            let before = clients.len();
            clients.retain(|_, fetch| fetch.at > middle);
            if clients.len() == before {
                clients.clear();
            }
        }
        let fetch = Fetch { version: found.version.clone(), rejected: found.rejected.clone(), at, count: 1 };
        clients.insert(key, fetch);
    }

    /// Newest first.
    pub(crate) fn all(&self) -> Vec<(Client, Fetch)> {
        let mut all: Vec<_> = self.0.lock().iter().map(|(key, fetch)| (key.clone(), fetch.clone())).collect();
        all.sort_by_key(|(_, fetch)| std::cmp::Reverse(fetch.at));
        all
    }

    /// Names and commits, no values.
    fn shown(&self) -> Value {
        let clients: Vec<Value> = self
            .all()
            .into_iter()
            .map(|(client, fetch)| {
                json!({
                    "address": client.address.to_string(),
                    "name": client.name,
                    "profiles": client.query().profiles(),
                    "label": client.label,
                    "version": fetch.version,
                    "rejected": fetch.rejected,
                    "at": fetch.at.0,
                    "count": fetch.count,
                })
            })
            .collect();
        json!({ "clients": clients })
    }

    pub(crate) fn mount(self: &Arc<Self>, context: &Context) -> Result<(), Problem> {
        let clients = Arc::clone(self);
        context.actuator.add(Endpoint::new("configclients").read("", move |_| {
            let clients = Arc::clone(&clients);
            async move { Reply::json(&clients.shown()) }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_push_out_old_ones_and_no_more() {
        let clients = Clients::default();
        let address = IpAddr::from([127, 0, 0, 1]);
        for n in 0..3 * REMEMBERED {
            let query = Query { name: format!("x{n}"), profiles: "default".into(), ..Query::default() };
            clients.fetched(address, &query, &Found::default());
        }
        assert!(clients.0.lock().len() <= REMEMBERED);
    }
}
