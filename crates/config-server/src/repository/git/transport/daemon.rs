//! A remote behind `git:`.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;
use wellspring_properties::Problem;

use super::pack;
use super::packet::{FLUSH, Incoming, Packets, line};
use crate::repository::git::refs::Refs;

const PORT: u16 = 9418;

#[derive(Debug)]
pub(crate) struct Daemon {
    host: String,
    port: u16,
    path: String,
}

impl Daemon {
    pub(super) fn new(uri: &str) -> Result<Self, Problem> {
        let url = Url::parse(uri)
            .map_err(|error| Problem::new("WS-1414", format!("not a uri: {error}")).found(uri))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { host, port: url.port().unwrap_or(PORT), path: url.path().to_owned() })
    }

    pub(super) async fn fetch(&self, mirror: &Path, known: &Refs, timeout: Duration) -> Result<Refs, String> {
        let stream = tokio::time::timeout(timeout, TcpStream::connect((self.host.as_str(), self.port)))
            .await
            .map_err(|_| format!("no connection within {} s", timeout.as_secs()))?
            .map_err(|error| error.to_string())?;
        let (reader, mut writer) = stream.into_split();
        let mut hello = Vec::new();
        line(&mut hello, &format!("git-upload-pack {}\0host={}\0", self.path, self.host));
        writer.write_all(&hello).await.map_err(|error| error.to_string())?;
        let packets = Packets::new(Incoming::Stream(Box::new(reader)), timeout);
        converse(packets, writer, mirror, known).await
    }
}

/// The whole conversation over one connection.
pub(super) async fn converse(
    mut packets: Packets,
    mut writer: impl AsyncWrite + Unpin,
    mirror: &Path,
    known: &Refs,
) -> Result<Refs, String> {
    let said = pack::advertisement(&mut packets).await?;
    match said.request(mirror, known).await? {
        Some(request) => {
            writer.write_all(&request).await.map_err(|error| error.to_string())?;
            writer.flush().await.map_err(|error| error.to_string())?;
            pack::receive(&mut packets, mirror).await?;
        }
        // A polite end: nothing is wanted.
        None => writer.write_all(FLUSH).await.map_err(|error| error.to_string())?,
    }
    Ok(said.refs)
}
