//! `login`, `logout`, `whoami`, `user`, `token`: who may do what on a platform.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::server::{Column, Consent, Context, Contexts, Failed, Outcome, Platform, Server, wait};

/// Where and as whom to sign in.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// Admin API of any daemon of the platform.
    #[arg(long, default_value = "http://127.0.0.1:9770", value_name = "URL")]
    server: String,
    /// The name under which the platform is kept; it is chosen from now on.
    #[arg(long, default_value = "default", value_name = "NAME")]
    name: String,
    /// The user. The password is read from the first line of standard input.
    #[arg(long, conflicts_with = "token")]
    user: Option<String>,
    /// In the place of user and password.
    #[arg(long)]
    token: Option<String>,
    /// From the link that a daemon prints while it has no administrator: makes USER the first one.
    #[arg(long, requires = "user", value_name = "KEY")]
    key: Option<String>,
}

/// Those who sign in with a password.
#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// All of them.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Makes a user, or changes one. The password is read from the first line of standard input.
    Add {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Removes a user, who is signed out.
    Remove {
        name: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
}

/// Tokens of programs.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// All of them, without their values.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Makes a token and shows it, this once.
    Add {
        #[command(flatten)]
        wanted: Wanted,
        /// Ends after so many days.
        #[arg(long, value_name = "N")]
        days: Option<u64>,
    },
    /// Removes a token: it is worth nothing from then on.
    Remove {
        name: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
}

/// What a user or a token may do.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    name: String,
    /// viewer looks, operator changes what runs, admin changes who may.
    #[arg(long, default_value = "viewer", value_parser = ["viewer", "operator", "admin"])]
    role: String,
    /// A service's name or a pattern such as shop-*, once or more; all without.
    #[arg(long = "application", value_name = "PATTERN")]
    applications: Vec<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    server: Server,
}

const WHO: &[Column] =
    &[("NAME", "actor"), ("ROLE", "role"), ("APPLICATIONS", "applications"), ("OPEN", "open")];
const KNOWN: &[Column] = &[
    ("NAME", "name"),
    ("ROLE", "role"),
    ("APPLICATIONS", "applications"),
    ("MADE BY", "createdBy"),
    ("ENDS", "expiresAt"),
];
const MADE: &[Column] = &[("NAME", "name"), ("ROLE", "role"), ("TOKEN", "token")];

pub(super) fn login(asked: Login, out: &mut dyn Write) -> Outcome {
    wait(async {
        let token = match (asked.token, asked.user) {
            (Some(token), _) => token,
            (None, Some(user)) => {
                let body = json!({"name": user, "password": password()?, "key": asked.key, "bearer": true});
                let answer = Platform::new(&asked.server, None)?.post(&["session"], &body).await?;
                let token = answer.get("token").and_then(Value::as_str).map(str::to_owned);
                token.ok_or_else(|| Failed::usage("the platform lets nobody sign in with a password"))?
            }
            (None, None) => return Err(Failed::usage("as whom: --user NAME or --token TOKEN")),
        };
        let who = Platform::new(&asked.server, Some(token.clone()))?.get(&["session"], &[]).await?;
        let mut contexts = Contexts::load()?;
        contexts.all.insert(asked.name.clone(), Context { server: asked.server, token: Some(token) });
        contexts.current = Some(asked.name.clone());
        contexts.save()?;
        let text = |name: &str| who.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        writeln!(out, "signed in as {} ({}); kept as {}", text("actor"), text("role"), asked.name)?;
        Ok(true)
    })
}

/// Ends the session of the chosen platform, and forgets what was kept for it.
pub(super) fn logout(server: &Server, out: &mut dyn Write) -> Outcome {
    wait(async {
        server.open()?.delete(&["session"], &[]).await?;
        let mut contexts = Contexts::load()?;
        if let Some(context) = contexts.current.clone().and_then(|name| contexts.all.get_mut(&name)) {
            context.token = None;
            contexts.save()?;
        }
        writeln!(out, "signed out")?;
        Ok(true)
    })
}

pub(super) fn whoami(server: &Server, out: &mut dyn Write) -> Outcome {
    wait(async {
        let who = server.open()?.get(&["session"], &[]).await?;
        server.show(&who, WHO, out)?;
        Ok(who.get("actor").and_then(Value::as_str).is_some_and(|name| !name.is_empty()))
    })
}

pub(super) fn users(verb: UserVerb, out: &mut dyn Write) -> Outcome {
    wait(async {
        match verb {
            UserVerb::List { server } => list(&server, "users", out).await,
            UserVerb::Add { wanted } => {
                let Wanted { name, role, applications, consent, server } = wanted;
                let password = password()?;
                consent.ask(&format!("let {name} sign in as {role}"))?;
                let body =
                    json!({"name": name, "role": role, "applications": applications, "password": password});
                let answer = server.open()?.post(&["access", "users"], &consent.body(body)).await?;
                server.show(&answer, KNOWN, out)?;
                Ok(true)
            }
            UserVerb::Remove { name, consent, server } => {
                remove(&server, &consent, "users", &name, out).await
            }
        }
    })
}

pub(super) fn tokens(verb: TokenVerb, out: &mut dyn Write) -> Outcome {
    wait(async {
        match verb {
            TokenVerb::List { server } => list(&server, "tokens", out).await,
            TokenVerb::Add { wanted, days } => {
                let Wanted { name, role, applications, consent, server } = wanted;
                consent.ask(&format!("make a token {name} that may act as {role}"))?;
                let body = json!({"name": name, "role": role, "applications": applications, "days": days});
                let answer = server.open()?.post(&["access", "tokens"], &consent.body(body)).await?;
                server.show(&answer, MADE, out)?;
                Ok(true)
            }
            TokenVerb::Remove { name, consent, server } => {
                remove(&server, &consent, "tokens", &name, out).await
            }
        }
    })
}

async fn list(server: &Server, what: &str, out: &mut dyn Write) -> Outcome {
    let answer = server.open()?.get(&["access", what], &[]).await?;
    server.show(&answer, KNOWN, out)?;
    Ok(true)
}

async fn remove(server: &Server, consent: &Consent, what: &str, name: &str, out: &mut dyn Write) -> Outcome {
    let platform = server.open()?;
    consent.ask(&format!("remove {name} from the {what}"))?;
    let answer = platform.delete(&["access", what, name], &[("reason", consent.reason())]).await?;
    server.show(&answer, KNOWN, out)?;
    Ok(true)
}

/// Never an argument: those are seen by everybody on the machine.
fn password() -> Result<String, Failed> {
    let mut line = String::new();
    if io::stdin().is_terminal() {
        write!(io::stderr(), "password (shown while typed): ")?;
    }
    io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        Err(Failed::usage("a password on the first line of standard input"))
    } else {
        Ok(password)
    }
}
