//! Hosts of their own: network namespaces on one bridge, which can be cut off, cut off from one another, and slowed down.
//!
//! The bridge has a namespace too, so that no firewall of the machine sees what passes. Needs root.

use std::cell::Cell;
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// The bridge and what hangs on it; gone when dropped.
pub(crate) struct Network {
    hub: String,
    outside: String,
    third: u8,
    hosts: Cell<u8>,
}

/// One namespace with one address.
pub(crate) struct Host {
    namespace: String,
    hub: String,
    /// The bridge's end of its cable.
    port: String,
    address: Ipv4Addr,
}

/// Whether this user may make network namespaces.
pub(crate) fn is_allowed() -> bool {
    let probe = format!("ws{}p", std::process::id());
    let made = quietly("ip", ["netns", "add", &probe]);
    made && quietly("ip", ["netns", "delete", &probe])
}

// === impl Network ===

impl Network {
    /// A bridge, and a cable from it to this process's own network.
    pub(crate) fn new() -> Self {
        let id = std::process::id();
        let third = u8::try_from(id % 250).unwrap();
        let network = Self {
            hub: format!("ws{id}-hub"),
            outside: format!("ws{}o", id % 100_000),
            third,
            hosts: Cell::new(1),
        };
        ip(["netns", "add", &network.hub]);
        network.in_hub(["link", "add", "hub", "type", "bridge"]);
        network.in_hub(["link", "set", "hub", "up"]);
        let peer = format!("{}h", network.outside);
        ip(["link", "add", &network.outside, "type", "veth", "peer", "name", &peer, "netns", &network.hub]);
        network.in_hub(["link", "set", &peer, "master", "hub", "up"]);
        ip(["address", "add", &format!("{}/24", network.address()), "dev", &network.outside]);
        ip(["link", "set", &network.outside, "up"]);
        network
    }

    /// Where the hosts reach this process.
    pub(crate) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 231, self.third, 1)
    }

    pub(crate) fn host(&self) -> Host {
        let number = self.hosts.get() + 1;
        self.hosts.set(number);
        let namespace = format!("{}-{number}", self.hub);
        let port = format!("p{number}");
        let address = Ipv4Addr::new(10, 231, self.third, number);
        ip(["netns", "add", &namespace]);
        ip([
            "-n", &self.hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns",
            &namespace,
        ]);
        self.in_hub(["link", "set", &port, "master", "hub", "up"]);
        ip(["-n", &namespace, "address", "add", &format!("{address}/24"), "dev", "eth0"]);
        ip(["-n", &namespace, "link", "set", "eth0", "up"]);
        ip(["-n", &namespace, "link", "set", "lo", "up"]);
        Host { namespace, hub: self.hub.clone(), port, address }
    }

    fn in_hub<const N: usize>(&self, words: [&str; N]) {
        ip(["-n", self.hub.as_str()].into_iter().chain(words));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        quietly("ip", ["link", "delete", &self.outside]);
        quietly("ip", ["netns", "delete", &self.hub]);
    }
}

// === impl Host ===

impl Host {
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// `program`, to be run there.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Pulls the cable: packets vanish in both directions.
    pub(crate) fn cut(&self) {
        ip(["-n", &self.hub, "link", "set", &self.port, "nomaster"]);
    }

    pub(crate) fn mend(&self) {
        ip(["-n", &self.hub, "link", "set", &self.port, "master", "hub"]);
    }

    /// No longer hears `peer`, which still hears it.
    pub(crate) fn deafen(&self, peer: &Self) {
        self.rule("-A", peer);
    }

    pub(crate) fn hear(&self, peer: &Self) {
        self.rule("-D", peer);
    }

    fn rule(&self, action: &str, peer: &Self) {
        let from = peer.address.to_string();
        let words =
            ["netns", "exec", &self.namespace, "iptables", action, "INPUT", "-s", &from, "-j", "DROP"];
        ip(words);
    }

    /// What it sends leaves at 400 kbit/s and waits for up to 400 ms.
    pub(crate) fn slow_down(&self) {
        let shape = ["tbf", "rate", "400kbit", "burst", "16kbit", "latency", "400ms"];
        let words = ["netns", "exec", &self.namespace, "tc", "qdisc", "add", "dev", "eth0", "root"];
        ip(words.into_iter().chain(shape));
    }

    pub(crate) fn speed_up(&self) {
        ip(["netns", "exec", &self.namespace, "tc", "qdisc", "delete", "dev", "eth0", "root"]);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        quietly("ip", ["netns", "delete", &self.namespace]);
    }
}

fn ip<'a>(words: impl IntoIterator<Item = &'a str>) {
    let words: Vec<&str> = words.into_iter().collect();
    let output = Command::new("ip").args(&words).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
}

fn quietly<'a>(program: &str, words: impl IntoIterator<Item = &'a str>) -> bool {
    Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
}
