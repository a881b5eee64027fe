//! Who may pass: credentials (`bearer`, `basic`, `api_key`, `certificate`), rules per route and path, and Spring's answers.
//!
//! Settings of Spring (`spring.security.oauth2.*`) are read as they are; rules, which a JVM gateway writes in Java, stand
//! below `wellspring.gateway.security` and in the routes' metadata `security`.

mod api_key;
mod basic;
pub(crate) mod bearer;
mod certificate;
pub mod guard;
pub mod jwt;
pub mod oauth2;
mod password;
pub mod principal;
pub mod refusal;
pub mod remote;
pub mod rule;
pub(crate) mod setting;

pub use guard::{Asked, Guard};
pub use principal::Principal;
pub use rule::Rule;
