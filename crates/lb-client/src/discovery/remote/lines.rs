//! Streams of JSON values, one to a line, as etcd's gateway and Kubernetes send watches.

use bytes::BytesMut;
use serde::de::DeserializeOwned;

/// More than this without an end is nobody's event.
const LONGEST: usize = 64 << 20;

/// Values out of an answer that goes on.
#[derive(Debug)]
pub(super) struct Values {
    response: reqwest::Response,
    buffer: BytesMut,
}

impl Values {
    pub(super) fn of(response: reqwest::Response) -> Self {
        Self { response, buffer: BytesMut::new() }
    }

    /// The next value; `None` at the end of the stream.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line).map(Some).map_err(|error| error.to_string());
            }
            if self.buffer.len() > LONGEST {
                return Err(format!("more than {LONGEST} bytes without an end"));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
