//! Addresses of instances that callers on other machines cannot use. Where everything is on one machine, as on a laptop, its
//! loopback address is as good as any.

use std::net::{IpAddr, UdpSocket};

use serde_json::Value;

use super::finding::Finding;
use super::live::items;
use super::reach;
use crate::codes;
use crate::server::table::cell;

/// How the registry words it.
const LOOPBACK: &str = " means every machine itself";
/// Named in one line.
const NAMED: usize = 3;
const HINT: &str = "eureka.instance.ip-address or prefer-ip-address of the instance";

pub(super) async fn look(services: &[Value], cluster: Option<&Value>, findings: &mut Vec<Finding>) {
    let before = findings.len();
    let (mut count, mut local, mut elsewhere) = (0, Vec::new(), None);
    for service in services {
        for instance in items(service, "instances") {
            count += 1;
            let name = format!("{} {}", cell(service, "name"), cell(instance, "id"));
            if cell(instance, "ip").parse().is_ok_and(is_elsewhere) {
                elsewhere.get_or_insert(name.clone());
            }
            let warnings = items(instance, "warnings").filter_map(Value::as_str);
            let (loopback, others): (Vec<_>, Vec<_>) = warnings.partition(|text| text.contains(LOOPBACK));
            if !loopback.is_empty() {
                local.push(name.clone());
            }
            for warning in others {
                let text = format!("{name}: {warning}");
                findings.push(Finding::warning("addresses", codes::ADDRESS, text).hint(HINT));
            }
        }
    }
    if !local.is_empty() && elsewhere.is_none() {
        elsewhere = peer_elsewhere(cluster).await;
    }
    match elsewhere.filter(|_| !local.is_empty()) {
        Some(other) => {
            let named: Vec<&str> = local.iter().take(NAMED).map(String::as_str).collect();
            let more = local.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (count, named) = (local.len(), named.join(", "));
            let text = format!(
                "{count} instances are registered with the loopback address, which {other} cannot use: {named}{more}"
            );
            findings.push(Finding::warning("addresses", codes::ADDRESS, text).hint(HINT));
        }
        None if findings.len() == before => {
            let where_ = if local.is_empty() { "" } else { ", all on this machine" };
            findings.push(Finding::fine(
                "addresses",
                format!("{count} instances{where_}, nothing odd about their addresses"),
            ));
        }
        None => {}
    }
}

/// A registry on another machine hands addresses to clients there.
async fn peer_elsewhere(cluster: Option<&Value>) -> Option<String> {
    for peer in cluster.into_iter().flat_map(|cluster| items(cluster, "peers")) {
        let url = cell(peer, "url");
        let Some((host, port)) = reach::endpoint(&url) else { continue };
        let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
        // A name that this machine does not know is none of its own.
        if found.map_or(true, |mut found| found.any(|address| is_elsewhere(address.ip()))) {
            return Some(format!("peer {url}"));
        }
    }
    None
}

/// No address of this machine.
fn is_elsewhere(ip: IpAddr) -> bool {
    !ip.is_unspecified() && UdpSocket::bind((ip, 0)).is_err()
}
