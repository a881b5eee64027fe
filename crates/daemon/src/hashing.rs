//! A quick hash (FNV-1a) for maps whose few, short keys are written by operators or by us. Callers must not be able to put
//! keys in: the hash is no defence against those who choose theirs to collide.

use std::hash::{BuildHasher, Hasher};

/// For `HashMap<K, V, Short>`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Short;

/// The hash so far.
#[derive(Debug)]
pub struct Fnv(u64);

impl BuildHasher for Short {
    type Hasher = Fnv;

    fn build_hasher(&self) -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        // The map looks at the highest bits as well as at the lowest; short keys leave the former alike.
        self.0 ^ self.0.rotate_left(32)
    }
}
