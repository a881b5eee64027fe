//! `config drift|history|diff|get|pin|unpin|pins`: questions to the admin API of a running config server, and the answers as tables.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use wellspring_lb_client::http as client;

use crate::commands::{Output, output};

/// Asks a running config server.
#[derive(Debug, Subcommand)]
pub(crate) enum Asked {
    /// Which commit each client has, joined with the registry; those behind first.
    Drift {
        /// Only this application.
        application: Option<String>,
        /// Only these: current, behind, never, unknown.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        api: Api,
    },
    /// Commits of a label; with an application those that change its files.
    History {
        /// Whose files.
        application: Option<String>,
        /// With which profiles.
        #[arg(long, default_value = "default")]
        profile: String,
        /// Branch or tag; the default label without.
        #[arg(long)]
        label: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        #[command(flatten)]
        api: Api,
    },
    /// Effective values that differ between two commits.
    Diff {
        /// Whose values.
        application: String,
        /// Commit, tag, branch, or main~1.
        from: String,
        /// The same; what the default label is at without.
        to: Option<String>,
        /// With which profiles.
        #[arg(long, default_value = "default")]
        profile: String,
        #[command(flatten)]
        api: Api,
    },
    /// Effective values, each with the place where it stands; secrets masked.
    Get {
        /// Whose values.
        application: String,
        /// With which profiles.
        #[arg(default_value = "default")]
        profile: String,
        /// Branch, tag or commit; the default label without.
        label: Option<String>,
        #[command(flatten)]
        api: Api,
    },
    /// Holds a label at a commit: a roll back without a push.
    Pin {
        /// Commit, tag, or main~1.
        commit: String,
        /// Branch or tag; the default label without.
        #[arg(long)]
        label: Option<String>,
        /// Address of the repository; the default one without.
        #[arg(long)]
        repository: Option<String>,
        /// Why, for the event log.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        api: Api,
    },
    /// Lets a label follow its branch again.
    Unpin {
        /// Branch or tag.
        label: String,
        /// Address of the repository; the default one without.
        #[arg(long)]
        repository: Option<String>,
        #[command(flatten)]
        api: Api,
    },
    /// Labels that are held at a commit.
    Pins {
        #[command(flatten)]
        api: Api,
    },
}

/// Where to ask, and how to show the answer.
#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Admin API of the daemon: its wellspring.admin.address.
    #[arg(long, default_value = "http://127.0.0.1:9770", value_name = "URL")]
    admin: String,
    /// Its wellspring.admin.token; WELLSPRING_ADMIN_TOKEN without.
    #[arg(long)]
    token: Option<String>,
    /// How to answer.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// A question in HTTP.
#[derive(Debug, Default)]
struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, Option<String>)>,
    body: Option<Value>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Method {
    #[default]
    Get,
    Post,
    Delete,
}

/// Title, and the member of an item; with a slash a member of a member.
type Column = (&'static str, &'static str);

/// 0 fine, 1 the server refused or is not there.
pub(super) fn run(asked: Asked, out: &mut dyn Write) -> io::Result<bool> {
    let (api, call, columns) = asked.call();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(answer(&api, call)) {
        Ok(answer) => {
            if api.output == Output::Text {
                table(&answer, columns, out)?;
            }
            output::write(api.output, &answer, out)?;
            Ok(true)
        }
        Err(complaint) => {
            writeln!(out, "{complaint}")?;
            Ok(false)
        }
    }
}

impl Asked {
    fn call(self) -> (Api, Call, &'static [Column]) {
        let get = |path: &str, query: Vec<(&'static str, Option<String>)>| Call {
            path: vec![path.to_owned()],
            query,
            ..Call::default()
        };
        match self {
            Self::Drift { application, state, api } => {
                (api, get("drift", vec![("application", application), ("state", state)]), DRIFT)
            }
            Self::History { application, profile, label, limit, api } => {
                let query = vec![
                    ("application", application),
                    ("profile", Some(profile)),
                    ("label", label),
                    ("limit", Some(limit.to_string())),
                ];
                (api, get("history", query), HISTORY)
            }
            Self::Diff { application, from, to, profile, api } => {
                let query = vec![
                    ("application", Some(application)),
                    ("profile", Some(profile)),
                    ("from", Some(from)),
                    ("to", to),
                ];
                (api, get("diff", query), DIFF)
            }
            Self::Get { application, profile, label, api } => {
                let query =
                    vec![("application", Some(application)), ("profile", Some(profile)), ("label", label)];
                (api, get("environment", query), GET)
            }
            Self::Pin { commit, label, repository, reason, api } => {
                let order = json!({
                    "commit": commit, "label": label, "repository": repository, "reason": reason,
                    "actor": user(),
                });
                let order = order.as_object().map(|order| {
                    order
                        .iter()
                        .filter(|(_, value)| !value.is_null())
                        .map(|(k, v)| (k.clone(), v.clone()))
                        .collect()
                });
                let body = Some(Value::Object(order.unwrap_or_default()));
                (api, Call { method: Method::Post, body, ..get("pins", Vec::new()) }, PINS)
            }
            Self::Unpin { label, repository, api } => {
                let call = get("pins", vec![("repository", repository), ("actor", user())]);
                let path = vec!["pins".to_owned(), label];
                (api, Call { method: Method::Delete, path, ..call }, PINS)
            }
            Self::Pins { api } => (api, get("pins", Vec::new()), PINS),
        }
    }
}

