//! Why a daemon does not do what it was asked to.

/// Each becomes one status and code of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// No such thing: what kind of thing, and the name that was given.
    Unknown(&'static str, String),
    /// The parameter, and what to write.
    Wrong(&'static str, String),
    /// It contradicts what is: why.
    Conflict(String),
    /// What was sent is wrong: a code that `explain` knows, what, where, and what to write instead.
    Refused { code: String, message: String, place: Option<String>, hint: Option<String> },
    /// It should work and does not.
    Failed(String),
}
