use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::{Environment, PropertySource, flatten, yaml};

fn file(text: &str) -> PropertySource {
    let documents = yaml::parse(text, "app.yml").unwrap();
    PropertySource::new("app.yml", flatten::document(&documents[0]))
}

fn env(sources: Vec<PropertySource>) -> Environment {
    Environment::new(sources, Vec::new())
}

fn variables(pairs: &[(&str, &str)]) -> PropertySource {
    PropertySource::of_variables("vars", pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Server {
    port: u16,
    max_threads: u32,
    mode: Mode,
    hosts: Vec<String>,
    #[serde(with = "crate::value::duration_seconds")]
    time_out: std::time::Duration,
    limit: Option<crate::value::DataSize>,
    #[serde(with = "crate::value::duration_millis::option")]
    grace: Option<std::time::Duration>,
    enabled: bool,
    inner: Inner,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Inner {
    name: Option<String>,
    labels: IndexMap<String, String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Plain,
    WithTls,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Route {
    id: String,
    predicates: Vec<String>,
    metadata: BTreeMap<String, serde_json::Value>,
}

#[test]
fn structs_bind_relaxed_from_any_spelling() {
    let text = "server:\n  port: 80\n  maxThreads: 0x10\n  mode: WITH_TLS\n  hosts: a, b\n  time_out: 5\n  limit: 2KB\n  enabled: on\n  grace: 20\n  inner: {name: '${server.port}', labels: {a: {b: 1}, '[x/y]': yes, Case: c}}\n";
    let server: Server = env(vec![file(text)]).bind("server").unwrap();
    assert_eq!(server.port, 80);
    assert_eq!(server.max_threads, 16);
    assert_eq!(server.mode, Mode::WithTls);
    assert_eq!(server.hosts, ["a", "b"]);
    assert_eq!(server.time_out.as_secs(), 5);
    assert_eq!(server.grace.unwrap().as_millis(), 20);
    assert_eq!(server.limit.unwrap().bytes(), 2048);
    assert!(server.enabled);
    assert_eq!(server.inner.name.as_deref(), Some("80"));
    let labels: Vec<_> = server.inner.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(labels, ["a.b=1", "x/y=true", "Case=c"]);
}

#[test]
fn variables_bind_over_files_and_keep_the_spelling_of_map_keys() {
    let vars = variables(&[
        ("SERVER_PORT", "9000"),
        ("SERVER_MAX_THREADS", "7"),
        ("SERVER_INNER_LABELS_CASE", "from env"),
        ("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", "http://e"),
        ("ROUTES_0_ID", "one"),
        ("ROUTES_0_PREDICATES_0", "Path=/a"),
    ]);
    let env = env(vec![
        vars,
        file(
            "server: {port: 80, maxThreads: 3, inner: {labels: {Case: file, other: o}}}\nroutes: [{id: x}, {id: y}]\n",
        ),
    ]);
    let server: Server = env.bind("server").unwrap();
    assert_eq!((server.port, server.max_threads), (9000, 7));
    let labels: Vec<_> = server.inner.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(labels, ["Case=from env", "other=o"]);
    let zones: IndexMap<String, String> = env.bind("eureka.client.service-url").unwrap();
    assert_eq!(zones.get("defaultZone").map(String::as_str), Some("http://e"));
    assert_eq!(env.get("eureka.client.service-url.defaultZone").as_deref(), Some("http://e"));
    assert_eq!(env.get("server.max-threads").as_deref(), Some("7"));
    let routes: Vec<Route> = env.bind("routes").unwrap();
    assert_eq!(routes.len(), 1, "the higher source's list replaces the lower one");
    assert_eq!(routes[0].predicates, ["Path=/a"]);
}

#[test]
fn maps_merge_and_lists_do_not() {
    let env = env(vec![file("r: {m: {a: 1}, l: [x]}"), file("r: {m: {a: 0, b: 2}, l: [p, q]}")]);
    assert_eq!(
        env.bind::<BTreeMap<String, i32>>("r.m").unwrap(),
        BTreeMap::from([("a".into(), 1), ("b".into(), 2)])
    );
    assert_eq!(env.bind::<Vec<String>>("r.l").unwrap(), ["x"]);
    assert_eq!(env.get_as::<Vec<String>>("r.none").unwrap(), None);
    assert_eq!(env.get_as::<i32>("r.m.b").unwrap(), Some(2));
}

#[test]
fn a_comma_text_above_hides_a_list_below_and_empty_hides_all() {
    let args = |value: &str| PropertySource::of_pairs("args", [("l", value)]);
    let below = || file("l: [p, q]");
    assert_eq!(env(vec![args("a,b"), below()]).bind::<Vec<String>>("l").unwrap(), ["a", "b"]);
    assert!(env(vec![args(""), below()]).bind::<Vec<String>>("l").unwrap().is_empty());
}

#[test]
fn empty_values_keep_defaults() {
    let server: Server =
        env(vec![file("server:\n  port:\n  hosts: []\n  inner:\n  limit: ''\n  grace: ''\n  enabled: ~\n")])
            .bind("server")
            .unwrap();
    assert_eq!(server, Server::default());
    let server: Server = env(vec![file("server:")]).bind("server").unwrap();
    assert_eq!(server, Server::default());
}

#[test]
fn any_values_keep_their_types() {
    let text = "r: {id: x, metadata: {n: 1, t: yes, s: '1', f: 1.5, list: [1, a], deep: {k: v}}}";
    let route: Route = env(vec![file(text)]).bind("r").unwrap();
    let json = serde_json::to_string(&route.metadata).unwrap();
    assert_eq!(json, r#"{"deep":{"k":"v"},"f":1.5,"list":[1,"a"],"n":1,"s":"1","t":true}"#);
}

#[test]
fn mistyped_values_say_where_and_what() {
    for (text, code, message, line) in [
        ("server:\n  port: none\n", "WS-1201", "server.port wants a whole number from 0 to 65535", 2),
        ("server:\n  port: 70000\n", "WS-1201", "server.port wants a whole number from 0 to 65535", 2),
        ("server: {enabled: maybe}", "WS-1201", "server.enabled wants true or false", 1),
        ("server: {mode: other}", "WS-1201", "server.mode wants one of plain, with-tls", 1),
        ("server: {time-out: 1m30s}", "WS-1206", "server.time-out: not a duration", 1),
        ("server: {limit: big}", "WS-1207", "server.limit: not a data size", 1),
        ("server: {port: {a: 1}}", "WS-1204", "server.port is one value, not a group", 1),
        ("server: {inner: x}", "WS-1204", "server.inner is a group of settings, not one value", 1),
        ("server: {hosts: {a: 1}}", "WS-1204", "server.hosts is a list", 1),
        ("server: {port: '${nope}'}", "WS-1110", "could not resolve the placeholder in server.port", 1),
        ("server: x", "WS-1204", "server is a group of settings, not one value", 1),
    ] {
        let problem = env(vec![file(text)]).bind::<Server>("server").unwrap_err();
        assert_eq!((problem.code, problem.message.as_str()), (code, message), "{text}");
        assert_eq!(problem.place.unwrap().line, line, "{text}");
    }
    let holes = env(vec![PropertySource::of_pairs("args", [("l[0]", "a"), ("l[2]", "c")])]);
    assert_eq!(holes.bind::<Vec<String>>("l").unwrap_err().message, "l[2] leaves a hole in the list");
}

#[test]
fn missing_required_fields_are_named() {
    #[derive(Debug, Deserialize)]
    struct Needs {
        #[expect(dead_code, reason = "only its absence matters")]
        uri: String,
    }
    let problem = env(vec![file("a: {b: 1}")]).bind::<Needs>("a").unwrap_err();
    assert_eq!((problem.code, problem.message.as_str()), ("WS-1205", "a.uri is required"));
}

#[test]
fn unknown_keys_are_reported_with_the_nearest_name() {
    let vars = variables(&[("SERVER_SERVICE_HOST", "10.0.0.1")]);
    let env = env(vec![vars, file("server:\n  prot: 80\n  inner:\n    lables: {a: b}\n  zzz: 1\n")]);
    let (server, unknown) = env.bind_checked::<Server>("server");
    assert_eq!(server.unwrap(), Server::default());
    let mut lines: Vec<_> = unknown.iter().map(|p| p.line()).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "WS-1202: unknown setting server.inner.lables.a at app.yml:4:17; try: did you mean server.inner.labels?",
            "WS-1202: unknown setting server.prot at app.yml:2:9; try: did you mean server.port?",
            "WS-1202: unknown setting server.zzz at app.yml:5:8",
        ]
    );
}
