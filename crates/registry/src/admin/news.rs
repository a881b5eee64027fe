//! Changes of what is registered, for the operator's event log. Noted only where somebody could look.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use wellspring_daemon::admin::events::New;
use wellspring_daemon::admin::{Admin, Topic};
use wellspring_wire::eureka::Status;

use crate::Node;
use crate::state::{Change, ChangeKind};

/// A burst beyond this is not told one by one.
const QUEUE: usize = 4096;

/// The registry's end.
#[derive(Debug)]
pub(crate) struct News {
    admin: Admin,
    queue: mpsc::Sender<Change>,
}

impl News {
    /// What changes is noted by the future, in the name of `daemon`.
    pub(crate) fn new(
        admin: &Admin,
        daemon: &str,
    ) -> (Self, impl Future<Output = ()> + Send + 'static + use<>) {
        let (queue, changes) = mpsc::channel(QUEUE);
        (Self { admin: admin.clone(), queue }, note(admin.clone(), daemon.to_owned(), changes))
    }

    pub(crate) fn tell(&self, changes: &[Change]) {
        if self.admin.is_served() {
            for change in changes {
                if self.queue.try_send(change.clone()).is_err() {
                    tracing::debug!("more changes at once than the operator's event log takes");
                }
            }
        }
    }
}

impl Node {
    /// Changes are told to the operator from now on.
    pub(crate) fn tell(&self, news: News) {
        if self.news().set(news).is_err() {
            tracing::warn!("the operator is told already");
        }
    }
}

/// A registration that changes nothing is none.
async fn note(admin: Admin, daemon: String, mut changes: mpsc::Receiver<Change>) {
    let mut known: HashMap<(String, String), Status> = HashMap::new();
    while let Some(Change { kind, instance, .. }) = changes.recv().await {
        let instance = Arc::unwrap_or_clone(instance);
        let key = (instance.app.clone(), instance.id().to_owned());
        let before = match kind {
            ChangeKind::Cancelled | ChangeKind::Evicted => known.remove(&key),
            _ => known.insert(key.clone(), instance.status),
        };
        let status = instance.status;
        let (kind, text) = match (kind, before) {
            (ChangeKind::Registered | ChangeKind::StatusFollowed, Some(before)) if before == status => {
                continue;
            }
            (ChangeKind::Registered, None) => ("registered", format!("{} registered as {status}", key.1)),
            (ChangeKind::Cancelled, _) => ("cancelled", format!("{} left", key.1)),
            (ChangeKind::Evicted, _) => ("evicted", format!("{} was silent for too long", key.1)),
            (ChangeKind::Overridden, _) => ("overridden", format!("{} was set to {status}", key.1)),
            (ChangeKind::Lifted, _) => ("lifted", format!("{} speaks for itself again: {status}", key.1)),
            (ChangeKind::Registered | ChangeKind::StatusFollowed, Some(before)) => {
                ("status", format!("{} went from {before} to {status}", key.1))
            }
            (ChangeKind::StatusFollowed, None) => ("status", format!("{} is {status}", key.1)),
        };
        let event = New::of(Topic::Registry, kind, &daemon, &format!("{}/{}", key.0, key.1));
        admin.record(event.text(text).of_application(key.0));
    }
}
