//! One connection for all questions of a process, made when it is needed and made anew when it breaks.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisConnectionInfo, RedisError, Value};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use wellspring_properties::{Environment, Problem};

use crate::Address;

/// After a connection that could not be made, questions fail at once for this long.
const REST: Duration = Duration::from_secs(1);

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Redis cannot be reached, or takes too long.
    Away(String),
    /// Redis says no, or answers what nobody asked.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(cause) => write!(f, "redis cannot be asked: {cause}"),
            Self::Refused(cause) => write!(f, "redis refuses: {cause}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Cloning shares the connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    address: Address,
    kept: Mutex<Option<MultiplexedConnection>>,
    /// Held by the one who connects; when it last failed.
    connecting: tokio::sync::Mutex<Option<Instant>>,
    down: AtomicBool,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.0.address).finish()
    }
}

impl Redis {
    /// `patience`: how long an answer may take when `spring.data.redis.timeout` does not say.
    pub fn read(env: &Environment, patience: Duration) -> Result<Self, Problem> {
        Address::read(env, patience).map(Self::at)
    }

    #[must_use]
    pub fn at(address: Address) -> Self {
        let (kept, connecting) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { address, kept, connecting, down: AtomicBool::new(false) }))
    }

    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// One question.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, Failure> {
        let mut answers = self.ask_all(&[words]).await?;
        answers.pop().ok_or_else(|| Failure::Refused("no answer".to_owned()))
    }

    /// Several questions at once, an answer for each.
    pub async fn ask_all<T: FromRedisValue>(&self, questions: &[&[&str]]) -> Result<Vec<T>, Failure> {
        let mut all = Pipeline::with_capacity(questions.len());
        for words in questions {
            all.add_command(command(words));
        }
        let answers = self.converse(&all, questions.len()).await;
        self.note(answers.as_ref().err());
        answers?.into_iter().map(understood).collect()
    }

    /// A connection that was closed while nobody looked is made anew, once.
    async fn converse(&self, questions: &Pipeline, count: usize) -> Result<Vec<Value>, Failure> {
        let mut first = true;
        loop {
            let mut connection = self.connection().await?;
            let answers = connection.send_packed_commands(questions, 0, count);
            match timeout(self.0.address.timeout, answers).await {
                Ok(Ok(answers)) => return Ok(answers),
                Ok(Err(error)) if error.is_unrecoverable_error() => {
                    self.0.kept.lock().take();
                    if !std::mem::take(&mut first) || !error.is_connection_dropped() {
                        return Err(Failure::Away(error.to_string()));
                    }
                }
                Ok(Err(error)) => return Err(Failure::Refused(error.to_string())),
                Err(_) => {
                    self.0.kept.lock().take();
                    return Err(Failure::Away("no answer in time".to_owned()));
                }
            }
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        if let Some(kept) = self.0.kept.lock().clone() {
            return Ok(kept);
        }
        let mut failed = self.0.connecting.lock().await;
        if let Some(kept) = self.0.kept.lock().clone() {
            return Ok(kept);
        }
        if failed.is_some_and(|at| at.elapsed() < REST) {
            return Err(Failure::Away("it could not be reached a moment ago".to_owned()));
        }
        let made = timeout(self.0.address.connect_timeout, connect(&self.0.address)).await;
        let made = made.unwrap_or_else(|_| Err("no connection in time".to_owned()));
        *failed = made.is_err().then(Instant::now);
        let connection = made.map_err(Failure::Away)?;
        *self.0.kept.lock() = Some(connection.clone());
        Ok(connection)
    }

    /// The log says once that Redis is away, and once that it is back.
    fn note(&self, failure: Option<&Failure>) {
        let away = matches!(failure, Some(Failure::Away(_)));
        if self.0.down.load(Relaxed) != away && self.0.down.swap(away, Relaxed) != away {
            let redis = self.0.address.to_string();
            match failure {
                Some(failure) => tracing::error!(redis, "{failure}"),
                None => tracing::info!(redis, "redis answers again"),
            }
        }
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
    for word in words {
        command.arg(word);
    }
    command
}

fn understood<T: FromRedisValue>(answer: Value) -> Result<T, Failure> {
    let answer = match answer {
        Value::ServerError(error) => return Err(Failure::Refused(error.to_string())),
        answer => answer,
    };
    T::from_redis_value(answer).map_err(|error| Failure::Refused(error.to_string()))
}

async fn connect(address: &Address) -> Result<MultiplexedConnection, String> {
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|e| e.to_string())?;
    tcp.set_nodelay(true).map_err(|error| error.to_string())?;
    let mut login = RedisConnectionInfo::default().set_db(address.database.into()).set_skip_set_lib_name();
    if let Some(password) = &address.password {
        login = login.set_password(&password.0);
        if let Some(username) = &address.username {
            login = login.set_username(username);
        }
    }
    let made = match &address.tls {
        None => start(&login, tcp).await,
        Some(tls) => {
            let name = ServerName::try_from(address.host.clone())
                .map_err(|_| io::Error::other("no name for a certificate").to_string())?;
            let connector = TlsConnector::from(Arc::new(tls.clone()));
            start(&login, connector.connect(name, tcp).await.map_err(|error| error.to_string())?).await
        }
    };
    made.map_err(|error| error.to_string())
}

/// The connection's own task ends when the last handle on it is gone.
async fn start<S>(login: &RedisConnectionInfo, stream: S) -> Result<MultiplexedConnection, RedisError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    // Patience is ours: the crate's own half second would be an answer that says no.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (connection, driver) = MultiplexedConnection::new_with_config(login, stream, config).await?;
    tokio::spawn(driver);
    Ok(connection)
}
