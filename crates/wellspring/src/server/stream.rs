//! A stream of server-sent events, each with JSON as data.

use reqwest::Response;
use serde_json::Value;
use wellspring_lb_client::sse::{Event, Lines};

use super::{Exit, Failed};
use crate::codes;

/// Events as they come.
#[derive(Debug)]
pub(crate) struct Events {
    server: String,
    response: Response,
    lines: Lines,
    /// The last id.
    place: Option<String>,
}

impl Events {
    pub(super) fn of(server: String, response: Response) -> Self {
        Self { server, response, lines: Lines::default(), place: None }
    }

    /// Where a reader goes on after what was read.
    pub(crate) fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Name and data of the next; nothing when the server has ended the stream in good order.
    pub(crate) async fn next(&mut self) -> Result<Option<(String, Value)>, Failed> {
        loop {
            if let Some(Event { id, name, data }) = self.lines.next_event() {
                if !id.is_empty() {
                    self.place = Some(id);
                }
                // One without data only says how far it has come.
                let Ok(data) = serde_json::from_str(&data) else { continue };
                return Ok(Some((name, data)));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) if self.lines.feed(&chunk) => {}
                Ok(Some(_)) => return Err(self.broken("an event without end")),
                Ok(None) => return Ok(None),
                Err(error) => return Err(Failed::unreachable(&self.server, &error)),
            }
        }
    }

    fn broken(&self, what: &str) -> Failed {
        Failed::new(Exit::Unreachable, format!("{} sends {what}", self.server)).code(codes::UNREACHABLE)
    }
}
