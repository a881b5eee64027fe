//! The present state on disk: the list that clients get, replaced whole, so that a crash leaves the one before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;
use wellspring_wire::eureka::{Form, json};

use super::{Settings, log};
use crate::view::{Format, Whole};
use crate::{Caller, Node};

/// Writing it more often would leave no time for anything else.
const SHORTEST: Duration = Duration::from_millis(10);

fn file(directory: &Path) -> PathBuf {
    directory.join("registry.json")
}

/// Registers what was known when the last life ended, with new leases; how many.
pub async fn load(node: &Node, directory: &Path) -> usize {
    let path = file(directory);
    let body = match tokio::fs::read(&path).await {
        Ok(body) => body,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return 0,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "state could not be read");
            return 0;
        }
    };
    match json::read_applications(&body) {
        Ok(list) => {
            let valid = list
                .instances()
                .filter(|instance| crate::invalid::why_invalid(instance, &instance.app).is_none());
            let loaded = valid.map(|instance| node.register(instance.as_ref().clone(), Caller::PEER)).count();
            tracing::info!(path = %path.display(), instances = loaded, "began with the state of the last life");
            loaded
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "state could not be understood and is left alone");
            0
        }
    }
}

/// Writes the state whenever it changed, and once more at the end.
pub async fn keep(node: Arc<Node>, directory: PathBuf, settings: Settings, ended: CancellationToken) {
    let mut written = 0;
    let mut failing = false;
    loop {
        let last =
            tokio::time::timeout(settings.state_interval.max(SHORTEST), ended.cancelled()).await.is_ok();
        let payload = node.whole(Whole::Apps, Format::Json, Form::Full);
        if payload.version() != written {
            match write(&directory, &payload.plain()).await {
                Ok(()) => {
                    written = payload.version();
                    failing = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(directory = %directory.display(), %error, "state cannot be written: a restart would begin with an older one");
                    }
                }
            }
        }
        log::forget(&directory, &settings.event_log).await;
        if last {
            return;
        }
    }
}

async fn write(directory: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = directory.join("registry.json.new");
    let mut open = tokio::fs::File::create(&new).await?;
    open.write_all(bytes).await?;
    open.flush().await?;
    // Else a power cut might leave the new name with nothing in it.
    open.sync_all().await?;
    tokio::fs::rename(&new, file(directory)).await
}
