//! `/actuator/loggers`: levels seen and changed while the process runs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wellspring_telemetry::levels::{self, Levels, Shown};
use wellspring_telemetry::logs::Logs;

use super::endpoint::{Call, Endpoint, Reply};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logger {
    #[serde(skip_serializing_if = "Option::is_none")]
    configured_level: Option<&'static str>,
    effective_level: &'static str,
}

impl From<Shown> for Logger {
    fn from(shown: Shown) -> Self {
        Self {
            configured_level: shown.configured.map(levels::name),
            effective_level: levels::name(shown.effective),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    configured_level: Option<String>,
}

pub(super) fn endpoint(logs: &Logs) -> Endpoint {
    let (all, one, change) = (logs.clone(), logs.clone(), logs.clone());
    Endpoint::new("loggers")
        .read("", move |_| std::future::ready(listing(all.levels())))
        .read("{name}", move |call| std::future::ready(single(one.levels(), call.selector("name"))))
        .write("{name}", move |call| std::future::ready(set(change.levels(), &call)))
}

fn listing(levels: &Levels) -> Reply {
    let mut loggers = Map::new();
    let root = levels.root();
    let shown = Shown { configured: Some(root), effective: root };
    loggers.insert(levels::ROOT.to_owned(), json!(Logger::from(shown)));
    loggers.extend(levels.loggers().into_iter().map(|(name, shown)| (name, json!(Logger::from(shown)))));
    let groups: Map<String, Value> =
        levels.groups().into_keys().map(|name| (name.clone(), group(levels, &name))).collect();
    Reply::json(&json!({"levels": levels::NAMES, "loggers": loggers, "groups": groups}))
}

fn group(levels: &Levels, name: &str) -> Value {
    let members = levels.groups().remove(name).unwrap_or_default();
    match levels.group_level(name) {
        Some(level) => json!({"configuredLevel": levels::name(level), "members": members}),
        None => json!({ "members": members }),
    }
}

fn single(levels: &Levels, name: &str) -> Reply {
    if levels.groups().contains_key(name) {
        return Reply::json(&group(levels, name));
    }
    levels.find(name).map_or_else(Reply::absent, |shown| Reply::json(&Logger::from(shown)))
}

fn set(levels: &Levels, call: &Call) -> Reply {
    let wanted = if call.body.is_empty() { Ok(None) } else { call.json::<Option<Wanted>>() };
    let level = match wanted {
        Err(refusal) => return refusal,
        Ok(wanted) => wanted.and_then(|wanted| wanted.configured_level),
    };
    let level = match level {
        None => None,
        Some(text) => match levels::parse(&text) {
            Some(level) => Some(level),
            None => return Reply::bad_request(format!("{text:?} is none of {}", levels::NAMES.join(", "))),
        },
    };
    levels.set(call.selector("name"), level);
    Reply::done()
}
