//! Redis, for what several gateways share: quotas, sessions, routes. One connection, questions with a time limit.

mod address;
mod connection;
mod protocol;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use wellspring_properties::value::{Unit, parse_duration};
use wellspring_properties::{Environment, Problem};

use crate::problem::{BAD_SETTING, bad};
use address::{Address, setting};
use connection::{Call, serve};
pub use protocol::Answer;

/// Questions that wait; more are not asked.
const QUEUE: usize = 10_000;

/// Cloning shares the connection.
#[derive(Debug, Clone)]
pub struct Redis(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: Address,
    patience: Duration,
    /// The way to the connection's task, which the first question starts.
    calls: OnceLock<mpsc::Sender<Call>>,
    down: AtomicBool,
}

impl Redis {
    /// Does the configuration say where Redis is?
    #[must_use]
    pub fn is_configured(env: &Environment) -> bool {
        ["spring.data.redis", "spring.redis"].iter().any(|prefix| {
            ["host", "url", "port"].iter().any(|key| env.get(&format!("{prefix}.{key}")).is_some())
        })
    }

    /// Where Redis is; nothing is connected before the first question.
    pub fn read(env: &Environment) -> Result<Self, Problem> {
        let address = Address::read(env)?;
        let patience = match setting(env, "timeout") {
            Some((key, text)) => parse_duration(&text, Unit::Millis)
                .map_err(|_| bad(BAD_SETTING, "timeout is not a duration", &text, env.origin(&key)))?,
            None => Duration::from_secs(1),
        };
        Ok(Self(Arc::new(Inner { address, patience, calls: OnceLock::new(), down: AtomicBool::new(false) })))
    }

    /// Asks. `None` when there is no answer in time; the log says so once per outage, and when it is over.
    pub async fn ask(&self, words: &[&str]) -> Option<Answer> {
        let (answer, waiting) = oneshot::channel();
        let call = Call { command: protocol::encode(words), answer };
        let calls = self.0.calls.get_or_init(|| {
            let (calls, waiting) = mpsc::channel(QUEUE);
            tokio::spawn(serve(self.0.address.clone(), waiting));
            calls
        });
        let answer = match calls.try_send(call) {
            Ok(()) => tokio::time::timeout(self.0.patience, waiting).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        let Address { host, port, .. } = &self.0.address;
        match &answer {
            Some(_) if self.0.down.load(Ordering::Relaxed) => {
                if self.0.down.swap(false, Ordering::Relaxed) {
                    tracing::info!(host, port, "redis answers again");
                }
            }
            Some(_) => {}
            None => {
                if !self.0.down.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        host,
                        port,
                        "redis cannot be asked: requests are not limited, sessions are not found"
                    );
                }
            }
        }
        answer
    }
}
