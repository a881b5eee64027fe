//! One connection, made when it is needed and kept: the commands of a request go out together, answers come back in order.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::resp::{Answer, Parsed, encode, parse};
use crate::config::Secret;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) struct Connection {
    address: Address,
    stream: Mutex<Option<Box<dyn Stream>>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connection").field(&self.address).finish()
    }
}

impl Connection {
    pub(super) fn new(address: Address) -> Self {
        Self { address, stream: Mutex::new(None) }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// An answer for each command. An `Err` says in words why there is none; the connection is gone then.
    pub(super) async fn ask(&self, commands: &[&[&str]]) -> Result<Vec<Answer>, String> {
        let patience = self.address.timeout + self.address.connect_timeout;
        let mut kept =
            timeout(patience, self.stream.lock()).await.map_err(|_| "too many requests wait".to_owned())?;
        let mut request = Vec::with_capacity(64 * commands.len());
        for command in commands {
            encode(&mut request, command);
        }
        if let Some(mut stream) = kept.take() {
            // It may have been closed while nobody used it; then a new one is asked.
            if let Ok(answers) = self.converse(&mut *stream, &request, commands.len()).await {
                *kept = Some(stream);
                return Ok(answers);
            }
        }
        let mut stream = timeout(self.address.connect_timeout, self.connect())
            .await
            .map_err(|_| "no connection in time".to_owned())?
            .map_err(|error| error.to_string())?;
        let answers =
            self.converse(&mut *stream, &request, commands.len()).await.map_err(|error| error.to_string())?;
        *kept = Some(stream);
        Ok(answers)
    }

    async fn converse(
        &self,
        stream: &mut dyn Stream,
        request: &[u8],
        answers: usize,
    ) -> io::Result<Vec<Answer>> {
        timeout(self.address.timeout, exchange(stream, request, answers)).await.map_err(|_| late())?
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let address = &self.address;
        let tcp = TcpStream::connect((address.host.as_str(), address.port)).await?;
        tcp.set_nodelay(true)?;
        let mut stream: Box<dyn Stream> = match &address.tls {
            Some(tls) => {
                let name = ServerName::try_from(address.host.clone())
                    .map_err(|_| io::Error::other("no name for a certificate"))?;
                Box::new(TlsConnector::from(Arc::new(tls.clone())).connect(name, tcp).await?)
            }
            None => Box::new(tcp),
        };
        let mut greeting = Vec::new();
        let mut greetings = 0;
        if let Some(Secret(password)) = &address.password {
            match &address.username {
                Some(username) => encode(&mut greeting, &["AUTH", username, password]),
                None => encode(&mut greeting, &["AUTH", password]),
            }
            greetings += 1;
        }
        if address.database != 0 {
            encode(&mut greeting, &["SELECT", &address.database.to_string()]);
            greetings += 1;
        }
        if greetings > 0 {
            for answer in exchange(&mut *stream, &greeting, greetings).await? {
                if let Answer::Error(message) = answer {
                    return Err(io::Error::other(message));
                }
            }
        }
        Ok(stream)
    }
}

async fn exchange(stream: &mut dyn Stream, request: &[u8], answers: usize) -> io::Result<Vec<Answer>> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut buffer = BytesMut::with_capacity(4096);
    let mut out = Vec::with_capacity(answers);
    loop {
        while out.len() < answers {
            match parse(&mut buffer) {
                Parsed::Value(answer) => out.push(answer),
                Parsed::More => break,
                Parsed::Broken => return Err(io::Error::other("this is no Redis")),
            }
        }
        if out.len() == answers {
            return Ok(out);
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}
