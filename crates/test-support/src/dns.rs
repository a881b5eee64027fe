//! A name server for tests: answers questions for text records from a table, everything else with "no such name".

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

/// Listens on a UDP port of its own until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    texts: Arc<Mutex<HashMap<String, String>>>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// With the text of each name; names without a dot at the end.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(texts: &[(&str, &str)]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port for names");
        let address = socket.local_addr().expect("a bound socket has an address");
        let texts: HashMap<String, String> =
            texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let texts = Arc::new(Mutex::new(texts));
        let known = Arc::clone(&texts);
        let thread = std::thread::spawn(move || serve(&socket, &known));
        Self { address, texts, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Another text from now on.
    pub fn set(&self, name: &str, text: &str) {
        self.texts.lock().insert(name.to_owned(), text.to_owned());
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // An empty packet ends the loop.
        if let Ok(socket) = UdpSocket::bind("127.0.0.1:0")
            && socket.send_to(&[], self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            thread.join().ok();
        }
    }
}

fn serve(socket: &UdpSocket, texts: &Mutex<HashMap<String, String>>) {
    let mut packet = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        if length == 0 {
            return;
        }
        if let Some(answer) = answer(&packet[..length], &texts.lock()) {
            socket.send_to(&answer, from).ok();
        }
    }
}

/// Header, the question as it came, and one record that points to the question's name.
fn answer(packet: &[u8], texts: &HashMap<String, String>) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const TEXT: [u8; 2] = [0, 16];
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let question = packet.get(HEADER..at + 4)?;
    let text = texts.get(&labels.join(".")).filter(|_| question.ends_with(&[TEXT[0], TEXT[1], 0, 1]));
    let mut out = packet.get(..2)?.to_vec();
    // An answer with authority; recursion as asked for; 3: no such name.
    out.extend([
        0x85,
        if text.is_some() { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::from(text.is_some()),
        0,
        0,
        0,
        0,
    ]);
    out.extend(question);
    if let Some(text) = text {
        let length = u8::try_from(text.len()).ok()?;
        // Name at offset 12, TXT, IN, no time to live, the length of the data, its one string.
        out.extend([0xc0, 0x0c, TEXT[0], TEXT[1], 0, 1, 0, 0, 0, 0, 0, length + 1, length]);
        out.extend(text.bytes());
    }
    Some(out)
}
