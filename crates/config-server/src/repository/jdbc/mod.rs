//! Rows of a table in PostgreSQL, MySQL or MariaDB: `PROPERTIES` with `APPLICATION`, `PROFILE`, `LABEL`, `KEY` and `VALUE`, or what the
//! settings select.
//!
//! A source for each application and profile that has rows, then one for each application with rows of no profile.

mod mysql;
mod pool;
mod postgres;
mod statement;
mod url;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tracing::{debug, warn};
use wellspring_daemon::health::{Component, Status};
use wellspring_properties::{Entry, Problem, Scalar};

use super::{Found, Parts, Query, Repository};
use crate::error::Error;
use crate::sources::documents::Documents;
use crate::sources::search::{Location, Source};
use pool::Pool;
use statement::Statement;

const CODE: &str = "WS-1431";
const SQL: &str = "SELECT \"KEY\", \"VALUE\" from PROPERTIES where APPLICATION=? and PROFILE=? and LABEL=?";
const SQL_WITHOUT_PROFILE: &str =
    "SELECT \"KEY\", \"VALUE\" from PROPERTIES where APPLICATION=? and PROFILE is null and LABEL=?";

/// `spring.cloud.config.server.jdbc`; where the database is stands in `spring.datasource`.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    /// Takes application, profile and label, gives keys and values.
    sql: String,
    /// Takes application and label.
    sql_without_profile: String,
    /// `false`: what cannot be read counts as empty.
    fail_on_error: bool,
    default_label: String,
    order: Option<i32>,
    enabled: bool,
    #[serde(rename = "type")]
    kind: IgnoredAny,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sql: SQL.to_owned(),
            sql_without_profile: SQL_WITHOUT_PROFILE.to_owned(),
            fail_on_error: true,
            default_label: "master".to_owned(),
            order: None,
            enabled: true,
            kind: IgnoredAny,
        }
    }
}

/// A key and its value, as texts; a value may be NULL.
type Row = (String, Option<String>);

#[derive(Debug)]
struct Jdbc {
    pool: Pool,
    with_profile: Statement,
    /// `None`: only `sql` was given, by someone who keeps profile `default` in the table, as tables once were.
    without_profile: Option<Statement>,
    fail_on_error: bool,
    default_label: String,
    documents: Arc<Documents>,
}

pub(super) fn build(parts: &Parts<'_>) -> Result<Arc<dyn Repository>, Problem> {
    let settings: Settings = super::settings(parts)?;
    let pool = Pool::read(parts.context)?;
    let statement = |key: &str, sql: &str, wanted: usize| {
        let statement = Statement::new(sql, pool.dialect());
        let problem = |message: String| {
            let key = format!("{}.{key}", parts.prefix);
            Err(Problem::new(CODE, format!("{key} {message}")).at(parts.env().origin(&key)).found(sql))
        };
        match statement.placeholders {
            found if found == wanted => Ok(statement),
            found => problem(format!("has {found} `?`, but {wanted} values are put in")),
        }
    };
    let incomplete = settings.sql != SQL && settings.sql_without_profile == SQL_WITHOUT_PROFILE;
    let jdbc = Arc::new(Jdbc {
        with_profile: statement("sql", &settings.sql, 3)?,
        without_profile: match incomplete {
            true => None,
            false => Some(statement("sql-without-profile", &settings.sql_without_profile, 2)?),
        },
        fail_on_error: settings.fail_on_error,
        default_label: parts.settings.default_label.clone().unwrap_or(settings.default_label),
        documents: Arc::clone(&parts.documents),
        pool,
    });
    let asked = Arc::clone(&jdbc);
    parts.context.health.add("db", move || {
        let jdbc = Arc::clone(&asked);
        async move { jdbc.health().await }
    });
    Ok(jdbc)
}

impl Jdbc {
    async fn health(&self) -> Component {
        match self.pool.query(&Statement::new("SELECT 1, 1", self.pool.dialect()), &[]).await {
            Ok(_) => {
                Component::up().detail("database", self.pool.product()).detail("validationQuery", "isValid()")
            }
            Err(cause) => Component::new(Status::DOWN).detail("error", cause.as_str()),
        }
    }

    /// The source called `name`, if there are rows.
    async fn source(
        &self,
        statement: &Statement,
        name: String,
        values: &[&str],
    ) -> Result<Option<Source>, Error> {
        let rows = match self.pool.query(statement, values).await {
            Ok(rows) => rows,
            Err(cause) if self.fail_on_error => {
                warn!(database = %self.pool, cause, "database cannot be asked");
                return Err(Error::Internal("database cannot be asked".to_owned()));
            }
            Err(cause) => {
                debug!(database = %self.pool, cause, "database cannot be asked, its part is empty");
                return Ok(None);
            }
        };
        if rows.is_empty() {
            return Ok(None);
        }
        let entries: IndexMap<String, Entry> = rows
            .into_iter()
            .map(|(key, value)| {
                (key, Entry { value: value.map_or(Scalar::Null, Scalar::Text), origin: None })
            })
            .collect();
        let document = self.documents.of(entries, &name);
        Ok(Some(Source { name, document }))
    }
}

/// In the order in which they rank: the last first. Of equal ones the first counts.
fn ranked(list: &str) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for item in list.split(',') {
        if !out.contains(&item) {
            out.push(item);
        }
    }
    out.reverse();
    out
}

impl Repository for Jdbc {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>> {
        Box::pin(async move {
            let labels = query.label.as_deref().filter(|label| !label.is_empty());
            let labels = labels.unwrap_or(&self.default_label);
            let mut profiles = match query.profiles.trim() {
                "" => "default".to_owned(),
                _ => query.profiles.clone(),
            };
            if self.without_profile.is_none() && !profiles.starts_with("default") {
                profiles = format!("default,{profiles}");
            }
            let names = match query.name.starts_with("application") {
                true => query.name.clone(),
                false => format!("application,{}", query.name),
            };
            let (names, profiles) = (ranked(&names), ranked(&profiles));
            let mut sources = Vec::new();
            // Of labels equal ones count twice.
            for label in labels.split(',').rev() {
                for profile in &profiles {
                    for name in &names {
                        let called = format!("{name}-{profile}");
                        sources
                            .extend(self.source(&self.with_profile, called, &[name, profile, label]).await?);
                    }
                }
                if let Some(statement) = &self.without_profile {
                    for name in &names {
                        sources.extend(self.source(statement, (*name).to_owned(), &[name, label]).await?);
                    }
                }
            }
            Ok(Found { sources, ..Found::default() })
        })
    }

    fn locations<'a>(&'a self, _: &'a Query) -> BoxFuture<'a, Result<Vec<Location>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn has_files(&self) -> bool {
        false
    }
}
