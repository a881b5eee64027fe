//! The originals' settings: which there are (`keys`), and what becomes of each here (the crates' own `KNOWN` rows, and those
//! of applications in `elsewhere`).

mod elsewhere;
pub(crate) mod keys;
pub(crate) mod schema;

use std::collections::HashMap;
use std::sync::LazyLock;

use wellspring_properties::relaxed::canonical;
use wellspring_properties::support::{Row, Support};

/// The rows of every crate, each written beside the code that reads the setting, below the crate's name for users.
pub(crate) const fn tables() -> [(&'static str, &'static [Row]); 7] {
    [
        ("Every daemon and Rust service", wellspring_daemon::known::KNOWN),
        ("Registry", wellspring_registry::known::KNOWN),
        ("Clients", wellspring_lb_client::known::KNOWN),
        ("Config server", wellspring_config_server::known::KNOWN),
        ("Gateway", wellspring_gateway::known::KNOWN),
        ("Bus", wellspring_bus::known::KNOWN),
        ("Of Spring applications alone", elsewhere::ROWS),
    ]
}

fn rows() -> impl Iterator<Item = &'static Row> {
    tables().into_iter().flat_map(|(_, rows)| rows)
}

/// By plain prefix.
static INDEX: LazyLock<HashMap<String, &'static Row>> =
    LazyLock::new(|| rows().map(|row| (canonical(row.prefix).into_owned(), row)).collect());

/// The row that holds for a key, if anybody has an opinion.
pub(crate) fn find(key: &str) -> Option<&'static Row> {
    keys::above(&newer(key)).find_map(|at| INDEX.get(at).copied())
}

/// What becomes of a key, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) support: Support,
    pub(crate) remark: String,
}

/// Every key has a fate: one that nobody knows is the application's own, or a slip of the pen.
pub(crate) fn fate(key: &str) -> Fate {
    let of_row = |row: &Row| Fate { support: row.support, remark: row.remark.to_owned() };
    let row = find(key);
    // A name that stands in a table is no slip, though the metadata may lack it.
    let exact = row.is_some_and(|row| canonical(row.prefix) == newer(key).as_str());
    let strange = keys::is_spring(key) && !exact && !keys::is_known(key);
    let slip = if strange { keys::nearest(key) } else { None };
    match (slip, row) {
        (Some(near), _) => {
            Fate { support: Support::Ignored, remark: format!("no such setting; did you mean {near}?") }
        }
        (None, Some(row)) => of_row(row),
        (None, None) if keys::is_spring(key) => {
            Fate { support: Support::Ignored, remark: "no such setting".to_owned() }
        }
        (None, None) => Fate { support: Support::Own, remark: OWN.to_owned() },
    }
}

const OWN: &str = "no setting of Spring's: kept for placeholders and for applications";

/// The gateway's older prefix stands for the newer one.
pub(crate) fn newer(key: &str) -> String {
    const OLD: &str = "spring.cloud.gateway.";
    let plain = canonical(key);
    match plain.strip_prefix(OLD) {
        Some(rest) if !rest.starts_with("server.") && !rest.starts_with("mvc.") => {
            format!("{OLD}server.webflux.{rest}")
        }
        _ => plain.into_owned(),
    }
}

#[cfg(test)]
mod tests;
