//! Spring's Environment for our own settings, and the readers that the config server shares with it.
//!
//! Two uses, one grammar: daemons and embedded clients load an [`Environment`] and bind structs from it; the
//! config server reads files with [`yaml`], [`flatten`](mod@flatten), [`java_properties`] and [`profile`] and serves what they give.
//! YAML is resolved as SnakeYAML (YAML 1.1) does, keys bind relaxed as in Spring Boot, every value knows its
//! file, line and column, and every complaint is a [`Problem`].

mod bind;
pub mod codes;
mod environment;
pub mod flatten;
pub mod java_properties;
pub mod load;
mod origin;
pub mod placeholder;
mod problem;
pub mod profile;
mod random;
pub mod relaxed;
mod scalar;
mod source;
pub mod support;
mod tree;
pub mod value;
pub mod yaml;

pub use environment::Environment;
pub use load::{Importer, Loader};
pub use origin::Origin;
pub use problem::Problem;
pub use scalar::{Scalar, java_double};
pub use source::{Entry, PropertySource};
