//! The page at `/`, the history at `/lastn`, and the same figures as XML at `/eureka/status`.
//!
//! Small pages without scripts. What they show is gathered here once; the files beside it only write it down.

mod figures;
mod history;
mod overview;
mod page;
mod status;

pub use figures::{About, Figures};
pub use history::history;
pub use overview::overview;
pub use status::status;
