//! `config drift|history|diff|get|pin|unpin|pins`: questions to the admin API of a running config server, and the answers as tables.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::server::{Column, Consent, Outcome, Server, wait};

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
        server: Server,
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
        server: Server,
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
        server: Server,
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
        server: Server,
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
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Lets a label follow its branch again.
    Unpin {
        /// Branch or tag.
        label: String,
        /// Address of the repository; the default one without.
        #[arg(long)]
        repository: Option<String>,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Has instances read their configuration anew.
    Refresh {
        /// Ids of instances, as `wellspring instances` shows them.
        #[arg(required = true)]
        instances: Vec<String>,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Encrypts the first line of standard input, as it may stand in a repository.
    Encrypt {
        #[command(flatten)]
        server: Server,
    },
    /// Shows what the first line of standard input is, an encrypted value; that it was shown is an event.
    Decrypt {
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Labels that are held at a commit.
    Pins {
        #[command(flatten)]
        server: Server,
    },
}

/// 0 fine, 1 there is no such thing, 3 no server, 4 the server refused.
pub(super) fn run(asked: Asked, out: &mut dyn Write) -> Outcome {
    wait(answer(asked, out))
}

async fn answer(asked: Asked, out: &mut dyn Write) -> Outcome {
    match asked {
        Asked::Drift { application, state, server } => {
            let query = [("application", application.as_deref()), ("state", state.as_deref())];
            get(&server, "drift", &query, DRIFT, out).await
        }
        Asked::History { application, profile, label, limit, server } => {
            let limit = limit.to_string();
            let query = [
                ("application", application.as_deref()),
                ("profile", Some(profile.as_str())),
                ("label", label.as_deref()),
                ("limit", Some(limit.as_str())),
            ];
            get(&server, "history", &query, HISTORY, out).await
        }
        Asked::Diff { application, from, to, profile, server } => {
            let query = [
                ("application", Some(application.as_str())),
                ("profile", Some(profile.as_str())),
                ("from", Some(from.as_str())),
                ("to", to.as_deref()),
            ];
            get(&server, "diff", &query, DIFF, out).await
        }
        Asked::Get { application, profile, label, server } => {
            let query = [
                ("application", Some(application.as_str())),
                ("profile", Some(profile.as_str())),
                ("label", label.as_deref()),
            ];
            get(&server, "environment", &query, GET, out).await
        }
        Asked::Pin { commit, label, repository, consent, server } => {
            let platform = server.open()?;
            consent.ask(&format!("hold {} at {commit}", label.as_deref().unwrap_or("the default label")))?;
            let mut order = json!({"commit": commit});
            for (name, value) in [("label", label), ("repository", repository)] {
                if let (Some(order), Some(value)) = (order.as_object_mut(), value) {
                    order.insert(name.to_owned(), value.into());
                }
            }
            let answer = platform.post(&["config", "pins"], &consent.body(order)).await?;
            server.show(&answer, PINS, out)?;
            Ok(true)
        }
        Asked::Unpin { label, repository, consent, server } => {
            let platform = server.open()?;
            consent.ask(&format!("let {label} follow its branch again"))?;
            let query = [("repository", repository.as_deref()), ("reason", consent.reason())];
            let answer = platform.delete(&["config", "pins", &label], &query).await?;
            server.show(&answer, PINS, out)?;
            Ok(true)
        }
        Asked::Refresh { instances, consent, server } => {
            let platform = server.open()?;
            consent.ask(&format!("have {} instances read their configuration anew", instances.len()))?;
            let body = consent.body(json!({"instances": instances}));
            let answer = platform.post(&["config", "refresh"], &body).await?;
            server.show(&answer, REFRESHED, out)?;
            let items = answer.get("items").and_then(Value::as_array);
            Ok(items.into_iter().flatten().all(|one| one.get("error").is_none_or(Value::is_null)))
        }
        Asked::Encrypt { server } => {
            let body = json!({"value": first_line()?});
            let answer = server.open()?.post(&["config", "encrypt"], &body).await?;
            server.show(&answer, VALUE, out)?;
            Ok(true)
        }
        Asked::Decrypt { consent, server } => {
            let platform = server.open()?;
            consent.ask("show a secret")?;
            let body = consent.body(json!({"value": first_line()?}));
            let answer = platform.post(&["config", "decrypt"], &body).await?;
            server.show(&answer, VALUE, out)?;
            Ok(true)
        }
        Asked::Pins { server } => get(&server, "pins", &[], PINS, out).await,
    }
}

fn first_line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

async fn get(
    server: &Server,
    what: &str,
    query: &[(&str, Option<&str>)],
    columns: &[Column],
    out: &mut dyn Write,
) -> Outcome {
    let answer = server.open()?.get(&["config", what], query).await?;
    server.show(&answer, columns, out)?;
    Ok(true)
}

const VALUE: &[Column] = &[("VALUE", "value")];
const REFRESHED: &[Column] =
    &[("APPLICATION", "application"), ("INSTANCE", "instance"), ("CHANGED", "changed"), ("ERROR", "error")];
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
