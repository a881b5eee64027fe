//! Which platform is meant, and with whose token.

use std::io::{self, Write};

use serde_json::Value;

use super::{Column, Contexts, Failed, Form, Output, Platform, variable};

/// Where a daemon of this machine has its admin API.
const HERE: &str = "http://127.0.0.1:9770";

/// What every verb takes that asks a running platform.
#[derive(Debug, Default, Clone, clap::Args)]
pub(crate) struct Server {
    /// Admin API of any daemon of the platform [default: WELLSPRING_SERVER, the chosen context, http://127.0.0.1:9770]
    #[arg(long, alias = "admin", value_name = "URL")]
    server: Option<String>,
    /// A platform by its name: see `wellspring context`.
    #[arg(long, value_name = "NAME", conflicts_with = "server")]
    context: Option<String>,
    /// Token or wellspring.admin.token [default: WELLSPRING_TOKEN, the context's]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

impl Server {
    /// The platform; nothing is sent yet.
    pub(crate) fn open(&self) -> Result<Platform, Failed> {
        let (url, token) = self.whom()?;
        Platform::new(&url, token)
    }

    /// Address and token. A context's token is only shown to the context's own address.
    fn whom(&self) -> Result<(String, Option<String>), Failed> {
        let token = || {
            self.token
                .clone()
                .or_else(|| variable("WELLSPRING_TOKEN"))
                .or_else(|| variable("WELLSPRING_ADMIN_TOKEN"))
        };
        if let Some(url) = &self.server {
            return Ok((url.clone(), token()));
        }
        if self.context.is_none()
            && let Some(url) = variable("WELLSPRING_SERVER")
        {
            return Ok((url, token()));
        }
        let contexts = Contexts::load()?;
        let chosen = match &self.context {
            Some(name) => Some(contexts.named(name)?),
            None => contexts.chosen(),
        };
        Ok(match chosen {
            Some(context) => (context.server.clone(), token().or_else(|| context.token.clone())),
            None => (HERE.to_owned(), token()),
        })
    }

    pub(crate) const fn output(&self) -> Output {
        self.form.output
    }

    /// The answer: its items (or itself) as rows of a table, or as it is for programs.
    pub(crate) fn show(&self, answer: &Value, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
        self.form.show(answer, columns, out)
    }
}
