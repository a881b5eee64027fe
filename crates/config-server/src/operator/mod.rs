//! What an operator asks of the config server: drift, history, effective values, pins. The admin API's paths end here.

mod drift;
mod effective;
mod fan_out;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use git2::Oid;
use wellspring_daemon::Context;
use wellspring_daemon::admin::config as view;
use wellspring_daemon::admin::config::{ConfigClient, Configs, Denied, PinOrder, Wanted};
use wellspring_wire::Millis;

use crate::encryption::values::MARK;
use crate::error::Error;
use crate::news::News;
use crate::pins::{Pin, Pins};
use crate::repository::Query;
use crate::repository::git::gate::Rejected;
use crate::repository::git::transport::Shown;
use crate::server::Server;

/// Who did it, when nobody says.
const SOMEBODY: &str = "operator";

#[derive(Debug, Clone)]
struct Operator {
    server: Arc<Server>,
    pins: Arc<Pins>,
    news: News,
    /// Its name, for events.
    daemon: String,
}

/// Joins the admin API, and tells applications of news without a bus where that is wanted.
pub(crate) fn join(context: &Context, server: &Arc<Server>, pins: &Arc<Pins>, news: &News) {
    let (server, pins, daemon) = (Arc::clone(server), Arc::clone(pins), context.name.clone());
    let operator = Operator { server, pins, news: news.clone(), daemon };
    if operator.server.policy.fan_out.enabled {
        fan_out::start(context, operator.clone());
    }
    context.admin.show_config(operator);
}

impl Operator {
    fn query(&self, wanted: &Wanted) -> Result<Query, Denied> {
        let profile = if wanted.profile.is_empty() { "default" } else { &wanted.profile };
        self.server.query(&wanted.application, profile, wanted.label.as_deref()).map_err(denied)
    }

    /// `main~1` is a commit, everything else a label as in a request.
    async fn label(&self, text: &str, default: Option<&str>) -> Result<Option<String>, Denied> {
        if text.is_empty() {
            return Ok(default.map(str::to_owned));
        }
        if !text.contains('~') {
            return Ok(Some(text.to_owned()));
        }
        for git in self.server.repository.repositories() {
            if let Ok(meant) = git.meant(None, default, Some(text)).await {
                return Ok(Some(meant.commit.to_string()));
            }
        }
        Err(Denied::Unknown("commit", text.to_owned()))
    }

    async fn meant(&self, order: &PinOrder) -> Result<(Oid, Pin), Denied> {
        let commit = order.commit.as_deref().map(str::trim).filter(|commit| !commit.is_empty());
        let commit =
            commit.ok_or_else(|| Denied::Wrong("commit", "a commit id, a tag, or main~1".to_owned()))?;
        let mut last = Denied::Unknown("Git repository", "by default".to_owned());
        for git in self.server.repository.repositories() {
            match git.meant(order.repository.as_deref(), order.label.as_deref(), Some(commit)).await {
                Ok(meant) => {
                    let pin = Pin {
                        repository: meant.repository,
                        label: meant.label,
                        commit: meant.commit.to_string(),
                        actor: actor(order),
                        reason: order.reason.clone().filter(|reason| !reason.is_empty()),
                        at: Millis::now(),
                    };
                    return Ok((meant.commit, pin));
                }
                Err(error) => last = denied(error),
            }
        }
        Err(last)
    }

    async fn hold(&self, order: PinOrder) -> Result<view::Pin, Denied> {
        let (id, pin) = self.meant(&order).await?;
        self.pins.hold(id, &pin).map_err(|error| Denied::Failed(format!("pin cannot be kept: {error}")))?;
        let shown = self.shown(pin);

        self.news.ring();
        Ok(shown)
    }

    fn release(&self, order: &PinOrder) -> Result<view::Pin, Denied> {
        let label = order.label.as_deref().unwrap_or_default();
        let fits = |pin: &Pin| {
            pin.label == label && order.repository.as_ref().is_none_or(|wanted| *wanted == pin.repository)
        };
        let held = self.pins.all().into_iter().find(fits);
        let held = held.ok_or_else(|| Denied::Unknown("pin", label.to_owned()))?;
        let released = self.pins.release(&held.repository, &held.label);
        let released = released.map_err(|error| Denied::Failed(format!("pins cannot be kept: {error}")))?;
        let shown = self.shown(released.unwrap_or(held));

        self.news.ring();
        Ok(shown)
    }

    fn shown(&self, pin: Pin) -> view::Pin {
        let Pin { repository, label, commit, actor, reason, at } = pin;
        view::Pin { repository, label, commit, actor, reason, at, persistent: self.pins.is_persistent() }
    }

