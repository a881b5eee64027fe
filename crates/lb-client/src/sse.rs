//! Server-sent events as a client reads them.

use bytes::BytesMut;

/// More than this without an end is nobody's event.
const LONGEST_EVENT: usize = 64 << 20;

/// A line from here on is not copied, and what held it is not kept: a registry begins with one line that has everything in it.
const LONG: usize = 64 << 10;

/// Server-sent events out of bytes.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: BytesMut,
    /// Bytes of `buffer` that hold no line end.
    searched: usize,
    event: Event,
    told: bool,
}

/// What is set of it; the rest is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// By which a reader says where it stopped.
    pub id: String,
    /// Its kind.
    pub name: String,
    /// Lines joined by line feeds.
    pub data: String,
}

impl Lines {
    /// False: too much without an end.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        self.buffer.extend_from_slice(chunk);
        self.buffer.len() <= LONGEST_EVENT && self.event.data.len() <= LONGEST_EVENT
    }

    /// The next event that is complete.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let Some(end) = self.buffer.iter().skip(self.searched).position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return None;
            };
            let line = self.buffer.split_to(self.searched + end + 1);
            self.searched = 0;
            if line.len() >= LONG {
                // A copy of the little that follows lets go of the memory of the line.
                self.buffer = BytesMut::from(self.buffer.as_ref());
                if line.starts_with(b"data:") && self.event.data.is_empty() {
                    self.event.data = long_value(line);
                    self.told = true;
                    continue;
                }
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                // A block of comments alone is no event.
                if std::mem::take(&mut self.told) {
                    return Some(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.event.name),
                "id" => value.clone_into(&mut self.event.id),
                "data" => {
                    if !self.event.data.is_empty() {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                _ => continue,
            }
            self.told = true;
        }
    }
}

/// What a line `data: …` says, in the memory of the line.
fn long_value(line: BytesMut) -> String {
    let mut bytes = Vec::from(line);
    while matches!(bytes.last(), Some(b'\r' | b'\n')) {
        bytes.pop();
    }
    let field = if bytes.starts_with(b"data: ") { 6 } else { 5 };
    bytes.drain(..field);
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_read_like_a_short_one_and_leaves_nothing_behind() {
        let long = "x".repeat(3 * LONG);
        let text = format!(
            "event: snapshot\r\ndata: {long}\r\n\r\nevent: delta\ndata:{long}\ndata: y\n\ndata: z\n\n"
        );
        for size in [1_000, 100_003, text.len()] {
            let mut lines = Lines::default();
            let mut events = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                assert!(lines.feed(chunk));
                events.extend(std::iter::from_fn(|| lines.next_event()));
            }
            let data: Vec<&str> = events.iter().map(|event| &*event.data).collect();
            assert_eq!(data, [&*long, &*format!("{long}\ny"), "z"], "{size}");
            assert_eq!(events[0].name, "snapshot");
            assert!(lines.buffer.capacity() < LONG, "{size}: {} are kept", lines.buffer.capacity());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_in_long_lines_too() {
        let mut lines = Lines::default();
        let mut bytes = b"data: ".to_vec();
        bytes.resize(2 * LONG, 0xff);
        bytes.extend(b"\n\n");
        assert!(lines.feed(&bytes));
        assert!(lines.next_event().unwrap().data.chars().all(|letter| letter == '\u{fffd}'));
    }

    #[test]
    fn events_come_out_of_any_split_and_comments_do_not() {
        let text = ": hello\n\nid: 7\nevent: delta\r\ndata: {\"a\":1}\r\n\r\n:\n\ndata: x\ndata: y\n\n";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut events = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                assert!(lines.feed(chunk));
                events.extend(std::iter::from_fn(|| lines.next_event()));
            }
            assert_eq!(events.len(), 2, "{size}");
            assert_eq!(
                events[0],
                Event { id: "7".to_owned(), name: "delta".to_owned(), data: "{\"a\":1}".to_owned() }
            );
            assert_eq!(events[1].data, "x\ny");
        }
    }

    #[test]
    fn long_streams() {
        let example = ": hello\n\nevent: delta\r\ndata: {\"a\":1}\r\n\r\n:\n\ndata: x\ndata: y\n\n";
        let words =
            ["\n", "\r\n", "\r", "\n\n", "data", "data:", "event: ", ":", "id: 1", " ", "\u{0}", "\u{feff}"];
        wellspring_test_support::fuzz::run(
            "server-sent events (clients)",
            &[example.as_bytes()],
            &words,
            |bytes, rng| {
                let all = |size: usize| {
                    let mut lines = Lines::default();
                    let mut events = Vec::new();
                    for chunk in bytes.chunks(size) {
                        assert!(lines.feed(chunk));
                        events.extend(std::iter::from_fn(|| lines.next_event()));
                    }
                    events
                };
                assert_eq!(all(bytes.len().max(1)), all(rng.usize(1..20)), "however the bytes come");
            },
        );
    }
}
