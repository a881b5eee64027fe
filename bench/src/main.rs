//! `cargo xtask bench registry|config|gateway|bus`: the daemons under load, side by side with their peers; `client`: a call by
//! service name beside the same call by reqwest alone.
//!
//! `registry start|load|propagation`, `config news` and `gateway instructions` run that part alone.
//!
//! What is compared is the CPU time of the serving process per request, taken from the scheduler, in alternating rounds on
//! one core while the load comes from the other; requests per second follow the machine's mood, CPU time hardly does.

mod bus;
mod client;
mod config;
mod gateway;
mod load;
mod process;
mod registry;
mod table;

use anyhow::{Result, bail};

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) requests: usize,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: usize| {
        words
            .iter()
            .find_map(|word| word.strip_prefix(&format!("--{name}="))?.parse().ok())
            .unwrap_or(default)
    };
    let effort = Effort { rounds: number("rounds", 5), requests: number("requests", 20_000) };
    // The load generator keeps to the second core; what it measures is pinned to the first by who starts it.
    if words.first().is_none_or(|word| word != "serve") {
        process::pin_self(1)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match words.first().map(String::as_str) {
        Some("registry") => runtime.block_on(registry::run(effort, &words)),
        Some("config") => runtime.block_on(config::run(effort, &words)),
        Some("gateway") => runtime.block_on(gateway::run(effort, &words)),
        Some("bus") => runtime.block_on(bus::run(effort)),
        Some("client") => runtime.block_on(client::run(effort)),
        // The callee of `client`, which starts it.
        Some("serve") => runtime.block_on(client::serve(number("port", 0).try_into()?)),
        other => {
            bail!(
                "wanted registry, config, gateway, bus or client, got {other:?} (then --rounds=5 --requests=20000)"
            )
        }
    }
}
