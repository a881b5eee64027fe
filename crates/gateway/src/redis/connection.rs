//! The one connection that all questions share: sent as they come, answered in the same order.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::address::Address;
use super::protocol::{Answer, Parsed, parse};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) command: Vec<u8>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// Connects as long as there are calls; each connection serves until it breaks.
pub(super) async fn serve(address: Address, mut waiting: mpsc::Receiver<Call>) {
    while let Some(first) = waiting.recv().await {
        match tokio::time::timeout(Duration::from_secs(2), address.connect()).await {
            Ok(Ok(stream)) => {
                if let Err(error) = converse(stream, first, &mut waiting).await {
                    tracing::warn!(%error, "connection to redis ended");
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(host = address.host, port = address.port, %error, "no connection to redis");
                drop(first);
                refuse_for_a_while(&mut waiting).await;
            }
            Err(_) => refuse_for_a_while(&mut waiting).await,
        }
    }
}

/// A Redis that is away is asked again after a second; calls until then are dropped at once, which lets them through.
async fn refuse_for_a_while(waiting: &mut mpsc::Receiver<Call>) {
    let again = tokio::time::Instant::now() + Duration::from_secs(1);
    while let Ok(Some(call)) = tokio::time::timeout_at(again, waiting.recv()).await {
        drop(call);
    }
}

/// Commands go out as they come, answers come back in the same order.
async fn converse(stream: TcpStream, first: Call, waiting: &mut mpsc::Receiver<Call>) -> io::Result<()> {
    let (mut from, mut to) = stream.into_split();
    let mut asked: VecDeque<oneshot::Sender<Answer>> = VecDeque::new();
    let mut buffer = BytesMut::with_capacity(4096);
    to.write_all(&first.command).await?;
    asked.push_back(first.answer);
    loop {
        tokio::select! {
            call = waiting.recv() => {
                let Some(Call { mut command, answer }) = call else { return Ok(()) };
                asked.push_back(answer);
                // What is waiting already goes out with the same write.
                while let Ok(next) = waiting.try_recv() {
                    command.extend_from_slice(&next.command);
                    asked.push_back(next.answer);
                }
                to.write_all(&command).await?;
            }
            read = from.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                loop {
                    match parse(&mut buffer) {
                        Parsed::More => break,
                        Parsed::Broken => return Err(io::ErrorKind::InvalidData.into()),
                        Parsed::Value(answer) => settle(answer, asked.pop_front()),
                    }
                }
            }
        }
    }
}

fn settle(answer: Answer, asked: Option<oneshot::Sender<Answer>>) {
    if let Answer::Error(message) = &answer {
        tracing::warn!(message, "redis refused a command");
    }
    if let Some(asked) = asked {
        // Whoever asked may have lost patience.
        asked.send(answer).ok();
    }
}
