//! What happens here when an event is addressed to this process.

pub mod environment;
pub mod refresh;
pub mod shutdown;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use wellspring_wire::bus::{Event, RemoteEvent};

use crate::Failure;

/// Handles events. It sees all that are addressed to this process, one after the other, and passes over those of other types.
pub trait Listener: Send + Sync + fmt::Debug {
    /// Applies the event. A failure withholds the ack.
    fn on<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>>;
}

/// A closure for one type of custom events.
pub(crate) struct Custom<T, F> {
    handle: F,
    event: PhantomData<fn(T)>,
}

impl<T, F> Custom<T, F> {
    pub(crate) fn new(handle: F) -> Self {
        Self { handle, event: PhantomData }
    }
}

impl<T: RemoteEvent, F> fmt::Debug for Custom<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Custom").field(&T::TYPE).finish()
    }
}

impl<T, F, R> Listener for Custom<T, F>
where
    T: RemoteEvent + Send + 'static,
    F: Fn(T) -> R + Send + Sync,
    R: Future<Output = Result<(), Failure>> + Send + 'static,
{
    fn on<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>> {
        match event.payload.to_custom::<T>() {
            None => Box::pin(std::future::ready(Ok(()))),
            Some(Err(error)) => {
                let failure = Failure::new(format!("{}: {error}", T::TYPE));
                Box::pin(std::future::ready(Err(failure)))
            }
            Some(Ok(custom)) => Box::pin((self.handle)(custom)),
        }
    }
}
