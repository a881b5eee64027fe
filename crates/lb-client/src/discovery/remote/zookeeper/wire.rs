//! ZooKeeper's packets: a length, then numbers in network order, texts and lists with their length in front.

/// Why a packet cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Short;

/// Packets this client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Exists = 3,
    GetData = 4,
    GetChildren = 8,
}

/// The number of a ping, and of what comes without having been asked for.
pub(super) const PING: i32 = -2;
pub(super) const NOTIFICATION: i32 = -1;
/// "No such node."
pub(super) const NO_NODE: i32 = -101;

const PING_OPERATION: i32 = 11;

/// A packet that is being written.
#[derive(Debug)]
pub(super) struct Packet(Vec<u8>);

impl Packet {
    fn new() -> Self {
        // The length is filled in at the end.
        Self(vec![0; 4])
    }

    /// Asks for a session.
    pub(super) fn connect(timeout: i32) -> Vec<u8> {
        let mut packet = Self::new();
        packet.number(0); // version of the protocol
        packet.0.extend_from_slice(&0_i64.to_be_bytes()); // last change seen
        packet.number(timeout);
        packet.0.extend_from_slice(&0_i64.to_be_bytes()); // a new session
        packet.number(16);
        packet.0.extend_from_slice(&[0; 16]); // without a password
        packet.0.push(0); // a server that can only read will not do: it may be cut off
        packet.end()
    }

    /// Asks about a node, and to be told when what was answered is no longer so.
    pub(super) fn watching(number: i32, operation: Operation, path: &str) -> Vec<u8> {
        let mut packet = Self::new();
        packet.number(number);
        packet.number(operation as i32);
        packet.number(i32::try_from(path.len()).unwrap_or(i32::MAX));
        packet.0.extend_from_slice(path.as_bytes());
        packet.0.push(1);
        packet.end()
    }

    pub(super) fn ping() -> Vec<u8> {
        let mut packet = Self::new();
        packet.number(PING);
        packet.number(PING_OPERATION);
        packet.end()
    }

    fn number(&mut self, number: i32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn end(mut self) -> Vec<u8> {
        let length = i32::try_from(self.0.len() - 4).unwrap_or(i32::MAX);
        if let Some(front) = self.0.get_mut(..4) {
            front.copy_from_slice(&length.to_be_bytes());
        }
        self.0
    }
}

/// A packet that is being read.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Result<i32, Short> {
        self.take(4).and_then(|bytes| bytes.try_into().map(i32::from_be_bytes).map_err(|_| Short))
    }

    pub(super) fn long(&mut self) -> Result<i64, Short> {
        self.take(8).and_then(|bytes| bytes.try_into().map(i64::from_be_bytes).map_err(|_| Short))
    }

    /// Bytes with their length in front; -1 stands for none.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Short> {
        match self.number()? {
            -1 => Ok(&[]),
            length => self.take(usize::try_from(length).map_err(|_| Short)?),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, Short> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, Short> {
        let count = self.number()?;
        (0..count.max(0)).map(|_| self.text()).collect()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Short)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_their_length_in_front() {
        let packet = Packet::watching(7, Operation::GetChildren, "/a");
        assert_eq!(packet, [0, 0, 0, 15, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 2, b'/', b'a', 1]);
        assert_eq!(Packet::connect(6_000).len(), 4 + 45);
    }

    #[test]
    fn what_is_cut_short_or_lies_about_its_length_is_refused() {
        let list = [0, 0, 0, 2, 0, 0, 0, 1, b'a', 0, 0, 0, 1, b'b'];
        assert_eq!(Reader(&list).texts().unwrap(), ["a", "b"]);
        for end in 0..list.len() {
            assert_eq!(Reader(&list[..end]).texts(), Err(Short), "{end}");
        }
        assert_eq!(Reader(&[0x7f, 0xff, 0xff, 0xff]).texts(), Err(Short));
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xf0]).bytes(), Err(Short));
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xff]).bytes(), Ok(&[][..]));
    }

    #[test]
    fn long_answers() {
        let list = [0, 0, 0, 2, 0, 0, 0, 1, b'a', 0, 0, 0, 1, b'b'];
        let reply = [[0, 0, 0, 7].as_slice(), &[0; 12], &list].concat();
        let words = ["\u{0}\u{0}\u{0}\u{1}", "\u{0}\u{0}\u{0}\u{0}", "\u{7f}", "a"];
        wellspring_test_support::fuzz::run("ZooKeeper's answers", &[&list, &reply], &words, |bytes, rng| {
            let mut reader = Reader(bytes);
            for _ in 0..4 {
                let ended = match rng.u8(..4) {
                    0 => reader.number().is_err(),
                    1 => reader.long().is_err(),
                    2 => reader.text().is_err(),
                    _ => reader.texts().is_err(),
                };
                if ended {
                    break;
                }
            }
            assert!(reader.0.len() <= bytes.len());
        });
    }
}
