//! `/actuator/env` and `/actuator/configprops`: what is configured, and where it comes from. Values are masked unless
//! `management.endpoint.X.show-values` is `always`.

use serde_json::{Map, Value, json};
use wellspring_lb_client::config::Refresher;
use wellspring_properties::{Entry, Environment, Problem, PropertySource};

use super::endpoint::{Endpoint, Reply};

const MASK: &str = "******";
/// What configprops lists, when something is set below it.
const GROUPS: [&str; 14] = [
    "eureka.client",
    "eureka.instance",
    "eureka.server",
    "logging",
    "management",
    "server",
    "spring.application",
    "spring.cloud.bus",
    "spring.cloud.config",
    "spring.cloud.gateway",
    "spring.cloud.loadbalancer",
    "spring.lifecycle",
    "spring.rabbitmq",
    "wellspring",
];

fn shows(env: &Environment, id: &str) -> Result<bool, Problem> {
    let text = env.get(&format!("management.endpoint.{id}.show-values")).unwrap_or_default();
    Ok(text.eq_ignore_ascii_case("always"))
}

pub(super) fn env(refresher: &Refresher) -> Result<Endpoint, Problem> {
    let show = shows(&refresher.env(), "env")?;
    let (all, one) = (refresher.clone(), refresher.clone());
    let endpoint = Endpoint::new("env")
        .read("", move |call| {
            let pattern = call.query("pattern").map(str::to_owned);
            std::future::ready(Reply::json(&listing(&all.env(), show, pattern.as_deref())))
        })
        .read("{toMatch}", move |call| {
            std::future::ready(single(&one.env(), call.selector("toMatch"), show))
        });
    if refresher.env().get_as("management.endpoint.env.post.enabled")? != Some(true) {
        return Ok(endpoint);
    }
    let (set, unset) = (refresher.clone(), refresher.clone());
    Ok(endpoint
        .write("", move |call| {
            #[derive(serde::Deserialize)]
            struct Wanted {
                name: String,
                value: String,
            }
            std::future::ready(match call.json::<Wanted>() {
                Ok(Wanted { name, value }) => {
                    set.set([(name.clone(), value.clone())].into_iter().collect());
                    Reply::json(&json!({ name: value }))
                }
                Err(refusal) => refusal,
            })
        })
        .delete("", move |_| {
            unset.unset();
            std::future::ready(Reply::json(&json!({})))
        }))
}

fn profiles(env: &Environment, answer: &mut Map<String, Value>) {
    answer.insert("activeProfiles".to_owned(), json!(env.active_profiles()));
    answer.insert("defaultProfiles".to_owned(), json!(["default"]));
}

fn shown(entry: &Entry, show: bool) -> Value {
    let value = if show { entry.value.to_string() } else { MASK.to_owned() };
    match &entry.origin {
        Some(origin) => json!({"value": value, "origin": origin.to_string()}),
        None => json!({ "value": value }),
    }
}

fn listing(env: &Environment, show: bool, pattern: Option<&str>) -> Map<String, Value> {
    let wanted = |key: &str| pattern.is_none_or(|pattern| key.contains(pattern));
    let mut answer = Map::new();
    profiles(env, &mut answer);
    let sources = env.sources().iter().map(|source| {
        let entries = source.entries.iter().filter(|(key, _)| wanted(key));
        let properties: Map<_, _> = entries.map(|(key, entry)| (key.clone(), shown(entry, show))).collect();
        json!({"name": source.name, "properties": properties})
    });
    answer.insert("propertySources".to_owned(), sources.collect());
    answer
}

fn single(env: &Environment, key: &str, show: bool) -> Reply {
    let own = |source: &PropertySource| {
        let alone = Environment::new(vec![source.clone()], Vec::new());
        alone.find(key).cloned()
    };
    let found: Vec<_> = env.sources().iter().map(|source| (source, own(source))).collect();
    let Some((source, _)) = found.iter().find(|(_, entry)| entry.is_some()) else { return Reply::absent() };
    let value = if show { env.get(key).unwrap_or_default() } else { MASK.to_owned() };
    let mut answer = Map::new();
    answer.insert("property".to_owned(), json!({"source": source.name, "value": value}));
    profiles(env, &mut answer);
    let sources = found.iter().map(|(source, entry)| match entry {
        Some(entry) => json!({"name": source.name, "property": shown(entry, show)}),
        None => json!({"name": source.name}),
    });
    answer.insert("propertySources".to_owned(), sources.collect());
    Reply::json(&answer)
}

pub(super) fn configprops(name: &str, refresher: &Refresher) -> Result<Endpoint, Problem> {
    let show = shows(&refresher.env(), "configprops")?;
    let (all, one) = (refresher.clone(), refresher.clone());
    let (context, again) = (name.to_owned(), name.to_owned());
    Ok(Endpoint::new("configprops")
        .read("", move |_| std::future::ready(Reply::json(&beans(&context, &all.env(), "", show))))
        .read("{prefix}", move |call| {
            let answer = beans(&again, &one.env(), call.selector("prefix"), show);
            let empty =
                answer.pointer(&format!("/contexts/{again}/beans")).is_none_or(|beans| *beans == json!({}));
            std::future::ready(if empty { Reply::absent() } else { Reply::json(&answer) })
        }))
}

fn beans(context: &str, env: &Environment, prefix: &str, show: bool) -> Value {
    let groups = GROUPS.iter().filter(|group| group.starts_with(prefix) && env.contains(group));
    let beans: Map<_, _> = groups
        .map(|group| {
            let mut properties = env.bind::<Value>(group).unwrap_or_default();
            if !show {
                mask(&mut properties);
            }
            let inputs = inputs(env, group, show);
            ((*group).to_owned(), json!({"prefix": group, "properties": properties, "inputs": inputs}))
        })
        .collect();
    json!({"contexts": {context: {"beans": beans}}})
}

/// Where each value comes from, flat.
fn inputs(env: &Environment, group: &str, show: bool) -> Map<String, Value> {
    let mut inputs = Map::new();
    for source in env.sources() {
        for (key, entry) in &source.entries {
            if let Some(rest) = key.strip_prefix(group).and_then(|rest| rest.strip_prefix('.')) {
                inputs.entry(rest.to_owned()).or_insert_with(|| shown(entry, show));
            }
        }
    }
    inputs
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(mask),
        Value::Array(items) => items.iter_mut().for_each(mask),
        other => *other = Value::from(MASK),
    }
}
