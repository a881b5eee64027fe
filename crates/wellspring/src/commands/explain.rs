//! `explain`: what a code means; or a setting: its value, where it is set, what else would have set it.

use std::io::Write;
use std::path::PathBuf;

use wellspring_properties::codes::Code;
use wellspring_properties::relaxed::canonical;
use wellspring_properties::{Environment, Loader};

use crate::server::Outcome;
use crate::settings::{self, keys};

const TABLES: &[&[Code]] = &[
    wellspring_properties::codes::CODES,
    wellspring_lb_client::codes::CODES,
    wellspring_config_server::codes::CODES,
    wellspring_daemon::codes::CODES,
    wellspring_tls::codes::CODES,
    wellspring_redis::codes::CODES,
    wellspring_daemon::admin::codes::CODES,
    wellspring_gateway::problem::CODES,
    crate::codes::CODES,
];

/// Every code of the suite.
pub(crate) fn all_codes() -> impl Iterator<Item = &'static Code> {
    TABLES.iter().copied().flatten()
}

pub(super) fn run(what: &str, config: Option<PathBuf>, args: Vec<String>, out: &mut dyn Write) -> Outcome {
    let digits = what.to_ascii_uppercase();
    let digits = digits.strip_prefix("WS-").unwrap_or(&digits);
    if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return code(digits, out);
    }
    setting(what, config, args, out)
}

fn code(digits: &str, out: &mut dyn Write) -> Outcome {
    match all_codes().find(|code| code.code.ends_with(digits)) {
        Some(Code { code, title, explanation }) => {
            writeln!(out, "{code}: {title}\n\n{}", wrapped(explanation, 90))?;
            Ok(true)
        }
        None => {
            writeln!(out, "no complaint has the code WS-{digits}")?;
            Ok(false)
        }
    }
}

fn setting(key: &str, config: Option<PathBuf>, args: Vec<String>, out: &mut dyn Write) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let importer = wellspring_lb_client::config::Importer::new();
    let loader =
        Loader::new().config_path(config).args(args).vars(std::env::vars().collect()).importer(&importer);
    let env = match runtime.block_on(loader.load()) {
        Ok(env) => env,
        Err(problem) => {
            writeln!(out, "{problem}")?;
            return Ok(false);
        }
    };
    let fate = settings::fate(key);
    match env.get(key) {
        Some(value) => writeln!(out, "{key} = {}", shown(key, &value))?,
        None => writeln!(out, "{key} is not set: the default applies")?,
    }
    for (number, line) in holders(&env, key).into_iter().enumerate() {
        writeln!(out, "  {} {line}", if number == 0 { "from" } else { "over" })?;
    }
    if !env.active_profiles().is_empty() {
        writeln!(out, "  with profiles {}", env.active_profiles().join(", "))?;
    }
    writeln!(out, "  {}: {}", fate.support, fate.remark)?;
    if let Some(known) = keys::find(key) {
        let old = if known.old { "; the originals say: no longer" } else { "" };
        writeln!(out, "  Spring's {}, {}{old}", known.name, kind(known.kind))?;
    }
    Ok(true)
}

fn kind(kind: keys::Kind) -> &'static str {
    match kind {
        keys::Kind::Flag => "true or false",
        keys::Kind::Int => "a whole number",
        keys::Kind::Number => "a number",
        keys::Kind::Time => "a duration such as 10s",
        keys::Kind::Size => "a size such as 10MB",
        keys::Kind::Text => "text",
        keys::Kind::List => "a list",
        keys::Kind::Map => "a group of names of your own",
        keys::Kind::Other => "one of a few words, or a group",
    }
}

/// Each source that has the key, highest first.
fn holders(env: &Environment, key: &str) -> Vec<String> {
    let has = |source: &wellspring_properties::PropertySource| {
        Environment::new(vec![source.clone()], Vec::new()).find(key).cloned()
    };
    let lines = env.sources().iter().filter_map(|source| {
        let entry = has(source)?;
        let place = entry.origin.map_or_else(|| source.name.clone(), |origin| origin.to_string());
        Some(format!("{place}: {}", shown(key, &entry.value.to_string())))
    });
    lines.collect()
}

fn shown(key: &str, value: &str) -> String {
    let key = canonical(key).to_lowercase();
    let secret = ["password", "secret", "token", "credential", "privatekey", "encrypt.key"]
        .iter()
        .any(|word| key.contains(word));
    if secret { "******".to_owned() } else { value.to_owned() }
}

/// Lines of at most so many characters, broken at blanks.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            lines.push('\n');
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn explain(what: &str, yaml: &str, args: &[&str]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yml");
        std::fs::write(&file, yaml).unwrap();
        let mut out = Vec::new();
        run(what, Some(file), args.iter().map(|a| (*a).to_owned()).collect(), &mut out).unwrap();
        String::from_utf8(out).unwrap().replace(&format!("{}/", directory.path().display()), "")
    }

    #[test]
    fn no_two_complaints_share_a_code() {
        let codes: Vec<_> = all_codes().map(|code| code.code).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len(), "{codes:?}");
    }

    #[test]
    fn codes_are_explained_however_they_are_written() {
        assert!(
            explain("ws-1201", "", &[]).starts_with("WS-1201: value has the wrong type\n\nThe setting wants")
        );
        assert_eq!(explain("1201", "", &[]), explain("WS-1201", "", &[]));
        assert_eq!(explain("WS-9999", "", &[]), "no complaint has the code WS-9999\n");
    }

    #[test]
    fn a_setting_tells_where_it_comes_from_and_what_it_hides() {
        let text =
            explain("server.port", "server:\n  port: 80\n---\nserver.port: 81\n", &["--server.port=82"]);
        let lines: Vec<_> = text.lines().take(4).collect();
        assert_eq!(
            lines,
            [
                "server.port = 82",
                "  from argument --server.port: 82",
                "  over a.yml:4:14: 81",
                "  over a.yml:2:9: 80"
            ]
        );
        assert!(explain("encrypt.key", "encrypt.key: x7z\n", &[]).starts_with("encrypt.key = ******\n"));
        assert!(explain("none.such", "", &[]).starts_with("none.such is not set: the default applies\n"));
    }
}
