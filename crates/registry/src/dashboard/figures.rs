//! What the pages show, gathered at the moment of the request.

use std::time::Duration;

use wellspring_daemon::error_page;
use wellspring_wire::Millis;
use wellspring_wire::eureka::{Application, InstanceInfo};

use crate::Node;
use crate::config::Config;

/// What does not change while the registry runs.
#[derive(Debug)]
pub struct About {
    pub config: Config,
    pub own: InstanceInfo,
    pub started: Millis,
}

#[derive(Debug)]
pub struct Figures {
    pub now: Millis,
    pub uptime: String,
    pub expiry_enabled: bool,
    pub expected: usize,
    pub threshold: usize,
    pub last_minute: usize,
    /// `app(id)` of those who should have renewed by now, and have not.
    pub missing: Vec<String>,
    pub applications: Vec<Application>,
    pub registered: Vec<String>,
    pub available: Vec<String>,
    pub unavailable: Vec<String>,
    /// Host and URL of each peer.
    pub peers: Vec<(String, String)>,
    pub memory: Memory,
}

#[derive(Debug, Default)]
pub struct Memory {
    pub total_mib: u64,
    pub used_mib: u64,
}

impl Figures {
    pub fn gather(node: &Node, about: &About) -> Self {
        let now = Millis::now();
        let (expiry_enabled, expected, threshold, last_minute, missing, applications) =
            node.with(|state, now| {
                let enabled = state.expiry_enabled(now);
                let missing = state.overdue(now);
                let renewals = state.renewals();
                let counted = (renewals.expected(), renewals.threshold(), renewals.last_minute(now));
                (enabled, counted.0, counted.1, counted.2, missing, state.applications())
            });
        let peers: Vec<_> = node
            .peers()
            .all()
            .iter()
            .map(|peer| (peer.address().host().to_owned(), peer.address().url("")))
            .collect();
        // A peer is available when it has registered itself under our own name.
        let siblings =
            applications.iter().filter(|app| app.name == about.own.app).flat_map(|app| &app.instances);
        let hosts: Vec<&str> = siblings.map(|instance| instance.host_name.as_str()).collect();
        let (available, unavailable): (Vec<_>, Vec<_>) =
            peers.iter().partition(|(host, _)| hosts.contains(&host.as_str()));
        let urls = |list: Vec<&(String, String)>| list.into_iter().map(|(_, url)| url.clone()).collect();
        Self {
            now,
            uptime: uptime(now.since(about.started)),
            expiry_enabled,
            expected,
            threshold,
            last_minute,
            missing,
            registered: peers.iter().map(|(_, url)| url.clone()).collect(),
            available: urls(available),
            unavailable: urls(unavailable),
            applications,
            peers,
            memory: Memory::read(),
        }
    }

    /// `2026-11-21T06:09:24 +0000`.
    pub fn current_time(&self) -> String {
        let text = error_page::timestamp(self.now.0);
        format!("{} +0000", text.get(..19).unwrap_or_default())
    }
}

impl Memory {
    fn read() -> Self {
        let kib = |file: &str, name: &str| -> Option<u64> {
            let text = std::fs::read_to_string(file).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Self {
            total_mib: kib("/proc/meminfo", "MemTotal:").unwrap_or_default() / 1024,
            used_mib: kib("/proc/self/status", "VmRSS:").unwrap_or_default() / 1024,
        }
    }

    pub fn percent(&self) -> u64 {
        (self.used_mib * 100).checked_div(self.total_mib).unwrap_or_default()
    }
}

/// `hh:mm`, with days in front when there are any.
fn uptime(since: Duration) -> String {
    let minutes = since.as_secs() / 60;
    let clock = format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    match minutes / 60 / 24 {
        0 => clock,
        1 => format!("1 day {clock}"),
        days => format!("{days} days {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptimes_have_days_only_when_there_are_some() {
        for (seconds, text) in
            [(59, "00:00"), (3660, "01:01"), (90_000, "1 day 01:00"), (200_000, "2 days 07:33")]
        {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
    }
}
