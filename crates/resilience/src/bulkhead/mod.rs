//! The bulkhead: so many calls at a time, by permits or by a pool of tasks with a queue.

mod config;
mod layer;
mod permits;
mod pool;

pub use config::{BulkheadConfig, ThreadPoolBulkheadConfig};
pub use layer::BulkheadLayer;
pub use permits::{Bulkhead, Event, Slot};
pub use pool::Pool;
