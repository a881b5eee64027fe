//! One runtime per core, each on a thread of its own: a connection stays with the worker that got it, and so does all
//! that its requests do. New connections go to the worker that has the fewest.
//!
//! One listener hands them out instead of one per worker (`SO_REUSEPORT`): the kernel spreads few long-lived connections
//! unevenly, and two processes could take the same port without noticing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::Served;
use crate::service::Peer;
use crate::worker;

/// A connection that has been accepted, and its place among those allowed.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: Peer,
    pub(super) permit: OwnedSemaphorePermit,
}

/// What goes from the acceptor to a worker.
struct Handed {
    stream: std::net::TcpStream,
    peer: Peer,
    permit: OwnedSemaphorePermit,
    place: Place,
}

/// The threads. They end when `ended` is cancelled.
pub(super) struct Workers {
    queues: Vec<(mpsc::UnboundedSender<Handed>, Arc<AtomicUsize>)>,
}

impl Workers {
    pub(super) fn start(count: usize, served: &Arc<Served>, ended: &CancellationToken) -> io::Result<Self> {
        let mut queues = Vec::new();
        for number in 0..count.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (sender, receiver) = mpsc::unbounded_channel();
            let (served, ended) = (Arc::clone(served), ended.clone());
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                worker::enter(number);
                runtime.block_on(ended.run_until_cancelled(work(receiver, served)));
                // What still runs was cut off; nothing blocking is waited for.
                runtime.shutdown_background();
            })?;
            queues.push((sender, Arc::default()));
        }
        Ok(Self { queues })
    }

    /// Gives a connection to the worker with the fewest.
    pub(super) fn give(&self, accepted: Accepted) {
        let Accepted { stream, peer, permit } = accepted;
        let Some((queue, open)) = self.queues.iter().min_by_key(|(_, open)| open.load(Relaxed)) else {
            return;
        };
        let handed =
            stream.into_std().map(|stream| Handed { stream, peer, permit, place: Place::take(open) });
        match handed {
            Ok(handed) => {
                // A worker that is gone belongs to an application that has stopped.
                queue.send(handed).ok();
            }
            Err(error) => error!(%error, "connection was not handed over"),
        }
    }
}

async fn work(mut queue: mpsc::UnboundedReceiver<Handed>, served: Arc<Served>) {
    while let Some(Handed { stream, peer, permit, place }) = queue.recv().await {
        match TcpStream::from_std(stream) {
            Ok(stream) => served.spawn(Accepted { stream, peer, permit }, place),
            Err(error) => error!(%error, "connection was not taken over"),
        }
    }
    // The acceptor has stopped; what is open goes on until the drain is over.
    std::future::pending::<()>().await;
}

/// One of a worker's connections.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