const DRIFT: &[Column] = &[
    ("STATE", "state"),
    ("APPLICATION", "application"),
    ("PROFILE", "profile"),
    ("LABEL", "label"),
    ("ADDRESS", "address"),
    ("INSTANCE", "instance"),
    ("HAS", "version"),
    ("SERVED", "served"),
];
const HISTORY: &[Column] = &[
    ("COMMIT", "id"),
    ("SERVED", "served"),
    ("AUTHOR", "author"),
    ("MESSAGE", "message"),
    ("FILES", "files"),
];
const DIFF: &[Column] = &[
    ("KEY", "key"),
    ("CHANGE", "kind"),
    ("FROM", "from/value"),
    ("TO", "to/value"),
    ("SOURCE", "to/source"),
];
const GET: &[Column] = &[("KEY", "key"), ("VALUE", "value"), ("SOURCE", "source"), ("PLACE", "origin")];
const PINS: &[Column] = &[
    ("LABEL", "label"),
    ("COMMIT", "commit"),
    ("ACTOR", "actor"),
    ("REASON", "reason"),
    ("REPOSITORY", "repository"),
];

/// Whom the event log names.
fn user() -> Option<String> {
    variable("USER").or_else(|| variable("LOGNAME"))
}

fn variable(name: &str) -> Option<String> {
    std::env::vars()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

async fn answer(api: &Api, call: Call) -> Result<Value, String> {
    let Api { admin, token, .. } = api;
    let mut url = url::Url::parse(&format!("{}/api/v1/config", admin.trim_end_matches('/')))
        .map_err(|error| format!("--admin {admin}: {error}; try: http://127.0.0.1:9770"))?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(&call.path);
    }
    for (name, value) in &call.query {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    let client = client::client(client::Options::default()).map_err(|error| error.to_string())?;
    let request = match call.method {
        Method::Get => client.get(url),
        Method::Post => client.post(url).header("x-wellspring", "1"),
        Method::Delete => client.delete(url).header("x-wellspring", "1"),
    };
    let request = match call.body {
        Some(body) => request.json(&body),
        None => request,
    };
    let request = match token.clone().or_else(|| variable("WELLSPRING_ADMIN_TOKEN")) {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let unreachable = |error: &dyn std::fmt::Display| {
        format!(
            "no admin API at {admin}: {error}; try: --admin URL, and wellspring.admin.address of the config server"
        )
    };
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let fine = response.status().is_success();
    let body: Value = response.json().await.map_err(|error| unreachable(&error))?;
    if fine {
        return Ok(body);
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let mut complaint =
        format!("{}: {}", text("code").unwrap_or("refused"), text("message").unwrap_or_default());
    if let Some(hint) = text("hint") {
        complaint.push_str(&format!("; try: {hint}"));
    }
    Err(complaint)
}

/// The items of an answer, or the answer as its only item.
fn table(answer: &Value, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
    let one = [answer.clone()];
    let items = answer.get("items").and_then(Value::as_array).map_or(one.as_slice(), Vec::as_slice);
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|(title, _)| (*title).to_owned()).collect()];
    rows.extend(items.iter().map(|item| columns.iter().map(|(_, path)| cell(item, path)).collect()));
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).map(|at| width(at).unwrap_or(0)).collect();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cell(item: &Value, path: &str) -> String {
    let value = path.split('/').try_fold(item, |value, name| value.get(name));
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Bool(yes)) if path == "served" => (if *yes { "*" } else { "" }).to_owned(),
        // As much of a commit id as people read.
        Some(Value::String(text)) if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            text.chars().take(10).collect()
        }
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_tables() {
        let answer = json!({"items": [
            {"state": "behind", "application": "orders", "version": "0123456789012345678901234567890123456789"},
            {"state": "never", "application": "stock-and-more", "version": null},
        ]});
        let mut out = Vec::new();
        table(&answer, &[("STATE", "state"), ("APPLICATION", "application"), ("HAS", "version")], &mut out)
            .unwrap();
        let expected =
            "STATE   APPLICATION     HAS\nbehind  orders          0123456789\nnever   stock-and-more  -\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn without_a_server_the_answer_says_what_to_do() {
        let api = Api { admin: "http://127.0.0.1:1".into(), token: None, output: Output::Json };
        let mut out = Vec::new();
        assert!(!run(Asked::Pins { api }, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("no admin API at http://127.0.0.1:1") && text.contains("--admin"), "{text}");
    }
}
