//! The page at `/`: the original's figures in the original's order, and the reason behind self-preservation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wellspring_wire::eureka::{Application, InstanceInfo, Status};

use super::page::{escape, page, pairs};
use super::{About, Figures};

pub fn overview(figures: &Figures, about: &About) -> String {
    let config = &about.config;
    let body = format!(
        "<h1>System Status</h1>\n{}{}{}<h1>DS Replicas</h1>\n{}<h1>Instances currently registered with Eureka</h1>\n{}\
         <h1>General Info</h1>\n{}<h1>Instance Info</h1>\n{}",
        pairs(&[
            ("Environment", escape(&config.environment)),
            ("Data center", escape(&config.datacenter)),
            ("Current time", figures.current_time()),
            ("Uptime", figures.uptime.clone()),
            ("Lease expiration enabled", figures.expiry_enabled.to_string()),
            ("Renews threshold", figures.threshold.to_string()),
            ("Renews (last min)", figures.last_minute.to_string()),
        ]),
        warning(figures, about).map(|text| format!("<p class=\"warn\">{text}</p>\n")).unwrap_or_default(),
        reason(figures, about),
        replicas(figures),
        instances(&figures.applications),
        pairs(&[
            ("total-avail-memory", format!("{}mb", figures.memory.total_mib)),
            ("num-of-cpus", cpus().to_string()),
            (
                "current-memory-usage",
                format!("{}mb ({}%)", figures.memory.used_mib, figures.memory.percent())
            ),
            ("server-uptime", figures.uptime.clone()),
            ("registered-replicas", escape(&figures.registered.join(", "))),
            ("unavailable-replicas", escape(&followed(&figures.unavailable))),
            ("available-replicas", escape(&followed(&figures.available))),
        ]),
        pairs(&[("ipAddr", escape(&about.own.ip_addr)), ("status", about.own.status.to_string())]),
    );
    page("Eureka", &config.context_path, &config.dashboard.path, &body)
}

pub(super) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Each followed by a comma, as the original joins them.
pub(super) fn followed(urls: &[String]) -> String {
    urls.iter().map(|url| format!("{url},")).collect()
}

fn warning(figures: &Figures, about: &About) -> Option<&'static str> {
    let server = &about.config.server;
    let below = figures.last_minute <= figures.threshold;
    if server.enable_self_preservation {
        let settled =
            figures.now.since(about.started).as_millis() > u128::from(server.wait_time_in_ms_when_sync_empty);
        (below && settled).then_some(
            "EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING INSTANCES ARE UP WHEN THEY'RE NOT. RENEWALS ARE LESSER THAN \
             THRESHOLD AND HENCE THE INSTANCES ARE NOT BEING EXPIRED JUST TO BE SAFE.",
        )
    } else if below {
        Some(
            "RENEWALS ARE LESSER THAN THE THRESHOLD. THE SELF PRESERVATION MODE IS TURNED OFF. THIS MAY NOT PROTECT \
             INSTANCE EXPIRY IN CASE OF NETWORK/OTHER PROBLEMS.",
        )
    } else {
        Some(
            "THE SELF PRESERVATION MODE IS TURNED OFF. THIS MAY NOT PROTECT INSTANCE EXPIRY IN CASE OF NETWORK/OTHER \
             PROBLEMS.",
        )
    }
}

/// Why leases do or do not end at present.
fn reason(figures: &Figures, about: &About) -> String {
    let server = &about.config.server;
    if !server.enable_self_preservation {
        return "<p class=\"why\">Leases end on time: self-preservation is off.</p>\n".to_owned();
    }
    let verdict = if figures.expiry_enabled { "Leases end on time" } else { "No lease ends" };
    let mut text = format!(
        "<p class=\"why\">{verdict}: {} renewals came in the last whole minute, more than {} are needed. {} clients are \
         expected, renewing every {} s; the expectation is recomputed every {} s and with every registration and cancellation.",
        figures.last_minute,
        figures.threshold,
        figures.expected,
        server.expected_client_renewal_interval_seconds,
        server.renewal_threshold_update_interval_ms / 1000,
    );
    if !figures.missing.is_empty() {
        let shown: Vec<_> = figures.missing.iter().take(20).map(|name| escape(name)).collect();
        let more = figures.missing.len() - shown.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!(" Overdue: {}{rest}.", shown.join(", ")));
    }
    text.push_str("</p>\n");
    text
}

fn replicas(figures: &Figures) -> String {
    if figures.peers.is_empty() {
        return "<p>No replicas</p>\n".to_owned();
    }
    let links = figures
        .peers
        .iter()
        .map(|(host, url)| format!("<li><a href=\"{}\">{}</a></li>\n", escape(url), escape(host)));
    format!("<ul>\n{}</ul>\n", links.collect::<String>())
}

fn instances(applications: &[Application]) -> String {
    let mut rows = String::new();
    for application in applications {
        let mut by_status: BTreeMap<Status, Vec<&InstanceInfo>> = BTreeMap::new();
        let mut zones: BTreeMap<String, usize> = BTreeMap::new();
        let mut images: BTreeMap<String, usize> = BTreeMap::new();
        for instance in &application.instances {
            by_status.entry(instance.status).or_default().push(instance);
            *zones.entry(amazon(instance, "availability-zone").unwrap_or_default()).or_default() += 1;
            *images.entry(amazon(instance, "ami-id").unwrap_or_else(|| "n/a".to_owned())).or_default() += 1;
        }
        let mut statuses = String::new();
        for (status, group) in by_status {
            let name = format!("{status} ({})", group.len());
            let name = if status == Status::Up { name } else { format!("<span class=\"bad\">{name}</span>") };
            let links: Vec<_> = group.into_iter().map(link).collect();
            let written = write!(statuses, "<b>{name}</b> - {} ", links.join(", "));
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        }
        let counted = |counts: BTreeMap<String, usize>| {
            let texts: Vec<_> = counts
                .into_iter()
                .map(|(name, count)| {
                    format!("{}{}({count})", escape(&name), if name.is_empty() { "" } else { " " })
                })
                .collect();
            texts.join(", ")
        };
        rows.push_str(&format!(
            "<tr><td><b>{}</b></td><td>{}</td><td>{}</td><td>{statuses}</td></tr>\n",
            escape(&application.name),
            counted(images),
            counted(zones)
        ));
    }
    if rows.is_empty() {
        rows.push_str("<tr><td colspan=\"4\">No instances available</td></tr>\n");
    }
    format!(
        "<table><tr><th>Application</th><th>AMIs</th><th>Availability Zones</th><th>Status</th></tr>\n{rows}</table>\n"
    )
}

fn amazon(instance: &InstanceInfo, key: &str) -> Option<String> {
    instance.data_center_info.as_ref()?.amazon.as_ref()?.get(key).cloned()
}

/// The id, linked only to what is a web page: the address comes from whoever registered.
fn link(instance: &InstanceInfo) -> String {
    let id = escape(instance.id());
    match instance
        .status_page_url
        .as_deref()
        .filter(|url| url.starts_with("http://") || url.starts_with("https://"))
    {
        Some(url) => format!("<a href=\"{}\" rel=\"noreferrer\">{id}</a>", escape(url)),
        None => id,
    }
}
