//! A list in bytes, made from the one before: what did not change is copied, not encoded and compressed again.
//!
//! Every application is a piece of its own, in the plain form as in the compressed one. A compressed piece ends on a byte
//! (a deflate "sync flush"), so pieces stand one after the other as one stream; its checksum is put together from theirs.
//! Alone they would compress badly, for applications resemble each other: each is compressed as what follows the end of
//! the one before, which costs one neighbour of each change.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use parking_lot::Mutex;
use wellspring_wire::Millis;
use wellspring_wire::eureka::{Application, Applications, Form};

use crate::state::{Made, Shown};
use crate::view::Format;

/// How much of the piece before counts: about one instance.
const PRIMER: usize = 2048;
/// Without name and time of a file, of an unknown system.
const GZIP_START: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block.
const DEFLATE_END: [u8; 2] = [3, 0];

/// An encoded list.
#[derive(Debug)]
pub struct Payload {
    /// The version it shows; moved on when a later version is known to look the same.
    version: AtomicU64,
    at: Millis,
    plain: Bytes,
    pieces: Vec<Piece>,
    gzip: OnceLock<Arc<Compressed>>,
    /// Of an earlier list, until this one has its own.
    earlier: Mutex<Option<Arc<Compressed>>>,
}

/// An application's place in the plain bytes, without the separator before it.
#[derive(Debug)]
struct Piece {
    name: String,
    made: Made,
    /// When it was encoded.
    at: Millis,
    range: Range<usize>,
}

#[derive(Debug)]
struct Compressed {
    bytes: Bytes,
    pieces: Vec<CompressedPiece>,
}

#[derive(Debug)]
struct CompressedPiece {
    key: (String, Made, Millis),
    range: Range<usize>,
    sum: Crc,
}

/// What a payload is made of.
#[derive(Debug)]
pub struct Contents {
    pub version: u64,
    /// Number and hash code; without applications.
    pub head: Applications,
    pub applications: Vec<Shown>,
    pub at: Millis,
}

impl Payload {
    /// A list that knows nothing of pieces.
    pub fn of_bytes(version: u64, plain: Vec<u8>, at: Millis) -> Self {
        Self {
            version: AtomicU64::new(version),
            at,
            plain: plain.into(),
            pieces: Vec::new(),
            gzip: OnceLock::new(),
            earlier: Mutex::default(),
        }
    }

    /// `earlier` has what the contents leave out.
    pub fn new(contents: Contents, format: Format, form: Form, earlier: Option<&Self>) -> Self {
        let Contents { version, head, applications, at } = contents;
        let length = earlier.map_or(0, |earlier| earlier.plain.len());
        let mut plain = Vec::with_capacity(length + length / 32 + 256);
        let mut pieces: Vec<Piece> = Vec::with_capacity(applications.len());
        format.list_start(&head, form, &mut plain);
        for Shown { name, made, instances } in applications {
            let known = earlier.and_then(|earlier| Some((earlier, earlier.piece(&name)?)));
            let (known, at) = match (instances, known) {
                (None, Some((earlier, piece))) => (earlier.plain.get(piece.range.clone()), piece.at),
                (Some(instances), _) => {
                    if !pieces.is_empty() {
                        plain.extend_from_slice(format.separator());
                    }
                    let start = plain.len();
                    let application = Application { name, instances };
                    format.list_element(&application, form, &mut plain);
                    pieces.push(Piece { name: application.name, made, at, range: start..plain.len() });
                    continue;
                }
                (None, None) => continue,
            };
            if !pieces.is_empty() {
                plain.extend_from_slice(format.separator());
            }
            let start = plain.len();
            plain.extend_from_slice(known.unwrap_or_default());
            pieces.push(Piece { name, made, at, range: start..plain.len() });
        }
        format.list_end(&head, form, &mut plain);
        plain.shrink_to(plain.len() + plain.len() / 16);
        let compressed =
            earlier.and_then(|earlier| earlier.gzip.get().cloned().or_else(|| earlier.earlier.lock().take()));
        Self { pieces, earlier: Mutex::new(compressed), ..Self::of_bytes(version, plain, at) }
    }

    pub fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// Compressed at the first call; whoever asks meanwhile waits for that one.
    pub fn gzip(&self) -> Bytes {
        let compressed = self.gzip.get_or_init(|| {
            let earlier = self.earlier.lock().take();
            Arc::new(self.compress(earlier.as_deref()))
        });
        compressed.bytes.clone()
    }

    /// The registry's version that it shows.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A later version looks the same.
    pub fn moved_on(&self, version: u64) {
        self.version.fetch_max(version, Ordering::AcqRel);
    }

    /// When it was made.
    pub fn at(&self) -> Millis {
        self.at
    }

    fn piece(&self, name: &str) -> Option<&Piece> {
        let at = self.pieces.binary_search_by(|piece| piece.name.as_str().cmp(name)).ok()?;
        self.pieces.get(at)
    }

