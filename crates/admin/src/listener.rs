//! `wellspring.admin.*`: where the admin API listens, and what one needs to be let in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use wellspring_properties::{Environment, Problem, value};

use crate::access::Access;
use crate::codes;
use crate::events::{Limits, Log};
use crate::federation::Membership;

/// How many ports beyond the wanted one are tried.
const NEXT_PORTS: u16 = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Raw {
    address: Option<String>,
    token: Option<String>,
    access_file: Option<PathBuf>,
    daemons: Vec<String>,
    console_dir: Option<PathBuf>,
    events: Events,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Events {
    file: Option<PathBuf>,
    #[serde(with = "value::data_size")]
    max_size: u64,
    #[serde(with = "value::duration_seconds")]
    max_age: Duration,
    max_events: usize,
}

impl Default for Events {
    fn default() -> Self {
        let Limits { events, bytes, age } = Limits::default();
        Self { file: None, max_size: bytes as u64, max_age: age, max_events: events }
    }
}

/// `wellspring.admin`.
#[derive(Clone)]
pub struct Settings {
    /// `None`: off.
    pub address: Option<SocketAddr>,
    /// Wanted as `Authorization: Bearer`.
    pub token: Option<String>,
    access_file: Option<PathBuf>,
    /// Admin APIs of other daemons that no registry knows.
    daemons: Vec<String>,
    /// Serve the console's files from there, while somebody edits them.
    pub console_dir: Option<PathBuf>,
    events_file: Option<PathBuf>,
    limits: Limits,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Settings {
    /// Off unless `wellspring.admin.address` is set.
    pub fn from_env(env: &Environment) -> Result<Self, Problem> {
        let Raw { address, token, access_file, console_dir, daemons, events } =
            env.bind("wellspring.admin")?;
        let token = token.filter(|token| !token.is_empty());
        let key = "wellspring.admin.address";
        let address = match address.as_deref().map(str::trim) {
            // YAML reads an unquoted `off` as false.
            None | Some("" | "off" | "false") => None,
            Some(text) => Some(parse(text).ok_or_else(|| {
                Problem::new(codes::ADDRESS, format!("{key} is no address"))
                    .at(env.origin(key))
                    .found(text)
                    .hint("127.0.0.1:9770, or off")
            })?),
        };
        let bytes = usize::try_from(events.max_size).unwrap_or(usize::MAX);
        let limits = Limits { events: events.max_events.max(1), bytes, age: events.max_age };
        Ok(Self { address, token, access_file, console_dir, daemons, events_file: events.file, limits })
    }

    /// Who may use the API. Refused when other machines reach the address and nobody is asked who he is.
    pub fn access(&self, env: &Environment) -> Result<Access, Problem> {
        let access = match &self.access_file {
            None => Access::new(self.token.clone()),
            Some(path) => Access::kept_in(self.token.clone(), path).map_err(|error| {
                let message = format!("{} cannot be used for users and tokens: {error}", path.display());
                Problem::new(codes::ACCESS_FILE, message)
                    .at(env.origin("wellspring.admin.access-file"))
                    .hint("wellspring.admin.access-file: a file that this process wrote, or a path that can be written")
            })?,
        };
        match self.address {
            Some(address) if !address.ip().is_loopback() && access.is_open() => {
                let key = "wellspring.admin.address";
                let message = format!("{key} can be reached from other machines, and nothing protects it");
                let hint = "set wellspring.admin.token, or listen on 127.0.0.1:9770";
                Err(Problem::new(codes::ADDRESS, message)
                    .at(env.origin(key))
                    .found(address.to_string())
                    .hint(hint))
            }
            _ => Ok(access),
        }
    }

    /// How a process that listens at `bound` takes part in the platform.
    pub fn membership(&self, bound: SocketAddr) -> Membership {
        Membership { token: self.token.clone(), own: Some(bound), named: self.daemons.clone() }
    }

    /// The event log that the settings describe.
    pub fn log(&self) -> Result<Log, Problem> {
        match &self.events_file {
            None => Ok(Log::in_memory(self.limits)),
            Some(path) => Log::in_file(path, self.limits).map_err(|error| {
                let message = format!("{} cannot be used as event log: {error}", path.display());
                Problem::new(codes::EVENT_FILE, message)
                    .hint("wellspring.admin.events.file: a path that can be written")
            }),
        }
    }

    /// The wanted address, then the next ports: several daemons of a machine find a place each.
    pub fn candidates(&self) -> impl Iterator<Item = SocketAddr> {
        self.address.into_iter().flat_map(|address| {
            let last = if address.port() == 0 { 0 } else { address.port().saturating_add(NEXT_PORTS) };
            (address.port()..=last).map(move |port| SocketAddr::new(address.ip(), port))
        })
    }
}

/// `host:port`, `:port` or a port on loopback.
fn parse(text: &str) -> Option<SocketAddr> {
    let loopback = |port: &str| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?));
    match text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')) {
        Some(port) => loopback(port),
        None => text.parse().ok().or_else(|| loopback(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_properties::PropertySource;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], Vec::new())
    }

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, Problem> {
        Settings::from_env(&environment(pairs))
    }

    #[test]
    fn addresses_are_read_and_off_is_off() {
        let table = [
            ("127.0.0.1:9770", Some("127.0.0.1:9770")),
            ("localhost:1", Some("127.0.0.1:1")),
            ("9770", Some("127.0.0.1:9770")),
            ("[::1]:5", Some("[::1]:5")),
            ("off", None),
            ("false", None),
            ("", None),
        ];
        for (text, expected) in table {
            let address = settings(&[("wellspring.admin.address", text)]).unwrap().address;
            assert_eq!(address.map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
        assert!(settings(&[]).unwrap().address.is_none());
        assert_eq!(settings(&[("wellspring.admin.address", "here")]).unwrap_err().code, codes::ADDRESS);
    }

    #[test]
    fn nothing_but_loopback_without_a_token() {
        let open = ("wellspring.admin.address", "0.0.0.0:9770");
        let access = |pairs: &[(&str, &str)]| settings(pairs).unwrap().access(&environment(pairs));
        assert_eq!(access(&[open]).unwrap_err().code, codes::ADDRESS);
        assert!(access(&[open, ("wellspring.admin.token", "s3cret")]).is_ok());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.json").display().to_string();
        let kept = ("wellspring.admin.access-file", file.as_str());
        assert_eq!(access(&[open, kept]).unwrap_err().code, codes::ADDRESS, "nobody is in it");
        assert!(access(&[kept]).is_ok());
        std::fs::write(&file, "[").unwrap();
        assert_eq!(access(&[kept]).unwrap_err().code, codes::ACCESS_FILE);
    }

    #[test]
    fn others_find_this_process_where_it_listens() {
        let found = |bound: &str| {
            let settings = settings(&[("wellspring.admin.daemons", "http://a:1, http://b:2")]).unwrap();
            let admin = crate::Admin::default();
            let membership = settings.membership(bound.parse().unwrap());
            assert_eq!(membership.named, ["http://a:1", "http://b:2"]);
            admin.join(membership);
            admin.found_at("10.0.0.7").unwrap()
        };
        assert_eq!(found("127.0.0.1:9770"), "http://127.0.0.1:9770");
        assert_eq!(found("0.0.0.0:9770"), "http://10.0.0.7:9770");
        assert_eq!(found("[::1]:9770"), "http://[::1]:9770");
    }

    #[test]
    fn the_next_ports_are_tried() {
        let ports = |text| {
            settings(&[("wellspring.admin.address", text)])
                .unwrap()
                .candidates()
                .map(|a| a.port())
                .collect::<Vec<_>>()
        };
        assert_eq!(ports("127.0.0.1:9770").get(..2), Some(&[9770, 9771][..]));
        assert_eq!(ports("127.0.0.1:0"), [0]);
    }
}
