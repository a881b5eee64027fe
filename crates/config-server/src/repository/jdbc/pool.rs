//! Connections that are kept: at most so many, made when they are needed. `spring.datasource.hikari` has the original's names.
//!
//! A database that refused a moment ago is not asked again by each request, so an outage costs nobody a wait.

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};
use wellspring_daemon::{Context, Tasks};
use wellspring_properties::value::{Unit, parse_duration};
use wellspring_properties::{Environment, Problem};

use super::statement::Statement;
use super::url::{Dialect, Target};
use super::{CODE, Row, mysql, postgres};

/// Between two attempts to reach a database that is away.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pool {
    target: Target,
    tls: Option<rustls::ClientConfig>,
    permits: Semaphore,
    idle: Mutex<Vec<(Connection, Instant)>>,
    /// Since when it is away, and why.
    away: Mutex<Option<(Instant, String)>>,
    connection_timeout: Duration,
    query_timeout: Duration,
    idle_timeout: Duration,
    tasks: Tasks,
}

#[derive(Debug)]
enum Connection {
    Postgres(postgres::Connection),
    MySql(Box<mysql::Connection>),
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl Pool {
    pub(super) fn read(context: &Context) -> Result<Self, Problem> {
        let env = &context.env;
        let target = Target::read(env)?;
        if !target.unknown.is_empty() {
            let names = target.unknown.join(", ");
            info!(parameters = names, "parameters of spring.datasource.url that have no effect here");
        }
        let hikari = |name: &str| format!("spring.datasource.hikari.{name}");
        let size: Option<usize> = env.get_as(&hikari("maximum-pool-size"))?;
        let tls = match target.dialect {
            Dialect::Postgres => postgres::tls(&target),
            Dialect::MySql => Ok(None),
        };
        Ok(Self {
            tls: tls.map_err(|cause| Problem::new(CODE, format!("spring.datasource.url: {cause}")))?,
            permits: Semaphore::new(size.filter(|size| *size > 0).unwrap_or(10)),
            idle: Mutex::default(),
            away: Mutex::default(),
            connection_timeout: duration(env, &hikari("connection-timeout"), Unit::Millis, 5)?,
            idle_timeout: duration(env, &hikari("idle-timeout"), Unit::Millis, 600)?,
            query_timeout: duration(env, "spring.jdbc.template.query-timeout", Unit::Seconds, 10)?,
            tasks: context.tasks.clone(),
            target,
        })
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.target.dialect
    }

    /// As health shows it.
    pub(super) fn product(&self) -> &'static str {
        match self.target.dialect {
            Dialect::Postgres => "PostgreSQL",
            Dialect::MySql => "MySQL",
        }
    }

    /// The rows; an `Err` says in words why there are none.
    pub(super) async fn query(&self, statement: &Statement, values: &[&str]) -> Result<Vec<Row>, String> {
        let deadline = Instant::now() + self.connection_timeout;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let _permit = permit.map_err(|_| "all connections are in use")?.map_err(|error| error.to_string())?;
        // What was kept may have been closed meanwhile; then another is asked.
        while let Some(mut kept) = self.take() {
            match self.ask(&mut kept, statement, values).await {
                Err(_) if kept.is_closed() => {}
                answer => return self.keep(kept, answer),
            }
        }
        let mut made = self.connect(deadline).await?;
        let answer = self.ask(&mut made, statement, values).await;
        self.keep(made, answer)
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        statement: &Statement,
        values: &[&str],
    ) -> Result<Vec<Row>, String> {
        let answer = timeout(self.query_timeout, async {
            match connection {
                Connection::Postgres(connection) => {
                    connection.query(&statement.text, values, self.target.untyped).await
                }
                Connection::MySql(connection) => connection.query(&statement.text, values).await,
            }
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                // Its answer may come later: nobody may take that for the answer to another question.
                connection.close();
                Err(format!("no answer within {} s", self.query_timeout.as_secs()))
            }
        }
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let now = Instant::now();
        idle.retain(|(kept, since)| now - *since < self.idle_timeout && !kept.is_closed());
        idle.pop().map(|(kept, _)| kept)
    }

    fn keep<T>(&self, connection: Connection, answer: Result<T, String>) -> Result<T, String> {
        if !connection.is_closed() {
            self.idle.lock().push((connection, Instant::now()));
        }
        answer
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, String> {
        if let Some((since, cause)) = &*self.away.lock()
            && since.elapsed() < PAUSE
        {
            return Err(cause.clone());
        }
        let made = timeout_at(deadline, async {
            match self.target.dialect {
                Dialect::Postgres => postgres::connect(&self.target, self.tls.as_ref(), &self.tasks)
                    .await
                    .map(Connection::Postgres),
                Dialect::MySql => {
                    mysql::connect(&self.target).await.map(|made| Connection::MySql(Box::new(made)))
                }
            }
        });
        let made = made.await.unwrap_or_else(|_| Err("no connection in time".to_owned()));
        let mut away = self.away.lock();
        match &made {
            Ok(_) => {
                if away.take().is_some() {
                    info!(database = %self, "database answers again");
                }
            }
            Err(cause) => {
                if away.is_none() {
                    warn!(database = %self, cause, "database cannot be reached");
                }
                *away = Some((Instant::now(), cause.clone()));
            }
        }
        made
    }
}

impl Connection {
    fn is_closed(&self) -> bool {
        match self {
            Self::Postgres(connection) => connection.is_closed(),
            Self::MySql(connection) => connection.is_closed(),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Postgres(connection) => connection.close(),
            Self::MySql(connection) => connection.close(),
        }
    }
}

fn duration(env: &Environment, key: &str, bare: Unit, default: u64) -> Result<Duration, Problem> {
    let Some(text) = env.get(key).filter(|text| !text.is_empty()) else {
        return Ok(Duration::from_secs(default));
    };
    let wrong = || Problem::new(CODE, format!("{key} is not a duration")).at(env.origin(key)).found(&*text);
    parse_duration(&text, bare).map_err(|_| wrong())
}
