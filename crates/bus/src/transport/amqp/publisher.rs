//! The publishing connection: messages go out one behind the other, their confirms come back behind them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use lapin::Confirmation;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};

use super::{Broken, Links, Role, Settings, message};
use crate::transport::outbox::{Letter, Outbox};
use crate::transport::sse::Pause;

/// Messages that may be on the wire without a confirm.
const WINDOW: usize = 512;
/// How often an idle connection is looked at.
const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Publisher {
    settings: Arc<Settings>,
    outbox: Outbox,
    links: Arc<Links>,
    name: String,
    /// Published, in order, not confirmed.
    on_the_wire: VecDeque<Letter>,
}

impl Publisher {
    pub(super) fn new(settings: Arc<Settings>, outbox: Outbox, links: Arc<Links>, name: String) -> Self {
        Self { settings, outbox, links, name, on_the_wire: VecDeque::new() }
    }

    pub(super) async fn run(mut self) {
        let mut pause = Pause::default();
        loop {
            let ended = Box::pin(self.session(&mut pause)).await;
            self.outbox.put_back(self.on_the_wire.drain(..));
            match ended {
                Ok(()) => return,
                Err(error) => self.links.down(Role::Publisher, error.to_string()),
            }
            pause.wait().await;
        }
    }

    /// Publishes until the outbox is closed or the connection breaks.
    async fn session(&mut self, pause: &mut Pause) -> Result<(), Broken> {
        let connection = self.settings.connect(&self.name).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        super::declare_exchange(&channel, &self.settings).await?;
        self.links.up(Role::Publisher);
        pause.reset();
        let mut confirms = FuturesOrdered::new();
        let mut look = tokio::time::interval(LOOK);
        let mut closed = false;
        loop {
            tokio::select! {
                biased;
                Some(confirm) = confirms.next() => self.confirmed(&confirm?)?,
                letter = self.outbox.take(), if !closed && self.on_the_wire.len() < WINDOW => match letter {
                    None => closed = true,
                    Some(letter) => {
                        let body = letter.body.clone();
                        // On the list first: an error below puts it back with the others.
                        self.on_the_wire.push_back(letter);
                        let exchange = self.settings.exchange.as_str();
                        let publishing = channel.basic_publish(
                            exchange.into(),
                            self.settings.routing_key.as_str().into(),
                            BasicPublishOptions::default(),
                            &body,
                            message::properties(),
                        );
                        confirms.push_back(publishing.await?);
                    }
                },
                // Without traffic nothing else would tell that the connection has gone.
                _ = look.tick(), if !closed => {
                    if !channel.status().connected() || !connection.status().connected() {
                        return Err(Broken::Gone);
                    }
                }
                else => return Ok(()),
            }
            if closed && self.on_the_wire.is_empty() {
                return Ok(());
            }
        }
    }

    /// The confirm of the oldest message.
    fn confirmed(&mut self, confirmation: &Confirmation) -> Result<(), Broken> {
        let Some(letter) = self.on_the_wire.pop_front() else { return Ok(()) };
        if matches!(confirmation, Confirmation::Nack(_)) {
            // The broker could not take care of it just now: once more, after a pause.
            self.on_the_wire.push_front(letter);
            return Err(Broken::NotTaken);
        }
        self.outbox.answer(letter, Ok(()));
        Ok(())
    }
}