    /// In which state it shows an application, unless that was encoded before `since`.
    pub fn made(&self, name: &str, since: Millis) -> Option<Made> {
        self.piece(name).filter(|piece| piece.at >= since).map(|piece| piece.made)
    }

    fn compress(&self, earlier: Option<&Compressed>) -> Compressed {
        let mut stream = Stream::beginning(self.plain.len());
        let mut pieces = Vec::with_capacity(self.pieces.len());
        let end = self.pieces.first().map_or(self.plain.len(), |piece| piece.range.start);
        stream.add(&self.plain, 0..0, 0..end);
        let mut before: Option<&Piece> = None;
        for piece in &self.pieces {
            let start = before.map_or(piece.range.start, |before| before.range.end);
            let whole = start..piece.range.end;
            let key = (piece.name.clone(), piece.made, piece.at);
            let known = earlier.and_then(|earlier| earlier.following(before, &key));
            let from = stream.bytes.len();
            let sum = match known {
                Some((bytes, sum)) => stream.copy(bytes, sum),
                None => {
                    let primer = before
                        .map_or(0..0, |before| before.range.start.max(start.saturating_sub(PRIMER))..start);
                    stream.add(&self.plain, primer, whole)
                }
            };
            pieces.push(CompressedPiece { key, range: from..stream.bytes.len(), sum });
            before = Some(piece);
        }
        if let Some(last) = self.pieces.last() {
            stream.add(&self.plain, 0..0, last.range.end..self.plain.len());
        }
        Compressed { bytes: stream.finish(), pieces }
    }
}

impl Compressed {
    /// The piece of that key, if it came right after the piece `before`.
    fn following(&self, before: Option<&Piece>, key: &(String, Made, Millis)) -> Option<(&[u8], &Crc)> {
        let at = self.pieces.binary_search_by(|piece| piece.key.0.cmp(&key.0)).ok()?;
        let piece = self.pieces.get(at).filter(|piece| piece.key == *key)?;
        let same = match (at.checked_sub(1).and_then(|at| self.pieces.get(at)), before) {
            (Some(known), Some(before)) => {
                known.key.0 == before.name && known.key.1 == before.made && known.key.2 == before.at
            }
            (None, None) => true,
            _ => false,
        };
        let bytes = self.bytes.get(piece.range.clone()).filter(|_| same)?;
        Some((bytes, &piece.sum))
    }
}

/// A gzip stream in the making.
struct Stream {
    bytes: Vec<u8>,
    sum: Crc,
    deflater: Compress,
    scratch: Vec<u8>,
}

impl Stream {
    fn beginning(length: usize) -> Self {
        let mut bytes = Vec::with_capacity(length / 20 + 256);
        bytes.extend_from_slice(&GZIP_START);
        Self {
            bytes,
            sum: Crc::new(),
            deflater: Compress::new(Compression::new(6), false),
            scratch: Vec::new(),
        }
    }

    /// Compresses a part of `plain` as what follows `primer`, which is not written again.
    fn add(&mut self, plain: &[u8], primer: Range<usize>, part: Range<usize>) -> Crc {
        let (primer, part) = (plain.get(primer).unwrap_or_default(), plain.get(part).unwrap_or_default());
        let mut sum = Crc::new();
        if part.is_empty() {
            return sum;
        }
        self.deflater.reset();
        if !primer.is_empty() {
            self.scratch.clear();
            deflate(&mut self.deflater, primer, &mut self.scratch);
        }
        deflate(&mut self.deflater, part, &mut self.bytes);
        sum.update(part);
        self.sum.combine(&sum);
        sum
    }

    fn copy(&mut self, bytes: &[u8], sum: &Crc) -> Crc {
        self.bytes.extend_from_slice(bytes);
        self.sum.combine(sum);
        let mut same = Crc::new();
        same.combine(sum);
        same
    }

    fn finish(mut self) -> Bytes {
        self.bytes.extend_from_slice(&DEFLATE_END);
        self.bytes.extend_from_slice(&self.sum.sum().to_le_bytes());
        self.bytes.extend_from_slice(&self.sum.amount().to_le_bytes());
        self.bytes.shrink_to(self.bytes.len() + self.bytes.len() / 16);
        self.bytes.into()
    }
}

/// Up to a byte's end.
fn deflate(deflater: &mut Compress, mut part: &[u8], out: &mut Vec<u8>) {
    loop {
        out.reserve(part.len() / 16 + 64);
        let before = deflater.total_in();
        // Compressing into a vector does not fail; if it ever did, the checksum would not fit and no reader take it.
        if deflater.compress_vec(part, out, FlushCompress::Sync).is_err() {
            return;
        }
        let taken = usize::try_from(deflater.total_in() - before).unwrap_or(part.len());
        part = part.get(taken..).unwrap_or_default();
        // Room left over means that nothing waits to be written.
        if part.is_empty() && out.len() < out.capacity() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
