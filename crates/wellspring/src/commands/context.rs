//! `context …`: names for platforms, so that `--server` and `--token` need not be typed.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::server::{Column, Context, Contexts, Failed, Form, Outcome, Platform};

/// The verbs below `context`.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextVerb {
    /// All of them; `*` is the chosen one.
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Keeps a platform under a name, and chooses it when it is the first.
    Add {
        name: String,
        /// Admin API of any of its daemons.
        server: String,
        /// Token to show there.
        #[arg(long)]
        token: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Chooses the one that is meant when none is named.
    Use {
        name: String,
        #[command(flatten)]
        form: Form,
    },
    /// Forgets one.
    Remove {
        name: String,
        #[command(flatten)]
        form: Form,
    },
}

const COLUMNS: &[Column] =
    &[("CURRENT", "current"), ("NAME", "name"), ("SERVER", "server"), ("TOKEN", "token")];

pub(super) fn run(verb: ContextVerb, out: &mut dyn Write) -> Outcome {
    let mut contexts = Contexts::load()?;
    let form = match verb {
        ContextVerb::List { form } => form,
        ContextVerb::Add { name, server, token, form } => {
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(Failed::usage("a context's name is one word"));
            }
            Platform::new(&server, None)?;
            contexts.all.insert(name.clone(), Context { server, token });
            contexts.current.get_or_insert(name);
            contexts.save()?;
            form
        }
        ContextVerb::Use { name, form } => {
            contexts.named(&name)?;
            contexts.current = Some(name);
            contexts.save()?;
            form
        }
        ContextVerb::Remove { name, form } => {
            contexts.named(&name)?;
            contexts.all.remove(&name);
            contexts.current = contexts.current.filter(|current| *current != name);
            contexts.save()?;
            form
        }
    };
    form.show(&listing(&contexts), COLUMNS, out)?;
    Ok(true)
}

/// Without tokens: only whether there is one.
fn listing(contexts: &Contexts) -> Value {
    let items = contexts.all.iter().map(|(name, one)| {
        let current = if contexts.current.as_ref() == Some(name) { "*" } else { "" };
        json!({"current": current, "name": name, "server": one.server, "token": one.token.is_some()})
    });
    json!({ "items": items.collect::<Vec<_>>() })
}
