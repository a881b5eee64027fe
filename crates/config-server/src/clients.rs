//! Which commit each client fetched last, and when: `/actuator/configclients`.
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

#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<(IpAddr, Query), Fetch>>);

#[derive(Debug, Clone)]
struct Fetch {
    version: Option<String>,
    rejected: Option<String>,
    at: Millis,
    count: u64,
}

impl Clients {
    pub(crate) fn fetched(&self, address: IpAddr, query: &Query, found: &Found) {
        let mut clients = self.0.lock();
        let at = Millis::now();
        let key = (address, query.clone());
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

    /// Newest first; names and commits, no values.
    fn shown(&self) -> Value {
        let mut all: Vec<_> = self.0.lock().iter().map(|(key, fetch)| (key.clone(), fetch.clone())).collect();
        all.sort_by_key(|(_, fetch)| std::cmp::Reverse(fetch.at));
        let clients: Vec<Value> = all
            .into_iter()
            .map(|((address, query), fetch)| {
                json!({
                    "address": address.to_string(),
                    "name": query.name,
                    "profiles": query.profiles(),
                    "label": query.label,
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
            let query = Query { name: format!("x{n}"), profiles: "default".into(), label: None };
            clients.fetched(address, &query, &Found::default());
        }
        assert!(clients.0.lock().len() <= REMEMBERED);
    }
}
