//! The sockets: UDP for nearly everything, TCP for what does not fit into a datagram.

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wellspring_daemon::{Context, codes};
use wellspring_properties::Problem;
use wellspring_telemetry::{Counter, Meters, names};

use super::answer::{Answers, Transport};
use super::{Settings, Zone};
use crate::Node;

/// Longest datagram that is read; a question needs less than half of it.
const DATAGRAM: usize = 1232;
/// Connections at once: each is a task and a few kilobytes.
const CONNECTIONS: usize = 256;
/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(10);

/// Begins to answer, when that is wanted.
pub async fn start(
    context: &Context,
    settings: &Settings,
    node: &Arc<Node>,
    own: &str,
) -> anyhow::Result<()> {
    if !settings.enabled {
        return Ok(());
    }
    let key = "wellspring.registry.dns.zone";
    let zone = Zone::parse(&settings.zone).map_err(|error| {
        Problem::new(
            wellspring_properties::codes::TYPE_MISMATCH,
            format!("{key}: {} is no zone: {error}", settings.zone),
        )
        .at(context.env.origin(key))
        .hint("a domain such as wellspring or svc.example.org")
    })?;
    let ttl = u32::try_from(settings.ttl.as_secs()).unwrap_or(u32::MAX);
    let address = (settings.address, settings.port);
    let refused = |error: std::io::Error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        let code = if taken { codes::PORT_TAKEN } else { codes::LISTEN };
        let place = format!("{}:{}", settings.address, settings.port);
        Problem::new(code, format!("DNS cannot be answered on {place}: {error}"))
            .at(context.env.origin("wellspring.registry.dns.port"))
            .hint("choose another wellspring.registry.dns.port or .address")
    };
    let udp = UdpSocket::bind(address).await.map_err(refused)?;
    let tcp = TcpListener::bind(address).await.map_err(refused)?;
    tracing::info!(address = %udp.local_addr()?, zone = %zone.apex(), "DNS is answered");
    let server = Arc::new(Server {
        answers: Answers::new(Arc::clone(node), zone, ttl, own.parse().ok()),
        counts: Counts::new(&context.meters),
    });
    context.tasks.spawn(Arc::clone(&server).datagrams(udp));
    context.tasks.spawn(server.connections(tcp, context.tasks.clone()));
    Ok(())
}

struct Server {
    answers: Answers,
    counts: Counts,
}

impl Server {
    async fn datagrams(self: Arc<Self>, socket: UdpSocket) {
        let mut buffer = [0; DATAGRAM];
        loop {
            let (length, from) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                Err(error) => {
                    // An earlier answer that could not be delivered comes back as an error of the socket.
                    tracing::debug!(%error, "datagram was not received");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                }
            };
            let question = buffer.get(..length).unwrap_or_default();
            if let Some(answer) = self.answer(question, Transport::Udp)
                && let Err(error) = socket.send_to(&answer, from).await
            {
                tracing::debug!(%from, %error, "answer was not sent");
            }
        }
    }

    async fn connections(self: Arc<Self>, listener: TcpListener, tasks: wellspring_daemon::Tasks) {
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        while let Ok(permit) = Arc::clone(&free).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, from)) => {
                    let server = Arc::clone(&self);
                    tasks.spawn(async move {
                        if let Err(error) = server.converse(stream).await {
                            tracing::debug!(%from, %error, "connection ended");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Questions and answers one after the other, each behind its length.
    async fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut question = Vec::new();
        loop {
            let length = timeout(IDLE, stream.read_u16()).await??;
            question.resize(usize::from(length), 0);
            timeout(IDLE, stream.read_exact(&mut question)).await??;
            let Some(answer) = self.answer(&question, Transport::Tcp) else { return Ok(()) };
            let mut message = u16::try_from(answer.len()).unwrap_or_default().to_be_bytes().to_vec();
            message.extend_from_slice(&answer);
            timeout(IDLE, stream.write_all(&message)).await??;
        }
    }

    fn answer(&self, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let (answer, code) = self.answers.answer(question, transport)?;
        self.counts.of(code).increment();
        Some(answer)
    }
}

struct Counts {
    found: Counter,
    unknown: Counter,
    refused: Counter,
}

impl Counts {
    fn new(meters: &Meters) -> Self {
        let counter = |outcome| meters.counter(names::REGISTRY_DNS_QUERIES, &[("outcome", outcome)]);
        Self { found: counter("answered"), unknown: counter("unknown"), refused: counter("refused") }
    }

    fn of(&self, code: ResponseCode) -> &Counter {
        match code {
            ResponseCode::NoError => &self.found,
            ResponseCode::NXDomain => &self.unknown,
            _ => &self.refused,
        }
    }
}
