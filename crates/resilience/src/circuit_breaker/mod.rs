//! The circuit breaker: counts outcomes in a window, refuses calls while too many fail or are slow, then tries again.

mod breaker;
mod config;
mod event;
mod layer;
mod state;
mod window;

pub use breaker::{CircuitBreaker, Metrics, Permit, Refused};
pub use config::{CircuitBreakerConfig, WaitedHalfOpen, WindowType};
pub use event::Event;
pub use layer::{CircuitBreakerLayer, CircuitBreakerService};
pub use state::{IllegalTransition, Outcome, State};