    async fn walked(&self, wanted: Wanted, limit: usize) -> Result<view::History, Denied> {
        let query = self.query(&wanted)?;
        let mut last = Denied::Unknown("Git repository", "by default".to_owned());
        for git in self.server.repository.repositories() {
            match git.history(&query, wanted.before.as_deref(), limit).await {
                Ok(found) => {
                    let items = found.steps.into_iter().map(|step| view::ConfigCommit {
                        served: step.id == found.served,
                        id: step.id.to_string(),
                        at: step.at,
                        author: step.author,
                        message: step.message,
                        files: step.files,
                    });
                    return Ok(view::History {
                        repository: Shown(&found.uri).to_string(),
                        items: items.collect(),
                        served: found.served.to_string(),
                        pin: found.pin.map(|pin| self.shown(pin)),
                        rejected: found.rejected.map(|rejected| refused(&found.label, rejected)),
                        next: found.next.map(|id| id.to_string()),
                        label: found.label,
                    });
                }
                Err(error) => last = denied(error),
            }
        }
        Err(last)
    }
}

fn actor(order: &PinOrder) -> String {
    order.actor.clone().filter(|actor| !actor.trim().is_empty()).unwrap_or_else(|| SOMEBODY.to_owned())
}

fn refused(label: &str, rejected: Rejected) -> view::RejectedCommit {
    view::RejectedCommit {
        label: label.to_owned(),
        commit: rejected.commit.to_string(),
        serving: rejected.serving.to_string(),
        problems: rejected.problems,
        at: rejected.at,
    }
}

fn denied(error: Error) -> Denied {
    match error {
        Error::BadRequest(message) => Denied::Wrong("label", message),
        Error::NotFound(message) => Denied::Unknown("label", message),
        Error::Broken(_) | Error::Internal(_) => Denied::Failed(error.to_string()),
    }
}

impl Configs for Operator {
    fn daemon(&self) -> String {
        self.daemon.clone()
    }

    fn drift(
        &self,
        registered: Vec<wellspring_daemon::admin::Service>,
    ) -> BoxFuture<'_, Result<Vec<ConfigClient>, Denied>> {
        Box::pin(std::future::ready(Ok(drift::joined(&self.server, &registered))))
    }

    fn history(&self, wanted: Wanted, limit: usize) -> BoxFuture<'_, Result<view::History, Denied>> {
        Box::pin(self.walked(wanted, limit))
    }

    fn diff(&self, wanted: Wanted, from: String, to: String) -> BoxFuture<'_, Result<view::Diff, Denied>> {
        Box::pin(async move {
            let mut sides = Vec::new();
            for text in [&from, &to] {
                let label = self.label(text, wanted.label.as_deref()).await?;
                let query = self.query(&Wanted { label, ..wanted.clone() })?;
                sides.push(self.server.find(&query).await.map_err(denied)?);
            }
            let [before, after] = <[_; 2]>::try_from(sides).unwrap_or_default();
            Ok(view::Diff {
                items: effective::changes(&before, &after),
                application: wanted.application,
                profile: wanted.profile,
                from: before.version.unwrap_or(from),
                to: after.version.unwrap_or(to),
            })
        })
    }

    fn effective(&self, wanted: Wanted) -> BoxFuture<'_, Result<view::Effective, Denied>> {
        Box::pin(async move {
            let text = wanted.label.clone().unwrap_or_default();
            let label = self.label(&text, None).await?;
            let query = self.query(&Wanted { label, ..wanted.clone() })?;
            let found = self.server.find(&query).await.map_err(denied)?;
            Ok(view::Effective {
                items: effective::properties(&found),
                application: wanted.application,
                profile: wanted.profile,
                label: wanted.label,
                version: found.version,
            })
        })
    }

    fn repositories(&self) -> Vec<view::ConfigRepository> {
        let all = self.server.repository.freshness().into_iter();
        all.map(|one| view::ConfigRepository {
            bytes: one.bytes(),
            uri: one.uri,
            last_fetch: one.last_fetch,
            failing_since: one.failing_since,
            error: one.error,
            rejected: one.rejected.into_iter().map(|(label, rejected)| refused(&label, rejected)).collect(),
        })
        .collect()
    }

    fn pins(&self) -> Vec<view::Pin> {
        self.pins.all().into_iter().map(|pin| self.shown(pin)).collect()
    }

    fn pin(&self, order: PinOrder) -> BoxFuture<'_, Result<view::Pin, Denied>> {
        Box::pin(self.hold(order))
    }

    fn encrypt(&self, value: &str) -> Result<String, Denied> {
        let encrypted = self.server.decryptor.encrypt_text(value);
        let encrypted = encrypted.map_err(|refusal| {
            Denied::Conflict(format!("{refusal}: set encrypt.key or encrypt.key-store"))
        })?;
        Ok(format!("{{cipher}}{encrypted}"))
    }

    fn decrypt(&self, value: &str) -> Result<String, Denied> {
        let value = value.trim();
        let decrypted = self.server.decryptor.decrypt_text(value.strip_prefix(MARK).unwrap_or(value));
        decrypted.map_err(|refusal| {
            Denied::Conflict(format!("{refusal}; keys are encrypt.key or encrypt.key-store"))
        })
    }

    fn unpin(&self, order: PinOrder) -> BoxFuture<'_, Result<view::Pin, Denied>> {
        Box::pin(std::future::ready(self.release(&order)))
    }
}
