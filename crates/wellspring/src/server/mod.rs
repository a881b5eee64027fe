//! How every verb that talks to a running platform does it: where the platform is, who asks, in which form the answer is
//! written, what the exit status says.
//!
//! A verb flattens [`Server`] (and [`Consent`] when it changes something) into its arguments and returns an [`Outcome`].

mod consent;
mod context;
mod failed;
mod form;
mod platform;
mod progress;
mod stream;
mod style;
pub(crate) mod table;
mod target;

pub(crate) use consent::Consent;
pub(crate) use context::{Context, Contexts, private};
pub(crate) use failed::{Exit, Failed, Outcome};
pub(crate) use form::{Form, Output, write};
pub(crate) use platform::Platform;
pub(crate) use progress::Progress;
pub(crate) use stream::Events;
pub(crate) use style::Style;
pub(crate) use table::Column;
pub(crate) use target::Server;

/// Runs a verb to its end on this thread.
pub(crate) fn wait<F: Future<Output = Outcome>>(verb: F) -> Outcome {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(verb)
}

/// A variable of the environment that is not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::vars()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}
