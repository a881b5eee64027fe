//! Read buffers that the connections of a thread hand on to each other: the allocator is slow with sizes like these, and a
//! large buffer that is freed goes back to the system, page by page.
//!
//! A buffer may be given back while pieces cut from it are still in use: it can be written again once they are gone, and
//! is replaced by a new one where they are not.

use std::cell::RefCell;

use bytes::BytesMut;

/// Room for a head, and a small body with it.
pub const SMALL: usize = 4 << 10;
/// The most that is read at once.
pub const LARGE: usize = 64 << 10;

/// So many of each are kept by a thread.
const MOST_SMALL: usize = 64;
const MOST_LARGE: usize = 16;

#[derive(Default)]
struct Kept {
    small: Vec<BytesMut>,
    large: Vec<BytesMut>,
}

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept { small: Vec::new(), large: Vec::new() }) };
}

/// What a connection has read and not yet used.
#[derive(Debug, Default)]
pub struct Inbox {
    pub bytes: BytesMut,
    large: bool,
}

impl Inbox {
    /// How much can be read into it as it is.
    #[must_use]
    pub fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Makes room for so many bytes at least, up to [`LARGE`]. What is there stays.
    pub fn make_room(&mut self, room: usize) {
        let large = room > SMALL;
        if !self.bytes.is_empty() {
            self.bytes.reserve(room);
            self.large |= large;
        } else if self.bytes.capacity() == 0 || self.large != large || !self.bytes.try_reclaim(room) {
            let next = Self { bytes: take(large), large };
            std::mem::replace(self, next).give();
        }
    }

    /// Gives up the buffer, with all that is in it.
    pub fn rest(&mut self) {
        std::mem::take(self).give();
    }

    fn give(self) {
        let Self { mut bytes, large } = self;
        if bytes.capacity() == 0 {
            return;
        }
        bytes.clear();
        KEPT.with_borrow_mut(|kept| {
            let (kept, most) =
                if large { (&mut kept.large, MOST_LARGE) } else { (&mut kept.small, MOST_SMALL) };
            if kept.len() < most {
                kept.push(bytes);
            }
        });
    }
}

fn take(large: bool) -> BytesMut {
    let room = if large { LARGE } else { SMALL };
    let kept = KEPT.with_borrow_mut(|kept| if large { kept.large.pop() } else { kept.small.pop() });
    match kept {
        Some(mut buffer) => {
            buffer.reserve(room);
            buffer
        }
        None => BytesMut::with_capacity(room),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(room: usize) -> Inbox {
        let mut inbox = Inbox::default();
        inbox.make_room(room);
        inbox
    }

    #[test]
    fn a_buffer_is_written_again_once_its_pieces_are_gone() {
        let mut first = inbox(1);
        let place = first.bytes.as_ptr();
        first.bytes.extend_from_slice(b"head");
        let head = first.bytes.split_to(4).freeze();
        first.rest();
        let mut second = inbox(1);
        assert_ne!(second.bytes.as_ptr(), place, "a piece is still in use");
        assert_eq!((&head[..], second.bytes.len(), second.room() >= SMALL), (&b"head"[..], 0, true));
        drop(head);

        let place = second.bytes.as_ptr();
        second.bytes.extend_from_slice(b"head");
        drop(second.bytes.split_to(4).freeze());
        second.rest();
        let third = inbox(1);
        assert_eq!((third.bytes.as_ptr(), third.room() >= SMALL), (place, true));
    }

    #[test]
    fn what_is_there_stays_when_more_room_is_made() {
        let mut inbox = inbox(1);
        inbox.bytes.extend_from_slice(b"begun");
        inbox.make_room(LARGE);
        assert_eq!((&inbox.bytes[..], inbox.room() >= LARGE), (&b"begun"[..], true));
        inbox.rest();
        assert_eq!(inbox.bytes.capacity(), 0);
    }

    #[test]
    fn no_more_are_kept_than_the_limit_and_sizes_do_not_mix() {
        let all: Vec<Inbox> = (0..MOST_LARGE + 3).map(|_| inbox(SMALL + 1)).collect();
        for mut inbox in all {
            inbox.rest();
        }
        assert_eq!(KEPT.with_borrow(|kept| (kept.large.len(), kept.small.len())), (MOST_LARGE, 0));
        assert!(inbox(LARGE).room() >= LARGE);
    }
}
