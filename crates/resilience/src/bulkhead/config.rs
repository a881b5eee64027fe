//! `resilience4j.bulkhead.instances.<name>.*` and `resilience4j.thread-pool-bulkhead.instances.<name>.*`

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The settings of a bulkhead; keys and defaults are those of Resilience4j.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BulkheadConfig {
    /// Calls at a time; zero lets none pass.
    pub max_concurrent_calls: u32,
    /// How long a call waits for its turn.
    #[serde(with = "crate::duration")]
    pub max_wait_duration: Duration,
    /// How many events the actuator keeps.
    pub event_consumer_buffer_size: usize,
}

impl Default for BulkheadConfig {
    fn default() -> Self {
        Self { max_concurrent_calls: 25, max_wait_duration: Duration::ZERO, event_consumer_buffer_size: 100 }
    }
}

/// The settings of a bulkhead with a queue; keys are those of Resilience4j, tasks stand for its threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ThreadPoolBulkheadConfig {
    /// Tasks before the queue is used.
    pub core_thread_pool_size: usize,
    /// Tasks when the queue is full.
    pub max_thread_pool_size: usize,
    /// Calls that wait; zero hands over directly.
    pub queue_capacity: usize,
    /// How many events the actuator keeps.
    pub event_consumer_buffer_size: usize,
}

impl Default for ThreadPoolBulkheadConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            core_thread_pool_size: cores.saturating_sub(1).max(1),
            max_thread_pool_size: cores,
            queue_capacity: 100,
            event_consumer_buffer_size: 100,
        }
    }
}
