//! Who runs, who waits, who is refused in a pool with a queue: the original's thread pool as arithmetic.
//!
//! Tasks grow up to the core size, then the queue fills, then tasks grow up to the maximum, then calls are refused.

use super::config::ThreadPoolBulkheadConfig;

/// The counts of a pool.
#[derive(Debug, Clone)]
pub struct Pool {
    config: ThreadPoolBulkheadConfig,
    running: usize,
    queued: usize,
    size: usize,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub const fn new(config: ThreadPoolBulkheadConfig) -> Self {
        Self { config, running: 0, queued: 0, size: 0 }
    }

    /// Takes in a call; `false` when it is refused.
    pub const fn submit(&mut self) -> bool {
        if self.size < self.config.core_thread_pool_size {
            self.size += 1;
            self.running += 1;
        } else if self.running < self.size && self.queued == 0 {
            self.running += 1;
        } else if self.queued < self.config.queue_capacity {
            self.queued += 1;
        } else if self.size < self.config.max_thread_pool_size {
            self.size += 1;
            self.running += 1;
        } else {
            return false;
        }
        true
    }

    /// A running call ended; the next one of the queue takes its place.
    pub const fn finish(&mut self) {
        if self.queued > 0 {
            self.queued -= 1;
        } else {
            self.running = self.running.saturating_sub(1);
        }
    }

    /// Calls that run.
    #[must_use]
    pub const fn running(&self) -> usize {
        self.running
    }

    /// Calls that wait.
    #[must_use]
    pub const fn queue_depth(&self) -> usize {
        self.queued
    }

    /// Calls that could still wait.
    #[must_use]
    pub const fn remaining_queue_capacity(&self) -> usize {
        self.config.queue_capacity - self.queued
    }

    /// Tasks that were started.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }
}
