//! `/lastn`: the last thousand registrations and cancellations.

use wellspring_daemon::error_page;

use super::About;
use super::page::{escape, page};
use crate::Node;
use crate::state::Entry;

pub fn history(node: &Node, about: &About) -> String {
    let (cancelled, registered) =
        node.with(|state, _| (state.history().cancellations(), state.history().registrations()));
    let body = format!(
        "{}{}",
        table("Last 1000 cancelled leases", &cancelled),
        table("Last 1000 newly registered leases", &registered)
    );
    page("Eureka - Last N events", &about.config.context_path, &about.config.dashboard.path, &body)
}

fn table(title: &str, entries: &[Entry]) -> String {
    let rows: String = entries
        .iter()
        .map(|entry| {
            format!(
                "<tr><td>{}</td><td>{}</td></tr>\n",
                error_page::timestamp(entry.at.0),
                escape(&entry.what)
            )
        })
        .collect();
    let rows = if rows.is_empty() {
        "<tr><td colspan=\"2\">No results available</td></tr>\n".to_owned()
    } else {
        rows
    };
    format!("<h1>{title}</h1>\n<table><tr><th>Timestamp</th><th>Lease</th></tr>\n{rows}</table>\n")
}
