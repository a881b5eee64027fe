//! Round robin with Spring's counter: raised first, then taken modulo the number of instances.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Picker, Request};
use crate::Instance;

/// The sign bit of the 32-bit counter is dropped, so that it wraps to 0.
const POSITIVE: u32 = 0x7fff_ffff;

/// The default picker.
#[derive(Debug)]
pub struct RoundRobin {
    position: AtomicU32,
}

impl RoundRobin {
    /// Starts after `position`.
    pub fn starting_after(position: u32) -> Self {
        Self { position: AtomicU32::new(position) }
    }
}

impl Default for RoundRobin {
    /// Starts anywhere, so that many clients do not begin with the same instance.
    fn default() -> Self {
        Self::starting_after(fastrand::u32(0..1000))
    }
}

impl Picker for RoundRobin {
    fn pick(&self, _: &Request<'_>, instances: &[Instance]) -> Option<usize> {
        match instances.len() {
            0 => None,
            // A single instance leaves the counter where it is.
            1 => Some(0),
            many => {
                let position = self.position.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & POSITIVE;
                // In 32 bits where that will do: a division of 64 costs several times as much.
                match u32::try_from(many) {
                    Ok(many) => usize::try_from(position % many).ok(),
                    Err(_) => usize::try_from(position).ok(),
                }
            }
        }
    }
}
